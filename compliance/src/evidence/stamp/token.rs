//! The token of a timestamp: TimeStampResp and TSTInfo (RFC 3161), SignedData (RFC 5652) and the
//! signing certificate attribute (RFC 5035), strict DER. What is not exactly as these say is refused.

use der::asn1::ObjectIdentifier;
use der::{Decode, Header, Reader, SliceReader};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage, ring as algorithms};

use super::StampFault;

/// BOOLEAN TRUE.
pub(super) const TRUE: [u8; 3] = [1, 1, 0xff];

const OID_SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const OID_TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const OID_CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const OID_MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const OID_SIGNING_CERT: &str = "1.2.840.113549.1.9.16.2.12";
const OID_SIGNING_CERT_V2: &str = "1.2.840.113549.1.9.16.2.47";
const OID_SHA256: &str = "2.16.840.1.101.3.4.2.1";
const OID_SHA384: &str = "2.16.840.1.101.3.4.2.2";
const OID_SHA512: &str = "2.16.840.1.101.3.4.2.3";
const OID_EKU: &str = "2.5.29.37";
/// id-kp-timeStamping, as the value of an OID.
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];

const INTEGER: u8 = 2;
const OCTETS: u8 = 4;
const OID: u8 = 6;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_3: u8 = 0xa3;

type Fault = StampFault;
type Result<T> = std::result::Result<T, Fault>;

fn bad(what: &'static str) -> Fault {
    Fault::Malformed(what)
}

/// One value with its tag; `whole` holds tag and length too.
#[derive(Clone, Copy)]
struct Tlv<'a> {
    tag: u8,
    value: &'a [u8],
    whole: &'a [u8],
}

/// Values one after another.
#[derive(Clone, Copy)]
struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    fn next(&mut self) -> Result<Tlv<'a>> {
        let input = self.0;
        let read = || -> der::Result<(&'a [u8], usize)> {
            let mut reader = SliceReader::new(input)?;
            let header = Header::decode(&mut reader)?;
            let value = reader.read_slice(header.length())?;
            Ok((value, usize::try_from(reader.position())?))
        };
        let (value, used) = read().map_err(|_| bad("not DER"))?;
        let (whole, rest) = input.split_at(used);
        self.0 = rest;
        Ok(Tlv { tag: whole[0], value, whole })
    }

    fn want(&mut self, tag: u8, what: &'static str) -> Result<Tlv<'a>> {
        let next = self.next()?;
        if next.tag == tag { Ok(next) } else { Err(bad(what)) }
    }

    /// The next value if it has the tag.
    fn maybe(&mut self, tag: u8) -> Result<Option<Tlv<'a>>> {
        if self.0.first() == Some(&tag) { self.next().map(Some) } else { Ok(None) }
    }

    fn end(&self, what: &'static str) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(bad(what)) }
    }

    fn all(mut self) -> Result<Vec<Tlv<'a>>> {
        let mut out = Vec::new();
        while !self.0.is_empty() {
            out.push(self.next()?);
        }
        Ok(out)
    }
}

impl<'a> Tlv<'a> {
    fn inside(self) -> Values<'a> {
        Values(self.value)
    }

    fn oid(self) -> Result<String> {
        if self.tag != OID {
            return Err(bad("an object identifier is missing"));
        }
        let oid = ObjectIdentifier::from_bytes(self.value);
        oid.map(|o| o.to_string()).map_err(|_| bad("an object identifier is wrong"))
    }

    /// The identifier of an AlgorithmIdentifier.
    fn algorithm(self) -> Result<String> {
        if self.tag != SEQUENCE {
            return Err(bad("an algorithm is missing"));
        }
        self.inside().next()?.oid()
    }
}

/// A token taken apart, with the parts its signature needs.
pub(super) struct Token<'a> {
    pub(super) imprint: [u8; 32],
    pub(super) policy: String,
    pub(super) serial: String,
    pub(super) nonce: Option<Vec<u8>>,
    /// Seconds of the Unix epoch.
    pub(super) time: u64,
    info: &'a [u8],
    certificates: Vec<&'a [u8]>,
    signer: Signer<'a>,
}

struct Signer<'a> {
    issuer: &'a [u8],
    serial: &'a [u8],
    digest: String,
    attributes: Tlv<'a>,
    algorithm: String,
    signature: &'a [u8],
}

/// Takes an answer apart; nothing is verified but its form and its status.
pub(super) fn open(answer: &[u8]) -> Result<Token<'_>> {
    let mut top = Values(answer);
    let mut response = top.want(SEQUENCE, "no answer")?.inside();
    top.end("bytes after the answer")?;
    let mut status = response.want(SEQUENCE, "no status")?.inside();
    let code = status.want(INTEGER, "no status")?.value;
    if !matches!(code, [0 | 1]) {
        let _ = status.maybe(SEQUENCE)?;
        let failure = status.maybe(3)?.map(|f| f.value).unwrap_or_default();
        let failure = data_encoding::HEXLOWER.encode(failure);
        return Err(Fault::Refused { status: code.last().copied().unwrap_or_default(), failure });
    }
    let mut content = response.want(SEQUENCE, "no token")?.inside();
    response.end("more than a token")?;
    if content.next()?.oid()? != OID_SIGNED_DATA {
        return Err(bad("the token is not signed data"));
    }
    let mut wrapped = content.want(CONTEXT_0, "no signed data")?.inside();
    let signed = wrapped.want(SEQUENCE, "no signed data")?;
    signed_data(signed.inside())
}

fn signed_data(mut data: Values<'_>) -> Result<Token<'_>> {
    data.want(INTEGER, "no version")?;
    data.want(SET, "no digest algorithms")?;
    let mut content = data.want(SEQUENCE, "no content")?.inside();
    if content.next()?.oid()? != OID_TST_INFO {
        return Err(bad("the content is not a timestamp"));
    }
    let mut wrapped = content.want(CONTEXT_0, "no content")?.inside();
    let info = wrapped.want(OCTETS, "no content")?.value;
    let certificates = match data.maybe(CONTEXT_0)? {
        Some(set) => set.inside().all()?.into_iter().map(|c| c.whole).collect(),
        None => Vec::new(),
    };
    let _ = data.maybe(0xa1)?;
    let signers = data.want(SET, "no signers")?.inside().all()?;
    data.end("more after the signers")?;
    // RFC 3161 section 2.4.2: the authority's signature and no other.
    let [signer] = signers[..] else { return Err(bad("not one signer")) };
    let signer = signer_info(signer.inside())?;
    token(info, certificates, signer)
}

fn signer_info(mut info: Values<'_>) -> Result<Signer<'_>> {
    info.want(INTEGER, "no version of the signer")?;
    let mut id = info.want(SEQUENCE, "the signer is not named by issuer and serial")?.inside();
    let issuer = id.want(SEQUENCE, "no issuer")?.whole;
    let serial = id.want(INTEGER, "no serial")?.value;
    let digest = info.next()?.algorithm()?;
    let attributes = info.want(CONTEXT_0, "no signed attributes")?;
    let algorithm = info.next()?.algorithm()?;
    let signature = info.want(OCTETS, "no signature")?.value;
    Ok(Signer { issuer, serial, digest, attributes, algorithm, signature })
}

fn token<'a>(info: &'a [u8], certificates: Vec<&'a [u8]>, signer: Signer<'a>) -> Result<Token<'a>> {
    let mut top = Values(info);
    let mut fields = top.want(SEQUENCE, "no timestamp")?.inside();
    top.end("bytes after the timestamp")?;
    if fields.want(INTEGER, "no version")?.value != [1] {
        return Err(bad("not version 1"));
    }
    let policy = fields.next()?.oid()?;
    let mut imprint = fields.want(SEQUENCE, "no imprint")?.inside();
    if imprint.next()?.algorithm()? != OID_SHA256 {
        return Err(bad("the imprint is not SHA-256"));
    }
    let imprint = imprint.want(OCTETS, "no imprint")?.value;
    let imprint = imprint.try_into().map_err(|_| bad("the imprint is not SHA-256"))?;
    let serial = data_encoding::HEXLOWER.encode(fields.want(INTEGER, "no serial")?.value);
    let time = seconds(fields.want(GENERALIZED_TIME, "no time")?.value).ok_or(bad("no time"))?;
    let _accuracy = fields.maybe(SEQUENCE)?;
    let _ordering = fields.maybe(1)?;
    let nonce = fields.maybe(INTEGER)?.map(|n| n.value.to_vec());
    Ok(Token { imprint, policy, serial, nonce, time, info, certificates, signer })
}

/// GeneralizedTime of DER: `YYYYMMDDhhmmss[.f]Z`; a fraction is cut off.
fn seconds(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let n = |from: usize, to: usize| whole.get(from..to)?.parse::<i8>().ok();
    let year = whole.get(..4)?.parse().ok()?;
    let at =
        jiff::civil::DateTime::new(year, n(4, 6)?, n(6, 8)?, n(8, 10)?, n(10, 12)?, n(12, 14)?, 0);
    let at = jiff::tz::Offset::UTC.to_timestamp(at.ok()?).ok()?;
    u64::try_from(at.as_second()).ok()
}

impl Token<'_> {
    /// Verifies the signature, and the certificate up to one of the roots at the time of the stamp.
    pub(super) fn verify(&self, roots: &[TrustAnchor<'_>]) -> Result<()> {
        let signer = &self.signer;
        let unsigned = |what| Fault::BadSignature(what);
        let hash = algorithm_of(&signer.digest).ok_or(unsigned("unknown digest"))?;
        let attributes = signer.attributes.inside().all()?;
        if attribute(&attributes, OID_CONTENT_TYPE)?.oid()? != OID_TST_INFO {
            return Err(unsigned("signed as another content"));
        }
        let stated = attribute(&attributes, OID_MESSAGE_DIGEST)?;
        if stated.tag != OCTETS || stated.value != digest(hash, self.info).as_ref() {
            return Err(unsigned("the timestamp was changed"));
        }
        let own = self
            .certificates
            .iter()
            .copied()
            .find(|c| names(c).is_ok_and(|n| n == (signer.issuer, signer.serial)))
            .ok_or(unsigned("the certificate of the signer is missing"))?;
        signing_certificate(&attributes, own)?;
        // What is signed is the set with its own tag, not that of its place (RFC 5652 section 5.4).
        let mut message = signer.attributes.whole.to_vec();
        message[0] = SET;
        let der = CertificateDer::from(own);
        let end = EndEntityCert::try_from(&der).map_err(|e| Fault::Untrusted(e.to_string()))?;
        let fits = signatures(&signer.algorithm, &signer.digest)
            .iter()
            .any(|a| end.verify_signature(*a, &message, signer.signature).is_ok());
        if !fits {
            return Err(unsigned("not by its certificate"));
        }
        only_for_timestamps(own)?;
        let others: Vec<CertificateDer<'_>> = self
            .certificates
            .iter()
            .filter(|c| **c != own)
            .map(|c| CertificateDer::from(*c))
            .collect();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(self.time));
        let usage = KeyUsage::required(TIME_STAMPING);
        end.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            roots,
            &others,
            time,
            usage,
            None,
            None,
        )
        .map_err(|e| Fault::Untrusted(e.to_string()))?;
        Ok(())
    }
}

/// The one value of a signed attribute.
fn attribute<'a>(attributes: &[Tlv<'a>], oid: &str) -> Result<Tlv<'a>> {
    let mut found = None;
    for attribute in attributes {
        let mut parts = attribute.inside();
        if parts.next()?.oid()? != oid {
            continue;
        }
        let values = parts.want(SET, "an attribute without values")?.inside().all()?;
        let [value] = values[..] else { return Err(bad("an attribute with several values")) };
        if found.replace(value).is_some() {
            return Err(bad("an attribute twice"));
        }
    }
    found.ok_or(bad("a signed attribute is missing"))
}

/// The attribute that binds the certificate: its hash must be that of the first entry.
fn signing_certificate(attributes: &[Tlv<'_>], certificate: &[u8]) -> Result<()> {
    let (list, v2) = match attribute(attributes, OID_SIGNING_CERT_V2) {
        Ok(list) => (list, true),
        Err(_) => (attribute(attributes, OID_SIGNING_CERT)?, false),
    };
    let mut entries = list.inside().want(SEQUENCE, "no signing certificate")?.inside();
    let mut entry = entries.want(SEQUENCE, "no signing certificate")?.inside();
    let hash = match (v2, entry.maybe(SEQUENCE)?) {
        (true, None) => &SHA256,
        (true, Some(stated)) => algorithm_of(&stated.algorithm()?).ok_or(bad("unknown digest"))?,
        (false, None) => &SHA1_FOR_LEGACY_USE_ONLY,
        (false, Some(_)) => return Err(bad("no signing certificate")),
    };
    if entry.want(OCTETS, "no hash")?.value == digest(hash, certificate).as_ref() {
        Ok(())
    } else {
        Err(Fault::BadSignature("signed for another certificate"))
    }
}

/// Issuer (whole) and serial of a certificate, and what stands behind in it.
fn names(certificate: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut fields = body_of(certificate)?;
    let _version = fields.maybe(CONTEXT_0)?;
    let serial = fields.want(INTEGER, "no serial")?.value;
    fields.want(SEQUENCE, "no algorithm")?;
    Ok((fields.want(SEQUENCE, "no issuer")?.whole, serial))
}

fn body_of(certificate: &[u8]) -> Result<Values<'_>> {
    let mut top = Values(certificate);
    let mut parts = top.want(SEQUENCE, "no certificate")?.inside();
    Ok(parts.want(SEQUENCE, "no certificate")?.inside())
}

/// RFC 3161 section 2.3: the extended key usage is critical and for timestamps alone.
fn only_for_timestamps(certificate: &[u8]) -> Result<()> {
    let untrusted = |what: &str| Fault::Untrusted(what.to_owned());
    let fields = body_of(certificate)?.all()?;
    let extensions = fields.iter().find(|f| f.tag == CONTEXT_3);
    let extensions = extensions.ok_or_else(|| untrusted("no extensions"))?;
    for extension in extensions.inside().next()?.inside().all()? {
        let mut parts = extension.inside();
        if parts.next()?.oid()? != OID_EKU {
            continue;
        }
        let critical = parts.maybe(1)?.is_some_and(|b| b.value == [0xff]);
        let mut value = parts.want(OCTETS, "no value of an extension")?.inside();
        let purposes = value.want(SEQUENCE, "no purposes")?.inside().all()?;
        return match purposes[..] {
            [one] if one.tag == OID && one.value == TIME_STAMPING && critical => Ok(()),
            _ => Err(untrusted("not for timestamps alone")),
        };
    }
    Err(untrusted("not for timestamps"))
}

fn algorithm_of(oid: &str) -> Option<&'static Algorithm> {
    match oid {
        OID_SHA256 => Some(&SHA256),
        OID_SHA384 => Some(&SHA384),
        OID_SHA512 => Some(&SHA512),
        _ => None,
    }
}

/// The algorithms that a signature algorithm with a digest can mean; the certificate's key decides.
fn signatures(algorithm: &str, digest: &str) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    // rsaEncryption leaves the digest to its own field; the others name it.
    match (algorithm, digest) {
        ("1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.11", OID_SHA256) => {
            vec![algorithms::RSA_PKCS1_2048_8192_SHA256]
        }
        ("1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.12", OID_SHA384) => {
            vec![algorithms::RSA_PKCS1_2048_8192_SHA384]
        }
        ("1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.13", OID_SHA512) => {
            vec![algorithms::RSA_PKCS1_2048_8192_SHA512]
        }
        ("1.2.840.10045.4.3.2", OID_SHA256) => {
            vec![algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA256]
        }
        ("1.2.840.10045.4.3.3", OID_SHA384) => {
            vec![algorithms::ECDSA_P256_SHA384, algorithms::ECDSA_P384_SHA384]
        }
        _ => Vec::new(),
    }
}

/// A value with its tag and length. Requests are short.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    debug_assert!(value.len() < 128, "the short form of a length");
    [&[tag, value.len() as u8], value].concat()
}

pub(super) fn sequence(value: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, value)
}

pub(super) fn integer(value: &[u8]) -> Vec<u8> {
    tlv(INTEGER, value)
}

/// An OID from its dotted form; `None` if it is not one of at most 64 characters.
pub(super) fn oid(dotted: &str) -> Option<Vec<u8>> {
    let oid: ObjectIdentifier = dotted.parse().ok().filter(|_| dotted.len() <= 64)?;
    Some(tlv(OID, oid.as_bytes()))
}

/// MessageImprint with SHA-256.
pub(super) fn imprint_of(hash: &[u8; 32]) -> Vec<u8> {
    let sha256 = oid(OID_SHA256).unwrap_or_default();
    let algorithm = sequence(&[&sha256[..], &[5, 0]].concat());
    sequence(&[&algorithm[..], &tlv(OCTETS, hash)].concat())
}
