//! The risk index as a half circle.

use centre::situation::Band;
use maud::{Markup, html};

use super::xy;
use crate::html::parts;
use crate::text::Messages;

/// The gauge of an index from 0 to 100.
pub(crate) fn gauge(t: &Messages, index: u32, band: Band) -> Markup {
    let share = f64::from(index.min(100)) / 100.0;
    let angle = std::f64::consts::PI * (1.0 - share);
    let (x, y) = (100.0 + 80.0 * angle.cos(), 100.0 - 80.0 * angle.sin());
    let stroke = match band {
        Band::Good => "s-good",
        Band::Watch => "s-watch",
        Band::Poor => "s-poor",
        Band::Danger => "s-danger",
    };
    let title = format!("{} {index}", t.schools.index);
    html! {
        svg.chart viewBox="0 0 200 122" role="img" aria-label=(title) {
            title { (title) }
            desc { (t.schools.index_how) }
            path.track d="M20 100A80 80 0 0 1 180 100" {}
            path class={ "gauge-arc " (stroke) } d={ "M20 100A80 80 0 0 1 " (xy(x)) " " (xy(y)) } {}
            text.gauge-number x="100" y="92" text-anchor="middle" { (index) }
            text x="100" y="112" text-anchor="middle" { (parts::band_label(band, t)) }
        }
    }
}
