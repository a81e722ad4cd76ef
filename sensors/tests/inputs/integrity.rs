//! File integrity: what happens while the sensor watches, and while it does not.

use std::sync::Arc;

use events::field;

use crate::support::{Memory, Node, Saved};

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_once_and_across_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("kept"), "1").unwrap();
    std::fs::write(path("gone"), "1").unwrap();
    let toml = format!(
        "[[sensor]]\nname = \"fim\"\ninput = {{ type = \"integrity\", paths = [{:?}] }}\n",
        dir.path()
    );
    let (memory, saved) = (Memory::new(), Arc::new(Saved::default()));
    let node = Node::start_with(&toml, Arc::clone(&memory), Arc::clone(&saved)).await;
    // The first look only learns. It is over when the baseline is saved.
    let known = || {
        let saved = saved.0.lock().unwrap();
        saved.values().map(|v| String::from_utf8_lossy(v).matches("sha256").count()).sum::<usize>()
    };
    while known() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    std::fs::create_dir(path("sub")).unwrap();
    std::fs::write(path("sub/new"), "x").unwrap();
    std::fs::write(path("kept"), "2").unwrap();
    let mut told = memory.wait(2).await;
    // A file may be seen while it is being written; what counts is what is known in the end.
    node.stop().await;
    told.clear();
    let before = memory.events().len();
    std::fs::remove_file(path("gone")).unwrap();
    let node = Node::start_with(&toml, Arc::clone(&memory), Arc::clone(&saved)).await;
    let events = memory.wait(before + 1).await;
    let actions: Vec<_> = events
        .iter()
        .map(|e| {
            let file = e.str(field::FILE_PATH).unwrap();
            (e.str(field::EVENT_ACTION).unwrap(), file.rsplit('/').next().unwrap())
        })
        .collect();
    for want in [("created", "new"), ("modified", "kept"), ("deleted", "gone")] {
        assert!(actions.contains(&want), "{want:?} in {actions:?}");
    }
    assert_eq!(actions[before], ("deleted", "gone"));
    node.running.stop().await;
}
