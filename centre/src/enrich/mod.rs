//! What a record says, put beside what the bureau knows: whose address it is (资产), whether it is
//! inside or outside, and where in the world. Written into the record before the journal, so that
//! rules, searches and alerts see it. Off without an `[enrich]` table.
//!
//! Only fields are added, under ECS names (`network.direction`, `source.geo.*`) or, for assets, in
//! their manner (`source.asset.*`); what the record itself says under a name stays.

pub mod assets;
pub mod division;
mod geo;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use events::{Event, FieldId, Text, Value, field};
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::region::Directory;
use assets::Assets;
use division::Divisions;
use geo::Geo;

/// `[enrich]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnrichConfig {
    /// Whether records with two addresses get `network.direction`.
    pub direction: bool,
    /// The asset inventory: a CSV file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assets: Option<std::path::PathBuf>,
    /// Where addresses lie: an `.mmdb` file, or CSV of address ranges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geoip: Option<std::path::PathBuf>,
    /// Further names of administrative divisions: a CSV file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub divisions: Option<std::path::PathBuf>,
}

impl EnrichConfig {
    /// The divisions that are shipped and those of the configuration.
    pub fn divisions(&self, alarms: &mut Vec<Text>) -> Result<Divisions, ConfigError> {
        let mut divisions = Divisions::shipped();
        if let Some(path) = &self.divisions {
            let bytes = read("enrich.divisions", path)?;
            tell(path, &divisions.add(&String::from_utf8_lossy(&bytes)), alarms);
        }
        Ok(divisions)
    }
}

/// What a line of a file was refused for; the other lines are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The stable code.
    pub code: &'static str,
    /// The line, from 1.
    pub line: u64,
    /// Why.
    pub why: Text,
}

/// What records are put beside.
pub struct Enricher {
    directory: Arc<Directory>,
    direction: bool,
    assets: Option<Assets>,
    geo: Option<Geo>,
    names: Names,
}

/// The interned names of what is added.
struct Names {
    direction: Option<FieldId>,
    source: Side,
    destination: Side,
}

/// What is added for one of a record's addresses.
struct Side {
    address: FieldId,
    asset_name: Option<FieldId>,
    asset_type: Option<FieldId>,
    asset_school: Option<FieldId>,
    country: Option<FieldId>,
    region: Option<FieldId>,
    city: Option<FieldId>,
}

impl Side {
    fn new(side: &str, address: FieldId) -> Self {
        let name = |rest: &str| FieldId::intern(&format!("{side}.{rest}"));
        Self {
            address,
            asset_name: name("asset.name"),
            asset_type: name("asset.type"),
            asset_school: name("asset.school"),
            country: name("geo.country_iso_code"),
            region: name("geo.region_name"),
            city: name("geo.city_name"),
        }
    }
}

impl Enricher {
    /// Reads the files of a configuration; what is wrong with single lines is said in `alarms`.
    /// `None` if nothing is to be added.
    pub fn open(
        config: &EnrichConfig,
        directory: &Arc<Directory>,
        divisions: &Divisions,
        alarms: &mut Vec<Text>,
    ) -> Result<Option<Self>, ConfigError> {
        let assets = config.assets.as_deref().map(|path| {
            let (assets, bad) = Assets::parse(&read("enrich.assets", path)?, divisions);
            tell(path, &bad, alarms);
            Ok::<_, ConfigError>(assets)
        });
        let geo = config.geoip.as_deref().map(|path| {
            let (geo, bad) = Geo::parse(path, read("enrich.geoip", path)?)?;
            tell(path, &bad, alarms);
            Ok::<_, ConfigError>(geo)
        });
        let enricher = Self {
            directory: Arc::clone(directory),
            direction: config.direction,
            assets: assets.transpose()?,
            geo: geo.transpose()?,
            names: Names {
                direction: FieldId::intern("network.direction"),
                source: Side::new("source", field::SOURCE_IP),
                destination: Side::new("destination", field::DESTINATION_IP),
            },
        };
        let idle = !enricher.direction && enricher.assets.is_none() && enricher.geo.is_none();
        Ok((!idle).then_some(enricher))
    }

    /// Adds what is known of a record's addresses.
    pub fn enrich(&self, event: &mut Event) {
        let source = self.side(event, &self.names.source);
        let destination = self.side(event, &self.names.destination);
        if let (true, Some(source), Some(destination)) = (self.direction, source, destination) {
            let direction = match (source, destination) {
                (true, true) => "internal",
                (true, false) => "outbound",
                (false, true) => "inbound",
                (false, false) => "external",
            };
            add(event, self.names.direction, direction);
        }
    }

    /// Adds what is known of one address; whether it is one of ours, if there is one.
    fn side(&self, event: &mut Event, side: &Side) -> Option<bool> {
        let address: IpAddr = match event.get(side.address)? {
            Value::Str(text) => text.parse::<IpAddr>().ok()?.to_canonical(),
            _ => return None,
        };
        let asset = self.assets.as_ref().and_then(|assets| assets.of(address));
        if let Some(asset) = asset {
            add(event, side.asset_name, &asset.name);
            add(event, side.asset_type, &asset.kind);
            if let Some(school) = asset.school {
                add(event, side.asset_school, &school.to_string());
            }
        }
        let inside = is_private(address);
        if !inside && let Some(place) = self.geo.as_ref().and_then(|geo| geo.of(address)) {
            add(event, side.country, &place.country);
            add(event, side.region, &place.region);
            add(event, side.city, &place.city);
        }
        Some(inside || asset.is_some() || self.directory.site_of(address).is_some())
    }
}

/// Adds a field that the record does not have.
fn add(event: &mut Event, field: Option<FieldId>, value: &str) {
    if let Some(field) = field.filter(|f| !value.is_empty() && event.get(*f).is_none()) {
        event.push(field, Value::Str(value));
    }
}

/// Whether an address is of a range that is never routed on the internet: RFC 1918, RFC 6598,
/// RFC 4193, loopback and link-local.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => {
            let [first, second, ..] = a.octets();
            let shared = first == 100 && (64..128).contains(&second);
            a.is_private() || a.is_loopback() || a.is_link_local() || shared
        }
        IpAddr::V6(a) => a.is_loopback() || a.is_unique_local() || a.is_unicast_link_local(),
    }
}

/// A file of the configuration, within the bound.
fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    let too_long =
        std::fs::metadata(path).is_ok_and(|m| m.len() > crate::limits::ENRICH_FILE_BYTES_MAX);
    let why = if too_long {
        let most = crate::limits::ENRICH_FILE_BYTES_MAX >> 20;
        Text::new(format!("文件超过 {most} MiB"), format!("the file is longer than {most} MiB"))
    } else {
        match std::fs::read(path) {
            Ok(bytes) => return Ok(bytes),
            Err(e) => {
                let path = path.display();
                Text::new(format!("读不到 {path}：{e}"), format!("cannot read {path}: {e}"))
            }
        }
    };
    Err(ConfigError::Value { key, message: why })
}

/// Says how many lines of a file were refused, and the first of them.
fn tell(path: &Path, bad: &[BadRow], alarms: &mut Vec<Text>) {
    for row in bad {
        let reason = &row.why.en;
        tracing::warn!(file = %path.display(), line = row.line, code = row.code, reason, "a line was refused");
    }
    if let Some(first) = bad.first() {
        let (path, count, line) = (path.display(), bad.len(), first.line);
        alarms.push(Text::new(
            format!(
                "{path}：{count} 行未采用，首处为第 {line} 行 [{}] {}",
                first.code, first.why.zh
            ),
            format!(
                "{path}: {count} lines refused, first line {line} [{}] {}",
                first.code, first.why.en
            ),
        ));
    }
}

#[cfg(test)]
#[path = "enrich_tests.rs"]
mod tests;
