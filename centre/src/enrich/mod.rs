//! What a record says, put beside what the bureau knows: whose address it is (资产), whether it is
//! inside or outside, and where in the world. Written into the record before the journal, so that
//! rules, searches and alerts see it. Off without an `[enrich]` table.
//!
//! Only fields are added, under ECS names (`network.direction`, `source.geo.*`) or, for assets, in
//! their manner (`source.asset.*`); what the record itself says under a name stays.

pub mod assets;
pub mod division;
mod geo;
mod tables;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use events::{Event, FieldId, Text, Value, field};
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::region::Directory;
use division::Divisions;
use tables::{Tables, fingerprint, read, tell};

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
    /// Whose networks addresses are of: an `.mmdb` file of autonomous systems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asn: Option<std::path::PathBuf>,
    /// Further names of administrative divisions: a CSV file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub divisions: Option<std::path::PathBuf>,
}

impl EnrichConfig {
    /// The divisions that are shipped and those of the configuration.
    fn divisions(&self, alarms: &mut Vec<Text>) -> Result<Divisions, ConfigError> {
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

/// What records are put beside. Files that change are read again.
pub struct Enricher {
    config: EnrichConfig,
    directory: Arc<Directory>,
    tables: RwLock<Arc<Tables>>,
    look: Mutex<Look>,
    names: Names,
}

/// What was seen of the files.
struct Look {
    /// When they were read last.
    read: u64,
    /// At the last look: a file that is being written is left until it rests.
    last: u64,
    /// What is wrong with them.
    alarms: Vec<Text>,
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
    place: Option<FieldId>,
    network: Option<FieldId>,
    organization: Option<FieldId>,
}

/// The fields that the node itself adds to records, where its files and lists know something.
pub fn added() -> impl Iterator<Item = FieldId> {
    let sides = ["source", "destination"].iter().flat_map(|side| {
        ADDED.iter().filter_map(move |rest| FieldId::intern(&format!("{side}.{rest}")))
    });
    let names = std::iter::once(&DIRECTION).chain(rules::intel::ADDED.iter());
    sides.chain(names.filter_map(|name| FieldId::intern(name)))
}

const DIRECTION: &str = "network.direction";
/// Beside each of a record's two addresses.
const ADDED: [&str; 9] = [
    "asset.name",
    "asset.type",
    "asset.school",
    "geo.country_iso_code",
    "geo.region_name",
    "geo.city_name",
    "geo.name",
    "as.number",
    "as.organization.name",
];

impl Side {
    fn new(side: &str, address: FieldId) -> Self {
        let name = |rest| FieldId::intern(&format!("{side}.{rest}"));
        let [asset_name, asset_type, asset_school, rest @ ..] = ADDED.map(name);
        let [country, region, city, place, network, organization] = rest;
        Self {
            address,
            asset_name,
            asset_type,
            asset_school,
            country,
            region,
            city,
            place,
            network,
            organization,
        }
    }
}

impl Enricher {
    /// Reads the files of a configuration.
    pub fn open(config: &EnrichConfig, directory: &Arc<Directory>) -> Result<Self, ConfigError> {
        let seen = fingerprint(config);
        let (tables, alarms) = Tables::read(config)?;
        Ok(Self {
            config: config.clone(),
            directory: Arc::clone(directory),
            tables: RwLock::new(Arc::new(tables)),
            look: Mutex::new(Look { read: seen, last: seen, alarms }),
            names: Names {
                direction: FieldId::intern(DIRECTION),
                source: Side::new("source", field::SOURCE_IP),
                destination: Side::new("destination", field::DESTINATION_IP),
            },
        })
    }

    /// Whether anything is added to records.
    pub fn adds(&self) -> bool {
        let EnrichConfig { direction, assets, geoip, asn, divisions: _ } = &self.config;
        *direction || assets.is_some() || geoip.is_some() || asn.is_some()
    }

    /// The administrative divisions.
    pub fn divisions(&self) -> Arc<Divisions> {
        Arc::clone(&self.tables().divisions)
    }

    fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again when one has changed and rests since the last look: `true`. When they
    /// cannot be used, what was read before stays at work, and the reason is among the alarms.
    pub fn refresh(&self) -> Result<bool, ConfigError> {
        let now = fingerprint(&self.config);
        let mut look = self.look();
        let rests = std::mem::replace(&mut look.last, now) == now;
        if !rests || look.read == now {
            return Ok(false);
        }
        look.read = now;
        match Tables::read(&self.config) {
            Ok((tables, alarms)) => {
                *self.tables.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tables);
                look.alarms = alarms;
                Ok(true)
            }
            Err(error) => {
                let (why, old) = (error.text(), "仍用此前读入的内容");
                look.alarms = vec![Text::new(
                    format!("{}；{old}", why.zh),
                    format!("{}; what was read before is still used", why.en),
                )];
                Err(error)
            }
        }
    }

    /// What is wrong with the files, and schools whose division none of them names.
    pub fn alarms(&self) -> Vec<Text> {
        let divisions = self.divisions();
        let nowhere = self.directory.schools().filter_map(|school| {
            let code = school.division.filter(|code| divisions.get(*code).is_none())?;
            Some(Text::new(
                format!("{}：行政区划代码 {code} 不存在", school.code),
                format!("{}: there is no division {code}", school.code),
            ))
        });
        self.look().alarms.iter().cloned().chain(nowhere).collect()
    }

    fn look(&self) -> MutexGuard<'_, Look> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what is known of the addresses of a record, both by the same reading of the files.
    pub fn enrich(&self, event: &mut Event) {
        let tables = self.tables();
        let source = self.side(event, &self.names.source, &tables);
        let destination = self.side(event, &self.names.destination, &tables);
        if let (true, Some(source), Some(destination)) =
            (self.config.direction, source, destination)
        {
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
    fn side(&self, event: &mut Event, side: &Side, tables: &Tables) -> Option<bool> {
        let address: IpAddr = match event.get(side.address)? {
            Value::Str(text) => text.parse::<IpAddr>().ok()?.to_canonical(),
            _ => return None,
        };
        let asset = tables.assets.as_ref().and_then(|assets| assets.of(address));
        if let Some(asset) = asset {
            add(event, side.asset_name, &asset.name);
            add(event, side.asset_type, &asset.kind);
            if let Some(school) = asset.school {
                add(event, side.asset_school, &school.to_string());
            }
        }
        let inside = is_private(address);
        if !inside && let Some(place) = tables.geo.as_ref().and_then(|geo| geo.of(address)) {
            add(event, side.country, &place.country);
            add(event, side.region, &place.region);
            add(event, side.city, &place.city);
            add(event, side.place, &place.name);
        }
        if !inside && let Some(network) = tables.networks.as_ref().and_then(|n| n.of(address)) {
            if let Some(id) = side.network.filter(|id| event.get(*id).is_none())
                && network.number > 0
            {
                event.push(id, Value::Int(network.number.into()));
            }
            add(event, side.organization, &network.organization);
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

#[cfg(test)]
#[path = "enrich_tests.rs"]
mod tests;
