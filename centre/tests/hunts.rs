//! Saved hunts: who may do what, what is kept, and what becomes a rule.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::path::Path;
use std::sync::Arc;

use centre::account::{Caller, Role};
use centre::hunt::Often;
use centre::{Centre, Config, Error, World};
use events::Lang;

fn open(dir: &Path) -> Arc<Centre> {
    let text =
        "[node]\ndata_dir = \"data\"\n[rules]\nlibrary = false\n[store]\ndisk_reserve_mib = 1\n";
    let path = dir.join("xuedun.toml");
    std::fs::write(&path, text).unwrap();
    Centre::open(Config::load(&path, std::iter::empty()).unwrap(), World::real()).unwrap()
}

fn caller(account: &str, role: Role) -> Caller {
    Caller { account: account.to_owned(), role, lang: Lang::Zh, session: [0; 32] }
}

#[test]
fn an_owner_and_who_keeps_the_rules_change_a_hunt() {
    let dir = tempfile::tempdir().unwrap();
    let centre = open(dir.path());
    let (wang, li) = (caller("wang", Role::Analyst), caller("li", Role::Analyst));
    let admin = caller("secadmin", Role::SecurityAdmin);
    let first = centre.save_hunt(&wang, " 夜间登录 ", "user.name:root").unwrap();
    assert_eq!((first.name.as_str(), first.owner.as_str()), ("夜间登录", "wang"));
    let refused = centre.save_hunt(&li, "夜间登录", "*").unwrap_err();
    assert!(matches!(refused, Error::Forbidden { .. }), "{refused:?}");
    assert!(matches!(centre.remove_hunt(&li, "夜间登录"), Err(Error::Forbidden { .. })));
    // Who keeps the rules may; it stays the owner's.
    let second = centre.save_hunt(&admin, "夜间登录", "user.name:admin").unwrap();
    assert_eq!((second.owner.as_str(), second.created), ("wang", first.created));
    assert_eq!(centre.hunts(&li).unwrap(), [second]);
    for role in [Role::Leader, Role::SystemAdmin, Role::AuditAdmin] {
        assert!(matches!(centre.hunts(&caller("x", role)), Err(Error::Forbidden { .. })));
    }
    assert!(matches!(centre.save_hunt(&li, "x", "a:("), Err(Error::Query(_))));
    assert!(matches!(centre.save_hunt(&li, " ", "a:b"), Err(Error::BadValue { field: "name" })));
    drop(centre);
    let centre = open(dir.path());
    assert_eq!(centre.hunt(&li, "夜间登录").unwrap().query, "user.name:admin");
    centre.remove_hunt(&wang, "夜间登录").unwrap();
    assert!(matches!(centre.remove_hunt(&wang, "夜间登录"), Err(Error::NotFound { .. })));
}

#[test]
fn a_hunt_becomes_a_rule_that_the_node_takes_or_is_refused_with_a_code() {
    let dir = tempfile::tempdir().unwrap();
    let centre = open(dir.path());
    let li = caller("li", Role::Analyst);
    let query = "service:sshd event.outcome:failure | count by source.ip";
    centre.save_hunt(&li, "爆破", query).unwrap();
    let bare = centre.promote_hunt(&li, "爆破", None).unwrap_err();
    assert_eq!((bare.code(), bare.http_status(), bare.exit_code()), ("H006", 422, 2));
    let often = Often { threshold: 8, timespan: "5m".to_owned() };
    let text = centre.promote_hunt(&li, "爆破", Some(&often)).unwrap();
    assert_eq!(text, centre.promote_hunt(&li, "爆破", Some(&often)).unwrap(), "the same again");
    let source = rules::Source::new("hunt.yml", text);
    let now = centre.now();
    let tried = centre.backtest(&caller("s", Role::SecurityAdmin), &[source], now, now).unwrap();
    assert_eq!(tried.events, 0);
    centre.save_hunt(&li, "全部", "*").unwrap();
    assert_eq!(centre.promote_hunt(&li, "全部", None).unwrap_err().code(), "H004");
}
