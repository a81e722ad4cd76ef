//! Where addresses lie (GeoIP), from a file the bureau supplies: a MaxMind DB (`.mmdb`), or CSV of
//! `network,country,region,city`, where the region may be the six-digit code of a division (GB/T
//! 2260) that names region and city. Nothing is shipped and nothing is fetched.

use std::net::IpAddr;
use std::path::Path;

use events::Text;
use maxminddb::Reader;
use serde::Deserialize;

use super::BadRow;
use super::division::Divisions;
use crate::config::ConfigError;
use crate::ranges::Ranges;
use crate::region::Cidr;

/// Where an address lies; empty texts are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// ISO 3166-1 alpha-2.
    pub(crate) country: String,
    /// Province or state, in Chinese where the file has it.
    pub(crate) region: String,
    /// City, in Chinese where the file has it.
    pub(crate) city: String,
    /// The whole name of the division, where the file gives its code.
    pub(crate) name: String,
}

/// The file, ready for look-ups.
pub(crate) enum Geo {
    Mmdb(Reader<Vec<u8>>),
    Ranges(Ranges<Place>),
}

impl Geo {
    /// Reads a file by its ending.
    pub(crate) fn parse(
        path: &Path,
        bytes: Vec<u8>,
        divisions: &Divisions,
    ) -> Result<(Self, Vec<BadRow>), ConfigError> {
        let is_csv = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        if is_csv {
            let (ranges, bad) = ranges(&bytes, divisions);
            return Ok((Self::Ranges(ranges), bad));
        }
        let reader = mmdb("enrich.geoip", path, bytes)?;
        if is_of_networks(&reader) {
            return Err(of_another_kind("enrich.geoip", path, &reader));
        }
        Ok((Self::Mmdb(reader), Vec::new()))
    }

    /// Where an address lies, if the file knows.
    pub(crate) fn of(&self, address: IpAddr) -> Option<Place> {
        match self {
            Self::Ranges(ranges) => ranges.of(address).cloned(),
            Self::Mmdb(reader) => place(reader, address),
        }
    }
}

/// Whose network an address is of (autonomous systems), from an `.mmdb` file.
pub(crate) struct Networks(Reader<Vec<u8>>);

/// The network of an address: zero and an empty text are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) number: u32,
    pub(crate) organization: String,
}

impl Networks {
    /// Reads a file.
    pub(crate) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, ConfigError> {
        let reader = mmdb("enrich.asn", path, bytes)?;
        if !is_of_networks(&reader) {
            return Err(of_another_kind("enrich.asn", path, &reader));
        }
        Ok(Self(reader))
    }

    /// The network of an address, if the file knows. A damaged record is unknown.
    pub(crate) fn of(&self, address: IpAddr) -> Option<Network> {
        let found = self.0.lookup(address).ok()?.decode::<System<'_>>().ok()??;
        Some(Network {
            number: found.autonomous_system_number.0,
            organization: found.autonomous_system_organization.unwrap_or_default().to_owned(),
        })
    }
}

fn mmdb(key: &'static str, path: &Path, bytes: Vec<u8>) -> Result<Reader<Vec<u8>>, ConfigError> {
    Reader::from_source(bytes).map_err(|e| ConfigError::Value {
        key,
        message: Text::new(
            format!("{} 不是 MaxMind 数据库：{e}", path.display()),
            format!("{} is no MaxMind database: {e}", path.display()),
        ),
    })
}

/// Whether a database says of itself that it holds autonomous systems.
fn is_of_networks(reader: &Reader<Vec<u8>>) -> bool {
    let kind = reader.metadata().database_type.to_ascii_uppercase();
    kind.contains("ASN") || kind.contains("ISP")
}

fn of_another_kind(key: &'static str, path: &Path, reader: &Reader<Vec<u8>>) -> ConfigError {
    let (path, kind) = (path.display(), &reader.metadata().database_type);
    ConfigError::Value {
        key,
        message: Text::new(
            format!("{path} 的类型为 {kind}：地理位置库写在 geoip，自治系统（ASN）库写在 asn"),
            format!(
                "{path} is of the kind {kind}: places belong to geoip, autonomous systems to asn"
            ),
        ),
    }
}

/// What is read of a record of places, and nothing more: writers differ in how wide the numbers beside
/// are, and those that a strict model refuses would take the place with them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Located<'a> {
    #[serde(borrow)]
    country: Country<'a>,
    #[serde(borrow)]
    subdivisions: Vec<Named<'a>>,
    #[serde(borrow)]
    city: Named<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    names: Names<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Names<'a> {
    #[serde(rename = "zh-CN")]
    zh: Option<&'a str>,
    en: Option<&'a str>,
}

/// What is read of a record of autonomous systems.
#[derive(Default, Deserialize)]
#[serde(default)]
struct System<'a> {
    autonomous_system_number: Number,
    autonomous_system_organization: Option<&'a str>,
}

/// An unsigned number of any width.
#[derive(Default)]
struct Number(u32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl serde::de::Visitor<'_> for Any {
            type Value = Number;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number of an autonomous system")
            }
            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Number, E> {
                u32::try_from(n).map(Number).map_err(E::custom)
            }
            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<Number, E> {
                u32::try_from(n).map(Number).map_err(E::custom)
            }
        }
        from.deserialize_any(Any)
    }
}

/// A damaged record is an unknown place.
fn place(reader: &Reader<Vec<u8>>, address: IpAddr) -> Option<Place> {
    let found = reader.lookup(address).ok()?.decode::<Located<'_>>().ok()??;
    let name = |names: &Names<'_>| names.zh.or(names.en).unwrap_or_default().to_owned();
    Some(Place {
        country: found.country.iso_code.unwrap_or_default().to_owned(),
        region: found.subdivisions.first().map(|s| name(&s.names)).unwrap_or_default(),
        city: name(&found.city.names),
        name: String::new(),
    })
}

/// Reads ranges and where they lie.
fn ranges(bytes: &[u8], divisions: &Divisions) -> (Ranges<Place>, Vec<BadRow>) {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let (mut ranges, mut bad) = (Ranges::default(), Vec::new());
    for (nth, row) in reader.records().enumerate() {
        let line = row.as_ref().ok().and_then(|r| r.position()).map_or(0, |p| p.line());
        let row = row.unwrap_or_default();
        let cell = |at: usize| row.get(at).unwrap_or_default().to_owned();
        let mut refuse = |zh: &str, en: &str| {
            bad.push(BadRow { code: "N024", line, why: Text::new(zh, en) });
        };
        match cell(0).parse::<Cidr>() {
            Ok(range) => match coded(&cell(2), divisions) {
                Ok(Some(place)) => {
                    let place = Place { country: cell(1), ..place };
                    ranges.entry(range).insert_entry(place);
                }
                Ok(None) => {
                    let (country, region, city) = (cell(1), cell(2), cell(3));
                    let place = Place { country, region, city, name: String::new() };
                    ranges.entry(range).insert_entry(place);
                }
                Err(NoDivision) => {
                    refuse("行政区划代码不存在", "there is no division of that code")
                }
            },
            // The first line may be the heading.
            Err(_) if nth == 0 => {}
            Err(_) => refuse(
                "应为 network,country,region,city，首列为地址段",
                "columns are network,country,region,city, the first a range",
            ),
        }
    }
    (ranges, bad)
}

/// A code that names no division.
struct NoDivision;

/// The place that a six-digit code of a division names; `None` for a name.
fn coded(region: &str, divisions: &Divisions) -> Result<Option<Place>, NoDivision> {
    if region.len() != 6 || !region.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    let code = region.parse().map_err(|_| NoDivision)?;
    let whole = divisions.whole(code).ok_or(NoDivision)?;
    let [province, prefecture, county] =
        divisions.levels(code).map(|d| d.map(|d| d.name.zh.clone()).unwrap_or_default());
    let city = if prefecture.is_empty() { county } else { prefecture };
    Ok(Some(Place { region: province, city, name: whole.name.zh, country: String::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_range_says_where() {
        let text = "network,country,region,city\n203.0.113.0/24,CN,浙江省,杭州市\n203.0.0.0/16,JP,,\n\
                    x,y\n2001:db8::/32,DE,Hessen,Frankfurt\n";
        let (geo, bad) =
            Geo::parse(Path::new("places.CSV"), text.as_bytes().to_vec(), &Divisions::default())
                .unwrap();
        assert_eq!(bad.iter().map(|b| b.line).collect::<Vec<_>>(), [4]);
        let of = |a: &str| geo.of(a.parse().unwrap()).map(|p| (p.country, p.city));
        assert_eq!(of("203.0.113.9"), Some(("CN".to_owned(), "杭州市".to_owned())));
        assert_eq!(of("203.0.7.9"), Some(("JP".to_owned(), String::new())));
        assert_eq!(of("2001:db8::9").unwrap().0, "DE");
        assert_eq!(of("198.51.100.1"), None);
    }

    #[test]
    fn a_division_s_code_names_region_and_city() {
        let text =
            "203.0.113.0/24,CN,330106,\n198.51.100.0/24,CN,110101,x\n192.0.2.0/24,CN,330199,\n";
        let shipped = Divisions::shipped();
        let (geo, bad) =
            Geo::parse(Path::new("a.csv"), text.as_bytes().to_vec(), &shipped).unwrap();
        assert_eq!(bad.iter().map(|b| (b.code, b.line)).collect::<Vec<_>>(), [("N024", 3)]);
        let of = |a: &str| {
            let Place { country, region, city, name } = geo.of(a.parse().unwrap()).unwrap();
            [country, region, city, name]
        };
        assert_eq!(of("203.0.113.9"), ["CN", "浙江省", "杭州市", "浙江省杭州市西湖区"]);
        assert_eq!(of("198.51.100.9"), ["CN", "北京市", "东城区", "北京市东城区"]);
        assert_eq!(geo.of("192.0.2.1".parse().unwrap()), None);
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let refused = Geo::parse(Path::new("x.mmdb"), b"nothing".to_vec(), &Divisions::default())
            .err()
            .unwrap();
        assert!(refused.text().zh.contains("不是 MaxMind 数据库"));
    }

    /// Made by the Python package mmdb-writer 0.2.7, which is not ours: 203.0.113.0/24 in China,
    /// 198.51.100.0/24 in Germany without a Chinese name.
    #[test]
    fn a_database_of_another_writer_is_read() {
        let bytes = include_bytes!("places.mmdb").to_vec();
        let (geo, _) = Geo::parse(Path::new("places.mmdb"), bytes, &Divisions::default()).unwrap();
        let of = |a: &str| geo.of(a.parse().unwrap());
        let hangzhou = of("203.0.113.77").unwrap();
        assert_eq!((hangzhou.country.as_str(), hangzhou.city.as_str()), ("CN", "杭州"));
        assert_eq!(hangzhou.region, "浙江");
        let berlin = of("198.51.100.1").unwrap();
        assert_eq!((berlin.country.as_str(), berlin.city.as_str()), ("DE", "Berlin"));
        assert_eq!(of("192.0.2.1"), None);
    }

    /// By the same writer, with numbers as narrow as they fit: AS4134 in 203.0.113.0/24, AS4538 in 2001:db8::/32.
    #[test]
    fn networks_are_read_and_told_from_places() {
        let (networks, places) = (Path::new("networks.mmdb"), Path::new("places.mmdb"));
        let bytes = include_bytes!("networks.mmdb").to_vec();
        let all = Networks::parse(networks, bytes.clone()).unwrap();
        let of = |a: &str| all.of(a.parse().unwrap()).map(|n| (n.number, n.organization));
        assert_eq!(of("203.0.113.7"), Some((4134, "CHINANET".to_owned())));
        assert_eq!(of("2001:db8::1"), Some((4538, "CERNET".to_owned())));
        assert_eq!(of("192.0.2.1"), None);
        // One in place of the other would only add nothing, for ever.
        let refused = Geo::parse(networks, bytes, &Divisions::default()).err().unwrap();
        assert!(refused.text().zh.contains("写在 asn"), "{}", refused.text().zh);
        let swapped = Networks::parse(places, include_bytes!("places.mmdb").to_vec());
        assert!(swapped.err().unwrap().text().en.contains("places belong to geoip"));
        let torn = Networks::parse(networks, b"no database".to_vec()).err().unwrap();
        assert!(torn.text().zh.contains("不是 MaxMind 数据库"), "{}", torn.text().zh);
    }
}
