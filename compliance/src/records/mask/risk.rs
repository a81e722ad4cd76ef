//! What a masked table still gives away: the classes of rows that cannot be told apart, how likely
//! a person is found again, and what is learned of somebody whose class is known.
//!
//! - **k-anonymity** (Sweeney 2002): the smallest class of equal quasi-identifiers.
//! - **l-diversity** (Machanavajjhala et al. 2007), in its plainest form: the fewest different values
//!   of a sensitive column in a class.
//! - **t-closeness** (Li, Li, Venkatasubramanian 2007): the greatest distance between a class's
//!   values and all rows' values, each value as far from any other (the total variation).
//! - **Re-identification** by three attackers (El Emam and Dankar 2008): the *prosecutor* knows that
//!   a person is in the table, the *journalist* knows a population that the table was drawn from, the
//!   *marketer* wants as many as possible and minds no errors.
//!
//! All of it is measured on what is released: after masking, and with the rows whose class was too
//! small, and which were left without quasi-identifiers, as a class of their own.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap};
use serde::Serialize;

use crate::records::error::Error;
use crate::records::limits::{GROUPS_MAX, RISK_VALUES_MAX};

/// Below so many rows a class is counted as exposed: a chance of more than one in five.
const EXPOSED_BELOW: u64 = 5;

/// What a sensitive column gives away.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disclosure {
    /// The column.
    pub column: String,
    /// l: the fewest different values in a class; none when the column holds no value.
    pub l: Option<u64>,
    /// t: from 0 (every class is like the whole) to 1.
    pub t: Option<f64>,
}

/// What a masked table still gives away.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Risk {
    /// Rows.
    pub rows: u64,
    /// Classes of rows with equal quasi-identifiers.
    pub classes: u64,
    /// The smallest class.
    pub smallest: u64,
    /// The prosecutor's best chance with one person: one in the smallest class.
    pub prosecutor: f64,
    /// The share of rows in classes of fewer than five.
    pub exposed: f64,
    /// The share of all rows a marketer names rightly, matching every row at random in its class.
    pub marketer: f64,
    /// The journalist's best chance with one person, when the population was given.
    pub journalist: Option<f64>,
    /// Sensitive columns; none when there are too many values to follow them.
    pub disclosures: Option<Vec<Disclosure>>,
}

impl Risk {
    /// The journalist's chance, if the rows were drawn evenly from a population of this size: each
    /// class is then as much larger there as the population is. Fewer than the rows is no population.
    #[must_use]
    pub fn in_population(mut self, population: u64) -> Self {
        let share = self.rows as f64 / population.max(self.rows).max(1) as f64;
        self.journalist = Some(rounded(self.prosecutor * share));
        self
    }
}

/// Counts classes and values row by row.
pub(super) struct Exposure {
    classes: HashMap<String, u32>,
    sizes: Vec<u64>,
    left_out: u64,
    names: Vec<String>,
    /// How often a value of a sensitive column stands in a class. Values are kept as hashes.
    values: HashMap<(u16, u32, u64), u64>,
    hasher: DefaultHashBuilder,
    lost: bool,
}

/// The class of rows that were left without quasi-identifiers.
const LEFT_OUT: u32 = u32::MAX;

impl Exposure {
    /// Follows the sensitive columns of these names.
    pub(super) fn new(names: Vec<String>) -> Self {
        Self {
            classes: HashMap::new(),
            sizes: Vec::new(),
            left_out: 0,
            names,
            values: HashMap::new(),
            hasher: DefaultHashBuilder::default(),
            lost: false,
        }
    }

    /// Takes a row as it is released: its quasi-identifiers, or none when they were left out, and
    /// the cells of the sensitive columns.
    pub(super) fn row<'a>(
        &mut self,
        group: Option<&str>,
        sensitive: impl Iterator<Item = &'a str>,
    ) -> Result<(), Error> {
        let class = match group {
            None => {
                self.left_out += 1;
                LEFT_OUT
            }
            Some(group) => self.class(group)?,
        };
        for (column, cell) in (0u16..).zip(sensitive) {
            if cell.is_empty() || self.lost {
                continue;
            }
            if self.values.len() >= RISK_VALUES_MAX {
                (self.lost, self.values) = (true, HashMap::new());
                continue;
            }
            *self.values.entry((column, class, self.hasher.hash_one(cell))).or_default() += 1;
        }
        Ok(())
    }

    fn class(&mut self, group: &str) -> Result<u32, Error> {
        if let Some(class) = self.classes.get(group) {
            if let Some(size) = self.sizes.get_mut(*class as usize) {
                *size += 1;
            }
            return Ok(*class);
        }
        let class = u32::try_from(self.sizes.len()).unwrap_or(LEFT_OUT);
        if self.sizes.len() >= GROUPS_MAX {
            return Err(Error::TooManyGroups { limit: GROUPS_MAX });
        }
        self.classes.insert(group.to_owned(), class);
        self.sizes.push(1);
        Ok(class)
    }

    /// The smallest class that is shown.
    pub(super) fn k(&self) -> Option<u64> {
        self.sizes.iter().min().copied()
    }

    /// What it all comes to; none for a table without quasi-identifiers or rows.
    pub(super) fn finish(self) -> Option<Risk> {
        let left_out = Some(self.left_out).filter(|n| *n > 0);
        let sizes: Vec<u64> = self.sizes.iter().copied().chain(left_out).collect();
        let (rows, smallest) = (sizes.iter().sum::<u64>(), *sizes.iter().min()?);
        let exposed: u64 = sizes.iter().filter(|n| **n < EXPOSED_BELOW).sum();
        Some(Risk {
            rows,
            classes: sizes.len() as u64,
            smallest,
            prosecutor: rounded(1.0 / smallest as f64),
            exposed: rounded(exposed as f64 / rows as f64),
            marketer: rounded(sizes.len() as f64 / rows as f64),
            journalist: None,
            disclosures: (!self.lost).then(|| self.disclosures()),
        })
    }

    fn disclosures(self) -> Vec<Disclosure> {
        // Of each column: all values, and each class's total and number of different values.
        let mut whole: HashMap<(u16, u64), u64> = HashMap::new();
        let mut classes: HashMap<(u16, u32), (u64, u64)> = HashMap::new();
        let mut totals = vec![0u64; self.names.len()];
        for ((column, class, value), n) in &self.values {
            *whole.entry((*column, *value)).or_default() += n;
            let (total, different) = classes.entry((*column, *class)).or_default();
            (*total, *different) = (*total + n, *different + 1);
            if let Some(total) = totals.get_mut(usize::from(*column)) {
                *total += n;
            }
        }
        // The total variation is the sum of what the class has more of than the whole.
        let mut distance: HashMap<(u16, u32), f64> = HashMap::new();
        for ((column, class, value), n) in &self.values {
            let of = |n: u64, total: u64| n as f64 / total.max(1) as f64;
            let total = totals.get(usize::from(*column)).copied().unwrap_or_default();
            let all = of(whole.get(&(*column, *value)).copied().unwrap_or_default(), total);
            let here = of(*n, classes.get(&(*column, *class)).map_or(1, |c| c.0));
            *distance.entry((*column, *class)).or_default() += (here - all).max(0.0);
        }
        let name = |(column, name): (u16, String)| Disclosure {
            l: classes.iter().filter(|(c, _)| c.0 == column).map(|(_, n)| n.1).min(),
            t: distance.iter().filter(|(c, _)| c.0 == column).map(|(_, d)| *d).reduce(f64::max),
            column: name,
        };
        let told = (0u16..).zip(self.names).map(name);
        told.map(|d| Disclosure { t: d.t.map(rounded), ..d }).collect()
    }
}

/// Four decimals: more would be false.
fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn risk(rows: &[(Option<&str>, &str)]) -> Risk {
        let mut exposure = Exposure::new(vec!["成绩".into()]);
        for (group, value) in rows {
            exposure.row(*group, [*value].into_iter()).unwrap();
        }
        exposure.finish().unwrap()
    }

    #[test]
    fn a_table_worked_out_by_hand() {
        // Class a: 4 rows, values 甲甲甲乙; class b: 2 rows, both 乙; two rows left out: 甲, empty.
        let (a, b) = (Some("a"), Some("b"));
        let rows = [
            (a, "甲"),
            (a, "甲"),
            (a, "甲"),
            (a, "乙"),
            (b, "乙"),
            (b, "乙"),
            (None, "甲"),
            (None, ""),
        ];
        let risk = risk(&rows);
        assert_eq!((risk.rows, risk.classes, risk.smallest), (8, 3, 2));
        assert_eq!((risk.prosecutor, risk.exposed, risk.marketer), (0.5, 1.0, 0.375));
        // All: 甲 4/7, 乙 3/7. Class b has 乙 only: 1 − 3/7 is farther than any other.
        let told = &risk.disclosures.as_ref().unwrap()[0];
        assert_eq!((told.l, told.t), (Some(1), Some(0.5714)));
        assert_eq!(risk.journalist, None);
        assert_eq!(risk.clone().in_population(80).journalist, Some(0.05));
        assert_eq!(risk.in_population(1).journalist, Some(0.5), "no smaller than the table");
    }

    #[test]
    fn nothing_to_tell_without_rows_and_too_much_to_follow_is_said() {
        assert!(Exposure::new(vec![]).finish().is_none());
        let mut exposure = Exposure::new(vec!["x".into()]);
        for n in 0..=RISK_VALUES_MAX {
            exposure.row(Some("a"), [n.to_string().as_str()].into_iter()).unwrap();
        }
        let risk = exposure.finish().unwrap();
        assert_eq!((risk.classes, risk.disclosures), (1, None));
    }

    proptest! {
        #[test]
        fn bounds_hold(rows in prop::collection::vec((0u8..4, 0u8..4), 1..60)) {
            let named: Vec<(String, String)> =
                rows.iter().map(|(g, v)| (format!("g{g}"), format!("v{v}"))).collect();
            let rows: Vec<(Option<&str>, &str)> =
                named.iter().map(|(g, v)| (Some(g.as_str()), v.as_str())).collect();
            let risk = risk(&rows);
            let told = &risk.disclosures.as_ref().unwrap()[0];
            let (l, t) = (told.l.unwrap(), told.t.unwrap());
            prop_assert!(l >= 1 && l <= risk.smallest.max(4) && (0.0..=1.0).contains(&t));
            prop_assert!(risk.marketer <= risk.prosecutor + 1e-9);
            // One class is the whole: nothing to learn from it.
            prop_assert!(risk.classes > 1 || t == 0.0);
        }
    }
}
