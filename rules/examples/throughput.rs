//! Events per second of the matcher over a file of JSON lines.
//!
//! `cargo run --release -p rules --example throughput -- RULES… -- EVENTS.jsonl [repeat [routed|all]]`
//! prints, with and without log-source routing (or only one of them): load time, JSON reading alone, reading and
//! matching, and how many rules matched.

use std::path::PathBuf;
use std::time::Instant;

use events::{Event, json};
use rules::{LoadOptions, RuleSet, Scratch, read_paths};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(split) = args.iter().position(|a| a == "--") else {
        return Err("usage: throughput RULES… -- EVENTS.jsonl [repeat]".into());
    };
    let paths: Vec<PathBuf> = args[..split].iter().map(PathBuf::from).collect();
    let rest = &args[split + 1..];
    let text = std::fs::read_to_string(rest.first().ok_or("no events")?)?;
    let repeat: usize = rest.get(1).map_or(Ok(1), |r| r.parse())?;
    let lines: Vec<&str> = text.lines().collect();
    let sources = read_paths(&paths)?;

    let start = Instant::now();
    let mut event = Event::new();
    for line in &lines {
        event.clear();
        json::read_object(line, &mut event)?;
    }
    let read = start.elapsed().as_secs_f64();
    println!("json only: {:.0} events/s", lines.len() as f64 / read);

    let only = rest.get(2).map(|mode| mode == "routed");
    for routing in [false, true].into_iter().filter(|r| only.is_none_or(|o| o == *r)) {
        let start = Instant::now();
        let loaded = RuleSet::load(&sources, &LoadOptions { routing, ..LoadOptions::default() });
        let load = start.elapsed().as_secs_f64();
        let (mut scratch, mut hits, mut total) = (Scratch::new(), Vec::new(), 0usize);
        let start = Instant::now();
        for _ in 0..repeat {
            for line in &lines {
                event.clear();
                json::read_object(line, &mut event)?;
                loaded.set.matches(&event, &mut scratch, &mut hits);
                total += hits.len();
            }
        }
        let secs = start.elapsed().as_secs_f64();
        let events = (lines.len() * repeat) as f64;
        println!(
            "routing {routing}: {} rules, {} refused, {} predicates, load {load:.2} s, {:.0} events/s, {:.2} us/event in matching, {total} matches",
            loaded.set.rules().len(),
            loaded.rejected,
            loaded.set.predicates(),
            events / secs,
            (secs / events - read / lines.len() as f64) * 1e6,
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|l| l.starts_with("VmHWM")) {
        println!("{peak}");
    }
    Ok(())
}
