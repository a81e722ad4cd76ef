//! HTML that every page shares: the frame, small parts, forms.
//!
//! Invariants: no inline script or style (the CSP forbids both); every value goes through maud's
//! escaping; every form that changes something carries a CSRF token, because [`form::post`] is
//! the only way to write one.

pub(crate) mod form;
pub(crate) mod frame;
pub(crate) mod icon;
pub(crate) mod mark;
pub(crate) mod parts;

pub(crate) use frame::{Chrome, Section, Theme, page};
