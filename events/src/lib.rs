//! The words every part of Xuedun speaks.
//!
//! Layout: one file per word. [`event`] holds the log record itself, [`mod@batch`] many of them, [`field`], [`value`] and
//! [`logsource`] what it is made of; [`json`] and [`codec`] are its two written forms.
//! [`site`], [`entity`], [`severity`], [`time`], [`id`] and [`text`] are the words around it.
//!
//! Invariants: no I/O, no clock, no randomness. Whoever needs "now" or a random number passes it
//! in. Nothing here knows of rules, storage or users.

pub mod batch;
pub mod codec;
pub mod entity;
pub mod event;
pub mod field;
pub mod id;
mod intern;
pub mod json;
pub mod limits;
pub mod logsource;
pub mod sensitive;
pub mod severity;
pub mod site;
mod slot;
pub mod text;
pub mod time;
pub mod value;
pub mod wire;

pub use batch::EventBatch;
pub use entity::{Entity, EntityKind};
pub use event::Event;
pub use field::FieldId;
pub use id::{
    AlertId, CaseId, DetectionId, DrillId, EventId, ExerciseId, FindingId, IncidentId, NoticeId,
    RevealId, RunId, StepId,
};
pub use logsource::{LogSource, LogSourceId};
pub use sensitive::Sensitive;
pub use severity::Severity;
pub use site::{SensorId, SiteId};
pub use text::{Lang, Text};
pub use time::Timestamp;
pub use value::Value;
