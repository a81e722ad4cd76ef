//! `xuedun status`: how a node does.

use centre::control::Request;
use centre::sensor_health::cause_name;
use events::Lang;
use serde_json::Value;

use super::node::ConfigArg;
use super::{Done, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// One JSON object: figures, alarms, sensors
    #[arg(long)]
    json: bool,
}

/// Findings when something is wrong with the node.
pub fn run(args: Args, lang: Lang) -> Done {
    let status = args.config.ask(Request::Status)?;
    let list = |key: &str| status[key].as_array().map_or(&[][..], |l| l).to_vec();
    let alarms = list("alarms");
    let done = if alarms.is_empty() { Outcome::Clean } else { Outcome::Findings };
    if args.json {
        print_json(&status)?;
        return Ok(done);
    }
    for alarm in &alarms {
        let text = alarm[lang.pick("zh", "en")].as_str().unwrap_or_default();
        print_line(&format!("! {text}"))?;
    }
    let figure = |key: &str| status["figures"][key].as_u64().unwrap_or_default();
    let figures = [
        (lang.pick("已落盘日志记录", "records journalled"), figure("journalled")),
        (lang.pick("已检测", "matched"), figure("matched")),
        (lang.pick("已归档", "archived"), figure("archived")),
        (lang.pick("命中", "detections"), figure("detections")),
        (lang.pick("规则", "rules"), figure("rules")),
        (lang.pick("未通过检查的规则", "rules refused"), figure("rules_rejected")),
    ];
    for (name, value) in figures {
        print_line(&format!("{name}\t{value}"))?;
    }
    for sensor in list("sensors") {
        print_line(&sensor_line(&sensor, lang))?;
    }
    Ok(done)
}

fn sensor_line(sensor: &Value, lang: Lang) -> String {
    let text = |key: &str| sensor[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| sensor[key].as_u64().unwrap_or_default();
    let silent =
        if sensor["silent"] == Value::Bool(true) { lang.pick("静默", "silent") } else { "" };
    [
        text("name"),
        text("input"),
        text("place"),
        format!("{} {}", lang.pick("收到", "received"), number("received")),
        format!("{} {}", lang.pick("未能解析", "undecoded"), number("undecoded")),
        lost(sensor, lang),
        silent.to_owned(),
        skew(sensor, lang),
        turned_away(sensor, lang),
        suggested(sensor, lang),
    ]
    .join("\t")
}

/// Records that were not stored, and why.
fn lost(sensor: &Value, lang: Lang) -> String {
    let dropped = sensor["dropped"].as_array().into_iter().flatten();
    let dropped = dropped.map(|pair| (pair[0].as_str().unwrap_or_default(), &pair[1]));
    let by_cause: Vec<(&str, u64)> = dropped
        .chain([("refused", &sensor["refused"])])
        .map(|(cause, n)| (cause, n.as_u64().unwrap_or_default()))
        .filter(|(_, n)| *n > 0)
        .collect();
    let total: u64 = by_cause.iter().map(|(_, n)| n).sum();
    let causes: Vec<String> =
        by_cause.iter().map(|(cause, n)| format!("{} {n}", cause_name(cause).get(lang))).collect();
    match total {
        0 => format!("{} 0", lang.pick("丢失", "lost")),
        n => format!("{} {n} ({})", lang.pick("丢失", "lost"), causes.join(lang.pick("，", ", "))),
    }
}

/// How far the senders' clocks are off, if by a second or more.
fn skew(sensor: &Value, lang: Lang) -> String {
    let ms = sensor["skew_ms"].as_i64().unwrap_or_default();
    let seconds = ms.unsigned_abs() / 1_000;
    match (seconds, ms < 0) {
        (0, _) => String::new(),
        (n, true) => format!("{} {n} {}", lang.pick("时钟快", "clock ahead"), lang.pick("秒", "s")),
        (n, false) => {
            format!("{} {n} {}", lang.pick("时钟慢", "clock behind"), lang.pick("秒", "s"))
        }
    }
}

/// Who was turned away, if anybody was.
fn turned_away(sensor: &Value, lang: Lang) -> String {
    let n = sensor["turned_away"].as_u64().unwrap_or_default();
    if n == 0 {
        return String::new();
    }
    let last = sensor["last_refusal"].as_str().unwrap_or_default();
    format!("{} {n} ({last})", lang.pick("拒绝", "turned away"))
}

/// The pack that would fit what none declares, if there is such.
fn suggested(sensor: &Value, lang: Lang) -> String {
    let n = sensor["undeclared"].as_u64().unwrap_or_default();
    match (n, sensor["suggested"].as_str()) {
        (0, _) => String::new(),
        (n, None) => format!("{} {n}", lang.pick("无采集包认领", "undeclared")),
        (n, Some(pack)) => format!(
            "{} {n}{}",
            lang.pick("无采集包认领", "undeclared"),
            lang.pick("，建议采集包 ", ", try the pack ").to_owned() + pack
        ),
    }
}
