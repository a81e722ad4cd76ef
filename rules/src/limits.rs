//! Named bounds of the rule engine. Past them a rule is refused with a code, or state is evicted
//! and counted; nothing grows without end.

/// Largest rule file, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of a rule file and of a condition's parentheses.
pub const DEPTH_MAX: usize = 32;
/// Nodes (scalars, lists, maps) one rule file may hold.
pub const NODES_MAX: usize = 100_000;
/// Problems listed per rule file; the rest are counted.
pub const PROBLEMS_PER_FILE_MAX: usize = 200;
/// Tokens of one condition.
pub const CONDITION_TOKENS_MAX: usize = 2_000;
/// Longest single text pattern or regular expression, in bytes.
pub const PATTERN_BYTES_MAX: usize = 16 << 10;
/// Comparisons one rule may make once its lists and modifiers are expanded.
pub const TESTS_PER_RULE_MAX: usize = 50_000;
/// Memory one compiled regular expression may take, in bytes. Room for `\w{1,64}` over Unicode.
pub const REGEX_BYTES_MAX: usize = 4 << 20;
/// Memory those of one rule may take together, in bytes; each is charged with up to eight times
/// its own.
pub const REGEX_BYTES_RULE_MAX: usize = 16 << 20;
/// Memory those of all rules may take together, in bytes, charged alike.
pub const REGEX_BYTES_ALL_MAX: usize = 256 << 20;
/// Nesting depth of a regular expression.
pub const REGEX_DEPTH_MAX: u32 = 64;
/// Rules one set may hold.
pub const RULES_MAX: usize = 200_000;
/// Longest span of a correlation, in seconds (40 days).
pub const TIMESPAN_SECS_MAX: u64 = 40 * 86_400;
/// Highest threshold a counting correlation may name.
pub const THRESHOLD_MAX: u64 = 100_000;
/// Rules one correlation may refer to.
pub const CORRELATED_RULES_MAX: usize = 64;
/// Fields and other matches listed in one hit.
pub const MATCHED_FIELDS_MAX: usize = 32;
/// Longest value shown in a matched field, in bytes; longer ones are cut at a character.
pub const MATCHED_VALUE_BYTES_MAX: usize = 1_024;
/// Event ids listed in one detection (the first ones and the last one).
pub const DETECTION_EVENTS_MAX: usize = 64;
/// Sources whose event time is followed; past it the one longest silent is let go.
pub const SOURCES_MAX: usize = 4_096;
/// Values the memo from value to predicates remembers, per scratch.
pub const MEMO_VALUES_MAX: usize = 1 << 15;
/// Longest value the memo remembers, in bytes.
pub const MEMO_VALUE_BYTES_MAX: usize = 16 << 10;
/// Memory the memo's values and answers may take, in bytes.
pub const MEMO_BYTES_MAX: usize = 16 << 20;
/// Layouts of events (which fields, in which order) remembered, per scratch.
pub const LAYOUTS_MAX: usize = 512;
/// Most fields of an event whose layout is remembered.
pub const LAYOUT_FIELDS_MAX: usize = 128;
/// Indicators of all threat-intelligence lists together.
pub const INDICATORS_MAX: usize = 5_000_000;
/// Largest threat-intelligence list, in bytes.
pub const INTEL_FILE_BYTES_MAX: u64 = 1 << 30;
/// Problems told per threat-intelligence list.
pub const INTEL_PROBLEMS_MAX: usize = 100;
