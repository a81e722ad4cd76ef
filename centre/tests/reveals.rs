//! Reveal requests over a whole node: who may ask and agree, what an approval is good for, what the
//! audit log has of it, and what a restart changes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod hands;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use centre::account::{Caller, Role};
use centre::facade::reveals::RevealForm;
use centre::reveal::{BadReveal, RevealScope, RevealState};
use centre::{Centre, Config, Error, World};
use events::{Lang, RevealId, Timestamp};
use hands::Hands;

fn open(dir: &Path, hands: &Arc<Hands>, more: &str) -> Arc<Centre> {
    let text = format!(
        "[node]\ndata_dir = \"data\"\n[rules]\nlibrary = false\n[store]\ndisk_reserve_mib = 1\n{more}"
    );
    let path = dir.join("xuedun.toml");
    std::fs::write(&path, text).unwrap();
    let world = World { clock: Arc::clone(hands) as _, ..World::real() };
    Centre::open(Config::load(&path, std::iter::empty()).unwrap(), world).unwrap()
}

fn hands() -> Arc<Hands> {
    Arc::new(Hands::at(Timestamp::from_secs(1_795_000_000)))
}

fn caller(account: &str, role: Role) -> Caller {
    Caller { account: account.to_owned(), role, lang: Lang::Zh, session: [0; 32] }
}

fn wang() -> Caller {
    caller("wang", Role::Analyst)
}

fn li() -> Caller {
    caller("li", Role::SecurityAdmin)
}

fn columns(columns: &[&str]) -> RevealForm {
    RevealForm {
        scope: RevealScope::Dataset {
            dataset: "学籍".into(),
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: vec!["R7".into(), "R7".into()],
        },
        purpose: " 家长来电核对 ".into(),
        cells_max: Some(3),
    }
}

fn is(error: Error, why: BadReveal) -> bool {
    matches!(error, Error::Reveal(own) if own == why)
}

#[test]
fn an_approval_takes_another_person_and_opens_what_was_asked_once() {
    let (dir, hands) = (tempfile::tempdir().unwrap(), hands());
    let centre = open(dir.path(), &hands, "");
    let asked = centre.ask_reveal(&wang(), columns(&["手机号"])).unwrap();
    assert_eq!((asked.grade, asked.needs_approval), (Some(3), true));
    let id = asked.id;
    let waits = centre.reveal(&wang(), id).unwrap();
    assert!(waits.ticket.is_none() && !waits.may_decide);
    // A ticket that somebody worked out beforehand is worth nothing before the approval.
    let early = centre.take_reveal(&Caller::local("local"), &format!("{id}.00"), "学籍");
    assert!(is(early.unwrap_err(), BadReveal::Ticket));
    // The same person, in whatever role, cannot agree; nor who runs the node, nor who watches.
    let self_made = caller("wang", Role::SecurityAdmin);
    let done = centre.decide_reveal(&self_made, id, true, "");
    assert!(is(done.unwrap_err(), BadReveal::SamePerson));
    for role in [Role::SystemAdmin, Role::AuditAdmin, Role::Analyst] {
        let done = centre.decide_reveal(&caller("x", role), id, true, "");
        assert!(matches!(done, Err(Error::Forbidden { .. })));
    }
    assert!(centre.reveal(&li(), id).unwrap().may_decide);
    centre.decide_reveal(&li(), id, true, "核对过来电").unwrap();
    let again = centre.decide_reveal(&li(), id, false, "不");
    assert!(is(again.unwrap_err(), BadReveal::NotWaiting(RevealState::Approved)));
    // Only who asked is given the ticket.
    assert!(centre.reveal(&li(), id).unwrap().ticket.is_none());
    let ticket = centre.reveal(&wang(), id).unwrap().ticket.unwrap();

    let shell = Caller::local("local");
    let other = centre.take_reveal(&shell, &ticket, "其他");
    assert!(is(other.unwrap_err(), BadReveal::Ticket));
    let (request, grant) = centre.take_reveal(&shell, &ticket, "学籍").unwrap();
    assert_eq!((grant.cells_max, grant.columns), (3, vec!["手机号".to_owned()]));
    assert_eq!((grant.rows, grant.node.as_str()), (vec!["R7".to_owned()], centre.guard_name()));
    assert_eq!(request.purpose, "家长来电核对");
    // Used up at once, and after a restart still.
    drop(centre);
    let centre = open(dir.path(), &hands, "");
    let twice = centre.take_reveal(&shell, &ticket, "学籍");
    assert!(is(twice.unwrap_err(), BadReveal::NotApproved(RevealState::Used)));
    centre.note_revealed(&shell, id, Some(1)).unwrap();
    assert!(centre.note_revealed(&shell, id, Some(9)).is_err(), "noted once");
    assert_eq!(centre.reveal(&wang(), id).unwrap().request.opened, Some(1));

    let log = centre.audit_log(&caller("auditor", Role::AuditAdmin), None, 100).unwrap();
    let acts: Vec<(&str, &str, &str)> = log
        .iter()
        .rev()
        .filter(|e| e.action.starts_with("reveal."))
        .map(|e| (e.action.as_str(), e.by.as_str(), e.outcome.as_str()))
        .collect();
    assert_eq!(
        acts,
        [
            ("reveal.request", "wang", "success"),
            ("reveal.use", "local", "failure"),
            ("reveal.approve", "wang", "failure"),
            ("reveal.approve", "li", "success"),
            ("reveal.refuse", "li", "failure"),
            ("reveal.use", "local", "failure"),
            ("reveal.use", "local", "success"),
            ("reveal.use", "local", "failure"),
            ("reveal.done", "local", "success"),
        ]
    );
    assert!(log.iter().all(|e| !e.target.contains("R7") && !e.target.contains(&ticket)));
    assert!(log.iter().any(|e| e.target.contains("purpose=家长来电核对")));
}

#[test]
fn requests_and_approvals_expire_and_the_log_says_so() {
    let (dir, hands) = (tempfile::tempdir().unwrap(), hands());
    let centre = open(dir.path(), &hands, "");
    let first = centre.ask_reveal(&wang(), columns(&["身份证件号"])).unwrap().id;
    hands.forward(Duration::from_secs(72 * 3_600));
    let late = centre.decide_reveal(&li(), first, true, "");
    assert!(is(late.unwrap_err(), BadReveal::NotWaiting(RevealState::Expired)));
    let second = centre.ask_reveal(&wang(), columns(&["身份证件号"])).unwrap().id;
    centre.decide_reveal(&li(), second, true, "").unwrap();
    let ticket = centre.reveal(&wang(), second).unwrap().ticket.unwrap();
    hands.forward(Duration::from_secs(8 * 3_600));
    let late = centre.take_reveal(&Caller::local("local"), &ticket, "学籍");
    assert!(is(late.unwrap_err(), BadReveal::NotApproved(RevealState::Expired)));
    assert!(centre.reveal(&wang(), second).unwrap().ticket.is_none());
    let log = centre.audit_log(&caller("auditor", Role::AuditAdmin), None, 100).unwrap();
    assert_eq!(log.iter().filter(|e| e.action == "reveal.expire").count(), 2);
    let states: Vec<RevealState> =
        centre.reveals(&wang()).unwrap().iter().map(|r| r.state).collect();
    assert_eq!(states, [RevealState::Expired, RevealState::Expired]);
}

#[test]
fn who_may_not_approve_sees_only_their_own() {
    let (dir, hands) = (tempfile::tempdir().unwrap(), hands());
    let centre = open(dir.path(), &hands, "");
    let id = centre.ask_reveal(&wang(), columns(&["手机号"])).unwrap().id;
    let zhao = caller("zhao", Role::Analyst);
    assert!(matches!(centre.reveal(&zhao, id), Err(Error::NotFound { .. })));
    assert!(centre.reveals(&zhao).unwrap().is_empty());
    assert_eq!(centre.reveals(&caller("boss", Role::Leader)).unwrap().len(), 1);
    for role in [Role::SystemAdmin, Role::AuditAdmin] {
        assert!(matches!(centre.reveals(&caller("x", role.clone())), Err(Error::Forbidden { .. })));
        let asked = centre.ask_reveal(&caller("x", role), columns(&["手机号"]));
        assert!(matches!(asked, Err(Error::Forbidden { .. })));
    }
    let none = centre.reveal(&li(), RevealId::from_u128(9));
    assert!(matches!(none, Err(Error::NotFound { .. })));
}

#[test]
fn the_policy_says_what_passes_without_a_second_person_and_how_much() {
    let (dir, hands) = (tempfile::tempdir().unwrap(), hands());
    let centre = open(dir.path(), &hands, "");
    // Of no sensitive kind, and known: approved at once, by the policy.
    let asked = centre.ask_reveal(&wang(), columns(&["教师姓名"])).unwrap();
    assert_eq!((asked.state, asked.needs_approval), (RevealState::Approved, false));
    assert_eq!(asked.decision.unwrap().by, None);
    // One column that is not known is enough, and a file sealed whole.
    for unknown in [vec!["教师姓名", "列七"], vec![]] {
        let asked = centre.ask_reveal(&wang(), columns(&unknown)).unwrap();
        assert_eq!((asked.state, asked.grade), (RevealState::Requested, None), "{unknown:?}");
    }
    for (bad, field) in [
        (RevealForm { purpose: " ".into(), ..columns(&["手机号"]) }, "purpose"),
        (RevealForm { cells_max: Some(501), ..columns(&["手机号"]) }, "cells"),
        (RevealForm { cells_max: Some(0), ..columns(&["手机号"]) }, "cells"),
        (RevealForm { scope: RevealScope::Records { ids: vec![] }, ..columns(&[]) }, "records"),
        (columns(&["a\nb"]), "columns"),
    ] {
        let done = centre.ask_reveal(&wang(), bad);
        assert!(matches!(done, Err(Error::BadValue { field: own }) if own == field), "{field}");
    }
    assert!(matches!(
        centre.decide_reveal(&li(), RevealId::from_u128(1), false, " "),
        Err(Error::BadValue { field: "note" })
    ));
    drop(centre);
    // Another policy: a file beside the configuration.
    let policy = "[approval]\ngrade_min = 5\nsensitive_pi = false\nelements = [\"phone\"]\n\
        cells_max = 10\nwaits_hours = 1\nvalid_hours = 1\n[sight]\nsystem-admin = 1\n\
        security-admin = 2\naudit-admin = 1\nanalyst = 2\nschool-contact = 2\nleader = 1\n\
        assessor = 1\nopen = []\n";
    std::fs::write(dir.path().join("own.toml"), policy).unwrap();
    let centre = open(dir.path(), &hands, "[reveal]\npolicy = \"own.toml\"\n");
    let of = |column: &str| centre.ask_reveal(&wang(), columns(&[column])).unwrap().needs_approval;
    assert!(of("手机号") && !of("身份证件号"));
    std::fs::write(dir.path().join("own.toml"), "[approval]\n").unwrap();
    let config = Config::load(&dir.path().join("xuedun.toml"), std::iter::empty()).unwrap();
    drop(centre);
    assert!(matches!(Centre::open(config, World::real()), Err(Error::Config(_))));
}
