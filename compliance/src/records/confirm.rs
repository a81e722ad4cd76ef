//! What persons said about columns: confirmations and corrections of a classification, kept over the
//! scans that follow. One JSON line each, the newest of a column counts, none is ever taken out.
//!
//! A person's word stands until the column is another: when a scan finds, with confidence, an
//! element or a grade that it did not find then, the confirmation is marked as to be reviewed, and
//! until somebody did, the higher grade counts.

use std::collections::BTreeMap;

use events::{Text, Timestamp};
use serde::{Deserialize, Serialize};

use super::classify::{ColumnReport, Inventory};
use super::error::Error;
use super::limits::CONFIRMATIONS_MAX;
use super::taxonomy::{Spi, Taxonomy};

/// From this confidence on, another element than before calls for a new look.
const REVIEW_CONFIDENCE: f64 = 0.8;

/// What a person said about one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The data set.
    pub dataset: String,
    /// The column.
    pub column: String,
    /// What it is; none for nothing personal.
    pub element: Option<String>,
    /// Its grade, where it is not that of the element.
    pub grade: Option<u8>,
    /// Who says so.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: String,
    /// What the scan had found then.
    pub found: Option<String>,
    /// The grade the scan had given then.
    pub found_grade: u8,
}

/// The confirmation of a column, as the inventory shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confirmed {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: String,
    /// What the scan by itself finds now.
    pub found: Option<String>,
    /// The grade the scan by itself gives now.
    pub found_grade: u8,
    /// The column is another since: somebody must look again.
    pub review: bool,
}

impl Confirmation {
    /// What a person says of a column of an inventory.
    ///
    /// # Errors
    /// [`Error::BadConfirmation`] for an element that is none, a grade that is none, or nobody and
    /// no reason named.
    pub fn new(
        (dataset, column): (&str, &ColumnReport),
        (element, grade): (Option<&str>, Option<u8>),
        (by, why): (&str, &str),
        at: Timestamp,
        taxonomy: &Taxonomy,
    ) -> Result<Self, Error> {
        let bad = |reason| Error::BadConfirmation { reason };
        if element.is_some_and(|id| taxonomy.element(id).is_none()) {
            return Err(bad("no such element"));
        }
        if grade.is_some_and(|grade| !(1..=4).contains(&grade)) {
            return Err(bad("a grade is from 1 to 4"));
        }
        if by.trim().is_empty() || why.trim().is_empty() {
            return Err(bad("who says so, and why, must be named"));
        }
        // What a scan that knew an earlier confirmation shows is that one's word, not its own.
        let (found, found_grade) = match &column.confirmed {
            Some(earlier) => (earlier.found.clone(), earlier.found_grade),
            None => (column.element.clone(), column.grade),
        };
        Ok(Self {
            dataset: dataset.to_owned(),
            column: column.column.clone(),
            element: element.map(str::to_owned),
            grade,
            by: by.trim().to_owned(),
            at,
            why: why.trim().to_owned(),
            found,
            found_grade,
        })
    }

    /// Lays it over what a scan found.
    fn over(&self, column: &mut ColumnReport, taxonomy: &Taxonomy) {
        let (found, found_grade) = (column.element.clone(), column.grade);
        let element = self.element.as_deref().and_then(|id| taxonomy.element(id));
        let grade = self.grade.unwrap_or_else(|| element.map_or(1, |e| e.level));
        let other = found != self.found && found != self.element;
        let review = (other && column.confidence >= REVIEW_CONFIDENCE)
            || (column.grade > self.found_grade && column.grade > grade);
        column.reasons.push(Text::new(
            format!("{} 人工确认：{}", self.by, self.why),
            format!("confirmed by {}: {}", self.by, self.why),
        ));
        if review {
            column.reasons.push(Text::new(
                "内容与确认时不同，须复核；复核前从高定级",
                "the column is not what it was when confirmed: to be reviewed; the higher grade counts",
            ));
        }
        column.grade = if review { grade.max(column.grade) } else { grade };
        column.sensitive_pi = match element.map(|e| e.spi) {
            _ if review && column.sensitive_pi => true,
            None | Some(Spi::Never) => false,
            Some(Spi::Always) => true,
            // What depends on the other columns was judged beside them, if the element is the same.
            Some(_) if found == self.element => column.sensitive_pi,
            Some(_) => true,
        };
        column.element = element.map(|e| e.id.clone());
        column.title = element.map(|e| e.title.clone());
        column.class = element.map(|e| e.class.clone());
        column.mask = element.map(|e| e.mask.clone());
        column.protect = element.map(|e| e.protect);
        column.unverified = element.is_some_and(|e| !e.verified);
        if !review {
            column.confidence = 1.0;
        }
        let (by, why) = (self.by.clone(), self.why.clone());
        column.confirmed = Some(Confirmed { by, at: self.at, why, found, found_grade, review });
    }
}

/// The newest confirmation of each column.
#[derive(Clone, Debug, Default)]
pub struct Confirmations {
    newest: BTreeMap<(String, String), Confirmation>,
}

impl Confirmations {
    /// Reads a file of them: JSON lines, oldest first.
    ///
    /// # Errors
    /// [`Error::Content`] with the line.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut newest = BTreeMap::new();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        for (n, line) in lines {
            let bad = |what: &dyn std::fmt::Display| Error::Content {
                what: "confirmations",
                message: format!("line {}: {what}", n + 1),
            };
            if n >= CONFIRMATIONS_MAX {
                return Err(bad(&"too many"));
            }
            let one: Confirmation = serde_json::from_str(line).map_err(|e| bad(&e))?;
            newest.insert((one.dataset.clone(), one.column.clone()), one);
        }
        Ok(Self { newest })
    }

    /// All that count, by data set and column.
    pub fn iter(&self) -> impl Iterator<Item = &Confirmation> {
        self.newest.values()
    }

    /// Those of one data set.
    pub fn of(&self, dataset: &str) -> Said {
        let own = self.newest.iter().filter(|((own, _), _)| own == dataset);
        Said(own.map(|((_, column), one)| (column.clone(), one.clone())).collect())
    }

    /// Lays them over what a scan found.
    pub fn apply(&self, inventory: &mut Inventory, taxonomy: &Taxonomy) {
        self.of(&inventory.dataset).apply(inventory, taxonomy);
    }
}

/// What persons said of the columns of one data set, by column.
#[derive(Clone, Debug, Default)]
pub struct Said(BTreeMap<String, Confirmation>);

impl Said {
    /// Lays it over what a scan found.
    pub fn apply(&self, inventory: &mut Inventory, taxonomy: &Taxonomy) {
        for column in &mut inventory.columns {
            if let Some(said) = self.0.get(&column.column) {
                said.over(column, taxonomy);
            }
        }
        let grades = inventory.columns.iter().map(|c| c.grade);
        inventory.dataset_grade = grades.max().unwrap_or(1);
    }
}

/// How a person's word on a column was acted upon, for reports and proofs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Acted {
    /// The column.
    pub column: String,
    /// What it is, by that word; none for nothing personal.
    pub element: Option<String>,
    /// What the scan by itself finds.
    pub found: Option<String>,
    /// Whose word.
    pub by: String,
    /// When it was given.
    pub at: Timestamp,
    /// Whether it was followed. A column that became another since is treated as the scan has it
    /// until somebody looks again.
    pub followed: bool,
    /// Persons that the second scan finds in the column and that this word lets pass, by type.
    pub allowed: BTreeMap<&'static str, u64>,
}

impl Acted {
    /// Of a column over which the word was laid; `None` without one.
    pub(crate) fn of(column: &ColumnReport) -> Option<Self> {
        let said = column.confirmed.as_ref()?;
        Some(Self {
            column: column.column.clone(),
            element: column.element.clone(),
            found: said.found.clone(),
            by: said.by.clone(),
            at: said.at,
            followed: !said.review,
            allowed: BTreeMap::new(),
        })
    }

    /// The element to act by.
    pub(crate) fn acts_as(&self) -> Option<&String> {
        match (self.followed, &self.found) {
            (false, Some(found)) => Some(found),
            _ => self.element.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::change::changes;
    use crate::records::{ClassifyOptions, Day, classify};

    fn scan(rows: &str) -> Inventory {
        let options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "a.csv");
        classify(rows.as_bytes(), &options, &Taxonomy::embedded().unwrap()).unwrap()
    }

    fn say(inventory: &Inventory, element: Option<&str>, grade: Option<u8>) -> Confirmation {
        let said = (element, grade);
        let (column, at) = (("a.csv", &inventory.columns[0]), Timestamp::from_secs(1_800_000_000));
        let taxonomy = Taxonomy::embedded().unwrap();
        Confirmation::new(column, said, ("王老师", "核对过"), at, &taxonomy).unwrap()
    }

    fn applied(said: &[Confirmation], mut inventory: Inventory) -> Inventory {
        let lines: Vec<String> = said.iter().map(|c| serde_json::to_string(c).unwrap()).collect();
        let all = Confirmations::parse(&lines.join("\n")).unwrap();
        all.apply(&mut inventory, &Taxonomy::embedded().unwrap());
        inventory
    }

    const NOTES: &str = "备注\n无\n请假\n";

    #[test]
    fn a_persons_word_stands_over_the_next_scans() {
        let said = say(&scan(NOTES), Some("health"), None);
        let now = applied(std::slice::from_ref(&said), scan("备注\n无\n请假\n迟到\n"));
        let column = &now.columns[0];
        assert_eq!((column.element.as_deref(), column.confidence), (Some("health"), 1.0));
        let confirmed = column.confirmed.as_ref().unwrap();
        assert!(confirmed.by == "王老师" && !confirmed.review);
        assert_eq!(now.dataset_grade, column.grade);
        // The newest counts.
        let none = say(&scan(NOTES), None, None);
        let column = applied(&[said, none], scan(NOTES)).columns.remove(0);
        assert_eq!((column.element, column.grade, column.sensitive_pi), (None, 1, false));
    }

    #[test]
    fn a_column_that_became_another_is_to_be_reviewed_and_its_higher_grade_counts() {
        let said = say(&scan(NOTES), None, None);
        let ids = "备注\n110105194912310038\n11010519491231002X\n";
        let by_itself = scan(ids).columns.remove(0);
        let now = applied(std::slice::from_ref(&said), scan(ids));
        let column = &now.columns[0];
        assert!(column.confirmed.as_ref().unwrap().review, "{column:?}");
        assert!(column.grade == by_itself.grade && column.grade > 1 && column.sensitive_pi);
        let told = changes(&[applied(&[said], scan(NOTES))], &[now]);
        assert!(told.iter().any(|c| c.worse && c.what.en.contains("reviewed")), "{told:?}");
    }

    #[test]
    fn a_correction_of_the_grade_and_what_is_refused() {
        let low = say(&scan(NOTES), Some("remark"), Some(2));
        assert_eq!(applied(&[low], scan(NOTES)).columns[0].grade, 2);
        let (inventory, taxonomy) = (scan(NOTES), Taxonomy::embedded().unwrap());
        let column = ("a.csv", &inventory.columns[0]);
        let at = Timestamp::from_secs(0);
        for (said, who) in [
            ((Some("nothing"), None), ("w", "r")),
            ((None, Some(5)), ("w", "r")),
            ((None, None), (" ", "r")),
            ((None, None), ("w", "")),
        ] {
            let done = Confirmation::new(column, said, who, at, &taxonomy);
            assert!(matches!(done, Err(Error::BadConfirmation { .. })), "{said:?} {who:?}");
        }
        let bad = Confirmations::parse("\n{\"dataset\":1}\n").unwrap_err();
        assert!(bad.to_string().contains("line 2"), "{bad}");
    }
}
