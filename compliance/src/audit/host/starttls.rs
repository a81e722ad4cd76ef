//! Services that begin in the clear and go over to TLS when asked: SMTP (RFC 3207), IMAP (RFC 9051
//! section 6.2.1), PostgreSQL (its SSLRequest). Nothing is sent but the request; what the service
//! answers beyond it is left for the handshake.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::audit::limits;

/// The protocol that is spoken before TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartTls {
    /// Mail submission or relay.
    Smtp,
    /// Mailboxes.
    Imap,
    /// PostgreSQL.
    Postgresql,
}

/// Why a service did not go over to TLS.
#[derive(Debug)]
pub(super) enum NoTls {
    /// It answered that it does not offer TLS.
    NotOffered,
    /// It does not speak the protocol.
    OtherProtocol,
    /// The connection failed or took too long.
    Io(io::Error),
}

impl From<io::Error> for NoTls {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl StartTls {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Smtp, Self::Imap, Self::Postgresql];

    /// Its name in the file of targets and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Postgresql => "postgresql",
        }
    }

    /// The usual port.
    pub const fn port(self) -> u16 {
        match self {
            Self::Smtp => 587,
            Self::Imap => 143,
            Self::Postgresql => 5432,
        }
    }

    /// Brings a fresh connection to where the handshake begins.
    pub(super) fn begin<S: Read + Write>(self, stream: &mut S) -> Result<(), NoTls> {
        let mut talk = Talk {
            stream,
            left: limits::STARTTLS_BYTES_MAX,
            until: Instant::now() + Duration::from_millis(limits::TLS_MS_MAX),
        };
        match self {
            Self::Smtp => talk.smtp(),
            Self::Imap => talk.imap(),
            Self::Postgresql => talk.postgresql(),
        }
    }
}

/// A conversation within its bounds.
struct Talk<'a, S> {
    stream: &'a mut S,
    /// Bytes that may still come.
    left: usize,
    until: Instant,
}

impl<S: Read + Write> Talk<'_, S> {
    fn byte(&mut self) -> Result<u8, NoTls> {
        if Instant::now() >= self.until {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        self.left = self.left.checked_sub(1).ok_or(NoTls::OtherProtocol)?;
        let mut byte = [0];
        self.stream.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    /// One line without its end. Read byte by byte: nothing of the handshake is taken.
    fn line(&mut self) -> Result<Vec<u8>, NoTls> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(line),
                b'\r' => {}
                byte => line.push(byte),
            }
        }
    }

    /// An answer of SMTP: its code and its lines; all but the last have a dash behind the code.
    fn reply(&mut self) -> Result<([u8; 3], Vec<Vec<u8>>), NoTls> {
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            let (code, rest) = line.split_first_chunk::<3>().ok_or(NoTls::OtherProtocol)?;
            if !code.iter().all(u8::is_ascii_digit) {
                return Err(NoTls::OtherProtocol);
            }
            let more = rest.first() == Some(&b'-');
            lines.push(rest.get(1..).unwrap_or_default().to_vec());
            if !more {
                return Ok((*code, lines));
            }
        }
    }

    fn smtp(&mut self) -> Result<(), NoTls> {
        if self.reply()?.0 != *b"220" {
            return Err(NoTls::OtherProtocol);
        }
        self.stream.write_all(b"EHLO xuedun.invalid\r\n")?;
        let (code, lines) = self.reply()?;
        if code != *b"250" || !lines.iter().any(|l| l.eq_ignore_ascii_case(b"STARTTLS")) {
            return Err(NoTls::NotOffered);
        }
        self.stream.write_all(b"STARTTLS\r\n")?;
        if self.reply()?.0 == *b"220" { Ok(()) } else { Err(NoTls::NotOffered) }
    }

    fn imap(&mut self) -> Result<(), NoTls> {
        if !self.line()?.to_ascii_uppercase().starts_with(b"* OK") {
            return Err(NoTls::OtherProtocol);
        }
        self.stream.write_all(b"a1 STARTTLS\r\n")?;
        loop {
            let line = self.line()?.to_ascii_uppercase();
            if line.starts_with(b"A1 OK") {
                return Ok(());
            }
            if line.starts_with(b"A1 ") {
                return Err(NoTls::NotOffered);
            }
        }
    }

    fn postgresql(&mut self) -> Result<(), NoTls> {
        // Length 8, then the number that means SSLRequest.
        self.stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])?;
        match self.byte()? {
            b'S' => Ok(()),
            b'N' => Err(NoTls::NotOffered),
            _ => Err(NoTls::OtherProtocol),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the service says, in one go, and what it was told.
    struct Service<'a>(&'a [u8], Vec<u8>);

    impl Read for Service<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Service<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn talk(protocol: StartTls, says: &[u8]) -> (String, usize, Vec<u8>) {
        let mut service = Service(says, Vec::new());
        let outcome = match protocol.begin(&mut service) {
            Ok(()) => "tls".to_owned(),
            Err(NoTls::Io(e)) => format!("{:?}", e.kind()),
            Err(other) => format!("{other:?}"),
        };
        (outcome, service.0.len(), service.1)
    }

    #[test]
    fn services_go_over_to_tls_or_say_that_they_do_not() {
        use StartTls::{Imap, Postgresql, Smtp};
        for (protocol, says, outcome) in [
            (
                Smtp,
                &b"220-mx\r\n220 ready\r\n250-mx\r\n250-SIZE 1\r\n250 STARTTLS\r\n220 go\r\nTLS"[..],
                "tls",
            ),
            (Smtp, b"220 ready\n250-mx\n250 starttls\n220 go\nTLS", "tls"),
            (Smtp, b"220 mx\r\n250-mx\r\n250 SIZE 1\r\n", "NotOffered"),
            (Smtp, b"220 mx\r\n250-mx\r\n250 STARTTLS\r\n454 not now\r\n", "NotOffered"),
            (Smtp, b"554 no\r\n", "OtherProtocol"),
            (Smtp, b"* OK imap\r\n", "OtherProtocol"),
            (Smtp, b"220 mx\r\n", "UnexpectedEof"),
            (Imap, b"* OK ready\r\n* CAPABILITY X\r\na1 OK go\r\nTLS", "tls"),
            (Imap, b"* OK ready\r\na1 BAD no\r\n", "NotOffered"),
            (Imap, b"220 mx\r\n", "OtherProtocol"),
            (Postgresql, b"STLS", "tls"),
            (Postgresql, b"N", "NotOffered"),
            (Postgresql, b"E", "OtherProtocol"),
            (Postgresql, b"", "UnexpectedEof"),
        ] {
            let (found, left, _) = talk(protocol, says);
            assert_eq!(found, outcome, "{protocol:?} {:?}", String::from_utf8_lossy(says));
            if outcome == "tls" {
                assert_eq!(left, 3, "the handshake is left alone");
            }
        }
        assert_eq!(
            talk(Smtp, b"220 a\r\n250 STARTTLS\r\n220 b\r\n").2,
            b"EHLO xuedun.invalid\r\nSTARTTLS\r\n"
        );
        let endless = vec![b'x'; limits::STARTTLS_BYTES_MAX + 1];
        assert_eq!(talk(Imap, &endless).0, "OtherProtocol", "bounded");
    }
}
