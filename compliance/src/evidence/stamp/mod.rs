//! Timestamps of a third party (RFC 3161): a request over a checkpoint, and its answer, checked here
//! before it is kept and checkable by anyone with `openssl ts -verify`.

mod token;

use ring::digest::{SHA256, digest};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};

use super::error::EvidenceError;
use super::limits;
use super::seal::sha256;

/// A request for a timestamp.
#[derive(Clone, Debug)]
pub struct StampRequest {
    der: Vec<u8>,
    imprint: [u8; 32],
    nonce: Vec<u8>,
}

/// Whose timestamps are believed: the authority's root certificates.
#[derive(Clone, Debug)]
pub struct StampTrust {
    pem: Vec<u8>,
    roots: Vec<TrustAnchor<'static>>,
    /// The policy its timestamps must name (an OID in dotted form); `None` for any.
    policy: Option<String>,
}

/// A timestamp that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When the authority saw the data, in seconds of the Unix epoch.
    pub time: u64,
    /// Its policy, an OID in dotted form.
    pub policy: String,
    /// Its serial number, hexadecimal.
    pub serial: String,
}

/// Why a timestamp is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StampFault {
    /// No answer, or one that is not of HTTP status 200 and its content type.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The authority refuses: its status and failure bits.
    #[error("the authority refuses: status {status}, failure {failure}")]
    Refused {
        /// PKIStatus.
        status: u8,
        /// PKIFailureInfo, hexadecimal.
        failure: String,
    },
    /// Not the DER of a timestamp answer.
    #[error("not a timestamp: {0}")]
    Malformed(&'static str),
    /// It is over other data.
    #[error("it is over other data")]
    OtherData,
    /// It answers another request.
    #[error("it answers another request")]
    OtherNonce,
    /// It names another policy.
    #[error("it is of policy {0}")]
    OtherPolicy(String),
    /// Its signature does not verify.
    #[error("its signature does not verify: {0}")]
    BadSignature(&'static str),
    /// Its certificate leads to no root that is believed, or is not for timestamps.
    #[error("its certificate is not trusted: {0}")]
    Untrusted(String),
}

impl StampFault {
    /// The stable code of this fault.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "V060",
            Self::Refused { .. } => "V061",
            Self::Malformed(_) => "V062",
            Self::OtherData => "V063",
            Self::OtherNonce => "V064",
            Self::OtherPolicy(_) => "V065",
            Self::BadSignature(_) => "V066",
            Self::Untrusted(_) => "V067",
        }
    }
}

impl StampRequest {
    /// A request for a timestamp over `data`. The nonce is random; `policy` is an OID in dotted form.
    pub fn new(data: &[u8], nonce: [u8; 8], policy: Option<&str>) -> Result<Self, EvidenceError> {
        // A positive integer of eight bytes in its shortest form: 0x40 to 0x7f first.
        let mut nonce = nonce.to_vec();
        nonce[0] = nonce[0] & 0x3f | 0x40;
        let imprint = imprint(data);
        let mut body = token::integer(&[1]);
        body.extend(token::imprint_of(&imprint));
        if let Some(policy) = policy {
            let problem = "a timestamp policy is an OID, as 1.2.3.4";
            body.extend(token::oid(policy).ok_or(EvidenceError::BadKey { problem })?);
        }
        body.extend(token::integer(&nonce));
        body.extend(token::TRUE);
        Ok(Self { der: token::sequence(&body), imprint, nonce })
    }

    /// The bytes to post as `application/timestamp-query`.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Checks the answer to this request (`application/timestamp-reply`).
    pub fn accept(&self, answer: &[u8], trust: &StampTrust) -> Result<Stamp, StampFault> {
        let (stamp, nonce) = check(answer, &self.imprint, trust)?;
        if nonce.as_deref() != Some(&self.nonce[..]) {
            return Err(StampFault::OtherNonce);
        }
        Ok(stamp)
    }
}

impl StampTrust {
    /// From root certificates in PEM.
    pub fn from_pem(pem: &[u8], policy: Option<String>) -> Result<Self, EvidenceError> {
        let bad = |problem| EvidenceError::BadKey { problem };
        if pem.len() > limits::NOTE_BYTES_MAX {
            return Err(bad("too many certificates"));
        }
        if policy.as_deref().is_some_and(|p| token::oid(p).is_none()) {
            return Err(bad("a timestamp policy is an OID, as 1.2.3.4"));
        }
        let mut roots = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| bad("not a certificate in PEM"))?;
            let root = webpki::anchor_from_trusted_cert(&certificate)
                .map_err(|_| bad("not a certificate that can be a root"))?;
            roots.push(root.to_owned());
        }
        if roots.is_empty() {
            return Err(bad("no certificate in PEM"));
        }
        Ok(Self { pem: pem.to_vec(), roots, policy })
    }

    /// The certificates as they were given.
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// SHA-256 over [`StampTrust::pem`], hexadecimal.
    pub fn sha256(&self) -> String {
        sha256(&self.pem)
    }

    /// The policy that is wanted.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }
}

/// Checks a kept answer against the data it should be over. The nonce of the request is gone by then.
pub fn verify(answer: &[u8], data: &[u8], trust: &StampTrust) -> Result<Stamp, StampFault> {
    check(answer, &imprint(data), trust).map(|(stamp, _)| stamp)
}

fn check(
    answer: &[u8],
    imprint: &[u8; 32],
    trust: &StampTrust,
) -> Result<(Stamp, Option<Vec<u8>>), StampFault> {
    if answer.len() > limits::STAMP_BYTES_MAX {
        return Err(StampFault::Malformed("longer than the bound"));
    }
    let token = token::open(answer)?;
    if token.imprint != *imprint {
        return Err(StampFault::OtherData);
    }
    token.verify(&trust.roots)?;
    if trust.policy.as_ref().is_some_and(|wanted| *wanted != token.policy) {
        return Err(StampFault::OtherPolicy(token.policy));
    }
    Ok((Stamp { time: token.time, policy: token.policy, serial: token.serial }, token.nonce))
}

fn imprint(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, data).as_ref());
    out
}

#[cfg(test)]
mod tests;
