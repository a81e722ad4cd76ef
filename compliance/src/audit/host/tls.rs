//! What a TLS endpoint shows to a client that looks and sends nothing.

use serde::{Deserialize, Serialize};

/// The outcome of handshakes with one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSeen {
    /// Protocol versions the endpoint accepted: `SSLv3`, `TLSv1.0` … `TLSv1.3`.
    pub accepted: Vec<String>,
    /// Versions it refused.
    pub refused: Vec<String>,
    /// Cipher suite of the best handshake.
    pub suite: String,
    /// Weak suites it accepted when offered nothing else (RC4, 3DES, NULL, EXPORT, CBC of TLS 1.0).
    pub weak_accepted: Vec<String>,
    /// Days until the certificate ends; negative when it has.
    pub days_left: Option<i64>,
    /// Days from its beginning to its end.
    pub days_total: Option<i64>,
    /// Signature algorithm of the certificate, such as `sha256WithRSAEncryption`.
    pub signature: String,
    /// Key algorithm: `rsa`, `ec`, `ed25519`, `sm2`.
    pub key: String,
    /// Key length in bits.
    pub key_bits: Option<i64>,
    /// Whether the name asked for stands in the certificate.
    pub name_matches: bool,
    /// Whether the chain ends at an authority of the verifier; `None` when there was no list of
    /// authorities to judge by.
    pub trusted: Option<bool>,
    /// Why the chain was not accepted or could not be judged.
    pub problem: String,
}

impl TlsSeen {
    /// Whether the key is too short: RSA under 2048 bits, all others under 256; `None` when it was
    /// not seen.
    pub fn has_short_key(&self) -> Option<bool> {
        let bits = self.key_bits?;
        Some(bits < if self.key == "rsa" { 2_048 } else { 256 })
    }
}
