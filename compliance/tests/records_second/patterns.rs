//! Columns and sentences, as patterns: `{N}` a name, `{I}` an id, `{P~}` a telephone as people write it
//! (see `values::slot`); words in lower case are traps.

pub struct Column {
    pub headers: &'static [&'static str],
    /// Whether only its name tells what it holds.
    pub by_name_only: bool,
    /// Four cells of five.
    pub usual: &'static [&'static str],
    pub odd: &'static [&'static str],
}

const fn of(
    headers: &'static [&'static str],
    usual: &'static [&'static str],
    odd: &'static [&'static str],
) -> Column {
    Column { headers, by_name_only: false, usual, odd }
}

const fn named(
    headers: &'static [&'static str],
    usual: &'static [&'static str],
    odd: &'static [&'static str],
) -> Column {
    Column { headers, by_name_only: true, usual, odd }
}

pub const COLUMNS: &[Column] = &[
    of(&["学生姓名*", "姓名（必填）", "被监护人姓名"], &["{N}"], &["{N} ", "", "{N}（小名）"]),
    of(
        &["身份证件号码*", "证件号", "公民身份号码"],
        &["{I}"],
        &["'{I}", "{I~}", "{I~}", "{wrongid}", "无"],
    ),
    of(&["第一代身份证号", "15位身份证"], &["{J}"], &["", "/"]),
    of(&["全国学籍号", "学籍号（G开头）"], &["{S}"], &["{S~}", "待分配"]),
    of(
        &["监护人1联系方式", "家长手机", "手机号码（父）"],
        &["{P}"],
        &["{P~}", "{P~}", "{P}/{P}", "'{P}"],
    ),
    of(&["家庭固定电话", "办公座机"], &["{T}"], &["", "无"]),
    of(&["资助银行卡号", "卡号"], &["{B}"], &["{B~}", "{B~}", "{wrongcard}"]),
    of(&["电子邮件", "联系邮箱"], &["{E}"], &["", "暂无"]),
    of(&["家庭详细地址", "现居住地"], &["{A}"], &["同户籍地", ""]),
    named(&["出生年月日", "出生日期*"], &["{D}"], &["", "不详"]),
    of(&["护照号码", "因私护照"], &["{R}"], &["", "无"]),
    of(&["港澳居民来往内地通行证号", "回乡证号码"], &["{H}"], &["", "—"]),
    of(&["接送车辆车牌", "车牌号码"], &["{L}"], &["", "步行"]),
    named(&["QQ号码", "家长QQ"], &["{Q}"], &["", "无"]),
    named(&["微信号", "家长微信"], &["{W}"], &["", "无"]),
    of(&["订单编号", "缴费流水号"], &["{order}"], &[""]),
    of(&["创建时间", "登记时间"], &["{time}"], &["{date}"]),
    of(&["时间戳", "更新时间戳"], &["{stamp}"], &["0"]),
    of(&["设备IMEI", "平板串号"], &["{imei}"], &["{serial}"]),
    of(&["教材ISBN", "书号"], &["{isbn}"], &[""]),
    of(&["教职工号", "工号"], &["{staff}"], &["{asset}"]),
    of(&["就读学校", "毕业学校"], &["{school}"], &["外省转入"]),
    of(&["所在班级", "班级名称"], &["{class}"], &["{course}"]),
    of(&["期末成绩", "语文成绩"], &["{score}"], &["缺考"]),
    of(&["备注", "情况说明", "家校联系记录"], REMARKS, TRAPS),
    of(&["跟进情况", "补充说明"], REMARKS, TRAPS),
];

/// Sentences that hold somebody.
const REMARKS: &[&str] = &[
    "家长{N}来校说明情况，电话{P~}",
    "已与{N}的父亲通话（{P~}），约定下周面谈",
    "{N}因发烧请假两天，由其母亲{N}接回",
    "银行卡已更换，新卡号{B~}，户名{N}",
    "身份证号更正为{I~}",
    "原身份证{J}，现已换发{I}",
    "学籍号{S~}已转出",
    "住{A}，家里座机{T}",
    "搬家至{A}，请更新通讯录",
    "地址：{A}；电话：{P~}",
    "请把材料发到{E}，或加微信{W}",
    "QQ：{Q}，邮箱：{E}",
    "加QQ{Q}或微信号{W}联系",
    "持护照{R}入学，出生日期{D}",
    "香港籍学生，回乡证{H}，监护人{N}",
    "接送车辆{L}，司机{N}，手机{P~}",
    "车牌{L}已登记",
    "{D}出生，身份证{I}",
    "联系人:{N} 电话:{P}",
    "姓名:{N}|证件:{I}|手机:{P}",
    "{N}，{P}",
    "{N}同学与{N}发生口角，班主任已处理",
    "经{N}老师核实，学生{N}家庭困难",
    "办公室电话{T}，找{N}",
    "委托{N}（身份证{I~}）代领，联系电话{P~}",
    "家住{A}，由爷爷{N}照看",
    "收款人{N} 开户账号{B}",
    "我是{N}的妈妈，我的号码是{P~}",
    "联系邮箱{E}，订单号{order}",
    "订单{order}由{N}签收，手机尾号核对无误",
    "{N}：{class}，成绩{score}",
    "录入证件{wrongid}有误，正确为{I}",
    "生日{D}，手机{P}，微信{W}",
];

/// Sentences that hold nobody.
const TRAPS: &[&str] = &[
    "",
    "无",
    "订单号{order}已支付{amount}元",
    "流水号{order}，时间{time}",
    "设备IMEI {imei}，序列号{serial}",
    "教材ISBN {isbn}",
    "于{time}在{school}参加{course}考试",
    "工号{staff}的老师已审核",
    "资产编号{asset}，购置日期{date}",
    "证件{wrongid}校验不通过，退回",
    "时间戳{stamp}同步失败",
    "{class}获得文明班级称号",
    "本学期表现良好，学习进步明显",
    "高度重视安全教育，马上落实整改",
    "家长会定于{date}召开，请准时参加",
    "订阅费用{amount}，发票号码{order}",
    "任课老师反映作业完成情况较好",
    "周末两天在家自学，方法得当",
];
