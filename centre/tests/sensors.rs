//! The sensors of a whole node under a clock of the test's own: silence and skew are shown, are
//! alarms, are raised by rules, and end; what the bureau knows of an address stands in the record.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod patience;

mod hands;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::patience::until;
use centre::account::Caller;
use centre::alert::AlertFilter;
use centre::view::{SearchForm, SensorRow};
use centre::{Centre, Config, World};
use events::Timestamp;
use hands::Hands;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const SITE: &str = "2133000001";

const MINUTE: Duration = Duration::from_secs(60);

struct Node {
    centre: Arc<Centre>,
    hands: Arc<Hands>,
    tcp: SocketAddr,
    udp: SocketAddr,
}

async fn node(dir: &Path, more: &str) -> Node {
    let text = format!(
        "[node]\ndata_dir = \"data\"\n[store]\ndisk_reserve_mib = 1\n{more}\n\
         [region]\nname = {{ zh = \"示范\", en = \"Model\" }}\n[[region.school]]\ncode = \"{SITE}\"\n\
         name = {{ zh = \"示范小学\", en = \"Model School\" }}\ndistrict = {{ zh = \"示范区\", en = \"Model\" }}\n\
         [[sensor]]\nname = \"fw\"\nsite = \"{SITE}\"\nsilence_minutes = 30\n\
         input = {{ type = \"syslog-tcp\", listen = \"127.0.0.1:0\" }}\n\
         [[sensor]]\nname = \"rare\"\nsilence_minutes = 0\n\
         input = {{ type = \"syslog-tcp\", listen = \"127.0.0.1:0\" }}\n\
         [[sensor]]\nname = \"flood\"\nsite = \"{SITE}\"\nsilence_minutes = 0\n\
         events_per_second_max = 5\n\
         input = {{ type = \"syslog-udp\", listen = \"127.0.0.1:0\" }}\n\
         [[sensor]]\nname = \"captures\"\ninput = {{ type = \"capture\", paths = [\"none/*.pcap\"] }}\n"
    );
    let path = dir.join("xuedun.toml");
    std::fs::write(&path, text).unwrap();
    let start = Timestamp::parse_rfc3339("2026-11-23T01:00:00Z").unwrap();
    let hands = Arc::new(Hands::at(start));
    let clock: Arc<dyn sensors::Clock> = Arc::clone(&hands) as _;
    let world = World { clock, ..World::real() };
    let centre = Centre::open(Config::load(&path, std::iter::empty()).unwrap(), world).unwrap();
    let addresses = centre.start().await.unwrap();
    let of = |sensor: &str| addresses.iter().find(|(name, _)| name == sensor).unwrap().1;
    let (tcp, udp) = (of("fw"), of("flood"));
    Node { centre, hands, tcp, udp }
}

impl Node {
    fn row(&self) -> SensorRow {
        self.row_of("fw")
    }

    fn row_of(&self, sensor: &str) -> SensorRow {
        let rows = self.centre.sensors(&Caller::local("test")).unwrap();
        rows.into_iter().find(|r| r.name == sensor).unwrap()
    }

    fn alarms(&self) -> Vec<String> {
        self.centre.alarms().into_iter().map(|a| a.zh).collect()
    }

    /// Sends a record whose clock is so far behind ours, and waits for it.
    async fn send(&self, behind_secs: u64, message: &str) {
        let before = self.row().received;
        let at = self.centre.now().minus(Duration::from_secs(behind_secs)).to_rfc3339();
        let mut stream = TcpStream::connect(self.tcp).await.unwrap();
        let line = format!("<38>1 {at} fw app - - - {message}\n");
        stream.write_all(line.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        until("a record", || self.row().received > before).await;
    }

    /// Names of the sensors with an open alert of a rule.
    fn raised(&self, rule: &str) -> Vec<String> {
        let groups =
            self.centre.all_alerts(&Caller::local("test"), &AlertFilter::default()).unwrap();
        let of_rule =
            groups.into_iter().filter(|g| g.rule_id == rule && g.site.to_string() == SITE);
        of_rule.flat_map(|g| g.key.into_iter().map(|(_, value)| value)).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_shown_alarmed_raised_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path(), "").await;
    assert!(!node.row().silent && node.alarms().is_empty(), "{:?}", node.alarms());
    // Nothing ever came: silent after its time, not before.
    node.hands.forward(29 * MINUTE);
    assert!(!node.row().silent);
    node.hands.forward(2 * MINUTE);
    assert_eq!(node.alarms(), ["采集器 fw 静默：启动以来没有日志记录"]);
    node.send(0, "alive").await;
    assert!(node.alarms().is_empty(), "{:?}", node.alarms());
    node.centre.watch_sensors();
    node.hands.forward(45 * MINUTE);
    assert_eq!(node.alarms(), ["采集器 fw 静默：已 45 分钟没有日志记录"]);
    let silent = node.row();
    assert!(silent.silent && silent.last.is_some());
    // The watch may have run by itself meanwhile: the change is written once.
    node.centre.watch_sensors();
    assert_eq!(node.centre.watch_sensors(), 0);
    until("the alert", || !node.raised("xuedun-sensor-silent").is_empty()).await;
    assert_eq!(node.raised("xuedun-sensor-silent"), ["fw"]);
    node.send(0, "back").await;
    assert!(node.alarms().is_empty());
    node.centre.watch_sensors();
    let form = SearchForm {
        query: "product:xuedun service:health observer.name:fw | count by event.action".to_owned(),
        from: Some(Timestamp::MIN),
        to: Some(Timestamp::MAX),
        limit: 10,
        ..SearchForm::default()
    };
    let mut counted = Vec::new();
    until("the end of the silence", || {
        let page = node.centre.search(&Caller::local("test"), &form).unwrap();
        counted = page.table.unwrap().1;
        counted.iter().any(|row| row[0] == "sensor.reporting")
    })
    .await;
    assert!(counted.iter().any(|row| row[0] == "sensor.silent"), "{counted:?}");
    node.centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_is_counted_alarmed_raised_and_ends() {
    const SENT: u64 = 200;
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path(), "").await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = node.centre.now().to_rfc3339();
    for n in 0..SENT {
        let line = format!("<38>1 {at} fw app - - - flood {n}");
        socket.send_to(line.as_bytes(), node.udp).await.unwrap();
    }
    until("every datagram", || node.row_of("flood").received >= SENT).await;
    let row = node.row_of("flood");
    let dropped: u64 = row.dropped.iter().map(|(_, n)| n).sum();
    assert_eq!(row.received, row.decoded + row.undecoded + row.duplicates + dropped);
    assert!(row.dropped.iter().any(|(cause, n)| *cause == "rate" && *n > 0), "{:?}", row.dropped);
    node.centre.watch_sensors();
    let alarms = node.alarms();
    let says = format!("采集器 flood 正在丢失日志记录：近来 {} 条", row.lost());
    assert!(alarms.len() == 1 && alarms[0].starts_with(&says), "{alarms:?}");
    until("the alert", || !node.raised("xuedun-sensor-losing").is_empty()).await;
    assert_eq!(node.raised("xuedun-sensor-losing"), ["flood"]);
    node.hands.forward(11 * MINUTE);
    assert!(node.alarms().is_empty(), "{:?}", node.alarms());
    node.centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_clock_is_measured_alarmed_and_raised() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path(), "").await;
    node.send(20, "a little late").await;
    assert_eq!(node.row().skew_ms, 20_000);
    assert!(node.alarms().is_empty());
    for _ in 0..12 {
        node.send(300, "five minutes behind").await;
    }
    let skew = node.row().skew_ms;
    assert!((200_000..=300_000).contains(&skew), "smoothed: {skew}");
    let alarm = format!("采集器 fw 时钟偏差：来源时钟慢 {} 秒，请校准 NTP", skew / 1_000);
    assert_eq!(node.alarms(), [alarm]);
    node.centre.watch_sensors();
    until("the alert", || !node.raised("xuedun-sensor-skewed").is_empty()).await;
    assert_eq!(node.raised("xuedun-sensor-skewed"), ["fw"]);
    // Correlation does not wait for minutes: the node's own record of it came at once.
    node.hands.forward(Duration::from_secs(1));
    // It tells whole seconds: behind its second's end.
    until("what correlation knows of it", || node.row().behind_ms == 299_000).await;
    assert_eq!(node.row().waits_ms, 0);
    node.centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_bureau_knows_of_an_address_is_found_in_the_record() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("assets.csv"),
        format!(
            "资产名称,资产类型,IP地址,学校标识码\n教务系统,服务器,10.1.1.9,{SITE}\nx,,nowhere,\n"
        ),
    )
    .unwrap();
    std::fs::write(dir.path().join("geo.csv"), "203.0.113.0/24,CN,浙江省,杭州市\n").unwrap();
    let more = "[enrich]\ndirection = true\nassets = \"assets.csv\"\ngeoip = \"geo.csv\"";
    let node = node(dir.path(), more).await;
    assert!(node.alarms()[0].contains("1 行未采用，首处为第 3 行 [N022]"), "{:?}", node.alarms());
    let message =
        "type=vpn action=login result=fail user=u srcip=203.0.113.9 dstip=10.1.1.9 dstport=443";
    let mut stream = TcpStream::connect(node.tcp).await.unwrap();
    let at = node.centre.now().to_rfc3339();
    stream
        .write_all(format!("<132>1 {at} vpn sangfor - - - {message}\n").as_bytes())
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let count = |query: &str| {
        let form = SearchForm { query: query.to_owned(), limit: 10, ..SearchForm::default() };
        node.centre.search(&Caller::local("test"), &form).unwrap().records.len()
    };
    until("the record", || count("sensor:fw") == 1).await;
    let query = "sensor:fw network.direction:inbound source.geo.country_iso_code:CN \
                 source.geo.city_name:杭州市 destination.asset.name:教务系统";
    assert_eq!(count(query), 1);
    assert_eq!(count(&format!("destination.asset.school:{SITE}")), 1);
    node.centre.stop().await;
}
