//! Bytes in, events out: inputs, decoders and packs.
//!
//! Layout: [`config`] is the `[[sensor]]` table, [`start`] (in `run`) brings sensors to life,
//! `input/` has one file per transport, `feed` turns records into events and submits them,
//! [`decode`] has one pure file per format, [`pack`] says what a device's records mean, as data
//! (`packs/*.toml`).
//!
//! Invariants: knows neither rules nor store. A record that arrived is an event, a duplicate or a
//! counted drop, never nothing. A sender that can be acknowledged is acknowledged only after
//! [`Intake::submit`] resolved; a file's position is saved only after that. The clock, ids and
//! places for checkpoints are passed in.

mod ahead;
pub mod config;
mod context;
mod counters;
pub mod decode;
mod error;
mod feed;
pub mod fuzzing;
mod input;
pub mod limits;
mod offline;
pub mod pack;
mod run;
mod turns;
mod validate;

pub use config::{Encoding, InputConfig, Multiline, SensorConfig, ServerTls, SiteToken, Start};
pub use context::{Checkpoints, Clock, Context, ExerciseOf, Ids, Intake, Refused, SiteOf};
pub use counters::SensorCounters;
pub use error::Error;
pub use offline::{decode_file, first_lines};
pub use pack::{Decoded, Fit, Pack, PackProblem, PackTestResult, Packs, Suggestion, Yield};
pub use run::{Running, start};
pub use validate::validate;
