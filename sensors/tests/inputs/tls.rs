//! Syslog over TLS, with and without client certificates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{Node, of};

struct Keys {
    dir: tempfile::TempDir,
}

impl Keys {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn make() -> Self {
        let keys = Self { dir: tempfile::tempdir().unwrap() };
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(keys.path("ca.pem"), authority.pem()).unwrap();
        for (number, name) in ["server", "client", "lost"].into_iter().enumerate() {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.serial_number = Some(SerialNumber::from(number as u64 + 1));
            let certificate = params.signed_by(&key, &authority).unwrap();
            std::fs::write(keys.path(&format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(keys.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(3),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = |revoked_certs| CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        for (name, revoked) in [("none", vec![]), ("revoked", vec![revoked])] {
            let list = list(revoked).signed_by(&authority).unwrap();
            std::fs::write(keys.path(&format!("{name}.pem")), list.pem().unwrap()).unwrap();
        }
        keys
    }

    fn toml(&self, client_ca: bool) -> String {
        let show = |path: PathBuf| path.display().to_string();
        let client = match client_ca {
            true => format!(", client_ca = \"{}\"", show(self.path("ca.pem"))),
            false => String::new(),
        };
        format!(
            "[[sensor]]\nname = \"tls\"\ninput = {{ type = \"syslog-tls\", listen = \
             \"127.0.0.1:0\", cert = \"{}\", key = \"{}\"{client} }}\n",
            show(self.path("server.pem")),
            show(self.path("server.key")),
        )
    }

    fn client(&self, own: Option<&str>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.path("ca.pem"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap();
                let chain = vec![certificate(&self.path(&format!("{name}.pem")))];
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

const RECORD: &str = "<13>1 2026-11-23T12:05:06+08:00 h app - - - hello";

/// Sends one counted record; an error, or the end of the connection, when the server refuses.
async fn send(node: &Node, connector: TlsConnector) -> std::io::Result<()> {
    let stream = TcpStream::connect(node.address("tls")).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, stream).await?;
    stream.write_all(format!("{} {RECORD}", RECORD.len()).as_bytes()).await?;
    stream.shutdown().await?;
    // In TLS 1.3 a client learns only now whether its certificate was accepted.
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_certificate_where_none_is_asked() {
    let keys = Keys::make();
    let node = Node::start(&keys.toml(false)).await;
    // The server does not answer its closing; only the record matters.
    let _end = send(&node, keys.client(None)).await;
    let events = node.memory.wait(1).await;
    assert_eq!(events[0].raw_text(), RECORD);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificates_are_checked() {
    let keys = Keys::make();
    let node = Node::start(&keys.toml(true)).await;
    assert!(send(&node, keys.client(None)).await.is_err());
    let others = Keys::make();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&keys.path("ca.pem"))).unwrap();
    // A client of another authority.
    std::fs::copy(keys.path("ca.pem"), others.path("ca.pem")).unwrap();
    assert!(send(&node, others.client(Some("client"))).await.is_err());
    let _end = send(&node, keys.client(Some("client"))).await;
    let events = node.memory.wait(1).await;
    assert_eq!(events.len(), 1);
    let counters = node.stop().await;
    let counters = of(&counters, "tls");
    assert_eq!(counters.connections_refused, 2);
    let last = counters.last_refusal.as_deref().unwrap();
    assert!(last.starts_with("127.0.0.1: ") && last.contains("certificate"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_certificate_is_an_error() {
    let keys = Keys::make();
    std::fs::remove_file(keys.path("server.pem")).unwrap();
    let memory = crate::support::Memory::new();
    let context = crate::support::context(&memory, Default::default());
    let configs = crate::support::configs(&keys.toml(false));
    let error = sensors::start(configs, crate::support::packs(), context).await.err().unwrap();
    assert_eq!(error.code(), "S004");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_revoked_is_refused() {
    let keys = Keys::make();
    let toml = keys.toml(true);
    // Without the list nobody knows.
    let node = Node::start(&toml).await;
    let _end = send(&node, keys.client(Some("lost"))).await;
    node.memory.wait(1).await;
    node.stop().await;
    let list = keys.path("revoked.pem").display().to_string();
    let toml = toml.replace("client_ca =", &format!("client_crl = \"{list}\", client_ca ="));
    let node = Node::start(&toml).await;
    assert!(send(&node, keys.client(Some("lost"))).await.is_err());
    let _end = send(&node, keys.client(Some("client"))).await;
    node.memory.wait(1).await;
    let counters = node.stop().await;
    let last = of(&counters, "tls").last_refusal.clone().unwrap();
    assert!(last.contains("Revoked") || last.contains("revoked"), "{last}");
}

/// What stood at the start is not for ever: a list that comes to hold a client refuses it, without a
/// restart, and a certificate that was renewed is shown.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_lists_are_read_again() {
    let keys = Keys::make();
    let (list, none) = (keys.path("list.pem"), keys.path("none.pem"));
    std::fs::copy(&none, &list).unwrap();
    let shown = format!("client_crl = \"{}\", client_ca =", list.display());
    let node = Node::start(&keys.toml(true).replace("client_ca =", &shown)).await;
    let _end = send(&node, keys.client(Some("lost"))).await;
    node.memory.wait(1).await;
    let before = shown_by(&node, &keys).await;

    std::fs::copy(keys.path("revoked.pem"), &list).unwrap();
    std::fs::copy(keys.path("client.pem"), keys.path("server.pem")).unwrap();
    std::fs::copy(keys.path("client.key"), keys.path("server.key")).unwrap();
    while shown_by(&node, &keys).await == before {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(send(&node, keys.client(Some("lost"))).await.is_err());
    let _end = send(&node, keys.client(Some("client"))).await;
    node.memory.wait(2).await;
    let counters = node.stop().await;
    assert_eq!(of(&counters, "tls").trouble, None);
}

/// The certificate that the server shows.
async fn shown_by(node: &Node, keys: &Keys) -> Vec<u8> {
    let stream = TcpStream::connect(node.address("tls")).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = keys.client(Some("client")).connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}
