//! Icons, drawn here: 20 × 20, one stroke, the colour of the text.

use maud::{Markup, html};

/// What an icon shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Workbench,
    Alerts,
    Search,
    Schools,
    Compliance,
    Data,
    Reveals,
    Drills,
    Sensors,
    Audit,
    User,
    Shield,
}

impl Icon {
    const fn path(self) -> &'static str {
        match self {
            Self::Workbench => "M3 3h6v7H3zM11 3h6v4h-6zM11 9h6v8h-6zM3 12h6v5H3z",
            Self::Alerts => "M10 3a5 5 0 0 1 5 5v4l2 3H3l2-3V8a5 5 0 0 1 5-5zM8 17h4",
            Self::Search => "M9 3a6 6 0 1 1 0 12A6 6 0 0 1 9 3zM13.5 13.5L17.5 17.5",
            Self::Schools => "M2 17h16M4 17V9M16 17V9M2 9l8-6 8 6zM8 17v-5h4v5",
            Self::Compliance => "M5 2h8l3 3v13H5zM8 11l2 2 4-5",
            Self::Data => {
                "M3 5c0-1.5 3-2.5 7-2.5S17 3.5 17 5s-3 2.5-7 2.5S3 6.5 3 5zM3 5v10c0 1.5 3 2.5 7 2.5s7-1 7-2.5V5M3 10c0 1.5 3 2.5 7 2.5s7-1 7-2.5"
            }
            Self::Reveals => {
                "M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5zM10 7.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5z"
            }
            Self::Drills => {
                "M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15zM10 6a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM10 9.5v1"
            }
            Self::Sensors => {
                "M10 10v7M6 17h8M7 13a4.5 4.5 0 0 1 0-6M13 13a4.5 4.5 0 0 0 0-6M4.5 15a8 8 0 0 1 0-10M15.5 15a8 8 0 0 0 0-10M10 9.5v1"
            }
            Self::Audit => "M4 2.5h12v15H4zM7 6.5h6M7 10h6M7 13.5h4",
            Self::User => {
                "M10 3a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM3.5 17.5c.5-4 3-5.5 6.5-5.5s6 1.5 6.5 5.5"
            }
            Self::Shield => {
                "M10 2l7 2.5v5c0 4.5-3 7-7 8.5-4-1.5-7-4-7-8.5v-5zM6.5 10l2.5 2.5 4.5-5"
            }
        }
    }

    /// The icon; it says nothing to a screen reader, the text beside it does.
    pub(crate) fn draw(self) -> Markup {
        html! {
            svg.icon viewBox="0 0 20 20" aria-hidden="true" focusable="false" {
                path d=(self.path()) {}
            }
        }
    }
}
