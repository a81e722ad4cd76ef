//! Student data: inventories of what was found where, never the data.

use events::RunId;

use crate::account::{Caller, Permission};
use crate::centre::Centre;
use crate::error::Error;
use crate::live::Live;
use crate::view::InventoryEntry;

/// Inventories shown.
const ROWS: usize = 200;

impl Centre {
    /// Keeps an inventory, and what a masked copy was, if one was made. For the local command
    /// line and scheduled jobs.
    pub fn keep_inventory(
        &self,
        source: &str,
        inventory: compliance::records::Inventory,
        mask: Option<serde_json::Value>,
    ) -> Result<RunId, Error> {
        let now = self.now();
        let id = RunId::at(now, self.world.unique());
        let entry = InventoryEntry { id, at: now, source: source.to_owned(), inventory, mask };
        self.inventories.put(&id, &entry)?;
        self.state.flush()?;
        self.audit_log.record(None, "records.classify", source, true, now)?;
        let _ = self.pipeline.live.send(Live::Inventory);
        Ok(id)
    }

    /// The inventories, latest first.
    pub fn inventories(&self, caller: &Caller) -> Result<Vec<InventoryEntry>, Error> {
        caller.need(Permission::RecordsRead)?;
        self.audit_log.record(Some(caller), "records.read", "", true, self.now())?;
        Ok(self.inventories.last(ROWS)?.into_iter().map(|(_, entry)| entry).collect())
    }
}
