//! Numbers of persons, right by their rules: ids, student numbers, telephones, cards, documents.

use super::rng::Rng;

const REGIONS: &[&str] = &[
    "110101", "110108", "120104", "130102", "140106", "150102", "210102", "220104", "230103",
    "310115", "320106", "320583", "330106", "330782", "340104", "350203", "350582", "360102",
    "370202", "371302", "410105", "411522", "420106", "421181", "430102", "433101", "440305",
    "445281", "450103", "460105", "500112", "510104", "513401", "520102", "522601", "530102",
    "532901", "540102", "610113", "620102", "630104", "640104", "650102", "653101",
];

fn check(body: &str) -> char {
    let weights = [7u32, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.bytes().zip(weights).map(|(b, w)| u32::from(b - b'0') * w).sum();
    ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'][(sum % 11) as usize]
}

pub fn id18(r: &mut Rng, (y, m, d): (u16, u8, u8)) -> String {
    let body = format!("{}{y}{m:02}{d:02}{}", r.word(REGIONS), r.digits(3));
    let c = check(&body);
    format!("{body}{c}")
}

/// An id of a grown-up.
pub fn adult_id(r: &mut Rng) -> String {
    let birth = (r.between(1955, 1995) as u16, r.between(1, 12) as u8, r.between(1, 28) as u8);
    id18(r, birth)
}

/// An id whose check character, region or date is wrong.
pub fn wrong_id(r: &mut Rng) -> String {
    let id = adult_id(r);
    match r.below(3) {
        0 => {
            let own = id.chars().last().unwrap();
            let mut other = char::from(b'0' + r.below(10) as u8);
            if other == own {
                other = if own == '7' { '8' } else { '7' };
            }
            format!("{}{other}", &id[..17])
        }
        1 => {
            let body =
                format!("{}{}", r.any(&["990101", "000000", "780203", "170101"]), &id[6..17]);
            let c = check(&body);
            format!("{body}{c}")
        }
        _ => {
            let body =
                format!("{}{}{}", &id[..10], r.any(&["1332", "0230", "0001", "1235"]), &id[14..17]);
            let c = check(&body);
            format!("{body}{c}")
        }
    }
}

pub fn id15(r: &mut Rng) -> String {
    let (y, m, d) = (r.between(45, 99), r.between(1, 12), r.between(1, 28));
    format!("{}{y:02}{m:02}{d:02}{:03}", r.word(REGIONS), r.between(1, 999))
}

pub fn student_no(r: &mut Rng, id: &str) -> String {
    match r.below(10) {
        0..=6 => format!("G{id}"),
        7 | 8 => format!("J{}{}", &id[..14], r.digits(4)),
        _ => format!("L{}{}", &id[..14], r.digits(4)),
    }
}

pub fn mobile(r: &mut Rng) -> String {
    let head = r.word(&[
        "130", "131", "133", "135", "136", "137", "138", "139", "145", "147", "150", "152", "155",
        "158", "166", "173", "176", "177", "180", "182", "185", "187", "189", "191", "195", "198",
        "199", "159",
    ]);
    format!("{head}{}", r.digits(8))
}

pub fn landline(r: &mut Rng) -> String {
    let area = r.word(&[
        "010", "021", "020", "022", "023", "024", "025", "027", "028", "029", "0311", "0351",
        "0371", "0431", "0451", "0531", "0551", "0571", "0591", "0731", "0755", "0791", "0871",
        "0898", "0931", "0951", "0991", "0512",
    ]);
    let n = if area.len() == 3 || r.chance(50) { 7 } else { 6 };
    let own = format!("{}{}", r.between(2, 8), r.digits(n));
    match r.below(9) {
        0 => format!("{area}{own}"),
        1 => format!("({area}){own}"),
        2 => format!("（{area}）{own}"),
        3 => format!("{area} {own}"),
        4 => format!("{area}-{own}-{}", r.between(100, 8999)),
        5 => format!("{area}-{own}转{}", r.between(1, 8999)),
        6 => format!("+86-{}-{own}", &area[1..]),
        _ => format!("{area}-{own}"),
    }
}

/// Completes a number by Luhn's digit.
pub fn with_luhn(body: &str) -> String {
    for last in '0'..='9' {
        let whole = format!("{body}{last}");
        let mut sum = 0;
        for (i, c) in whole.chars().rev().enumerate() {
            let mut n = c.to_digit(10).unwrap();
            if i % 2 == 1 {
                n = n * 2 / 10 + n * 2 % 10;
            }
            sum += n;
        }
        if sum % 10 == 0 {
            return whole;
        }
    }
    unreachable!("one of ten digits fits")
}

pub fn bank_card(r: &mut Rng) -> String {
    let (bin, len) = [
        ("622202", 19),
        ("621226", 19),
        ("621700", 19),
        ("622700", 16),
        ("622848", 19),
        ("623052", 19),
        ("621661", 19),
        ("456351", 19),
        ("622588", 16),
        ("621483", 16),
        ("622262", 17),
        ("621799", 19),
        ("621098", 19),
        ("622150", 19),
        ("623091", 19),
        ("625912", 16),
        ("439225", 16),
        ("552599", 16),
        ("356889", 16),
        ("955880", 19),
    ][r.below(10) * 2 + usize::from(r.half == super::Half::Unseen)];
    let body = format!("{bin}{}", r.digits(len - 7));
    with_luhn(&body)
}

pub fn email(r: &mut Rng) -> String {
    let host = r.word(&[
        "qq.com",
        "163.com",
        "126.com",
        "sina.com",
        "foxmail.com",
        "gmail.com",
        "sohu.com",
        "139.com",
        "aliyun.com",
        "outlook.com",
        "hzxx.edu.cn",
        "stu.pku.edu.cn",
        "school.example.org",
        "bj.gov.cn",
        "yeah.net",
        "vip.163.com",
    ]);
    let n = r.between(3, 6);
    let word = r.letters(n);
    match r.below(7) {
        0 => format!("{}@{host}", r.between(10_000, 3_999_999_999)),
        1 => format!("{word}.{}@{host}", r.any(&["li", "wang", "x"])),
        2 => format!("{word}_{}@{host}", r.between(1, 2018)),
        3 => format!("{}-{word}@{host}", r.any(&["class3", "info", "z"])),
        4 => format!("{}{word}@{}", r.any(&["A", "Zhang", "LI"]), host.to_uppercase()),
        5 => format!("{}@{host}", mobile(r)),
        _ => format!("{word}{}@{host}", r.between(1, 999)),
    }
}

pub fn passport(r: &mut Rng) -> String {
    match r.below(8) {
        0..=2 => format!("E{}", r.digits(8)),
        3 | 4 => format!(
            "E{}{}",
            r.any(&["A", "B", "C", "D", "F", "G", "H", "J", "K", "M"]),
            r.digits(7)
        ),
        5 | 6 => format!("G{}", r.digits(8)),
        _ => format!("{}{}", r.any(&["D", "S", "P"]), r.digits(8)),
    }
}

pub fn hkmo(r: &mut Rng) -> String {
    let n = if r.chance(70) { 8 } else { 10 };
    format!("{}{}", r.any(&["H", "M"]), r.digits(n))
}

pub fn plate(r: &mut Rng) -> String {
    let p = r.word(&[
        "京", "津", "冀", "晋", "蒙", "辽", "吉", "黑", "沪", "苏", "浙", "皖", "闽", "赣", "鲁",
        "豫", "鄂", "湘", "粤", "桂", "琼", "渝", "川", "贵", "云", "藏", "陕", "甘", "青", "宁",
        "新", "苏",
    ]);
    let c = r.any(&["A", "B", "C", "D", "E", "F", "G", "H"]);
    let l =
        r.any(&["A", "B", "C", "H", "J", "K", "N", "Q", "R", "S", "T", "V", "W", "X", "Y", "Z"]);
    let five = match r.below(5) {
        0 => r.digits(5),
        1 => format!("{l}{}", r.digits(4)),
        2 => format!("{}{l}{}", r.digits(1), r.digits(3)),
        3 => format!("{}{l}", r.digits(4)),
        _ => format!("{}{l}{}", r.digits(2), r.digits(2)),
    };
    match r.below(12) {
        0 => format!("{p}{c}{}{}", r.any(&["D", "F"]), r.digits(5)),
        1 => format!("{p}{c}{}{}", r.digits(5), r.any(&["D", "F"])),
        2 => format!("{p}{c}·{five}"),
        3 => format!("{p}{c} {five}"),
        4 => format!("{p}{c}-{five}"),
        5 => format!("{p}{c}{}{}", r.digits(4), r.any(&["学", "警", "挂"])),
        6 => format!("{p}{}{five}", c.to_lowercase()),
        _ => format!("{p}{c}{five}"),
    }
}

pub fn qq(r: &mut Rng) -> String {
    match r.below(4) {
        0 => r.between(100_000, 999_999_999).to_string(),
        1 => r.between(10_000, 9_999_999).to_string(),
        _ => r.between(1_000_000_000, 3_800_000_000).to_string(),
    }
}

pub fn wechat(r: &mut Rng) -> String {
    let n = r.between(4, 7);
    let word = r.letters(n);
    match r.below(5) {
        0 | 1 => format!("wxid_{}{}", r.letters(6), r.digits(8)),
        2 => format!("{word}_{}", r.between(10, 9999)),
        3 => format!("{word}-{}", r.between(100, 9999)),
        _ => format!("{}{word}{}", r.any(&["A", "li", "zhang"]), r.between(10, 99_999)),
    }
}

pub fn birth_text(r: &mut Rng, (y, m, d): (u16, u8, u8)) -> String {
    match r.below(11) {
        0 => format!("{y}{m:02}{d:02}"),
        1 => format!("{y}/{m}/{d}"),
        2 => format!("{y}.{m:02}.{d:02}"),
        3 => format!("{y}年{m}月{d}日"),
        4 => format!("{y}-{m}-{d}"),
        5 => format!("{y}年{m:02}月{d:02}日"),
        6 => format!("{y}.{m}.{d}"),
        7 => super::messy::wide(&format!("{y}-{m:02}-{d:02}")),
        8 => format!("{y} 年 {m} 月 {d} 日"),
        _ => format!("{y}-{m:02}-{d:02}"),
    }
}

/// A birth date in Chinese numerals.
pub fn birth_numerals((y, m, d): (u16, u8, u8)) -> String {
    let digit =
        |c: char| "〇一二三四五六七八九".chars().nth(c.to_digit(10).unwrap() as usize).unwrap();
    let small = |n: u8| match n {
        0..=9 => digit(char::from(b'0' + n)).to_string(),
        10 => "十".to_owned(),
        11..=19 => format!("十{}", digit(char::from(b'0' + n - 10))),
        n if n % 10 == 0 => format!("{}十", digit(char::from(b'0' + n / 10))),
        n => format!("{}十{}", digit(char::from(b'0' + n / 10)), digit(char::from(b'0' + n % 10))),
    };
    let year: String = y.to_string().chars().map(digit).collect();
    format!("{year}年{}月{}日", small(m), small(d))
}

pub fn school_code(r: &mut Rng) -> String {
    format!(
        "{}{}{}",
        r.any(&["11", "21", "31", "34", "36"]),
        r.any(&["11", "33", "32", "44", "51"]),
        r.digits(6)
    )
}

pub fn uscc(r: &mut Rng) -> String {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let body = format!("12{}{}", r.word(REGIONS), {
        let mut own = r.digits(8);
        own.push(ALPHABET.chars().nth(r.below(31)).unwrap());
        own
    });
    let mut weight = 1;
    let mut sum = 0;
    for c in body.chars() {
        sum += ALPHABET.find(c).unwrap() * weight;
        weight = weight * 3 % 31;
    }
    format!("{body}{}", ALPHABET.chars().nth((31 - sum % 31) % 31).unwrap())
}
