//! The throw-away region: 3 districts of 8 schools, their addresses, hosts, staff, and the people
//! who log in to the console.

use std::net::Ipv4Addr;

use events::{SiteId, Text};
use serde::Serialize;

use super::rng::Rng;

/// Schools of each district.
pub const SCHOOLS_PER_DISTRICT: usize = 8;
/// Staff accounts of each school.
pub const STAFF_PER_SCHOOL: usize = 60;

/// The region.
#[derive(Clone, Debug, Serialize)]
pub struct Region {
    /// What the bureau is called.
    pub bureau: Text,
    /// Districts, in the order of [`School::district`].
    pub districts: Vec<Text>,
    /// Schools, in the order of their codes' districts.
    pub schools: Vec<School>,
    /// Who may log in to the console.
    pub accounts: Vec<Account>,
}

/// What kind of school, as its code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// 小学, type 21.
    #[default]
    Primary,
    /// 初中, type 31.
    Junior,
    /// 高中, type 34.
    Senior,
    /// 中等职业学校, type 36.
    Vocational,
}

impl Kind {
    /// The two type digits of the school code.
    pub fn digits(self) -> u64 {
        match self {
            Self::Primary => 21,
            Self::Junior => 31,
            Self::Senior => 34,
            Self::Vocational => 36,
        }
    }

    fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Primary => ("小学", "Primary School"),
            Self::Junior => ("初级中学", "Junior High School"),
            Self::Senior => ("高级中学", "Senior High School"),
            Self::Vocational => ("职业技术学校", "Vocational School"),
        }
    }
}

/// One school and its machines.
#[derive(Clone, Debug, Serialize)]
pub struct School {
    /// Ten-digit school code.
    pub code: SiteId,
    /// Its name.
    pub name: Text,
    /// Index into [`Region::districts`].
    pub district: usize,
    /// What kind of school.
    pub kind: Kind,
    /// Prefix of its host names: `qx03`.
    pub slug: String,
    /// First three bytes of its block `10.x.y.0/24`.
    pub block: [u8; 3],
    /// The loopback address its sensors send from (`127.x.y.1`), so that a shared listener can
    /// tell schools apart as it would by their real addresses.
    pub sender: Ipv4Addr,
    /// Account names of its staff, distinct.
    pub staff: Vec<String>,
}

impl School {
    /// An address of its block by the last byte.
    pub fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.block;
        Ipv4Addr::new(a, b, c, last)
    }

    /// Its address ranges in CIDR notation: the block, and the loopback range it sends from.
    pub fn networks(&self) -> [String; 2] {
        let [s, t, u, _] = self.sender.octets();
        let [a, b, c] = self.block;
        [format!("{a}.{b}.{c}.0/24"), format!("{s}.{t}.{u}.0/24")]
    }

    /// Its VPN gateway.
    pub fn vpn(&self) -> Ipv4Addr {
        self.address(2)
    }

    /// A host name: `qx03-web`.
    pub fn host(&self, role: &str) -> String {
        format!("{}-{role}", self.slug)
    }
}

/// What a person may do in the console. The three administrators exclude one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// 系统管理员.
    SystemAdmin,
    /// 安全管理员.
    SecurityAdmin,
    /// 审计管理员.
    AuditAdmin,
    /// 分析员.
    Analyst,
    /// 学校联系人, of one school.
    SchoolContact,
}

/// One account of the console. Its password is made by whoever creates it.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// Login name.
    pub login: String,
    /// What the person is called.
    pub name: Text,
    /// What the person may do.
    pub role: Role,
    /// The school of a contact; the bureau for everybody else.
    pub site: SiteId,
}

const DISTRICTS: [(&str, &str, &str); 3] =
    [("青溪区", "Qingxi", "qx"), ("云岭区", "Yunling", "yl"), ("滨湖区", "Binhu", "bh")];

/// Kinds of the schools of a district; every district has all four.
const KINDS: [Kind; SCHOOLS_PER_DISTRICT] = [
    Kind::Primary,
    Kind::Primary,
    Kind::Primary,
    Kind::Junior,
    Kind::Junior,
    Kind::Senior,
    Kind::Senior,
    Kind::Vocational,
];

const NAMES: [(&str, &str); 24] = [
    ("晨露", "Chenlu"),
    ("松风", "Songfeng"),
    ("竹影", "Zhuying"),
    ("澄心", "Chengxin"),
    ("知远", "Zhiyuan"),
    ("明礼", "Mingli"),
    ("崇实", "Chongshi"),
    ("匠新", "Jiangxin"),
    ("云上", "Yunshang"),
    ("茶山", "Chashan"),
    ("梧桐里", "Wutongli"),
    ("翠屏", "Cuiping"),
    ("向阳坡", "Xiangyangpo"),
    ("鹿鸣", "Luming"),
    ("致和", "Zhihe"),
    ("百工", "Baigong"),
    ("荷塘", "Hetang"),
    ("白鹭", "Bailu"),
    ("望湖", "Wanghu"),
    ("菱洲", "Lingzhou"),
    ("听涛", "Tingtao"),
    ("博闻", "Bowen"),
    ("静湖", "Jinghu"),
    ("智造", "Zhizao"),
];

const SURNAMES: [&str; 20] = [
    "wang", "li", "zhang", "liu", "chen", "yang", "zhao", "huang", "zhou", "wu", "xu", "sun", "hu",
    "zhu", "gao", "lin", "he", "guo", "ma", "luo",
];
const GIVEN: [&str; 20] = [
    "wei", "fang", "na", "min", "jing", "lei", "qiang", "yan", "jie", "tao", "ming", "chao", "xia",
    "ping", "gang", "hui", "ling", "bo", "xin", "yu",
];

impl Region {
    /// The region of a seed. Codes, names and addresses do not depend on the seed; staff do.
    pub fn new(seed: u64) -> Self {
        let rng = Rng::new(seed);
        let schools: Vec<School> = NAMES
            .iter()
            .enumerate()
            .map(|(index, name)| school(index, name, &mut rng.fork(index as u64)))
            .collect();
        let accounts = accounts(&schools);
        Self {
            bureau: Text::new("示范市教育局", "Shifan City Education Bureau"),
            districts: DISTRICTS.iter().map(|(zh, en, _)| Text::new(*zh, *en)).collect(),
            schools,
            accounts,
        }
    }

    /// The school at an index, wrapping around: there is always one.
    pub fn school(&self, index: usize) -> &School {
        &self.schools[index % self.schools.len()]
    }
}

fn school(index: usize, name: &(&str, &str), rng: &mut Rng) -> School {
    let (district, place) = (index / SCHOOLS_PER_DISTRICT, index % SCHOOLS_PER_DISTRICT);
    let kind = KINDS[place];
    let (_, district_en, prefix) = DISTRICTS[district % DISTRICTS.len()];
    let (kind_zh, kind_en) = kind.title();
    let code = kind.digits() * 100_000_000 + 33_000_000 + 900_001 + index as u64;
    let (x, y) = (10 + district as u8, 1 + place as u8);
    School {
        code: SiteId::from_u64(code).unwrap_or_default(),
        name: Text::new(
            format!("{}{kind_zh}", name.0),
            format!("{district_en} {} {kind_en}", name.1),
        ),
        district,
        kind,
        slug: format!("{prefix}{y:02}"),
        block: [10, x, y],
        sender: Ipv4Addr::new(127, x, y, 1),
        staff: staff(rng),
    }
}

fn staff(rng: &mut Rng) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(STAFF_PER_SCHOOL);
    while names.len() < STAFF_PER_SCHOOL {
        let name = format!("{}{}{:02}", rng.pick(&SURNAMES), rng.pick(&GIVEN), rng.below(100));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn accounts(schools: &[School]) -> Vec<Account> {
    let bureau = |login: &str, zh: &str, en: &str, role| Account {
        login: login.to_owned(),
        name: Text::new(zh, en),
        role,
        site: SiteId::BUREAU,
    };
    let mut accounts = vec![
        bureau("sysadmin", "系统管理员", "System administrator", Role::SystemAdmin),
        bureau("secadmin", "安全管理员", "Security administrator", Role::SecurityAdmin),
        bureau("auditor", "审计管理员", "Audit administrator", Role::AuditAdmin),
        bureau("analyst1", "分析员甲", "Analyst One", Role::Analyst),
        bureau("analyst2", "分析员乙", "Analyst Two", Role::Analyst),
    ];
    accounts.extend(schools.iter().map(|school| Account {
        login: format!("{}-contact", school.slug),
        name: Text::new(format!("{}联系人", school.name.zh), format!("{} contact", school.name.en)),
        role: Role::SchoolContact,
        site: school.code,
    }));
    accounts
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_say_what_the_school_is() {
        let region = Region::new(1);
        assert_eq!((region.districts.len(), region.schools.len()), (3, 24));
        let codes: HashSet<_> = region.schools.iter().map(|s| s.code).collect();
        assert_eq!(codes.len(), 24);
        for school in &region.schools {
            let code = school.code.to_string();
            assert_eq!(code.len(), 10, "{code}");
            assert!(code.starts_with(&school.kind.digits().to_string()), "{code}");
            assert_eq!(&code[2..4], "33");
        }
        assert_eq!(region.schools[0].code.to_string(), "2133900001");
    }

    #[test]
    fn blocks_and_staff_do_not_overlap() {
        let region = Region::new(1);
        let blocks: HashSet<_> = region.schools.iter().map(|s| s.block).collect();
        let senders: HashSet<_> = region.schools.iter().map(|s| s.sender).collect();
        assert_eq!((blocks.len(), senders.len()), (24, 24));
        assert!(region.schools.iter().all(|s| s.sender.is_loopback()));
        for school in &region.schools {
            let staff: HashSet<_> = school.staff.iter().collect();
            assert_eq!(staff.len(), STAFF_PER_SCHOOL);
        }
        assert_eq!(region.schools[8].networks(), ["10.11.1.0/24", "127.11.1.0/24"]);
    }

    #[test]
    fn the_same_seed_gives_the_same_region() {
        let text = |seed| serde_json::to_string(&Region::new(seed)).unwrap();
        assert_eq!(text(5), text(5));
        assert_ne!(text(5), text(6));
    }

    #[test]
    fn every_school_has_a_contact_and_every_role_somebody() {
        let region = Region::new(1);
        for school in &region.schools {
            let contact = region.accounts.iter().find(|a| a.site == school.code).unwrap();
            assert_eq!(contact.role, Role::SchoolContact);
        }
        for role in [Role::SystemAdmin, Role::SecurityAdmin, Role::AuditAdmin, Role::Analyst] {
            assert!(region.accounts.iter().any(|a| a.role == role));
        }
    }
}
