//! The token that tells drill data from real data.
//!
//! `xdx=<exercise, 32 hex>.<inject id>.<first 16 bytes of HMAC-SHA256, 32 hex>`. The code covers
//! both ids, so a token cannot be moved to another exercise or inject, and nobody without the
//! node's key can make one.

use data_encoding::HEXLOWER;
use events::ExerciseId;
use ring::hmac;

use crate::limits::INJECT_ID_BYTES_MAX;

const PREFIX: &[u8] = b"xdx=";
const MAC_BYTES: usize = 16;

/// The token of one inject of one exercise. The inject id must be one that loading accepted
/// (lower-case letters, digits, hyphens).
pub fn marker(key: &[u8; 32], exercise: ExerciseId, inject: &str) -> String {
    let code = code(key, exercise, inject);
    format!("xdx={exercise}.{inject}.{}", HEXLOWER.encode(&code))
}

/// The exercise and inject of the first genuine token in a record, if there is one. Comparison
/// takes the same time whatever differs.
pub fn verify_marker(key: &[u8; 32], record: &[u8]) -> Option<(ExerciseId, String)> {
    let mut rest = record;
    while let Some(at) = rest.windows(PREFIX.len()).position(|w| w == PREFIX) {
        rest = &rest[at + PREFIX.len()..];
        if let Some(found) = token(key, rest) {
            return Some(found);
        }
    }
    None
}

fn token(key: &[u8; 32], text: &[u8]) -> Option<(ExerciseId, String)> {
    let exercise = std::str::from_utf8(text.get(..32)?).ok()?;
    if exercise.bytes().any(|b| b.is_ascii_uppercase()) || text.get(32) != Some(&b'.') {
        return None;
    }
    let exercise: ExerciseId = exercise.parse().ok()?;
    let rest = text.get(33..)?;
    let length = rest.iter().take(INJECT_ID_BYTES_MAX + 1).position(|b| *b == b'.')?;
    let inject = std::str::from_utf8(rest.get(..length)?).ok().filter(|id| is_inject_id(id))?;
    let given = HEXLOWER.decode(rest.get(length + 1..length + 1 + 2 * MAC_BYTES)?).ok()?;
    // A code over each side, compared by ring: no early exit, and no compare of our own.
    let signing = hmac::Key::new(hmac::HMAC_SHA256, key);
    let wanted = hmac::sign(&signing, &code(key, exercise, inject));
    hmac::verify(&signing, &given, wanted.as_ref()).ok()?;
    Some((exercise, inject.to_owned()))
}

fn code(key: &[u8; 32], exercise: ExerciseId, inject: &str) -> [u8; MAC_BYTES] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(b"xuedun drill marker 1\0");
    context.update(&exercise.to_bytes());
    context.update(inject.as_bytes());
    let tag = context.sign();
    let mut code = [0; MAC_BYTES];
    code.copy_from_slice(&tag.as_ref()[..MAC_BYTES]);
    code
}

/// Lower-case letters, digits and inner hyphens, at most [`INJECT_ID_BYTES_MAX`].
pub(super) fn is_inject_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= INJECT_ID_BYTES_MAX
        && !id.starts_with('-')
        && !id.ends_with('-')
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn only_the_own_token_is_believed() {
        let exercise = ExerciseId::from_u128(0xabc);
        let token = marker(&KEY, exercise, "spray-1");
        assert_eq!(token.len(), 4 + 32 + 1 + 7 + 1 + 32);
        let record = format!("<134>Nov 24 00:00:00 vpn xdx=junk {token} user=x");
        let found = verify_marker(&KEY, record.as_bytes());
        assert_eq!(found, Some((exercise, "spray-1".to_owned())), "a false start does not hide it");
        assert_eq!(verify_marker(&[8; 32], record.as_bytes()), None, "another node's key");
        let moved = record.replace("spray-1", "spray-2");
        assert_eq!(verify_marker(&KEY, moved.as_bytes()), None, "bound to the inject");
        let other = record.replace("abc.", "abd.");
        assert_eq!(verify_marker(&KEY, other.as_bytes()), None, "bound to the exercise");
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..120), at in 0usize..40) {
            bytes.splice(at.min(bytes.len())..at.min(bytes.len()), *b"xdx=");
            prop_assert_eq!(verify_marker(&KEY, &bytes), None);
        }

        #[test]
        fn one_changed_byte_is_noticed(index in 4usize..76, flip in 1u8..=255) {
            let token = marker(&KEY, ExerciseId::from_u128(5), "inject1");
            let mut bytes = token.into_bytes();
            bytes[index] ^= flip;
            prop_assert_eq!(verify_marker(&KEY, &bytes), None);
        }
    }
}
