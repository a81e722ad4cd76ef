//! Flows of captures against Zeek's `conn.log` of the same captures.
//!
//! Compared are addresses, ports, protocol, packets and IP bytes of both directions, for every
//! connection that is not inside a tunnel.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use sensors::decode::capture;
use sensors::decode::flow::Flow;

fn corpora() -> Option<PathBuf> {
    let root = std::env::var_os("XUEDUN_CORPORA").map(PathBuf::from);
    let root =
        root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"));
    let zeek = root.join("zeek");
    if zeek.exists() {
        return Some(zeek);
    }
    assert!(std::env::var_os("XUEDUN_REQUIRE_CORPORA").is_none(), "{} is absent", zeek.display());
    eprintln!("SKIPPED: {} is absent", zeek.display());
    None
}

/// Connections that are the same in Zeek's logs and ours.
const SAME: u32 = 138;

/// Captures whose log says otherwise than we do: connections that only Zeek has so, and why.
const DIFFERING: [(&str, u32, &str); 8] = [
    ("core.skip_analyzer", 7, "GRE is a flow of its own; this log does not name the tunnel"),
    ("core.tunnels.teredo", 10, "Zeek forgets a connection that ended or fell silent sooner"),
    ("core.tunnels.vxlan-unknown-internal-packet", 3, "Zeek does not count bad checksums"),
    ("scripts.base.frameworks.analyzer.request-analyzer", 24, "the log has no counts"),
    ("scripts.base.frameworks.logging.field-name-map", 34, "the log's columns are renamed"),
    ("scripts.base.frameworks.logging.field-name-map2", 1, "the log's columns are renamed"),
    (
        "scripts.base.protocols.modbus.modbus_and_non_modbus_on_port_502",
        2,
        "Zeek begins anew after a RST, we when the ports are opened anew",
    ),
    (
        "scripts.base.protocols.ntp.misordered-ntp",
        1,
        "Zeek gives both packets to one side; tshark reads one of each, as we do",
    ),
];

/// A connection as one line, its ends in order of size so that only what was counted differs.
type Rows = BTreeMap<String, u32>;

fn row(protocol: &str, ends: [(String, String, u64, u64); 2]) -> String {
    let [mut a, mut b] = ends;
    if (&a.0, &a.1) > (&b.0, &b.1) {
        std::mem::swap(&mut a, &mut b);
    }
    format!("{protocol} {}:{} {}p {}b | {}:{} {}p {}b", a.0, a.1, a.2, a.3, b.0, b.1, b.2, b.3)
}

fn of_zeek(log: &Path) -> Rows {
    let mut rows = Rows::new();
    let mut names: Vec<String> = Vec::new();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        if let Some(fields) = line.strip_prefix("#fields\t") {
            names = fields.split('\t').map(str::to_owned).collect();
        }
        if line.starts_with('#') {
            continue;
        }
        let values: Vec<&str> = line.split('\t').collect();
        let get = |name: &str| {
            names.iter().position(|n| n == name).and_then(|at| values.get(at)).copied()
        };
        if get("tunnel_parents").is_some_and(|t| t != "-" && t != "(empty)") {
            continue;
        }
        let (Some(protocol), Some(_)) = (get("proto"), get("orig_pkts")) else { continue };
        let number = |name: &str| get(name).and_then(|n| n.parse().ok()).unwrap_or(0);
        let end = |side: &str, who: &str| {
            (
                get(&format!("id.{who}_h")).unwrap_or("").to_owned(),
                // Zeek has type and code of ICMP here.
                if protocol == "icmp" { "-" } else { get(&format!("id.{who}_p")).unwrap_or("") }
                    .to_owned(),
                number(&format!("{side}_pkts")),
                number(&format!("{side}_ip_bytes")),
            )
        };
        *rows.entry(row(protocol, [end("orig", "orig"), end("resp", "resp")])).or_default() += 1;
    }
    rows
}

fn of_us(pcap: &Path) -> Rows {
    let mut rows = Rows::new();
    let mut each = |flow: Flow| {
        let protocol = match flow.protocol {
            Some(1 | 58) => "icmp",
            Some(6) => "tcp",
            Some(17) => "udp",
            _ => return,
        };
        let port = |p: Option<u16>| {
            if protocol == "icmp" { "-".to_owned() } else { p.unwrap_or(0).to_string() }
        };
        let ends = [
            (flow.source.unwrap().to_string(), port(flow.source_port), flow.packets, flow.bytes),
            (
                flow.destination.unwrap().to_string(),
                port(flow.destination_port),
                flow.reverse_packets.unwrap(),
                flow.reverse_bytes.unwrap(),
            ),
        ];
        *rows.entry(row(protocol, ends)).or_default() += 1;
    };
    capture::flows(File::open(pcap).unwrap(), &mut each).unwrap();
    rows
}

#[test]
fn as_zeek_sees_them() {
    let Some(root) = corpora() else { return };
    let mut folders: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    folders.sort();
    let (mut same, mut differing) = (0, BTreeMap::new());
    for folder in folders {
        let files: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
        let pcap = files.iter().find(|f| f.to_string_lossy().contains(".pcap"));
        let (Some(pcap), log) = (pcap, folder.join("conn.log")) else { continue };
        let (zeek, ours) = (of_zeek(&log), of_us(pcap));
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for (row, n) in &zeek {
            let both = ours.get(row).copied().unwrap_or(0).min(*n);
            same += both;
            if both < *n {
                *differing.entry(name.clone()).or_insert(0) += n - both;
                println!("{name}: only Zeek has {row}");
            }
        }
    }
    let known = DIFFERING.map(|(name, n, _)| (name.to_owned(), n));
    assert_eq!(differing, BTreeMap::from(known));
    assert_eq!(same, SAME, "connections of which addresses, ports, packets and bytes are the same");
}
