//! Decides a tree for given variables.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;

use events::Timestamp;

use super::{Expr, Literal, Op};
use crate::limits;

pub(super) fn holds(expr: &Expr, variables: &BTreeMap<String, String>) -> bool {
    match expr {
        Expr::And(all) => all.iter().all(|e| holds(e, variables)),
        Expr::Or(any) => any.iter().any(|e| holds(e, variables)),
        Expr::Exists(name) => variables.contains_key(name),
        Expr::Test { variable, negated, op, values } => {
            variables.get(variable).is_some_and(|value| test(value, *op, values) != *negated)
        }
    }
}

fn test(value: &str, op: Op, literals: &[Literal]) -> bool {
    let Some(first) = literals.first() else { return false };
    match op {
        Op::In => literals.iter().any(|l| order(value, l) == Some(Ordering::Equal)),
        Op::Equal => order(value, first) == Some(Ordering::Equal),
        Op::NotEqual => order(value, first) != Some(Ordering::Equal),
        Op::Less => order(value, first) == Some(Ordering::Less),
        Op::LessEqual => matches!(order(value, first), Some(Ordering::Less | Ordering::Equal)),
        Op::Greater => order(value, first) == Some(Ordering::Greater),
        Op::GreaterEqual => {
            matches!(order(value, first), Some(Ordering::Greater | Ordering::Equal))
        }
        Op::Like | Op::Matches | Op::Subset | Op::Superset => {
            let Literal::Text(text) = first else { return false };
            match op {
                Op::Like => like(value, text),
                Op::Matches => regex(text).is_some_and(|r| r.is_match(value)),
                Op::Subset => within(value, text),
                _ => within(text, value),
            }
        }
    }
}

/// How a variable's text stands to a literal; none when it is not of the literal's kind.
fn order(value: &str, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Text(text) => Some(value.cmp(text.as_str())),
        Literal::Bool(wanted) => value.parse::<bool>().ok().map(|b| b.cmp(wanted)),
        Literal::Integer(wanted) => match value.trim().parse::<i128>() {
            Ok(number) => Some(number.cmp(&i128::from(*wanted))),
            Err(_) => value.trim().parse::<f64>().ok()?.partial_cmp(&(*wanted as f64)),
        },
        Literal::Float(wanted) => value.trim().parse::<f64>().ok()?.partial_cmp(wanted),
        Literal::Time(wanted) => Timestamp::parse_rfc3339(value).ok().map(|t| t.cmp(wanted)),
    }
}

/// SQL-like match: `%` any run of characters, `_` one. Linear back-tracking over the last `%`.
fn like(value: &str, pattern: &str) -> bool {
    let (value, pattern): (Vec<char>, Vec<char>) =
        (value.chars().collect(), pattern.chars().collect());
    let (mut v, mut p) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while v < value.len() {
        match pattern.get(p) {
            Some('%') => {
                star = Some((p, v));
                p += 1;
            }
            Some(c) if *c == '_' || *c == value[v] => {
                v += 1;
                p += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    v = from + 1;
                    star = Some((at, v));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

pub(super) fn regex(text: &str) -> Option<regex::Regex> {
    regex::RegexBuilder::new(text).size_limit(limits::REGEX_BYTES_MAX).build().ok()
}

/// An address or `address/length`, as 128 bits, length in them, and the family.
pub(super) fn network(text: &str) -> Option<(u128, u32, bool)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let (bits, width, v6) = match address.trim().parse::<IpAddr>().ok()? {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32, false),
        IpAddr::V6(v6) => (u128::from(v6), 128, true),
    };
    let length = length.unwrap_or(width);
    (length <= width).then_some((bits, length, v6))
}

fn within(inner: &str, outer: &str) -> bool {
    let (Some((inner, inner_len, a)), Some((outer, outer_len, b))) =
        (network(inner), network(outer))
    else {
        return false;
    };
    let mask = if outer_len == 0 { 0 } else { u128::MAX << (128 - outer_len) };
    a == b && inner_len >= outer_len && inner & mask == outer & mask
}

#[cfg(test)]
mod tests {
    use super::super::Condition;
    use super::*;
    use proptest::prelude::*;

    fn vars() -> BTreeMap<String, String> {
        [("__s__", "it's 张"), ("__n__", "12"), ("__b__", "true"), ("__ip__", "198.51.100.9")]
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    }

    #[test]
    fn truth_table() {
        for (text, wanted) in [
            ("[__s__:value = 'it\\'s 张']", true),
            ("__n__:value >= 3", true),
            ("__n__:value > 12", false),
            ("[__n__:value < 12.5 AND __b__:value = true]", true),
            ("[__n__:value = '12']", true),
            ("[__n__:value IN (1, 12)]", true),
            ("[__n__:value NOT IN (1, 2)]", true),
            ("[__s__:value LIKE 'it%_']", true),
            ("[__s__:value LIKE 'it_']", false),
            ("[__s__:value MATCHES '^it.s']", true),
            ("[__ip__:value ISSUBSET '198.51.100.0/24' AND __n__:value >= 3]", true),
            ("[__ip__:value ISSUBSET '::/0']", false),
            ("[__ip__:value NOT ISSUBSET '10.0.0.0/8']", true),
            ("[__absent__:value != 'x']", false),
            ("[EXISTS __n__:value] AND [__n__:value <> 3]", true),
            ("[__n__:value = 1 OR __n__:value = 2 AND __b__:value = true]", false),
            ("[(__n__:value = 12 OR __n__:value = 2) AND __b__:value = false]", false),
            ("[__n__:value = 1] OR [__b__:value = true]", true),
        ] {
            let condition = Condition::parse(text).unwrap_or_else(|f| panic!("{text}: {f:?}"));
            assert_eq!(condition.holds(&vars()), wanted, "{text}");
        }
    }

    #[test]
    fn refused_with_their_place() {
        for (text, offset) in [
            ("[__n__:value = ]", 15),
            ("[x:value = 1]", 1),
            ("[__n__:value = 1] FOLLOWEDBY [__n__:value = 2]", 18),
            ("[__n__:value MATCHES '(']", 21),
            ("[__n__:value = h'00']", 15),
            ("[__n__:value = 'x", 15),
            ("", 0),
            ("[__n__:value ISSUBSET 'x']", 22),
        ] {
            assert_eq!(Condition::parse(text).unwrap_err().offset, offset, "{text}");
        }
        assert!(Condition::parse(&format!("{}__n__:value = 1", "(".repeat(999))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in ".{0,120}") {
            let _ = Condition::parse(&text);
        }

        #[test]
        fn near_grammar_never_panics(parts in prop::collection::vec(
            prop::sample::select(vec!["[", "]", "(", ")", "__n__:value", "=", "<=", "IN", "LIKE",
                "'a%'", "12", "-1.5", "NOT", "AND", "OR", "EXISTS", ",", "true", "MATCHES", "é"]),
            0..12,
        )) {
            if let Ok(condition) = Condition::parse(&parts.join(" ")) {
                let _ = condition.holds(&vars());
            }
        }
    }
}
