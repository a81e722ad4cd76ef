//! Syslog over TLS, with and without client certificates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
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
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(keys.path("ca.pem"), authority.pem()).unwrap();
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &authority).unwrap();
            std::fs::write(keys.path(&format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(keys.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
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
