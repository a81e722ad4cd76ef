//! A root key that stays in a PKCS#11 token (2.40 and later): an AES-256 key that its token marks as
//! sensitive and not extractable. Dataset keys are sealed and opened inside the token by
//! `CKM_AES_GCM`, bound to their dataset's name.
//!
//! A PIN is tried once: tokens lock after a few wrong ones.

use std::path::PathBuf;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Refusal, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::{Wrapping, joined, nonce, parted, taken};
use crate::records::error::Error;

/// Bits of the tag that authenticates a wrapped key.
const TAG_BITS: u64 = 128;

/// Which token of a module is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenName {
    /// By the label it was initialised with.
    Label(String),
    /// By the number of its slot.
    Slot(u64),
}

/// A root key in a token.
#[derive(Clone)]
pub struct TokenRoot {
    /// The token's PKCS#11 library.
    pub module: PathBuf,
    /// The token.
    pub token: TokenName,
    /// The label of the key.
    pub key: String,
    /// The PIN of the token's user.
    pub pin: Zeroizing<String>,
}

/// An open token: its key wraps.
pub(super) struct Token {
    session: Session,
    key: ObjectHandle,
}

impl Token {
    /// Logs in and finds the key.
    ///
    /// # Errors
    /// [`Error::NoModule`], [`Error::NoToken`], [`Error::WrongPin`], [`Error::NoRootKey`],
    /// [`Error::UnsafeRootKey`], [`Error::TokenRefused`].
    pub(super) fn open(root: &TokenRoot) -> Result<Self, Error> {
        let (module, slot) = find(root)?;
        let session = module.open_ro_session(slot).map_err(refused)?;
        login(&module, slot, &session, root)?;
        let keys = session.find_objects(&template(&root.key)).map_err(refused)?;
        let [key] = keys[..] else { return Err(Error::NoRootKey { found: keys.len() }) };
        fit(&session, key)?;
        Ok(Self { session, key })
    }
}

/// Makes the key in its token.
pub(super) fn make(root: &TokenRoot) -> Result<(), Error> {
    let (module, slot) = find(root)?;
    let session = module.open_rw_session(slot).map_err(refused)?;
    login(&module, slot, &session, root)?;
    let mut template = template(&root.key);
    if !session.find_objects(&template).map_err(refused)?.is_empty() {
        return Err(Error::BadKey { reason: "the token holds a key of that label already" });
    }
    template.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::ValueLen(32.into()),
    ]);
    let key = session.generate_key(&Mechanism::AesKeyGen, &template).map_err(refused)?;
    fit(&session, key)
}

/// What the key is found by, and made with.
fn template(label: &str) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
    ]
}

/// The module, ready, and the slot of the token.
fn find(root: &TokenRoot) -> Result<(Pkcs11, Slot), Error> {
    let unloadable = |e: Refusal| Error::NoModule { reason: e.to_string() };
    let module = Pkcs11::new(&root.module).map_err(unloadable)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Another root key of this module is open, as when one replaces the other.
        Ok(()) | Err(Refusal::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(e) => return Err(unloadable(e)),
    }
    let slots = module.get_slots_with_token().map_err(refused)?;
    let mut found = Vec::new();
    for slot in slots {
        let meant = match &root.token {
            TokenName::Slot(number) => slot.id() == *number,
            TokenName::Label(label) => {
                let info = module.get_token_info(slot).map_err(refused)?;
                info.token_initialized() && info.label() == label
            }
        };
        found.extend(meant.then_some(slot));
    }
    let [slot] = found[..] else { return Err(Error::NoToken { found: found.len() }) };
    Ok((module, slot))
}

/// Logs in, once.
fn login(module: &Pkcs11, slot: Slot, session: &Session, root: &TokenRoot) -> Result<(), Error> {
    let pin = AuthPin::from(root.pin.as_str());
    match session.login(UserType::User, Some(&pin)) {
        // The login is the process's, not the session's.
        Ok(()) | Err(Refusal::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Refusal::Pkcs11(RvError::PinLocked, _)) => Err(Error::WrongPin { state: LOCKED }),
        Err(Refusal::Pkcs11(
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
            _,
        )) => {
            let state = module.get_token_info(slot).map_or(UNTOLD, |info| tries(&info));
            Err(Error::WrongPin { state })
        }
        Err(e) => Err(refused(e)),
    }
}

const LOCKED: &str = "the token is locked";
const UNTOLD: &str = "the token does not say how many tries are left";

/// What a token tells of the tries that are left after a wrong PIN.
fn tries(info: &TokenInfo) -> &'static str {
    if info.user_pin_locked() {
        LOCKED
    } else if info.user_pin_final_try() {
        "one more wrong PIN locks the token"
    } else if info.user_pin_count_low() {
        "the token counts wrong PINs and locks after a few"
    } else {
        UNTOLD
    }
}

/// Whether a key is one that can stand at the root.
fn fit(session: &Session, key: ObjectHandle) -> Result<(), Error> {
    let asked = [AttributeType::ValueLen, AttributeType::Sensitive, AttributeType::Extractable];
    let told = session.get_attributes(key, &asked).map_err(refused)?;
    let wanted = [
        (Attribute::ValueLen(32.into()), "it is not of 256 bits"),
        (Attribute::Sensitive(true), "it is not marked sensitive"),
        (Attribute::Extractable(false), "it can be taken out of the token"),
    ];
    for (attribute, reason) in wanted {
        if !told.contains(&attribute) {
            return Err(Error::UnsafeRootKey { reason });
        }
    }
    Ok(())
}

fn refused(error: Refusal) -> Error {
    Error::TokenRefused {
        reason: match error {
            Refusal::Pkcs11(state, function) => format!("C_{function:?}: {state:?}"),
            other => other.to_string(),
        },
    }
}

impl Wrapping for Token {
    fn wrap(
        &self,
        key: &[u8; 32],
        name: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<String, Error> {
        let mut nonce = nonce(random)?;
        let sealed = {
            let params = GcmParams::new(&mut nonce, name, TAG_BITS.into()).map_err(refused)?;
            self.session.encrypt(&Mechanism::AesGcm(params), self.key, key).map_err(refused)?
        };
        // A token that draws nonces of its own has put its there.
        Ok(joined(&nonce, &sealed))
    }

    fn unwrap(&self, text: &str, name: &[u8]) -> Result<Option<Zeroizing<[u8; 32]>>, Error> {
        let Some((mut nonce, sealed)) = parted(text) else { return Ok(None) };
        let params = GcmParams::new(&mut nonce, name, TAG_BITS.into()).map_err(refused)?;
        match self.session.decrypt(&Mechanism::AesGcm(params), self.key, &sealed) {
            Ok(plain) => Ok(taken(plain)),
            Err(Refusal::Pkcs11(
                RvError::EncryptedDataInvalid
                | RvError::EncryptedDataLenRange
                // What SoftHSM says of a tag that does not fit.
                | RvError::GeneralError,
                _,
            )) => Ok(None),
            Err(e) => Err(refused(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_is_none_is_named() {
        let root = TokenRoot {
            module: "/nowhere/module.so".into(),
            token: TokenName::Slot(0),
            key: "k".into(),
            pin: Zeroizing::new("1234".into()),
        };
        assert_eq!(Token::open(&root).err().unwrap().code(), "C060");
    }
}
