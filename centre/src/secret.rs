//! The node's root secret: 32 random bytes in a file that only its owner reads, and keys derived
//! from it by HKDF-SHA-256 (RFC 5869), one per purpose.

use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use crate::error::Error;

/// Reads a secret of the node.
pub(crate) fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, Error> {
    open_key(path)?.ok_or_else(|| Error::Io {
        what: format!("the node's key {}", path.display()),
        source: std::io::ErrorKind::NotFound.into(),
    })
}

/// Reads a secret, or makes it at the first start.
pub(crate) fn node_key(
    path: &Path,
    random: &dyn SecureRandom,
) -> Result<Zeroizing<[u8; 32]>, Error> {
    if let Some(key) = open_key(path)? {
        return Ok(key);
    }
    let io = |source| Error::Io { what: format!("the node's key {}", path.display()), source };
    let mut key = Zeroizing::new([0; 32]);
    random.fill(&mut *key).map_err(|_| Error::Part {
        part: "node key",
        message: "the system gave no random bytes".to_owned(),
    })?;
    // Complete before it has its name: a crash leaves no half key.
    let part = path.with_extension("part");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&part).map_err(io)?;
    file.write_all(&*key).map_err(io)?;
    file.sync_all().map_err(io)?;
    std::fs::rename(&part, path).map_err(io)?;
    Ok(key)
}

/// A secret that is there already; one that others can read is refused.
fn open_key(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, Error> {
    let io = |source| Error::Io { what: format!("the node's key {}", path.display()), source };
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io(e)),
    };
    let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let message = format!("{} can be read by others (mode {mode:o})", path.display());
        return Err(Error::Part { part: "node key", message });
    }
    let mut key = Zeroizing::new([0; 32]);
    file.read_exact(&mut *key).map_err(io)?;
    Ok(Some(key))
}

/// A key for one purpose.
pub(crate) fn derive(root: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    struct Len;
    impl KeyType for Len {
        fn len(&self) -> usize {
            32
        }
    }
    let mut out = [0; 32];
    let prk = Salt::new(HKDF_SHA256, b"xuedun node v1").extract(root);
    let info = [purpose];
    let filled = prk.expand(&info, Len).and_then(|okm| okm.fill(&mut out));
    debug_assert!(filled.is_ok(), "32 bytes are within HKDF's bound of 255 * 32");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        let random = ring::rand::SystemRandom::new();
        let first = node_key(&path, &random).unwrap();
        assert_eq!(*node_key(&path, &random).unwrap(), *first);
        assert_ne!(derive(&first, b"seal"), derive(&first, b"drill"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(node_key(&path, &random).unwrap_err().to_string().contains("644"));
    }
}
