//! TLS for the console: PEM files into a rustls configuration (TLS 1.2 and 1.3, `ring`), and a
//! self-signed pair for a first start. A pair that was replaced is shown to connections from then on.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Error;

/// Reads a certificate chain and its key.
pub fn load(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, Error> {
    let pair = Pair {
        seen: Mutex::new((stamps([cert, key]), read(cert, key)?)),
        cert: cert.to_owned(),
        key: key.to_owned(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(cert, e.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(pair));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The files of a pair, as they were seen last, and the pair that is shown.
#[derive(Debug)]
struct Pair {
    cert: PathBuf,
    key: PathBuf,
    seen: Mutex<([Stamp; 2], Arc<CertifiedKey>)>,
}

impl Pair {
    /// The pair to show: read again when its files changed. One that cannot be used, as when only half
    /// of it is there, leaves the one before.
    fn current(&self) -> Arc<CertifiedKey> {
        let now = stamps([&self.cert, &self.key]);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0 != now {
            seen.0 = now;
            match read(&self.cert, &self.key) {
                Ok(pair) => seen.1 = pair,
                Err(error) => {
                    let code = error.code();
                    tracing::error!(code, %error, "the console's new certificate is not used");
                }
            }
        }
        Arc::clone(&seen.1)
    }
}

impl ResolvesServerCert for Pair {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

/// What tells one state of a file from another. `None`: it is not there.
type Stamp = Option<(u64, u64, i64, i64)>;

fn stamps(paths: [&Path; 2]) -> [Stamp; 2] {
    paths.map(|path| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.ino(), meta.size(), meta.ctime(), meta.ctime_nsec()))
    })
}

fn bad(path: &Path, message: String) -> Error {
    Error::Part { part: "tls", message: format!("{}: {message}", path.display()) }
}

fn read(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, Error> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|e| bad(cert, e.to_string()))?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|e| bad(key, e.to_string()))?;
    let provider = rustls::crypto::ring::default_provider();
    let pair = CertifiedKey::from_der(chain, key_der, &provider);
    pair.map(Arc::new).map_err(|e| bad(cert, e.to_string()))
}

/// A self-signed certificate and key (ECDSA P-256) for these names, in PEM. Browsers warn about
/// it until a certificate of the bureau's own authority replaces it.
pub fn self_signed(names: &[String]) -> Result<(String, String), Error> {
    let bad = |e: rcgen::Error| Error::Part { part: "tls", message: e.to_string() };
    let pair = rcgen::generate_simple_self_signed(names.to_vec()).map_err(bad)?;
    Ok((pair.cert.pem(), pair.signing_key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_self_signed_pair_loads() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = self_signed(&["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        std::fs::write(dir.path().join("c.pem"), cert).unwrap();
        std::fs::write(dir.path().join("k.pem"), key).unwrap();
        assert!(load(&dir.path().join("c.pem"), &dir.path().join("k.pem")).is_ok());
        let swapped = load(&dir.path().join("k.pem"), &dir.path().join("c.pem"));
        assert!(swapped.unwrap_err().to_string().contains(".pem"));
    }

    #[test]
    fn a_pair_that_was_replaced_is_shown_and_half_of_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
        let put = |path: &Path, text: &str| {
            std::fs::write(dir.path().join("new"), text).unwrap();
            std::fs::rename(dir.path().join("new"), path).unwrap();
        };
        let made = || self_signed(&["localhost".to_owned()]).unwrap();
        let (first, second) = (made(), made());
        put(&cert, &first.0);
        put(&key, &first.1);
        let seen = Mutex::new((stamps([&cert, &key]), read(&cert, &key).unwrap()));
        let pair = Pair { cert: cert.clone(), key: key.clone(), seen };
        let one = pair.current();
        assert!(Arc::ptr_eq(&one, &pair.current()), "read once");
        put(&cert, &second.0);
        assert!(Arc::ptr_eq(&one, &pair.current()), "the key of another");
        std::fs::remove_file(&cert).unwrap();
        assert!(Arc::ptr_eq(&one, &pair.current()), "gone");
        put(&cert, &second.0);
        put(&key, &second.1);
        let two = pair.current();
        assert_ne!(two.cert, one.cert);
    }
}
