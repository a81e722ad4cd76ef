use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn now() -> Timestamp {
    at("2026-11-27T00:00:00Z")
}

fn met<'i>(intel: &'i Intel, kind: IntelKind, text: &str) -> Option<(String, &'i str)> {
    intel.find(kind, text, now()).map(|m| (m.indicator, m.list))
}

#[test]
fn plain_lists_hold_every_kind() {
    let sha = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let text = format!(
        "\u{feff}# name: bad things\n1.2.3.4\n10.9.0.0/16,why\nEvil.Example.\nhxxp://a[.]cn/x#y\n{sha}\n\nwhat is this\n2001:db8::/32\n"
    );
    let (intel, problems) = Intel::from_text("list.txt", &text);
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].code, problems[0].place), ("I002", 8));
    assert_eq!(intel.stats().total(), 6);
    let is = |kind, text: &str, want: &str| {
        assert_eq!(met(&intel, kind, text), Some((want.to_owned(), "bad things")), "{text}");
    };
    is(IntelKind::Address, "1.2.3.4", "1.2.3.4");
    is(IntelKind::Address, "::ffff:1.2.3.4", "1.2.3.4");
    is(IntelKind::Address, "10.9.200.1", "10.9.0.0/16");
    is(IntelKind::Address, "2001:db8::7", "2001:db8::/32");
    is(IntelKind::Domain, "EVIL.example", "evil.example");
    is(IntelKind::Domain, "a.b.evil.example.", "evil.example");
    is(IntelKind::Url, "HTTP://A.cn:80/x", "http://a.cn/x");
    is(IntelKind::Hash, &format!("MD5=00,SHA256={}", sha.to_uppercase()), sha);
    for (kind, text) in [
        (IntelKind::Address, "1.2.3.5"),
        (IntelKind::Address, "10.10.0.1"),
        (IntelKind::Domain, "notevil.example"),
        (IntelKind::Domain, "example"),
        (IntelKind::Url, "http://a.cn/X"),
        (IntelKind::Hash, "00"),
    ] {
        assert_eq!(met(&intel, kind, text), None, "{text}");
    }
}

#[test]
fn stix_and_misp_are_read_object_by_object() {
    let stix = r#"{"type":"bundle","id":"bundle--1","objects":[
      {"type":"identity","name":"x"},
      {"type":"indicator","pattern_type":"stix","pattern":"[ipv4-addr:value = '1.2.3.4']","valid_until":"2026-11-26T00:00:00Z"},
      {"type":"indicator","pattern_type":"stix","pattern":"[domain-name:value = 'bad.cn']","valid_until":"2027-01-01T00:00:00Z"},
      {"type":"indicator","pattern_type":"stix","pattern":"[url:value = 'http://x.cn/']","revoked":true},
      {"type":"indicator","pattern_type":"sigma","pattern":"title: x"},
      {"type":"indicator","pattern_type":"stix","pattern":"[ipv4-addr:value = 'nonsense']"}]}"#;
    let (intel, problems) = Intel::from_text("feed.json", stix);
    let codes: Vec<_> = problems.iter().map(|p| (p.code, p.place)).collect();
    assert_eq!(codes, [("I003", 5), ("I002", 6)]);
    // Expired by the event's own time, so that a replay says the same.
    assert!(intel.find(IntelKind::Address, "1.2.3.4", now()).is_none());
    assert!(intel.find(IntelKind::Address, "1.2.3.4", at("2026-11-25T00:00:00Z")).is_some());
    assert_eq!(met(&intel, IntelKind::Domain, "www.bad.cn"), Some(("bad.cn".into(), "feed.json")));
    assert!(met(&intel, IntelKind::Url, "http://x.cn/").is_none());

    let misp = r#"{"response":[{"Event":{"info":"Campaign","Attribute":[
      {"type":"ip-dst|port","value":"5.6.7.8|443","to_ids":true},
      {"type":"domain|ip","value":"c2.cn|9.9.9.9","to_ids":true},
      {"type":"ip-src","value":"8.8.8.8","to_ids":false},
      {"type":"mutex","value":"x","to_ids":true}],
      "Object":[{"name":"file","Attribute":[{"type":"filename|md5","value":"a.exe|d41d8cd98f00b204e9800998ecf8427e","to_ids":true}]}]}}]}"#;
    let (intel, problems) = Intel::from_text("misp.json", misp);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!((intel.stats().total(), intel.stats().left_out), (4, 2));
    assert_eq!(met(&intel, IntelKind::Address, "9.9.9.9"), Some(("9.9.9.9".into(), "Campaign")));
    assert!(met(&intel, IntelKind::Hash, "MD5=D41D8CD98F00B204E9800998ECF8427E").is_some());
    assert!(met(&intel, IntelKind::Address, "8.8.8.8").is_none());
}

#[test]
fn broken_lists_are_told_and_the_rest_is_used() {
    let broken =
        r#"{"objects":[{"type":"indicator","pattern":"[ipv4-addr:value = '1.2.3.4']"},{"type":"#;
    let (intel, problems) = Intel::from_text("b.json", broken);
    assert_eq!((intel.stats().total(), problems[0].code), (1, "I001"));
    let (_, problems) = Intel::from_text("b.json", "{\"a\":1}");
    assert_eq!(problems[0].code, "I001");
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(Intel::from_text("deep.json", &deep).1[0].code, "I001");
    let noise = "nonsense\n".repeat(500);
    let (_, problems) = Intel::from_text("n.txt", &noise);
    assert_eq!(problems.len(), 101);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.txt"), "1.1.1.1\n").unwrap();
    std::fs::write(dir.path().join("b.list"), "1.1.1.1\n2.2.2.2\n").unwrap();
    std::fs::write(dir.path().join("readme.md"), "3.3.3.3\n").unwrap();
    let (intel, problems) = Intel::load(dir.path());
    assert!(problems.is_empty());
    let s = intel.stats();
    assert_eq!((s.lists, s.addresses, s.repeated), (2, 2, 1));
    assert_eq!(Intel::load(&dir.path().join("none")).1[0].code, "I001");
}

#[test]
fn an_event_that_meets_an_indicator_says_so() {
    let (intel, _) = Intel::from_text("l.txt", "1.2.3.4\nbad.cn\n");
    let mut event = Event::new();
    event.time = now();
    event.push_named("source.ip", Value::Str("10.0.0.1"));
    assert!(intel.enrich(&event).is_none());
    event.push_named("destination.ip", Value::Str("1.2.3.4"));
    event.push_named("dns.question.name", Value::Str("x.bad.cn"));
    let enriched = intel.enrich(&event).unwrap();
    let all = |name: &str| -> Vec<String> {
        let id = FieldId::intern(name).unwrap();
        enriched.all(id).map(|v| v.text().into_owned()).collect()
    };
    assert_eq!(all("threat.indicator.type"), ["ipv4-addr", "domain-name"]);
    assert_eq!(all("threat.indicator.name"), ["1.2.3.4", "bad.cn"]);
    assert_eq!(all("threat.enrichments.matched.field"), ["destination.ip", "dns.question.name"]);
}
