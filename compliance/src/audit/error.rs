//! What can go wrong outside a single check: content that does not load.

/// An error of catalogue or check content, or of a plan. Codes start with `A`.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The catalogue is not YAML.
    #[error("catalogue is not valid YAML: {reason}")]
    CatalogueSyntax {
        /// What the parser said.
        reason: String,
    },
    /// A part of the catalogue is missing or of the wrong kind.
    #[error("catalogue: {at}: {problem}")]
    CatalogueShape {
        /// Where, as a path of ids.
        at: String,
        /// What is wrong.
        problem: String,
    },
    /// The catalogue does not hold the items the standard has.
    #[error("catalogue holds {found} items in clause {clause}, the standard has {wanted}")]
    CatalogueCount {
        /// The clause counted.
        clause: String,
        /// Items found.
        found: usize,
        /// Items the standard has.
        wanted: usize,
    },
    /// A check file is not TOML of the known shape.
    #[error("check {file}: {source}")]
    CheckSyntax {
        /// The file's name.
        file: String,
        /// What the parser said.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A check file says something impossible.
    #[error("check {file}: {problem}")]
    CheckShape {
        /// The file's name.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// Two checks share one id.
    #[error("check id {id} is used twice")]
    CheckTwice {
        /// The id.
        id: String,
    },
    /// A check names an item the catalogue does not have.
    #[error("check {check} serves item {item}, which the catalogue does not have")]
    UnknownItem {
        /// The check.
        check: String,
        /// The item.
        item: String,
    },
    /// A check would judge an item that is not assessed on its kind of object.
    #[error("check {check} judges item {item}, which is not assessed on object {object}")]
    WrongObject {
        /// The check.
        check: String,
        /// The item.
        item: String,
        /// The object class.
        object: String,
    },
    /// More checks than one run takes.
    #[error("{found} checks, at most {max} in one run")]
    TooManyChecks {
        /// Found.
        found: usize,
        /// Bound.
        max: usize,
    },
    /// A folder of overriding content could not be read.
    #[error("cannot read {path}")]
    Folder {
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A score template that does not exist.
    #[error("no score template named {name}")]
    UnknownTemplate {
        /// The name asked for.
        name: String,
    },
}

impl AuditError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CatalogueSyntax { .. } => "A001",
            Self::CatalogueShape { .. } => "A002",
            Self::CatalogueCount { .. } => "A003",
            Self::CheckSyntax { .. } => "A010",
            Self::CheckShape { .. } => "A011",
            Self::CheckTwice { .. } => "A012",
            Self::UnknownItem { .. } => "A013",
            Self::WrongObject { .. } => "A014",
            Self::TooManyChecks { .. } => "A015",
            Self::Folder { .. } => "A016",
            Self::UnknownTemplate { .. } => "A020",
        }
    }
}
