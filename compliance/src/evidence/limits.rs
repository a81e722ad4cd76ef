//! Named bounds of the evidence log and of bundles.

/// Bytes of one leaf: what a C2SP entry bundle can hold (16-bit length).
pub const LEAF_BYTES_MAX: usize = 65_535;
/// Hashes of one full tile.
pub const TILE_WIDTH: usize = 256;
/// Bytes of a signed note.
pub const NOTE_BYTES_MAX: usize = 64 << 10;
/// Signature lines of a signed note.
pub const NOTE_SIGNATURES_MAX: usize = 100;
/// Files of one bundle.
pub const BUNDLE_FILES_MAX: usize = 60_000;
/// Bytes of one file of a bundle.
pub const BUNDLE_FILE_BYTES_MAX: u64 = 256 << 20;
/// Bytes of all files of a bundle together.
pub const BUNDLE_BYTES_MAX: u64 = 1 << 30;
/// Items named in one leaf of item verdicts.
pub const ITEMS_PER_LEAF: usize = 40;
/// Tiles kept in memory while reading.
pub const TILES_CACHED_MAX: usize = 256;
/// Bytes of a timestamp answer.
pub const STAMP_BYTES_MAX: usize = 64 << 10;
/// Lines of a policy.
pub const POLICY_LINES_MAX: usize = 1_000;
/// Earlier checkpoints whose consistency a bundle shows.
pub const BUNDLE_SINCE_MAX: usize = 16;
/// Sizes of checkpoints that went out, kept by the log.
pub const SEALED_KEPT: usize = 1_000;
