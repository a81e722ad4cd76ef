//! What the sensors need from the node: checkpoints in sled and the school behind an address.

use std::net::IpAddr;
use std::sync::Arc;

use events::SiteId;
use sensors::Checkpoints;
use store::state::{Record, State, Table};

use crate::error::Error;
use crate::region::Directory;

#[derive(serde::Serialize, serde::Deserialize)]
struct Saved(String);

impl Record for Saved {
    const VERSION: u8 = 1;
}

/// File positions and flow templates, in the state store.
pub(crate) struct SledCheckpoints {
    table: Table<String, Saved>,
    state: StateHandle,
}

struct StateHandle(Arc<State>);

impl SledCheckpoints {
    pub(crate) fn open(state: &Arc<State>) -> Result<Self, Error> {
        Ok(Self {
            table: state.table("sensor_checkpoints")?,
            state: StateHandle(Arc::clone(state)),
        })
    }
}

impl Checkpoints for SledCheckpoints {
    fn load(&self, key: &str) -> Option<Vec<u8>> {
        let saved = self.table.get(&key.to_owned()).ok()??;
        data_encoding::BASE64.decode(saved.0.as_bytes()).ok()
    }

    fn save(&self, key: &str, value: &[u8]) -> Result<(), String> {
        let saved = Saved(data_encoding::BASE64.encode(value));
        self.table.put(&key.to_owned(), &saved).map_err(|e| e.to_string())?;
        self.state.0.flush().map_err(|e| e.to_string())
    }
}

/// The school an address belongs to, as the sensors ask for it.
pub(crate) fn site_lookup(
    directory: &Arc<Directory>,
) -> Arc<dyn Fn(IpAddr) -> Option<SiteId> + Send + Sync> {
    let directory = Arc::clone(directory);
    Arc::new(move |address| directory.site_of(address))
}
