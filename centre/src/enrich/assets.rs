//! The asset inventory (资产台账), from a CSV file as bureaus keep it: UTF-8 or GB18030, headings in
//! Chinese or English, columns in any order. A line that cannot be used is named and left out.

use std::collections::HashMap;
use std::net::IpAddr;

use events::{SiteId, Text};

use super::BadRow;
use super::division::Divisions;
use crate::limits;
use crate::ranges::Ranges;
use crate::region::Cidr;

/// One asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its name.
    pub name: String,
    /// What it is: 服务器, firewall; may be empty.
    pub kind: String,
    /// The school it belongs to (学校标识码).
    pub school: Option<SiteId>,
}

/// The assets by their addresses.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    assets: Vec<Asset>,
    single: HashMap<IpAddr, usize>,
    ranges: Ranges<usize>,
}

/// The columns that are read, each with the headings it goes by.
const NAME: [&str; 4] = ["资产名称", "名称", "name", "asset"];
const ADDRESS: [&str; 5] = ["ip地址", "ip", "地址", "address", "ip address"];
const KIND: [&str; 4] = ["资产类型", "类型", "type", "kind"];
const SCHOOL: [&str; 4] = ["学校标识码", "学校代码", "school", "school code"];

struct Columns {
    name: usize,
    address: usize,
    kind: Option<usize>,
    school: Option<usize>,
}

impl Columns {
    fn of(heading: &csv::StringRecord) -> Option<Self> {
        let find = |names: &[&str]| {
            heading.iter().position(|h| names.contains(&h.to_lowercase().as_str()))
        };
        let (name, address) = (find(&NAME)?, find(&ADDRESS)?);
        Some(Self { name, address, kind: find(&KIND), school: find(&SCHOOL) })
    }
}

impl Assets {
    /// Reads an inventory. Divisions say whether a school's province exists.
    pub fn parse(bytes: &[u8], divisions: &Divisions) -> (Self, Vec<BadRow>) {
        let text = decoded(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut assets = Self::default();
        let columns = reader.headers().ok().and_then(Columns::of);
        let Some(columns) = columns else {
            let why = Text::new(
                "首行须有“资产名称”和“IP地址”两列",
                "the first line must name the columns name and ip",
            );
            return (assets, vec![BadRow { code: "N021", line: 1, why }]);
        };
        let mut bad = Vec::new();
        for row in reader.records() {
            let line = match &row {
                Ok(row) => row.position().map_or(0, csv::Position::line),
                Err(e) => e.position().map_or(0, csv::Position::line),
            };
            let added = match row {
                Ok(row) => assets.add(&row, &columns, divisions),
                Err(e) => Err(Text::new(e.to_string(), e.to_string())),
            };
            if let Err(why) = added {
                bad.push(BadRow { code: "N022", line, why });
            }
        }
        (assets, bad)
    }

    fn add(
        &mut self,
        row: &csv::StringRecord,
        columns: &Columns,
        divisions: &Divisions,
    ) -> Result<(), Text> {
        let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).unwrap_or_default();
        if self.assets.len() >= limits::ASSETS_MAX {
            let most = limits::ASSETS_MAX;
            return Err(Text::new(
                format!("资产超过 {most} 条"),
                format!("more than {most} assets"),
            ));
        }
        let (name, kind) = (cell(Some(columns.name)), cell(columns.kind));
        if name.is_empty() || name.chars().count() > limits::ASSET_NAME_CHARS_MAX {
            return Err(Text::new("资产名称为空或过长", "the name is empty or too long"));
        }
        let school = match cell(columns.school) {
            "" => None,
            code => Some(school(code, divisions)?),
        };
        let asset = self.assets.len();
        let (mut single, mut ranges) = (Vec::new(), Vec::new());
        for text in
            cell(Some(columns.address)).split([';', '；', ' ', '、']).filter(|t| !t.is_empty())
        {
            match (text.parse::<IpAddr>(), text.parse::<Cidr>()) {
                (Ok(address), _) => single.push(address.to_canonical()),
                (_, Ok(range)) => ranges.push(range),
                _ => {
                    let why = |what: &str| format!("{what}{text}");
                    return Err(Text::new(
                        why("不是 IP 地址或地址段："),
                        why("no address or range: "),
                    ));
                }
            }
        }
        if single.is_empty() && ranges.is_empty() {
            return Err(Text::new("没有 IP 地址", "there is no address"));
        }
        if let Some(twice) = single.iter().find(|a| self.single.contains_key(a)) {
            return Err(Text::new(format!("{twice} 已登记"), format!("{twice} is listed before")));
        }
        self.single.extend(single.into_iter().map(|address| (address, asset)));
        for range in ranges {
            self.ranges.entry(range).or_insert(asset);
        }
        self.assets.push(Asset { name: name.to_owned(), kind: kind.to_owned(), school });
        Ok(())
    }

    /// The asset at an address, by itself or in the narrowest range.
    pub fn of(&self, address: IpAddr) -> Option<&Asset> {
        let at = self.single.get(&address).or_else(|| self.ranges.of(address))?;
        self.assets.get(*at)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }
}

fn school(code: &str, divisions: &Divisions) -> Result<SiteId, Text> {
    let bad = |why: &str, en: &str| Text::new(format!("{why}：{code}"), format!("{en}: {code}"));
    let site: SiteId =
        code.parse().map_err(|_| bad("学校标识码应为十位数字", "a school code has ten digits"))?;
    match divisions.of_school(site) {
        Some(_) => Ok(site),
        None => Err(bad("学校标识码中的省级代码不存在", "the school code names no province")),
    }
}

/// The text of a file: UTF-8 with or without a mark, else GB18030 as spreadsheets write it.
fn decoded(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::GB18030.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> (Assets, Vec<(u64, String)>) {
        let (assets, bad) = Assets::parse(bytes, &Divisions::shipped());
        (assets, bad.into_iter().map(|b| (b.line, b.why.zh)).collect())
    }

    #[test]
    fn an_inventory_is_read_whatever_its_encoding() {
        let text = "序号,资产名称,资产类型,IP地址,学校标识码\n1,教务系统,服务器,10.1.1.9；10.1.1.10,2133000001\n\
                    2,机房,网段,10.1.0.0/16,\n";
        let (gbk, _, _) = encoding_rs::GB18030.encode(text);
        for bytes in [text.as_bytes(), format!("\u{feff}{text}").as_bytes(), &gbk] {
            let (assets, bad) = parse(bytes);
            assert_eq!((assets.len(), bad), (2, vec![]));
            let of = |a: &str| assets.of(a.parse().unwrap()).map(|a| a.name.as_str());
            assert_eq!(of("10.1.1.10"), Some("教务系统"));
            assert_eq!(of("10.1.9.9"), Some("机房"), "the narrowest");
            assert_eq!(of("10.2.0.1"), None);
        }
    }

    #[test]
    fn bad_lines_are_named_and_the_others_used() {
        let text = "name,ip,school code\nfirst,10.0.0.1,2133000001\n,10.0.0.2,\nbad,10.0.0.300,\n\
                    twice,10.0.0.1,\ncode,10.0.0.5,21330\nprovince,10.0.0.6,2199000001\nlast,fd00::1,\n";
        let (assets, bad) = parse(text.as_bytes());
        assert_eq!(assets.len(), 2);
        assert_eq!(bad.iter().map(|b| b.0).collect::<Vec<_>>(), [3, 4, 5, 6, 7], "{bad:?}");
        let (none, bad) = parse("a,b\n1,2\n".as_bytes());
        assert!(none.is_empty() && bad.len() == 1);
    }
}
