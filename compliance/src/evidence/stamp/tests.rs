//! Answers of OpenSSL 3.0.19 in `golden/`: `openssl ts -reply` over `golden data\n`, by an RSA and an
//! EC key, with a policy asked for, with the older certificate attribute and SHA-512, and refused;
//! and by `openssl cms -sign -cades` what its own authority would not sign, with certificates whose
//! purpose is not critical (`soft`) or not alone (`two`).

use super::*;

const DATA: &[u8] = b"golden data\n";
const NONCE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const RSA: &[u8] = include_bytes!("golden/rsa.tsr");

fn rsa(policy: Option<&str>) -> StampTrust {
    let pem = include_bytes!("golden/rsa-ca.pem");
    StampTrust::from_pem(pem, policy.map(str::to_owned)).unwrap()
}

fn ec() -> StampTrust {
    StampTrust::from_pem(include_bytes!("golden/ec-ca.pem"), None).unwrap()
}

fn request() -> StampRequest {
    StampRequest::new(DATA, NONCE, None).unwrap()
}

#[test]
fn the_request_is_the_one_openssl_read() {
    assert_eq!(request().der(), include_bytes!("golden/query.tsq"));
    assert!(StampRequest::new(DATA, NONCE, Some("no oid")).is_err());
}

#[test]
fn answers_of_openssl_are_accepted() {
    let stamp = request().accept(RSA, &rsa(None)).unwrap();
    assert_eq!(stamp.policy, "1.2.3.4.1");
    assert_eq!(stamp.serial, "02");
    assert_eq!(stamp.time, 1_795_769_373);
    assert_eq!(verify(RSA, DATA, &rsa(None)).unwrap(), stamp);
    assert!(request().accept(include_bytes!("golden/ec.tsr"), &ec()).is_ok());
    assert!(request().accept(include_bytes!("golden/v1.tsr"), &rsa(None)).is_ok());
    assert!(request().accept(include_bytes!("golden/cades.tsr"), &rsa(None)).is_ok());
    let asked = StampRequest::new(DATA, NONCE, Some("1.2.3.4.5")).unwrap();
    let answer = include_bytes!("golden/policy.tsr");
    assert_eq!(asked.accept(answer, &rsa(Some("1.2.3.4.5"))).unwrap().policy, "1.2.3.4.5");
}

#[test]
fn each_reason_to_refuse_has_its_name() {
    let fault = |f: Result<Stamp, StampFault>| f.unwrap_err().code();
    let other = StampRequest::new(b"other data\n", NONCE, None).unwrap();
    assert_eq!(fault(other.accept(RSA, &rsa(None))), "V063");
    let late = StampRequest::new(DATA, [9; 8], None).unwrap();
    assert_eq!(fault(late.accept(RSA, &rsa(None))), "V064");
    assert_eq!(fault(request().accept(RSA, &rsa(Some("1.2.3.4.5")))), "V065");
    assert_eq!(fault(request().accept(RSA, &ec())), "V067");
    let refused = include_bytes!("golden/refused.tsr");
    let refused = request().accept(refused, &rsa(None)).unwrap_err();
    assert_eq!(refused, StampFault::Refused { status: 2, failure: "000001".into() });
    assert_eq!(fault(request().accept(include_bytes!("golden/soft.tsr"), &rsa(None))), "V067");
    assert_eq!(fault(request().accept(include_bytes!("golden/two.tsr"), &rsa(None))), "V067");
    assert_eq!(fault(request().accept(&[RSA, b"x"].concat(), &rsa(None))), "V062");
}

#[test]
fn no_byte_of_what_is_signed_can_be_changed_and_no_cut_is_accepted() {
    let trust = rsa(None);
    let mut unnoticed = Vec::new();
    for at in 0..RSA.len() {
        let mut answer = RSA.to_vec();
        answer[at] ^= 1;
        if request().accept(&answer, &trust).is_ok() {
            unnoticed.push(at);
        }
        assert!(verify(&RSA[..at], DATA, &trust).is_err(), "cut at {at}");
    }
    // Outside of what is signed: the status (granted or with changes), what a signature does not cover
    // (versions, the list of digests, the digest's parameters), and the copy of the root, which comes
    // from the verifier.
    let root = 1_014..1_778;
    unnoticed.retain(|at| !root.contains(at));
    assert!(unnoticed.len() < 26, "{unnoticed:?}");
    let token = RSA.windows(8).position(|w| w == [0x41, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    assert!(!unnoticed.iter().any(|at| (token - 60..token + 8).contains(at)), "{unnoticed:?}");
}

#[test]
fn roots_are_certificates() {
    for bad in [&b""[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"x"] {
        assert!(StampTrust::from_pem(bad, None).is_err());
    }
    let pem = include_bytes!("golden/rsa-ca.pem");
    assert!(StampTrust::from_pem(pem, Some("x".into())).is_err());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, at in 0usize..2291, len in 0usize..40) {
        let trust = rsa(None);
        proptest::prop_assert!(verify(&bytes, DATA, &trust).is_err());
        let mut mixed = RSA.to_vec();
        let end = (at + len).min(mixed.len());
        mixed.splice(at..end, bytes);
        let _ = verify(&mixed, DATA, &trust);
    }
}
