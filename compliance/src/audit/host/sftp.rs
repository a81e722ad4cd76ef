//! The file transfer protocol of SSH, version 3 (draft-ietf-secsh-filexfer-02), as far as one reads:
//! there is no request here that could change anything. Pure; the bytes travel in [`super::remote`].

use super::{Kind, Meta};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Opens a file for reading.
    Open(String),
    /// Bytes of an open file.
    Read { handle: Vec<u8>, offset: u64, bytes: u32 },
    /// Opens a directory.
    OpenDir(String),
    /// The next names of an open directory.
    ReadDir(Vec<u8>),
    /// Closes either.
    Close(Vec<u8>),
    /// Metadata, links followed.
    Stat(String),
    /// Metadata of the entry itself.
    Lstat(String),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// How it ended, by the numbers of the draft.
    Status(u32),
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<(String, Meta)>),
    Attributes(Meta),
}

/// Status numbers of the draft that mean something of their own.
pub(super) const END_OF_FILE: u32 = 1;
pub(super) const NO_SUCH_FILE: u32 = 2;
pub(super) const PERMISSION_DENIED: u32 = 3;

/// The first packet: version 3.
pub(super) const INIT: [u8; 9] = [0, 0, 0, 5, 1, 0, 0, 0, 3];
/// Type of the answer to it.
const VERSION: u8 = 2;

impl Ask {
    /// The packet, its length before it.
    pub(super) fn encode(&self, id: u32) -> Vec<u8> {
        let (kind, fields): (u8, Vec<u8>) = match self {
            Self::Open(path) => {
                (3, [&text(path.as_bytes())[..], &[0, 0, 0, 1, 0, 0, 0, 0]].concat())
            }
            Self::Close(handle) => (4, text(handle)),
            Self::Read { handle, offset, bytes } => {
                (5, [&text(handle)[..], &offset.to_be_bytes(), &bytes.to_be_bytes()].concat())
            }
            Self::Lstat(path) => (7, text(path.as_bytes())),
            Self::OpenDir(path) => (11, text(path.as_bytes())),
            Self::ReadDir(handle) => (12, text(handle)),
            Self::Stat(path) => (17, text(path.as_bytes())),
        };
        let length = u32::try_from(fields.len() + 5).unwrap_or(u32::MAX);
        [&length.to_be_bytes()[..], &[kind], &id.to_be_bytes(), &fields].concat()
    }
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// Whether a packet (without its length) is the answer to [`INIT`].
pub(super) fn is_version(packet: &[u8]) -> bool {
    packet.first() == Some(&VERSION) && packet.len() >= 5
}

/// The number and content of an answer (without its length); `None` when it is malformed.
pub(super) fn parse(packet: &[u8]) -> Option<(u32, Answer)> {
    let mut rest = Bytes(packet);
    let kind = rest.byte()?;
    let id = rest.word()?;
    let answer = match kind {
        101 => Answer::Status(rest.word()?),
        102 => Answer::Handle(rest.text()?.to_vec()),
        103 => Answer::Data(rest.text()?.to_vec()),
        104 => {
            let count = rest.word()?;
            let mut names = Vec::new();
            for _ in 0..count {
                let name = String::from_utf8_lossy(rest.text()?).into_owned();
                rest.text()?;
                names.push((name, rest.meta()?));
            }
            Answer::Names(names)
        }
        105 => Answer::Attributes(rest.meta()?),
        _ => return None,
    };
    Some((id, answer))
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }
    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }
    fn word(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }
    fn long(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_be_bytes)
    }
    fn text(&mut self) -> Option<&'a [u8]> {
        let count = self.word()? as usize;
        self.take(count)
    }

    /// Attributes; what the server leaves out is zero, and no mode is no regular file.
    fn meta(&mut self) -> Option<Meta> {
        let flags = self.word()?;
        let mut meta =
            Meta { kind: Kind::Other, mode: 0, uid: 0, gid: 0, size: 0, mtime_secs: 0, device: 0 };
        if flags & 1 != 0 {
            meta.size = self.long()?;
        }
        if flags & 2 != 0 {
            (meta.uid, meta.gid) = (self.word()?, self.word()?);
        }
        if flags & 4 != 0 {
            let mode = self.word()?;
            meta.mode = mode & 0o7777;
            meta.kind = match mode & 0o170_000 {
                0o100_000 => Kind::File,
                0o040_000 => Kind::Dir,
                0o120_000 => Kind::Link,
                _ => Kind::Other,
            };
        }
        if flags & 8 != 0 {
            self.word()?;
            meta.mtime_secs = i64::from(self.word()?);
        }
        if flags & 0x8000_0000 != 0 {
            for _ in 0..self.word()? {
                self.text()?;
                self.text()?;
            }
        }
        Some(meta)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn questions_are_the_drafts_bytes() {
        assert_eq!(
            Ask::Lstat("/a".into()).encode(7),
            [0, 0, 0, 11, 7, 0, 0, 0, 7, 0, 0, 0, 2, b'/', b'a']
        );
        let read = Ask::Read { handle: vec![9], offset: 1, bytes: 2 }.encode(1);
        assert_eq!(read[4], 5);
        assert_eq!(read.len(), 4 + 1 + 4 + 5 + 8 + 4);
    }

    #[test]
    fn answers_are_read() {
        let mut packet = vec![105, 0, 0, 0, 3, 0, 0, 0, 15];
        packet.extend(5u64.to_be_bytes());
        for word in [1000u32, 42, 0o100_640, 11, 12] {
            packet.extend(word.to_be_bytes());
        }
        let Some((3, Answer::Attributes(meta))) = parse(&packet) else { panic!("{packet:?}") };
        assert_eq!((meta.kind, meta.mode, meta.uid, meta.gid), (Kind::File, 0o640, 1000, 42));
        assert_eq!((meta.size, meta.mtime_secs), (5, 12));
        assert_eq!(parse(&[101, 0, 0, 0, 1, 0, 0, 0, 2]), Some((1, Answer::Status(NO_SUCH_FILE))));
        assert_eq!(parse(&[101, 0, 0, 0, 1, 0, 0]), None);
        assert_eq!(parse(&[104, 0, 0, 0, 1, 255, 255, 255, 255]), None, "a count is not believed");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&packet);
        }
    }
}
