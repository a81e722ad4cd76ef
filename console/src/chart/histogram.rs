//! Events over time as an area, alert groups on it as diamonds.

use events::{Severity, Timestamp};
use maud::{Markup, html};

use super::{twin, xy};
use crate::html::parts;
use crate::text::Messages;

/// One slice of time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bucket {
    /// Its start.
    pub(crate) start: Timestamp,
    /// Events in it.
    pub(crate) events: u64,
    /// Alert groups raised in it.
    pub(crate) alerts: u64,
    /// The gravest of them.
    pub(crate) gravest: Option<Severity>,
}

const H: f64 = 132.0;
const LEFT: f64 = 44.0;
const FLOOR: f64 = 112.0;
const TOP: f64 = 14.0;

/// How wide the place of the chart is: its letters keep their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// A column beside another.
    Column,
    /// The whole page.
    Page,
}

/// The chart; without buckets, nothing.
pub(crate) fn histogram(
    t: &Messages,
    (title, desc): (&str, &str),
    buckets: &[Bucket],
    width: Width,
) -> Markup {
    let w = match width {
        Width::Column => 760.0,
        Width::Page => 1140.0,
    };
    if buckets.is_empty() {
        return html! {};
    }
    let most = buckets.iter().map(|b| b.events).max().unwrap_or(0).max(1);
    let step = (w - LEFT) / buckets.len() as f64;
    let x = |i: usize| LEFT + step * (i as f64 + 0.5);
    let y = |n: u64| FLOOR - (FLOOR - TOP) * (n as f64 / most as f64);
    let curve: Vec<String> = buckets
        .iter()
        .enumerate()
        .map(|(i, b)| format!("{},{}", xy(x(i)), xy(y(b.events))))
        .collect();
    let curve = curve.join(" ");
    let area = format!("{LEFT},{FLOOR} {curve} {w},{FLOOR}");
    let every = buckets.len().div_ceil(8).max(1);
    let fine = match buckets {
        [a, b, ..] => b.start.since(a.start).as_secs() * (every as u64) < 60,
        _ => false,
    };
    html! {
        svg.chart viewBox={ "0 0 " (w) " " (H) } role="img" aria-label=(title) {
            title { (title) }
            desc { (desc) }
            @for (n, at) in [(most, TOP), (most / 2, f64::midpoint(TOP, FLOOR)), (0, FLOOR)] {
                line.axis x1=(LEFT) x2=(w) y1=(xy(at)) y2=(xy(at)) {}
                @if n > 0 || at == FLOOR {
                    text x=(LEFT - 6.0) y=(xy(at + 3.5)) text-anchor="end" { (parts::number(n)) }
                }
            }
            polygon.area points=(area) {}
            polyline.curve points=(curve) {}
            @for (i, b) in buckets.iter().enumerate() {
                @if i.is_multiple_of(every) {
                    text x=(xy(x(i))) y=(H - 6.0) text-anchor="middle" { (clock(b.start, fine)) }
                }
                @if let Some(level) = b.gravest.filter(|_| b.alerts > 0) {
                    (diamond(x(i), y(b.events).max(TOP), b, level))
                }
            }
        }
        (twin(t, &[t.c.time, t.bench.events_rate, t.nav.alerts], &rows(buckets)))
    }
}

fn diamond(x: f64, y: f64, b: &Bucket, level: Severity) -> Markup {
    let r = 4.0 + (b.alerts.min(8) as f64) * 0.5;
    let d = format!(
        "M{x} {top}L{right} {y}L{x} {bottom}L{left} {y}z",
        x = xy(x),
        y = xy(y),
        top = xy(y - r),
        bottom = xy(y + r),
        left = xy(x - r),
        right = xy(x + r),
    );
    html! {
        path class={ "c-" (level.as_str()) } d=(d) {
            title { (b.start.to_beijing()) ": " (b.alerts) }
        }
    }
}

/// Hours and minutes; with seconds where labels are less than a minute apart.
fn clock(at: Timestamp, fine: bool) -> String {
    at.to_beijing().get(if fine { 11..19 } else { 11..16 }).unwrap_or_default().to_owned()
}

fn rows(buckets: &[Bucket]) -> Vec<Vec<String>> {
    let row =
        |b: &Bucket| vec![b.start.to_beijing(), parts::number(b.events), parts::number(b.alerts)];
    buckets.iter().map(row).collect()
}
