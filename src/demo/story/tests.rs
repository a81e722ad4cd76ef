use std::collections::HashSet;

use events::Timestamp;

use super::*;

fn plan(minutes: u32) -> Plan {
    let start = Timestamp::parse_rfc3339("2026-11-23T00:30:00Z").unwrap();
    Plan { seed: 7, minutes, records_per_minute: 1_500, start }
}

fn story(minutes: u32) -> Story {
    Story::new(&Region::new(7), &plan(minutes))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (a, b) = (story(2), story(2));
    assert_eq!(a.emissions, b.emissions);
    let other = Story::new(&Region::new(7), &Plan { seed: 8, ..plan(2) });
    assert_ne!(a.emissions, other.emissions);
    assert_eq!(a.totals().events(), other.totals().events(), "the count is not a matter of chance");
}

#[test]
fn totals_count_every_emission_on_every_channel() {
    let story = story(3);
    let totals = story.totals();
    assert_eq!(totals.events(), story.emissions.len() as u64);
    for channel in Channel::ALL {
        let counted = story.emissions.iter().filter(|e| e.channel == channel).count() as u64;
        assert_eq!(totals.of(channel), counted, "{}", channel.name());
        assert!(counted > 0, "{} is silent", channel.name());
    }
    assert_eq!(totals.events(), story.acts.iter().map(|a| a.records).sum::<u64>());
}

#[test]
fn records_are_in_order_and_inside_the_story() {
    for minutes in [1, 5, 30] {
        let story = story(minutes);
        assert!(story.emissions.is_sorted_by_key(|e| e.at_ms));
        assert!(story.emissions.iter().all(|e| e.at_ms <= story.length_ms), "{minutes} minutes");
        for act in &story.acts {
            assert!(act.starts_ms < act.ends_ms && act.ends_ms <= story.length_ms);
            let own = story.emissions.iter().filter(|e| e.act == act.id);
            assert!(own.clone().all(|e| (act.starts_ms..=act.ends_ms).contains(&e.at_ms)));
        }
    }
}

#[test]
fn the_spraying_tries_many_accounts_once_within_five_minutes() {
    for minutes in [1, 30] {
        let story = story(minutes);
        let lines: Vec<&str> = lines_of(&story, ActId::Spraying);
        let failed: HashSet<&str> =
            lines.iter().filter(|l| l.contains("result=fail")).filter_map(|l| user(l)).collect();
        assert_eq!(failed.len(), attack::SPRAYED_USERS);
        assert_eq!(lines.iter().filter(|l| l.contains("result=success")).count(), 1);
        assert!(lines.last().unwrap().contains("result=success"), "success comes last");
        let act = story.acts.iter().find(|a| a.id == ActId::Spraying).unwrap();
        assert!(act.ends_ms - act.starts_ms < 300_000);
    }
}

#[test]
fn the_beacon_keeps_an_even_pace() {
    let story = story(10);
    let times: Vec<u64> = story
        .emissions
        .iter()
        .filter(|e| e.act == ActId::Mining && e.channel == Channel::NetflowV9)
        .map(|e| e.at_ms)
        .collect();
    assert_eq!(times.len() as u64, attack::BEACON_FLOWS);
    let gaps: HashSet<u64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(gaps.len() <= 2, "{gaps:?}");
}

#[test]
fn attackers_do_not_appear_in_the_ordinary_day() {
    let story = story(5);
    for emission in story.emissions.iter().filter(|e| e.act == ActId::SchoolDay) {
        match &emission.payload {
            Payload::Line(line) => assert!(!line.contains("203.0.113."), "{line}"),
            Payload::Flow(flow) => assert_ne!(flow.destination.octets()[..3], [203, 0, 113]),
        }
    }
}

#[test]
fn lines_hold_no_line_break_and_fit_a_datagram() {
    for emission in &story(2).emissions {
        if let Payload::Line(line) = &emission.payload {
            assert!(!line.contains(['\n', '\r']) && line.len() < 1_400, "{line}");
        }
    }
}

#[test]
fn a_fast_story_is_never_dated_ahead_of_its_sending() {
    let now = Timestamp::from_secs(1_900_000_000);
    assert_eq!(Plan::start(now, 10, 1.0), now);
    assert_eq!(Plan::start(now, 10, f64::NAN), now);
    let start = Plan::start(now, 10, 20.0);
    for told in [0_u64, 300, 600] {
        let dated = start.plus(Duration::from_secs(told));
        let sent = now.plus(Duration::from_secs_f64(told as f64 / 20.0));
        assert!(dated <= sent.plus(Duration::from_millis(1)), "{told}");
    }
}

#[test]
fn formats_are_the_ones_of_the_devices() {
    let story = story(2);
    let one = |channel, part: &str| {
        let found = story.emissions.iter().find_map(|e| match &e.payload {
            Payload::Line(line) if e.channel == channel && line.contains(part) => Some(line),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no {part} on {channel:?}")).clone()
    };
    let vpn = one(Channel::SyslogUdp3164, "type=vpn");
    assert!(vpn.starts_with("<134>Nov 23 08:") || vpn.starts_with("<132>Nov 23 08:"), "{vpn}");
    let ssh = one(Channel::SyslogUdp5424, "Accepted publickey");
    assert!(ssh.starts_with("<86>1 2026-11-23T08:") && ssh.contains(" sshd "), "{ssh}");
    let web = one(Channel::SyslogTcp, "GET ");
    assert!(web.contains("[23/Nov/2026:08:") && web.contains("+0800]"), "{web}");
    let json: serde_json::Value = serde_json::from_str(&one(Channel::HttpJson, "winlog")).unwrap();
    assert_eq!(json["winlog"]["channel"], "Security");
    assert!(one(Channel::File, "COPY").contains("report_ro@xueji 10.10.7.88"));
}

fn lines_of(story: &Story, act: ActId) -> Vec<&str> {
    let lines = story.emissions.iter().filter(|e| e.act == act);
    lines
        .filter_map(|e| match &e.payload {
            Payload::Line(line) => Some(line.as_str()),
            Payload::Flow(_) => None,
        })
        .collect()
}

fn user(line: &str) -> Option<&str> {
    line.split(' ').find_map(|part| part.strip_prefix("user="))
}
