//! The command line as a person meets it: help, usage errors, failures and explanations in Chinese
//! and English, by the built program.

#![allow(clippy::unwrap_used, reason = "a test that cannot run the program must fail")]

use std::path::Path;
use std::process::{Command, Output};

/// Runs the program with a clean environment.
fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xuedun"));
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.args(args).envs(env.iter().copied()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// The rows of a help's list of commands: name and what it is about.
fn commands(help: &str, heading: &str) -> Vec<(String, String)> {
    let rows = help.split(heading).nth(1).unwrap().lines().skip(1);
    let rows = rows.take_while(|l| !l.is_empty());
    let pair =
        |l: &str| l.trim().split_once("  ").map(|(n, a)| (n.to_owned(), a.trim().to_owned()));
    rows.filter_map(pair).filter(|(name, _)| name != "help").collect()
}

#[test]
fn help_of_every_verb_says_what_it_is_about_in_both_languages() {
    for (lang, heading, words) in [
        ("zh", "命令：", ["用法：", "选项：", "显示帮助"]),
        ("en", "Commands:", ["Usage:", "Options:", "Print help"]),
    ] {
        let top = run(&["--lang", lang, "--help"], &[]);
        assert_eq!(top.status.code(), Some(0));
        assert!(top.stderr.is_empty());
        let help = out(&top);
        for word in words {
            assert!(help.contains(word), "{word} in {help}");
        }
        let verbs = commands(&help, heading);
        assert!(verbs.len() >= 19, "{verbs:?}");
        for (verb, about) in verbs {
            assert_eq!(chinese(&about), lang == "zh", "{verb}: {about}");
            let one = run(&[&verb, "--help", "--lang", lang], &[]);
            assert_eq!(one.status.code(), Some(0), "{verb}");
            let help = out(&one);
            assert!(help.starts_with(&about) && help.contains(words[0]), "{verb}: {help}");
            // Help by the verb `help` is the same.
            assert_eq!(out(&run(&["--lang", lang, "help", &verb], &[])), help);
        }
    }
}

#[test]
fn the_language_comes_from_the_option_else_from_the_environment() {
    let first = |args: &[&str], env: &[(&str, &str)]| {
        chinese(out(&run(args, env)).lines().nth(2).unwrap_or_default())
    };
    assert!(first(&["--help"], &[]), "Chinese first");
    assert!(!first(&["--help"], &[("LANG", "en_US.UTF-8")]));
    assert!(first(&["--help"], &[("LANG", "en_US.UTF-8"), ("LC_ALL", "zh_CN.UTF-8")]));
    assert!(first(&["--lang=zh", "--help"], &[("LANG", "en_US.UTF-8")]));
}

#[test]
fn wrong_use_ends_with_2_and_is_told_in_the_language() {
    for args in [&["search", "--nope"][..], &["serach"], &["detect"], &["search", "--limit", "x"]] {
        let zh = run(args, &[]);
        assert_eq!(zh.status.code(), Some(2), "{args:?}");
        assert!(zh.stdout.is_empty());
        assert!(err(&zh).starts_with("错误：") && !err(&zh).contains("error:"), "{}", err(&zh));
        let en = run(args, &[("LANG", "en_GB.UTF-8")]);
        assert_eq!(en.status.code(), Some(2), "{args:?}");
        assert!(err(&en).starts_with("error: ") && !chinese(&err(&en)), "{}", err(&en));
    }
    let unknown = err(&run(&["search", "--nope"], &[]));
    assert!(unknown.contains("未知的参数 --nope"), "{unknown}");
    assert!(unknown.contains("用法：xuedun search [选项] [QUERY]"), "{unknown}");
}

#[test]
fn codes_are_explained() {
    let zh = out(&run(&["explain", "X013"], &[]));
    assert!(zh.starts_with("X013  ") && zh.contains("处理办法："), "{zh}");
    let en = out(&run(&["--lang", "en", "explain", "x013"], &[]));
    assert!(en.starts_with("X013  ") && en.contains("What to do: ") && !chinese(&en), "{en}");
    let json = out(&run(&["explain", "X013", "--json"], &[]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["code"], "X013");
    for part in ["title", "meaning", "remedy"] {
        assert!(json[part]["zh"].is_string() && json[part]["en"].is_string(), "{part}");
    }
    let all = out(&run(&["explain", "--json"], &[]));
    let codes: Vec<String> = all
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["code"].to_string())
        .collect();
    assert!(codes.len() > 200 && codes.is_sorted(), "{}", codes.len());
    assert_eq!(out(&run(&["explain"], &[])).lines().count(), codes.len());
}

#[test]
fn an_unknown_code_ends_with_2_and_offers_near_ones() {
    let nope = run(&["explain", "nope"], &[]);
    assert_eq!(nope.status.code(), Some(2));
    assert!(err(&nope).starts_with("xuedun: [X080] 没有这个代码：nope"), "{}", err(&nope));
    let near = run(&["--lang", "en", "explain", "X027"], &[]);
    assert_eq!(near.status.code(), Some(2));
    assert!(err(&near).contains("X026  ") && err(&near).contains("X025  "), "{}", err(&near));
}

#[test]
fn lists_and_samples_that_are_not_there_are_said() {
    for args in [
        &["rules", "intel", "stats", "/nowhere"][..],
        &["detect", "--rules", "rules/library", "--input", "/dev/null", "--intel", "/nowhere"],
    ] {
        let done = run(args, &[]);
        assert_eq!(done.status.code(), Some(3), "{}", err(&done));
        assert!(err(&done).contains("[I001] 情报清单无法读取：/nowhere"), "{}", err(&done));
    }
    let empty = run(&["rules", "cost", "/dev/null"], &[]);
    assert!(err(&empty).starts_with("xuedun: [X092] 样本为空"), "{}", err(&empty));
}

#[test]
fn a_correlation_fires_at_its_own_record_and_at_the_end_of_the_file_too() {
    let dir = tempfile::tempdir().unwrap();
    let (rules, input) = (dir.path().join("r.yml"), dir.path().join("e.jsonl"));
    let base = "title: a\nid: a\nlogsource: {category: x}\ndetection: {s: {k: a}, condition: s}\n";
    let rule = "title: c\nid: c\ncorrelation: {type: event_count, rules: [a], group-by: [u], timespan: 10s, condition: {gte: 3}}\n";
    std::fs::write(&rules, format!("{base}---\n{rule}")).unwrap();
    let record = |s: u32| {
        format!("{{\"@timestamp\":\"2026-01-01T00:00:{s:02}Z\",\"k\":\"a\",\"u\":\"x\"}}\n")
    };
    std::fs::write(&input, [0, 1, 2, 3, 4, 25, 26, 27].map(record).concat()).unwrap();
    let (rules, input) = (rules.to_str().unwrap(), input.to_str().unwrap());
    let args = ["detect", "--rules", rules, "--input", input, "--json", "--no-routing"];
    let found: Vec<serde_json::Value> =
        out(&run(&args, &[])).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let found: Vec<_> = found
        .iter()
        .map(|d| (d["event_index"].as_u64().unwrap(), d["time"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [(2, "2026-01-01T00:00:02Z"), (7, "2026-01-01T00:00:27Z")]);
}

#[test]
fn failures_have_a_title_in_the_language_and_a_stable_code() {
    let args = ["classify", "/nowhere/学生.csv"];
    let zh = run(&args, &[]);
    assert_eq!(zh.status.code(), Some(4));
    assert_eq!(err(&zh), "xuedun: [X001] 文件读写失败：/nowhere/学生.csv: 文件或目录不存在\n");
    let en = err(&run(&args, &[("LANG", "en_US.UTF-8")]));
    assert!(en.starts_with("xuedun: [X001] A file cannot be read or written: /nowhere/"), "{en}");
    let config = run(&["config", "show", "--config", "/nowhere/xuedun.toml"], &[]);
    assert_eq!(config.status.code(), Some(3));
    assert!(err(&config).starts_with("xuedun: [N014] 配置有误："), "{}", err(&config));
    // The way to the explanation is for terminals.
    assert!(!err(&zh).contains("explain"));
}

#[test]
fn no_color_is_respected() {
    let forced = [("CLICOLOR_FORCE", "1")];
    let both = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    for lang in ["zh", "en"] {
        let help = ["--lang", lang, "--help"];
        assert!(out(&run(&help, &forced)).contains('\x1b'), "colour where it is forced");
        assert!(!out(&run(&help, &both)).contains('\x1b'));
        assert!(!out(&run(&help, &[])).contains('\x1b'), "a pipe is no terminal");
        let wrong = ["--lang", lang, "search", "--nope"];
        assert!(!err(&run(&wrong, &both)).contains('\x1b'));
    }
}

#[test]
fn the_configuration_says_where_each_value_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("xuedun.toml");
    let text = "[node]\ndata_dir = \"data\"\n\n[store]\nretention_days = 365\n\n[[sensor]]\n\
                name = \"http\"\ninput = { type = \"http\", listen = \"127.0.0.1:0\", \
                token = \"0123456789abcdef0123456789abcdef\" }\n";
    std::fs::write(&path, text).unwrap();
    let config = path.to_str().unwrap();
    let env = [("XUEDUN_STORE__SEGMENT_MIB", "64")];
    let shown = out(&run(&["config", "show", "--origin", "--config", config], &env));
    for line in [
        format!("store.retention_days = 365  # {config}:5"),
        "store.segment_mib = 64  # 环境变量 XUEDUN_STORE__SEGMENT_MIB".to_owned(),
        "store.disk_reserve_mib = 512  # 默认".to_owned(),
        format!("sensor[0].name = \"http\"  # {config}:8"),
        format!("sensor[0].input.token = \"***\"  # {config}:9"),
    ] {
        assert!(shown.lines().any(|l| l == line), "{line}\nin\n{shown}");
    }
    assert!(!shown.contains("0123456789abcdef"));
    let plain = out(&run(&["config", "show", "--config", config], &env));
    assert!(plain.contains("store.retention_days = 365\n") && !plain.contains('#'), "{plain}");
    let json = out(&run(&["config", "show", "--json", "--config", config], &env));
    let of = |key: &str| {
        let values = json.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        values.into_iter().find(|v| v["key"] == key).unwrap()["origin"].clone()
    };
    assert_eq!(of("store.retention_days")["line"], 5);
    assert_eq!(of("store.segment_mib")["environment"], "XUEDUN_STORE__SEGMENT_MIB");
    assert_eq!(of("store.archive_after_secs"), "default");
}

#[test]
fn a_configuration_that_is_wrong_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let shown = |text: &str, lang: &str| {
        let path = dir.path().join("xuedun.toml");
        std::fs::write(&path, text).unwrap();
        show(&path, lang)
    };
    let short = "[node]\ndata_dir = \"data\"\n[store]\nretention_days = 30\n";
    assert!(shown(short, "zh").contains("store.retention_days：不得少于 180 天"));
    assert!(shown(short, "en").contains("store.retention_days: at least 180 days"));
    let unknown = "[node]\ndata_dir = \"data\"\ncolour = 1\n";
    let told = shown(unknown, "zh");
    assert!(told.contains("line 3") && told.contains('^') && told.contains("colour"), "{told}");
}

fn show(path: &Path, lang: &str) -> String {
    let args = ["--lang", lang, "config", "show", "--config", path.to_str().unwrap()];
    let output = run(&args, &[]);
    assert_eq!(output.status.code(), Some(3));
    err(&output)
}
