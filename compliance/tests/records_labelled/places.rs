//! Postal addresses of many forms.

use super::rng::Rng;

const CITIES: &[&str] = &[
    "浙江省杭州市西湖区",
    "江苏省苏州市吴中区",
    "北京市海淀区",
    "上海市浦东新区",
    "广东省广州市天河区",
    "四川省成都市锦江区",
    "湖南省长沙市岳麓区",
    "河南省郑州市金水区",
    "浙江省义乌市",
    "江苏省昆山市",
    "福建省泉州市晋江市",
    "山东省青岛市市南区",
    "内蒙古自治区包头市昆都仑区",
    "广西壮族自治区南宁市青秀区",
    "新疆维吾尔自治区喀什地区喀什市",
    "贵州省黔东南苗族侗族自治州凯里市",
    "杭州市余杭区",
    "苏州市姑苏区",
    "重庆市渝北区",
    "天津市南开区",
    "深圳市宝安区",
    "武汉市洪山区",
    "浙江杭州滨江区",
    "江苏南京玄武区",
    "黑龙江哈尔滨南岗区",
    "湖北黄冈麻城市",
    "西湖区",
    "岳麓区",
    "鼓楼区",
    "朝阳区",
];
const RURAL: &[&str] = &[
    "安徽省合肥市肥西县上派镇",
    "河南省信阳市光山县寨河镇",
    "四川省凉山州昭觉县竹核乡",
    "贵州省毕节市威宁县草海镇",
    "甘肃省定西市陇西县文峰镇",
    "云南省大理州洱源县邓川镇",
    "湖南省湘西州花垣县龙潭镇",
    "江西省赣州市于都县银坑镇",
    "麻城市宋埠镇",
    "光山县晏河乡",
    "余杭区径山镇",
    "肥西县三河镇",
];
const ROADS: &[&str] = &[
    "文三路",
    "中山北路",
    "人民大道",
    "解放东路",
    "建设街",
    "学院路",
    "长江西路",
    "新华路",
    "和平大街",
    "北京东路",
    "古墩路",
    "珠江路",
    "滨河南路",
    "朝阳大街",
    "五一路",
    "劳动西路",
    "莫干山路",
    "体育场路",
    "延安中路",
    "青年大街",
    "友谊路",
    "太平巷",
    "石板巷",
    "景云里",
];
const ESTATES: &[&str] = &[
    "阳光花园",
    "翠苑三区",
    "锦绣家园",
    "万科城",
    "恒大绿洲",
    "紫金小区",
    "书香苑",
    "金色家园",
    "碧桂园",
    "丽景新村",
    "幸福里",
    "水岸名邸",
    "教师新村",
    "世纪公寓",
    "城南佳苑",
    "绿城桂花园",
];
const VILLAGES: &[&str] = &[
    "李家村",
    "王庄村",
    "大塘村",
    "石桥村",
    "红星村",
    "杨柳屯",
    "上湾村",
    "赵家坳村",
    "下坪村",
    "柳林村",
    "前进村",
    "东风村",
];

/// An address of a person.
pub fn address(r: &mut Rng) -> String {
    let room = |r: &mut Rng| format!("{}{:02}", r.between(1, 18), r.between(1, 4));
    match r.below(14) {
        0 | 1 => format!("{}{}{}号", r.word(CITIES), r.word(ROADS), r.between(1, 999)),
        2 | 3 => format!(
            "{}{}{}号{}{}幢{}单元{}室",
            r.word(CITIES),
            r.word(ROADS),
            r.between(1, 999),
            r.word(ESTATES),
            r.between(1, 40),
            r.between(1, 4),
            room(r)
        ),
        4 => format!("{}{}{}栋{}室", r.word(CITIES), r.word(ESTATES), r.between(1, 40), room(r)),
        5 => format!(
            "{}{}{}-{}-{}",
            r.word(CITIES),
            r.word(ESTATES),
            r.between(1, 40),
            r.between(1, 4),
            room(r)
        ),
        6 => format!("{}{}{}号楼{}", r.word(CITIES), r.word(ESTATES), r.between(1, 40), room(r)),
        7 => {
            format!("{}{}弄{}号{}室", r.word(ROADS), r.between(10, 999), r.between(1, 99), room(r))
        }
        8 | 9 => format!(
            "{}{}{}组{}号",
            r.word(RURAL),
            r.word(VILLAGES),
            r.between(1, 12),
            r.between(1, 99)
        ),
        10 => format!("{}{}{}组", r.word(RURAL), r.word(VILLAGES), r.between(1, 12)),
        11 => format!("{}{}{}号", r.word(RURAL), r.word(VILLAGES), r.between(1, 160)),
        12 => format!(
            "{}{}街道{}{}号",
            r.word(CITIES),
            r.any(&["文新", "西溪", "北山", "南门"]),
            r.word(ROADS),
            r.between(1, 400)
        ),
        _ => format!(
            "{}{}{}号院{}号楼{}单元{}",
            r.word(CITIES),
            r.word(ROADS),
            r.between(1, 99),
            r.between(1, 9),
            r.between(1, 4),
            room(r)
        ),
    }
}

/// Where someone lives on the premises of a school.
pub fn dormitory(r: &mut Rng) -> String {
    format!(
        "{}{}号楼{}室",
        r.any(&["学生公寓", "东区宿舍", "西校区学生宿舍"]),
        r.between(1, 12),
        r.between(101, 640)
    )
}
