//! The web console and the HTTP API over `centre`, and nothing else.
//!
//! Layout: [`serve`] is the way in. `web` holds everything about HTTP: the accept loop, the one
//! table of routes with its authorisation, sessions and CSRF, errors, live news. `pages` are pure
//! functions from what `centre` answers to HTML; `html` and `chart` are what they are made of;
//! `text` holds every word in both languages; `assets` the style sheet and the script.
//!
//! Invariants: a route cannot be written without saying who may use it; every answer carries the
//! security headers; no inline script or style; every form that changes something carries a CSRF
//! token; nothing is fetched from the network; the URL holds all state of a page, except language
//! and theme, which are cookies.

mod assets;
mod chart;
mod error;
mod html;
pub mod limits;
mod pages;
mod text;
mod web;

pub use error::Error;
pub use web::serve;
