//! For those who watch the node: alive, ready, figures.

use std::fmt::Write as _;

use centre::Caller;
use centre::view::SensorRow;
use serde_json::json;

use super::reply::Reply;
use super::routes::Answer;
use super::visit::Visit;

/// Events that detection may lag behind intake and the node still counts as ready.
const LAG_EVENTS_MAX: u64 = 1_000_000;

/// Alive: the process answers.
pub(crate) fn healthz(_: &Visit) -> Answer {
    Ok(Reply::text(200, "text/plain; charset=utf-8", "ok\n".to_owned()))
}

/// Ready: rules are loaded and detection keeps up.
pub(crate) fn readyz(visit: &Visit) -> Answer {
    let figures = visit.shared.centre.figures();
    let lag = figures.journalled.saturating_sub(figures.matched);
    let ready = figures.rules > 0 && lag <= LAG_EVENTS_MAX;
    let value = json!({
        "ready": ready,
        "rules_loaded": figures.rules > 0,
        "detection_keeps_up": lag <= LAG_EVENTS_MAX,
    });
    let status = if ready { 200 } else { 503 };
    Ok(Reply::text(status, "application/json", value.to_string()))
}

/// The node's figures in the Prometheus text format 0.0.4.
pub(crate) fn metrics(visit: &Visit) -> Answer {
    let f = visit.shared.centre.figures();
    let evidence = visit.shared.centre.evidence_standing();
    let (asked, failed) =
        evidence.peers.values().fold((0, 0), |(a, f), peer| (a + peer.asked, f + peer.failed));
    let mut out = String::new();
    let counters = [
        ("xuedun_events_journalled_total", "Events that are durable.", f.journalled),
        ("xuedun_events_matched_total", "Events that detection has read.", f.matched),
        ("xuedun_events_archived_total", "Events in the archive.", f.archived),
        ("xuedun_detections_total", "Detections.", f.detections),
        ("xuedun_evidence_asked_total", "Countersignatures asked for.", asked),
        ("xuedun_evidence_unanswered_total", "Countersignatures asked for and not got.", failed),
    ];
    for (name, help, value) in counters {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
    }
    let gauges = [
        (
            "xuedun_evidence_trouble",
            "1 while the evidence log cannot be written.",
            u64::from(evidence.trouble.is_some()),
        ),
        ("xuedun_rules", "Rules in force.", f.rules as u64),
        ("xuedun_rules_rejected", "Rules that were refused.", f.rules_rejected as u64),
        ("xuedun_archive_bytes", "Bytes of the archive on disk.", f.archive_bytes),
        (
            "xuedun_console_live_streams",
            "Live streams open now.",
            visit.shared.live.load(std::sync::atomic::Ordering::Relaxed) as u64,
        ),
    ];
    for (name, help, value) in gauges {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
    }
    out.push_str(&of_sensors(&visit.shared.centre.sensors(&Caller::local("metrics"))?));
    Ok(Reply::text(200, "text/plain; version=0.0.4; charset=utf-8", out))
}

/// What each sensor received and what became of it, whether it is silent, and how far its senders'
/// clocks are off.
fn of_sensors(rows: &[SensorRow]) -> String {
    let silent = rows.iter().map(|r| i64::from(r.silent)).collect();
    let skew = rows.iter().map(|r| r.skew_ms).collect();
    let of = |ms: fn(&SensorRow) -> u64| {
        rows.iter().map(|r| i64::try_from(ms(r)).unwrap_or(i64::MAX)).collect()
    };
    let behind = of(|r| r.behind_ms);
    let waits = of(|r| r.waits_ms);
    let gauges: [(&str, &str, Vec<i64>); 4] = [
        ("xuedun_sensor_silent", "Whether the sensor is silent.", silent),
        ("xuedun_sensor_skew_ms", "How far records' times lie behind their receipt.", skew),
        ("xuedun_sensor_behind_ms", "The longest records lately came behind their time.", behind),
        ("xuedun_sensor_waits_ms", "How long correlation waits for its records now.", waits),
    ];
    let mut out = String::new();
    let label = |row: &SensorRow| row.name.replace('\\', "\\\\").replace('"', "\\\"");
    for (name, help, values) in gauges {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (row, value) in rows.iter().zip(values) {
            let _ = writeln!(out, "{name}{{sensor=\"{}\"}} {value}", label(row));
        }
    }
    let name = "xuedun_sensor_records_total";
    let help = "Records by what became of them; together they are what reached the sensor.";
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter");
    for row in rows {
        let kept =
            [("decoded", row.decoded), ("undecoded", row.undecoded), ("duplicate", row.duplicates)];
        for (what, value) in kept.into_iter().chain(row.dropped.iter().copied()) {
            let sensor = label(row);
            let _ = writeln!(out, "{name}{{sensor=\"{sensor}\",became=\"{what}\"}} {value}");
        }
    }
    out
}
