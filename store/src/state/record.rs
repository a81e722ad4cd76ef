//! Records of tables: a version byte, then JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::limits;

/// What a table holds.
pub trait Record: Serialize + DeserializeOwned {
    /// The version written now. Raise it when older JSON would be read wrongly.
    const VERSION: u8;
    /// Reads a record of another version. `None`: it cannot be read, which is an error.
    fn migrate(version: u8, json: Value) -> Option<Self> {
        let _ = (version, json);
        None
    }
}

pub(crate) fn encode<V: Record>(table: &str, record: &V) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![V::VERSION];
    serde_json::to_writer(&mut bytes, record)
        .map_err(|source| Error::Encode { table: table.to_owned(), source })?;
    if bytes.len() > limits::RECORD_BYTES_MAX {
        let (bytes, bytes_max) = (bytes.len(), limits::RECORD_BYTES_MAX);
        return Err(Error::RecordSize { table: table.to_owned(), bytes, bytes_max });
    }
    Ok(bytes)
}

pub(crate) fn decode<V: Record>(table: &str, bytes: &[u8]) -> Result<V, Error> {
    let bad = |version, source| Error::Record { table: table.to_owned(), version, source };
    let Some((&version, json)) = bytes.split_first() else { return Err(bad(0, None)) };
    if version == V::VERSION {
        return serde_json::from_slice(json).map_err(|e| bad(version, Some(e)));
    }
    let json = serde_json::from_slice(json).map_err(|e| bad(version, Some(e)))?;
    V::migrate(version, json).ok_or_else(|| bad(version, None))
}
