//! Names of administrative divisions (行政区划, GB/T 2260) by their six-digit codes, withdrawn ones
//! too. What is shipped (`data/divisions.csv` for provinces, `data/divisions-below.csv`) names its
//! source and what of it was verified; a bureau adds its own.

use std::collections::BTreeMap;

use events::{SiteId, Text};
use serde::Serialize;

use super::BadRow;

const SHIPPED: [&str; 2] =
    [include_str!("../../data/divisions.csv"), include_str!("../../data/divisions-below.csv")];

/// A division's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Division {
    /// Six digits.
    pub code: u32,
    /// Its name.
    pub name: Text,
    /// Whether the row was compared with the standard itself.
    pub verified: bool,
    /// For a code that is withdrawn: the last year in which a list is known to have it.
    pub until: Option<u16>,
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
        for text in SHIPPED {
            all.add(text);
        }
        all
    }

    /// Adds the rows of a file: `code,zh,en,verified` and, for a withdrawn code, `until`; lines of
    /// `#` are remarks. A code that is known gets the new name.
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

    /// The province, the prefecture and the county of a code, as far as it names them. Districts of
    /// a municipality have no prefecture.
    pub fn levels(&self, code: u32) -> [Option<&Division>; 3] {
        let own = |unit: u32| code.is_multiple_of(unit);
        let prefecture = (!own(10_000)).then(|| self.get(code / 100 * 100)).flatten();
        let county = (!own(100)).then(|| self.get(code)).flatten();
        [self.get(code / 10_000 * 10_000), prefecture, county]
    }

    /// The division of a code under its whole name, such as 浙江省杭州市西湖区.
    pub fn whole(&self, code: u32) -> Option<Division> {
        let own = self.get(code)?;
        let levels: Vec<&Division> = self.levels(code).into_iter().flatten().collect();
        let join = |name: fn(&Text) -> &str, between: &str| {
            levels.iter().map(|d| name(&d.name)).collect::<Vec<_>>().join(between)
        };
        let name = Text::new(join(|n| n.zh.as_str(), ""), join(|n| n.en.as_str(), " "));
        Some(Division { name, verified: levels.iter().all(|d| d.verified), ..own.clone() })
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
    let until = match row.get(4).filter(|year| !year.is_empty()) {
        Some(year) => Some(year.parse().ok()?),
        None => None,
    };
    Some(Division { code, name: Text::new(zh, en), verified, until })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_province_is_named_and_none_claims_to_be_verified() {
        let mut all = Divisions::default();
        assert_eq!(all.add(SHIPPED[0]), []);
        assert_eq!(all.by_code.len(), 34);
        assert!(all.by_code.values().all(|d| !d.verified && d.code.is_multiple_of(10_000)));
        assert_eq!(all.get(330_000).unwrap().name.zh, "浙江省");
        let school = |code: &str| all.of_school(code.parse().unwrap()).map(|d| d.name.zh.clone());
        assert_eq!(school("2133000001").as_deref(), Some("浙江省"));
        assert_eq!(school("2199000001"), None);
    }

    #[test]
    fn prefectures_and_counties_have_their_counts_and_shape() {
        let mut all = Divisions::default();
        assert_eq!(all.add(SHIPPED[1]), []);
        let rows = SHIPPED[1].lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit()));
        assert_eq!((rows.count(), all.by_code.len()), (6_628, 6_628), "no code stands twice");
        let count = |is: fn(&Division) -> bool| all.by_code.values().filter(|d| is(d)).count();
        let current = |d: &&Division| d.until.is_none();
        let prefectures =
            all.by_code.values().filter(current).filter(|d| d.code.is_multiple_of(100));
        assert_eq!(prefectures.count(), 333);
        assert_eq!(
            all.by_code.values().filter(current).filter(|d| !d.code.is_multiple_of(100)).count(),
            2_851
        );
        assert_eq!(count(|d| d.verified || d.code.is_multiple_of(10_000)), 0);
        assert_eq!(count(|d| d.until.is_some_and(|y| !(1980..=2023).contains(&y))), 0);
        let provinces = Divisions::shipped();
        for d in all.by_code.values() {
            assert!(provinces.get(d.code / 10_000 * 10_000).is_some(), "{d:?} lies in no province");
            assert!(d.name.zh.chars().all(|c| !c.is_ascii() && !c.is_whitespace()), "{d:?}");
        }
        // A current county lies in a current prefecture, but for those that have none.
        let without = |d: &&Division| {
            !d.code.is_multiple_of(100)
                && !matches!(d.code / 10_000, 11 | 12 | 31 | 50)
                && d.code / 100 % 100 != 90
        };
        for d in all.by_code.values().filter(current).filter(without) {
            assert!(all.get(d.code / 100 * 100).is_some_and(|p| p.until.is_none()), "{d:?}");
        }
    }

    /// Nobody's id may be missed for where it was issued: the finder of student data knows every code.
    #[test]
    fn every_code_is_a_region_of_an_id() {
        let region = compliance::records::find::validate::region;
        let all = Divisions::shipped();
        let below = all.by_code.keys().filter(|code| !code.is_multiple_of(10_000));
        let missed: Vec<_> = below.filter(|code| !region(code.to_string().as_bytes())).collect();
        assert_eq!(missed, [&0; 0]);
        // Wider than the list, but less than a tenth of all numbers.
        let wide = (0..1_000_000u32).filter(|n| region(format!("{n:06}").as_bytes())).count();
        assert!(wide < 100_000, "{wide}");
    }

    #[test]
    fn a_code_is_named_with_what_it_lies_in() {
        let all = Divisions::shipped();
        let whole = |code| all.whole(code).map(|d| (d.name.zh, d.until));
        assert_eq!(whole(330_106), Some(("浙江省杭州市西湖区".to_owned(), None)));
        assert_eq!(whole(330_100), Some(("浙江省杭州市".to_owned(), None)));
        assert_eq!(whole(330_000), Some(("浙江省".to_owned(), None)));
        assert_eq!(whole(110_101), Some(("北京市东城区".to_owned(), None)));
        // Of no prefecture, and withdrawn in 2021.
        assert_eq!(whole(429_004), Some(("湖北省仙桃市".to_owned(), None)));
        assert_eq!(whole(330_103), Some(("浙江省杭州市下城区".to_owned(), Some(2021))));
        assert_eq!(whole(330_199), None);
    }

    #[test]
    fn a_bureau_adds_its_own_and_bad_rows_are_named() {
        let mut all = Divisions::shipped();
        let bad = all.add("code,zh,en,verified\n330100,杭州市,,yes\n3301,x,,no\n330200,,,no\n330300,温州市,,no,soon\n");
        assert_eq!(
            bad.iter().map(|b| (b.code, b.line)).collect::<Vec<_>>(),
            [("N023", 3), ("N023", 4), ("N023", 5)]
        );
        let city = all.get(330_100).unwrap();
        assert_eq!((city.name.en.as_str(), city.verified, city.until), ("杭州市", true, None));
    }
}
