//! Records of this program.

use serde::Deserialize;

use super::Context;
use crate::audit::fact::{Fact, Facts};
use crate::audit::own::OwnRecords;

/// Every value of a section becomes a fact, `archive.retention_days`. Without such records there
/// is nothing to judge: the check says 待举证.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Own {
    /// `archive`, `drills`, `register.training`…
    pub(super) section: String,
}

impl Own {
    pub(super) fn prepare(&self) -> Result<(), String> {
        if OwnRecords::knows(&self.section) {
            return Ok(());
        }
        Err(format!("{}: no records of that name", self.section))
    }

    /// Whether the node keeps these records; what cannot be asked is not "no".
    pub(super) fn is_kept(&self, cx: &Context<'_>) -> bool {
        cx.host.own().is_err()
            || cx.host.own().is_ok_and(|own| own.section(&self.section).is_some())
    }

    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        // The ages in it were counted by our clock.
        cx.now();
        match cx.host.own() {
            Ok(own) => {
                for (name, fact) in own.section(&self.section).unwrap_or_default() {
                    facts.set(name, fact);
                }
            }
            // Every name is unseen, so that no step can be met.
            Err(error) => facts.set_all_unseen(&error.to_string()),
        }
    }
}

/// What a TLS endpoint shows, as facts under `tls`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {}

impl Tls {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let seen = match cx.host.tls(cx.now()) {
            Ok(seen) => seen,
            Err(error) => return facts.set_all_unseen(&error.to_string()),
        };
        let number = |n: Option<i64>| n.map_or(Fact::Absent, Fact::Int);
        let word = |t: &str| if t.is_empty() { Fact::Absent } else { Fact::Text(t.to_owned()) };
        let yes = |b: bool| Fact::Text(if b { "yes" } else { "no" }.to_owned());
        let short = seen.has_short_key().map_or(Fact::Absent, yes);
        let trusted = seen.trusted.map_or_else(|| Fact::Unseen(seen.problem.clone()), yes);
        for (name, fact) in [
            ("key_short", short),
            ("accepted", Fact::List(seen.accepted)),
            ("refused", Fact::List(seen.refused)),
            ("weak_accepted", Fact::List(seen.weak_accepted)),
            ("suite", word(&seen.suite)),
            ("signature", word(&seen.signature)),
            ("key", word(&seen.key)),
            ("key_bits", number(seen.key_bits)),
            ("days_left", number(seen.days_left)),
            ("days_total", number(seen.days_total)),
            ("name_matches", yes(seen.name_matches)),
            ("trusted", trusted),
            ("problem", word(&seen.problem)),
        ] {
            facts.set(format!("tls.{name}"), fact);
        }
    }
}
