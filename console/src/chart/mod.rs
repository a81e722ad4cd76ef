//! Charts as pure functions from figures to SVG. Each carries a title and a description for those
//! who do not see it, tells things apart by shape or place as well as colour, and has the same
//! figures as a table beside it.

mod gauge;
mod histogram;
mod spark;
mod stack;
mod tiles;

use maud::{Markup, html};

pub(crate) use gauge::gauge;
pub(crate) use histogram::{Bucket, Width, histogram};
pub(crate) use spark::spark;
pub(crate) use stack::{Bar, Part, bars, stacked};
pub(crate) use tiles::{Tile, tiles};

use crate::text::Messages;

/// The same figures as a table, folded away.
pub(crate) fn twin(t: &Messages, head: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        details.twin {
            summary { (t.c.table_twin) }
            div.table-wrap {
                table {
                    thead { tr { @for h in head { th { (h) } } } }
                    tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
                }
            }
        }
    }
}

/// A coordinate with one digit.
pub(crate) fn xy(v: f64) -> String {
    if v.is_finite() { format!("{v:.1}") } else { "0".to_owned() }
}
