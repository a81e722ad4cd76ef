//! Certificates and revocation lists that are replaced while a sensor runs: its files are read again
//! once they changed and rest, and the connections from then on go by them.
//!
//! Files that cannot be used change nothing: what was read stays at work, and the sensor says why
//! until they are right. A new configuration begins with no sessions of the old, so that a client
//! whose certificate was revoked cannot resume one.

use std::error::Error as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{stopped, tls};
use crate::config::ServerTls;
use crate::counters::Counters;
use crate::error::Error;
use crate::limits::TLS_LOOK_MS;

/// The TLS of one sensor.
#[derive(Clone)]
pub(crate) struct Tls(Arc<RwLock<TlsAcceptor>>);

impl Tls {
    /// What a connection that begins now is spoken to with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Files of a sensor, and what was made of them.
pub(crate) struct Renewal {
    sensor: String,
    files: ServerTls,
    tls: Tls,
    counters: Arc<Counters>,
    /// The files as they were read last, and as they were looked at last.
    read: Stamps,
    seen: Stamps,
}

/// What tells one state of a file from another: inode, size, and when it was changed. `None`: it is not there.
type Stamp = Option<(u64, u64, i64, i64)>;
type Stamps = Vec<Stamp>;

impl Renewal {
    /// Reads the files for the first time.
    pub(crate) fn open(
        sensor: &str,
        files: &ServerTls,
        counters: &Arc<Counters>,
    ) -> Result<Self, Error> {
        let read = stamps(files);
        let acceptor = tls::acceptor(sensor, files)?;
        Ok(Self {
            sensor: sensor.to_owned(),
            files: files.clone(),
            tls: Tls(Arc::new(RwLock::new(acceptor))),
            counters: Arc::clone(counters),
            seen: read.clone(),
            read,
        })
    }

    pub(crate) fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Looks at the files until the sensor stops.
    pub(crate) async fn follow(mut self, mut stop: watch::Receiver<bool>) {
        let every = Duration::from_millis(TLS_LOOK_MS);
        while timeout(every, stopped(&mut stop)).await.is_err() {
            self.look();
        }
    }

    /// Reads the files again if they changed and are as they were at the last look.
    fn look(&mut self) {
        let now = stamps(&self.files);
        let rest = now == self.seen;
        self.seen.clone_from(&now);
        if !rest || now == self.read {
            return;
        }
        self.read = now;
        let sensor = &self.sensor;
        match tls::acceptor(sensor, &self.files) {
            Ok(acceptor) => {
                *self.tls.0.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
                tracing::info!(sensor, "certificates and revocation lists were read again");
                self.counters.trouble(None);
            }
            Err(error) => {
                let (code, cause) = (error.code(), error.source().map(ToString::to_string));
                let error = [Some(error.to_string()), cause].into_iter().flatten();
                let error = error.collect::<Vec<_>>().join(": ");
                tracing::warn!(sensor, code, error, "the certificates of before stay at work");
                self.counters.trouble(Some(format!("{code} {error}")));
            }
        }
    }
}

fn stamps(files: &ServerTls) -> Stamps {
    let ServerTls { cert, key, client_ca, client_crl } = files;
    let all = [Some(cert), Some(key), client_ca.as_ref(), client_crl.as_ref()];
    all.into_iter().flatten().map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.ino(), meta.size(), meta.ctime(), meta.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A self-signed pair under new names, as tools that renew put it there.
    fn put(files: &ServerTls, name: &str) {
        let pair = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        for (path, text) in
            [(&files.cert, pair.cert.pem()), (&files.key, pair.signing_key.serialize_pem())]
        {
            let new = path.with_extension("new");
            std::fs::write(&new, text).unwrap();
            std::fs::rename(new, path).unwrap();
        }
    }

    #[test]
    fn what_changed_is_read_once_it_rests_and_what_is_wrong_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let files =
            ServerTls { cert: path("c"), key: path("k"), client_ca: None, client_crl: None };
        put(&files, "one");
        let counters = Arc::new(Counters::new("tls"));
        let mut renewal = Renewal::open("tls", &files, &counters).unwrap();
        let tls = renewal.tls();
        let config = || Arc::as_ptr(tls.acceptor().config());
        let first = config();
        renewal.look();
        renewal.look();
        assert_eq!(config(), first, "nothing changed");
        put(&files, "two");
        renewal.look();
        assert_eq!(config(), first, "it may be being written");
        renewal.look();
        let second = config();
        assert_ne!(second, first);
        renewal.look();
        assert_eq!(config(), second, "read once");

        // A key of another pair, then a file that is gone: told, and what was read stays at work.
        let key = std::fs::read(&files.key).unwrap();
        put(&files, "three");
        std::fs::write(&files.key, key).unwrap();
        for (code, file) in [("S005", &files.cert), ("S004", &files.cert)] {
            renewal.look();
            renewal.look();
            let told = counters.read().trouble.unwrap();
            assert!(told.starts_with(code), "{told}");
            assert_eq!(config(), second);
            std::fs::remove_file(file).unwrap_or_default();
        }
        put(&files, "four");
        renewal.look();
        renewal.look();
        assert_eq!(counters.read().trouble, None);
        assert_ne!(config(), second);
    }
}
