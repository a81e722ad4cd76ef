//! A tile cartogram: one tile per school, a block per district. No map data is needed, and none
//! is shipped.

use centre::situation::Band;
use maud::{Markup, html};

use crate::html::parts;
use crate::text::Messages;

/// One school.
#[derive(Clone, Debug)]
pub(crate) struct Tile {
    /// Its code, for the link.
    pub(crate) code: String,
    /// Its name.
    pub(crate) name: String,
    /// Its risk index.
    pub(crate) index: u32,
    /// The band of the index.
    pub(crate) band: Band,
}

const STEP_X: usize = 62;
const STEP_Y: usize = 58;

/// The tiles of one district. The shape in the corner repeats the band.
pub(crate) fn tiles(t: &Messages, district: &str, all: &[Tile]) -> Markup {
    let columns = columns(all.len());
    let rows = all.len().div_ceil(columns).max(1);
    html! {
        svg.chart viewBox={ "0 0 " (columns * STEP_X) " " (rows * STEP_Y) } role="group"
            aria-label=(district) {
            title { (district) }
            desc { (t.schools.cartogram_desc) }
            @for (i, tile) in all.iter().enumerate() {
                (one(t, tile, (i % columns) * STEP_X, (i / columns) * STEP_Y))
            }
        }
    }
}

/// Few schools get large tiles; many stay within about a screen.
const fn columns(schools: usize) -> usize {
    match schools {
        0..=10 => 5,
        11..=32 => 6,
        33..=72 => 8,
        _ => 12,
    }
}

fn one(t: &Messages, tile: &Tile, x: usize, y: usize) -> Markup {
    let class = match tile.band {
        Band::Good => "b-good",
        Band::Watch => "b-watch",
        Band::Poor => "b-poor",
        Band::Danger => "b-danger",
    };
    let shape = match tile.band {
        Band::Good => format!("M{} {}h6v2h-6z", x + 40, y + 9),
        Band::Watch => format!("M{} {}h6v6h-6z", x + 40, y + 6),
        Band::Poor => format!("M{} {}l4 7h-8z", x + 43, y + 5),
        Band::Danger => format!("M{} {}l4 4-4 4-4-4z", x + 43, y + 4),
    };
    html! {
        a href={ "/schools/" (tile.code) } {
            title { (tile.name) " · " (tile.index) " · " (parts::band_label(tile.band, t)) }
            rect class=(class) x=(x) y=(y) width="52" height="34" rx="4" {}
            text.tile-number x=(x + 18) y=(y + 22) text-anchor="middle" { (tile.index) }
            path.tile-shape d=(shape) {}
            text.tile-name x=(x) y=(y + 46) { (short(&tile.name)) }
        }
    }
}

/// What fits under a tile.
fn short(name: &str) -> String {
    let wide = !name.is_ascii();
    let most = if wide { 5 } else { 10 };
    let mut out: String = name.chars().take(most).collect();
    if name.chars().count() > most {
        out.push('…');
    }
    out
}
