//! Forms.

use maud::{Markup, html};

use super::Chrome;

/// Name of the field that carries the CSRF token.
pub(crate) const CSRF_FIELD: &str = "_csrf";

/// A form that changes something: carries the token.
pub(crate) fn post(chrome: &Chrome, action: &str, class: &str, body: &Markup) -> Markup {
    html! {
        form method="post" action=(action) class=(class) {
            input type="hidden" name=(CSRF_FIELD) value=(chrome.csrf);
            (body)
        }
    }
}

/// A labelled one-line field.
pub(crate) fn field(label: &str, input: &Markup, hint: &str) -> Markup {
    html! {
        label.field {
            span.field-label { (label) }
            (input)
            @if !hint.is_empty() { span.hint { (hint) } }
        }
    }
}

/// A choice of one; `chosen` is preselected.
pub(crate) fn select(
    name: &str,
    label: &str,
    options: &[(String, String)],
    chosen: &str,
) -> Markup {
    html! {
        label.field.inline {
            span.field-label { (label) }
            select name=(name) {
                @for (value, text) in options {
                    option value=(value) selected[value == chosen] { (text) }
                }
            }
        }
    }
}

/// A tick box.
pub(crate) fn tick(name: &str, label: &str, on: bool) -> Markup {
    html! {
        label.tick { input type="checkbox" name=(name) value="1" checked[on]; span { (label) } }
    }
}
