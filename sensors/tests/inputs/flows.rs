//! NetFlow over a real socket.

use std::sync::Arc;

use events::event::Marks;
use events::field;
use tokio::net::UdpSocket;

use crate::support::{Memory, Node, Saved, of};

const FLOWS: &str = r#"
    [[sensor]]
    name = "flows"
    input = { type = "netflow", listen = "127.0.0.1:0" }
"#;

fn words(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}

fn packet(sequence: u32, sets: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = words(&[9, sets.len() as u16]);
    for n in [10_000u32, 1_795_406_706, sequence, 7] {
        bytes.extend(n.to_be_bytes());
    }
    for (id, body) in sets {
        bytes.extend(words(&[*id, body.len() as u16 + 4]));
        bytes.extend(body);
    }
    bytes
}

fn template() -> (u16, Vec<u8>) {
    (0, words(&[300, 7, 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 1, 4, 2, 4]))
}

fn data(port: u16) -> (u16, Vec<u8>) {
    let mut bytes = vec![10, 1, 2, 3, 198, 51, 100, 9];
    bytes.extend(words(&[51_234, port]));
    bytes.push(6);
    for n in [1500u32, 3] {
        bytes.extend(n.to_be_bytes());
    }
    (300, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_become_events_and_damage_is_kept() {
    let node = Node::start(FLOWS).await;
    let to = node.address("flows");
    let from = UdpSocket::bind("127.0.0.9:0").await.unwrap();
    // Data before its template, the template, more data, a truncated template, nonsense.
    let broken = (0, words(&[301, 9, 8, 4]));
    for bytes in [
        packet(1, &[data(3333)]),
        packet(2, &[template(), data(4444)]),
        packet(5, &[broken, data(5555)]),
        b"nonsense".to_vec(),
    ] {
        from.send_to(&bytes, to).await.unwrap();
    }
    let events = node.memory.wait(5).await;
    let mut ports: Vec<_> = events.iter().filter_map(|e| e.int(field::DESTINATION_PORT)).collect();
    ports.sort_unstable();
    assert_eq!(ports, [3333, 4444, 5555]);
    let flow = events.iter().find(|e| e.int(field::DESTINATION_PORT) == Some(3333)).unwrap();
    assert_eq!(flow.str(field::SOURCE_IP), Some("10.1.2.3"));
    assert_eq!(flow.str(field::DESTINATION_IP), Some("198.51.100.9"));
    assert_eq!(flow.str(field::NETWORK_TRANSPORT), Some("tcp"));
    assert_eq!(
        (flow.int(field::NETWORK_BYTES), flow.int(field::NETWORK_PACKETS)),
        (Some(1500), Some(3))
    );
    let source = flow.logsource.get();
    assert_eq!((source.product.as_str(), source.category.as_str()), ("netflow", "netflow"));
    assert!(!flow.site.is_bureau(), "by the exporter's address");
    let bad: Vec<_> = events.iter().filter(|e| e.marks.has(Marks::UNDECODED)).collect();
    assert_eq!(bad.len(), 2);
    assert!(bad.iter().all(|e| e.str(field::ERROR_CODE) == Some("S110")));
    let counters = node.stop().await;
    let c = of(&counters, "flows");
    assert_eq!((c.decoded, c.parse_failed_kept, c.sequence_gaps), (3, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_known_after_a_restart() {
    let saved = Arc::new(Saved::default());
    let node = Node::start_with(FLOWS, Memory::new(), Arc::clone(&saved)).await;
    let from = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    from.send_to(&packet(1, &[template(), data(1)]), node.address("flows")).await.unwrap();
    node.memory.wait(1).await;
    node.stop().await;
    let node = Node::start_with(FLOWS, Memory::new(), saved).await;
    from.send_to(&packet(2, &[data(2)]), node.address("flows")).await.unwrap();
    let events = node.memory.wait(1).await;
    assert_eq!(events[0].int(field::DESTINATION_PORT), Some(2));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_whose_template_never_came_is_counted_at_the_end() {
    let node = Node::start(FLOWS).await;
    let from = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    from.send_to(&packet(1, &[data(1)]), node.address("flows")).await.unwrap();
    let memory = Arc::clone(&node.memory);
    let counters = node.stop().await;
    assert_eq!(of(&counters, "flows").parse_failed_kept, 1);
    assert_eq!(memory.events()[0].str(field::ERROR_CODE), Some("S111"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sflow_datagrams() {
    let node = Node::start(
        r#"
        [[sensor]]
        name = "flows"
        input = { type = "sflow", listen = "127.0.0.1:0" }
    "#,
    )
    .await;
    // One sample by addresses that the agent took apart: 1,500 bytes, one in ten.
    let head = [5, 1, 0x0a01_0101, 0, 1, 1000, 1, 1, 4 * 18, 1, 7, 10, 10, 0, 1, 2, 1];
    let data = [3, 32, 1500, 6, 0x0a01_0203, 0xc633_6409, 4022, 22, 0x12, 0];
    let bytes: Vec<u8> = head.iter().chain(&data).flat_map(|n: &u32| n.to_be_bytes()).collect();
    let from = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    from.send_to(&bytes, node.address("flows")).await.unwrap();
    from.send_to(b"nonsense", node.address("flows")).await.unwrap();
    let events = node.memory.wait(2).await;
    let flow = events.iter().find(|e| !e.marks.has(Marks::UNDECODED)).unwrap();
    assert_eq!(flow.str(field::SOURCE_IP), Some("10.1.2.3"));
    assert_eq!(flow.int(field::DESTINATION_PORT), Some(22));
    assert_eq!(
        (flow.int(field::NETWORK_BYTES), flow.int(field::NETWORK_PACKETS)),
        (Some(15_000), Some(10))
    );
    let observer = events::FieldId::find("observer.ip").unwrap();
    assert_eq!(flow.str(observer), Some("10.1.1.1"));
    let counters = node.stop().await;
    assert_eq!(of(&counters, "flows").parse_failed_kept, 1);
}
