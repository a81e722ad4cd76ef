//! Holds the house's plan: which crate may see which, and what every crate must declare.
//!
//! Arrows point down only; siblings never see each other. The table below is the plan; the test
//! reads `cargo metadata`, so a dependency of any kind (normal, build, dev) counts.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the workspace must fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package};

/// Each crate of the workspace and the crates of the workspace it may depend on.
const PLAN: &[(&str, &[&str])] = &[
    ("events", &[]),
    ("sensors", &["events"]),
    ("rules", &["events"]),
    ("store", &["events"]),
    ("compliance", &["store", "events"]),
    ("playbooks", &["store", "events"]),
    ("centre", &["sensors", "rules", "compliance", "playbooks", "store", "events"]),
    ("console", &["centre", "events"]),
    (
        "xuedun",
        &["console", "centre", "sensors", "rules", "compliance", "playbooks", "store", "events"],
    ),
];

/// Names that say nothing of what a crate is for, and so collect everything.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "misc", "shared", "core"];

/// Lines of one source file at most.
const FILE_LINES_MAX: usize = 500;

/// What breaks the plan: an arrow that is not in it, or a crate the plan does not know.
fn violations(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (from, targets) in edges {
        let Some((_, allowed)) = PLAN.iter().find(|(name, _)| name == from) else {
            found.push(format!("{from} is not in the plan"));
            continue;
        };
        for to in targets.iter().filter(|to| !allowed.contains(&to.as_str())) {
            found.push(format!("{from} must not depend on {to}"));
        }
    }
    found
}

fn edges(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let members: Vec<&Package> = metadata.workspace_packages();
    let names: BTreeSet<String> = members.iter().map(|p| p.name.to_string()).collect();
    let targets = |package: &Package| {
        let all = package.dependencies.iter().map(|d| d.name.clone());
        all.filter(|name| names.contains(name)).collect()
    };
    members.iter().map(|p| (p.name.to_string(), targets(p))).collect()
}

fn metadata() -> Metadata {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    // Only what the manifests declare: needs neither a lock file nor a network.
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap()
}

fn toml(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn dependencies_point_down_only() {
    let edges = edges(&metadata());
    assert_eq!(edges.len(), PLAN.len(), "every crate of the plan exists: {:?}", edges.keys());
    assert_eq!(violations(&edges), Vec::<String>::new());
}

#[test]
fn every_forbidden_arrow_would_be_found() {
    let real = edges(&metadata());
    let mut tried = 0;
    for (from, allowed) in PLAN {
        for (to, _) in PLAN.iter().filter(|(to, _)| !allowed.contains(to)) {
            let mut broken = real.clone();
            broken.get_mut(*from).unwrap().insert((*to).to_owned());
            assert_eq!(violations(&broken), [format!("{from} must not depend on {to}")]);
            tried += 1;
        }
    }
    assert!(tried > PLAN.len(), "the plan forbids something: {tried}");
    let stranger = BTreeMap::from([("gadgets".to_owned(), BTreeSet::new())]);
    assert_eq!(violations(&stranger), ["gadgets is not in the plan"]);
}

#[test]
fn the_plan_itself_has_no_way_up() {
    for (place, (name, allowed)) in PLAN.iter().enumerate() {
        for to in *allowed {
            let below = PLAN.iter().position(|(n, _)| n == to).unwrap();
            assert!(below < place, "{name} → {to} points up");
        }
    }
    let siblings = ["sensors", "rules", "compliance", "playbooks"];
    for (name, allowed) in PLAN.iter().filter(|(name, _)| siblings.contains(name)) {
        assert!(!allowed.iter().any(|to| siblings.contains(to)), "{name} sees a sibling");
    }
}

#[test]
fn no_crate_has_a_name_that_says_nothing() {
    for package in metadata().workspace_packages() {
        assert!(!EMPTY_NAMES.contains(&package.name.as_str()), "{}", package.name);
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let root = toml(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let lints = &root["workspace"]["lints"];
    assert_eq!(lints["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for lint in ["unwrap_used", "expect_used", "panic", "todo", "unimplemented"] {
        assert_eq!(lints["clippy"][lint].as_str(), Some("deny"), "{lint}");
    }
    for package in metadata().workspace_packages() {
        let manifest = toml(package.manifest_path.as_std_path());
        let takes = manifest.get("lints").and_then(|l| l.get("workspace"));
        assert_eq!(takes.and_then(toml::Value::as_bool), Some(true), "{}", package.name);
    }
}

#[test]
fn banned_crates_are_not_locked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let deny = toml(&root.join("deny.toml"));
    let banned = deny["bans"]["deny"].as_array().unwrap();
    let banned: Vec<&str> = banned.iter().filter_map(|b| b["crate"].as_str()).collect();
    assert!(banned.contains(&"openssl") && banned.contains(&"aws-lc-rs"));
    let lock = toml(&root.join("Cargo.lock"));
    let locked = lock["package"].as_array().unwrap();
    let names: Vec<&str> = locked.iter().filter_map(|p| p["name"].as_str()).collect();
    assert!(names.contains(&"ring"), "the lock file was read");
    let found: Vec<&&str> = names.iter().filter(|name| banned.contains(name)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn source_files_stay_readable() {
    let mut long = Vec::new();
    for package in metadata().workspace_packages() {
        let folder = package.manifest_path.parent().unwrap().join("src");
        for file in sources(folder.as_std_path()) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            if lines > FILE_LINES_MAX {
                long.push(format!("{}: {lines} lines", file.display()));
            }
        }
    }
    assert_eq!(long, Vec::<String>::new(), "at most {FILE_LINES_MAX} lines");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}
