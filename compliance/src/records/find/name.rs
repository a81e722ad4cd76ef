//! Names of persons: by their column, by the words around them, by surname and given name.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::engine::{Candidate, Finder, Hint};
use super::kind::Kind;
use super::norm::{Norm, PUNCT, is_han};

/// The commonest surnames of one character (by our own knowledge; order says nothing).
const SURNAMES: &str = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏\
卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺\
赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关\
苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕\
晋苑邬臧畅宫来嵇巩苟冀骆郁全班佟岑仇敖晏盘蒲商虞褚冷肖闫卓宗明厉双楚应党娄储党麻奚狄慕阚窦杭邸桑占原冼丰植姬封";

const COMPOUND: &[&str] = &[
    "欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "司徒", "令狐", "夏侯",
    "长孙", "宇文", "轩辕", "端木", "独孤", "南宫", "东郭", "百里", "呼延", "司空", "闻人", "太史",
    "申屠", "澹台", "公冶", "宗政", "濮阳", "淳于", "单于", "钟离", "第五",
];

/// Characters usual in given names.
const GIVEN: &str = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉玲华红玉萍鹏飞波斌宇浩凯健俊帆帅\
旭宁龙林欢佳阳晨辰梓轩涵宸子雨欣怡诗琪萱思彤梦婷雪琳瑶颖慧莹洁雅君嘉豪泽天天昊然博文皓睿泓钰祺悦可一诺依诺心语桐熙\
若瑾妍馨蕊菲蕾薇倩云莲真环爱妹香月莺媛瑞凡春菊勤珍贞莉素秋珊莎锦黛青倩婉娴瑾露怡婵雁蓓纨仪荷丹蓉眉琴\
毅良海山仁贵福生元全国胜学祥才发武新利清彬富顺信成康星光达安岩中茂进有坚和彪博诚先敬震振壮会思群豪承乐绍功松善厚庆民友裕河哲江\
亮政谦亨奇固之轮翰朗伯宏言若鸣朋梁栋维启克伦翔凌东希书传向立志义兴晓小大建永世广义少冬瑜璐炜炎烨煜灿焕耀淑惠翠芝芬燕彩菁莎妙\
琦珂珑瑛璇钧铭锋鑫钦铮霖霆霏韵韬颜馥骏骁麒麟逸迪远航进超越跃路柏杨枫楠桦梅棋森楚榕沐沛泉泊洲浚淇渊渝润涧潇澄澜濠炫凤凰鸿鹤\
卓坤垚培基城堃奕孝守定宜家容寒岚峰岳峻崇川州巍帝帆幸延廷弘彦彭影征徽德忠恒恩悠惜愉意慕懿戈成扬抒拓揚敦斯方旋日昀昌昕昱晋晓晖景晴智曦朵权来柔柯桃欧正步殷毓水永汉沁沅洛涵游湘源滨漫爽玄玖珺理瑶璟甜甫畅皎益盈盛眸知礼禹秀程稷空童端竹筠笑米粒素纯纳绍绮绿罗美羽翎翼耘聪胤艺芊芷苒苗苑苓茗茜荣莘菡萌葵蓝蔓蕙薪虹蝶衡裳西誉诚诩语谊谣豆贝贤赫起辛达迅迎迦逍通邦郁采金钊铎锐锦长闻阔隽雄集霜霓非音顶颂飘首高魁鲁默";

/// Words that are no names though they begin like one.
const NOT_NAMES: &[&str] = &[
    "高一",
    "高二",
    "高三",
    "高中",
    "高级",
    "高新",
    "方案",
    "方法",
    "方式",
    "全体",
    "全部",
    "全国",
    "时间",
    "安全",
    "安排",
    "成绩",
    "成功",
    "文化",
    "文明",
    "文件",
    "文科",
    "金额",
    "金融",
    "石油",
    "白天",
    "白色",
    "马上",
    "黄色",
    "黄河",
    "江苏",
    "江西",
    "安徽",
    "云南",
    "河南",
    "常见",
    "常用",
    "关于",
    "关系",
    "关注",
    "向上",
    "应该",
    "应当",
    "应急",
    "华东",
    "华南",
    "华北",
    "华中",
    "东方",
    "任务",
    "任何",
    "任课",
    "项目",
    "明天",
    "明年",
    "双方",
    "单位",
    "单元",
    "单亲",
    "包括",
    "管理",
    "管控",
    "解决",
    "解释",
    "计划",
    "程序",
    "程度",
    "路线",
    "温度",
    "温馨",
    "余额",
    "车辆",
    "车间",
    "房间",
    "房屋",
    "房产",
    "强化",
    "强调",
    "厉害",
    "时候",
    "毕业",
    "班级",
    "班主任",
    "班长",
    "张贴",
    "张罗",
    "钱包",
    "叶子",
    "严重",
    "严格",
    "康复",
    "和谐",
    "平安",
    "平时",
    "平均",
    "平台",
    "周一",
    "周二",
    "周三",
    "周四",
    "周五",
    "周六",
    "周日",
    "周末",
    "周边",
    "何时",
    "何处",
    "何地",
    "孔子",
    "史地",
    "龙岩",
    "凤凰",
    "宁波",
    "宁夏",
    "杭州",
    "广州",
    "苏州",
    "温州",
    "郑州",
    "石家庄",
    "唐山",
    "万元",
    "万人",
    "万一",
    "万事",
    "易碎",
    "易错",
    "古代",
    "古诗",
    "池塘",
    "曲目",
    "查看",
    "查询",
    "查阅",
    "游戏",
    "游泳",
    "游客",
    "向导",
    "阳光",
    "阳台",
    "左右",
    "左侧",
    "桂林",
    "柳州",
    "梅花",
    "兰州",
    "牛奶",
    "马路",
    "祝福",
    "祝贺",
    "景区",
    "甘肃",
    "席位",
    "位置",
    "位于",
    "位列",
    "党员",
    "党委",
    "团员",
    "国家",
    "边境",
    "武汉",
    "武术",
    "贺卡",
    "常州",
    "鲁迅",
    "米饭",
    "麻烦",
    "商店",
    "商品",
    "商业",
    "商议",
    "费用",
    "盛大",
    "童年",
    "童话",
    "成长",
    "成员",
    "成立",
    "成为",
    "项链",
    "元旦",
    "满意",
    "优秀",
    "良好",
    "合格",
    "不详",
    "未知",
    "测试",
    "保密",
    "待定",
    "暂无",
    "同上",
    "已离职",
    "原因",
    "原来",
    "原定",
    "原件",
    "丰富",
    "封面",
    "封闭",
    "冷静",
    "冷空气",
    "全班",
    "全校",
    "全市",
    "来源",
    "来访",
    "来电",
    "来自",
    "强烈",
    "班会",
    "班费",
    "卫生",
    "卫星",
    "关爱",
    "关心",
    "许多",
    "许可",
    "连续",
    "施工",
    "施教",
    "纪念",
    "纪律",
    "纪委",
    "季度",
    "季节",
    "段落",
    "史料",
    "章节",
    "文综",
    "文艺",
    "文学",
    "文字",
    "林业",
    "田径",
    "田野",
    "石头",
    "金属",
    "金牌",
    "银牌",
    "水平",
    "雷雨",
    "雷电",
    "夏季",
    "夏天",
    "夏令营",
    "严肃",
    "温暖",
    "项圈",
    "汤圆",
    "贾宝",
    "路上",
    "路口",
    "路过",
    "路灯",
    "家长",
    "老师",
    "学生",
    "同学",
    "教师",
    "校长",
    "主任",
    "高度",
    "高温",
    "高兴",
    "高考",
    "常规",
    "应用",
    "应届",
    "应试",
    "时长",
    "时段",
    "时期",
    "司机",
    "司法",
    "宗教",
    "明细",
    "明确",
    "明显",
    "花费",
];

/// Words after which a name stands.
const BEFORE: &[&str] = &[
    "姓名",
    "学生姓名",
    "名字",
    "学生",
    "家长",
    "联系人",
    "监护人",
    "父亲",
    "母亲",
    "班主任",
    "老师",
    "我叫",
    "叫做",
    "名叫",
    "申请人",
    "经办人",
    "负责人",
    "收件人",
    "收货人",
    "同学",
    "爸爸",
    "妈妈",
    "爷爷",
    "奶奶",
    "外婆",
    "外公",
    "本人",
    "其父",
    "其母",
    "持卡人",
    "户名",
    "教师",
    "患者",
    "乘客",
    "班长",
    "签名",
    "签字人",
    "接送人",
    "紧急联系人",
    "哥哥",
    "姐姐",
    "弟弟",
    "妹妹",
    "父",
    "母",
    "叔叔",
    "阿姨",
    "由",
    "与",
    "和",
    "找",
    "联系",
    "通知",
    "转告",
    "考生",
    "新生",
    "学员",
    "孩子",
    "儿子",
    "女儿",
    "生",
    "员工",
    "校长",
    "主任",
    "NAME",
];

/// Words before which a name stands.
const AFTER: &[&str] = &[
    "同学",
    "老师",
    "家长",
    "先生",
    "女士",
    "妈妈",
    "爸爸",
    "的妈妈",
    "的爸爸",
    "的母亲",
    "的父亲",
    "的家长",
    "校长",
    "主任",
    "爷爷",
    "奶奶",
    "的爷爷",
    "的奶奶",
    "小朋友",
    "教授",
    "医生",
    "的电话",
    "的手机",
    "的身份证",
    "的学籍",
    "的银行卡",
    "的监护人",
    "(男",
    "(女",
    "之父",
    "之母",
    "的微信",
    "的QQ",
    "的邮箱",
    "的护照",
    "的住址",
    "的家庭",
    "因病",
    "请假",
    "转学",
    "请病假",
    "请事假",
    "缺勤",
    "迟到",
    "的班主任",
    "的号码",
    "的联系",
    "的生日",
    "生于",
    "出生于",
    "住在",
    "家住",
    "来电",
    "反映",
];

static SURNAME_SET: LazyLock<HashSet<char>> = LazyLock::new(|| SURNAMES.chars().collect());
static GIVEN_SET: LazyLock<HashSet<char>> = LazyLock::new(|| GIVEN.chars().collect());
static NOT_NAME_SET: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| NOT_NAMES.iter().copied().collect());

/// Whether the characters can be a name, and how sure: 0 no, 1 surname fits, 2 given name too.
pub(crate) fn plausible(chars: &[char]) -> u8 {
    if !(2..=4).contains(&chars.len()) {
        return 0;
    }
    let word: String = chars.iter().collect();
    let head: String = chars.iter().take(2).collect();
    let given_usual = chars.iter().skip(1).all(|c| GIVEN_SET.contains(c)) && chars.len() == 3;
    let headed = NOT_NAME_SET.contains(head.as_str()) && head != "东方" && !given_usual;
    if NOT_NAME_SET.contains(word.as_str()) || headed {
        return 0;
    }
    let given = if COMPOUND.contains(&head.as_str()) && chars.len() >= 3 {
        chars.get(2..)
    } else if chars.first().is_some_and(|c| SURNAME_SET.contains(c)) && chars.len() <= 3 {
        chars.get(1..)
    } else {
        return 0;
    };
    let given = given.unwrap_or_default();
    if !given.is_empty() && given.iter().all(|c| GIVEN_SET.contains(c)) { 2 } else { 1 }
}

/// Proposes the names of the cell.
pub(crate) fn find(finder: &mut Finder, hint: Hint) {
    let Finder { norm, candidates, .. } = finder;
    if hint.expect.has(Kind::Name) {
        name_column(norm, candidates);
        return;
    }
    if hint.negative || norm.len() < 4 {
        return;
    }
    free_text(norm, candidates);
}

/// A column of names: each part between separators is one.
fn name_column(norm: &Norm, out: &mut Vec<Candidate>) {
    let mut at = 0;
    while at < norm.len() {
        let start = at;
        while at < norm.len() && !separates(norm, at) {
            at += 1;
        }
        part(norm, start, at, out);
        at += 1;
    }
}

fn separates(norm: &Norm, at: usize) -> bool {
    matches!(norm.at(at), b',' | b';' | b'/' | b'|' | b'(' | b')' | b'\n' | b'&' | b'"' | b'\'')
        || (norm.at(at) == PUNCT && norm.char(at) != '·')
}

fn part(norm: &Norm, mut start: usize, mut end: usize, out: &mut Vec<Candidate>) {
    while start < end && norm.at(start) == b' ' {
        start += 1;
    }
    while end > start && norm.at(end - 1) == b' ' {
        end -= 1;
    }
    let chars: Vec<char> =
        (start..end).filter(|&i| is_han(norm.at(i))).map(|i| norm.char(i)).collect();
    let word: String = chars.iter().collect();
    let blanks = (start..end).filter(|&i| norm.at(i) == b' ').count();
    let dots = (start..end).filter(|&i| norm.at(i) == b'.').count();
    let digits = (start..end).any(|i| norm.at(i).is_ascii_digit());
    let letters = (start..end).filter(|&i| norm.at(i).is_ascii_alphabetic()).count();
    let score = if digits || NOT_NAME_SET.contains(word.as_str()) {
        0
    } else if chars.len() + blanks == end - start && (2..=4).contains(&chars.len()) {
        if plausible(&chars) > 0 { 90 } else { 62 }
    } else if dots > 0 && chars.len() >= 3 && chars.len() + dots + blanks == end - start {
        if end - start <= 20 { 86 } else { 0 }
    } else if chars.is_empty()
        && (3..=40).contains(&letters)
        && letters + blanks + dots + 2 >= end - start
    {
        if matches!(norm.b.get(start..end), Some(b"NULL" | b"NONE" | b"N/A" | b"TEST" | b"UNKNOWN"))
        {
            0
        } else {
            66
        }
    } else {
        0
    };
    if score > 0 {
        out.push(Candidate { kind: Kind::Name, start, end, score });
    }
    if score == 0 && chars.len() > 4 {
        free_text(norm, out);
    }
}

/// Names in running text: surname and given name beside a word that speaks of persons.
fn free_text(norm: &Norm, out: &mut Vec<Candidate>) {
    for at in 0..norm.len() {
        if !is_han(norm.at(at)) || !SURNAME_SET.contains(&norm.char(at)) && !compound_at(norm, at) {
            continue;
        }
        let before = word_before(norm, at);
        let mut best: Option<Candidate> = None;
        for len in 2..=4usize {
            if (at..at + len).any(|i| !is_han(norm.at(i))) {
                break;
            }
            let chars: Vec<char> = (at..at + len).map(|i| norm.char(i)).collect();
            let sure = plausible(&chars);
            if sure == 0 {
                continue;
            }
            let after = word_after(norm, at + len);
            let bounded = !is_han(norm.at(at + len));
            let score = match (before, after, sure) {
                (Some(strong), true, _) => {
                    if strong {
                        84
                    } else {
                        76
                    }
                }
                (None, true, 2) => 70,
                (None, true, _) => {
                    if len == 3 {
                        58
                    } else {
                        52
                    }
                }
                (Some(true), false, 2) => {
                    if bounded {
                        82
                    } else {
                        64
                    }
                }
                (Some(true), false, _) => {
                    if bounded {
                        72
                    } else {
                        40
                    }
                }
                (Some(false), false, 2) => {
                    if bounded {
                        64
                    } else {
                        54
                    }
                }
                (Some(false), false, _) => 30,
                (None, false, 2) if bounded && !is_han(norm.before(at)) && len == 3 => 52,
                _ => 0,
            };
            // 诸葛某 is not some 葛 after a stray 诸.
            let score = score + if score > 0 && compound_at(norm, at) && len > 2 { 10 } else { 0 };
            let better = best.is_none_or(|b| score > b.score || (score == b.score && !after));
            if score > 0 && better {
                best = Some(Candidate { kind: Kind::Name, start: at, end: at + len, score });
            }
        }
        out.extend(best);
    }
}

fn compound_at(norm: &Norm, at: usize) -> bool {
    let (a, b) = (norm.char(at), norm.char(at + 1));
    COMPOUND.iter().any(|c| c.chars().eq([a, b]))
}

/// Whether a word for persons stands right before: `Some(true)` when marked off by a colon or
/// blank, or when it is a plain title.
fn word_before(norm: &Norm, at: usize) -> Option<bool> {
    let mut end = at;
    let mut marked = false;
    while end > 0
        && at - end < 3
        && (matches!(norm.before(end), b' ' | b':' | b'=' | b'(' | b'"')
            || matches!(norm.char(end - 1), '“' | '「' | '【' | '为' | '是'))
    {
        marked = true;
        end -= 1;
    }
    let matched = BEFORE
        .iter()
        .filter(|word| ends_with(norm, end, word))
        .map(|word| word.chars().count())
        .max()?;
    Some(matched >= 2 || marked)
}

fn ends_with(norm: &Norm, end: usize, word: &str) -> bool {
    let mut at = end;
    for c in word.chars().rev() {
        if at == 0 || norm.char(at - 1) != c {
            return false;
        }
        at -= 1;
    }
    true
}

fn word_after(norm: &Norm, at: usize) -> bool {
    AFTER.iter().any(|word| {
        word.chars().enumerate().all(|(i, c)| match norm.at(at + i) {
            class if class < 0x80 => char::from(class) == c,
            _ => norm.char(at + i) == c,
        })
    })
}
