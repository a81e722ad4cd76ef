//! The language of the user, known before the arguments are parsed: help and usage errors need it.

use std::ffi::OsString;

use events::Lang;

/// `--lang` wherever it stands before `--`, else `LC_ALL`, `LC_MESSAGES`, `LANG`, else Chinese.
pub fn of(args: &[OsString], env: impl Fn(&str) -> Option<String>) -> Lang {
    asked(args).unwrap_or_else(|| of_environment(env))
}

fn asked(args: &[OsString]) -> Option<Lang> {
    let mut args = args.iter().skip(1).map(|a| a.to_string_lossy()).take_while(|a| a != "--");
    let mut lang = None;
    while let Some(arg) = args.next() {
        if arg == "--lang" {
            lang = args.next().and_then(|v| v.parse().ok());
        } else if let Some(value) = arg.strip_prefix("--lang=") {
            lang = value.parse().ok();
        }
    }
    lang
}

fn of_environment(env: impl Fn(&str) -> Option<String>) -> Lang {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(env);
    match set.into_iter().find(|v| !v.is_empty()) {
        Some(v) if v.starts_with("en") => Lang::En,
        _ => Lang::Zh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lang(line: &str, env: &[(&str, &str)]) -> Lang {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        of(&args, |k| env.iter().find(|(n, _)| *n == k).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_option_wins_over_the_environment() {
        assert_eq!(lang("xuedun", &[]), Lang::Zh);
        assert_eq!(lang("xuedun", &[("LANG", "en_GB.UTF-8")]), Lang::En);
        assert_eq!(lang("xuedun", &[("LC_ALL", ""), ("LANG", "en_US")]), Lang::En);
        assert_eq!(lang("xuedun", &[("LC_ALL", "zh_CN.UTF-8"), ("LANG", "en_US")]), Lang::Zh);
        assert_eq!(lang("xuedun search --lang zh", &[("LANG", "en_US")]), Lang::Zh);
        assert_eq!(lang("xuedun --lang=en search", &[]), Lang::En);
        assert_eq!(lang("xuedun search -- --lang en", &[]), Lang::Zh);
        assert_eq!(lang("xuedun --lang klingon", &[("LANG", "en_US")]), Lang::En);
    }
}
