//! The audit of a node: itself, then the targets of the file its configuration names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use centre::config::EvidenceConfig;
use centre::ledger::Ledger;
use centre::{Centre, Config, World};
use compliance::audit::TroubleKind;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_audits_the_targets_of_its_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("image/etc")).unwrap();
    std::fs::write(dir.path().join("image/etc/login.defs"), "UMASK 027\n").unwrap();
    std::fs::write(
        dir.path().join("targets.toml"),
        "[[target]]\nname = 'image'\nkind = 'host'\nroot = 'image'\nschool = '2133000001'\nextensions = ['cloud']\n\
         [[target]]\nname = 'nobody'\nkind = 'tls'\naddress = '127.0.0.1'\nport = 1\n",
    )
    .unwrap();
    let config = dir.path().join("xuedun.toml");
    std::fs::write(
        &config,
        "[node]\ndata_dir = \"data\"\n[rules]\nlibrary = false\n[store]\ndisk_reserve_mib = 1\n\
         [audit]\nroot = \"image\"\ntargets = \"targets.toml\"\n",
    )
    .unwrap();
    let config = Config::load(&config, std::iter::empty()).unwrap();
    let data = config.node.data_dir.clone();
    let centre = Centre::open(config, World::real()).unwrap();
    let own = centre.audit_now(&mut |_, _, _| {}).unwrap();
    assert!(own.troubles.is_empty(), "{:?}", own.troubles);
    drop(centre);
    let folder = data.join("compliance");
    let ledger = Ledger::open(&folder, &EvidenceConfig::default(), &World::real()).unwrap();
    let runs = ledger.runs().unwrap();
    let of = |target: &str| runs.iter().find(|r| r.target == target).unwrap();
    assert_eq!(runs.len(), 3);
    assert_eq!((of("image").site.as_u64(), of("image").items.len()), (2_133_000_001, 211 + 46));
    let kinds: Vec<TroubleKind> = of("nobody").troubles.iter().map(|t| t.kind).collect();
    assert_eq!(kinds, [TroubleKind::Unreachable]);
    for run in &runs {
        assert!(ledger.evidence().summary(run.id).unwrap().is_some(), "{} is sealed", run.target);
    }
}
