//! A TLS endpoint, looked at by a client of our own that completes handshakes and sends nothing:
//! TLS 1.2 and 1.3 by rustls, which also gives the chain; older versions and weak suites by a first
//! message alone ([`super::hello`]).

use std::cell::OnceCell;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use events::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};

use super::hello::{self, ANY_SUITE, Said, VERSIONS, WEAK_SUITES};
use super::{Host, HostError, TlsSeen};
use crate::audit::limits;

/// Lists of authorities, the first that is there: Debian and its kin, then openEuler and Kylin.
const AUTHORITIES: [&str; 2] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// A TLS endpoint. Looked at once, at the first question.
pub struct TlsHost {
    address: String,
    port: u16,
    /// The name asked for and looked for in the certificate.
    name: String,
    authorities: Option<PathBuf>,
    seen: OnceCell<Result<TlsSeen, HostError>>,
    started: Instant,
}

impl TlsHost {
    /// An endpoint at an address; `name` is the one its certificate must carry.
    pub fn new(address: &str, port: u16, name: &str) -> Self {
        let (address, name) = (address.to_owned(), name.to_owned());
        let started = Instant::now();
        Self { address, port, name, authorities: None, seen: OnceCell::new(), started }
    }

    /// A file of authorities (PEM) instead of the system's.
    #[must_use]
    pub fn with_authorities(mut self, file: PathBuf) -> Self {
        self.authorities = Some(file);
        self
    }

    fn what(&self) -> String {
        format!("{}:{}", self.address, self.port)
    }

    fn connect(&self) -> Result<TcpStream, HostError> {
        let unreachable =
            |reason: &str| HostError::Unreachable { what: self.what(), reason: reason.to_owned() };
        let all = (self.address.as_str(), self.port).to_socket_addrs();
        let all = all.map_err(|_| unreachable("名称无法解析 / name not resolved"))?;
        let limit = Duration::from_millis(limits::TLS_MS_MAX);
        let mut last = unreachable("没有地址 / no address");
        for address in all {
            match TcpStream::connect_timeout(&address, limit) {
                Ok(stream) => {
                    let set = stream.set_read_timeout(Some(limit));
                    let set = set.and_then(|()| stream.set_write_timeout(Some(limit)));
                    set.map_err(|e| unreachable(&e.to_string()))?;
                    return Ok(stream);
                }
                Err(error) => last = unreachable(&error.kind().to_string()),
            }
        }
        Err(last)
    }

    /// The beginning of what comes back to a first message.
    fn ask(&self, hello: &[u8]) -> Result<Vec<u8>, HostError> {
        let mut stream = self.connect()?;
        let mut answer = Vec::new();
        let sent = stream.write_all(hello);
        let read = stream.take(hello::ANSWER_BYTES as u64).read_to_end(&mut answer);
        match sent.and(read) {
            Err(e) if is_timeout(&e) => {
                Err(HostError::TimedOut { what: self.what(), ms: limits::TLS_MS_MAX })
            }
            // A connection that is cut off is a refusal.
            _ => Ok(answer),
        }
    }

    fn look(&self, now: Timestamp) -> Result<TlsSeen, HostError> {
        let mut seen = TlsSeen::default();
        let mut by_hand = None;
        let mut speaks = false;
        for version in VERSIONS {
            match hello::said(
                &self.ask(&hello::client_hello(version, ANY_SUITE, &self.name))?,
                version,
            ) {
                Said::Took(_) => {
                    seen.accepted.push(version.name.to_owned());
                    by_hand = Some(version);
                    speaks = true;
                }
                Said::Refused => seen.refused.push(version.name.to_owned()),
                Said::Other => {}
            }
        }
        for (name, suites) in WEAK_SUITES {
            let Some(version) = by_hand else { break };
            let answer = self.ask(&hello::client_hello(version, suites, &self.name))?;
            if matches!(hello::said(&answer, version), Said::Took(suite) if suites.contains(&suite))
            {
                seen.weak_accepted.push(name.to_owned());
            }
        }
        let modern = self.shake(&[&rustls::version::TLS13])?;
        let shaken = match modern {
            Some(shaken) => {
                seen.accepted.push("TLSv1.3".to_owned());
                Some(shaken)
            }
            None => {
                seen.refused.push("TLSv1.3".to_owned());
                self.shake(&[&rustls::version::TLS12])?
            }
        };
        let Some(shaken) = shaken else {
            if speaks {
                seen.problem =
                    "无法完成握手，证书未能查看 / no handshake, the certificate was not seen"
                        .to_owned();
                return Ok(seen);
            }
            let reason = "不是 TLS 服务 / does not speak TLS".to_owned();
            return Err(HostError::Failed { what: self.what(), reason });
        };
        seen.suite = shaken.suite;
        self.judge_chain(&mut seen, &shaken.chain, now);
        Ok(seen)
    }

    /// A whole handshake of one version; `None` when the endpoint does not take it up.
    fn shake(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Option<Shaken>, HostError> {
        let failed = |reason: String| HostError::Failed { what: self.what(), reason };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|e| failed(e.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Onlooker(provider)))
            .with_no_client_auth();
        let name = self.server_name()?;
        let mut connection =
            ClientConnection::new(Arc::new(config), name).map_err(|e| failed(e.to_string()))?;
        let mut stream = self.connect()?;
        while connection.is_handshaking() {
            match connection.complete_io(&mut stream) {
                Ok(_) => {}
                Err(e) if is_timeout(&e) => {
                    return Err(HostError::TimedOut { what: self.what(), ms: limits::TLS_MS_MAX });
                }
                Err(_) => return Ok(None),
            }
        }
        let suite = connection.negotiated_cipher_suite();
        let suite = suite.map_or_else(String::new, |s| format!("{:?}", s.suite()));
        let chain = connection.peer_certificates().unwrap_or_default();
        Ok(Some(Shaken { suite, chain: chain.iter().map(|c| c.clone().into_owned()).collect() }))
    }

    fn server_name(&self) -> Result<ServerName<'static>, HostError> {
        ServerName::try_from(self.name.clone()).map_err(|_| HostError::Failed {
            what: self.what(),
            reason: "名称有误 / bad name".to_owned(),
        })
    }

    fn judge_chain(&self, seen: &mut TlsSeen, chain: &[CertificateDer<'static>], now: Timestamp) {
        let Some((first, intermediates)) = chain.split_first() else {
            seen.problem = "没有证书 / no certificate".to_owned();
            return;
        };
        super::certificate::describe(first, now, seen);
        let (parsed, name) = match (ParsedCertificate::try_from(first), self.server_name()) {
            (Ok(parsed), Ok(name)) => (parsed, name),
            (Err(error), _) => {
                seen.problem = error.to_string();
                seen.trusted = Some(false);
                return;
            }
            (_, Err(error)) => {
                seen.problem = error.to_string();
                return;
            }
        };
        seen.name_matches = verify_server_name(&parsed, &name).is_ok();
        let roots = match authorities(self.authorities.as_deref()) {
            Ok(roots) => roots,
            Err(problem) => {
                seen.problem = problem;
                return;
            }
        };
        let at = UnixTime::since_unix_epoch(Duration::from_secs(now.secs().max(0).unsigned_abs()));
        let algorithms =
            rustls::crypto::ring::default_provider().signature_verification_algorithms.all;
        let verified = verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &roots,
            intermediates,
            at,
            algorithms,
        );
        seen.trusted = Some(verified.is_ok());
        if let Err(error) = verified {
            seen.problem = error.to_string();
        }
    }
}

struct Shaken {
    suite: String,
    chain: Vec<CertificateDer<'static>>,
}

/// Takes any chain, because it is looked at and not relied upon: nothing is ever sent. That the
/// other side holds the key is still proved by the handshake's signature.
#[derive(Debug)]
struct Onlooker(Arc<CryptoProvider>);

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The file of authorities that this machine trusts, in PEM.
pub fn system_authorities() -> Option<&'static Path> {
    AUTHORITIES.iter().map(Path::new).find(|p| p.is_file())
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, String> {
    let Some(file) = file.or(system_authorities()) else {
        return Err("本机没有受信任机构列表 / no list of authorities on this machine".to_owned());
    };
    let certs = CertificateDer::pem_file_iter(file).map_err(|e| e.to_string())?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certs.filter_map(Result::ok));
    if roots.is_empty() {
        return Err(format!("{}: 没有证书 / no certificates", file.display()));
    }
    Ok(roots)
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

impl Host for TlsHost {
    fn reach(&self) -> Result<(), HostError> {
        self.connect().map(|_| ())
    }

    fn tls(&self, now: Timestamp) -> Result<TlsSeen, HostError> {
        self.seen.get_or_init(|| self.look(now)).clone()
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
