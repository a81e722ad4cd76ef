//! Who asks: every façade call takes one, and every query is bound to its scope.

use events::{Lang, SiteId};

use super::role::{Permission, Role};
use crate::error::Error;

/// A person (or the program itself) behind a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account's name.
    pub account: String,
    /// What it is for.
    pub role: Role,
    /// The language it reads.
    pub lang: Lang,
    /// Digest of the session: the console derives its CSRF tokens from it.
    pub session: [u8; 32],
}

/// Which schools a caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole region.
    Region,
    /// One school.
    Site(SiteId),
}

impl Scope {
    /// Whether a site lies in the scope.
    pub fn holds(self, site: SiteId) -> bool {
        match self {
            Self::Region => true,
            Self::Site(own) => own == site,
        }
    }

    /// The same scope as the store takes it.
    pub fn for_search(self) -> store::search::Scope {
        match self {
            Self::Region => store::search::Scope::All,
            Self::Site(site) => store::search::Scope::Sites([site].into()),
        }
    }
}

impl Caller {
    /// The person at the machine's own command line, who can read the data folder anyway.
    pub fn local(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            role: Role::SecurityAdmin,
            lang: Lang::Zh,
            session: [0; 32],
        }
    }

    /// Which schools the caller may see.
    pub fn scope(&self) -> Scope {
        match self.role {
            Role::SchoolContact { site } => Scope::Site(site),
            _ => Scope::Region,
        }
    }

    /// An error unless the caller's role holds the permission.
    pub fn need(&self, permission: Permission) -> Result<(), Error> {
        if self.role.may(permission) { Ok(()) } else { Err(Error::Forbidden { permission }) }
    }

    /// An error that does not tell whether the thing exists, unless the site is in scope.
    pub fn need_site(&self, site: SiteId) -> Result<(), Error> {
        if self.scope().holds(site) { Ok(()) } else { Err(Error::NotFound { what: "site" }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_the_scope_is_not_found() {
        let site: SiteId = "2133000001".parse().unwrap();
        let other: SiteId = "2133000002".parse().unwrap();
        let contact = Caller {
            account: "c".into(),
            role: Role::SchoolContact { site },
            lang: Lang::Zh,
            session: [0; 32],
        };
        assert!(contact.need_site(site).is_ok());
        assert!(matches!(contact.need_site(other), Err(Error::NotFound { .. })));
        assert!(matches!(contact.need_site(SiteId::BUREAU), Err(Error::NotFound { .. })));
        assert!(matches!(contact.need(Permission::Search), Err(Error::Forbidden { .. })));
    }
}
