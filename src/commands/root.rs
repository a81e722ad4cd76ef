//! A root key that is kept in a token or at a service: the file that says where, and the secrets it
//! names. A PIN comes from a file, the environment or the terminal, never from the command line.

use std::path::Path;

use compliance::records::protect::{Root, RootPlace, TokenRoot, TransitRoot};
use events::Lang;
use zeroize::Zeroizing;

use super::Failure;
use super::database::ask;
use super::protect::passphrase;

/// Where the PIN of a token is taken from when no file is named.
const PIN: &str = "XUEDUN_TOKEN_PIN";

/// The root key that a file points to.
pub fn read(path: &Path, lang: Lang) -> Result<Root, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| Failure::file(path, &e))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let place = RootPlace::parse(&text, folder).map_err(|e| Failure::of(e.code(), &e))?;
    Ok(match place {
        RootPlace::Pkcs11 { module, token, key, pin_file } => {
            let pin = pin(pin_file.as_deref(), lang)?;
            Root::Token(TokenRoot { module, token, key, pin })
        }
        RootPlace::Transit { address, mount, key, token_file, ca, namespace } => {
            let token = Zeroizing::new(passphrase(&token_file)?.into_inner());
            Root::Transit(TransitRoot { address, mount, key, token, ca, namespace })
        }
    })
}

fn pin(file: Option<&Path>, lang: Lang) -> Result<Zeroizing<String>, Failure> {
    if let Some(path) = file {
        return Ok(Zeroizing::new(passphrase(path)?.into_inner()));
    }
    if let Ok(text) = std::env::var(PIN) {
        return Ok(Zeroizing::new(text));
    }
    ask(lang.pick("令牌的 PIN", "PIN of the token")).map(|pin| Zeroizing::new(pin.into_inner()))
}
