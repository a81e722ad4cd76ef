//! The file that says where a root key is kept, when it is neither a file's nor a passphrase's.
//!
//! ```toml
//! [pkcs11]
//! module = "/usr/lib/softhsm/libsofthsm2.so"
//! token = "xuedun"          # or: slot = 0
//! key = "root"
//! pin_file = "pin"          # else the environment's XUEDUN_TOKEN_PIN, else asked for
//! ```
//! ```toml
//! [transit]
//! address = "https://vault.example:8200"
//! key = "xuedun"
//! token_file = "vault-token"
//! ca = "ca.pem"             # may be left out for http:// on this machine
//! mount = "transit"         # this by default
//! namespace = "bureau"      # none by default
//! ```

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::token::TokenName;
use super::transit::is_local;
use crate::records::error::Error;

/// Where a root key is kept; what is secret is named by its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootPlace {
    /// In a token.
    Pkcs11 {
        /// The token's PKCS#11 library.
        module: PathBuf,
        /// The token.
        token: TokenName,
        /// The label of the key.
        key: String,
        /// The file with the PIN.
        pin_file: Option<PathBuf>,
    },
    /// In Vault or OpenBao.
    Transit {
        /// Where the server is.
        address: String,
        /// Where the transit engine is mounted.
        mount: String,
        /// The name of the key.
        key: String,
        /// The file with the token that is shown to the server.
        token_file: PathBuf,
        /// PEM file of the authorities that may sign the server's certificate.
        ca: Option<PathBuf>,
        /// The namespace.
        namespace: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    pkcs11: Option<Pkcs11>,
    transit: Option<Transit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pkcs11 {
    module: PathBuf,
    token: Option<String>,
    slot: Option<u64>,
    key: String,
    pin_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transit {
    address: String,
    #[serde(default = "transit")]
    mount: String,
    key: String,
    token_file: PathBuf,
    ca: Option<PathBuf>,
    namespace: Option<String>,
}

fn transit() -> String {
    "transit".to_owned()
}

impl RootPlace {
    /// Reads the file's text; the files it names are beside it, in `folder`.
    ///
    /// # Errors
    /// [`Error::Content`], with the line; [`Error::NotEncrypted`] for a server elsewhere by http.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Error> {
        let bad = |message: String| Error::Content { what: "root key", message };
        // The line is named and not shown: it may hold what should not be in the file.
        let told = |e: toml::de::Error| {
            let before = e.span().and_then(|s| text.get(..s.start)).unwrap_or_default();
            bad(format!("line {}: {}", before.matches('\n').count() + 1, e.message()))
        };
        let written: Written = toml::from_str(text).map_err(told)?;
        match (written.pkcs11, written.transit) {
            (Some(place), None) => {
                let token = match (place.token, place.slot) {
                    (Some(label), None) => TokenName::Label(label),
                    (None, Some(number)) => TokenName::Slot(number),
                    _ => return Err(bad("pkcs11: one of token and slot".to_owned())),
                };
                Ok(Self::Pkcs11 {
                    module: place.module,
                    token,
                    key: place.key,
                    pin_file: place.pin_file.map(|p| folder.join(p)),
                })
            }
            (None, Some(place)) => {
                let address = place.address.trim_end_matches('/').to_owned();
                if !address.starts_with("https://") && !is_local(&address) {
                    return Err(Error::NotEncrypted { engine: "transit" });
                }
                if address.starts_with("https://") && place.ca.is_none() {
                    return Err(bad("transit: https needs ca".to_owned()));
                }
                // They become parts of a path.
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
                for part in [&place.mount, &place.key] {
                    if part.is_empty() || !part.chars().all(plain) || part.contains("..") {
                        return Err(bad("transit: mount and key are plain names".to_owned()));
                    }
                }
                Ok(Self::Transit {
                    address,
                    mount: place.mount.trim_matches('/').to_owned(),
                    key: place.key,
                    token_file: folder.join(place.token_file),
                    ca: place.ca.map(|p| folder.join(p)),
                    namespace: place.namespace,
                })
            }
            _ => Err(bad("one of [pkcs11] and [transit]".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RootPlace, String> {
        RootPlace::parse(text, Path::new("/etc/x")).map_err(|e| e.to_string())
    }

    #[test]
    fn a_token_and_a_service() {
        let token = "[pkcs11]\nmodule = '/m.so'\nslot = 3\nkey = 'k'\npin_file = 'pin'";
        let wanted = RootPlace::Pkcs11 {
            module: "/m.so".into(),
            token: TokenName::Slot(3),
            key: "k".into(),
            pin_file: Some("/etc/x/pin".into()),
        };
        assert_eq!(read(token), Ok(wanted));
        let service =
            "[transit]\naddress = 'https://v:8200/'\nkey = 'k'\ntoken_file = 't'\nca = 'c'";
        let wanted = RootPlace::Transit {
            address: "https://v:8200".into(),
            mount: "transit".into(),
            key: "k".into(),
            token_file: "/etc/x/t".into(),
            ca: Some("/etc/x/c".into()),
            namespace: None,
        };
        assert_eq!(read(service), Ok(wanted));
    }

    #[test]
    fn what_is_missing_unknown_or_unsafe_is_refused() {
        let token = "[pkcs11]\nmodule = 'm'\nkey = 'k'\n";
        for (text, told) in [
            ("", "one of [pkcs11] and [transit]"),
            (token, "one of token and slot"),
            (&format!("{token}slot = 1\ntoken = 't'"), "one of token and slot"),
            (&format!("{token}slot = 1\npin = '1234'"), "line 5: unknown field `pin`"),
            ("[transit]\naddress = 'http://v:8200'\nkey = 'k'\ntoken_file = 't'", "no TLS"),
            ("[transit]\naddress = 'https://v:8200'\nkey = 'k'\ntoken_file = 't'", "needs ca"),
            (
                "[transit]\naddress = 'http://127.0.0.1:1'\nkey = '../sys'\ntoken_file = 't'",
                "plain names",
            ),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(told) && !refused.contains("1234"), "{refused}");
        }
        assert!(
            read("[transit]\naddress = 'http://127.0.0.1:1'\nkey = 'k'\ntoken_file = 't'").is_ok()
        );
    }
}
