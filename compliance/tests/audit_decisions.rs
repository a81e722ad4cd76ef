//! What people add beside a verdict: a compensating measure is shown everywhere and changes nothing.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use compliance::audit::{
    Catalogue, Compensation, Decisions, RecordedHost, Target, Verdict, checks, plan, run, settle,
};
use compliance::report;
use events::{Lang, SiteId, Timestamp};

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_000_000)
}

#[test]
fn a_compensating_measure_stands_beside_the_verdict() {
    let mut host = RecordedHost::new();
    host.file(
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\nbin:x:2:2::/bin:/usr/sbin/nologin\n",
    )
    .file("/etc/shadow", "root:$6$a$b:19000:1:90:7:::\nbin:*:19000::::::\n")
    .file("/etc/login.defs", "UMASK 022\n");
    let (catalogue, checks) = (Catalogue::embedded().unwrap(), checks().unwrap());
    let plan = plan(&catalogue, &checks, &Target::host(SiteId::BUREAU, "srv")).unwrap();
    let run = run(&plan, &host, now(), &mut |_| {});
    let later = now().plus(Duration::from_secs(86_400));
    let day = Duration::from_secs(86_400 * 30);
    let note = |item: &str, expires| Compensation {
        site: SiteId::BUREAU,
        item: item.into(),
        measure: "堡垒机代填口令".into(),
        owner: "张".into(),
        noted: now(),
        expires,
        attachments: vec!["ab".repeat(32)],
    };
    let with = |compensations: Vec<Compensation>| {
        let decided = Decisions { compensations, ..Decisions::default() };
        (settle(&run, &decided, later, day), decided.attachments_of(&run, later))
    };
    let (settled, attached) = with(vec![note("8.1.4.1.a", later.plus(day))]);
    let (before, after) = (run.item("8.1.4.1.a").unwrap(), settled.item("8.1.4.1.a").unwrap());
    assert_eq!(before.verdict, after.verdict, "it never changes the verdict");
    assert_eq!(after.compensation.as_ref().unwrap().measure, "堡垒机代填口令");
    assert_eq!(attached, ["ab".repeat(32)]);
    let (ended, attached) = with(vec![note("8.1.4.1.a", later)]);
    assert!(ended.item("8.1.4.1.a").unwrap().compensation.is_none() && attached.is_empty());
    let met = run.items.iter().find(|i| i.verdict == Verdict::Conform).unwrap();
    let (settled, _) = with(vec![note(&met.item, later.plus(day))]);
    assert!(settled.item(&met.item).unwrap().compensation.is_none(), "nothing to lessen");
    let (settled, _) = with(vec![note("8.1.4.1.a", later.plus(day))]);
    for lang in [Lang::Zh, Lang::En] {
        assert!(report::csv(&settled, &catalogue, lang).contains("堡垒机代填口令"));
        assert!(
            report::html(&settled, &catalogue, &checks, lang).unwrap().contains("堡垒机代填口令")
        );
    }
    let results = report::oscal(&settled, &checks, Lang::Zh).to_string();
    assert!(results.contains("堡垒机代填口令"));
    let poam = report::oscal_poam(&settled, &checks, &catalogue, &[], Lang::Zh).to_string();
    assert!(poam.contains("mitigating-factors") && poam.contains("堡垒机代填口令"));
}
