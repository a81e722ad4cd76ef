//! The command line's end of the control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Answer, Request, socket_path};
use crate::error::Error;

/// How often it looks whether its user has had enough.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Asks the node of a data folder; `None` if none runs there. When `cancel` is set while a search
/// runs, the node answers with what it has.
pub fn ask(
    data_dir: &Path,
    request: &Request,
    cancel: &AtomicBool,
) -> Result<Option<Answer>, Error> {
    let path = socket_path(data_dir);
    let io = |source| Error::Io { what: format!("the control socket {}", path.display()), source };
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(e) => {
            use std::io::ErrorKind::{ConnectionRefused, NotFound};
            return if matches!(e.kind(), NotFound | ConnectionRefused) {
                Ok(None)
            } else {
                Err(io(e))
            };
        }
    };
    stream.set_read_timeout(Some(LOOK_EVERY)).map_err(io)?;
    let mut line = serde_json::to_vec(request).map_err(|e| io(e.into()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(io)?;
    let text = read_answer(&stream, request.patience(), cancel).map_err(io)?;
    serde_json::from_slice(&text).map(Some).map_err(|e| io(e.into()))
}

/// Reads the answer; closes our side of the connection when the request is cancelled.
fn read_answer(
    stream: &UnixStream,
    patience: Duration,
    cancel: &AtomicBool,
) -> std::io::Result<Vec<u8>> {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    let (mut text, mut waited, mut told) = (Vec::new(), Duration::ZERO, false);
    let mut reader = BufReader::new(stream);
    loop {
        match reader.read_until(b'\n', &mut text) {
            Ok(_) => return Ok(text),
            Err(e) if matches!(e.kind(), WouldBlock | TimedOut) && waited < patience => {
                waited += LOOK_EVERY;
                if cancel.load(Ordering::Relaxed) && !told {
                    told = true;
                    stream.shutdown(std::net::Shutdown::Write)?;
                }
            }
            Err(e) => return Err(e),
        }
    }
}
