//! The signature over a bundle's SHA256SUMS in the form of OpenSSH (PROTOCOL.sshsig), by the key of the
//! log: `ssh-keygen -Y verify -n xuedun-evidence` accepts it. So nobody can write the sums anew.

use data_encoding::BASE64;
use ring::digest::{SHA512, digest};

use super::note::{Signer, VerifyingKey};

/// What the signature is for; OpenSSH refuses it for anything else.
pub const NAMESPACE: &str = "xuedun-evidence";

const MAGIC: &[u8; 6] = b"SSHSIG";
const KEY_TYPE: &[u8] = b"ssh-ed25519";
const HASH: &[u8] = b"sha512";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// Characters in a line of the armour.
const WIDTH: usize = 70;

/// Signs a text; gives the armoured signature.
pub(super) fn sign(signer: &Signer, text: &[u8]) -> String {
    let signature = signer.sign_bytes(&message(text));
    let blob = BASE64.encode(&blob(signer.key(), &signature));
    let mut out = format!("{BEGIN}\n");
    for line in blob.as_bytes().chunks(WIDTH) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str(END);
    out.push('\n');
    out
}

/// Whether an armoured signature is the key's over the text.
pub(super) fn verify(key: &VerifyingKey, text: &[u8], armoured: &str) -> Result<(), &'static str> {
    let inner = armoured.strip_prefix(BEGIN).and_then(|t| t.trim_end().strip_suffix(END));
    let inner: String = inner.ok_or("not an SSH signature")?.split_whitespace().collect();
    let found = BASE64.decode(inner.as_bytes()).map_err(|_| "not base64")?;
    let signature = found.len().checked_sub(64).and_then(|at| found.get(at..));
    let signature = signature.ok_or("too short")?;
    // There is one way to write it: what differs from that is another key, namespace or hash.
    if found != blob(key, signature) {
        return Err("of another key or for another use");
    }
    if key.verifies(&message(text), signature) { Ok(()) } else { Err("does not verify") }
}

/// What is signed.
fn message(text: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA512, text);
    let parts = [NAMESPACE.as_bytes(), b"", HASH, hash.as_ref()];
    [&MAGIC[..], &parts.map(string).concat()].concat()
}

fn blob(key: &VerifyingKey, signature: &[u8]) -> Vec<u8> {
    let public = [string(KEY_TYPE), string(key.public())].concat();
    let signature = [string(KEY_TYPE), string(signature)].concat();
    let parts = [&public[..], NAMESPACE.as_bytes(), b"", HASH, &signature];
    [&MAGIC[..], &1u32.to_be_bytes(), &parts.map(string).concat()].concat()
}

/// A length of four bytes and the bytes.
fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_verifies_and_nothing_else_does() {
        let signer = Signer::from_seed("edu.example/log", &[7; 32]).unwrap();
        let text = b"abc  checkpoint\n";
        let armoured = sign(&signer, text);
        assert_eq!(verify(signer.key(), text, &armoured), Ok(()));
        assert!(verify(signer.key(), b"abd  checkpoint\n", &armoured).is_err());
        let other = Signer::from_seed("edu.example/log", &[8; 32]).unwrap();
        assert!(verify(other.key(), text, &armoured).is_err());
        let bytes = armoured.as_bytes();
        for at in (0..bytes.len()).filter(|at| !bytes[*at].is_ascii_whitespace()) {
            let mut changed = bytes.to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(verify(signer.key(), text, &changed).is_err(), "character {at}");
        }
    }
}
