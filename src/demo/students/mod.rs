//! Student records of nobody: a CSV file as a school office would export it, badly written
//! numbers and look-alikes included, together with the true counts of what is in it.
//!
//! Layout: this file holds the table and its truth, `person` invents one pupil, `number` the
//! numbers with their check digits.
//!
//! Invariants: the same seed, size and day give the same bytes. Citizen numbers pass their check
//! digit but use order codes 900 to 999, and mobile numbers a middle block below 0010, which are
//! hardly ever assigned: the file is meant to describe nobody.

mod number;
mod person;

use std::collections::HashSet;
use std::io::{self, Write};

use serde::Serialize;

use super::region::Region;
use super::rng::Rng;

/// What to generate.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The seed of everything drawn.
    pub seed: u64,
    /// Pupils.
    pub rows: u64,
    /// The day on which ages are counted: year, month, day.
    pub today: (i32, u8, u8),
}

/// The columns, in order.
pub const COLUMNS: [&str; 17] = [
    "学校标识码",
    "姓名",
    "性别",
    "出生日期",
    "民族",
    "身份证件号",
    "学籍号",
    "监护人姓名",
    "监护人手机号",
    "家庭住址",
    "班级",
    "成绩",
    "是否资助",
    "健康状况",
    "校服订单号",
    "更新时间",
    "备注",
];

/// What is in the file: cells or mentions that describe a person, by kind, and what only looks so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Data rows.
    pub rows: u64,
    /// Pupils below 14 on the given day.
    pub under_14: u64,
    /// Names of pupils and of guardians: cells.
    pub names: u64,
    /// Citizen numbers in their own column whose check digit holds.
    pub citizen_ids: u64,
    /// Of these, written with full-width digits, separators, or a lower-case x.
    pub citizen_ids_odd: u64,
    /// Numbers in that column whose check digit fails: not a person.
    pub citizen_ids_wrong: u64,
    /// Student numbers `G` + citizen number.
    pub student_numbers_g: u64,
    /// Student numbers `J` + 18 digits.
    pub student_numbers_j: u64,
    /// Student numbers `L` + 18 digits.
    pub student_numbers_l: u64,
    /// Mobile numbers in their own column.
    pub phones: u64,
    /// Of these, written with full-width digits, separators or +86.
    pub phones_odd: u64,
    /// Addresses of homes.
    pub addresses: u64,
    /// Pupils with a financial aid mark.
    pub aided: u64,
    /// Pupils whose health column says more than that all is well.
    pub health_notes: u64,
    /// Citizen numbers inside remarks.
    pub remark_citizen_ids: u64,
    /// Mobile numbers inside remarks.
    pub remark_phones: u64,
    /// E-mail addresses inside remarks.
    pub remark_emails: u64,
    /// QQ or WeChat numbers inside remarks.
    pub remark_accounts: u64,
    /// Numbers inside remarks that describe nobody: orders, times, device serials.
    pub remark_decoys: u64,
}

/// Writes the file: a header and `rows` records, UTF-8, comma, `\n`.
///
/// # Errors
/// What the writer says.
pub fn write(out: &mut impl Write, region: &Region, options: &Options) -> io::Result<Truth> {
    let truth = Truth { rows: options.rows, ..Truth::default() };
    let rng = Rng::new(options.seed);
    let mut draw = person::Draw { rng, truth, used: HashSet::new() };
    record(out, &COLUMNS)?;
    for row in 0..options.rows {
        let school = region.school(draw.rng.below(region.schools.len() as u64) as usize);
        let pupil = person::pupil(region, school, row, options.today, &mut draw);
        record(out, &pupil)?;
    }
    out.flush()?;
    Ok(draw.truth)
}

/// One record of RFC 4180, quoted where needed.
fn record<S: AsRef<str>>(out: &mut impl Write, cells: &[S]) -> io::Result<()> {
    for (n, cell) in cells.iter().enumerate() {
        let cell = cell.as_ref();
        if n > 0 {
            out.write_all(b",")?;
        }
        if cell.contains([',', '"', '\n', '\r']) {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::number::citizen_check;
    use super::*;

    const TODAY: (i32, u8, u8) = (2026, 11, 23);

    fn file(seed: u64, rows: u64) -> (Vec<Vec<String>>, Truth, String) {
        let mut out = Vec::new();
        let options = Options { seed, rows, today: TODAY };
        let truth = write(&mut out, &Region::new(1), &options).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows = text.lines().skip(1).map(split).collect();
        (rows, truth, text)
    }

    /// A second reader of RFC 4180, for lines without line breaks inside.
    fn split(line: &str) -> Vec<String> {
        let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(std::mem::take(&mut cell)),
                other => cell.push(other),
            }
        }
        cells.push(cell);
        cells
    }

    /// Half-width, without separators.
    fn plain(text: &str) -> String {
        let half = text.chars().map(|c| match c {
            '０'..='９' => char::from(b'0' + (c as u32 - '０' as u32) as u8),
            'Ｘ' | 'x' => 'X',
            other => other,
        });
        half.filter(|c| !matches!(c, ' ' | '-' | '\u{3000}')).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_file() {
        assert_eq!(file(1, 300).2, file(1, 300).2);
        assert_ne!(file(1, 300).2, file(2, 300).2);
    }

    #[test]
    fn the_truth_is_what_is_in_the_columns() {
        let (rows, truth, _) = file(4, 10_000);
        assert_eq!(rows.len() as u64, truth.rows);
        assert!(rows.iter().all(|r| r.len() == COLUMNS.len()));
        let column = |name: &str| {
            let at = COLUMNS.iter().position(|c| *c == name).unwrap();
            rows.iter().map(move |r| r[at].clone())
        };
        let filled = |name: &str| column(name).filter(|c| !c.is_empty()).count() as u64;
        assert_eq!(filled("姓名") + filled("监护人姓名"), truth.names);
        assert_eq!(filled("家庭住址"), truth.addresses);
        assert_eq!(filled("监护人手机号"), truth.phones);
        let holds = |id: &String| {
            let id = plain(id);
            id.len() == 18 && citizen_check(&id[..17]) == id.chars().last()
        };
        let ids: Vec<String> = column("身份证件号").filter(|c| !c.is_empty()).collect();
        assert_eq!(ids.iter().filter(|i| holds(i)).count() as u64, truth.citizen_ids);
        assert_eq!(ids.iter().filter(|i| !holds(i)).count() as u64, truth.citizen_ids_wrong);
        let starts = |p: char| column("学籍号").filter(|c| c.starts_with(p)).count() as u64;
        assert_eq!(starts('G'), truth.student_numbers_g);
        assert_eq!(starts('J'), truth.student_numbers_j);
        assert_eq!(starts('L'), truth.student_numbers_l);
        assert_eq!(column("是否资助").filter(|c| c == "是").count() as u64, truth.aided);
        let odd = column("监护人手机号")
            .filter(|p| !p.bytes().all(|b| b.is_ascii_digit()) || p.len() != 11);
        assert_eq!(odd.count() as u64, truth.phones_odd);
        let odd = ids.iter().filter(|i| holds(i) && **i != plain(i));
        assert_eq!(odd.count() as u64, truth.citizen_ids_odd);
    }

    #[test]
    fn every_kind_occurs_and_numbers_are_distinct() {
        let (rows, truth, _) = file(4, 10_000);
        let json = serde_json::to_value(&truth).unwrap();
        for (name, count) in json.as_object().unwrap() {
            assert!(count.as_u64().unwrap() > 20, "{name}: {count}");
        }
        let at = COLUMNS.iter().position(|c| *c == "学籍号").unwrap();
        let distinct: HashSet<&String> = rows.iter().map(|r| &r[at]).collect();
        assert_eq!(distinct.len(), rows.len());
    }

    #[test]
    fn order_numbers_are_not_citizen_numbers() {
        let (rows, _, _) = file(9, 5_000);
        let at = COLUMNS.iter().position(|c| *c == "校服订单号").unwrap();
        for row in rows {
            let order = &row[at];
            assert_eq!(order.len(), 18);
            assert_ne!(citizen_check(&order[..17]), order.chars().last(), "{order}");
        }
    }

    #[test]
    fn quoting_follows_rfc_4180() {
        let mut out = Vec::new();
        record(&mut out, &["a", "b,c", "d\"e", ""]).unwrap();
        assert_eq!(out, b"a,\"b,c\",\"d\"\"e\",\n");
    }
}
