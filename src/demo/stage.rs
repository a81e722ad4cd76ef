//! The node of the demonstration: a configuration for the region, on free ports of the loopback.

use std::net::SocketAddr;
use std::path::Path;

use centre::account::{NewAccount, Role};
use centre::config::{
    AuditConfig, Config, ConsoleConfig, EvidenceConfig, NodeConfig, RulesConfig, StoreConfig,
};
use centre::region;
use events::{Lang, Sensitive, SiteId};
use sensors::{InputConfig, SensorConfig};

use super::region as tale;
use super::send::Targets;
use super::story::DATABASE_SCHOOL;

/// Name of the sensor that takes both kinds of syslog over UDP.
pub const UDP: &str = "region-syslog-udp";
/// Name of the sensor that takes syslog over TCP.
pub const TCP: &str = "region-syslog-tcp";
/// Name of the sensor that follows the database's log.
pub const FILE: &str = "student-database-log";
/// Name of the sensor that takes JSON over HTTP.
pub const HTTP: &str = "school-agents-http";
/// Name of the sensor that takes flows.
pub const FLOWS: &str = "region-netflow";

/// The sensors that the story speaks to.
pub const STORY_SENSORS: [&str; 5] = [UDP, TCP, FILE, HTTP, FLOWS];

/// The configuration of a throw-away node in `dir`.
pub fn config(
    region: &tale::Region,
    dir: &Path,
    console: SocketAddr,
    token: &Sensitive<String>,
) -> Config {
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let sensor = |name: &str, site: SiteId, input: InputConfig| SensorConfig {
        name: name.to_owned(),
        site,
        input,
        pack: None,
        silence_minutes: 30,
        events_per_second_max: None,
        zone_minutes: events::time::BEIJING_OFFSET_SECS / 60,
    };
    let buffer = 8 << 20;
    let sensors = vec![
        sensor(
            UDP,
            SiteId::BUREAU,
            InputConfig::SyslogUdp {
                listen: any,
                encoding: Default::default(),
                receive_buffer_bytes: buffer,
            },
        ),
        sensor(
            TCP,
            SiteId::BUREAU,
            InputConfig::SyslogTcp {
                listen: any,
                encoding: Default::default(),
                connections_max: 256,
            },
        ),
        sensor(
            FILE,
            region.school(DATABASE_SCHOOL).code,
            InputConfig::File {
                paths: vec![log_file(dir).to_string_lossy().into_owned()],
                multiline: None,
                encoding: Default::default(),
                start: Default::default(),
            },
        ),
        sensor(
            HTTP,
            SiteId::BUREAU,
            InputConfig::Http { listen: any, token: token.clone(), tokens: Vec::new(), tls: None },
        ),
        sensor(
            FLOWS,
            SiteId::BUREAU,
            InputConfig::Netflow { listen: any, receive_buffer_bytes: buffer },
        ),
    ];
    Config {
        node: NodeConfig { data_dir: dir.join("data") },
        console: ConsoleConfig { listen: console, cert: None, key: None },
        rules: RulesConfig::default(),
        store: StoreConfig { segment_mib: 16, archive_after_secs: 30, ..StoreConfig::default() },
        audit: AuditConfig { schedule: String::new(), ..AuditConfig::default() },
        enrich: Default::default(),
        reveal: Default::default(),
        evidence: EvidenceConfig {
            schedule: String::new(),
            sm2: true,
            ..EvidenceConfig::default()
        },
        region: places(region),
        sensors,
    }
}

/// The file that the database's sensor follows.
pub fn log_file(dir: &Path) -> std::path::PathBuf {
    dir.join("postgresql.log")
}

/// Where the story is sent, from where the sensors listen.
pub fn targets(
    sensors: &[(String, SocketAddr)],
    dir: &Path,
    token: Sensitive<String>,
) -> Option<Targets> {
    let at = |name: &str| sensors.iter().find(|(n, _)| n == name).map(|(_, a)| *a);
    Some(Targets {
        syslog_udp5424: at(UDP)?,
        syslog_udp3164: at(UDP)?,
        syslog_tcp: at(TCP)?,
        file: log_file(dir),
        http: at(HTTP)?,
        http_token: token,
        netflow: at(FLOWS)?,
    })
}

/// The console's accounts.
pub fn accounts(region: &tale::Region, lang: Lang) -> Vec<NewAccount> {
    let role = |account: &tale::Account| match account.role {
        tale::Role::SystemAdmin => Role::SystemAdmin,
        tale::Role::SecurityAdmin => Role::SecurityAdmin,
        tale::Role::AuditAdmin => Role::AuditAdmin,
        tale::Role::Analyst => Role::Analyst,
        tale::Role::SchoolContact => Role::SchoolContact { site: account.site },
    };
    let account = |a: &tale::Account| NewAccount {
        name: a.login.clone(),
        display_name: a.name.get(lang).to_owned(),
        role: role(a),
        lang,
    };
    region.accounts.iter().map(account).collect()
}

fn places(region: &tale::Region) -> region::Region {
    let school = |s: &tale::School| region::School {
        code: s.code,
        name: s.name.clone(),
        district: region.districts.get(s.district).cloned().unwrap_or_default(),
        division: None,
        networks: s.networks().iter().filter_map(|n| n.parse().ok()).collect(),
    };
    region::Region {
        name: region.bureau.clone(),
        schools: region.schools.iter().map(school).collect(),
    }
}
