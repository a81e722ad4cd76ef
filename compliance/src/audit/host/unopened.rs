//! A target that could not even be opened: every question gets the same reason.

use super::{Command, Host, HostError, Meta};

/// Answers everything with why it was not opened.
#[derive(Debug)]
pub struct UnopenedHost(pub HostError);

impl Host for UnopenedHost {
    fn reach(&self) -> Result<(), HostError> {
        Err(self.0.clone())
    }
    fn read_file(&self, _path: &str) -> Result<Vec<u8>, HostError> {
        Err(self.0.clone())
    }
    fn list_dir(&self, _path: &str) -> Result<Vec<String>, HostError> {
        Err(self.0.clone())
    }
    fn metadata(&self, _path: &str) -> Result<Meta, HostError> {
        Err(self.0.clone())
    }
    fn link_metadata(&self, _path: &str) -> Result<Meta, HostError> {
        Err(self.0.clone())
    }
    fn run(&self, _command: Command) -> Result<Vec<u8>, HostError> {
        Err(self.0.clone())
    }
    fn elapsed_ms(&self) -> u64 {
        0
    }
}
