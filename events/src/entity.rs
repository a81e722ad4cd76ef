//! Entities (实体): what a person looks up across events.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::field;
use crate::text::Lang;

/// What kind of thing an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntityKind {
    /// An IP address.
    Ip,
    /// An account.
    User,
    /// A machine.
    Host,
    /// A domain name.
    Domain,
    /// A file path.
    File,
}

impl EntityKind {
    /// The word used in URLs and queries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::User => "user",
            Self::Host => "host",
            Self::Domain => "domain",
            Self::File => "file",
        }
    }

    /// The word a person reads.
    pub const fn title(self, lang: Lang) -> &'static str {
        match self {
            Self::Ip => lang.pick("地址", "address"),
            Self::User => lang.pick("账号", "account"),
            Self::Host => lang.pick("主机", "host"),
            Self::Domain => lang.pick("域名", "domain"),
            Self::File => lang.pick("文件", "file"),
        }
    }
}

/// An entity: its kind and its key as written in events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Its key: the address, the account's name…
    pub key: String,
}

impl Entity {
    /// The entities an event names, in the order source, destination, user, host, domain.
    pub fn of(event: &Event) -> Vec<Self> {
        const SOURCES: &[(EntityKind, crate::FieldId)] = &[
            (EntityKind::Ip, field::SOURCE_IP),
            (EntityKind::Ip, field::DESTINATION_IP),
            (EntityKind::User, field::USER_NAME),
            (EntityKind::User, field::USER_TARGET_NAME),
            (EntityKind::Host, field::HOST_NAME),
            (EntityKind::Domain, field::DNS_QUESTION_NAME),
        ];
        let mut found: Vec<Self> = Vec::new();
        for &(kind, id) in SOURCES {
            if let Some(key) = event.str(id).filter(|k| !k.is_empty() && *k != "-") {
                let entity = Self { kind, key: key.to_owned() };
                if !found.contains(&entity) {
                    found.push(entity);
                }
            }
        }
        found
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.key)
    }
}
