//! Accounts and sessions in the store. A session's token is known to the browser alone: the
//! store holds its SHA-256.

use std::sync::Arc;
use std::time::Duration;

use events::{Lang, Sensitive, Timestamp};
use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use store::state::{Record, State, Table};

use super::{Caller, Role, password, totp};
use crate::error::Error;
use crate::limits;
use crate::seal::Seal;

/// An account as the store holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Its name: 2 to 64 of `a-z 0-9 . - _`.
    pub name: String,
    /// What a person is called.
    pub display_name: String,
    /// What it is for.
    pub role: Role,
    /// The language it reads.
    pub lang: Lang,
    /// Whether it can be used.
    pub enabled: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When somebody last signed in with it.
    pub last_login: Option<Timestamp>,
    /// PHC string of the password; none until the first is set.
    password: Option<String>,
    /// Sealed secret of the second factor.
    totp: Option<String>,
    /// Last step of the second factor that was used.
    totp_step: i64,
    failures: u32,
    locked_until: Option<Timestamp>,
}

impl Record for Account {
    const VERSION: u8 = 1;
}

impl Account {
    /// Whether it has a second factor.
    pub fn has_totp(&self) -> bool {
        self.totp.is_some()
    }

    /// Whether it has a password.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }
}

/// What is needed to make an account.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its name.
    pub name: String,
    /// What a person is called.
    pub display_name: String,
    /// What it is for.
    pub role: Role,
    /// The language it reads.
    pub lang: Lang,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Session {
    account: String,
    started: Timestamp,
    seen: Timestamp,
}

impl Record for Session {
    const VERSION: u8 = 1;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Link {
    account: String,
    until: Timestamp,
}

impl Record for Link {
    const VERSION: u8 = 1;
}

/// The secret that a browser keeps: 256 random bits in base64url.
pub type SessionToken = Sensitive<String>;

/// The accounts of a node.
pub struct AccountBook {
    accounts: Table<String, Account>,
    sessions: Table<String, Session>,
    links: Table<String, Link>,
    state: Arc<State>,
    seal: Seal,
    random: Arc<dyn SecureRandom + Send + Sync>,
}

impl AccountBook {
    /// Opens the tables.
    pub fn open(
        state: Arc<State>,
        seal: Seal,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, Error> {
        Ok(Self {
            accounts: state.table("accounts")?,
            sessions: state.table("sessions")?,
            links: state.table("login_links")?,
            state,
            seal,
            random,
        })
    }

    /// Makes an account without a password: its owner enters by a one-time link.
    pub fn create(&self, new: NewAccount, now: Timestamp) -> Result<(), Error> {
        let ok = (2..=64).contains(&new.name.len())
            && new
                .name
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'));
        if !ok {
            return Err(Error::BadValue { field: "account name" });
        }
        let account = Account {
            name: new.name,
            display_name: new.display_name,
            role: new.role,
            lang: new.lang,
            enabled: true,
            created: now,
            last_login: None,
            password: None,
            totp: None,
            totp_step: -1,
            failures: 0,
            locked_until: None,
        };
        if !self.accounts.insert_new(&account.name.clone(), &account)? {
            return Err(Error::BadValue { field: "account name" });
        }
        self.state.flush()?;
        Ok(())
    }

    /// All accounts by name.
    pub fn list(&self) -> Result<Vec<Account>, Error> {
        self.accounts.iter().map(|row| Ok(row?.1)).collect()
    }

    /// A link's token that signs in once, within [`limits::ONE_TIME_LINK_MINUTES`].
    pub fn one_time_link(&self, account: &str, now: Timestamp) -> Result<SessionToken, Error> {
        if self.accounts.get(&account.to_owned())?.is_none() {
            return Err(Error::NotFound { what: "account" });
        }
        let token = self.token()?;
        let until = now.plus(Duration::from_secs(60 * limits::ONE_TIME_LINK_MINUTES));
        let link = Link { account: account.to_owned(), until };
        self.links.put(&fingerprint(token.reveal()), &link)?;
        self.state.flush()?;
        Ok(token)
    }

    /// Signs in with a one-time link; the link is gone afterwards, whatever comes of it.
    pub fn login_once(&self, token: &str, now: Timestamp) -> Result<SessionToken, Error> {
        let key = fingerprint(token);
        let link = self.links.get(&key)?.ok_or(Error::BadCredentials)?;
        self.links.remove(&key)?;
        if link.until < now {
            self.state.flush()?;
            return Err(Error::BadCredentials);
        }
        let account = self.usable(&link.account, now)?;
        self.start_session(account, now)
    }

    /// Signs in with a password and, where the account has one, the second factor.
    pub fn login(
        &self,
        name: &str,
        password: &Sensitive<String>,
        code: Option<&str>,
        now: Timestamp,
    ) -> Result<SessionToken, Error> {
        let Some(account) = self.accounts.get(&name.to_owned())? else {
            // Spend the same time as for an account that exists.
            password::verify(password, DUMMY_PHC);
            return Err(Error::BadCredentials);
        };
        let account = self.usable(&account.name, now)?;
        let phc = account.password.as_deref().unwrap_or(DUMMY_PHC);
        if !password::verify(password, phc) || account.password.is_none() {
            return Err(self.failed(&account.name, now)?);
        }
        let mut account = account;
        if let Some(sealed) = &account.totp {
            let Some(code) = code.filter(|c| !c.is_empty()) else { return Err(Error::CodeNeeded) };
            let secret = self.seal.open(sealed, account.name.as_bytes())?;
            match totp::verify(secret.reveal(), code, now) {
                Some(step) if step > account.totp_step => account.totp_step = step,
                _ => return Err(self.failed(&account.name, now)?),
            }
        }
        self.start_session(account, now)
    }

    /// Who is behind a session token; `None` when it is unknown, idle too long or too old.
    pub fn caller(&self, token: &str, now: Timestamp) -> Result<Option<Caller>, Error> {
        let key = fingerprint(token);
        let Some(session) = self.sessions.get(&key)? else { return Ok(None) };
        let idle = now.since(session.seen);
        let age = now.since(session.started);
        let over = idle > Duration::from_secs(60 * limits::SESSION_IDLE_MINUTES)
            || age > Duration::from_secs(3600 * limits::SESSION_HOURS);
        let account = self.accounts.get(&session.account)?.filter(|a| a.enabled);
        let Some(account) = account.filter(|_| !over).filter(|a| !expired(&a.role, now)) else {
            self.sessions.remove(&key)?;
            return Ok(None);
        };
        // A write a minute is enough to know that somebody is there.
        if idle > Duration::from_secs(60) {
            self.sessions.put(&key, &Session { seen: now, ..session })?;
        }
        Ok(Some(Caller {
            account: account.name,
            role: account.role,
            lang: account.lang,
            session: sha256(token.as_bytes()),
        }))
    }

    /// Ends a session.
    pub fn logout(&self, token: &str) -> Result<(), Error> {
        self.sessions.remove(&fingerprint(token))?;
        self.state.flush()?;
        Ok(())
    }

    /// Sets a password; `old` must be right unless the account has none. Other sessions end.
    pub fn set_password(
        &self,
        caller: &Caller,
        old: &Sensitive<String>,
        new: &Sensitive<String>,
    ) -> Result<(), Error> {
        password::check(&caller.account, new)?;
        let mut account = self.own(caller)?;
        if let Some(phc) = &account.password
            && !password::verify(old, phc)
        {
            return Err(Error::BadCredentials);
        }
        let mut salt = [0; 16];
        self.fill(&mut salt)?;
        account.password = password::hash(new, &salt);
        self.accounts.put(&account.name.clone(), &account)?;
        self.end_sessions(&account.name, Some(&hex(&caller.session)))?;
        self.state.flush()?;
        Ok(())
    }

    /// A fresh secret of a second factor and its `otpauth` URI, not yet in force.
    pub fn propose_totp(&self, caller: &Caller) -> Result<(Sensitive<Vec<u8>>, String), Error> {
        let mut secret = vec![0; 20];
        self.fill(&mut secret)?;
        let uri = totp::uri(&secret, &caller.account);
        Ok((Sensitive::new(secret), uri))
    }

    /// Puts a second factor in force once its owner has shown a right code.
    pub fn enrol_totp(
        &self,
        caller: &Caller,
        secret: &Sensitive<Vec<u8>>,
        code: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let step = totp::verify(secret.reveal(), code, now).ok_or(Error::BadCredentials)?;
        let mut account = self.own(caller)?;
        let mut nonce = [0; 12];
        self.fill(&mut nonce)?;
        account.totp = Some(self.seal.close(secret.reveal(), account.name.as_bytes(), nonce)?);
        account.totp_step = step;
        self.accounts.put(&account.name.clone(), &account)?;
        self.state.flush()?;
        Ok(())
    }

    fn own(&self, caller: &Caller) -> Result<Account, Error> {
        self.accounts.get(&caller.account)?.ok_or(Error::NotSignedIn)
    }

    fn usable(&self, name: &str, now: Timestamp) -> Result<Account, Error> {
        let account = self.accounts.get(&name.to_owned())?.ok_or(Error::BadCredentials)?;
        if !account.enabled || expired(&account.role, now) {
            return Err(Error::BadCredentials);
        }
        if account.locked_until.is_some_and(|until| now < until) {
            return Err(Error::Locked);
        }
        Ok(account)
    }

    fn failed(&self, name: &str, now: Timestamp) -> Result<Error, Error> {
        let updated = self.accounts.update(&name.to_owned(), |account| {
            let mut account = account?;
            account.failures += 1;
            if account.failures >= limits::LOGIN_FAILURES_MAX {
                account.failures = 0;
                let lock = Duration::from_secs(60 * limits::LOCK_MINUTES);
                account.locked_until = Some(now.plus(lock));
            }
            Some(account)
        })?;
        self.state.flush()?;
        let locked = updated.is_some_and(|a| a.locked_until.is_some_and(|u| now < u));
        Ok(if locked { Error::Locked } else { Error::BadCredentials })
    }

    fn start_session(&self, mut account: Account, now: Timestamp) -> Result<SessionToken, Error> {
        account.failures = 0;
        account.locked_until = None;
        account.last_login = Some(now);
        self.accounts.put(&account.name.clone(), &account)?;
        self.trim_sessions(&account.name)?;
        let token = self.token()?;
        let session = Session { account: account.name, started: now, seen: now };
        self.sessions.put(&fingerprint(token.reveal()), &session)?;
        self.state.flush()?;
        Ok(token)
    }

    fn trim_sessions(&self, name: &str) -> Result<(), Error> {
        let mut own: Vec<(String, Session)> = Vec::new();
        for row in self.sessions.iter() {
            let (key, session) = row?;
            if session.account == name {
                own.push((key, session));
            }
        }
        own.sort_by_key(|(_, s)| s.started);
        let over = (own.len() + 1).saturating_sub(limits::SESSIONS_PER_ACCOUNT_MAX);
        for (key, _) in own.iter().take(over) {
            self.sessions.remove(key)?;
        }
        Ok(())
    }

    fn end_sessions(&self, name: &str, but: Option<&str>) -> Result<(), Error> {
        for row in self.sessions.iter() {
            let (key, session) = row?;
            if session.account == name && but != Some(key.as_str()) {
                self.sessions.remove(&key)?;
            }
        }
        Ok(())
    }

    fn token(&self) -> Result<SessionToken, Error> {
        let mut bytes = [0; 32];
        self.fill(&mut bytes)?;
        Ok(Sensitive::new(data_encoding::BASE64URL_NOPAD.encode(&bytes)))
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        self.random.fill(bytes).map_err(|_| Error::Part {
            part: "random",
            message: "the system gave no random bytes".to_owned(),
        })
    }
}

/// A PHC string nobody's password matches, so that unknown names cost what known ones do.
const DUMMY_PHC: &str = "$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn expired(role: &Role, now: Timestamp) -> bool {
    matches!(role, Role::Assessor { until } if *until < now)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn fingerprint(token: &str) -> String {
    hex(&sha256(token.as_bytes()))
}

#[cfg(test)]
mod tests;
