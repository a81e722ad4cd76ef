//! The words around a number that say what it is.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::kind::Kind;
use super::norm::{HAN, Norm, OTHER, PUNCT, TEN};

/// What the nearest word says of the value after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// A value of this type follows.
    Expect(Kind),
    /// A telephone of either sort.
    AnyPhone,
    /// An identity document of any sort.
    AnyId,
    /// A number that is nobody's: an order, a serial, a time.
    Negative,
}

const WORDS: &[(Context, &[&str])] = &[
    (
        Context::AnyPhone,
        &["电话", "联系方式", "联系人", "联系", "致电", "拨打", "TEL", "PHONE", "CALL", "CONTACT"],
    ),
    (
        Context::Expect(Kind::CnPhone),
        &["手机", "移动电话", "手机号", "手机号码", "MOBILE", "MOB", "CELL", "SJH", "短信", "号码"],
    ),
    (
        Context::Expect(Kind::Landline),
        &[
            "座机",
            "固定电话",
            "固话",
            "座机号码",
            "固话号码",
            "宅电",
            "办公电话",
            "家庭电话",
            "传真",
            "LANDLINE",
            "FAX",
        ],
    ),
    (
        Context::AnyId,
        &[
            "身份证",
            "身份证号",
            "身份证号码",
            "身份号码",
            "证件号码",
            "证件号",
            "证件",
            "公民身份号码",
            "SFZ",
            "ID CARD",
            "IDCARD",
            "户口",
        ],
    ),
    (Context::Expect(Kind::StudentNo), &["学籍号", "学籍", "学籍号码", "XJH"]),
    (
        Context::Expect(Kind::BankCard),
        &[
            "银行卡",
            "银行卡号码",
            "卡号码",
            "卡号",
            "账号",
            "帐号",
            "账户",
            "开户",
            "银行",
            "工行",
            "农行",
            "建行",
            "中行",
            "打卡",
            "BANK",
            "CARD",
        ],
    ),
    (Context::Expect(Kind::Email), &["邮箱", "邮件", "EMAIL", "E-MAIL", "MAIL"]),
    (
        Context::Expect(Kind::Qq),
        &["QQ", "Q号", "Q", "加Q", "扣扣", "扣号", "企鹅号", "企鹅", "QQ群", "QQ号码"],
    ),
    (
        Context::Expect(Kind::Wechat),
        &["微信", "微信号", "WECHAT", "WEIXIN", "VX", "WX", "V信", "薇信", "威信", "加微", "加V"],
    ),
    (
        Context::Expect(Kind::BirthDate),
        &[
            "出生",
            "出生日期",
            "出生年月",
            "生于",
            "生日",
            "诞生",
            "BORN",
            "BIRTH",
            "DOB",
            "BIRTHDAY",
            "CSRQ",
        ],
    ),
    (Context::Expect(Kind::Passport), &["护照", "护照号", "护照号码", "PASSPORT"]),
    (
        Context::Expect(Kind::Hkmo),
        &["通行证", "通行证号码", "回乡证", "港澳通行证", "来往内地", "HKMO"],
    ),
    (Context::Expect(Kind::Plate), &["车牌", "车牌号", "车牌号码", "牌照", "车号", "PLATE"]),
    (Context::Expect(Kind::Uscc), &["信用代码", "统一社会", "税号", "USCC"]),
    (
        Context::Expect(Kind::SchoolCode),
        &["学校代码", "学校标识码", "标识码", "学校编码", "校代码", "XXDM", "XXBSM", "SCHOOL CODE"],
    ),
    (Context::Expect(Kind::Ip), &["IP", "IP地址"]),
    (Context::Expect(Kind::Mac), &["MAC", "物理地址"]),
    (
        Context::Negative,
        &[
            "订单",
            "订单号",
            "订单号码",
            "发票号码",
            "快递号码",
            "票据",
            "档案",
            "串号",
            "坐标",
            "流水号码",
            "取餐号",
            "取号",
            "排队号",
            "学生证号",
            "门牌",
            "机器码",
            "校验码",
            "单号",
            "流水",
            "流水号",
            "编号",
            "工号",
            "序列号",
            "序号",
            "IMEI",
            "ISBN",
            "时间戳",
            "设备号",
            "快递",
            "运单",
            "批次",
            "发票",
            "合同",
            "版本",
            "准考证",
            "条码",
            "ORDER",
            "SERIAL",
            "S/N",
            "NO.",
            "TIMESTAMP",
            "资产",
            "工单",
            "票号",
            "回执",
            "交易号",
            "凭证",
            "货号",
            "商品",
            "物流",
            "货单",
            "型号",
            "固件",
            "日志",
            "TRACE",
            "取件码",
            "验证码",
            "邮编",
            "价格",
            "金额",
            "VERSION",
            "职工号",
            "教工号",
            "书号",
            "统一书号",
            "INVOICE",
            "TRACKING",
            "BUILD",
            "REV",
            "学号",
            "考号",
            "会议号",
            "房间号",
            "BATCH",
            "UUID",
            "SN",
            "EMPLOYEE",
            "STAFF",
            "BARCODE",
            "SKU",
            "标签号",
            "图书",
        ],
    ),
];

/// Characters looked at before a value.
const WINDOW_CHARS: usize = 16;

struct Words {
    automaton: AhoCorasick,
    meaning: Vec<Context>,
}

static WORDS_AUTOMATON: LazyLock<Option<Words>> = LazyLock::new(|| {
    let mut patterns = Vec::new();
    let mut meaning = Vec::new();
    for (context, words) in WORDS {
        for word in *words {
            patterns.push(*word);
            meaning.push(*context);
        }
    }
    let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns);
    automaton.ok().map(|automaton| Words { automaton, meaning })
});

/// The nearest word before `start`, within one clause and not beyond another number.
pub(crate) fn before(norm: &Norm, start: usize, text: &mut String) -> Option<Context> {
    if start == 0 {
        return None;
    }
    text.clear();
    let mut from = start;
    let mut digits = 0;
    while from > 0 && start - from < WINDOW_CHARS {
        let class = norm.at(from - 1);
        if class.is_ascii_digit() {
            digits += 1;
            if digits >= 4 {
                break;
            }
        } else {
            digits = 0;
        }
        if matches!(class, b',' | b';' | b'|' | b'\n') {
            break;
        }
        if class == PUNCT && !matches!(norm.char(from - 1), '“' | '「' | '【' | '〔') {
            break;
        }
        from -= 1;
    }
    if from == start {
        return None;
    }
    push_plain(norm, from, start, text);
    let words = WORDS_AUTOMATON.as_ref()?;
    let bytes = text.as_bytes();
    let mut last = None;
    for found in words.automaton.find_iter(text.as_str()) {
        // Latin words stand alone: no CARD in DISCARD.
        let latin = bytes.get(found.start()).is_some_and(u8::is_ascii_alphabetic);
        let joined = found.start() > 0
            && bytes.get(found.start() - 1).is_some_and(u8::is_ascii_alphanumeric);
        if latin && joined {
            continue;
        }
        last = words.meaning.get(found.pattern().as_usize()).copied();
    }
    last
}

/// What the words before a number add to the score of a type.
pub(crate) fn weight(context: Option<Context>, kind: Kind) -> i32 {
    match context {
        None => 0,
        Some(Context::Expect(k)) if k == kind => 30,
        Some(Context::AnyPhone) => match kind {
            Kind::CnPhone | Kind::Landline => 25,
            _ => 0,
        },
        Some(Context::AnyId) => match kind {
            Kind::CnId | Kind::CnId15 | Kind::Passport | Kind::Hkmo => 25,
            // One wrong id in ten of those that begin with 62 passes a card's check.
            Kind::BankCard => -45,
            _ => -5,
        },
        Some(Context::Expect(Kind::CnPhone)) if kind == Kind::Landline => 10,
        Some(Context::Expect(Kind::Landline)) if kind == Kind::CnPhone => 10,
        Some(Context::Expect(_)) => -5,
        Some(Context::Negative) => match kind {
            Kind::CnId | Kind::StudentNo => -20,
            _ => -45,
        },
    }
}

/// Appends the characters of a range in plain form, ASCII upper-cased.
pub(crate) fn push_plain(norm: &Norm, from: usize, to: usize, text: &mut String) {
    for i in from..to {
        match norm.at(i) {
            HAN | PUNCT | OTHER => text.push(norm.char(i)),
            class if class < 0x80 => text.push(char::from(class)),
            class if class <= TEN => text.push(norm.char(i)),
            _ => {}
        }
    }
}
