//! Why a verb could not do its work, told in the language of the user: code, title, detail.

use std::io::{self, IsTerminal};
use std::path::Path;

use events::{Lang, Text};

use crate::codes;

/// Why a verb could not do its work.
#[derive(Debug)]
pub struct Failure {
    code: &'static str,
    detail: Text,
    exit: u8,
}

/// What is told beside the title of a code. A sentence is a [`Text`]; a plain string is what has
/// no language: a path, a value, the words of a library.
#[derive(Debug, Default)]
pub struct Detail(Text);

impl From<Text> for Detail {
    fn from(text: Text) -> Self {
        Self(text)
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self(Text::new(text.clone(), text))
    }
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Failure {
    /// Wrong use: exit code 2.
    pub fn usage(code: &'static str, detail: impl Into<Detail>) -> Self {
        Self { code, detail: detail.into().0, exit: 2 }
    }

    /// A configuration, rule or pipeline that cannot be used: exit code 3.
    pub fn configuration(code: &'static str, detail: impl Into<Detail>) -> Self {
        Self { code, detail: detail.into().0, exit: 3 }
    }

    /// Something failed while running: exit code 4.
    pub fn runtime(code: &'static str, detail: impl Into<Detail>) -> Self {
        Self { code, detail: detail.into().0, exit: 4 }
    }

    /// A file that cannot be read or written.
    pub fn file(path: &Path, error: &io::Error) -> Self {
        Self::told_by_system("X001", &path.display().to_string(), error)
    }

    /// Something that the system refused: about what, and its words.
    pub fn told_by_system(code: &'static str, what: &str, error: &io::Error) -> Self {
        let colon = if what.is_empty() { "" } else { ": " };
        let told = |lang| format!("{what}{colon}{}", said(error, lang));
        Self::runtime(code, Text::new(told(Lang::Zh), told(Lang::En)))
    }

    /// Standard output or input that failed.
    pub fn stream(zh: &str, en: &str, error: &io::Error) -> Self {
        let zh = format!("{zh}: {}", said(error, Lang::Zh));
        Self::runtime("X001", Text::new(zh, format!("{en}: {error}")))
    }

    /// Content of an audit that cannot be used: exit code 3.
    pub fn audit(error: &compliance::audit::AuditError) -> Self {
        Self { code: error.code(), detail: error.text(), exit: 3 }
    }

    /// An error of a library with its own code, told with its whole chain of causes.
    pub fn of(code: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::runtime(code, chain(error))
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        self.exit
    }

    /// What a person reads: `[CODE] title: detail`.
    pub fn told(&self, lang: Lang) -> String {
        told(self.code, self.detail.get(lang), lang)
    }

    /// Tells it on standard error; on a terminal, with the way to the explanation.
    pub fn print(&self, lang: Lang) {
        eprintln!("xuedun: {}", self.told(lang));
        if io::stderr().is_terminal() && codes::find(self.code).is_some() {
            eprintln!("{}xuedun explain {}", lang.pick("详细说明：", "more: "), self.code);
        }
    }
}

/// `[CODE] title: detail` in a language, also for what ends no verb.
pub fn told(code: &str, detail: &str, lang: Lang) -> String {
    let title = codes::find(code).map_or("", |(_, entry)| entry.title.get(lang));
    let colon = if title.is_empty() || detail.is_empty() { "" } else { lang.pick("：", ": ") };
    format!("[{code}] {title}{colon}{detail}")
}

impl From<compliance::audit::AuditError> for Failure {
    fn from(error: compliance::audit::AuditError) -> Self {
        Self::audit(&error)
    }
}

impl From<centre::Error> for Failure {
    fn from(error: centre::Error) -> Self {
        let detail = match &error {
            centre::Error::Query(query) => query.message.clone(),
            centre::Error::Config(config) => config.text(),
            centre::Error::NotARule(why) => why.detail(),
            centre::Error::Evidence(evidence) => centre::evidence::text(evidence),
            _ => Text::new(node_detail_zh(&error), chain_in(&error, Lang::En)),
        };
        Self { code: error.code(), exit: error.exit_code(), detail }
    }
}

/// What a Chinese reader is told beside the title. Where the title says it all there is nothing
/// more; the words of a library stay as they are.
fn node_detail_zh(error: &centre::Error) -> String {
    use centre::Error as E;
    match error {
        E::NotSignedIn
        | E::BadCredentials
        | E::Locked
        | E::CodeNeeded
        | E::NotFound { .. }
        | E::Running { .. } => String::new(),
        E::HalfBundle { run } => run.to_string(),
        E::BadValue { field } => (*field).to_owned(),
        E::Io { what, source } => {
            // What was being done is told in English; the path behind it has no language.
            let path = what.split_once(' ').map_or(what.as_str(), |(_, path)| path);
            format!("{path}：{}", said(source, Lang::Zh))
        }
        _ => chain_in(error, Lang::Zh),
    }
}

impl From<centre::config::ConfigError> for Failure {
    fn from(error: centre::config::ConfigError) -> Self {
        centre::Error::from(error).into()
    }
}

/// An error and its causes in one line of each language.
fn chain(error: &(dyn std::error::Error + 'static)) -> Text {
    Text::new(chain_in(error, Lang::Zh), chain_in(error, Lang::En))
}

fn chain_in(error: &(dyn std::error::Error + 'static), lang: Lang) -> String {
    let mut text = said_by(error, lang);
    let mut next = error.source();
    while let Some(cause) = next {
        let said = said_by(cause, lang);
        if !text.ends_with(&said) && !text.ends_with(&cause.to_string()) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

fn said_by(error: &(dyn std::error::Error + 'static), lang: Lang) -> String {
    error.downcast_ref::<io::Error>().map_or_else(|| error.to_string(), |e| said(e, lang))
}

/// What the system said. The system itself speaks English only.
fn said(error: &io::Error, lang: Lang) -> String {
    use io::ErrorKind as K;
    let zh = match error.kind() {
        _ if lang == Lang::En || error.raw_os_error().is_none() => return error.to_string(),
        K::NotFound => "文件或目录不存在",
        K::PermissionDenied => "权限不足",
        K::AlreadyExists => "已经存在",
        K::IsADirectory => "是目录，不是文件",
        K::NotADirectory => "不是目录",
        K::DirectoryNotEmpty => "目录不为空",
        K::StorageFull => "磁盘空间不足",
        K::QuotaExceeded => "超出磁盘配额",
        K::ReadOnlyFilesystem => "文件系统为只读",
        K::FileTooLarge => "文件过大",
        K::AddrInUse => "地址或端口已被占用",
        K::AddrNotAvailable => "本机没有这个地址",
        K::ConnectionRefused => "连接被拒绝",
        K::ConnectionReset => "连接被对方重置",
        K::TimedOut => "超时",
        K::BrokenPipe => "接收端已关闭",
        _ => return error.to_string(),
    };
    zh.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_its_title_and_detail_in_both_languages() {
        let error = std::fs::read("/nowhere/at/all").unwrap_err();
        let failure = Failure::file(Path::new("规则.yml"), &error);
        let zh = failure.told(Lang::Zh);
        assert!(zh.starts_with("[X001] ") && zh.contains("规则.yml: 文件或目录不存在"), "{zh}");
        let en = failure.told(Lang::En);
        assert!(en.starts_with("[X001] ") && en.contains("No such file"), "{en}");
        assert!(!en.contains('：'), "{en}");
    }

    #[test]
    fn a_title_alone_needs_no_colon() {
        let failure = Failure::usage("X010", "");
        assert!(!failure.told(Lang::Zh).ends_with('：'), "{}", failure.told(Lang::Zh));
        assert!(!failure.told(Lang::En).ends_with(": "), "{}", failure.told(Lang::En));
        assert_eq!(failure.exit_code(), 2);
    }

    #[test]
    fn causes_are_told_once() {
        let source = std::fs::read("/nowhere/at/all").unwrap_err();
        let error = centre::Error::Io { what: "读取".to_owned(), source };
        let failure = Failure::from(error);
        assert_eq!(failure.told(Lang::Zh).matches("不存在").count(), 1);
        assert_eq!(failure.exit_code(), 4);
    }
}
