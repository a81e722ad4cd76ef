//! Persons: names of many forms, and one person's facts that agree with each other.

use super::numbers;
use super::rng::Rng;

/// One made-up person of a row.
pub struct Person {
    pub name: String,
    pub birth: (u16, u8, u8),
    pub id: String,
}

impl Person {
    pub fn new(r: &mut Rng) -> Self {
        let birth = (r.between(2006, 2018) as u16, r.between(1, 12) as u8, r.between(1, 28) as u8);
        Self { name: name(r), birth, id: numbers::id18(r, birth) }
    }
}

// Even places are seen, odd ones held out.
const SURNAMES: &[&str] = &[
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭",
    "何", "林", "高", "罗", "郑", "梁", "谢", "宋", "唐", "许", "韩", "邓", "冯", "曹", "彭", "曾",
    "肖", "田", "董", "潘", "袁", "蔡", "蒋", "余", "于", "杜", "叶", "程", "魏", "苏", "吕", "丁",
    "任", "卢", "姚", "沈", "钟", "姜", "崔", "谭", "陆", "范", "汪", "廖", "石", "金", "韦", "贾",
    "夏", "付", "方", "邹", "熊", "白", "孟", "秦", "邱", "侯", "江", "尹", "薛", "闫", "段", "雷",
    "龙", "黎", "史", "陶", "贺", "毛", "郝", "顾", "龚", "邵",
];
const RARE: &[&str] = &[
    "佘", "仝", "缪", "逄", "亓", "荆", "褚", "隗", "戎", "祁", "苟", "昝", "晁", "銮", "阙", "芮",
    "蔺", "鄢", "麦", "敬", "赖", "粟", "糜", "庹", "妥", "冶", "宓", "水", "衣", "鹿", "干", "母",
    "战", "揭", "占", "农", "门", "荣",
];
const COMPOUND: &[&str] = &[
    "欧阳", "上官", "司马", "诸葛", "皇甫", "尉迟", "慕容", "司徒", "令狐", "夏侯", "长孙", "宇文",
    "轩辕", "端木", "南宫", "呼延",
];
const GIVEN_TWO: &[&str] = &[
    "子轩", "梓涵", "浩宇", "欣怡", "雨桐", "一诺", "梓萱", "宇轩", "佳怡", "诗涵", "俊杰", "思远",
    "嘉琪", "梦瑶", "天佑", "晨曦", "建国", "志强", "秀兰", "桂英", "淑芬", "国庆", "海燕", "晓明",
    "丽华", "文博", "春梅", "永康", "雅琴", "振华", "若溪", "沐宸", "奕辰", "语桐", "锦程", "可欣",
    "艺凡", "铭轩", "知夏", "云帆", "景行", "望舒", "凌霄", "舒窈", "鹤鸣", "予安", "南乔", "疏影",
    "清越", "昭阳", "怀瑾", "握瑜", "令仪", "维桢", "士诚", "德厚", "开来", "继业", "金凤", "来娣",
    "招弟", "水生", "火旺", "土根", "小满", "立秋", "冬至", "腊梅", "又又", "多多", "圆圆", "乐乐",
    "甜甜", "果果", "壮壮", "安琪", "娜仁", "其其", "旭日", "阳阳", "启航", "逐浪", "鸿儒", "博涵",
    "彦霖", "泽楷", "煜城", "炫妤", "婧琪", "妙可", "芷若", "韵寒", "莫言", "绍钧", "树人", "秋白",
    "适之", "寅恪",
];
const GIVEN_ONE: &[&str] = &[
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "超",
    "霞", "平", "刚", "玲", "昊", "睿", "妍", "彤", "萌", "淼", "喆", "甯", "翀", "赟", "骞", "堃",
    "筱", "熠", "祎", "婕", "昱", "晗", "煊", "蓁", "珂", "珺", "邈", "晔",
];
/// Given names of two characters whose first is a generation's and second an own one.
const GENERATION: &[&str] =
    &["世", "家", "国", "文", "德", "光", "明", "兴", "玉", "春", "守", "绍", "泽", "宗"];
const MINORITY: &[&str] = &[
    "阿依古丽·买买提",
    "古丽娜尔·艾山",
    "买买提江·吐尔逊",
    "迪丽努尔·阿不都热合曼",
    "阿卜杜拉·卡德尔",
    "热孜万古丽·依明",
    "扎西·多吉",
    "艾力·玉素甫",
    "巴特尔·苏和",
    "努尔兰·哈力克",
    "沙马·拉哈",
    "吉克·阿牛",
];
const MINORITY_PLAIN: &[&str] = &[
    "次仁旺姆",
    "扎西多吉",
    "格桑卓玛",
    "旦增曲扎",
    "阿古拉",
    "乌云其木格",
    "斯琴高娃",
    "巴音达来",
    "德吉央宗",
    "洛桑丹增",
];
const LATIN: &[&str] = &[
    "Wang Xiaoming",
    "Li Na",
    "ZHANG Wei",
    "CHEN Siyuan",
    "Liu, Yifei",
    "Zhao Min",
    "Emily Johnson",
    "Michael Chen",
    "HUANG Jiaqi",
    "Sun Yue",
    "Alexander Smith",
    "Olivia Brown",
    "Zhou Jielun",
    "Wu Tingting",
];

/// A Han name: compound and rare surnames, one to three characters given.
pub fn name(r: &mut Rng) -> String {
    let surname = match r.below(100) {
        0..=5 => r.word(COMPOUND),
        6..=11 => r.word(RARE),
        _ => r.word(SURNAMES),
    };
    let given = match r.below(100) {
        0..=17 => r.word(GIVEN_ONE).to_owned(),
        18..=39 => format!("{}{}", r.word(GENERATION), r.word(GIVEN_ONE)),
        _ => r.word(GIVEN_TWO).to_owned(),
    };
    format!("{surname}{given}")
}

/// A surname alone, for titles.
pub fn surname(r: &mut Rng) -> &'static str {
    r.word(SURNAMES)
}

/// A name for a column of names: mostly Han, some of minorities, a few Latin.
pub fn column_name(r: &mut Rng, own: &str) -> String {
    match r.below(100) {
        0..=3 => r.word(MINORITY).to_owned(),
        4..=5 => r.word(MINORITY_PLAIN).to_owned(),
        6..=7 => r.word(LATIN).to_owned(),
        8..=10 if own.chars().count() == 2 => {
            let c: Vec<char> = own.chars().collect();
            format!("{}{}{}", c[0], r.any(&["  ", "\u{3000}", " "]), c[1])
        }
        11 => {
            let spaced: Vec<String> = own.chars().map(String::from).collect();
            spaced.join(" ")
        }
        _ => own.to_owned(),
    }
}

/// A name as it stands in running text.
pub fn text_name(r: &mut Rng) -> String {
    match r.below(100) {
        0..=3 => r.word(MINORITY).to_owned(),
        _ => name(r),
    }
}

pub fn minority(r: &mut Rng) -> &'static str {
    r.word(MINORITY)
}

pub fn latin(r: &mut Rng) -> &'static str {
    r.word(LATIN)
}
