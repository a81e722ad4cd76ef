//! The regular expressions of a set of rules: each is compiled once, within bounds for one of
//! them, for those of one rule and for those of all rules together.

use std::sync::Arc;

use hashbrown::HashMap;
use regex::{Regex, RegexBuilder};

use crate::limits::{REGEX_BYTES_ALL_MAX, REGEX_BYTES_MAX, REGEX_BYTES_RULE_MAX, REGEX_DEPTH_MAX};

/// What an expression is charged with, in bytes: the first of these it fits in when compiled, for
/// its true size is not told.
const CHARGES: [usize; 4] =
    [REGEX_BYTES_MAX >> 8, REGEX_BYTES_MAX >> 5, REGEX_BYTES_MAX >> 2, REGEX_BYTES_MAX];

/// Expressions compiled so far, by their source: many rules share them.
#[derive(Default)]
pub(crate) struct Regexes {
    compiled: HashMap<String, Arc<Regex>>,
    /// Charged to the rule being read, and to all.
    rule_bytes: usize,
    all_bytes: usize,
}

/// Why an expression is refused.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is none, or too large by itself.
    Bad(String),
    /// Those of the rule, or of all rules, take too much together.
    TooMany,
}

impl Regexes {
    /// Before the expressions of another rule.
    pub(crate) fn next_rule(&mut self) {
        self.rule_bytes = 0;
    }

    /// The expression of this source.
    pub(crate) fn get(&mut self, source: &str) -> Result<Arc<Regex>, Refused> {
        if let Some(regex) = self.compiled.get(source) {
            return Ok(regex.clone());
        }
        // Past a bound nothing more is tried: that takes time, too.
        self.charge(0)?;
        let Some((regex, charge)) = compile(source)? else {
            self.charge(REGEX_BYTES_MAX)?;
            return Err(Refused::Bad("too large when compiled".to_owned()));
        };
        self.charge(charge)?;
        let regex = Arc::new(regex);
        self.compiled.insert(source.to_owned(), regex.clone());
        Ok(regex)
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Refused> {
        self.rule_bytes += bytes;
        self.all_bytes += bytes;
        let fits = self.rule_bytes <= REGEX_BYTES_RULE_MAX && self.all_bytes <= REGEX_BYTES_ALL_MAX;
        fits.then_some(()).ok_or(Refused::TooMany)
    }
}

/// The expression and its charge; `None` of one that is too large.
fn compile(source: &str) -> Result<Option<(Regex, usize)>, Refused> {
    for charge in CHARGES {
        let built = RegexBuilder::new(source)
            .size_limit(charge)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .nest_limit(REGEX_DEPTH_MAX)
            .build();
        match built {
            Ok(regex) => return Ok(Some((regex, charge))),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(e) => {
                let why = e.to_string().lines().last().unwrap_or("").trim().to_owned();
                return Err(Refused::Bad(why));
            }
        }
    }
    Ok(None)
}
