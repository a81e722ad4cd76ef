//! One invented pupil.

use std::collections::HashSet;

use super::{COLUMNS, Truth, number};
use crate::demo::region::{Kind, Region, School};
use crate::demo::rng::Rng;

const SURNAMES: [&str; 44] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林",
    "何", "郭", "马", "罗", "梁", "宋", "郑", "谢", "韩", "唐", "冯", "于", "董", "萧", "程", "曹",
    "袁", "邓", "许", "傅", "沈", "曾", "彭", "吕", "欧阳", "上官", "司马", "诸葛",
];
const GIVEN: [&str; 40] = [
    "子涵", "欣怡", "浩然", "梓萱", "宇轩", "诗涵", "俊杰", "雨桐", "博文", "思远", "佳琪", "明轩",
    "若曦", "天佑", "可欣", "嘉豪", "晓彤", "志强", "美玲", "建国", "静", "磊", "洋", "婷", "鹏",
    "悦", "超", "琳", "凯", "颖", "一诺", "沐阳", "语嫣", "亦辰", "书瑶", "景行", "安然", "予墨",
    "清和", "知夏",
];
const PARENTS: [&str; 16] = [
    "建华", "丽娟", "志明", "秀英", "国强", "海燕", "晓东", "玉兰", "卫东", "春梅", "永刚", "凤霞",
    "伟", "敏", "军", "艳",
];
/// 汉族 weighs most; the others occur.
const PEOPLES: [&str; 8] = ["回族", "满族", "畲族", "土家族", "苗族", "壮族", "侗族", "蒙古族"];
/// Area codes of citizen numbers (GB/T 2260).
const AREAS: [&str; 8] =
    ["330102", "330105", "330106", "330203", "330302", "330402", "330602", "330702"];
const ROADS: [&str; 12] = [
    "和平路",
    "建设路",
    "解放街",
    "文昌路",
    "湖滨路",
    "学院路",
    "新华街",
    "桃源路",
    "人民路",
    "云山大道",
    "青溪路",
    "柳浪巷",
];
const ILLNESSES: [&str; 8] =
    ["近视", "哮喘", "花生过敏", "先天性心脏病", "癫痫史", "青霉素过敏", "听力障碍", "糖尿病"];

/// What is carried from pupil to pupil.
pub(super) struct Draw {
    pub(super) rng: Rng,
    pub(super) truth: Truth,
    /// Citizen numbers given out.
    pub(super) used: HashSet<String>,
}

/// Invents a pupil of a school and counts what was written.
pub(super) fn pupil(
    region: &Region,
    school: &School,
    row: u64,
    today: (i32, u8, u8),
    draw: &mut Draw,
) -> [String; COLUMNS.len()] {
    let Draw { rng, truth, used } = draw;
    let female = rng.chance(485);
    let (grade, birth) = grade_and_birth(school.kind, today.0, rng);
    truth.under_14 += u64::from(age(birth, today) < 14);
    let surname = surname(rng);
    let name = format!("{surname}{}", rng.pick(&GIVEN));
    let guardian = format!("{surname}{}", rng.pick(&PARENTS));
    truth.names += 2;
    let compact = format!("{:04}{:02}{:02}", birth.0, birth.1, birth.2);
    let citizen = fresh(&compact, female, rng, used);
    let (id, student) = numbers(&citizen, &compact, row, rng, truth);
    let mobile = number::mobile(rng);
    let (phone, odd) = number::written_mobile(&mobile, rng);
    truth.phones += 1;
    truth.phones_odd += u64::from(odd);
    let district = region.districts.get(school.district).map_or("", |d| d.zh.as_str());
    truth.addresses += 1;
    let aided = rng.chance(60);
    truth.aided += u64::from(aided);
    let ill = rng.chance(120);
    truth.health_notes += u64::from(ill);
    [
        school.code.to_string(),
        name,
        if female { "女" } else { "男" }.to_owned(),
        format!("{:04}-{:02}-{:02}", birth.0, birth.1, birth.2),
        if rng.chance(920) { "汉族" } else { rng.pick(&PEOPLES) }.to_owned(),
        id,
        student,
        guardian,
        phone,
        address(district, rng),
        format!("{grade}{}班", rng.between(1, 12)),
        format!("{}.{}", rng.between(38, 99), rng.pick(&["0", "5"])),
        if aided { "是" } else { "否" }.to_owned(),
        if ill { rng.pick(&ILLNESSES) } else { "良好" }.to_owned(),
        number::order(today, row),
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            today.0,
            today.1,
            today.2,
            rng.between(7, 18),
            rng.below(60),
            rng.below(60)
        ),
        remark(&citizen, &mobile, row, rng, truth),
    ]
}

/// A citizen number that nobody else of the file has, as far as the order codes reach.
fn fresh(birth: &str, female: bool, rng: &mut Rng, used: &mut HashSet<String>) -> String {
    let mut citizen = number::citizen(rng.pick(&AREAS), birth, female, rng);
    for _ in 0..1_000 {
        if used.insert(citizen.clone()) {
            break;
        }
        citizen = number::citizen(rng.pick(&AREAS), birth, female, rng);
    }
    citizen
}

fn surname(rng: &mut Rng) -> &'static str {
    // The last four are compound surnames: rare.
    let simple = SURNAMES.len() - 4;
    if rng.chance(20) { rng.pick(&SURNAMES[simple..]) } else { rng.pick(&SURNAMES[..simple]) }
}

/// A grade of the school and a birth date that fits it.
fn grade_and_birth(kind: Kind, year: i32, rng: &mut Rng) -> (&'static str, (i32, u8, u8)) {
    let (grades, first_age): (&[&'static str], i32) = match kind {
        Kind::Primary => (&["一年级", "二年级", "三年级", "四年级", "五年级", "六年级"], 6),
        Kind::Junior => (&["七年级", "八年级", "九年级"], 12),
        Kind::Senior => (&["高一", "高二", "高三"], 15),
        Kind::Vocational => (&["职一", "职二", "职三"], 15),
    };
    let n = rng.below(grades.len() as u64);
    let grade = grades.get(n as usize).copied().unwrap_or("一年级");
    // School years cut at the end of August.
    let month = rng.between(1, 12) as u8;
    let born = year - first_age - n as i32 - i32::from(month > 8);
    (grade, (born, month, rng.between(1, 28) as u8))
}

fn age(birth: (i32, u8, u8), today: (i32, u8, u8)) -> i32 {
    today.0 - birth.0 - i32::from((today.1, today.2) < (birth.1, birth.2))
}

/// The citizen number as written, and the student number made from it.
fn numbers(
    citizen: &str,
    birth: &str,
    row: u64,
    rng: &mut Rng,
    truth: &mut Truth,
) -> (String, String) {
    let area = citizen.get(..6).unwrap_or_default();
    if rng.chance(60) {
        // Without papers: 17 digits and a check character stand for the number.
        truth.student_numbers_j += 1;
        let first = format!("{area}{birth}{:03}", row % 900);
        let check = number::citizen_check(&first).unwrap_or('0');
        return (String::new(), format!("J{first}{check}"));
    }
    let student = if rng.chance(30) {
        truth.student_numbers_l += 1;
        format!("L{area}{birth}{:04}", row % 10_000)
    } else {
        truth.student_numbers_g += 1;
        format!("G{citizen}")
    };
    if rng.chance(6) {
        truth.citizen_ids_wrong += 1;
        return (number::wrong(citizen), student);
    }
    let written = number::written_citizen(citizen, rng);
    truth.citizen_ids += 1;
    truth.citizen_ids_odd += u64::from(written != citizen);
    (written, student)
}

fn address(district: &str, rng: &mut Rng) -> String {
    let (road, house) = (rng.pick(&ROADS), rng.between(1, 288));
    if rng.chance(700) {
        let (block, flat) = (rng.between(1, 20), rng.between(101, 1204));
        format!("浙江省示范市{district}{road}{house}号{block}幢{flat}室")
    } else {
        format!("示范市{district}{road}{house}号")
    }
}

/// Free text as class teachers write it: mostly nothing, sometimes a person, sometimes a number
/// that only looks like one.
fn remark(citizen: &str, mobile: &str, row: u64, rng: &mut Rng, truth: &mut Truth) -> String {
    match rng.below(24) {
        0 => {
            truth.remark_phones += 1;
            let (written, _) = number::written_mobile(mobile, rng);
            format!("家长电话{written}，晚上七点后可联系")
        }
        1 => {
            truth.remark_citizen_ids += 1;
            format!("证件号登记有误，应为{citizen}，已更正")
        }
        2 => {
            truth.remark_emails += 1;
            format!("成绩单发送至 parent{row}@example.com")
        }
        3 => {
            truth.remark_accounts += 1;
            format!("监护人微信号：wx_demo{row}")
        }
        4 => {
            truth.remark_accounts += 1;
            format!("班级联系用QQ：{}", 100_000_000 + row)
        }
        5 => {
            truth.remark_decoys += 1;
            format!("校服已付款，订单号{}", number::order((2026, 9, 1), row))
        }
        6 => {
            truth.remark_decoys += 1;
            format!("2026-09-03 08:{:02}:45 已电话告知家长", row % 60)
        }
        7 => {
            truth.remark_decoys += 1;
            format!("平板序列号SN{:012}，已领取", 230_000_000_000 + row)
        }
        8 => "性格开朗，热爱集体，\"三好学生\"".to_owned(),
        9 => "走读,家长接送".to_owned(),
        _ => String::new(),
    }
}
