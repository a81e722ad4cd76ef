//! What stands in a certificate: its days, its key, its signature.

use events::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::TlsSeen;

const DAY_SECS: i64 = 86_400;

/// Signature algorithms by their object identifiers, named as openssl does.
const SIGNATURES: [(&str, &str); 12] = [
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.2.840.113549.1.1.10", "rsassaPss"),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("1.3.101.112", "ED25519"),
    ("1.2.156.10197.1.501", "SM2-with-SM3"),
];

/// Curve of SM2 (GM/T 0006), and the algorithm of Ed25519 keys (RFC 8410).
const SM2_CURVE: &str = "1.2.156.10197.1.301";
const ED25519: &str = "1.3.101.112";

/// Notes what a certificate says of itself; what cannot be read stays empty.
pub(super) fn describe(der: &CertificateDer<'_>, now: Timestamp, seen: &mut TlsSeen) {
    let Ok((_, cert)) = X509Certificate::from_der(der) else { return };
    let (from, until) =
        (cert.validity().not_before.timestamp(), cert.validity().not_after.timestamp());
    seen.days_left = Some(until.saturating_sub(now.secs()).div_euclid(DAY_SECS));
    seen.days_total = Some(until.saturating_sub(from) / DAY_SECS);
    let signature = cert.signature_algorithm.algorithm.to_id_string();
    let named = SIGNATURES.iter().find(|(id, _)| *id == signature).map(|(_, name)| *name);
    seen.signature = named.map_or(signature, str::to_owned);
    let key = cert.public_key();
    let curve = key.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
    let (name, bits) = match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => ("rsa", Some(rsa.key_size())),
        Ok(PublicKey::EC(_)) if curve.is_some_and(|c| c.to_id_string() == SM2_CURVE) => {
            ("sm2", Some(256))
        }
        Ok(PublicKey::EC(point)) => ("ec", Some(point.key_size())),
        _ if key.algorithm.algorithm.to_id_string() == ED25519 => ("ed25519", Some(256)),
        _ => ("other", None),
    };
    seen.key = name.to_owned();
    seen.key_bits = bits.and_then(|b| i64::try_from(b).ok());
}
