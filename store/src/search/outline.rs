//! A query as others may read it, to say the same in another language (a Sigma rule).

use std::net::{Ipv4Addr, Ipv6Addr};

use events::Timestamp;

use super::expr::{Expr, Place, Test};
use super::parse::{Query, Shape};

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Outline {
    /// Everything.
    All,
    /// All of them.
    And(Vec<Self>),
    /// Any of them.
    Or(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// The record as received holds this [`Wanted::Like`] text.
    Text(String),
    /// Some value of a field or of what every record has (`id`, `time`, `site`, `sensor`,
    /// `product`, `category`, `service`, `raw`).
    Is {
        /// The name as in the query language.
        name: String,
        /// What is wanted of the value.
        wanted: Wanted,
    },
}

/// What is wanted of one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// That there is one.
    Exists,
    /// That it is a text, whatever its case: `*` any text, `?` any character, a backslash takes the
    /// meaning of these three from the next character.
    Like(String),
    /// That it is a number within bounds; whether each is part of the range.
    Between {
        /// The lower bound.
        low: Option<(f64, bool)>,
        /// The upper bound.
        high: Option<(f64, bool)>,
    },
    /// That it is an address of a range, such as `10.1.0.0/16`.
    Within(String),
    /// That it is a time: from this on, before that.
    During(Timestamp, Timestamp),
}

/// What the pipes make of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piped {
    /// Nothing.
    Records,
    /// A table of these.
    Table(Vec<String>),
    /// Counts by these.
    Count(Vec<String>),
    /// Counts over time.
    Histogram,
}

impl Query {
    /// The query as others may read it. How many rows it asks for is left out.
    pub fn outline(&self) -> (Outline, Piped) {
        let names = |places: &[(String, Place)]| {
            places.iter().map(|(_, place)| place.name().to_owned()).collect()
        };
        let piped = match &self.shape {
            Shape::Events => Piped::Records,
            Shape::Table(places) => Piped::Table(names(places)),
            Shape::Count(places) => Piped::Count(names(places)),
            Shape::Histogram(_) => Piped::Histogram,
        };
        (outline(&self.expr), piped)
    }
}

fn outline(expr: &Expr) -> Outline {
    match expr {
        Expr::All => Outline::All,
        Expr::And(all) => Outline::And(all.iter().map(outline).collect()),
        Expr::Or(any) => Outline::Or(any.iter().map(outline).collect()),
        Expr::Not(inner) => Outline::Not(Box::new(outline(inner))),
        Expr::Text(needle) => Outline::Text(needle.pattern().notation()),
        Expr::When(range) => Outline::Is {
            name: Place::Time.name().to_owned(),
            wanted: Wanted::During(range.start, range.end),
        },
        Expr::Is(place, test) => {
            Outline::Is { name: place.name().to_owned(), wanted: wanted(test) }
        }
    }
}

fn wanted(test: &Test) -> Wanted {
    match test {
        Test::Exists => Wanted::Exists,
        Test::Fits(pattern) => Wanted::Like(pattern.notation()),
        Test::Between { low, high } => Wanted::Between { low: *low, high: *high },
        Test::Cidr { base, bits, v4, .. } => {
            let v4 = v4.then(|| u32::try_from(*base).ok()).flatten();
            let address = v4.map_or_else(
                || Ipv6Addr::from(*base).to_string(),
                |base| Ipv4Addr::from(base).to_string(),
            );
            Wanted::Within(format!("{address}/{bits}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Outline, Piped) {
        Query::parse(text).unwrap().outline()
    }

    #[test]
    fn a_query_reads_back() {
        let is = |name: &str, wanted| Outline::Is { name: name.to_owned(), wanted };
        let like = |text: &str| Wanted::Like(text.to_owned());
        let (all, piped) =
            of(r#"user.name:Admin* NOT source.ip:10.1.2.3/16 "a*b" | count by site"#);
        let cidr = Wanted::Within("10.1.0.0/16".to_owned());
        let parts = vec![
            is("user.name", like("admin*")),
            Outline::Not(Box::new(is("source.ip", cidr))),
            Outline::Text(r"a\*b".to_owned()),
        ];
        assert_eq!((all, piped), (Outline::And(parts), Piped::Count(vec!["site".to_owned()])));
        assert_eq!(of("*"), (Outline::All, Piped::Records));
        let between = Wanted::Between { low: Some((1.0, true)), high: Some((9.0, true)) };
        assert_eq!(of("source.port:1..9 | histogram 1h").0, is("source.port", between));
        let six = Wanted::Within("fd00::/8".to_owned());
        assert_eq!(of("source.ip:fd00::1/8").0, is("source.ip", six));
        assert_eq!(of("user.name:* | table user.name").0, is("user.name", Wanted::Exists));
    }
}
