//! Who may do what: accounts, roles, sessions, second factor.
//!
//! Layout: [`role`] is the table of permissions, [`caller`] the person behind a call, [`book`]
//! the accounts and sessions in the store, [`password`] and [`totp`] the two factors.

pub mod book;
pub mod caller;
pub mod password;
pub mod role;
pub mod totp;

pub use book::{Account, AccountBook, NewAccount, SessionToken};
pub use caller::{Caller, Scope};
pub use password::WeakPassword;
pub use role::{Permission, Role};
