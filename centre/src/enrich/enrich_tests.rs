use super::*;
use crate::region::{Region, School};

fn enricher(config: &EnrichConfig) -> Enricher {
    let school = School {
        code: "2133000001".parse().unwrap(),
        name: Text::new("实验小学", "Primary"),
        district: Text::new("青溪区", "Qingxi"),
        division: None,
        networks: vec!["198.51.100.0/25".parse().unwrap()],
    };
    let region = Region { name: Text::new("局", "Bureau"), schools: vec![school] };
    let directory = Arc::new(Directory::new(region).unwrap());
    let made = Enricher::open(config, &directory).unwrap();
    assert_eq!(made.alarms(), []);
    made
}

fn enriched(enricher: &Enricher, source: &str, destination: &str) -> Vec<(String, String)> {
    let mut event = Event::new();
    event.push(field::SOURCE_IP, Value::Str(source));
    event.push(field::DESTINATION_IP, Value::Str(destination));
    let before = event.fields().count();
    enricher.enrich(&mut event);
    event
        .fields()
        .skip(before)
        .map(|(id, value)| (id.name().to_owned(), value.text().into_owned()))
        .collect()
}

#[test]
fn directions_follow_private_ranges_schools_and_assets() {
    let dir = tempfile::tempdir().unwrap();
    let assets = dir.path().join("assets.csv");
    std::fs::write(&assets, "name,ip\ncloud,203.0.113.80\n").unwrap();
    let config = EnrichConfig { direction: true, assets: Some(assets), ..EnrichConfig::default() };
    let e = enricher(&config);
    for (source, destination, direction) in [
        ("10.1.1.1", "192.168.0.1", "internal"),
        ("10.1.1.1", "8.8.8.8", "outbound"),
        ("8.8.8.8", "198.51.100.7", "inbound"),
        ("8.8.8.8", "198.51.100.200", "external"),
        ("8.8.8.8", "203.0.113.80", "inbound"),
        ("100.64.0.1", "::ffff:10.0.0.1", "internal"),
        ("fd00::1", "2001:db8::1", "outbound"),
    ] {
        let added = enriched(&e, source, destination);
        let found = added.iter().find(|(name, _)| name == "network.direction").unwrap();
        assert_eq!(found.1, direction, "{source} to {destination}");
    }
    assert!(enriched(&e, "no address", "10.0.0.1").is_empty());
}

#[test]
fn assets_and_places_are_added_and_what_the_record_says_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (assets, places) = (dir.path().join("a.csv"), dir.path().join("g.csv"));
    std::fs::write(
        &assets,
        "资产名称,资产类型,IP地址,学校标识码\n教务系统,服务器,10.1.1.9,2133000001\n",
    )
    .unwrap();
    std::fs::write(&places, "203.0.113.0/24,CN,浙江省,杭州市\n10.0.0.0/8,XX,,\n").unwrap();
    let config =
        EnrichConfig { assets: Some(assets), geoip: Some(places), ..EnrichConfig::default() };
    let e = enricher(&config);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        enriched(&e, "203.0.113.5", "10.1.1.9"),
        [
            pair("source.geo.country_iso_code", "CN"),
            pair("source.geo.region_name", "浙江省"),
            pair("source.geo.city_name", "杭州市"),
            pair("destination.asset.name", "教务系统"),
            pair("destination.asset.type", "服务器"),
            pair("destination.asset.school", "2133000001"),
        ],
        "a private address is nowhere in the world"
    );
    let mut event = Event::new();
    event.push(field::SOURCE_IP, Value::Str("203.0.113.5"));
    event.push_named("source.geo.country_iso_code", Value::Str("US"));
    e.enrich(&mut event);
    let name = FieldId::intern("source.geo.country_iso_code").unwrap();
    let said: Vec<String> =
        event.fields().filter(|(id, _)| *id == name).map(|(_, v)| v.text().into_owned()).collect();
    assert_eq!(said, ["US"]);
}

#[test]
fn files_that_are_wrong_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let directory =
        Arc::new(Directory::new(Region { name: Text::default(), schools: vec![] }).unwrap());
    let open = |config: &EnrichConfig| Enricher::open(config, &directory);
    assert!(!open(&EnrichConfig::default()).unwrap().adds());
    let missing = EnrichConfig { assets: Some(dir.path().join("no.csv")), ..Default::default() };
    let refused = open(&missing).err().unwrap();
    assert!(refused.text().zh.starts_with("enrich.assets：读不到"), "{}", refused.text().zh);
    let path = dir.path().join("a.csv");
    std::fs::write(&path, "name,ip\nx,10.0.0.999\ny,10.0.0.1\n").unwrap();
    let half = EnrichConfig { assets: Some(path), ..Default::default() };
    let alarms = open(&half).unwrap().alarms();
    assert!(alarms[0].zh.contains("1 行未采用，首处为第 2 行 [N022]"), "{}", alarms[0].zh);
}

#[test]
fn a_file_that_changed_is_read_again_once_it_rests() {
    let dir = tempfile::tempdir().unwrap();
    let assets = dir.path().join("assets.csv");
    std::fs::write(&assets, "name,ip\nold,10.1.1.9\n").unwrap();
    let config = EnrichConfig { assets: Some(assets.clone()), ..EnrichConfig::default() };
    let e = enricher(&config);
    let name =
        |e: &Enricher| enriched(e, "10.1.1.9", "10.0.0.1").into_iter().map(|(_, v)| v).next();
    assert!(!e.refresh().unwrap(), "nothing changed");
    std::fs::write(&assets, "name,ip\nnew,10.1.1.9\nx,10.0.0.999\n").unwrap();
    assert!(!e.refresh().unwrap(), "it may be being written");
    assert!(e.refresh().unwrap());
    assert_eq!(name(&e).as_deref(), Some("new"));
    assert!(e.alarms()[0].en.contains("1 lines refused"), "{:?}", e.alarms());
    assert!(!e.refresh().unwrap(), "read once");
    // Gone: what was read stays at work and the alarm says so; back, it is read again.
    std::fs::remove_file(&assets).unwrap();
    assert!(!e.refresh().unwrap());
    assert!(e.refresh().is_err());
    assert_eq!(name(&e).as_deref(), Some("new"));
    assert!(e.alarms()[0].zh.contains("仍用此前读入的内容"), "{:?}", e.alarms());
    std::fs::write(&assets, "name,ip\nback,10.1.1.9\n").unwrap();
    let (first, second) = (e.refresh().unwrap(), e.refresh().unwrap());
    assert_eq!((first, second), (false, true));
    assert_eq!(name(&e).as_deref(), Some("back"));
    assert_eq!(e.alarms(), []);
}

#[test]
fn divisions_that_changed_are_read_again_and_what_names_them_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("divisions.csv");
    std::fs::write(&file, "code,zh,en,verified\n330106,西湖区,,no\n").unwrap();
    let school = School {
        code: "2133000001".parse().unwrap(),
        name: Text::new("甲校", "First"),
        district: Text::default(),
        division: Some(330_999),
        networks: vec![],
    };
    let region = Region { name: Text::default(), schools: vec![school] };
    let directory = Arc::new(Directory::new(region).unwrap());
    let config = EnrichConfig { divisions: Some(file.clone()), ..EnrichConfig::default() };
    let e = Enricher::open(&config, &directory).unwrap();
    assert!(!e.adds(), "names of divisions alone add nothing to records");
    assert!(e.alarms()[0].zh.contains("行政区划代码 330999 不存在"), "{:?}", e.alarms());
    std::fs::write(&file, "code,zh,en,verified\n330999,新区,New,yes\nbad\n").unwrap();
    assert_eq!((e.refresh().unwrap(), e.refresh().unwrap()), (false, true));
    assert_eq!(e.divisions().get(330_999).unwrap().name.zh, "新区");
    let alarms = e.alarms();
    assert_eq!(alarms.len(), 1, "the school's division is known now: {alarms:?}");
    assert!(alarms[0].en.contains("1 lines refused"), "{alarms:?}");
}

#[test]
fn networks_stand_beside_addresses_of_the_world() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("asn.mmdb");
    std::fs::write(&file, include_bytes!("networks.mmdb")).unwrap();
    let e = enricher(&EnrichConfig { asn: Some(file.clone()), ..EnrichConfig::default() });
    assert!(e.adds());
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let told = [pair("source.as.number", "4134"), pair("source.as.organization.name", "CHINANET")];
    assert_eq!(enriched(&e, "203.0.113.5", "10.1.1.9"), told);
    // Replaced by what is no database: what was read stays at work.
    std::fs::write(&file, "no database").unwrap();
    assert!(!e.refresh().unwrap());
    assert!(e.refresh().is_err());
    assert_eq!(enriched(&e, "203.0.113.5", "10.1.1.9"), told);
}
