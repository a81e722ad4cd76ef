//! A line the size of a word.

use maud::{Markup, html};

use super::xy;

/// The line of some values, oldest first; fewer than two draw nothing.
pub(crate) fn spark(title: &str, values: &[u64]) -> Markup {
    if values.len() < 2 {
        return html! {};
    }
    let most = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = 86.0 / (values.len() - 1) as f64;
    let points: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(i, v)| {
            format!("{},{}", xy(1.0 + step * i as f64), xy(20.0 - 18.0 * (*v as f64 / most)))
        })
        .collect();
    html! {
        svg.chart.spark viewBox="0 0 88 22" role="img" aria-label=(title) {
            title { (title) }
            polyline.curve points=(points.join(" ")) {}
        }
    }
}
