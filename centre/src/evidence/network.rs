//! How witnesses and the timestamp authority are reached: HTTP/1.1, TLS by `rustls` with `ring`, one
//! deadline for everything, no redirects, no proxy, bounded answers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use compliance::evidence::{Answer, Network};
use ring::rand::SecureRandom;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::config::{ConfigError, EvidenceConfig};
use crate::limits::EVIDENCE_ANSWER_BYTES_MAX;

/// The network as it is.
pub(super) struct Http {
    agent: Agent,
    random: Arc<dyn SecureRandom + Send + Sync>,
}

impl Http {
    pub(super) fn new(
        config: &EvidenceConfig,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, ConfigError> {
        let ca = config.ca.as_deref().or(compliance::audit::system_authorities());
        let roots = ca.map_or(Ok(Vec::new()), authorities)?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .timeout_global(Some(Duration::from_millis(config.answer_within_ms)))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("xuedun/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections(0)
            .tls_config(tls)
            .build()
            .new_agent();
        Ok(Self { agent, random })
    }
}

fn authorities(file: &Path) -> Result<Vec<Certificate<'static>>, ConfigError> {
    let failed = |e: rustls_pki_types::pem::Error| ConfigError::Read {
        path: file.to_owned(),
        source: std::io::Error::other(e),
    };
    CertificateDer::pem_file_iter(file)
        .map_err(failed)?
        .map(|der| der.map(|der| Certificate::from_der(&der).to_owned()).map_err(failed))
        .collect()
}

impl Network for Http {
    fn post(&self, url: &str, kind: &'static str, body: &[u8]) -> Result<Answer, String> {
        let told = |e: ureq::Error| e.to_string();
        let mut answer = self.agent.post(url).content_type(kind).send(body).map_err(told)?;
        let head = answer.headers().get("content-type").and_then(|v| v.to_str().ok());
        let kind = head.unwrap_or_default().to_owned();
        let status = answer.status().as_u16();
        let bytes = answer.body_mut().with_config().limit(EVIDENCE_ANSWER_BYTES_MAX);
        Ok(Answer { status, kind, body: bytes.read_to_vec().map_err(told)? })
    }

    fn nonce(&self) -> [u8; 8] {
        let mut nonce = [0; 8];
        if self.random.fill(&mut nonce).is_err() {
            // The answer is still checked against the digest; only replays of it are not told apart.
            tracing::error!("the system gave no random bytes");
        }
        nonce
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn http(answer_within_ms: u64) -> Http {
        let config = EvidenceConfig { answer_within_ms, ..EvidenceConfig::default() };
        Http::new(&config, Arc::new(ring::rand::SystemRandom::new())).unwrap()
    }

    /// Serves one connection.
    fn served(act: impl FnOnce(TcpStream) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        std::thread::spawn(move || act(listener.accept().unwrap().0));
        url
    }

    fn request(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        while !text.ends_with("question") {
            let mut buffer = [0; 512];
            let n = stream.read(&mut buffer).unwrap();
            text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
        }
        text
    }

    fn answers(text: String) -> String {
        served(move |mut stream| {
            request(&mut stream);
            stream.write_all(text.as_bytes()).unwrap();
        })
    }

    #[test]
    fn status_kind_and_body_come_back_whatever_the_status() {
        let url = answers(
            "HTTP/1.1 409 Conflict\r\ncontent-type: text/x.tlog.size\r\ncontent-length: 2\r\n\r\n7\n"
                .to_owned(),
        );
        let answer = http(5_000).post(&url, "text/plain", b"question").unwrap();
        assert_eq!((answer.status, answer.kind.as_str()), (409, "text/x.tlog.size"));
        assert_eq!(answer.body, b"7\n");
    }

    #[test]
    fn redirects_are_not_followed() {
        let url = answers(
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
                .to_owned(),
        );
        assert_eq!(http(5_000).post(&url, "text/plain", b"question").unwrap().status, 302);
    }

    #[test]
    fn too_much_too_late_and_nobody_there_are_no_answers() {
        let long = "x".repeat(EVIDENCE_ANSWER_BYTES_MAX as usize + 1);
        let url =
            answers(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{long}", long.len()));
        assert!(http(5_000).post(&url, "text/plain", b"question").is_err());
        // One byte now and then does not keep it waiting.
        let url = served(|mut stream| {
            request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        assert!(http(300).post(&url, "text/plain", b"question").is_err());
        assert!(http(300).post("http://127.0.0.1:1/", "text/plain", b"question").is_err());
        assert_ne!(http(300).nonce(), http(300).nonce());
    }
}
