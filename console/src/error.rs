//! What can go wrong in serving the console.

/// Why the console could not be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listener cannot be used.
    #[error("the console cannot use its listener")]
    Listener {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
}

impl Error {
    /// The stable code: `W` and three digits.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Listener { .. } => "W101",
            Self::Random => "W102",
        }
    }
}
