//! Named bounds of an event. Beyond them a record is truncated or refused with a code, never
//! silently changed.

/// Longest record kept as received, in bytes (longer ones are cut and marked).
pub const RAW_BYTES_MAX: usize = 1 << 20;
/// Fields one event may carry; further ones are dropped and the event is marked.
pub const FIELDS_MAX: usize = 4096;
/// Longest field name, in bytes.
pub const FIELD_NAME_BYTES_MAX: usize = 256;
/// Distinct field names one process interns; later ones share [`crate::field::OVERFLOW`].
pub const FIELD_NAMES_MAX: usize = 65_536;
/// Distinct log sources (product, category, service) one process interns.
pub const LOGSOURCES_MAX: usize = 4_096;
/// Distinct sensors one process interns.
pub const SENSORS_MAX: usize = 16_384;
/// Longest sensor name, in bytes.
pub const SENSOR_NAME_BYTES_MAX: usize = 128;
/// Nesting depth of a JSON record that is flattened; deeper parts are kept as text.
pub const JSON_DEPTH_MAX: usize = 32;
/// Longest single field value, in bytes; longer ones are cut at a character boundary and marked.
pub const VALUE_BYTES_MAX: usize = 256 << 10;
/// All text of one event (raw record plus decoded values), in bytes.
pub const TEXT_BYTES_MAX: usize = 4 << 20;
