use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::transform::{base64_offsets, dash_regex, utf16, windash};
use super::value::shaped;
use crate::pattern::Pattern;
use crate::syntax::test::{Shape, Test};

#[test]
fn base64_offsets_are_found_wherever_the_text_lies() {
    let needles = base64_offsets(b"http://");
    assert_eq!(needles.len(), 3);
    for before in 0..7 {
        for after in 0..4 {
            let text = STANDARD
                .encode([vec![b'x'; before], b"http://".to_vec(), vec![b'y'; after]].concat());
            assert!(needles.iter().any(|n| text.contains(n.as_str())), "{before} {after}");
        }
    }
}

#[test]
fn windash_writes_every_dash() {
    let texts = |p: &str| -> Vec<String> {
        windash(&Pattern::parse(p))
            .iter()
            .filter_map(|p| p.as_literal().map(str::to_owned))
            .collect()
    };
    let all = texts(" -param-name");
    assert_eq!(all.len(), 5);
    assert!(
        all.contains(&" /param-name".to_owned()) && all.contains(&" \u{2014}param-name".to_owned())
    );
    assert_eq!(texts("-a -b").len(), 25);
    assert_eq!(texts("plain"), ["plain"]);
    assert_eq!(texts("well-known"), ["well-known"]);
}

#[test]
fn utf16_is_written_in_the_order_asked_for() {
    assert_eq!(utf16("ab", false, false), b"a\0b\0");
    assert_eq!(utf16("ab", true, false), b"\0a\0b");
    assert_eq!(utf16("a", false, true), b"\xff\xfea\0");
}

#[test]
fn shapes_are_made_as_simple_as_they_are() {
    let t = |shape, p: &str| shaped(shape, Pattern::parse(p), false);
    assert!(matches!(t(Shape::Exact, "*a*"), Test::Text { shape: Shape::Contains, .. }));
    assert!(matches!(t(Shape::Prefix, "*a"), Test::Text { shape: Shape::Contains, .. }));
    assert!(matches!(t(Shape::Suffix, "a"), Test::Text { shape: Shape::Suffix, .. }));
    assert!(matches!(t(Shape::Contains, "a*b"), Test::Glob { .. }));
    assert_eq!(t(Shape::Contains, ""), Test::Any);
    assert!(matches!(t(Shape::Exact, ""), Test::Text { shape: Shape::Exact, .. }));
}

#[test]
fn many_dashes_as_one_expression_mean_the_same() {
    let pattern = Pattern::parse("-a -b* -c?");
    let spelled = windash(&pattern);
    for shape in [Shape::Exact, Shape::Contains, Shape::Prefix, Shape::Suffix] {
        let regex = regex::Regex::new(&dash_regex(&pattern, shape, false)).unwrap();
        for text in ["-a /b -cx", "\u{2014}A -bzz \u{2013}cy", "x -a -b -cx", "-a -b -cxz", "a b c"]
        {
            let value = events::Value::Str(text);
            let any = spelled.iter().any(|p| shaped(shape, p.clone(), false).holds(value));
            assert_eq!(regex.is_match(text), any, "{shape:?} on {text}");
        }
    }
}
