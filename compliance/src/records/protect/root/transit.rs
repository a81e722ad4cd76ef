//! A root key that stays in Vault or OpenBao: their transit engine seals and opens the dataset keys
//! (`POST /v1/MOUNT/encrypt/KEY`, `…/decrypt/KEY` with `associated_data`, as the documentation of the
//! transit secrets engine has it), each bound to its dataset's name. What it gives
//! (`vault:v2:…`) holds the version of the key, so its rotation and ours are independent.
//!
//! The token needs `read` on `keys/KEY` and `update` on `encrypt/KEY` and `decrypt/KEY`: without
//! `create`, a name typed wrong cannot make a new key.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use ring::rand::SecureRandom;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use zeroize::{Zeroize, Zeroizing};

use super::{Wrapping, taken};
use crate::records::error::Error;
use crate::records::limits::{TRANSIT_ANSWER_BYTES_MAX, TRANSIT_ANSWER_TIMEOUT_MS};

/// The one kind of transit key that is taken.
const KIND: &str = "aes256-gcm96";

/// A root key in Vault or OpenBao.
#[derive(Clone)]
pub struct TransitRoot {
    /// Where the server is: `https://…`, or `http://` on this machine.
    pub address: String,
    /// Where the transit engine is mounted.
    pub mount: String,
    /// The name of the key.
    pub key: String,
    /// The token that is shown to the server.
    pub token: Zeroizing<String>,
    /// PEM file of the authorities that may sign the server's certificate; nobody else is trusted.
    pub ca: Option<PathBuf>,
    /// The namespace.
    pub namespace: Option<String>,
}

/// The key at the service, asked for and found fit.
pub(super) struct Transit {
    agent: Agent,
    root: TransitRoot,
}

#[derive(Serialize)]
struct Sealing<'a> {
    plaintext: &'a str,
    associated_data: &'a str,
}

#[derive(Serialize)]
struct Opening<'a> {
    ciphertext: &'a str,
    associated_data: &'a str,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Sealed {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Opened {
    plaintext: String,
}

#[derive(Deserialize)]
struct KeyInfo {
    #[serde(rename = "type")]
    kind: String,
    exportable: bool,
    derived: bool,
    allow_plaintext_backup: bool,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<String>,
}

impl Transit {
    /// Asks the service about the key.
    ///
    /// # Errors
    /// [`Error::TransitUnreachable`], [`Error::TransitRefused`], [`Error::NoRootKey`],
    /// [`Error::UnsafeRootKey`].
    pub(super) fn open(root: &TransitRoot) -> Result<Self, Error> {
        let transit = Self { agent: agent(root)?, root: root.clone() };
        let info: Answer<KeyInfo> = match transit.ask("keys", None::<&()>) {
            Err(Error::TransitRefused { status: 404, .. }) => {
                return Err(Error::NoRootKey { found: 0 });
            }
            other => other?,
        };
        let info = info.data;
        for (bad, reason) in [
            (info.kind != KIND, "it is not of type aes256-gcm96"),
            (info.exportable, "it can be exported"),
            (info.allow_plaintext_backup, "it can be backed up in the clear"),
            (info.derived, "it is derived"),
        ] {
            if bad {
                return Err(Error::UnsafeRootKey { reason });
            }
        }
        Ok(transit)
    }

    /// One request about the key; a body makes it a POST.
    fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        act: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Error> {
        let bytes = Zeroizing::new(self.send(act, body)?);
        serde_json::from_slice(&bytes).map_err(|_| Error::TransitRefused {
            status: 200,
            reason: "the answer is not one of a transit engine".to_owned(),
        })
    }

    fn send(&self, act: &str, body: Option<&impl Serialize>) -> Result<Vec<u8>, Error> {
        let unreachable = |e: ureq::Error| Error::TransitUnreachable { reason: e.to_string() };
        let TransitRoot { address, mount, key, token, namespace, .. } = &self.root;
        let url = format!("{address}/v1/{mount}/{act}/{key}");
        let token = ("X-Vault-Token", token.as_str());
        let namespace = namespace.as_deref().map(|n| ("X-Vault-Namespace", n));
        let answer = if let Some(body) = body {
            let body = serde_json::to_vec(body).map_err(|_| Error::Crypto { what: "JSON" })?;
            let body = Zeroizing::new(body);
            let mut request = self.agent.post(url).content_type("application/json");
            for (name, value) in [Some(token), namespace].into_iter().flatten() {
                request = request.header(name, value);
            }
            request.send(&body[..])
        } else {
            let mut request = self.agent.get(url);
            for (name, value) in [Some(token), namespace].into_iter().flatten() {
                request = request.header(name, value);
            }
            request.call()
        };
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status().as_u16();
        let bytes = answer.body_mut().with_config().limit(TRANSIT_ANSWER_BYTES_MAX).read_to_vec();
        let bytes = bytes.map_err(unreachable)?;
        if (200..300).contains(&status) {
            return Ok(bytes);
        }
        let told = serde_json::from_slice::<Refusal>(&bytes).map(|r| r.errors.join("; "));
        let told = told.unwrap_or_default();
        let reason = told.chars().filter(|c| !c.is_control()).take(200).collect();
        Err(Error::TransitRefused { status, reason })
    }
}

/// Makes the key at the service.
pub(super) fn make(root: &TransitRoot) -> Result<(), Error> {
    match Transit::open(root) {
        Err(Error::NoRootKey { .. }) => {}
        Err(other) => return Err(other),
        Ok(_) => {
            return Err(Error::BadKey { reason: "the service holds a key of that name already" });
        }
    }
    #[derive(Serialize)]
    struct Make {
        r#type: &'static str,
        exportable: bool,
        allow_plaintext_backup: bool,
    }
    let body = Make { r#type: KIND, exportable: false, allow_plaintext_backup: false };
    let transit = Transit { agent: agent(root)?, root: root.clone() };
    transit.send("keys", Some(&body))?;
    Transit::open(root).map(|_| ())
}

/// No redirects, no proxy, one deadline, and the named authorities alone.
fn agent(root: &TransitRoot) -> Result<Agent, Error> {
    let roots = root.ca.as_deref().map_or(Ok(Vec::new()), authorities)?;
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    Ok(Agent::config_builder()
        .timeout_global(Some(Duration::from_millis(TRANSIT_ANSWER_TIMEOUT_MS)))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .user_agent(concat!("xuedun/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .build()
        .new_agent())
}

fn authorities(file: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let bad = |e: rustls::pki_types::pem::Error| Error::TransitUnreachable {
        reason: format!("the file of authorities: {e}"),
    };
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(bad)?.collect();
    let read = read.map_err(bad)?;
    if read.is_empty() {
        let reason = "no certificate in the file of authorities".to_owned();
        return Err(Error::TransitUnreachable { reason });
    }
    Ok(read.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
}

/// Whether an address is `http://` on this machine.
pub(super) fn is_local(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("http://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Wrapping for Transit {
    fn wrap(&self, key: &[u8; 32], name: &[u8], _: &dyn SecureRandom) -> Result<String, Error> {
        let plaintext = Zeroizing::new(BASE64.encode(key));
        let body = Sealing { plaintext: &plaintext, associated_data: &BASE64.encode(name) };
        let answer: Answer<Sealed> = self.ask("encrypt", Some(&body))?;
        Ok(answer.data.ciphertext)
    }

    fn unwrap(&self, text: &str, name: &[u8]) -> Result<Option<Zeroizing<[u8; 32]>>, Error> {
        let body = Opening { ciphertext: text, associated_data: &BASE64.encode(name) };
        let answer: Answer<Opened> = match self.ask("decrypt", Some(&body)) {
            Err(Error::TransitRefused { status: 400, reason }) if does_not_open(&reason) => {
                return Ok(None);
            }
            other => other?,
        };
        let mut plaintext = answer.data.plaintext;
        let key = BASE64.decode(plaintext.as_bytes()).ok().and_then(taken);
        plaintext.zeroize();
        Ok(key)
    }

    fn version(&self, text: &str) -> Option<u32> {
        text.strip_prefix("vault:v")?.split_once(':')?.0.parse().ok()
    }
}

/// Whether the service's words say that a text was not sealed under this key and name, and not that
/// something about the key or the request is wrong.
fn does_not_open(reason: &str) -> bool {
    ["message authentication failed", "invalid ciphertext"].iter().any(|told| reason.contains(told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for address in ["http://127.0.0.1:8200", "http://localhost", "http://[::1]:8200"] {
            assert!(is_local(address), "{address}");
        }
        for address in ["http://vault", "http://10.0.0.1:8200", "http://127.0.0.1.example:8200", ""]
        {
            assert!(!is_local(address), "{address}");
        }
    }

    #[test]
    fn a_server_that_is_not_there_is_told() {
        let root = TransitRoot {
            address: "http://127.0.0.1:9".into(),
            mount: "transit".into(),
            key: "k".into(),
            token: Zeroizing::new("t".into()),
            ca: None,
            namespace: None,
        };
        assert_eq!(Transit::open(&root).err().unwrap().code(), "C066");
    }
}
