//! Signing in and out, and one's own account.

use events::{Sensitive, Timestamp};

use crate::account::{Account, Caller, NewAccount, Permission, SessionToken};
use crate::audit_log::AuditEntry;
use crate::centre::{Centre, page};
use crate::error::Error;

impl Centre {
    /// Signs in with name, password and, where enrolled, the second factor.
    pub fn login(
        &self,
        name: &str,
        password: &Sensitive<String>,
        code: Option<&str>,
    ) -> Result<SessionToken, Error> {
        let now = self.now();
        let done = self.accounts.login(name, password, code, now);
        // A missing code is a step of the form, not a failure.
        if !matches!(done, Err(Error::CodeNeeded)) {
            self.audit_log.record(None, "login", name, done.is_ok(), now)?;
        }
        done
    }

    /// Signs in with a one-time link.
    pub fn login_once(&self, token: &str) -> Result<SessionToken, Error> {
        let now = self.now();
        let done = self.accounts.login_once(token, now);
        self.audit_log.record(None, "login.link", "", done.is_ok(), now)?;
        done
    }

    /// Who is behind a session token.
    pub fn caller(&self, token: &str) -> Result<Option<Caller>, Error> {
        self.accounts.caller(token, self.now())
    }

    /// Signs out.
    pub fn logout(&self, caller: &Caller, token: &str) -> Result<(), Error> {
        self.accounts.logout(token)?;
        self.audit_log.record(Some(caller), "logout", &caller.account, true, self.now())
    }

    /// Sets one's own password; every other session of the account ends.
    pub fn set_password(
        &self,
        caller: &Caller,
        old: &Sensitive<String>,
        new: &Sensitive<String>,
    ) -> Result<(), Error> {
        caller.need(Permission::OwnAccount)?;
        let done = self.accounts.set_password(caller, old, new);
        let now = self.now();
        self.audit_log.record(
            Some(caller),
            "account.password",
            &caller.account,
            done.is_ok(),
            now,
        )?;
        done
    }

    /// A secret for a second factor and its `otpauth` URI, to be confirmed with a code.
    pub fn propose_totp(&self, caller: &Caller) -> Result<(Sensitive<Vec<u8>>, String), Error> {
        caller.need(Permission::OwnAccount)?;
        self.accounts.propose_totp(caller)
    }

    /// Puts a second factor in force.
    pub fn enrol_totp(
        &self,
        caller: &Caller,
        secret: &Sensitive<Vec<u8>>,
        code: &str,
    ) -> Result<(), Error> {
        caller.need(Permission::OwnAccount)?;
        let now = self.now();
        let done = self.accounts.enrol_totp(caller, secret, code, now);
        self.audit_log.record(Some(caller), "account.totp", &caller.account, done.is_ok(), now)?;
        done
    }

    /// The caller's own account.
    pub fn own_account(&self, caller: &Caller) -> Result<Account, Error> {
        let all = self.accounts.list()?;
        all.into_iter().find(|a| a.name == caller.account).ok_or(Error::NotSignedIn)
    }

    /// All accounts, for the system administrator.
    pub fn accounts(&self, caller: &Caller) -> Result<Vec<Account>, Error> {
        caller.need(Permission::AccountsWrite)?;
        self.accounts.list()
    }

    /// Makes an account at set-up (`init`, `demo`), before anybody can sign in.
    pub fn set_up_account(&self, new: NewAccount) -> Result<(), Error> {
        let name = new.name.clone();
        self.accounts.create(new, self.now())?;
        self.audit_log.record(None, "account.create", &name, true, self.now())
    }

    /// A one-time login token for an account, for those who hold the data folder.
    pub fn one_time_link(&self, account: &str) -> Result<SessionToken, Error> {
        let token = self.accounts.one_time_link(account, self.now())?;
        self.audit_log.record(None, "account.link", account, true, self.now())?;
        Ok(token)
    }

    /// The audit log, latest first, for the audit administrator alone.
    pub fn audit_log(
        &self,
        caller: &Caller,
        before: Option<u64>,
        rows: usize,
    ) -> Result<Vec<AuditEntry>, Error> {
        caller.need(Permission::AuditLogRead)?;
        self.audit_log.record(Some(caller), "audit_log.read", "", true, self.now())?;
        // What people searched for may be somebody's number; the entry itself stays as it is.
        let mut veil = self.veil(caller);
        let mut entries = self.audit_log.page(before, page(rows))?;
        entries.iter_mut().for_each(|entry| veil.hide("", &mut entry.target));
        Ok(entries)
    }

    /// Checks the audit log's chain: the number of entries, or the first broken one.
    pub fn verify_audit_log(&self, caller: &Caller) -> Result<Result<u64, u64>, Error> {
        caller.need(Permission::AuditLogRead)?;
        Ok(self.audit_log.verify()?.map_err(|broken| broken.seq))
    }

    /// When the caller's session began to matter: now, by the node's clock.
    pub fn clock(&self) -> Timestamp {
        self.now()
    }
}
