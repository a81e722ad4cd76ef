//! What can go wrong in a façade call, and the one place that says how it is told: the stable
//! code, the HTTP status, the exit code and the title in both languages.

use events::Lang;

use crate::account::{Permission, WeakPassword};
use crate::alert::BadAct;

/// A façade call that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No session, or it has ended.
    #[error("not signed in")]
    NotSignedIn,
    /// Wrong name, password or code: which one is not told.
    #[error("name, password or code is wrong")]
    BadCredentials,
    /// Too many failures.
    #[error("the account is locked for a while")]
    Locked,
    /// The second factor is missing.
    #[error("a code of the second factor is needed")]
    CodeNeeded,
    /// The caller's role does not hold the permission.
    #[error("the role lacks {permission:?}")]
    Forbidden {
        /// What is missing.
        permission: Permission,
    },
    /// There is no such thing, or it lies outside the caller's scope.
    #[error("no such {what}")]
    NotFound {
        /// What was asked for.
        what: &'static str,
    },
    /// A new password is too weak.
    #[error(transparent)]
    WeakPassword(#[from] WeakPassword),
    /// An alert group cannot be changed as asked.
    #[error(transparent)]
    Alert(#[from] BadAct),
    /// A query that cannot be read.
    #[error("{0}")]
    Query(#[from] store::search::QueryError),
    /// The program was built without SQL.
    #[error("its feature `sql` was not asked for")]
    NoSql,
    /// A hunt that cannot become a rule.
    #[error(transparent)]
    NotARule(#[from] crate::hunt::NotARule),
    /// Something asked for is already under way.
    #[error("{what} is already running")]
    Running {
        /// What.
        what: &'static str,
    },
    /// A value that a form or request got wrong.
    #[error("bad {field}")]
    BadValue {
        /// Which field.
        field: &'static str,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The operating system failed.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A configuration that cannot be used.
    #[error("{0}")]
    Config(#[from] crate::config::ConfigError),
    /// The evidence log failed: damaged, rolled back, forked, or not to be read.
    #[error("{0}")]
    Evidence(#[from] compliance::evidence::EvidenceError),
    /// The bundle of a run is not there whole: the program stopped while it was written, or its
    /// bytes are not those that were sealed.
    #[error("the bundle of run {run} is half written")]
    HalfBundle {
        /// The run.
        run: events::RunId,
    },
    /// A reveal request cannot become what was asked.
    #[error(transparent)]
    Reveal(#[from] crate::reveal::BadReveal),
    /// Something inside another part failed; the text is for the log.
    #[error("{part}: {message}")]
    Part {
        /// Which part.
        part: &'static str,
        /// What it said.
        message: String,
    },
}

impl Error {
    /// The stable code: `N` and three digits.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotSignedIn => "N001",
            Self::BadCredentials => "N002",
            Self::Locked => "N003",
            Self::CodeNeeded => "N004",
            Self::Forbidden { .. } => "N005",
            Self::NotFound { .. } => "N006",
            Self::WeakPassword(_) => "N007",
            Self::Alert(_) => "N008",
            Self::Query(_) => "N009",
            Self::NotARule(why) => why.code(),
            Self::Running { .. } => "N010",
            Self::BadValue { .. } => "N011",
            Self::Store(_) => "N012",
            Self::Io { .. } => "N013",
            Self::Config(_) => "N014",
            Self::Part { .. } => "N015",
            Self::HalfBundle { .. } => "N016",
            Self::NoSql => "N017",
            Self::Evidence(e) => e.code(),
            Self::Reveal(why) => why.code(),
        }
    }

    /// The HTTP status (RFC 9110).
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::NotSignedIn | Self::BadCredentials | Self::CodeNeeded => 401,
            Self::Locked => 429,
            Self::Forbidden { .. } => 403,
            Self::NotFound { .. } => 404,
            Self::WeakPassword(_) | Self::Query(_) | Self::NotARule(_) | Self::BadValue { .. } => {
                422
            }
            Self::Alert(_) | Self::Running { .. } | Self::HalfBundle { .. } | Self::Reveal(_) => {
                409
            }
            Self::NoSql => 501,
            Self::Store(_)
            | Self::Io { .. }
            | Self::Config(_)
            | Self::Evidence(_)
            | Self::Part { .. } => 500,
        }
    }

    /// The exit code of a command that ends with this.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::BadValue { .. } | Self::Query(_) | Self::NotARule(_) => 2,
            Self::Config(_) => 3,
            _ => 4,
        }
    }

    /// What a person reads.
    pub const fn title(&self, lang: Lang) -> &'static str {
        let (zh, en) = match self {
            Self::NotARule(why) => return why.title(lang),
            Self::Reveal(why) => return why.title(lang),
            Self::NotSignedIn => ("请先登录", "Please sign in"),
            Self::BadCredentials => ("账号、口令或动态码不正确", "Name, password or code is wrong"),
            Self::Locked => ("账号已临时锁定，请稍后再试", "The account is locked for a while"),
            Self::CodeNeeded => ("请输入动态码", "Enter the code of your second factor"),
            Self::Forbidden { .. } => ("您的角色没有此权限", "Your role does not allow this"),
            Self::NotFound { .. } => ("没有找到", "Not found"),
            Self::WeakPassword(WeakPassword::Length) => {
                ("口令长度不足 12 位或过长", "The password is too short or too long")
            }
            Self::WeakPassword(WeakPassword::Classes) => (
                "口令须包含大写、小写、数字、符号中的至少三类",
                "Mix at least three of lower case, upper case, digits and signs",
            ),
            Self::WeakPassword(WeakPassword::HoldsName) => {
                ("口令不得包含账号名", "The password must not hold the account's name")
            }
            Self::Alert(BadAct::Closed) => ("该告警组已关闭", "The alert group is closed"),
            Self::Alert(BadAct::Reason) => ("请填写关闭理由", "A reason is needed"),
            Self::Query(_) => ("查询语句有误", "The query cannot be read"),
            Self::NoSql => ("本程序未包含 SQL 功能", "This program was built without SQL"),
            Self::Running { .. } => ("任务正在执行", "It is already running"),
            Self::BadValue { .. } => ("提交的内容有误", "A value is not right"),
            Self::Store(_) => ("存储出错", "The store failed"),
            Self::Io { .. } => ("系统读写出错", "The system failed"),
            Self::Config(_) => ("配置有误", "The configuration is not right"),
            Self::Evidence(_) => ("证据日志出错", "The evidence log failed"),
            Self::HalfBundle { .. } => {
                ("证据包没有写完整，请重新封存", "The bundle is half written; seal the run again")
            }
            Self::Part { .. } => ("内部出错", "Something inside failed"),
        };
        lang.pick(zh, en)
    }
}

impl From<compliance::audit::AuditError> for Error {
    fn from(error: compliance::audit::AuditError) -> Self {
        Self::Part { part: "compliance", message: error.to_string() }
    }
}
