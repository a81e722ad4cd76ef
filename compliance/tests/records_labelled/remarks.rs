//! Free text: sentences that hold several kinds at once, and some that hold none.

use super::Cell;
use super::decoys;
use super::messy;
use super::numbers as n;
use super::people::{self, Person};
use super::places;
use super::rng::Rng;

/// A remark: one to four clauses.
pub fn remark(r: &mut Rng, person: &Person) -> Cell {
    if r.chance(18) {
        return Cell::default().plain(decoys::innocent(r));
    }
    let clauses = r.between(1, 4);
    let mut cell = Cell::default();
    for i in 0..clauses {
        if i > 0 {
            cell = cell.plain(r.any(&["，", "；", "。", ",", " ", "，", "；", "\n"]));
        }
        cell = cell.then(clause(r, person));
    }
    if r.chance(30) {
        cell.plain(r.any(&["。", "！", "，已核对", "；请知悉"]))
    } else {
        cell
    }
}

fn clause(r: &mut Rng, p: &Person) -> Cell {
    match r.below(24) {
        0..=2 => contact(r),
        3..=5 => named(r),
        6 => phone(r),
        7 | 8 => identity(r, p),
        9 => born(r, p),
        10 | 11 => home(r),
        12 => money(r),
        13 => online(r),
        14 => mail(r),
        15 => document(r),
        16 => car(r),
        17 => line(r),
        18 => Cell::default().plain(decoys::innocent(r)),
        19 => mixed(r),
        _ => {
            let decoy = decoys::ALL[r.below(decoys::ALL.len())];
            Cell::default().plain(&decoy.sentence(r))
        }
    }
}

fn mobile(r: &mut Rng) -> String {
    let plain = n::mobile(r);
    messy::mobile(r, &plain)
}

/// A name beside a telephone.
fn contact(r: &mut Rng) -> Cell {
    let (name, phone) = (people::text_name(r), mobile(r));
    let c = Cell::default();
    match r.below(9) {
        0 => c.plain("联系人：").value("NAME", &name).plain("，电话：").value("CN_PHONE", &phone),
        1 => c.plain("家长").value("NAME", &name).plain(" ").value("CN_PHONE", &phone),
        2 => c.value("NAME", &name).plain("：").value("CN_PHONE", &phone),
        3 => c.value("NAME", &name).plain(" ").value("CN_PHONE", &phone),
        4 => {
            c.plain("监护人").value("NAME", &name).plain("（").value("CN_PHONE", &phone).plain("）")
        }
        5 => c.plain("紧急联系人 ").value("NAME", &name).plain("/").value("CN_PHONE", &phone),
        6 => c
            .plain(r.word(&["父亲", "母亲", "爷爷", "奶奶", "外婆", "姑姑"]))
            .value("NAME", &name)
            .plain("手机")
            .value("CN_PHONE", &phone),
        7 => c.plain("收件人:").value("NAME", &name).plain(",").value("CN_PHONE", &phone),
        _ => c.plain("请拨打").value("CN_PHONE", &phone).plain("找").value("NAME", &name),
    }
}

/// A name in a sentence.
fn named(r: &mut Rng) -> Cell {
    let name = people::text_name(r);
    let c = Cell::default();
    match r.below(16) {
        0 => c.plain("姓名：").value("NAME", &name),
        1 => c.value("NAME", &name).plain("同学").plain(r.word(&[
            "请假一天",
            "获三好学生",
            "本周缺勤",
            "表现积极",
        ])),
        2 => c.plain("班主任").value("NAME", &name).plain(r.word(&[
            "已家访",
            "已签字",
            "确认",
            "反馈",
        ])),
        3 => c.value("NAME", &name).plain(r.word(&[
            "因病请假",
            "转学到外地",
            "迟到两次",
            "发烧在家",
        ])),
        4 => c.plain("学生").value("NAME", &name).plain(r.word(&[
            "申请助学金",
            "已报到",
            "办理休学",
            "参加竞赛",
        ])),
        5 => c.plain("由").value("NAME", &name).plain(r.word(&[
            "老师代课",
            "代领",
            "家长接送",
            "负责跟进",
        ])),
        6 => {
            let other = people::name(r);
            c.value("NAME", &name)
                .plain(r.any(&["和", "与", "、"]))
                .value("NAME", &other)
                .plain(r.word(&["发生争执", "一同参赛", "同桌", "打架"]))
        }
        7 => c.plain("与").value("NAME", &name).plain("母亲沟通"),
        8 => c.value("NAME", &name).plain("的").plain(r.word(&[
            "妈妈来校",
            "家长已签字",
            "作业未交",
            "父亲来电",
        ])),
        9 => c.plain("我叫").value("NAME", &name),
        10 => c.plain("经办人").value("NAME", &name),
        11 => c.value("NAME", &name).plain("老师").plain(r.word(&["带队", "审核", "值班", "签字"])),
        12 => c.plain("户名：").value("NAME", &name),
        13 => c.plain("转告").value("NAME", &name).plain(r.word(&[
            "家长",
            "明天补考",
            "尽快返校",
            "来办公室",
        ])),
        14 => c.plain("接送人").value("NAME", &name),
        _ => c.plain("（").value("NAME", &name).plain("）"),
    }
}

fn phone(r: &mut Rng) -> Cell {
    let phone = mobile(r);
    let before = r.word(&[
        "电话",
        "手机号：",
        "联系电话 ",
        "tel:",
        "请致电",
        "电话改为",
        "新号码",
        "手机",
        "Mobile ",
        "打",
    ]);
    Cell::default().plain(before).value("CN_PHONE", &phone)
}

fn identity(r: &mut Rng, p: &Person) -> Cell {
    let c = Cell::default();
    let id = if r.chance(50) { p.id.clone() } else { n::adult_id(r) };
    match r.below(6) {
        0 | 1 => c
            .plain(r.word(&[
                "身份证号",
                "身份证：",
                "证件号码 ",
                "ID:",
                "身份证",
                "公民身份号码：",
            ]))
            .value("CN_ID", &messy::id(r, &id)),
        2 => c
            .value("NAME", &people::text_name(r))
            .plain(r.any(&["，身份证", "（身份证号：", " "]))
            .value("CN_ID", &messy::id(r, &id)),
        3 => {
            let own = n::student_no(r, &id);
            c.plain(r.word(&["学籍号", "学籍号：", "全国学籍号 ", "学籍："]))
                .value("STUDENT_NO", &messy::id(r, &own))
        }
        4 => {
            let own = n::id15(r);
            c.plain(r.word(&["老身份证", "旧身份证号：", "身份证号", "原证件号 "]))
                .value("CN_ID15", &own)
        }
        _ => {
            let own = n::student_no(r, &id);
            c.value("STUDENT_NO", &own).plain("已注册")
        }
    }
}

fn born(r: &mut Rng, p: &Person) -> Cell {
    let c = Cell::default();
    let text = if r.chance(12) { n::birth_numerals(p.birth) } else { n::birth_text(r, p.birth) };
    match r.below(5) {
        0 => c
            .plain(r.word(&["出生日期", "出生日期：", "生日", "生日："]))
            .value("BIRTH_DATE", &text),
        1 => c.plain(r.word(&["出生于", "生于", "DOB: ", "born "])).value("BIRTH_DATE", &text),
        2 => c.value("BIRTH_DATE", &text).plain("出生"),
        3 => c.value("NAME", &people::name(r)).plain("，").value("BIRTH_DATE", &text).plain("生"),
        _ => c
            .plain("孩子")
            .value("BIRTH_DATE", &text)
            .plain("出生，")
            .plain(&format!("{}年9月入学", r.between(2019, 2024))),
    }
}

fn home(r: &mut Rng) -> Cell {
    let c = Cell::default();
    let place = places::address(r);
    match r.below(6) {
        0 => c
            .plain(r.word(&["家住", "住在", "现住", "家庭住址：", "住址 ", "地址："]))
            .value("ADDRESS", &place),
        1 => c.plain(r.word(&["搬到", "迁至", "寄到", "邮寄地址："])).value("ADDRESS", &place),
        2 => c.value("NAME", &people::name(r)).plain("住").value("ADDRESS", &place),
        3 => c.value("ADDRESS", &place),
        4 => c
            .plain("寄")
            .value("ADDRESS", &place)
            .plain("，")
            .value("NAME", &people::name(r))
            .plain("收"),
        _ => c.plain("户籍地址").value("ADDRESS", &place),
    }
}

fn money(r: &mut Rng) -> Cell {
    let plain = n::bank_card(r);
    let card = messy::card(r, &plain);
    let c = Cell::default();
    match r.below(4) {
        0 => c.plain(r.word(&["银行卡号", "卡号：", "工行卡", "打款至"])).value("BANK_CARD", &card),
        1 => c
            .plain("退款至银行卡")
            .value("BANK_CARD", &card)
            .plain("，户名")
            .value("NAME", &people::name(r)),
        2 => c
            .plain(r.word(&["农行", "建设银行", "账号", "开户行建行，账号："]))
            .value("BANK_CARD", &card),
        _ => c.value("BANK_CARD", &card).plain("（").value("NAME", &people::name(r)).plain("）"),
    }
}

fn online(r: &mut Rng) -> Cell {
    let c = Cell::default();
    if r.chance(50) {
        c.plain(r.word(&["QQ", "QQ：", "QQ号", "qq ", "扣扣", "QQ号码：", "加Q", "Q:"]))
            .value("QQ", &n::qq(r))
    } else {
        c.plain(r.word(&["微信", "微信号：", "微信号", "wx:", "加微信", "WeChat: ", "vx ", "V信"]))
            .value("WECHAT", &n::wechat(r))
    }
}

fn mail(r: &mut Rng) -> Cell {
    let plain = n::email(r);
    let text = if r.chance(8) { messy::wide(&plain) } else { plain };
    Cell::default()
        .plain(r.word(&["邮箱", "邮箱：", "Email: ", "发至", "电子邮件", ""]))
        .value("EMAIL", &text)
}

fn document(r: &mut Rng) -> Cell {
    let c = Cell::default();
    if r.chance(50) {
        let plain = n::passport(r);
        c.plain(r.word(&["护照号", "护照：", "护照号码 ", "passport "]))
            .value("PASSPORT", &messy::code(r, &plain))
    } else {
        let plain = n::hkmo(r);
        c.plain(r.word(&["通行证", "回乡证：", "港澳通行证号", "来往内地通行证 "]))
            .value("HKMO", &messy::code(r, &plain))
    }
}

fn car(r: &mut Rng) -> Cell {
    let plain = n::plate(r);
    Cell::default()
        .plain(r.word(&["车牌", "车牌号：", "接送车辆", "家长车", "校车", "驾驶"]))
        .value("PLATE", &plain)
}

fn line(r: &mut Rng) -> Cell {
    Cell::default()
        .plain(r.word(&["座机", "固定电话：", "单位电话", "办公电话 ", "家里电话", "电话"]))
        .value("LANDLINE", &n::landline(r))
}

/// Several kinds without a word between.
fn mixed(r: &mut Rng) -> Cell {
    let (name, phone) = (people::name(r), n::mobile(r));
    let sep = r.any(&[" ", "，", "/", "|", "、"]);
    Cell::default()
        .value("NAME", &name)
        .plain(sep)
        .value("CN_PHONE", &phone)
        .plain(sep)
        .value("CN_ID", &n::adult_id(r))
}
