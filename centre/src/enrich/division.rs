//! Names of administrative divisions (行政区划, GB/T 2260) by their six-digit codes. What is shipped
//! (`data/divisions.csv`) names its source and what of it was verified; a bureau adds its own.

use std::collections::BTreeMap;

use events::{SiteId, Text};
use serde::Serialize;

use super::BadRow;

const SHIPPED: &str = include_str!("../../data/divisions.csv");

/// A division's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Division {
    /// Six digits.
    pub code: u32,
    /// Its name.
    pub name: Text,
    /// Whether the row was compared with the standard itself.
    pub verified: bool,
}

/// All that are known.
#[derive(Clone, Debug, Default)]
pub struct Divisions {
    by_code: BTreeMap<u32, Division>,
}

impl Divisions {
    /// Those that are shipped.
    pub fn shipped() -> Self {
        let mut all = Self::default();
        all.add(SHIPPED);
        all
    }

    /// Adds the rows of a file: `code,zh,en,verified`; lines of `#` are remarks. A code that is
    /// known gets the new name.
    pub fn add(&mut self, text: &str) -> Vec<BadRow> {
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let mut bad = Vec::new();
        for row in reader.records() {
            match row.as_ref().ok().and_then(division) {
                Some(division) => {
                    self.by_code.insert(division.code, division);
                }
                None => bad.push(BadRow {
                    code: "N023",
                    line: row.ok().and_then(|r| r.position().map(csv::Position::line)).unwrap_or(0),
                    why: Text::new(
                        "应为 code,zh,en,verified 四列，代码为六位数字",
                        "columns are code,zh,en,verified, the code has six digits",
                    ),
                }),
            }
        }
        bad
    }

    /// The division of a code.
    pub fn get(&self, code: u32) -> Option<&Division> {
        self.by_code.get(&code)
    }

    /// The province of a school: digits three and four of its code (学校标识码).
    pub fn of_school(&self, school: SiteId) -> Option<&Division> {
        let code: u64 = school.to_string().parse().ok()?;
        self.get(u32::try_from(code / 1_000_000 % 100).ok()? * 10_000)
    }
}

fn division(row: &csv::StringRecord) -> Option<Division> {
    let code = row.get(0).filter(|c| c.len() == 6)?.parse().ok()?;
    let (zh, en) = (row.get(1).filter(|n| !n.is_empty())?, row.get(2).unwrap_or_default());
    let en = if en.is_empty() { zh } else { en };
    let verified = match row.get(3)? {
        "yes" => true,
        "no" => false,
        _ => return None,
    };
    Some(Division { code, name: Text::new(zh, en), verified })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_province_is_named_and_none_claims_to_be_verified() {
        let mut all = Divisions::default();
        assert_eq!(all.add(SHIPPED), []);
        assert_eq!(all.by_code.len(), 34);
        assert!(all.by_code.values().all(|d| !d.verified && d.code % 10_000 == 0));
        assert_eq!(all.get(330_000).unwrap().name.zh, "浙江省");
        let school = |code: &str| all.of_school(code.parse().unwrap()).map(|d| d.name.zh.clone());
        assert_eq!(school("2133000001").as_deref(), Some("浙江省"));
        assert_eq!(school("2199000001"), None);
    }

    #[test]
    fn a_bureau_adds_its_own_and_bad_rows_are_named() {
        let mut all = Divisions::shipped();
        let bad = all.add("code,zh,en,verified\n330100,杭州市,,yes\n3301,x,,no\n330200,,,no\n");
        assert_eq!(
            bad.iter().map(|b| (b.code, b.line)).collect::<Vec<_>>(),
            [("N023", 3), ("N023", 4)]
        );
        let city = all.get(330_100).unwrap();
        assert_eq!((city.name.en.as_str(), city.verified), ("杭州市", true));
    }
}
