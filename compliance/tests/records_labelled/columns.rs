//! Columns: what they hold, and what they are called.

use super::Cell;
use super::decoys::{self, Decoy};
use super::messy;
use super::numbers as n;
use super::people::{self, Person};
use super::places;
use super::remarks;
use super::rng::Rng;

/// The manner of naming columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headers {
    /// In Chinese.
    Zh,
    /// Initials, as in the field codes of education systems.
    Pinyin,
    /// In English.
    En,
    /// Names that say nothing.
    Blank,
    /// No header row at all.
    Absent,
}

impl Headers {
    pub const ALL: &[Self] = &[Self::Zh, Self::Pinyin, Self::En, Self::Blank, Self::Absent];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Value(&'static str),
    Guardian,
    Decoy(Decoy),
    /// Names where the header speaks of something else.
    Extra,
    Remark,
}

pub struct Column {
    pub header: String,
    content: Content,
}

/// Types with their headers: zh (two of them), pinyin, en.
const VALUES: &[(&str, [&str; 4])] = &[
    ("NAME", ["姓名", "学生姓名", "xm", "student_name"]),
    ("CN_ID", ["身份证号", "身份证件号码", "sfzjh", "id_card"]),
    ("CN_ID15", ["旧身份证号", "老身份证", "jsfzh", "old_id"]),
    ("STUDENT_NO", ["学籍号", "全国学籍号", "xjh", "student_no"]),
    ("CN_PHONE", ["联系电话", "手机", "lxdh", "mobile"]),
    ("LANDLINE", ["固定电话", "家庭座机", "gddh", "landline"]),
    ("BANK_CARD", ["银行卡号", "资助卡号", "yhkh", "bank_card"]),
    ("EMAIL", ["电子邮箱", "邮箱", "dzxx", "email"]),
    ("ADDRESS", ["家庭住址", "现住址", "xzz", "home_address"]),
    ("BIRTH_DATE", ["出生日期", "生日", "csrq", "birth_date"]),
    ("PASSPORT", ["护照号", "护照号码", "hzh", "passport_no"]),
    ("HKMO", ["港澳通行证", "回乡证号", "txzh", "hkmo_permit"]),
    ("PLATE", ["车牌号", "接送车牌", "cph", "plate_no"]),
    ("QQ", ["QQ", "QQ号", "qqh", "qq"]),
    ("WECHAT", ["微信号", "微信", "wxh", "wechat"]),
    ("SCHOOL_CODE", ["学校标识码", "学校代码", "xxbsm", "school_code"]),
    ("USCC", ["统一社会信用代码", "信用代码", "tyshxydm", "credit_code"]),
    ("IP", ["登录IP", "终端IP", "ipdz", "client_ip"]),
    ("MAC", ["MAC地址", "终端MAC", "macdz", "mac"]),
];

/// All kinds of columns in an order of chance.
pub fn choose(r: &mut Rng, headers: Headers) -> Vec<Column> {
    // Without a name, nothing tells a column of these from any other numbers or words.
    let nameless = matches!(headers, Headers::Blank | Headers::Absent);
    let mut contents: Vec<Content> = VALUES
        .iter()
        .filter(|(kind, _)| !(nameless && matches!(*kind, "QQ" | "WECHAT")))
        .map(|(kind, _)| Content::Value(kind))
        .collect();
    contents.extend([Content::Guardian, Content::Remark, Content::Remark, Content::Extra]);
    contents.extend((0..7).map(|_| Content::Decoy(decoys::ALL[r.below(decoys::ALL.len())])));
    for i in (1..contents.len()).rev() {
        contents.swap(i, r.below(i + 1));
    }
    let mut columns: Vec<Column> = Vec::new();
    for (i, content) in contents.into_iter().enumerate() {
        let mut header = name(r, headers, content, i);
        if columns.iter().any(|c| c.header == header) {
            header = format!("{header}{i}");
        }
        columns.push(Column { header, content });
    }
    columns
}

fn name(r: &mut Rng, headers: Headers, content: Content, i: usize) -> String {
    let of = |[zh, pinyin, en]: [&str; 3]| match headers {
        Headers::Zh | Headers::Absent => zh.to_owned(),
        Headers::Pinyin => pinyin.to_owned(),
        Headers::En => en.to_owned(),
        Headers::Blank => format!("F{}", i + 1),
    };
    match content {
        Content::Value(kind) => {
            let names = VALUES.iter().find(|(k, _)| *k == kind).unwrap().1;
            of([names[r.below(2)], names[2], names[3]])
        }
        Content::Guardian => of(["监护人", "jhrxm", "guardian_name"]),
        Content::Decoy(decoy) => of(decoy.headers()),
        // A header that misleads: whatever it says, the cells decide.
        Content::Extra => of([r.any(&["备用字段", "其他", "扩展1"]), "byzd", "extra"]),
        Content::Remark => of([r.any(&["备注", "情况说明", "家校沟通"]), "bz", "remark"]),
    }
}

impl Column {
    pub fn cell(&self, r: &mut Rng, p: &Person) -> Cell {
        match self.content {
            Content::Value(kind) => {
                if r.chance(4) {
                    return Cell::default()
                        .plain(r.any(&["", "无", "-", "/", "N/A", "不详", "null"]));
                }
                value(r, kind, p)
            }
            Content::Guardian => match r.below(10) {
                0 => Cell::of("NAME", &people::name(r)).plain(r.any(&[
                    "（父）",
                    "(母亲)",
                    "（爷爷）",
                ])),
                1 => {
                    let other = people::name(r);
                    Cell::of("NAME", &people::name(r))
                        .plain(r.any(&["、", "/", "，"]))
                        .value("NAME", &other)
                }
                _ => {
                    let name = people::name(r);
                    Cell::of("NAME", &people::column_name(r, &name))
                }
            },
            Content::Decoy(decoy) => Cell::default().plain(&decoy.value(r)),
            Content::Extra => {
                if r.chance(50) {
                    return Cell::default();
                }
                let (kind, _) = VALUES[r.below(VALUES.len())];
                match kind {
                    // Nothing tells that these alone are anything.
                    "QQ" | "WECHAT" | "BIRTH_DATE" | "SCHOOL_CODE" | "CN_ID15" | "USCC" => {
                        Cell::default()
                    }
                    _ => value(r, kind, p),
                }
            }
            Content::Remark => remarks::remark(r, p),
        }
    }
}

fn value(r: &mut Rng, kind: &'static str, p: &Person) -> Cell {
    let text = match kind {
        "NAME" => people::column_name(r, &p.name),
        "CN_ID" => {
            if r.chance(4) {
                return Cell::default().plain("'").value("CN_ID", &p.id);
            }
            if r.chance(2) {
                // What Excel leaves of it is nobody's any more.
                return Cell::default().plain(&format!("{}.{}E+17", &p.id[..1], &p.id[1..6]));
            }
            if r.chance(3) {
                return Cell::default().plain(&n::wrong_id(r));
            }
            messy::id(r, &p.id)
        }
        "CN_ID15" => n::id15(r),
        "STUDENT_NO" => {
            let own = n::student_no(r, &p.id);
            messy::id(r, &own)
        }
        "CN_PHONE" => {
            let plain = n::mobile(r);
            if r.chance(4) {
                let other = n::mobile(r);
                return Cell::of("CN_PHONE", &plain)
                    .plain(r.any(&["/", "、", ";", " "]))
                    .value("CN_PHONE", &other);
            }
            messy::mobile(r, &plain)
        }
        "LANDLINE" => n::landline(r),
        "BANK_CARD" => {
            let plain = n::bank_card(r);
            messy::card(r, &plain)
        }
        "EMAIL" => {
            let plain = n::email(r);
            messy::code(r, &plain)
        }
        "ADDRESS" => {
            if r.chance(4) {
                places::dormitory(r)
            } else {
                places::address(r)
            }
        }
        "BIRTH_DATE" => match r.below(20) {
            0 => n::birth_numerals(p.birth),
            1 => format!("{:02}.{}.{}", p.birth.0 % 100, p.birth.1, p.birth.2),
            _ => n::birth_text(r, p.birth),
        },
        "PASSPORT" => {
            let plain = n::passport(r);
            messy::code(r, &plain)
        }
        "HKMO" => {
            let plain = n::hkmo(r);
            messy::code(r, &plain)
        }
        "PLATE" => n::plate(r),
        "QQ" => n::qq(r),
        "WECHAT" => {
            if r.chance(15) {
                n::mobile(r)
            } else {
                n::wechat(r)
            }
        }
        "SCHOOL_CODE" => n::school_code(r),
        "USCC" => n::uscc(r),
        "IP" => format!(
            "{}.{}.{}.{}",
            r.any(&["10", "172", "192", "61", "218"]),
            r.below(256),
            r.below(256),
            r.between(1, 254)
        ),
        _ => {
            let sep = r.any(&[":", "-"]);
            let bytes: Vec<String> = (0..6).map(|_| format!("{:02X}", r.below(256))).collect();
            bytes.join(sep)
        }
    };
    Cell::of(kind, &text)
}
