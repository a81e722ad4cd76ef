//! The after-action report (演练总结报告) of a score, as Markdown and as HTML.

use std::fmt::Write as _;

use events::{Lang, Text, Timestamp};

use super::clock::{Act, EndReason};
use super::score::{DrillScore, Span};

/// The report in Markdown.
pub fn markdown(score: &DrillScore, name: &Text, lang: Lang) -> String {
    let mut out = String::new();
    for block in blocks(score, name, lang) {
        match block {
            Block::Title(text) => _ = writeln!(out, "# {}\n", plain(&text)),
            Block::Heading(text) => _ = writeln!(out, "## {}\n", plain(&text)),
            Block::Line(text) => _ = writeln!(out, "{}\n", plain(&text)),
            Block::List(items) => {
                for item in items {
                    _ = writeln!(out, "- {}", plain(&item));
                }
                out.push('\n');
            }
            Block::Table(head, rows) => {
                let cells =
                    |row: &[String]| row.iter().map(|c| plain(c)).collect::<Vec<_>>().join(" | ");
                _ = writeln!(out, "| {} |\n|{}", cells(&head), " --- |".repeat(head.len()));
                for row in rows {
                    _ = writeln!(out, "| {} |", cells(&row));
                }
                out.push('\n');
            }
        }
    }
    out
}

/// The report as a whole HTML page without scripts or outside references.
pub fn html(score: &DrillScore, name: &Text, lang: Lang) -> String {
    let mut body = String::new();
    let mut title = String::new();
    for block in blocks(score, name, lang) {
        match block {
            Block::Title(text) => {
                title = escape(&text);
                _ = writeln!(body, "<h1>{title}</h1>");
            }
            Block::Heading(text) => _ = writeln!(body, "<h2>{}</h2>", escape(&text)),
            Block::Line(text) => _ = writeln!(body, "<p>{}</p>", escape(&text)),
            Block::List(items) => {
                let items: String =
                    items.iter().map(|i| format!("<li>{}</li>", escape(i))).collect();
                _ = writeln!(body, "<ul>{items}</ul>");
            }
            Block::Table(head, rows) => {
                let row = |cells: &[String], tag: &str| {
                    let cells: String =
                        cells.iter().map(|c| format!("<{tag}>{}</{tag}>", escape(c))).collect();
                    format!("<tr>{cells}</tr>")
                };
                let rows: String = rows.iter().map(|r| row(r, "td")).collect();
                let head = row(&head, "th");
                _ = writeln!(body, "<table><thead>{head}</thead><tbody>{rows}</tbody></table>");
            }
        }
    }
    let style = "body{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
                 table{border-collapse:collapse;width:100%}\
                 th,td{border:1px solid;padding:.3rem .5rem;text-align:start}";
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{style}</style></head><body>\n{body}</body></html>\n",
        lang.tag()
    )
}

enum Block {
    Title(String),
    Heading(String),
    Line(String),
    List(Vec<String>),
    Table(Vec<String>, Vec<Vec<String>>),
}

fn blocks(score: &DrillScore, name: &Text, lang: Lang) -> Vec<Block> {
    let p = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let mut out = vec![
        Block::Title(format!("{}{}", p("演练总结报告：", "After-action report: "), name.get(lang))),
        Block::Line(p(
            "本报告所述均为演练，数据不计入真实安全事件。",
            "All of this was an exercise: none of it counts as a real incident.",
        )),
        summary(score, lang),
    ];
    out.push(Block::Heading(p("一、演练目标", "1. Objectives")));
    out.push(Block::List(score.objectives.iter().map(|o| o.get(lang).to_owned()).collect()));
    out.push(Block::Heading(p("二、成绩", "2. Results")));
    out.push(results(score, lang));
    out.push(Block::Heading(p("三、情景时间线", "3. Timeline of injects")));
    out.push(timeline(score, lang));
    out.push(Block::Heading(p("四、人员处置", "4. What people did")));
    out.push(people(score, lang));
    out.push(Block::Heading(p("五、ATT&CK 技术覆盖", "5. ATT&CK coverage")));
    out.push(Block::Table(
        vec![p("技术", "Technique"), p("结果", "Result"), p("告警/情景", "Alerted / injects")],
        score
            .techniques
            .iter()
            .map(|t| {
                let counts = format!("{}/{}", t.alerted, t.injects);
                vec![t.technique.clone(), t.coverage.label(lang).to_owned(), counts]
            })
            .collect(),
    ));
    out.push(Block::Heading(p("六、问题与整改", "6. Findings for remediation")));
    out.push(if score.findings.is_empty() {
        Block::Line(p("没有发现问题。", "None."))
    } else {
        Block::List(score.findings.iter().map(|f| f.text.get(lang).to_owned()).collect())
    });
    out
}

fn summary(score: &DrillScore, lang: Lang) -> Block {
    let p = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let end = match &score.ended {
        None => p("尚未结束（成绩为暂计）", "not over yet (provisional)"),
        Some((at, EndReason::Completed)) => {
            format!("{} {}", at.to_beijing(), p("按计划完成", "completed"))
        }
        Some((at, EndReason::RealAlert { alert })) => format!(
            "{} {} {alert}",
            at.to_beijing(),
            p("因真实告警终止，告警编号", "ended by a real alert,")
        ),
        Some((at, EndReason::Stopped { by })) => {
            format!("{} {}{by}", at.to_beijing(), p("被终止，操作人：", "stopped by "))
        }
    };
    Block::List(vec![
        format!("{}{}", p("单位：", "Site: "), score.site),
        format!("{}{}", p("演练标识：", "Exercise: "), score.exercise),
        format!(
            "{}{}",
            p("开始（北京时间）：", "Begun (Beijing time): "),
            score.started.to_beijing()
        ),
        format!("{}{end}", p("结束：", "End: ")),
    ])
}

fn results(score: &DrillScore, lang: Lang) -> Block {
    let p = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let of = |n: usize| format!("{n}/{}", score.emitted);
    let span = |name: String, s: &Span| {
        let figures = match (s.mean_ms, s.median_ms, s.p95_ms) {
            (Some(mean), Some(median), Some(p95)) => format!(
                "{} {} · {} {} · P95 {}",
                p("平均", "mean"),
                seconds(mean),
                p("中位", "median"),
                seconds(median),
                seconds(p95)
            ),
            _ => p("无", "none"),
        };
        vec![name, format!("{figures} ({}/{})", s.count, s.of)]
    };
    let sla = score.sla_minutes;
    Block::Table(
        vec![p("指标", "Measure"), p("结果", "Result")],
        vec![
            vec![p("已触发预期告警", "Injects detected"), of(score.detected)],
            vec![p("按时告警", "Detected in time"), of(score.detected_in_time)],
            vec![
                lang.pick("首次响应 ≤ ", "First response within ").to_owned()
                    + &sla.to_string()
                    + lang.pick(" 分钟", " minutes"),
                of(score.sla_met),
            ],
            span(p("平均发现时间 MTTD", "MTTD (to detect)"), &score.mttd),
            span(p("平均确认时间 MTTA", "MTTA (to acknowledge)"), &score.mtta),
            span(p("平均遏制时间 MTTC", "MTTC (to contain)"), &score.mttc),
            span(p("平均恢复时间 MTTR", "MTTR (to recover)"), &score.mttr),
            vec![
                p("预期之外的演练告警", "Unexpected marked alerts"),
                score.unexpected.len().to_string(),
            ],
        ],
    )
}

fn timeline(score: &DrillScore, lang: Lang) -> Block {
    let p = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let time = |t: Option<Timestamp>| t.map_or_else(|| "—".to_owned(), Timestamp::to_beijing);
    let rows = score.injects.iter().map(|i| {
        let c = &i.clock;
        vec![
            i.title.get(lang).to_owned(),
            i.coverage.label(lang).to_owned(),
            time(c.emitted),
            time(c.alerted),
            time(c.acknowledged),
            time(c.verdict),
            time(c.contained),
            time(c.recovered),
            time(c.reported),
        ]
    });
    let head = [
        p("情景", "Inject"),
        p("发现", "Seen"),
        p("T0 注入", "T0 sent"),
        p("T1 告警", "T1 alert"),
        p("T2 确认", "T2 acknowledged"),
        p("T3 研判", "T3 verdict"),
        p("T4 遏制", "T4 contained"),
        p("T5 恢复", "T5 recovered"),
        p("T6 上报", "T6 reported"),
    ];
    Block::Table(head.to_vec(), rows.collect())
}

fn people(score: &DrillScore, lang: Lang) -> Block {
    let p = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let mut rows: Vec<_> = score
        .injects
        .iter()
        .flat_map(|i| i.clock.people.iter().map(move |(act, by, at)| (*at, i, *act, by)))
        .collect();
    rows.sort_by_key(|(at, ..)| *at);
    if rows.is_empty() {
        return Block::Line(p("没有处置记录。", "Nothing was recorded."));
    }
    let rows = rows
        .into_iter()
        .map(|(at, inject, act, by)| {
            let title = inject.title.get(lang).to_owned();
            vec![at.to_beijing(), by.clone(), act.label(lang).to_owned(), title]
        })
        .collect();
    let head = [p("时间", "Time"), p("人员", "Who"), p("动作", "What"), p("情景", "Inject")];
    Block::Table(head.to_vec(), rows)
}

impl Act {
    /// The word a person reads.
    pub const fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Acknowledged => lang.pick("确认", "acknowledged"),
            Self::ConfirmedAttack => lang.pick("判定为攻击", "confirmed as an attack"),
            Self::DismissedAsFalse => lang.pick("判定为误报", "dismissed as false"),
            Self::Contained => lang.pick("遏制", "contained"),
            Self::Recovered => lang.pick("恢复", "recovered"),
            Self::Reported => lang.pick("上报", "reported"),
        }
    }
}

fn seconds(ms: u64) -> String {
    match ms {
        0..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

fn plain(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('|', "\\|").replace('<', "&lt;")
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
