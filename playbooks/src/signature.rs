//! Signatures of playbooks: JSON Signature Scheme objects of CACAO 2.0 (section 10.15).
//!
//! What is signed: the playbook with this one signature in `signatures`, its `value` taken away,
//! in canonical form (RFC 8785), hashed with SHA-256; the signature is over the hash's **lower-case
//! hexadecimal text**. This was read off the published RSA example; for Ed25519 no example is
//! published, and the same text is signed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER;
use events::Timestamp;
use ring::{digest, signature};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Error;

/// What one signature says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The signature's id.
    pub id: String,
    /// Who claims to have signed.
    pub signee: String,
    /// `RS256`, `Ed25519`.
    pub algorithm: String,
    /// The public key in it, base64 of its SubjectPublicKeyInfo: whether to trust it is the
    /// caller's business.
    pub public_key: String,
    /// Whether it fits the playbook's text and key.
    pub genuine: bool,
    /// Whether it is in force: not revoked, within its time, and for this version.
    pub in_force: bool,
}

/// Checks every signature of a playbook's text.
///
/// # Errors
/// P118 when a signature cannot be checked at all: no inline public key, an algorithm other than
/// RS256 and Ed25519, or a text that is not a playbook.
pub fn verify(text: &str, now: Timestamp) -> Result<Vec<Signed>, Error> {
    let fail = |reason| Error::Signature { reason };
    let node = crate::json::parse(text).map_err(|_| fail("the text is not JSON"))?;
    let Value::Object(playbook) = node.to_json() else {
        return Err(fail("the text is not a playbook"));
    };
    let Some(Value::Array(signatures)) = playbook.get("signatures") else {
        return Ok(Vec::new());
    };
    signatures.iter().map(|one| check(&playbook, one, now)).collect()
}

fn check(playbook: &Map<String, Value>, one: &Value, now: Timestamp) -> Result<Signed, Error> {
    let fail = |reason| Error::Signature { reason };
    let Value::Object(one) = one else { return Err(fail("a signature is not an object")) };
    let text = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text("hash_algorithm") != "sha-256" {
        return Err(fail("only sha-256 is supported"));
    }
    let key = STANDARD
        .decode(text("public_key"))
        .map_err(|_| fail("the public key is not inline base64"))?;
    let value = URL_SAFE_NO_PAD
        .decode(text("value").trim_end_matches('='))
        .map_err(|_| fail("the value is not base64url"))?;
    let hash = hash(playbook, one);
    let genuine = match text("algorithm").as_str() {
        "RS256" => {
            let key = inner_key(&key).ok_or_else(|| fail("the public key is not readable"))?;
            signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, key)
                .verify(hash.as_bytes(), &value)
                .is_ok()
        }
        "Ed25519" => {
            let key = inner_key(&key).ok_or_else(|| fail("the public key is not readable"))?;
            signature::UnparsedPublicKey::new(&signature::ED25519, key)
                .verify(hash.as_bytes(), &value)
                .is_ok()
        }
        _ => return Err(fail("only RS256 and Ed25519 are supported")),
    };
    let time = |key: &str| Timestamp::parse_rfc3339(&text(key)).ok();
    let in_force = one.get("revoked") != Some(&Value::Bool(true))
        && time("valid_from").is_none_or(|from| from <= now)
        && time("valid_until").is_none_or(|until| now <= until)
        && one.get("related_to") == playbook.get("id")
        && one.get("related_version") == playbook.get("modified");
    Ok(Signed {
        id: text("id"),
        signee: text("signee"),
        algorithm: text("algorithm"),
        public_key: text("public_key"),
        genuine,
        in_force,
    })
}

/// The text that is signed: the canonical form's SHA-256 in hexadecimal.
fn hash(playbook: &Map<String, Value>, one: &Map<String, Value>) -> String {
    let mut one = one.clone();
    one.remove("value");
    let mut playbook = playbook.clone();
    playbook.insert("signatures".to_owned(), Value::Array(vec![Value::Object(one)]));
    let mut out = String::new();
    canonical(&Value::Object(playbook), &mut out);
    sha256_hex(out.as_bytes())
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// RFC 8785: keys sorted by UTF-16 units, no spaces, shortest strings, numbers as ECMAScript
/// writes them (whole numbers here; serde_json's shortest form for the rest, which CACAO does not
/// use).
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort_by_cached_key(|k| k.encode_utf16().collect::<Vec<u16>>());
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                canonical(members.get(key).unwrap_or(&Value::Null), out);
            }
            out.push('}');
        }
        Value::Number(number) => match number.as_f64() {
            // 1.0 is written 1.
            Some(f) if number.is_f64() && f.fract() == 0.0 && f.abs() < 1e15 => {
                out.push_str(&format!("{}", f as i64));
            }
            _ => out.push_str(&number.to_string()),
        },
        other => out.push_str(&other.to_string()),
    }
}

/// The key inside a SubjectPublicKeyInfo: SEQUENCE { algorithm SEQUENCE, key BIT STRING }.
fn inner_key(der: &[u8]) -> Option<&[u8]> {
    let (info, rest) = element(der, 0x30)?;
    let (_, after_algorithm) = element(info, 0x30)?;
    let (bits, end) = element(after_algorithm, 0x03)?;
    (rest.is_empty() && end.is_empty() && bits.first() == Some(&0)).then(|| &bits[1..])
}

/// One DER element of the wanted tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    if *der.first()? != tag {
        return None;
    }
    let first = usize::from(*der.get(1)?);
    let (length, head) = if first < 0x80 {
        (first, 2)
    } else {
        let count = first & 0x7f;
        if count == 0 || count > 3 {
            return None;
        }
        let bytes = der.get(2..2 + count)?;
        (bytes.iter().fold(0, |n, b| (n << 8) | usize::from(*b)), 2 + count)
    };
    Some((der.get(head..head + length)?, der.get(head + length..)?))
}
