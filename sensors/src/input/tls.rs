//! TLS configuration from PEM files: `ring` underneath, TLS 1.2 and 1.3.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::renewal::Tls;
use crate::config::ServerTls;
use crate::error::Error;
use crate::feed::Feed;
use crate::limits::HANDSHAKE_MS;

/// Reads certificate, key, client authorities and what those revoked. A client whose certificate is on
/// a list is refused; one whose authority has no list is not.
pub(crate) fn acceptor(sensor: &str, files: &ServerTls) -> Result<TlsAcceptor, Error> {
    let ServerTls { cert, key, client_ca, client_crl } = files;
    let unusable = |source| Error::Tls { sensor: sensor.to_owned(), source };
    let chain = certificates(sensor, cert)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(sensor, key, &e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match client_ca {
        None => match client_crl {
            Some(path) => return Err(unreadable(sensor, path, &"client_crl needs client_ca")),
            None => builder.with_no_client_auth(),
        },
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(sensor, path)? {
                roots.add(authority).map_err(unusable)?;
            }
            let lists = client_crl.as_ref().map(|path| revoked(sensor, path)).transpose()?;
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                .with_crls(lists.unwrap_or_default())
                .only_check_end_entity_revocation()
                .allow_unknown_revocation_status()
                .build()
                .map_err(|e| unreadable(sensor, path, &e))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder.with_single_cert(chain, key).map_err(unusable)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A connection's handshake. One that fails is counted, with who and why: `None`.
pub(crate) async fn shake_hands(
    feed: &Feed,
    tls: &Tls,
    stream: TcpStream,
    peer: IpAddr,
) -> Option<TlsStream<TcpStream>> {
    match timeout(Duration::from_millis(HANDSHAKE_MS), tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => {
            tracing::info!(%peer, %error, "a TLS handshake failed");
            feed.counters.turned_away(peer, error);
        }
        Err(_) => feed.counters.turned_away(peer, "the TLS handshake took too long"),
    }
    None
}

fn certificates(sensor: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|e| unreadable(sensor, path, &e))?.collect();
    let found = found.map_err(|e| unreadable(sensor, path, &e))?;
    if found.is_empty() {
        return Err(unreadable(sensor, path, &"no certificate in it"));
    }
    Ok(found)
}

fn revoked(sensor: &str, path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_file_iter(path)
        .map_err(|e| unreadable(sensor, path, &e))?
        .collect();
    let found = found.map_err(|e| unreadable(sensor, path, &e))?;
    if found.is_empty() {
        return Err(unreadable(sensor, path, &"no revocation list in it"));
    }
    Ok(found)
}

fn unreadable(sensor: &str, path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::Certificate {
        sensor: sensor.to_owned(),
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
