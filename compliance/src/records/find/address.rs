//! Postal addresses, by their structure: region, street, number, room.

use std::sync::LazyLock;

use super::engine::{Candidate, Finder, Hint};
use super::kind::Kind;
use super::norm::{NUM0, Norm, PUNCT, TEN, is_han};

/// How far an address may reach, in characters.
const CHARS_MAX: usize = 80;

/// Proposes the addresses of the cell; the score of the one that is all of a cell that should be
/// one.
pub(crate) fn find(finder: &mut Finder, hint: Hint) -> Option<i32> {
    let norm = &finder.norm;
    let expected = hint.expect.has(Kind::Address);
    let mut all = None;
    let mut at = 0;
    while at < norm.len() {
        if !is_han(norm.at(at)) {
            at += 1;
            continue;
        }
        let mut end = clause_end(norm, at);
        if let Some((start, stop, levels)) = inside(norm, at, end) {
            let detail = levels.detail > 0;
            let score = match (levels.region + levels.road, levels.detail, expected) {
                (2.., 1.., _) => 84,
                (1, 2.., _) => 76,
                (1, 1, _) => 62,
                (2.., 0, true) => 60,
                (1, 0, true) => 40,
                (0, 2.., true) => 45,
                _ => 0,
            };
            if score > 0 && (detail || expected) {
                let score = score + hint.weight(Kind::Address);
                let whole = expected && score >= 84 && start == 0 && stop == norm.len();
                all = whole.then_some(score);
                finder.candidates.push(Candidate { kind: Kind::Address, start, end: stop, score });
                // Another address may follow.
                end = stop;
            }
        }
        at = end.max(at + 1);
    }
    all
}

/// The end of the run of characters an address can be made of.
fn clause_end(norm: &Norm, from: usize) -> usize {
    let mut at = from;
    while at < norm.len() && at - from < CHARS_MAX {
        let class = norm.at(at);
        let part = is_han(class)
            || class.is_ascii_alphanumeric()
            || matches!(class, b'-' | b'#' | b' ' | b'(' | b')' | b'.')
            || (class == PUNCT && matches!(norm.char(at), '〇'));
        if !part {
            break;
        }
        at += 1;
    }
    at
}

#[derive(Default)]
struct Levels {
    region: u32,
    road: u32,
    detail: u32,
}

/// The address inside a clause: start, end, and the levels it shows.
fn inside(norm: &Norm, from: usize, end: usize) -> Option<(usize, usize, Levels)> {
    let mut levels = Levels::default();
    let mut start = None;
    let mut stop = from;
    let mut name_start = from;
    let mut at = from;
    while at < end {
        if start.is_some()
            && let Some(after) = numbered(norm, at, end)
        {
            levels.detail += 2;
            stop = after;
            name_start = after;
            at = after;
            continue;
        }
        if norm.at(at) == b' ' {
            if levels.detail > 0 && is_han(norm.at(at + 1)) {
                break;
            }
            if start.is_none() {
                name_start = at + 1;
            }
        }
        let (kind, len) = unit(norm, at, end);
        match kind {
            Unit::None => {
                at += 1;
                continue;
            }
            // 在, 住, 地址, 位于: what stands before is not part of it.
            Unit::Lead if (start.is_none() || levels.detail == 0) => {
                levels = Levels::default();
                start = None;
                name_start = at + len;
            }
            Unit::Province => {
                start.get_or_insert(at);
                levels.region += 1;
                stop = at + len;
                name_start = stop;
            }
            Unit::Region | Unit::Road if at > name_start => {
                let begin =
                    name_start.max((at + 1).saturating_sub(if start.is_some() { 12 } else { 6 }));
                start.get_or_insert(begin);
                if matches!(kind, Unit::Road) {
                    levels.road += 1
                } else {
                    levels.region += 1
                }
                stop = at + len;
                name_start = stop;
            }
            Unit::Detail => {
                let first = number_start(norm, at);
                if first < at {
                    if start.is_some() {
                        levels.detail += 1;
                        stop = at + len;
                    }
                    name_start = at + len;
                }
            }
            _ => {}
        }
        at += len;
    }
    let start = start?;
    if levels.detail > 0 {
        stop = tail(norm, stop, end);
    }
    Some((skip_blanks(norm, start, stop), stop, levels))
}

/// The end of block, unit and room written as numbers right behind a name: 27-1-1804, 3-201.
fn numbered(norm: &Norm, at: usize, end: usize) -> Option<usize> {
    if !norm.at(at).is_ascii_digit() || !is_han(norm.before(at)) {
        return None;
    }
    let (mut i, mut groups) = (at, 0);
    loop {
        let from = i;
        while i < end && norm.at(i).is_ascii_digit() {
            i += 1;
        }
        if i == from || i - from > 4 {
            return None;
        }
        groups += 1;
        if norm.at(i) != b'-' || !norm.at(i + 1).is_ascii_digit() || groups == 4 {
            break;
        }
        i += 1;
    }
    let tied = norm.at(i).is_ascii_alphanumeric() || (is_han(norm.at(i)) && groups < 3);
    ((2..=4).contains(&groups) && !tied && norm.at(i) != b'-').then_some(i)
}

/// Whether the name of a province is part of a road's: 江西路, 北京东路, 长江西路.
fn is_road_name(norm: &Norm, after: usize) -> bool {
    let at = after + usize::from("东西南北中一二三".contains(norm.char(after)));
    matches!(norm.char(at), '路' | '街' | '巷')
        || (norm.char(at) == '大' && matches!(norm.char(at + 1), '街' | '道'))
}

fn skip_blanks(norm: &Norm, mut at: usize, end: usize) -> usize {
    while at < end && matches!(norm.at(at), b' ' | b':' | b'(' | b')') {
        at += 1;
    }
    at
}

/// A room number without its word: 3幢-201, 3-2-501.
fn tail(norm: &Norm, stop: usize, end: usize) -> usize {
    let mut at = stop;
    let mut last = stop;
    while at < end && at - stop < 10 {
        let class = norm.at(at);
        if class.is_ascii_digit() {
            last = at + 1;
        } else if !(matches!(class, b'-' | b'#') || (at == stop && class == b' ')) {
            break;
        }
        at += 1;
    }
    // A longer number after a blank is a telephone.
    if last - stop > 8 || norm.at(last).is_ascii_alphabetic() { stop } else { last }
}

/// The start of the number (or single letter) that ends at `at`.
fn number_start(norm: &Norm, at: usize) -> usize {
    let mut first = at;
    while first > 0
        && at - first < 8
        && (norm.at(first - 1).is_ascii_alphanumeric()
            || (NUM0..=TEN).contains(&norm.at(first - 1))
            || matches!(norm.at(first - 1), b'-' | b'#' | b' ')
            || matches!(norm.char(first - 1), '甲' | '乙' | '丙' | '东' | '西' | '南' | '北'))
    {
        first -= 1;
    }
    first
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    None,
    Lead,
    Province,
    Region,
    Road,
    Detail,
}

const PROVINCES: &[&str] = &[
    "北京市",
    "天津市",
    "上海市",
    "重庆市",
    "北京",
    "天津",
    "上海",
    "重庆",
    "河北省",
    "山西省",
    "辽宁省",
    "吉林省",
    "黑龙江省",
    "江苏省",
    "浙江省",
    "安徽省",
    "福建省",
    "江西省",
    "山东省",
    "河南省",
    "湖北省",
    "湖南省",
    "广东省",
    "海南省",
    "四川省",
    "贵州省",
    "云南省",
    "陕西省",
    "甘肃省",
    "青海省",
    "台湾省",
    "内蒙古自治区",
    "广西壮族自治区",
    "西藏自治区",
    "宁夏回族自治区",
    "新疆维吾尔自治区",
    "香港特别行政区",
    "澳门特别行政区",
    "河北",
    "山西",
    "辽宁",
    "吉林",
    "黑龙江",
    "江苏",
    "浙江",
    "安徽",
    "福建",
    "江西",
    "山东",
    "河南",
    "湖北",
    "湖南",
    "广东",
    "海南",
    "四川",
    "贵州",
    "云南",
    "陕西",
    "甘肃",
    "青海",
    "内蒙古",
    "广西",
    "西藏",
    "宁夏",
    "新疆",
];
const LEADS: &[&str] = &[
    "地址",
    "住址",
    "住在",
    "家住",
    "现住",
    "居住于",
    "居住在",
    "位于",
    "户籍",
    "寄到",
    "寄往",
    "送到",
    "送至",
    "搬到",
    "搬至",
    "搬家到",
    "搬家至",
    "迁入",
    "迁至",
    "迁往",
    "家庭",
    "收货",
    "邮寄",
    "家在",
    "来自",
    "是",
    "为",
    "现居",
    "住",
    "居",
    "寄",
    "到",
    "在",
];
const REGIONS: &[&str] = &[
    "自治州",
    "自治县",
    "地区",
    "新区",
    "开发区",
    "街道",
    "省",
    "市",
    "区",
    "县",
    "旗",
    "州",
    "盟",
    "镇",
    "乡",
];
const ROADS: &[&str] = &[
    "大道", "大街", "胡同", "小区", "花园", "社区", "公寓", "宿舍", "家园", "新村", "路", "街",
    "巷", "弄", "道", "里", "村", "屯", "庄", "苑", "园", "府", "庭", "湾", "城", "坊", "广场",
    "大厦",
];
const DETAILS: &[&str] = &[
    "号楼", "号院", "单元", "号", "栋", "幢", "座", "室", "楼", "层", "组", "户", "队", "弄", "巷",
    "房", "社",
];

/// The words by their first character, in the order they are tried.
struct Words {
    /// For each Han character, which list of words it begins; 0 for none.
    begins: Vec<u8>,
    lists: Vec<Vec<(Unit, Vec<char>)>>,
}

const HAN_FIRST: u32 = 0x4E00;

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let mut words = Words { begins: vec![0; 0x5200], lists: vec![Vec::new()] };
    let lists = [
        (Unit::Province, PROVINCES),
        (Unit::Detail, DETAILS),
        (Unit::Region, REGIONS),
        (Unit::Road, ROADS),
        (Unit::Lead, LEADS),
    ];
    for (unit, list) in lists {
        for word in list {
            let chars: Vec<char> = word.chars().collect();
            let Some(&first) = chars.first() else { continue };
            let at = u32::from(first).wrapping_sub(HAN_FIRST) as usize;
            let Some(begins) = words.begins.get_mut(at) else { continue };
            if *begins == 0 {
                *begins = u8::try_from(words.lists.len()).unwrap_or(0);
                words.lists.push(Vec::new());
            }
            if let Some(list) = words.lists.get_mut(usize::from(*begins)) {
                list.push((unit, chars));
            }
        }
    }
    words
});

/// The unit of an address at a place, and its length in characters.
fn unit(norm: &Norm, at: usize, end: usize) -> (Unit, usize) {
    let all = &*WORDS;
    let first = u32::from(norm.char(at)).wrapping_sub(HAN_FIRST) as usize;
    let list = all.begins.get(first).copied().unwrap_or(0);
    let Some(words) = all.lists.get(usize::from(list)).filter(|_| list > 0) else {
        return (Unit::None, 1);
    };
    let before = norm.before(at);
    let after_number = before.is_ascii_alphanumeric()
        || (NUM0..=TEN).contains(&before)
        || matches!(norm.char(at.saturating_sub(1)), '甲' | '乙');
    for (unit, chars) in words {
        let len = chars.len();
        if at + len > end || (*unit == Unit::Detail && !after_number) {
            continue;
        }
        if chars.iter().enumerate().skip(1).any(|(i, c)| norm.char(at + i) != *c) {
            continue;
        }
        if *unit == Unit::Province && len <= 3 && is_road_name(norm, at + len) {
            continue;
        }
        return (*unit, len);
    }
    (Unit::None, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_by_its_first_character() {
        let words: usize = WORDS.lists.iter().map(Vec::len).sum();
        let lists = [PROVINCES, DETAILS, REGIONS, ROADS, LEADS];
        assert_eq!(words, lists.iter().map(|l| l.len()).sum::<usize>());
        assert!(WORDS.lists.len() <= 256);
    }
}
