//! A generator of adversarial student rows with labels. All persons are made up.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::fmt::Write as _;

use compliance::records::find::validate::id_check;

/// A small deterministic source of numbers (SplitMix64).
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn digits(&mut self, n: usize) -> String {
        (0..n).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }
}

/// A labelled place in a cell, in characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    pub row: u64,
    pub col: usize,
    pub kind: &'static str,
    pub start: u32,
    pub end: u32,
}

const SURNAMES: &[&str] = &[
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林",
    "何", "郭", "马", "罗", "欧阳", "上官", "司马", "诸葛", "慕容", "阮", "芦", "游", "向", "时",
];
const GIVEN: &[&str] = &[
    "伟", "芳", "娜", "子涵", "梓萱", "浩然", "一诺", "欣怡", "俊杰", "宇轩", "雨桐", "思远", "静",
    "磊", "嘉豪", "若曦", "明哲", "婉清", "志强", "秀英", "建国", "晓东", "语嫣", "沐阳", "奕辰",
    "可馨",
];
const PREFIXES: &[&str] =
    &["139", "138", "136", "150", "151", "159", "177", "182", "186", "189", "198", "166"];
const REGIONS: &[&str] = &[
    "110105", "330106", "320102", "440305", "510104", "420106", "370202", "610113", "130102",
    "350203", "430104", "230102",
];
const AREAS: &[&str] = &["010", "021", "0571", "0755", "028", "0531", "0351", "0898"];

pub fn person(r: &mut Rng) -> String {
    format!("{}{}", r.pick(SURNAMES), r.pick(GIVEN))
}

pub fn birth(r: &mut Rng) -> (u16, u8, u8) {
    ((2006 + r.below(13)) as u16, 1 + r.below(12) as u8, 1 + r.below(28) as u8)
}

pub fn id18(r: &mut Rng) -> String {
    let (y, m, d) = birth(r);
    let body = format!("{}{y}{m:02}{d:02}{}", r.pick(REGIONS), r.digits(3));
    let check = id_check(body.as_bytes()).unwrap();
    format!("{body}{}", char::from(check))
}

pub fn id15(r: &mut Rng) -> String {
    let (_, m, d) = birth(r);
    format!("{}{:02}{m:02}{d:02}{:03}", r.pick(REGIONS), 50 + r.below(48), 1 + r.below(998))
}

pub fn phone(r: &mut Rng) -> String {
    format!("{}{}", r.pick(PREFIXES), r.digits(8))
}

pub fn luhn(mut body: String) -> String {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let n = u32::from(b - b'0') << ((i + 1) & 1);
            if n > 9 { n - 9 } else { n }
        })
        .sum();
    let _ = write!(body, "{}", (10 - sum % 10) % 10);
    body
}

pub fn card(r: &mut Rng) -> String {
    let (prefix, n) = *r.pick(&[
        &("622202", 12),
        &("621700", 12),
        &("622848", 12),
        &("623094", 9),
        &("955880", 12),
        &("436742", 9),
    ]);
    let body = format!("{prefix}{}", r.digits(n));
    luhn(body)
}

pub fn student_no(r: &mut Rng) -> String {
    let (y, m, d) = birth(r);
    match r.below(4) {
        0 => format!("J{}{y}{m:02}{d:02}{}", r.pick(REGIONS), r.digits(4)),
        1 => format!("L{}{y}{m:02}{d:02}{}", r.pick(REGIONS), r.digits(4)),
        _ => format!("G{}", id18(r)),
    }
}

pub fn email(r: &mut Rng) -> String {
    let host = r.pick(&[
        "qq.com",
        "163.com",
        "126.com",
        "example.edu.cn",
        "mail.example.org",
        "outlook.com",
    ]);
    match r.below(3) {
        0 => format!("{}@{host}", r.digits(9)),
        1 => format!("zhang.san_{}@{host}", r.digits(3)),
        _ => format!("liming{}@{host}", r.digits(4)),
    }
}

pub fn landline(r: &mut Rng) -> String {
    let area = r.pick(AREAS);
    let n = if area.len() == 4 && r.chance(50) { 6 } else { 7 };
    let own = format!("{}{}", 2 + r.below(7), r.digits(n));
    match r.below(5) {
        0 => format!("({area}){own}"),
        1 => format!("{area}{own}"),
        2 => format!("{area} {own}"),
        3 => format!("{area}-{own}-{}", 100 + r.below(900)),
        _ => format!("{area}-{own}"),
    }
}

pub fn passport(r: &mut Rng) -> String {
    match r.below(3) {
        0 => format!("G{}", r.digits(8)),
        1 => format!("E{}{}", r.pick(&["A", "B", "H", "K"]), r.digits(7)),
        _ => format!("E{}", r.digits(8)),
    }
}

pub fn hkmo(r: &mut Rng) -> String {
    format!("{}{}", r.pick(&["H", "M"]), {
        let n = if r.chance(50) { 8 } else { 10 };
        r.digits(n)
    })
}

pub fn plate(r: &mut Rng) -> String {
    let p = r.pick(&["京", "沪", "浙", "粤", "苏", "鲁"]);
    let c = r.pick(&["A", "B", "C", "F"]);
    match r.below(4) {
        0 => format!("{p}{c}D{}", r.digits(5)),
        1 => format!("{p}{c}·{}K{}", r.digits(1), r.digits(3)),
        2 => format!("{p}{c} {}", r.digits(5)),
        _ => format!("{p}{c}{}", r.digits(5)),
    }
}

pub fn address(r: &mut Rng) -> String {
    let head = r.pick(&[
        "浙江省杭州市西湖区",
        "北京市朝阳区",
        "江苏省南京市鼓楼区",
        "广东省深圳市南山区",
        "四川省成都市武侯区",
        "湖北省武汉市武昌区",
        "杭州市余杭区",
        "安徽省合肥市肥西县上派镇",
        "河南省信阳市光山县寨河镇",
        "内蒙古自治区呼和浩特市赛罕区",
    ]);
    let road = r.pick(&[
        "文三路",
        "建国路",
        "中山北路",
        "科技园南路",
        "人民大道",
        "解放街",
        "学院路",
        "长江路",
    ]);
    match r.below(5) {
        0 => format!("{head}{road}{}号", 1 + r.below(300)),
        1 => format!(
            "{head}{road}{}号{}幢{}单元{}室",
            1 + r.below(300),
            1 + r.below(20),
            1 + r.below(4),
            101 + r.below(900)
        ),
        2 => format!("{head}阳光小区{}栋{}室", 1 + r.below(30), 101 + r.below(900)),
        3 => format!(
            "{head}{road}{}号{}-{}-{}",
            1 + r.below(300),
            1 + r.below(9),
            1 + r.below(4),
            101 + r.below(900)
        ),
        _ => format!("{head}李家村{}组{}号", 1 + r.below(9), 1 + r.below(99)),
    }
}

pub fn birth_text(r: &mut Rng) -> String {
    let (y, m, d) = birth(r);
    match r.below(7) {
        0 => format!("{y}{m:02}{d:02}"),
        1 => format!("{y}/{m}/{d}"),
        2 => format!("{y}.{m:02}.{d:02}"),
        3 => format!("{y}年{m}月{d}日"),
        4 => format!("{y}-{m}-{d}"),
        5 => wide(&format!("{y}-{m:02}-{d:02}")),
        _ => format!("{y}-{m:02}-{d:02}"),
    }
}

pub fn wide(s: &str) -> String {
    s.chars()
        .map(
            |c| {
                if ('!'..='~').contains(&c) {
                    char::from_u32(c as u32 + 0xFEE0).unwrap()
                } else {
                    c
                }
            },
        )
        .collect()
}

/// Writes a number as people do.
pub fn noise(r: &mut Rng, s: &str) -> String {
    let group = |sep: &str, n: usize| {
        s.chars()
            .collect::<Vec<_>>()
            .chunks(n)
            .map(|c| c.iter().collect::<String>())
            .collect::<Vec<_>>()
            .join(sep)
    };
    match r.below(14) {
        0 => wide(s),
        1 => group(" ", 4),
        2 => group("-", 4),
        3 => group("\u{200B}", 5),
        4 => group("\u{A0}", 4),
        5 => group("\u{3000}", 6),
        6 => s.to_lowercase(),
        7 => group("\n", 9),
        8 => group("\u{FEFF}", 3),
        9 => group(" ", 1),
        _ => s.to_owned(),
    }
}

pub fn noise_phone(r: &mut Rng, s: &str) -> String {
    match r.below(14) {
        0 => format!("+86 {s}"),
        1 => format!("+86{s}"),
        2 => format!("86-{s}"),
        3 => format!("{}-{}-{}", &s[..3], &s[3..7], &s[7..]),
        4 => format!("{} {} {}", &s[..3], &s[3..7], &s[7..]),
        5 => format!("{}.{}.{}", &s[..3], &s[3..7], &s[7..]),
        6 => wide(s),
        7 => s
            .chars()
            .map(|c| "〇一二三四五六七八九".chars().nth(c as usize - 48).unwrap())
            .collect(),
        8 => s
            .chars()
            .map(|c| "零一二三四五六七八九".chars().nth(c as usize - 48).unwrap())
            .collect(),
        9 => s.replacen('0', "O", 2),
        10 => format!("{}l{}", "", &s[1..]),
        11 => format!("{}\u{200B}{}", &s[..3], &s[3..]),
        _ => s.to_owned(),
    }
}

/// A number that is nobody's, with the word for it.
pub fn impostor(r: &mut Rng) -> (&'static str, String) {
    match r.below(12) {
        0 => {
            ("订单号", format!("2024{:02}{:02}{}", 1 + r.below(12), 1 + r.below(28), r.digits(10)))
        }
        1 => ("流水号", format!("1{}", r.digits(10))),
        2 => ("IMEI", luhn(format!("86{}", r.digits(12)))),
        3 => ("ISBN", format!("978-7-{}-{}-{}", r.digits(3), r.digits(5), r.digits(1))),
        4 => ("时间戳", format!("17{}", r.digits(11))),
        5 => ("序列号", format!("SN{}", r.digits(11))),
        6 => ("工号", format!("T{}", r.digits(8))),
        7 => {
            let id = id18(r);
            let wrong = if id.ends_with('5') { '6' } else { '5' };
            ("编号", format!("{}{wrong}", &id[..17]))
        }
        8 => ("工号", format!("{}", 2_000_000_000u64 + r.next() % 99_999)),
        9 => ("版本", format!("{}.{}.{}", r.below(9), r.below(20), r.below(20))),
        10 => ("快递单号", format!("SF{}", r.digits(13))),
        _ => ("发票号", r.digits(20)),
    }
}

/// A row builder that labels as it writes.
#[derive(Default)]
pub struct Cell {
    pub text: String,
    pub labels: Vec<(&'static str, u32, u32)>,
}

impl Cell {
    pub fn plain(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    pub fn value(mut self, kind: &'static str, text: &str) -> Self {
        let start = self.text.chars().count() as u32;
        self.text.push_str(text);
        self.labels.push((kind, start, self.text.chars().count() as u32));
        self
    }
}

pub fn remark(r: &mut Rng) -> Cell {
    let c = Cell::default();
    match r.below(14) {
        0 => c.plain("家长").value("NAME", &person(r)).plain("，电话").value("CN_PHONE", &{
            let p = phone(r);
            noise_phone(r, &p)
        }),
        1 => c
            .plain("请联系")
            .value("NAME", &person(r))
            .plain("老师，手机：")
            .value("CN_PHONE", &phone(r)),
        2 => c.plain("家住").value("ADDRESS", &address(r)).plain("，QQ：").value("QQ", &{
            let d = r.digits(8);
            format!("1{d}")
        }),
        3 => c
            .plain("身份证 ")
            .value("CN_ID", &{
                let i = id18(r);
                noise(r, &i)
            })
            .plain("，已核对"),
        4 => c
            .plain("微信号")
            .value("WECHAT", &format!("wx_abc{}", r.digits(4)))
            .plain("，邮箱")
            .value("EMAIL", &email(r)),
        5 => {
            let (w, v) = impostor(r);
            c.plain(w).plain("：").plain(&v).plain("，已处理")
        }
        6 => {
            let (w, v) = impostor(r);
            c.plain("设备").plain(w).plain(&v)
        }
        7 => c
            .plain("退款至银行卡")
            .value("BANK_CARD", &{
                let k = card(r);
                noise(r, &k)
            })
            .plain("。"),
        8 => c
            .value("NAME", &person(r))
            .plain("同学于")
            .plain(&format!("2024-0{}-1{}", 1 + r.below(9), r.below(9)))
            .plain("请假"),
        9 => c
            .plain("生日")
            .value("BIRTH_DATE", &birth_text(r))
            .plain("，学籍号")
            .value("STUDENT_NO", &student_no(r)),
        10 => c.plain("高三同学集体参加社会实践，全体老师到场"),
        11 => c
            .plain("车牌")
            .value("PLATE", &plate(r))
            .plain("，座机")
            .value("LANDLINE", &landline(r)),
        12 => c
            .plain("护照")
            .value("PASSPORT", &passport(r))
            .plain("；通行证")
            .value("HKMO", &hkmo(r)),
        _ => c.plain("表现良好，按时完成作业"),
    }
}

/// A labelled table as CSV.
pub fn table(seed: u64, rows: usize) -> (String, Vec<Label>) {
    let mut r = Rng(seed);
    let mut out = String::from(
        "姓名,身份证号,旧证号,学籍号,联系电话,座机,银行卡号,邮箱,家庭住址,出生日期,护照号,通行证,车牌,QQ,微信,学校标识码,信用代码,登录IP,订单号,时间戳,工号,备用1,备注\n",
    );
    let mut labels = Vec::new();
    for row in 0..rows {
        let id = id18(&mut r);
        let mut cells = vec![
            Cell::default().value("NAME", &{
                let p = person(&mut r);
                if r.chance(8) {
                    p.chars().map(String::from).collect::<Vec<_>>().join(" ")
                } else {
                    p
                }
            }),
            Cell::default().value("CN_ID", &noise(&mut r, &id)),
            Cell::default().value("CN_ID15", &id15(&mut r)),
            Cell::default().value("STUDENT_NO", &{
                let s = student_no(&mut r);
                noise(&mut r, &s)
            }),
            Cell::default().value("CN_PHONE", &{
                let p = phone(&mut r);
                noise_phone(&mut r, &p)
            }),
            Cell::default().value("LANDLINE", &landline(&mut r)),
            Cell::default().value("BANK_CARD", &{
                let k = card(&mut r);
                noise(&mut r, &k)
            }),
            Cell::default().value("EMAIL", &{
                let e = email(&mut r);
                if r.chance(10) { wide(&e) } else { e }
            }),
            Cell::default().value("ADDRESS", &address(&mut r)),
            Cell::default().value("BIRTH_DATE", &birth_text(&mut r)),
            Cell::default().value("PASSPORT", &passport(&mut r)),
            Cell::default().value("HKMO", &hkmo(&mut r)),
            Cell::default().value("PLATE", &plate(&mut r)),
            Cell::default().value("QQ", &{
                let n = 5 + r.below(5);
                format!("{}{}", 1 + r.below(9), r.digits(n))
            }),
            Cell::default().value(
                "WECHAT",
                &if r.chance(50) {
                    format!("wxid_{}", r.digits(9))
                } else {
                    format!("abc-{}", r.digits(6))
                },
            ),
            Cell::default()
                .value("SCHOOL_CODE", &format!("21{}{}", r.pick(&["33", "11", "44"]), r.digits(6))),
            Cell::default(),
            Cell::default()
                .value("IP", &format!("10.{}.{}.{}", r.below(256), r.below(256), r.below(256))),
        ];
        if r.chance(5) {
            cells[1].text = format!("'{id}");
            cells[1].labels = vec![("CN_ID", 1, 19)];
        }
        for _ in 0..3 {
            cells.push(Cell::default().plain(&impostor(&mut r).1));
        }
        cells.push(if r.chance(50) { remark(&mut r) } else { Cell::default().plain("无") });
        cells.push(remark(&mut r));
        for (col, cell) in cells.iter().enumerate() {
            if col > 0 {
                out.push(',');
            }
            let _ = write!(out, "\"{}\"", cell.text.replace('"', "\"\""));
            labels.extend(cell.labels.iter().map(|(kind, start, end)| Label {
                row: row as u64,
                col,
                kind,
                start: *start,
                end: *end,
            }));
        }
        out.push('\n');
    }
    (out, labels)
}
