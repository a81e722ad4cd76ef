//! Wrong use of the command line, told in Chinese: clap itself speaks English only.

use std::error::Error as _;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::zh;

/// The Chinese text of a usage error; `None` for what is no error (help, version).
pub fn told(error: &Error) -> Option<String> {
    let said = Said(error);
    let (arg, value) = (said.text(ContextKind::InvalidArg), said.text(ContextKind::InvalidValue));
    let mut text = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion => return None,
        ErrorKind::UnknownArgument => format!("未知的参数 {arg}"),
        ErrorKind::InvalidSubcommand => {
            format!("未知的命令 {}", said.text(ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingRequiredArgument => format!("缺少必需的参数：{arg}"),
        ErrorKind::MissingSubcommand => "缺少子命令".to_owned(),
        ErrorKind::InvalidValue if value.is_empty() => format!("{arg} 缺少取值"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("{arg} 的取值 {value} 无效{}", said.reason())
        }
        ErrorKind::NoEquals => format!("{arg} 须用等号给出取值"),
        ErrorKind::ArgumentConflict => {
            let prior = said.text(ContextKind::PriorArg);
            match prior.as_str() {
                "" => format!("{arg} 不能与其他参数同时使用"),
                prior if prior == arg => format!("{arg} 只能给出一次"),
                prior => format!("{arg} 不能与 {prior} 同时使用"),
            }
        }
        ErrorKind::TooManyValues => format!("{arg} 的取值过多：{value} 是多余的"),
        ErrorKind::TooFewValues => format!(
            "{arg} 至少需要 {} 个取值，只给出 {} 个",
            said.text(ContextKind::MinValues),
            said.text(ContextKind::ActualNumValues)
        ),
        ErrorKind::WrongNumberOfValues => format!(
            "{arg} 需要 {} 个取值，给出了 {} 个",
            said.text(ContextKind::ExpectedNumValues),
            said.text(ContextKind::ActualNumValues)
        ),
        ErrorKind::InvalidUtf8 => "参数不是有效的 UTF-8 文本".to_owned(),
        _ => format!("命令行有误：{error}"),
    };
    for (kind, word) in [
        (ContextKind::ValidValue, "可选值"),
        (ContextKind::ValidSubcommand, "可用的命令"),
        (ContextKind::SuggestedArg, "相近的参数"),
        (ContextKind::SuggestedSubcommand, "相近的命令"),
        (ContextKind::SuggestedCommand, "相近的命令"),
        (ContextKind::SuggestedValue, "相近的取值"),
    ] {
        let values = said.text(kind);
        if !values.is_empty() {
            text.push_str(&format!("\n  {word}：{values}"));
        }
    }
    let usage = zh::usage(&said.text(ContextKind::Usage));
    if !usage.is_empty() {
        text.push_str(&format!("\n\n用法：{usage}"));
    }
    Some(format!("错误：{text}\n\n详细说明请用 --help 查看。\n"))
}

struct Said<'a>(&'a Error);

impl Said<'_> {
    /// What clap knows of a kind, as text; empty if nothing.
    fn text(&self, kind: ContextKind) -> String {
        match self.0.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            Some(ContextValue::Strings(texts)) => texts.join("、"),
            Some(ContextValue::StyledStr(text)) => text.to_string(),
            Some(ContextValue::StyledStrs(texts)) => {
                texts.iter().map(ToString::to_string).collect::<Vec<_>>().join("、")
            }
            Some(ContextValue::Number(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// Why a value was refused, if its parser said so.
    fn reason(&self) -> String {
        let Some(source) = self.0.source() else { return String::new() };
        let why = if source.is::<std::num::ParseIntError>() {
            "应为整数，且不超出范围".to_owned()
        } else if source.is::<std::num::ParseFloatError>() {
            "应为数字".to_owned()
        } else if source.is::<std::net::AddrParseError>() {
            "应为“地址:端口”".to_owned()
        } else if source.is::<events::text::BadLang>() {
            "应为 zh 或 en".to_owned()
        } else {
            source.to_string()
        };
        format!("（{why}）")
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn wrong(line: &str) -> String {
        let tree = zh::translate(Cli::command());
        let error = tree.try_get_matches_from(line.split_whitespace()).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        told(&error).unwrap()
    }

    #[test]
    fn wrong_use_is_told_in_chinese_with_the_usage_line() {
        for (line, parts) in [
            (
                "xuedun search --nope",
                &["未知的参数 --nope", "用法：xuedun search [选项] [QUERY]"][..],
            ),
            ("xuedun search --limits 3", &["未知的参数 --limits", "相近的参数：--limit"]),
            ("xuedun serach", &["未知的命令 serach", "search"]),
            ("xuedun detect --input x", &["缺少必需的参数", "--rules", "用法：xuedun detect"]),
            ("xuedun search --limit many", &["--limit", "many", "应为整数"]),
            ("xuedun search --limit", &["--limit", "缺少取值"]),
            ("xuedun --lang fr status", &["--lang", "fr", "应为 zh 或 en"]),
            ("xuedun protect a -o b --algorithm rot13", &["rot13", "可选值：aes-256-gcm、sm4-gcm"]),
            ("xuedun status --json --json", &["--json", "只能给出一次"]),
            (
                "xuedun protect a -o b --root-key k --passphrase-file p",
                &["--root-key", "--passphrase-file", "不能与", "同时使用"],
            ),
            ("xuedun status surplus", &["未知的参数 surplus"]),
        ] {
            let text = wrong(line);
            for part in parts {
                assert!(text.contains(part), "{line}: no {part} in {text}");
            }
            assert!(!text.contains("Usage") && !text.contains("error:"), "{text}");
        }
    }

    #[test]
    fn help_is_no_error() {
        let tree = zh::translate(Cli::command());
        assert!(told(&tree.try_get_matches_from(["xuedun", "--help"]).unwrap_err()).is_none());
    }
}
