//! Bars: one stacked line of parts, and a list of named bars.

use maud::{Markup, html};

use super::{twin, xy};
use crate::html::parts;
use crate::text::Messages;

/// One part of a stacked bar.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// What it is.
    pub(crate) label: String,
    /// How much.
    pub(crate) value: u64,
    /// Class of its colour: `c-…`.
    pub(crate) class: &'static str,
}

/// The parts in one line, in their order; a white seam keeps neighbours apart without colour.
pub(crate) fn stacked(title: &str, parts: &[Part]) -> Markup {
    let total = parts.iter().map(|p| p.value).sum::<u64>().max(1) as f64;
    let mut at = 0.0;
    let mut placed = Vec::with_capacity(parts.len());
    for part in parts.iter().filter(|p| p.value > 0) {
        let width = 400.0 * part.value as f64 / total;
        placed.push((at, (width - 1.0).max(0.8), part));
        at += width;
    }
    html! {
        svg.chart viewBox="0 0 400 14" preserveAspectRatio="none" role="img" aria-label=(title) {
            title { (title) }
            desc { @for p in parts { (p.label) " " (p.value) "; " } }
            @for (x, width, part) in placed {
                rect class=(part.class) x=(xy(x)) y="0" width=(xy(width)) height="14" {
                    title { (part.label) ": " (part.value) }
                }
            }
        }
    }
}

/// One named bar.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// What it is.
    pub(crate) label: String,
    /// How much.
    pub(crate) value: u64,
    /// Class of its colour.
    pub(crate) class: &'static str,
}

/// Named bars, one below the other, longest scale shared.
pub(crate) fn bars(t: &Messages, title: &str, desc: &str, bars: &[Bar]) -> Markup {
    if bars.is_empty() {
        return html! {};
    }
    let most = bars.iter().map(|b| b.value).max().unwrap_or(0).max(1) as f64;
    let height = bars.len() * 24;
    let rows: Vec<Vec<String>> =
        bars.iter().map(|b| vec![b.label.clone(), parts::number(b.value)]).collect();
    html! {
        svg.chart.bars viewBox={ "0 0 400 " (height) } role="img" aria-label=(title) {
            title { (title) }
            desc { (desc) }
            @for (i, bar) in bars.iter().enumerate() {
                text x="0" y=(i * 24 + 15) { (short(&bar.label)) }
                rect class=(bar.class) x="130" y=(i * 24 + 5) rx="2" height="13"
                    width=(xy(2.0 + 225.0 * bar.value as f64 / most)) {
                    title { (bar.label) ": " (bar.value) }
                }
                text x=(xy(138.0 + 225.0 * bar.value as f64 / most)) y=(i * 24 + 15) {
                    (parts::number(bar.value))
                }
            }
        }
        (twin(t, &[t.c.name, t.c.count], &rows))
    }
}

fn short(label: &str) -> String {
    // A Chinese character is about twice as wide as a Latin one.
    let mut width = 0;
    let mut out = String::new();
    for c in label.chars() {
        width += if c.is_ascii() { 1 } else { 2 };
        if width > 22 {
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}
