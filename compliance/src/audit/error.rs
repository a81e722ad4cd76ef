//! What can go wrong outside a single check: content that does not load.

use std::error::Error as _;

use events::Text;

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
    /// A file of targets is not TOML of the known shape.
    #[error("targets {file}: {source}")]
    TargetsSyntax {
        /// The file's name.
        file: String,
        /// What the parser said.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A file of targets says something impossible.
    #[error("targets {file}: {problem}")]
    Targets {
        /// The file's name.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// A score template that does not exist.
    #[error("no score template named {name}")]
    UnknownTemplate {
        /// The name asked for.
        name: String,
    },
}

impl AuditError {
    /// What is told of it beside the title of its code, in both languages. A parser's own words and
    /// a problem's place have only one.
    pub fn text(&self) -> Text {
        let en = match self.source() {
            Some(source)
                if !matches!(self, Self::CheckSyntax { .. } | Self::TargetsSyntax { .. }) =>
            {
                format!("{self}: {source}")
            }
            _ => self.to_string(),
        };
        let zh = match self {
            Self::CatalogueSyntax { reason } => reason.clone(),
            Self::CatalogueShape { at, problem } => format!("{at}：{problem}"),
            Self::CatalogueCount { clause, found, wanted } => {
                format!("条款 {clause} 有 {found} 项，标准为 {wanted} 项")
            }
            Self::CheckSyntax { file, source } => format!("检查项 {file}：{source}"),
            Self::CheckShape { file, problem } => format!("检查项 {file}：{problem}"),
            Self::CheckTwice { id } => format!("编号 {id} 用了两次"),
            Self::UnknownItem { check, item } => {
                format!("检查项 {check} 对应要求项 {item}，目录中没有")
            }
            Self::WrongObject { check, item, object } => {
                format!("检查项 {check} 判定要求项 {item}，但该项不对 {object} 测评")
            }
            Self::TooManyChecks { found, max } => format!("共 {found} 项，一次最多 {max} 项"),
            Self::Folder { path, source } => match source.kind() {
                std::io::ErrorKind::NotFound => format!("{path}：文件或目录不存在"),
                std::io::ErrorKind::PermissionDenied => format!("{path}：权限不足"),
                _ => format!("{path}：{source}"),
            },
            Self::TargetsSyntax { file, source } => format!("{file}：{source}"),
            Self::Targets { file, problem } => format!("{file}：{problem}"),
            Self::UnknownTemplate { name } => name.clone(),
        };
        Text::new(zh, en)
    }

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
            Self::TargetsSyntax { .. } => "A040",
            Self::Targets { .. } => "A041",
            Self::UnknownTemplate { .. } => "A020",
        }
    }
}
