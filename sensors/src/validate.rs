//! What can be told of a configuration without opening anything: names, packs, addresses, paths,
//! expressions.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use crate::config::{InputConfig, SensorConfig};
use crate::error::Error;
use crate::pack::Packs;

/// Checks sensors against each other and against the packs.
///
/// # Errors
/// The first problem, with the sensor's name.
pub fn validate(sensors: &[SensorConfig], packs: &Packs) -> Result<(), Error> {
    let (mut names, mut places) = (HashSet::new(), HashMap::new());
    for config in sensors {
        if !names.insert(config.name.as_str()) {
            return Err(Error::DuplicateName { name: config.name.clone() });
        }
        if let Some(pack) = &config.pack
            && packs.get(pack).is_none()
        {
            return Err(Error::UnknownPack { sensor: config.name.clone(), pack: pack.clone() });
        }
        let refuse = |reason: String| Error::Config { sensor: config.name.clone(), reason };
        if config.zone_minutes.abs() > 18 * 60 {
            return Err(refuse("`zone_minutes` lies beyond 18 hours".to_owned()));
        }
        // Port 0 is another one each time.
        if let Some((datagrams, address)) = config.input.listens().filter(|l| l.1.port() != 0)
            && let Some(other) = places.insert((datagrams, address), &config.name)
        {
            return Err(refuse(format!("{address} is the address of sensor {other:?} already")));
        }
        match &config.input {
            InputConfig::File { paths, .. }
            | InputConfig::Gzip { paths, .. }
            | InputConfig::Capture { paths, .. }
            | InputConfig::Evtx { paths, .. }
                if paths.is_empty() =>
            {
                return Err(refuse("`paths` is empty".to_owned()));
            }
            InputConfig::Integrity { paths, .. } if paths.is_empty() => {
                return Err(refuse("`paths` is empty".to_owned()));
            }
            InputConfig::File { multiline: Some(m), .. } => {
                regex::Regex::new(&m.start)
                    .map_err(|e| refuse(format!("`multiline.start` is no expression: {e}")))?;
            }
            InputConfig::Http { token, tokens, .. } => {
                let mut secrets = HashSet::from([token.reveal()]);
                if !tokens.iter().all(|t| secrets.insert(t.token.reveal())) {
                    return Err(refuse("two of its tokens are the same".to_owned()));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl InputConfig {
    /// Where it listens, and whether for datagrams.
    fn listens(&self) -> Option<(bool, SocketAddr)> {
        match self {
            Self::SyslogUdp { listen, .. }
            | Self::Netflow { listen, .. }
            | Self::Sflow { listen, .. } => Some((true, *listen)),
            Self::SyslogTcp { listen, .. }
            | Self::SyslogTls { listen, .. }
            | Self::Relp { listen, .. }
            | Self::Http { listen, .. } => Some((false, *listen)),
            Self::File { .. }
            | Self::Gzip { .. }
            | Self::Journald { .. }
            | Self::Integrity { .. }
            | Self::Capture { .. }
            | Self::Evtx { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct All {
        sensor: Vec<SensorConfig>,
    }

    fn check(sensors: &[&str]) -> Result<(), String> {
        let table = |(n, s): (usize, &&str)| {
            let name = if s.contains("name =") { "" } else { &format!("name = \"s{n}\"\n") };
            format!("[[sensor]]\n{name}{s}\n")
        };
        let text: String = sensors.iter().enumerate().map(table).collect();
        let all: All = toml::from_str(&text).unwrap();
        validate(&all.sensor, &Packs::embedded().unwrap()).map_err(|e| e.to_string())
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_sensor() {
        let udp = "input = { type = \"syslog-udp\", listen = \"127.0.0.1:514\" }";
        let tcp = "input = { type = \"relp\", listen = \"127.0.0.1:514\" }";
        assert_eq!(check(&[udp, tcp]), Ok(()));
        for (sensors, want) in [
            (&[udp, udp][..], "127.0.0.1:514 is the address of sensor \"s0\""),
            (&["name = \"a\"\ninput = { type = \"journald\" }"; 2], "two sensors are called"),
            (&["pack = \"nope\"\ninput = { type = \"journald\" }"], "unknown pack"),
            (&["input = { type = \"file\", paths = [] }"], "`paths` is empty"),
            (&["input = { type = \"integrity\", paths = [] }"], "`paths` is empty"),
            (
                &["input = { type = \"file\", paths = [\"a\"], multiline = { start = \"(\" } }"],
                "no expression",
            ),
            (&["zone_minutes = 2000\ninput = { type = \"journald\" }"], "18 hours"),
            (
                &[
                    "input = { type = \"http\", listen = \"127.0.0.1:0\", token = \"0123456789abcdef\", tokens = [{ site = \"2133000001\", token = \"0123456789abcdef\" }] }",
                ],
                "are the same",
            ),
        ] {
            let said = check(sensors).unwrap_err();
            assert!(said.contains(want), "{said}");
            assert!(!said.contains("0123456789abcdef"));
        }
    }
}
