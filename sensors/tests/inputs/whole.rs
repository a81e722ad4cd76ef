//! Files that are finished when they come: gzip, captures.

use std::io::Write;
use std::sync::Arc;

use events::field;

use crate::support::{Memory, Node, Saved, of};

#[tokio::test(flavor = "multi_thread")]
async fn compressed_logs_are_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let toml = format!(
        "[[sensor]]\nname = \"gz\"\ninput = {{ type = \"gzip\", settle_seconds = 0, paths = [\"{}/*.gz\"] }}\n",
        dir.path().display()
    );
    let pack = |name: &str, text: &str| {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text.as_bytes()).unwrap();
        std::fs::write(dir.path().join(name), gz.finish().unwrap()).unwrap();
    };
    pack("a.gz", "<13>one\n<13>two\n");
    let (memory, saved) = (Memory::new(), Arc::new(Saved::default()));
    let node = Node::start_with(&toml, Arc::clone(&memory), Arc::clone(&saved)).await;
    memory.wait(2).await;
    // The mark is saved after the records are durable.
    while saved.0.lock().unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    node.stop().await;
    pack(
        "b.gz",
        "#Fields: date time c-ip cs-method cs-uri-stem sc-status\n2026-11-23 04:05:06 10.0.0.9 GET /a 404\n",
    );
    let node = Node::start_with(&toml, Arc::clone(&memory), saved).await;
    let events = memory.wait(4).await;
    assert_eq!(events.len(), 4, "a.gz is not read again");
    assert_eq!(events[3].str(field::SOURCE_IP), Some("10.0.0.9"));
    assert_eq!(events[3].time.to_rfc3339(), "2026-11-23T04:05:06Z");
    node.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_becomes_flows_and_a_damaged_one_is_told() {
    let dir = tempfile::tempdir().unwrap();
    // One ICMP echo from 10.1.2.3 to 198.51.100.9, as raw IP.
    let mut bytes = Vec::new();
    for n in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 101, 1_795_406_706, 0, 28, 28] {
        bytes.extend(n.to_le_bytes());
    }
    bytes.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 10, 1, 2, 3, 198, 51, 100, 9]);
    bytes.extend([8, 0, 0, 0, 0, 1, 0, 1]);
    std::fs::write(dir.path().join("a.pcap"), &bytes).unwrap();
    std::fs::write(dir.path().join("b.pcap"), b"no capture").unwrap();
    let node = Node::start(&format!(
        "[[sensor]]\nname = \"pcap\"\ninput = {{ type = \"capture\", settle_seconds = 0, paths = [\"{}/*.pcap\"] }}\n",
        dir.path().display()
    ))
    .await;
    let events = node.memory.wait(2).await;
    let flow = events.iter().find(|e| e.str(field::SOURCE_IP) == Some("10.1.2.3")).unwrap();
    assert_eq!(flow.str(field::NETWORK_TRANSPORT), Some("icmp"));
    assert_eq!(flow.time.to_rfc3339(), "2026-11-23T04:05:06Z");
    let id = events::FieldId::find("network.community_id").unwrap();
    assert!(flow.str(id).is_some_and(|id| id.starts_with("1:")));
    let counters = node.stop().await;
    assert_eq!(of(&counters, "pcap").parse_failed_kept, 1);
}
