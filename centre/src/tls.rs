//! TLS for the console: PEM files into a rustls configuration (TLS 1.2 and 1.3, `ring`), and a
//! self-signed pair for a first start.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Error;

/// Reads a certificate chain and its key.
pub fn load(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, Error> {
    let bad = |path: &Path, message: String| Error::Part {
        part: "tls",
        message: format!("{}: {message}", path.display()),
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|e| bad(cert, e.to_string()))?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|e| bad(key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(cert, e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|e| bad(cert, e.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
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
}
