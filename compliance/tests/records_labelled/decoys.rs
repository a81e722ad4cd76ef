//! What looks personal and is nobody's.

use super::numbers::{mobile, with_luhn, wrong_id};
use super::rng::Rng;

/// A decoy column: its header, and a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoy {
    Order,
    Flow,
    Imei,
    Isbn,
    Stamp,
    Moment,
    Serial,
    Staff,
    Tracking,
    Invoice,
    Version,
    Coordinate,
    WrongId,
    Enrolled,
    Exam,
    Product,
    Course,
    School,
    Class,
    Amount,
    Campus,
}

pub const ALL: &[Decoy] = &[
    Decoy::Order,
    Decoy::Flow,
    Decoy::Imei,
    Decoy::Isbn,
    Decoy::Stamp,
    Decoy::Moment,
    Decoy::Serial,
    Decoy::Staff,
    Decoy::Tracking,
    Decoy::Invoice,
    Decoy::Version,
    Decoy::Coordinate,
    Decoy::WrongId,
    Decoy::Enrolled,
    Decoy::Exam,
    Decoy::Product,
    Decoy::Course,
    Decoy::School,
    Decoy::Class,
    Decoy::Amount,
    Decoy::Campus,
];

const PRODUCTS: &[&str] = &[
    "高清投影仪",
    "金龙鱼调和油",
    "白板笔",
    "华为平板",
    "方正电脑",
    "康师傅红烧牛肉面",
    "马克杯",
    "安踏运动鞋",
    "双汇火腿肠",
    "得力文件夹",
    "黄冈密卷",
    "王后雄学案",
    "高尔夫球",
    "温度计",
    "钱包",
    "石英表",
    "万用表",
    "龙井茶叶",
    "米尺",
    "花露水",
    "向日葵种子",
    "江米条",
];
const COURSES: &[&str] = &[
    "高等数学",
    "语文",
    "信息技术",
    "方程与函数",
    "古代汉语",
    "程序设计基础",
    "音乐鉴赏",
    "体育与健康",
    "通用技术",
    "历史与社会",
    "文学常识",
    "金融学",
    "马克思主义原理",
    "司法考试辅导",
    "游泳",
    "武术",
    "计算机应用",
    "时事政治",
    "段落写作",
    "田径训练",
];
const SCHOOLS: &[&str] = &[
    "杭州市文三街小学",
    "黄冈中学",
    "高新区实验小学",
    "马家沟中心小学",
    "李庄镇中学",
    "江苏省苏州中学",
    "方圆幼儿园",
    "华东师范大学附属中学",
    "石家庄市第二中学",
    "汤山中学",
    "宋庄小学",
    "范县一中",
    "赵县中学",
    "长沙市雅礼中学",
    "万山镇中心小学",
    "白云区第一小学",
];

impl Decoy {
    /// What such columns are called: zh, pinyin, en.
    pub fn headers(self) -> [&'static str; 3] {
        match self {
            Self::Order => ["订单号", "ddh", "order_no"],
            Self::Flow => ["流水号", "lsh", "txn_id"],
            Self::Imei => ["设备IMEI", "sbh", "imei"],
            Self::Isbn => ["教材ISBN", "isbn", "isbn"],
            Self::Stamp => ["时间戳", "sjc", "timestamp"],
            Self::Moment => ["更新时间", "gxsj", "updated_at"],
            Self::Serial => ["序列号", "xlh", "serial_no"],
            Self::Staff => ["教职工号", "jzgh", "staff_code"],
            Self::Tracking => ["快递单号", "kddh", "tracking_no"],
            Self::Invoice => ["发票号码", "fphm", "invoice_no"],
            Self::Version => ["固件版本", "gjbb", "firmware"],
            Self::Coordinate => ["坐标", "zb", "coordinate"],
            Self::WrongId => ["合同编号", "htbh", "contract_no"],
            Self::Enrolled => ["入学日期", "rxrq", "enrol_date"],
            Self::Exam => ["考试日期", "ksrq", "exam_date"],
            Self::Product => ["商品名称", "spmc", "product_name"],
            Self::Course => ["课程名称", "kcmc", "course"],
            Self::School => ["学校名称", "xxmc", "school_name"],
            Self::Class => ["班级", "bj", "class_name"],
            Self::Amount => ["缴费金额", "je", "amount"],
            Self::Campus => ["资产编号", "zcbh", "asset_no"],
        }
    }

    pub fn value(self, r: &mut Rng) -> String {
        let (y, m, d) = (r.between(2019, 2026), r.between(1, 12), r.between(1, 28));
        match self {
            Self::Order => match r.below(4) {
                0 => format!("{y}{m:02}{d:02}{}", r.digits(10)),
                1 => format!("DD{y}{m:02}{d:02}{}", r.digits(6)),
                2 => r.digits(18),
                _ => format!("1{}", r.digits(10)),
            },
            Self::Flow => match r.below(3) {
                0 => mobile(r),
                1 => format!("4200{}", r.digits(24)),
                _ => r.digits(16),
            },
            Self::Imei => with_luhn(&format!("{}{}", r.any(&["86", "35"]), r.digits(12))),
            Self::Isbn => match r.below(2) {
                0 => format!("978-7-{}-{}-{}", r.digits(3), r.digits(5), r.digits(1)),
                _ => format!("9787{}", r.digits(9)),
            },
            Self::Stamp => match r.below(2) {
                0 => format!("1{}", r.between(600_000_000, 799_999_999)),
                _ => format!("1{}{}", r.between(600_000_000, 799_999_999), r.digits(3)),
            },
            Self::Moment => format!(
                "{y}-{m:02}-{d:02} {:02}:{:02}:{:02}",
                r.below(24),
                r.below(60),
                r.below(60)
            ),
            Self::Serial => match r.below(3) {
                0 => format!("SN{}", r.digits(11)),
                1 => format!("{}{}", r.letters(3).to_uppercase(), r.digits(9)),
                _ => r.digits(15),
            },
            Self::Staff => match r.below(3) {
                0 => format!("T{}", r.digits(8)),
                1 => format!("{y}{}", r.digits(6)),
                _ => format!("JG{}", r.digits(6)),
            },
            Self::Tracking => match r.below(3) {
                0 => format!("SF{}", r.digits(13)),
                1 => format!("YT{}", r.digits(13)),
                _ => format!("75{}", r.digits(12)),
            },
            Self::Invoice => {
                if r.chance(50) {
                    r.digits(20)
                } else {
                    r.digits(8)
                }
            }
            Self::Version => {
                format!("V{}.{}.{}.{}", r.below(9), r.below(20), r.below(99), r.below(999))
            }
            Self::Coordinate => format!(
                "{}.{},{}.{}",
                r.between(73, 135),
                r.digits(6),
                r.between(18, 53),
                r.digits(6)
            ),
            Self::WrongId => wrong_id(r),
            Self::Enrolled | Self::Exam => match r.below(3) {
                0 => format!("{y}{m:02}{d:02}"),
                1 => format!("{y}年{m}月{d}日"),
                _ => format!("{y}-{m:02}-{d:02}"),
            },
            Self::Product => r.word(PRODUCTS).to_owned(),
            Self::Course => r.word(COURSES).to_owned(),
            Self::School => r.word(SCHOOLS).to_owned(),
            Self::Class => format!(
                "{}（{}）班",
                r.any(&["高一", "高三", "初二", "六年级", "七"]),
                r.between(1, 20)
            ),
            Self::Amount => format!("{}.{:02}", r.between(10, 99_999), r.below(100)),
            Self::Campus => format!("ZC-{y}-{}", r.digits(6)),
        }
    }

    /// The decoy inside a sentence.
    pub fn sentence(self, r: &mut Rng) -> String {
        let value = self.value(r);
        match self {
            Self::Order => format!(
                "{}{value}{}",
                r.word(&["订单号", "订单编号：", "单号 ", "对应订单"]),
                r.word(&["已发货", "待付款", "已退款", "已取消"])
            ),
            Self::Flow => {
                format!("{}{value}", r.word(&["交易流水号：", "流水号", "支付流水 ", "凭证号："]))
            }
            Self::Imei => {
                format!("{}{value}", r.word(&["平板IMEI：", "设备IMEI ", "串号IMEI为", "IMEI:"]))
            }
            Self::Isbn => {
                format!("{}{value}", r.word(&["教材书号ISBN ", "ISBN：", "图书ISBN", "书号："]))
            }
            Self::Stamp => {
                format!("{}{value}", r.word(&["日志时间戳", "时间戳：", "timestamp=", "ts:"]))
            }
            Self::Moment => {
                format!("{}{value}", r.word(&["登记于", "更新时间：", "最后登录 ", "提交时间 "]))
            }
            Self::Serial => {
                format!("{}{value}", r.word(&["设备序列号", "序列号：", "S/N:", "SN "]))
            }
            Self::Staff => {
                format!("{}{value}", r.word(&["经办工号", "工号：", "教工号", "员工编号"]))
            }
            Self::Tracking => format!(
                "{}{value}{}",
                r.word(&["快递单号", "运单号：", "物流单号 ", "快递 "]),
                r.word(&["已签收", "派送中"])
            ),
            Self::Invoice => {
                format!("{}{value}", r.word(&["发票号码：", "发票号", "票据号 ", "票号："]))
            }
            Self::Version => {
                format!("{}{value}", r.word(&["客户端升级到", "版本号", "固件", "APP版本："]))
            }
            Self::Coordinate => {
                format!("{}{value}", r.word(&["定位坐标", "坐标：", "GPS ", "经纬度"]))
            }
            Self::WrongId => {
                format!("{}{value}", r.word(&["合同编号", "批次号：", "编号 ", "档案盒编号"]))
            }
            Self::Enrolled => {
                format!("{value}{}", r.word(&["入学", "转入本校", "报到", "办理注册"]))
            }
            Self::Exam => format!("{}{value}", r.word(&["考试时间", "活动日期：", "定于", "截止"])),
            Self::Product => format!(
                "{}{value}{}件",
                r.word(&["采购", "领用", "发放", "登记"]),
                r.between(1, 50)
            ),
            Self::Course => format!("{}{value}", r.word(&["选修", "补考科目：", "参加", "课程"])),
            Self::School => format!("{}{value}", r.word(&["由", "原就读", "转往", "毕业于"])),
            Self::Class => {
                format!("{value}{}", r.word(&["全体同学参加", "本周值日", "集体请假", "春游"]))
            }
            Self::Amount => format!("{}{value}元", r.word(&["缴费", "退费", "资助金额", "学费"])),
            Self::Campus => {
                format!("{}{value}", r.word(&["资产编号", "设备资产", "固定资产 ", "资产标签："]))
            }
        }
    }
}

/// A sentence with nobody in it, many of whose words begin like surnames.
pub fn innocent(r: &mut Rng) -> &'static str {
    r.word(&[
        "表现良好，按时完成作业",
        "高考报名已完成",
        "周末安排社会实践",
        "任务完成，方法得当",
        "时间安排合理",
        "全班同学参加运动会",
        "家长会定于下周举行",
        "马路对面施工，注意安全",
        "文明班级评比第一",
        "常规检查合格",
        "石头剪刀布游戏受欢迎",
        "温馨提示：注意防寒保暖",
        "项目申报材料齐全",
        "成绩优秀，团结同学",
        "班主任反馈情绪稳定",
        "金工实习安排在周三",
        "需要老师多关注",
        "水平测试已通过",
        "白天在校，夜间回家",
        "管理规定已学习",
        "单亲家庭，请多关心",
        "方案已报学校审批",
        "无",
        "正常",
        "高中阶段学习习惯良好",
        "康复训练进行中",
        "谢谢老师",
        "应届毕业生",
        "和同学关系融洽",
        "向老师请教问题积极",
        "黄梅天气，宿舍防潮",
        "江边禁止游泳",
        "牛奶过敏",
        "华罗庚杯竞赛二等奖",
        "鲁班奖模型参展",
        "雷锋月志愿服务",
        "柳体书法一等奖",
        "孔子学院夏令营",
        "安全教育平台已完成",
        "关于开学通知已阅",
    ])
}
