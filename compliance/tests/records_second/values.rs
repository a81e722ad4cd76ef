//! Values and traps, right or wrong by their rules, written as people write them.

use super::super::records_labelled::Rng;

const REGIONS: &[&str] = &[
    "110105", "130481", "150204", "211202", "220881", "230881", "310230", "321283", "330681",
    "341225", "350783", "361181", "370983", "411481", "421303", "431382", "440882", "451381",
    "460200", "500240", "513436", "522636", "532628", "542421", "610925", "620525", "632323",
    "640522", "654325", "441900",
];
const SURNAMES: &str = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文";
const COMPOUND: &[&str] =
    &["欧阳", "司马", "上官", "诸葛", "皇甫", "慕容", "东方", "申屠", "公孙", "太史"];
const GIVEN: &str = "明华文志国建平军伟峰磊超勇涛斌浩宇轩泽楠宁鹏飞俊凯瑞博恒旭东升成林森梅兰竹菊婷娜静怡悦欣妍琳琪瑶蕾雪冰洁莹露丹芳燕玲珍霞慧敏佳思雨涵诗韵语彤可馨若曦梓萱奕辰沐阳";
const MINORITY: &[&str] = &[
    "阿不力克木·热西提",
    "麦麦提·吐逊",
    "帕提古丽·司马义",
    "叶尔江·木拉提",
    "阿迪力·依明江",
    "古丽巴哈尔·买买提",
    "尼玛·次仁",
    "布仁·巴雅尔",
    "扎西达瓦",
    "央金卓玛",
    "嘎玛次仁",
    "萨仁高娃",
];
const PLACES: &[&str] = &[
    "河北省邯郸市武安市",
    "山东省菏泽市曹县",
    "广东省湛江市雷州市",
    "四川省宜宾市叙州区",
    "广西壮族自治区玉林市博白县",
    "宁夏回族自治区中卫市沙坡头区",
    "安徽阜阳临泉县",
    "湖南省娄底市涟源市",
    "东莞市",
    "昆山市",
    "江苏省泰州市泰兴市",
    "陕西省安康市平利县",
    "西藏自治区那曲市安多县",
    "海口市龙华区",
];
const TOWNS: &[&str] =
    &["石盘镇", "双河乡", "马家沟镇", "城关镇", "大河坝乡", "柳林镇", "永兴镇", "长岭乡"];
const VILLAGES: &[&str] = &["后坪村", "上湾村", "李家庄村", "新田村", "东坡村", "下寨村", "石桥村"];
const STREETS: &[&str] =
    &["滨江大道", "建国路", "朝阳北街", "园丁巷", "育才路", "青年东路", "光明大街", "文化西路"];
const ESTATES: &[&str] =
    &["锦绣江南", "阳光花园", "金色家园", "教师新村", "碧水湾小区", "翠竹苑", "祥和里"];

/// What a slot holds: the type and the text; no type for a trap.
pub fn slot(r: &mut Rng, slot: &str) -> (Option<&'static str>, String) {
    let (kind, text) = match slot {
        "N" => ("NAME", name(r)),
        "I" => ("CN_ID", id(r)),
        "I~" => ("CN_ID", long(r, &[6, 8, 4], id)),
        "J" => ("CN_ID15", id15(r)),
        "S" => ("STUDENT_NO", student(r)),
        "S~" => ("STUDENT_NO", long(r, &[7, 8, 4], student)),
        "P" => ("CN_PHONE", mobile(r)),
        "P~" => ("CN_PHONE", phone(r)),
        "T" => ("LANDLINE", landline(r)),
        "B" => ("BANK_CARD", card(r)),
        "B~" => ("BANK_CARD", long(r, &[4, 4, 4, 4, 4], card)),
        "E" => ("EMAIL", email(r)),
        "A" => ("ADDRESS", address(r)),
        "D" => ("BIRTH_DATE", birth(r)),
        "R" => ("PASSPORT", passport(r)),
        "H" => ("HKMO", permit(r)),
        "L" => ("PLATE", plate(r)),
        "Q" => ("QQ", format!("{}{}", r.between(1, 9), digits(r, &[6, 7, 8, 9]))),
        "W" => ("WECHAT", wechat(r)),
        trap => return (None, self::trap(r, trap)),
    };
    (Some(kind), text)
}

fn digits(r: &mut Rng, lengths: &[usize]) -> String {
    let n = lengths[r.below(lengths.len())];
    r.digits(n)
}

fn han(r: &mut Rng, of: &str) -> String {
    let n = of.chars().count();
    of.chars().nth(r.below(n)).unwrap().to_string()
}

fn name(r: &mut Rng) -> String {
    match r.below(20) {
        0 => r.any(MINORITY).to_owned(),
        1 => format!("{}{}", r.any(COMPOUND), han(r, GIVEN)),
        2 => format!("{}{}{}", r.any(COMPOUND), han(r, GIVEN), han(r, GIVEN)),
        3..=6 => format!("{}{}", han(r, SURNAMES), han(r, GIVEN)),
        _ => format!("{}{}{}", han(r, SURNAMES), han(r, GIVEN), han(r, GIVEN)),
    }
}

fn day(r: &mut Rng) -> (usize, usize, usize) {
    (r.between(2006, 2019), r.between(1, 12), r.between(1, 28))
}

fn check(body: &str) -> char {
    let sum: u32 =
        body.bytes().rev().zip(1..).map(|(b, i)| u32::from(b - b'0') * (1u32 << i)).sum();
    "10X98765432".chars().nth((sum % 11) as usize).unwrap()
}

fn id(r: &mut Rng) -> String {
    let (y, m, d) = day(r);
    let y = if r.chance(40) { y - 35 } else { y };
    let body = format!("{}{y}{m:02}{d:02}{}", r.any(REGIONS), r.digits(3));
    format!("{body}{}", check(&body))
}

fn id15(r: &mut Rng) -> String {
    let (_, m, d) = day(r);
    format!("{}{}{m:02}{d:02}{:03}", r.any(REGIONS), r.between(48, 97), r.between(1, 998))
}

fn student(r: &mut Rng) -> String {
    let id = id(r);
    match r.below(4) {
        0 => format!("J{}{}", &id[..14], r.digits(4)),
        1 => format!("L{}{}", &id[..14], r.digits(4)),
        _ => format!("G{id}"),
    }
}

fn mobile(r: &mut Rng) -> String {
    let head = r.any(&[
        "134", "151", "153", "156", "157", "167", "172", "175", "178", "181", "183", "186", "188",
        "190", "193", "196", "197",
    ]);
    format!("{head}{}", r.digits(8))
}

fn luhn(body: &str) -> u32 {
    let sum: u32 = body
        .bytes()
        .rev()
        .zip(0..)
        .map(|(b, i)| {
            let n = u32::from(b - b'0') * if i % 2 == 0 { 2 } else { 1 };
            n / 10 + n % 10
        })
        .sum();
    (10 - sum % 10) % 10
}

fn card(r: &mut Rng) -> String {
    let head =
        r.any(&["622848", "621700", "621226", "620058", "623052", "621661", "622588", "621799"]);
    let n = r.between(0, 1) * 3 + 9;
    let body = format!("{head}{}", r.digits(n));
    format!("{body}{}", luhn(&body))
}

/// In groups, wide, with something invisible in it, in Chinese numerals, by look-alikes.
fn long(r: &mut Rng, groups: &[usize], of: fn(&mut Rng) -> String) -> String {
    let plain = of(r);
    // A card has more than three groups; nobody writes it with letters.
    let letters = groups.len() == 3;
    match r.below(11) {
        0 => plain.to_lowercase(),
        1 => wide(&plain),
        2 => grouped(&plain, groups, " "),
        3 => grouped(&plain, groups, "-"),
        4 => grouped(&plain, groups, "\u{A0}"),
        5 => grouped(&plain, groups, "\u{200B}"),
        6 => grouped(&plain, groups, "\n"),
        7 => grouped(&plain, groups, "."),
        8 if letters => plain.replacen('0', "O", 1),
        9 if letters => {
            format!("{}{}", &plain[..3], plain[3..].replacen('1', "l", 1))
        }
        _ => grouped(&plain, groups, "\u{3000}"),
    }
}

fn phone(r: &mut Rng) -> String {
    let plain = mobile(r);
    let sep = r.any(&[" ", "-", ".", "\u{A0}", "\u{200B}", "\n", "－", "\u{3000}"]);
    match r.below(9) {
        0 => wide(&plain),
        1 => format!(
            "{}{plain}",
            r.any(&["+86", "86", "0086", "+86 ", "86-", "＋86", "(86)", "0086-"])
        ),
        2 => numerals(r, &plain),
        3 => format!("{}O{}", &plain[..3], &plain[4..]),
        4 => format!("l{}", &plain[1..]),
        5 => format!("+86{sep}{}", grouped(&plain, &[3, 4, 4], sep)),
        6 => grouped(&plain, &[3, 3, 5], sep),
        _ => grouped(&plain, &[3, 4, 4], sep),
    }
}

fn wide(s: &str) -> String {
    let wide = |c: char| char::from_u32(c as u32 + 0xFEE0).unwrap();
    s.chars().map(|c| if c.is_ascii_graphic() { wide(c) } else { c }).collect()
}

fn grouped(s: &str, groups: &[usize], sep: &str) -> String {
    let mut out = String::new();
    let mut rest = s;
    for n in groups {
        let (part, after) = rest.split_at(rest.len().min(*n));
        out.push_str(part);
        rest = after;
        if rest.is_empty() {
            return out;
        }
        out.push_str(sep);
    }
    out + rest
}

fn numerals(r: &mut Rng, s: &str) -> String {
    let set = r.any(&["零一二三四五六七八九", "〇一二三四五六七八九", "零壹贰叁肆伍陆柒捌玖"]);
    s.bytes().map(|b| set.chars().nth(usize::from(b - b'0')).unwrap()).collect()
}

fn landline(r: &mut Rng) -> String {
    let long = r.chance(50);
    let area = if long {
        r.any(&["010", "021", "022", "023", "027", "028", "0571", "0755"])
    } else {
        r.any(&["0316", "0459", "0531", "0666", "0718", "0816", "0971", "0993"])
    };
    let number = format!("{}{}", r.between(2, 8), r.digits(if long { 7 } else { 6 }));
    match r.below(8) {
        0 => format!("{area}{number}"),
        1 => format!("({area}){number}"),
        2 => format!("（{area}）{number}"),
        3 => format!("{area} {number}"),
        4 => format!("{area}-{number}-{}", r.between(10, 8999)),
        5 => format!("{area}-{number}转{}", r.between(10, 8999)),
        _ => format!("{area}-{number}"),
    }
}

fn email(r: &mut Rng) -> String {
    let user = match r.below(4) {
        0 => r.digits(9),
        1 => format!("{}.{}", r.letters(4), r.letters(6)),
        2 => format!("{}_{}", r.letters(5), r.digits(4)),
        _ => format!("{}{}", r.letters(7), r.digits(2)),
    };
    let host = r.any(&[
        "163.com",
        "qq.com",
        "126.com",
        "sina.cn",
        "gmail.com",
        "mail.bnu.edu.cn",
        "foxmail.com",
    ]);
    let whole = format!("{user}@{host}");
    match r.below(12) {
        0 => whole.to_uppercase(),
        1 => whole.replace('@', "＠"),
        2 => wide(&whole),
        _ => whole,
    }
}

fn address(r: &mut Rng) -> String {
    let (number, unit, room) =
        (r.between(1, 399), r.between(1, 5), r.between(1, 28) * 100 + r.between(1, 4));
    let numeral = han(r, "一二三四五六七八九");
    match r.below(9) {
        0 => format!("{}{}{}{}组", r.any(PLACES), r.any(TOWNS), r.any(VILLAGES), r.between(1, 12)),
        1 => format!("{}{}{numeral}组{number}号", r.any(TOWNS), r.any(VILLAGES)),
        2 => format!("{}{}{}{number}号", r.any(PLACES), r.any(TOWNS), r.any(STREETS)),
        3 => format!("{}{}{}幢{unit}单元{room}室", r.any(PLACES), r.any(ESTATES), r.between(1, 30)),
        4 => {
            format!("{}{number}号{}{}号楼{room}", r.any(STREETS), r.any(ESTATES), r.between(1, 30))
        }
        5 => format!("{}{}{}-{unit}-{room}", r.any(PLACES), r.any(ESTATES), r.between(1, 30)),
        6 => format!("{} {} {number}号", r.any(PLACES), r.any(STREETS)),
        7 => format!("{}{}{numeral}社{number}号", r.any(PLACES), r.any(VILLAGES)),
        _ => format!("{}{}{number}号{room}室", r.any(PLACES), r.any(STREETS)),
    }
}

fn birth(r: &mut Rng) -> String {
    let (y, m, d) = day(r);
    match r.below(7) {
        0 => format!("{y}年{m}月{d}日"),
        1 => format!("{y}/{m}/{d}"),
        2 => format!("{y}.{m:02}.{d:02}"),
        3 => format!("{y}{m:02}{d:02}"),
        4 => wide(&format!("{y}-{m:02}-{d:02}")),
        5 => format!("{y}年{m:02}月{d:02}日"),
        _ => format!("{y}-{m:02}-{d:02}"),
    }
}

fn passport(r: &mut Rng) -> String {
    match r.below(4) {
        0 => format!("G{}", r.digits(8)),
        1 => format!("E{}{}", r.any(&["A", "B", "C", "H", "J", "K", "M"]), r.digits(7)),
        2 => format!("E {}", r.digits(8)),
        _ => format!("E{}", r.digits(8)),
    }
}

fn permit(r: &mut Rng) -> String {
    let head = r.any(&["H", "M", "H", "M", "h", "Ｈ"]);
    format!("{head}{}", digits(r, &[8, 8, 10]))
}

fn plate(r: &mut Rng) -> String {
    let head = format!(
        "{}{}",
        han(r, "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋"),
        r.any(&["A", "B", "C", "E", "K"])
    );
    match r.below(6) {
        0 => format!("{head}D{}", r.digits(5)),
        1 => format!("{head}{}F", r.digits(5)),
        2 => format!("{head}·{}", r.digits(5)),
        3 => format!("{head} {}K{}", r.digits(1), r.digits(3)),
        4 => format!("{head}{}学", r.digits(4)),
        _ => format!("{head}{}{}", r.any(&["F", "N", "U"]), r.digits(4)),
    }
}

fn wechat(r: &mut Rng) -> String {
    match r.below(4) {
        0 => format!("wxid_{}{}", r.letters(8), r.digits(6)),
        1 => format!("{}_{}", r.letters(6), r.digits(4)),
        2 => format!("{}-{}", r.letters(5), r.letters(4)),
        _ => format!("{}{}", r.letters(8), r.digits(3)),
    }
}

/// What looks personal and is not.
fn trap(r: &mut Rng, what: &str) -> String {
    let (y, m, d) = (r.between(2021, 2026), r.between(1, 12), r.between(1, 28));
    match what {
        "order" => format!("{y}{m:02}{d:02}{}", r.digits(10)),
        "stamp" => format!("17{}", digits(r, &[8, 11])),
        "time" => {
            format!("{y}-{m:02}-{d:02} {:02}:{:02}:{:02}", r.below(24), r.below(60), r.below(60))
        }
        "date" => format!("{y}-{m:02}-{d:02}"),
        "imei" => {
            let body = format!("86{}", r.digits(12));
            format!("{body}{}", luhn(&body))
        }
        "isbn" => format!("978-7-{}-{}-{}", r.digits(3), r.digits(5), r.digits(1)),
        "serial" => format!("SN{}{}", r.letters(3).to_uppercase(), r.digits(9)),
        "staff" => format!("{y}{}", r.digits(4)),
        "asset" => format!("ZC-{y}-{}", r.digits(6)),
        "amount" => format!("{}.{}", r.between(10, 99_999), r.digits(2)),
        "score" => r.between(40, 100).to_string(),
        "wrongid" => {
            let id = id(r);
            let own = id.chars().last().unwrap();
            match r.below(3) {
                0 => format!("{}{}", &id[..17], if own == '3' { '4' } else { '3' }),
                1 => {
                    let body = format!("{}{}", r.any(&["000101", "980203", "190101"]), &id[6..17]);
                    format!("{body}{}", check(&body))
                }
                _ => {
                    let body = format!("{}1331{}", &id[..10], &id[14..17]);
                    format!("{body}{}", check(&body))
                }
            }
        }
        "wrongcard" => {
            let body = format!("622848{}", r.digits(12));
            format!("{body}{}", (luhn(&body) + 1) % 10)
        }
        "school" => r.any(&["滨江实验小学", "第二中学", "育红学校", "朝阳区教委"]).to_owned(),
        "course" => r.any(&["高等数学", "信息科技", "道德与法治", "书法社团"]).to_owned(),
        "class" => format!("{}年级{}班", han(r, "一二三四五六七八九"), r.between(1, 18)),
        other => panic!("no slot {other}"),
    }
}
