//! Signatures: the published RSA example of the standard's editors, and Ed25519 made here.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use events::Timestamp;
use playbooks::signature::verify;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

/// Facts of the published example: its key, and the signature over its playbook.
const RSA_KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAptKZyFPStvmOlb0WihOBhlHUr6wFDHC+tW7hJAudfTQ5mHZQpB8PoMz07udZA+dG8dhUIPkmXlp1TgREeYTHdhxhuf0y/GhbpZv5JPYHx3watO+HWO2qYkjRMEcrWhPMdaVkS/Xe/liaMcow4jYoWaFm8VobeYsyVD2bWWdyl4joTEETm1Z47RnnfR15kVhVudVrDzEFmM4nXV/6dmIg184RJE4httwBFxR8qZCQCwTiJmsoyJxfUR0Gs4ePKc5sB0NTkmFZc5klQSitd67RJn2ldhbqE7EpDl4XlIt+UyLJm1guCBltia8Agke7dXuhpB7hQ6LJwY4EjzthkJ8IPwIDAQAB";
const RSA_VALUE: &str = "gXyPW--uUKvGXRh_oDC7IYlx13hGmkiQw6XX3YX_V_i4Y39OPilf0q0qf46aO3IrvG-5_fgeQ3dIunmizYneaVJKjsXo-gkJczvGDehlTjS7MBUIGyD9DRd41DnaxWWwzU-T4sZCur664_3J0C-WRCDgZxiB_ItFpeSnPJ8rR8GRFO6M9YS-ejEGJl-sd_hfZUqjZOE_S_UWp_Fd9QYlP2cWDvGH8vFhx2ek9KovEob5Bh2LX_Gaf7t237B34wKeN4B8aqapyTh3Q8v_Z61bDTNLyi6ZA8zcrUOgCVLVMx_EFizx31WIDZrePsSpX4bfRurcvRyvNNVdWLaS96JYog";

fn example() -> serde_json::Value {
    json!({
        "type": "playbook", "spec_version": "cacao-2.0",
        "id": "playbook--a0777575-5c4c-4710-9f01-15776103837f",
        "name": "Playbook 1",
        "created_by": "identity--5abe695c-7bd5-4c31-8824-2528696cdbf1",
        "created": "2022-05-18T11:31:31.319Z", "modified": "2022-05-18T11:31:31.319Z",
        "signatures": [{
            "type": "jss", "id": "jss--af892292-c4b4-47eb-9be6-4897ff4b9388",
            "created_by": "identity--5abe695c-7bd5-4c31-8824-2528696cdbf1",
            "created": "2023-01-10T17:39:31.319Z", "modified": "2023-01-10T17:39:31.319Z",
            "signee": "ACME Cyber Company",
            "valid_from": "2023-01-10T17:39:31.319Z", "valid_until": "2023-06-10T17:39:31.319Z",
            "related_to": "playbook--a0777575-5c4c-4710-9f01-15776103837f",
            "related_version": "2022-05-18T11:31:31.319Z",
            "hash_algorithm": "sha-256", "algorithm": "RS256",
            "public_key": RSA_KEY, "value": RSA_VALUE,
        }],
    })
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

#[test]
fn the_published_example_is_genuine() {
    let found = verify(&example().to_string(), at("2023-02-01T00:00:00Z")).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].genuine && found[0].in_force);
    assert_eq!(found[0].signee, "ACME Cyber Company");
    let later = verify(&example().to_string(), at("2024-01-01T00:00:00Z")).unwrap();
    assert!(later[0].genuine && !later[0].in_force, "its time is over");
}

#[test]
fn any_change_shows() {
    let now = at("2023-02-01T00:00:00Z");
    let mut renamed = example();
    renamed["name"] = json!("Playbook 2");
    assert!(!verify(&renamed.to_string(), now).unwrap()[0].genuine);
    let mut resigned = example();
    resigned["signatures"][0]["signee"] = json!("Someone else");
    assert!(!verify(&resigned.to_string(), now).unwrap()[0].genuine);
    let mut moved = example();
    moved["signatures"][0]["public_key"] = json!("none");
    assert_eq!(verify(&moved.to_string(), now).unwrap_err().code(), "P118");
}

#[test]
fn another_signature_beside_it_does_not_matter() {
    let mut two = example();
    let mut other = two["signatures"][0].clone();
    other["signee"] = json!("Forger");
    two["signatures"].as_array_mut().unwrap().insert(0, other);
    let found = verify(&two.to_string(), at("2023-02-01T00:00:00Z")).unwrap();
    assert_eq!(found.iter().map(|s| s.genuine).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn ed25519_over_the_hash_text() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
    let mut spki = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    spki.extend_from_slice(pair.public_key().as_ref());
    let mut playbook = example();
    let one = &mut playbook["signatures"][0];
    one["algorithm"] = json!("Ed25519");
    one["public_key"] = json!(STANDARD.encode(&spki));
    one.as_object_mut().unwrap().remove("value");
    // Keys of this playbook are ASCII and few: sorting maps by hand gives the canonical form.
    fn sorted(value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(map) => {
                let mut keys: Vec<_> = map.keys().collect();
                keys.sort();
                keys.into_iter().map(|k| (k.clone(), sorted(&map[k]))).collect()
            }
            serde_json::Value::Array(items) => items.iter().map(sorted).collect(),
            other => other.clone(),
        }
    }
    let canonical = sorted(&playbook).to_string();
    let digest = ring::digest::digest(&ring::digest::SHA256, canonical.as_bytes());
    let hash = data_encoding::HEXLOWER.encode(digest.as_ref());
    let value = URL_SAFE_NO_PAD.encode(pair.sign(hash.as_bytes()).as_ref());
    playbook["signatures"][0]["value"] = json!(value);
    let found = verify(&playbook.to_string(), at("2023-02-01T00:00:00Z")).unwrap();
    assert!(found[0].genuine);
}

#[test]
fn unsigned_is_not_an_error() {
    assert_eq!(verify("{}", at("2023-02-01T00:00:00Z")).unwrap(), []);
}
