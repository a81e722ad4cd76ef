//! `POST /ingest` of JSON lines over HTTP/1.1 (RFC 9112), as little of it as is needed: one
//! request at a time on a kept connection, an answer with a length or without a body.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use events::Sensitive;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::tcp::connect;
use crate::demo::error::Error;

/// Longest answer read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How often a busy sensor is asked again.
const REPEATS_MAX: u64 = 100;
/// How long to wait before asking a busy sensor again, in milliseconds.
const REPEAT_AFTER_MS: u64 = 50;

/// One kept connection per school.
pub(super) struct Http {
    to: SocketAddr,
    token: Sensitive<String>,
    streams: HashMap<Ipv4Addr, TcpStream>,
}

impl Http {
    pub(super) fn new(to: SocketAddr, token: Sensitive<String>) -> Self {
        Self { to, token, streams: HashMap::new() }
    }

    /// Posts lines until they are accepted; how often they were refused for being busy.
    pub(super) async fn post(&mut self, from: Ipv4Addr, lines: &[&str]) -> Result<u64, Error> {
        let body = lines.join("\n") + "\n";
        let request = format!(
            "POST /ingest HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{body}",
            self.to,
            self.token.reveal(),
            body.len()
        );
        let mut repeats = 0;
        loop {
            let answer = self.ask(from, request.as_bytes()).await?;
            match answer.status {
                200..=299 => return Ok(repeats),
                429 | 503 if repeats < REPEATS_MAX => {
                    repeats += 1;
                    sleep(Duration::from_millis(REPEAT_AFTER_MS)).await;
                }
                status => return Err(Error::Http { target: self.to, status }),
            }
        }
    }

    async fn ask(&mut self, from: Ipv4Addr, request: &[u8]) -> Result<Answer, Error> {
        let to = self.to;
        let failed = |source| Error::Socket { target: to, source };
        let kept = self.streams.remove(&from).filter(is_open);
        let mut stream = match kept {
            Some(stream) => stream,
            None => connect(from, to).await.map_err(failed)?,
        };
        stream.write_all(request).await.map_err(failed)?;
        let mut read = Vec::with_capacity(1024);
        let answer = loop {
            let bad = |reason| Error::NotHttp { target: to, reason };
            if let Some(answer) = parse(&read).map_err(bad)? {
                break answer;
            }
            if read.len() > ANSWER_BYTES_MAX {
                return Err(bad("longer than the bound"));
            }
            if stream.read_buf(&mut read).await.map_err(failed)? == 0 {
                return Err(bad("the connection ended early"));
            }
        };
        if !answer.close {
            self.streams.insert(from, stream);
        }
        Ok(answer)
    }
}

/// Whether a kept connection can still be used: a receiver closes one that was idle for long,
/// which shows as an end of stream. Bytes that nobody asked for make it unusable too.
fn is_open(stream: &TcpStream) -> bool {
    let nothing = stream.try_read(&mut [0; 1]);
    matches!(nothing, Err(e) if e.kind() == std::io::ErrorKind::WouldBlock)
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    close: bool,
}

/// The answer once it is complete; `None` while more is needed.
fn parse(read: &[u8]) -> Result<Option<Answer>, &'static str> {
    let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
    let head = str::from_utf8(&read[..end]).map_err(|_| "the head is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|l| l.strip_prefix("HTTP/1.1 "))
        .and_then(|l| l.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or("no status line")?;
    let (mut length, mut close) = (0_usize, false);
    for (name, value) in lines.filter_map(|l| l.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().map_err(|_| "a bad content length")?,
            "connection" => close = value.eq_ignore_ascii_case("close"),
            "transfer-encoding" => return Err("a transfer encoding we do not read"),
            _ => {}
        }
    }
    Ok((read.len() >= end + 4 + length).then_some(Answer { status, close }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_the_receiver_closed_is_replaced() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let mut http = Http::new(to, Sensitive::new("s3cret".to_owned()));
        for round in 0..3 {
            let answer = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut read = Vec::new();
                while !read.ends_with(b"{}\n") {
                    stream.read_buf(&mut read).await.unwrap();
                }
                // Nothing says that the connection will end.
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                Ok(())
            };
            // A client that gives up must fail the test, not leave the receiver waiting.
            let posted =
                async { http.post(Ipv4Addr::LOCALHOST, &["{}"]).await.map_err(|e| e.code()) };
            let done = tokio::try_join!(posted, answer);
            assert_eq!(done, Ok((0, ())), "round {round}");
            // The end of the stream is here once it can be read.
            for stream in http.streams.values() {
                stream.readable().await.unwrap();
            }
        }
    }

    #[test]
    fn answers_are_read_whole() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nConnection: close\r\n\r\nhello";
        assert_eq!(parse(whole), Ok(Some(Answer { status: 200, close: true })));
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole[..cut]), Ok(None), "{cut}");
        }
        let empty = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(parse(empty), Ok(Some(Answer { status: 204, close: false })));
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for bad in [
            &b"SSH-2.0-x\r\n\r\n"[..],
            b"HTTP/1.1 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"HTTP/1.1 \xff\xff\r\n\r\n",
        ] {
            assert!(parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
