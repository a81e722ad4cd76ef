//! The Chinese help: the texts of `zh.toml` laid over the command tree, and clap's own words.
//!
//! A row of `zh.toml` is keyed by the words typed: `search`, `search --limit`, `search QUERY`; a
//! row `* --json` serves every verb that has no row of its own.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use clap::{Arg, Command};

static TABLE: LazyLock<BTreeMap<String, String>> =
    // A table that does not parse leaves the English; a test below parses it.
    LazyLock::new(|| toml::from_str(include_str!("zh.toml")).unwrap_or_default());

/// The command tree with Chinese help.
pub fn translate(mut command: Command) -> Command {
    // Builds the whole tree: only then `--help`, `help` and the names for usage lines are there.
    command.build();
    level(command, "", "")
}

/// One command and all below it. `own` is its key; `base` is what the keys below begin with: the
/// same, except for `help`, below which clap lists again what stands beside it.
fn level(command: Command, own: &str, base: &str) -> Command {
    let mut command = command;
    if let Some(about) = row(own, "") {
        command = command.about(about).long_about(None::<&str>);
    }
    command = command.mut_args(|arg| argument(arg, own)).mut_subcommands(|sub| {
        let (own, base) = below(base, &sub);
        level(sub, &own, &base)
    });
    let usage = usage(&command.render_usage().to_string());
    let template = template(&command);
    command.override_usage(usage).help_template(template)
}

/// Key and base of a subcommand.
fn below(base: &str, sub: &Command) -> (String, String) {
    if sub.get_name() == "help" {
        return ("help".to_owned(), base.to_owned());
    }
    let key = format!("{base} {}", sub.get_name()).trim().to_owned();
    (key.clone(), key)
}

/// The row of a command, or of an argument of it.
fn row(path: &str, argument: &str) -> Option<&'static str> {
    let own = format!("{path} {argument}");
    let key = match own.trim() {
        "" => "xuedun",
        key => key,
    };
    let shared = || TABLE.get(&format!("* {argument}")).filter(|_| !argument.is_empty());
    TABLE.get(key).or_else(shared).map(String::as_str)
}

/// What is typed for an argument: `--limit`, or the name of a place.
fn typed(arg: &Arg) -> String {
    match (arg.get_long(), arg.get_value_names()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some([name, ..])) => name.to_string(),
        (None, _) => arg.get_id().as_str().to_uppercase(),
    }
}

fn argument(arg: Arg, path: &str) -> Arg {
    let Some(text) = row(path, &typed(&arg)) else { return arg };
    let mut text = text.to_owned();
    if arg.get_action().takes_values() {
        let shown = |values: Vec<String>| values.join("、");
        let defaults = arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned());
        let defaults: Vec<String> = defaults.filter(|v| !v.is_empty()).collect();
        let possible = arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect();
        for (word, values) in [("默认", defaults), ("可选值", possible)] {
            if !Vec::is_empty(&values) {
                text.push_str(&format!(" [{word}：{}]", shown(values)));
            }
        }
    }
    arg.help(text).long_help(None::<&str>).hide_default_value(true).hide_possible_values(true)
}

/// A usage line in Chinese, without its heading.
pub fn usage(line: &str) -> String {
    let line = line.trim();
    let line = line.strip_prefix("Usage:").unwrap_or(line).trim();
    line.replace("[OPTIONS]", "[选项]")
        .replace("<COMMAND>", "<命令>")
        .replace("[COMMAND]", "[命令]")
}

fn template(command: &Command) -> String {
    let style = command.get_styles().get_header();
    let heading = |word: &str| format!("{}{word}：{}", style.render(), style.render_reset());
    let mut text = format!("{{about-with-newline}}\n{}{{usage}}\n", heading("用法"));
    if command.get_subcommands().next().is_some() {
        text.push_str(&format!("\n{}\n{{subcommands}}\n", heading("命令")));
    }
    if command.get_positionals().any(|a| !a.is_hide_set()) {
        text.push_str(&format!("\n{}\n{{positionals}}\n", heading("参数")));
    }
    text.push_str(&format!("\n{}\n{{options}}", heading("选项")));
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// Every key that the tree asks for, with the keys of the table that serve it.
    fn walk(
        command: &Command,
        (path, base): (&str, &str),
        missing: &mut Vec<String>,
        used: &mut BTreeSet<String>,
    ) {
        let mut ask = |argument: &str| {
            let key = format!("{path} {argument}").trim().to_owned();
            let key = if key.is_empty() { "xuedun".to_owned() } else { key };
            let shared = format!("* {argument}");
            if TABLE.contains_key(&key) {
                used.insert(key);
            } else if !argument.is_empty() && TABLE.contains_key(&shared) {
                used.insert(shared);
            } else {
                missing.push(key);
            }
        };
        ask("");
        // `--sql` is hidden in a program built without it only.
        let shown = |a: &&clap::Arg| !a.is_hide_set() || a.get_id() == "sql";
        for arg in command.get_arguments().filter(shown) {
            ask(&typed(arg));
            for value in arg.get_possible_values() {
                if value.get_help().is_some() {
                    ask(&format!("{}={}", typed(arg), value.get_name()));
                }
            }
        }
        for sub in command.get_subcommands().filter(|s| !s.is_hide_set()) {
            let (path, base) = below(base, sub);
            walk(sub, (&path, &base), missing, used);
        }
    }

    #[test]
    fn every_command_and_argument_has_chinese_and_no_row_is_stale() {
        assert!(toml::from_str::<BTreeMap<String, String>>(include_str!("zh.toml")).is_ok());
        let mut tree = Cli::command();
        tree.build();
        let (mut missing, mut used) = (Vec::new(), BTreeSet::new());
        walk(&tree, ("", ""), &mut missing, &mut used);
        missing.sort();
        missing.dedup();
        let rows: String = missing.iter().map(|k| format!("\n\"{k}\" = \"…\"")).collect();
        assert!(missing.is_empty(), "add to src/cli/zh.toml, in Chinese:{rows}");
        let stale: Vec<_> = TABLE.keys().filter(|k| !used.contains(*k)).collect();
        assert!(stale.is_empty(), "take out of src/cli/zh.toml, nothing has these: {stale:?}");
    }

    #[test]
    fn no_english_word_of_clap_is_left_in_the_chinese_help() {
        fn look(command: &mut Command) {
            let help = command.render_long_help().to_string();
            for word in ["Usage", "Options:", "Commands:", "Arguments:", "[default", "[possible"] {
                assert!(!help.contains(word), "{word} in {help}");
            }
            assert!(!help.contains("Print") && !help.contains("[OPTIONS]"), "{help}");
            for sub in command.get_subcommands_mut() {
                look(sub);
            }
        }
        look(&mut translate(Cli::command()));
    }
}
