//! What is read from the files of `[enrich]`, and whether they changed since.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use events::Text;

use super::assets::Assets;
use super::division::Divisions;
use super::geo::{Geo, Networks};
use super::{BadRow, EnrichConfig};
use crate::config::ConfigError;

/// The files' contents, ready for look-ups.
pub(super) struct Tables {
    pub(super) divisions: Arc<Divisions>,
    pub(super) assets: Option<Assets>,
    pub(super) geo: Option<Geo>,
    pub(super) networks: Option<Networks>,
}

impl Tables {
    /// Reads the files; what is wrong with single lines is said in the texts.
    pub(super) fn read(config: &EnrichConfig) -> Result<(Self, Vec<Text>), ConfigError> {
        let mut alarms = Vec::new();
        // The others name divisions.
        let divisions = Arc::new(config.divisions(&mut alarms)?);
        let assets = config.assets.as_deref().map(|path| {
            let (assets, bad) = Assets::parse(&read("enrich.assets", path)?, &divisions);
            tell(path, &bad, &mut alarms);
            Ok::<_, ConfigError>(assets)
        });
        let assets = assets.transpose()?;
        let geo = config.geoip.as_deref().map(|path| {
            let (geo, bad) = Geo::parse(path, read("enrich.geoip", path)?, &divisions)?;
            tell(path, &bad, &mut alarms);
            Ok::<_, ConfigError>(geo)
        });
        let geo = geo.transpose()?;
        let networks =
            config.asn.as_deref().map(|path| Networks::parse(path, read("enrich.asn", path)?));
        let networks = networks.transpose()?;
        Ok((Self { divisions, assets, geo, networks }, alarms))
    }
}

/// What changes when one of the files does.
pub(super) fn fingerprint(config: &EnrichConfig) -> u64 {
    let mut hasher = DefaultHasher::new();
    let EnrichConfig { assets, geoip, asn, divisions, direction: _ } = config;
    for path in [assets, geoip, asn, divisions].into_iter().flatten() {
        let seen = std::fs::metadata(path).ok();
        seen.map(|m| (m.ino(), m.len(), m.mtime(), m.mtime_nsec())).hash(&mut hasher);
    }
    hasher.finish()
}

/// A file of the configuration, within the bound.
pub(super) fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, ConfigError> {
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
pub(super) fn tell(path: &Path, bad: &[BadRow], alarms: &mut Vec<Text>) {
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
