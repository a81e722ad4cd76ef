//! Passwords: Argon2id (RFC 9106, second recommended option scaled to 19 MiB, t=2), kept as a
//! PHC string.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use events::Sensitive;

use crate::limits;

/// Why a password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short or too long.
    #[error("a password has at least {} characters", limits::PASSWORD_CHARS_MIN)]
    Length,
    /// Fewer than three of: lower case, upper case, digit, other.
    #[error("a password mixes at least three of lower case, upper case, digits and other signs")]
    Classes,
    /// It holds the account's name.
    #[error("a password does not hold the account's name")]
    HoldsName,
}

/// Checks a new password (8.1.4.1 a: complexity; the numbers are ours).
pub fn check(name: &str, password: &Sensitive<String>) -> Result<(), WeakPassword> {
    let text = password.reveal();
    if text.chars().count() < limits::PASSWORD_CHARS_MIN || text.len() > limits::PASSWORD_BYTES_MAX
    {
        return Err(WeakPassword::Length);
    }
    let has = |test: fn(char) -> bool| usize::from(text.chars().any(test));
    let classes = has(|c| c.is_lowercase())
        + has(|c| c.is_uppercase())
        + has(|c| c.is_numeric())
        + has(|c| !c.is_alphanumeric());
    if classes < 3 {
        return Err(WeakPassword::Classes);
    }
    if text.to_lowercase().contains(&name.to_lowercase()) {
        return Err(WeakPassword::HoldsName);
    }
    Ok(())
}

/// The PHC string of a password under a fresh salt of 16 bytes.
pub fn hash(password: &Sensitive<String>, salt: &[u8; 16]) -> Option<String> {
    let bytes = password.reveal().as_bytes();
    argon2().hash_password_with_salt(bytes, salt).ok().map(|h| h.to_string())
}

/// Whether a password is the one behind a PHC string.
pub fn verify(password: &Sensitive<String>, phc: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(phc) else { return false };
    argon2().verify_password(password.reveal().as_bytes(), &parsed).is_ok()
}

fn argon2() -> Argon2<'static> {
    // 19 MiB, two passes, one lane: within the bounds of `Params`, so the default is never used.
    let params = Params::new(19 * 1024, 2, 1, Some(32)).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Sensitive<String> {
        Sensitive::new(text.to_owned())
    }

    #[test]
    fn hash_and_verify() {
        let phc = hash(&secret("Qingxi-2026-spring"), &[7; 16]).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify(&secret("Qingxi-2026-spring"), &phc));
        assert!(!verify(&secret("Qingxi-2026-sprinG"), &phc));
        assert!(!verify(&secret("x"), "not a hash"));
    }

    #[test]
    fn weak_ones_are_refused() {
        let check = |p: &str| check("wang.li", &secret(p));
        assert_eq!(check("Short-1"), Err(WeakPassword::Length));
        assert_eq!(check("onlylowercaseletters"), Err(WeakPassword::Classes));
        assert_eq!(check("Wang.Li-2026-aa"), Err(WeakPassword::HoldsName));
        assert_eq!(check("Lake-and-hills-26"), Ok(()));
    }
}
