//! Masked texts as an earlier version of this program wrote them: a key that was given out stays good,
//! and a table masked today joins with one masked last year.

use ring::digest::{SHA256, digest};

use super::tests::run;
use super::*;
use crate::records::find::validate::id_check;

/// Persons written the ways they are met, 400 rows of them.
fn table() -> String {
    let mut state = 7u64;
    let mut below = |n: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut out = "姓名,性别,身份证件号,学籍号,出生日期,班级,家庭住址,监护人电话,银行卡号,语文,QQ,邮箱,备注\n".to_owned();
    let names = ["王小明", "欧阳修文", "李 芳", "买买提·吐尔逊", "张伟", "高平"];
    let regions = ["330106", "110108", "440305"];
    for row in 0..400u64 {
        let (year, month, day) = (2006 + below(13), 1 + below(12), 1 + below(28));
        let region = regions[below(3) as usize];
        let first = format!("{region}{year}{month:02}{day:02}{:03}", below(1000));
        let id = format!("{first}{}", char::from(id_check(first.as_bytes()).unwrap()));
        let phone = format!("138{:08}", below(100_000_000));
        let (name, room) = (names[below(6) as usize], 101 + below(900));
        let written = match below(5) {
            0 => format!("{}-{}-{}", &phone[..3], &phone[3..7], &phone[7..]),
            1 => format!("+86 {phone}"),
            2 => phone.bytes().filter_map(|b| char::from_u32(u32::from(b) + 0xFEE0)).collect(),
            _ => phone.clone(),
        };
        let remark = match below(6) {
            0 => String::new(),
            1 => format!("\"家长{name}来电{phone}，\n见\"\"通知\"\"\""),
            2 => format!("{name}同学, 住{room}室").replace(',', "，"),
            3 => format!("ＱＱ：{}", 10_000_000 + below(90_000_000)),
            4 => "表现良好 (A-1) Good".to_owned(),
            _ => format!("身份证 {} {} {}", &id[..6], &id[6..14], &id[14..]),
        };
        let sex = if row % 2 == 0 { "男" } else { "女" };
        let letter = ["G", "J", "g"][below(3) as usize];
        out.push_str(&format!(
            "{name},{sex},{id},{letter}{id},{year}-{month:02}-{day:02},七（{}）班,浙江省杭州市西湖区文三路{}号{}幢{room}室,{written},62220212{:011},{},{},u{}@school.example.cn,{remark}\n",
            1 + below(6), 1 + below(300), 1 + below(20), below(100_000_000_000), 40 + below(61),
            10_000_000 + below(90_000_000), below(1000),
        ));
    }
    out
}

#[test]
fn masked_texts_are_those_of_earlier_versions() {
    let table = table();
    for (name, sha256, changed) in GOLDEN {
        let (report, text, _) = run(&table, &Policy::embedded(name).unwrap());
        let (report, text) = (report.unwrap(), text.unwrap());
        let got = data_encoding::HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref());
        assert_eq!(got, report.output_sha256, "{name}: the hash of the report is that of the file");
        let sum: u64 = report.changed_cells.iter().sum();
        assert_eq!(
            (got.as_str(), sum),
            (sha256, changed),
            "{name}: {}",
            text.lines().nth(3).unwrap()
        );
    }
}

/// Policy, SHA-256 of the output, cells changed.
const GOLDEN: [(&str, &str, u64); 4] = [
    ("internal-analysis", "727cf3e8550aaf657cbffc30105bb3a7dc307772f29fe93803b274d14af5a713", 3873),
    ("inter-agency", "94659729ba3a27b3ad9aee9eb38e755ffa310c6faad861bfa597bd1a29748f03", 4935),
    ("public-release", "25887cd08cd2cf71e1c00a9be009d7d81371c90a8d4f10be40b7853a07ec3e3c", 5094),
    ("test-data", "f7ef262566f28305c986879d3b9714c00d2a07bcd886f4b77d4f97bd215f480b", 4273),
];
