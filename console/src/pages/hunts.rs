//! Saved hunts (狩猎查询): what was worth keeping of searches, and the way to a rule.

use centre::hunt::Hunt;
use maud::{Markup, html};

use crate::html::form::{field, post};
use crate::html::parts::{self, empty};
use crate::html::{Chrome, Section, page};

/// The page; `query` is what the form to save one begins with.
pub(crate) fn hunts(chrome: &Chrome, rows: &[Hunt], query: &str) -> Markup {
    let t = &chrome.t().hunts;
    let body = html! {
        (parts::panel(t.saved, None, &list(chrome, rows)))
        (parts::panel(t.save_title, None, &save(chrome, query)))
    };
    page(chrome, Section::Search, t.title, &body)
}

fn list(chrome: &Chrome, rows: &[Hunt]) -> Markup {
    let t = &chrome.t().hunts;
    html! {
        @if rows.is_empty() { (empty(t.empty)) } @else {
            div.table-wrap {
                table {
                    thead {
                        tr {
                            th { (t.name) } th { (t.query) } th { (t.owner) } th { (t.changed) }
                            th { (t.rule) } th { }
                        }
                    }
                    tbody { @for hunt in rows { (row(chrome, hunt)) } }
                }
            }
            p.faint { (t.rule_how) }
        }
    }
}

fn row(chrome: &Chrome, hunt: &Hunt) -> Markup {
    let t = &chrome.t().hunts;
    let remove = html! {
        input type="hidden" name="name" value=(hunt.name);
        button type="submit" { (t.remove) }
    };
    html! {
        tr data-row="" {
            td {
                @if hunt.is_masked() { (hunt.name) }
                @else { a href=(parts::link("/search", &[("q", &hunt.query)])) { (hunt.name) } }
            }
            td.wrap { code { (hunt.query) } }
            td { (hunt.owner) }
            td { (parts::time(hunt.changed, chrome.now)) }
            td { @if !hunt.is_masked() { (draft(chrome, hunt)) } }
            td { (post(chrome, "/hunts/remove", "inline", &remove)) }
        }
    }
}

/// The way to a rule.
fn draft(chrome: &Chrome, hunt: &Hunt) -> Markup {
    let t = &chrome.t().hunts;
    html! {
        form method="get" action="/hunts/rule" {
            input type="hidden" name="name" value=(hunt.name);
            input type="text" name="threshold" size="4" inputmode="numeric"
                placeholder=(t.threshold) aria-label=(t.threshold);
            input type="text" name="timespan" size="4" placeholder="5m" aria-label=(t.timespan);
            button type="submit" { (t.promote) }
        }
    }
}

fn save(chrome: &Chrome, query: &str) -> Markup {
    let t = &chrome.t().hunts;
    let name = html! { input type="text" name="name" required maxlength="80"; };
    let asks = html! {
        input type="text" name="query" value=(query) required maxlength="8192" spellcheck="false";
    };
    let body = html! {
        (field(t.name, &name, t.name_hint))
        (field(t.query, &asks, ""))
        button.primary type="submit" { (t.save) }
    };
    post(chrome, "/hunts/save", "", &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{Lang, Timestamp};

    #[test]
    fn a_hunt_is_shown_with_its_ways_on_in_both_languages() {
        let at = Timestamp::from_secs(0);
        let hunt = Hunt {
            name: "<夜间>".to_owned(),
            query: "user.name:root".to_owned(),
            owner: "analyst".to_owned(),
            created: at,
            changed: at,
        };
        for (lang, word) in [(Lang::Zh, "转为检测规则"), (Lang::En, "Draft a rule")] {
            let text = hunts(&Chrome::for_test(lang), std::slice::from_ref(&hunt), "a:b");
            let text = text.into_string();
            assert!(text.contains(word) && text.contains("&lt;夜间&gt;"), "{text}");
            assert!(text.contains("/search?q=user.name%3Aroot") && text.contains("value=\"a:b\""));
        }
    }
}
