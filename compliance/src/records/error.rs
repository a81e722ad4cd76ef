//! What can go wrong with records. No variant carries a personal value.

use std::io;

/// A failure of finding, masking or protecting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading the input failed.
    #[error("the input cannot be read")]
    Read(#[source] io::Error),
    /// Writing the output failed.
    #[error("the output cannot be written")]
    Write(#[source] io::Error),
    /// A file of this format cannot be read.
    #[error("{what}: {message}")]
    Source {
        /// The format.
        what: &'static str,
        /// What its reader says.
        message: String,
    },
    /// Several tables are in the file and none is named, or none has the name.
    #[error("the file holds {found} tables of that name; name one")]
    NoTable {
        /// Tables that fit.
        found: usize,
    },
    /// There is no header and no row.
    #[error("the input holds no record")]
    Empty,
    /// A cell or record beyond the bound, where cutting it would lose data.
    #[error("row {row}, column {col}: larger than {limit} bytes")]
    Oversized {
        /// 0-based data row.
        row: u64,
        /// 0-based column.
        col: usize,
        /// The bound, in bytes.
        limit: usize,
    },
    /// A row with more cells than the header, where there is no rule for the extra ones.
    #[error("row {row}: {found} cells under a header of {expected}")]
    ExtraCells {
        /// 0-based data row.
        row: u64,
        /// Cells in the row.
        found: usize,
        /// Cells in the header.
        expected: usize,
    },
    /// A taxonomy or policy file is not valid.
    #[error("{what}: {message}")]
    Content {
        /// Which file or part.
        what: &'static str,
        /// What is wrong, with the place.
        message: String,
    },
    /// No policy has this name.
    #[error("no policy is named {name}")]
    NoPolicy {
        /// The name asked for.
        name: String,
    },
    /// A policy asks for what must never be done.
    #[error("policy {policy}, rule {rule}: {reason}")]
    UnsafePolicy {
        /// The policy.
        policy: String,
        /// The element or type of the rule.
        rule: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// A person is still to be found in the masked output.
    #[error("the masked output still holds {total} findings; it is not released")]
    Residue {
        /// How many.
        total: u64,
        /// Where the first ones are, without values.
        samples: Vec<super::CellFinding>,
    },
    /// The second scan did not find a person planted to try it: it proves nothing.
    #[error("the second scan missed a planted {kind}; nothing is released")]
    Canary {
        /// The type planted.
        kind: &'static str,
    },
    /// The output does not reach the k the policy asks for.
    #[error("the output reaches k = {reached}, the policy asks for {wanted}; it is not released")]
    Anonymity {
        /// Smallest group of the output.
        reached: u64,
        /// Smallest group allowed.
        wanted: u64,
    },
    /// In some class a sensitive column shows fewer different values than the policy asks for.
    #[error(
        "column {column:?} reaches l = {reached}, the policy asks for {wanted}; it is not released"
    )]
    Diversity {
        /// The column.
        column: String,
        /// The fewest different values in a class.
        reached: u64,
        /// The fewest allowed.
        wanted: u64,
    },
    /// In some class a sensitive column differs more from the whole than the policy allows.
    #[error(
        "column {column:?} reaches t = {reached}, the policy allows {wanted}; it is not released"
    )]
    Closeness {
        /// The column.
        column: String,
        /// The greatest distance of a class, from 0 to 1.
        reached: f64,
        /// The greatest allowed.
        wanted: f64,
    },
    /// The policy asks for l or t, and there are too many values to measure them.
    #[error("l and t cannot be measured: more than {limit} different values; it is not released")]
    NotMeasured {
        /// The bound.
        limit: usize,
    },
    /// Dates are to be moved, and no column says whose they are.
    #[error("column {column:?} is to be moved, and no column says whose its dates are")]
    NobodysDates {
        /// The column.
        column: String,
    },
    /// A date of the masked output is not the input's, moved as the key tells.
    #[error("row {row}, column {col}: the date is not the one the key tells; it is not released")]
    DateNotMoved {
        /// 0-based data row.
        row: u64,
        /// 0-based column.
        col: usize,
    },
    /// More quasi-identifier groups than can be followed.
    #[error("more than {limit} quasi-identifier groups")]
    TooManyGroups {
        /// The bound.
        limit: usize,
    },
    /// A key is of the wrong length or not hexadecimal.
    #[error("{reason}")]
    BadKey {
        /// Why.
        reason: &'static str,
    },
    /// Passphrase or root key does not open the key store.
    #[error("the key store does not open with this key")]
    WrongKey,
    /// The key store file is damaged or of another version.
    #[error("the key store is not readable: {reason}")]
    BadKeyStore {
        /// Why.
        reason: &'static str,
    },
    /// The root key of the key store is of another kind than the one given.
    #[error("the key store opens with a root key of kind {kind}")]
    OtherRoot {
        /// The kind it opens with.
        kind: &'static str,
    },
    /// The file that says where the root key is kept cannot be used.
    #[error("where the root key is kept: {message}")]
    BadRootPlace {
        /// What is wrong, with the line; never what stands there.
        message: String,
    },
    /// The PKCS#11 library cannot be loaded.
    #[error("the PKCS#11 module cannot be used: {reason}")]
    NoModule {
        /// The loader's or the library's words.
        reason: String,
    },
    /// The module has no such token, or several.
    #[error("{found} tokens of that name are present; one is needed")]
    NoToken {
        /// How many.
        found: usize,
    },
    /// The token does not take the PIN. It was tried once.
    #[error("the token does not take this PIN; it was tried once; {state}")]
    WrongPin {
        /// What the token says of the tries left.
        state: &'static str,
    },
    /// The token or service has no such key, or several.
    #[error("{found} AES keys of that name; one is needed")]
    NoRootKey {
        /// How many.
        found: usize,
    },
    /// The key in the token or service is not one that can stand at the root.
    #[error("the root key cannot be used: {reason}")]
    UnsafeRootKey {
        /// Why.
        reason: &'static str,
    },
    /// The token refused something else.
    #[error("the token refused: {reason}")]
    TokenRefused {
        /// The function and its state.
        reason: String,
    },
    /// No connection to the transit service.
    #[error("the transit service cannot be reached: {reason}")]
    TransitUnreachable {
        /// Why.
        reason: String,
    },
    /// The transit service refused.
    #[error("the transit service refused ({status}): {reason}")]
    TransitRefused {
        /// The HTTP status.
        status: u16,
        /// Its words.
        reason: String,
    },
    /// Another process is writing the keys.
    #[error("the keys are in use by another process")]
    KeysInUse,
    /// No key with this id: never made here, or destroyed.
    #[error("the key of dataset {dataset} is not in the store")]
    NoDatasetKey {
        /// The dataset.
        dataset: String,
    },
    /// The subject's key was destroyed.
    #[error("row {row}: the key of this subject was destroyed or never existed")]
    NoSubjectKey {
        /// 0-based data row.
        row: u64,
    },
    /// Too many messages under one key.
    #[error("key {key_id} has sealed {limit} messages: rotate it")]
    KeyExhausted {
        /// The key's id.
        key_id: u32,
        /// The bound.
        limit: u64,
    },
    /// A protected cell is truncated or is not one.
    #[error("row {row}, column {col}: not a protected cell")]
    NotProtected {
        /// 0-based data row.
        row: u64,
        /// 0-based column.
        col: usize,
    },
    /// A protected cell does not authenticate: altered, moved, or sealed under other keys.
    #[error("row {row}, column {col}: the cell does not authenticate here")]
    Tampered {
        /// 0-based data row.
        row: u64,
        /// 0-based column.
        col: usize,
    },
    /// A file that was not sealed by this program, or only its beginning.
    #[error("not a sealed file")]
    NotSealed,
    /// A piece of a sealed file does not authenticate: altered, moved, cut off, or under other keys.
    #[error("piece {piece} of the file does not authenticate here")]
    TamperedPiece {
        /// 0-based piece of 64 KiB.
        piece: u64,
    },
    /// A file larger than its nonces last: 2^32 pieces.
    #[error("the file is larger than {limit} bytes")]
    FileTooLarge {
        /// The bound, in bytes.
        limit: u64,
    },
    /// A named column is not in the file.
    #[error("no column is named {column}")]
    NoColumn {
        /// The name.
        column: String,
    },
    /// Two rows have the same row key, so a swap between them could not be noticed.
    #[error("row {row}: its row key was already used")]
    DuplicateRowKey {
        /// 0-based data row.
        row: u64,
    },
    /// A row without a row key.
    #[error("row {row}: its row key is empty")]
    EmptyRowKey {
        /// 0-based data row.
        row: u64,
    },
    /// Reveal was asked for without saying why.
    #[error("revealing needs a purpose")]
    NoPurpose,
    /// The key store is guarded: opening needs an approval of that node.
    #[error("the key store is guarded by node {node}: an approval of it is needed")]
    NeedsApproval {
        /// The node.
        node: String,
    },
    /// An approval does not reach so far.
    #[error("{what}: not in what was approved")]
    NotGranted {
        /// The dataset or column beyond it.
        what: String,
    },
    /// More cells than an approval allows.
    #[error("more than the {limit} cells that were approved")]
    TooManyCells {
        /// The bound.
        limit: u64,
    },
    /// An address of a database that cannot be read. What was written is not repeated.
    #[error("not an address of a database: {reason}")]
    BadAddress {
        /// Why.
        reason: &'static str,
    },
    /// What a person says of a column cannot be kept.
    #[error("the confirmation cannot be kept: {reason}")]
    BadConfirmation {
        /// Why.
        reason: &'static str,
    },
    /// A column cannot have a blind index.
    #[error("no blind index for column {column:?}: {reason}")]
    BadIndex {
        /// The column.
        column: String,
        /// Why.
        reason: &'static str,
    },
    /// A search of a column that has no blind index.
    #[error("column {column:?} has no blind index")]
    NotIndexed {
        /// The column.
        column: String,
    },
    /// No connection to the database.
    #[error("the database cannot be reached: {reason}")]
    Connect {
        /// Why: the driver's words, or the server's state.
        reason: String,
    },
    /// A server elsewhere, and no TLS to it.
    #[error("no TLS to a {engine} server that is not on this machine")]
    NotEncrypted {
        /// The engine.
        engine: &'static str,
    },
    /// The server refused, or was lost. Its own words may hold values and are not repeated.
    #[error("{what}: the database says {state}")]
    Database {
        /// The table, or what was asked for.
        what: String,
        /// The SQLSTATE.
        state: String,
    },
    /// The file of progress belongs to another scan.
    #[error("the file of progress belongs to another scan")]
    OtherScan,
    /// The source of randomness failed.
    #[error("no randomness")]
    NoRandomness,
    /// A cryptographic operation that cannot fail with valid arguments failed.
    #[error("a cryptographic operation failed: {what}")]
    Crypto {
        /// Which.
        what: &'static str,
    },
}

impl Error {
    /// The stable code of the variant.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "C001",
            Self::Write(_) => "C002",
            Self::Empty => "C003",
            Self::Oversized { .. } => "C004",
            Self::ExtraCells { .. } => "C005",
            Self::Source { .. } => "C006",
            Self::NoTable { .. } => "C007",
            Self::Content { .. } => "C010",
            Self::NoPolicy { .. } => "C011",
            Self::UnsafePolicy { .. } => "C012",
            Self::Residue { .. } => "C020",
            Self::Anonymity { .. } => "C021",
            Self::TooManyGroups { .. } => "C022",
            Self::Canary { .. } => "C023",
            Self::Diversity { .. } => "C024",
            Self::Closeness { .. } => "C025",
            Self::NotMeasured { .. } => "C026",
            Self::NobodysDates { .. } => "C027",
            Self::DateNotMoved { .. } => "C028",
            Self::BadKey { .. } => "C030",
            Self::WrongKey => "C031",
            Self::BadKeyStore { .. } => "C032",
            Self::NoDatasetKey { .. } => "C033",
            Self::NoSubjectKey { .. } => "C034",
            Self::KeyExhausted { .. } => "C035",
            Self::NotProtected { .. } => "C036",
            Self::Tampered { .. } => "C037",
            Self::NoColumn { .. } => "C038",
            Self::DuplicateRowKey { .. } => "C039",
            Self::EmptyRowKey { .. } => "C040",
            Self::NoPurpose => "C041",
            Self::NoRandomness => "C042",
            Self::KeysInUse => "C044",
            Self::Crypto { .. } => "C043",
            Self::NotSealed => "C045",
            Self::TamperedPiece { .. } => "C046",
            Self::FileTooLarge { .. } => "C047",
            Self::BadIndex { .. } => "C048",
            Self::NotIndexed { .. } => "C049",
            Self::BadAddress { .. } => "C050",
            Self::Connect { .. } => "C051",
            Self::NotEncrypted { .. } => "C052",
            Self::Database { .. } => "C053",
            Self::OtherScan => "C054",
            Self::BadConfirmation { .. } => "C055",
            Self::NeedsApproval { .. } => "C080",
            Self::NotGranted { .. } => "C081",
            Self::TooManyCells { .. } => "C082",
            Self::NoModule { .. } => "C060",
            Self::NoToken { .. } => "C061",
            Self::WrongPin { .. } => "C062",
            Self::NoRootKey { .. } => "C063",
            Self::UnsafeRootKey { .. } => "C064",
            Self::TokenRefused { .. } => "C065",
            Self::TransitUnreachable { .. } => "C066",
            Self::TransitRefused { .. } => "C067",
            Self::OtherRoot { .. } => "C068",
            Self::BadRootPlace { .. } => "C069",
        }
    }

    /// The error a reader of ours wrapped to pass it through [`std::io::Read`], or itself.
    #[must_use]
    pub fn unwrapped(self) -> Self {
        match self {
            Self::Read(error) => error.downcast::<Self>().unwrap_or_else(Self::Read),
            other => other,
        }
    }
}
