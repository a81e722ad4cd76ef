//! Named bounds. Content beyond them is refused with a code; nothing is cut silently.

/// Longest playbook text, in bytes.
pub const TEXT_BYTES_MAX: usize = 4 << 20;
/// Deepest nesting of the JSON text.
pub const JSON_DEPTH_MAX: usize = 64;
/// Most problems reported for one file; later ones are only counted.
pub const PROBLEMS_MAX: usize = 100;
/// Steps one workflow may have.
pub const STEPS_MAX: usize = 2_000;
/// Longest condition expression, in bytes.
pub const CONDITION_BYTES_MAX: usize = 8 << 10;
/// Deepest nesting of parentheses in a condition.
pub const CONDITION_DEPTH_MAX: usize = 32;
/// Compiled size of a regular expression of MATCHES, in bytes.
pub const REGEX_BYTES_MAX: usize = 256 << 10;
/// Longest variable value, in bytes.
pub const VALUE_BYTES_MAX: usize = 64 << 10;
/// Iterations of a while step when the playbook does not say.
pub const WHILE_ITERATIONS_DEFAULT: u32 = 100;
/// Most iterations a playbook may ask for.
pub const WHILE_ITERATIONS_MAX: u32 = 10_000;
/// Most attempts of one command.
pub const ATTEMPTS_MAX: u32 = 20;
/// Most people who must approve one manual step.
pub const APPROVALS_MAX: u32 = 9;
/// Transitions one run may journal: a run past this is finished as failed.
pub const TRANSITIONS_MAX: u64 = 1_000_000;
/// Longest note a person may leave with an answer, in bytes.
pub const NOTE_BYTES_MAX: usize = 8 << 10;
/// Injects one drill may have.
pub const INJECTS_MAX: usize = 500;
/// Records one inject may emit.
pub const INJECT_RECORDS_MAX: u32 = 10_000;
/// Longest inject id, in bytes (it travels inside the marker).
pub const INJECT_ID_BYTES_MAX: usize = 40;
