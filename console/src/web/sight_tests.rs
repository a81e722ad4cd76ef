//! Personal data planted in log records of a whole node, and every route walked as every role: under a
//! policy that shows nothing, nothing of it appears anywhere; under one that shows everything, it does.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{Request, StatusCode, header};
use centre::account::{NewAccount, Role};
use centre::alert::AlertFilter;
use centre::view::SearchForm;
use centre::{Caller, Centre, Config, World};
use events::Lang;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::dispatch::router;
use super::routes::{Access, ROUTES, Verb};
use super::server::shared;
use super::tests::{Fixture, path_of};

/// How long anything may take before the test gives up; nothing is measured.
const PATIENCE: Duration = Duration::from_secs(60);
const SITE: &str = "2133000001";
const ROLES: [&str; 6] = ["sysadmin", "secadmin", "auditor", "analyst", "leader", "contact"];

/// What must not be seen, as grades 2, 2, 3, 3, 4, 4, 4.
const SECRETS: [&str; 7] = [
    "张三丰",
    "zhang.san@example.org",
    "13800138000",
    "文三路12号3幢201室",
    "11010519491231002X",
    "6222021234567890128",
    "G110105194912310038",
];

/// Log records of several forms that hold it.
fn lines() -> Vec<String> {
    let now = events::Timestamp::from_system(std::time::SystemTime::now()).to_rfc3339();
    [
        "planted 学生张三丰 手机 13800138000 身份证 11010519491231002X 学籍号 G110105194912310038",
        "planted 住址 浙江省杭州市西湖区文三路12号3幢201室 卡号 6222021234567890128",
        r#"planted {"student_name":"张三丰","sjh":"13800138000","sfzh":"11010519491231002X"}"#,
        "planted mail to zhang.san@example.org xm=%E5%BC%A0%E4%B8%89%E4%B8%B0 ok",
    ]
    .iter()
    .map(|text| format!("<13>1 {now} h app - - - {text}\n"))
    .chain([format!(
        "<38>1 {now} h sshd 77 - - Failed password for zhang.san@example.org from 10.1.1.9 port 22 ssh2\n"
    )])
    .collect()
}

fn policy(grades: &str) -> String {
    let roles = [
        "system-admin",
        "security-admin",
        "audit-admin",
        "analyst",
        "school-contact",
        "leader",
        "assessor",
    ];
    let sight: String = roles.map(|role| format!("{role} = {grades}\n")).concat();
    format!(
        "[approval]\ngrade_min = 3\nsensitive_pi = true\nelements = []\ncells_max = 500\n\
         waits_hours = 72\nvalid_hours = 8\n[sight]\n{sight}\
         open = [\"IP\", \"MAC\", \"SCHOOL_CODE\", \"USCC\"]\n"
    )
}

const RULE: &str = "title: planted\nid: 5a0f8a3e-0000-4000-8000-000000000001\nlevel: high\n\
    logsource: {category: ''}\ndetection: {k: ['planted', 'Failed password'], condition: k}\n";

async fn node(dir: &Path, policy: Option<&str>) -> (Fixture, SocketAddr) {
    let mut text = format!(
        "[node]\ndata_dir = \"data\"\n[rules]\nlibrary = false\npaths = [\"rules\"]\n[store]\n\
         disk_reserve_mib = 1\n[region]\nname = {{ zh = \"示范\", en = \"Model\" }}\n\
         [[region.school]]\ncode = \"{SITE}\"\nname = {{ zh = \"示范小学\", en = \"Model School\" }}\n\
         district = {{ zh = \"示范区\", en = \"Model\" }}\n[[sensor]]\nname = \"tcp\"\n\
         site = \"{SITE}\"\ninput = {{ type = \"syslog-tcp\", listen = \"127.0.0.1:0\" }}\n"
    );
    if let Some(policy) = policy {
        std::fs::write(dir.join("own.toml"), policy).unwrap();
        text.push_str("[reveal]\npolicy = \"own.toml\"\n");
    }
    std::fs::create_dir(dir.join("rules")).unwrap();
    std::fs::write(dir.join("rules/planted.yml"), RULE).unwrap();
    std::fs::write(dir.join("xuedun.toml"), text).unwrap();
    let config = Config::load(&dir.join("xuedun.toml"), std::iter::empty()).unwrap();
    let centre = Centre::open(config, World::real()).unwrap();
    let roles = [
        Role::SystemAdmin,
        Role::SecurityAdmin,
        Role::AuditAdmin,
        Role::Analyst,
        Role::Leader,
        Role::SchoolContact { site: SITE.parse().unwrap() },
    ];
    for (name, role) in ROLES.iter().zip(roles) {
        let (name, display_name) = ((*name).to_owned(), (*name).to_owned());
        centre.set_up_account(NewAccount { name, display_name, role, lang: Lang::Zh }).unwrap();
    }
    let sensors = centre.start().await.unwrap();
    let (_stopping, stop) = tokio::sync::watch::channel(false);
    let app = router(shared(Arc::clone(&centre), false, stop).unwrap());
    (Fixture::of(app, centre), sensors[0].1)
}

/// Sends the planted records and waits until they are found and have raised an alert.
async fn plant(f: &Fixture, sensor: SocketAddr) {
    let mut to = tokio::net::TcpStream::connect(sensor).await.unwrap();
    let (lines, count) = (lines().concat(), lines().len());
    to.write_all(lines.as_bytes()).await.unwrap();
    to.shutdown().await.unwrap();
    let caller = Caller::local("test");
    let form = SearchForm { query: "sensor:tcp".into(), limit: 100, ..SearchForm::default() };
    let end = Instant::now() + PATIENCE;
    loop {
        let found = f.centre.search(&caller, &form).unwrap().records.len();
        let alerts = f.centre.all_alerts(&caller, &AlertFilter::default()).unwrap();
        if found == count && alerts.iter().map(|g| g.count).sum::<u64>() as usize == count {
            return;
        }
        assert!(Instant::now() < end, "{found} records, {} alerts", alerts.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a route is asked for: every alert and reveal request there is, and searches of every form.
fn asked(f: &Fixture, path: &str) -> Vec<String> {
    let caller = Caller::local("test");
    let ids: Vec<String> = if path.contains("/alerts/{id}") {
        let all = f.centre.all_alerts(&caller, &AlertFilter::default()).unwrap();
        all.iter().map(|g| g.id.to_string()).collect()
    } else if path.contains("/reveals/{id}") {
        f.centre.reveals(&caller).unwrap().iter().map(|r| r.id.to_string()).collect()
    } else {
        vec![]
    };
    if !ids.is_empty() {
        return ids.iter().map(|id| path.replace("{id}", id)).collect();
    }
    if !path.contains("/search") {
        return vec![path_of(path)];
    }
    let queries = [
        "sensor:tcp",
        "sensor:xuedun",
        "planted",
        "sensor:tcp+%7C+table+raw,message,user.name",
        "sensor:tcp+%7C+count+by+raw",
        "sensor:tcp+%7C+top+10+user.name",
    ];
    let forms: &[&str] = if path.ends_with("/export") {
        &["&format=csv", "&format=jsonl"]
    } else {
        &["", "&rows=500"]
    };
    queries
        .iter()
        .flat_map(|q| forms.iter().map(move |form| format!("{path}?q={q}{form}")))
        .collect()
}

/// Every answer of every route that reads, for one role.
async fn walk(f: &Fixture, name: &str) -> Vec<(String, String)> {
    let session = f.sign_in(name);
    let caller = f.centre.caller(&session).unwrap().unwrap();
    let mut answers = Vec::new();
    for route in ROUTES.iter().filter(|r| r.verb == Verb::Get) {
        let permission = match route.access {
            Access::Needs(permission, _) | Access::Local(permission, _) => permission,
            Access::Public(_) | Access::Live(_) => continue,
        };
        if !caller.role.may(permission) {
            continue;
        }
        for path in asked(f, route.path) {
            let (status, body) = f.get(&path, Some(&session)).await;
            assert!(!status.is_server_error(), "{name} {path}: {status} {body}");
            answers.push((path, body));
        }
    }
    answers
}

fn asks(f: &Fixture, name: &str) -> Value {
    let session = f.sign_in(name);
    let caller = f.centre.caller(&session).unwrap().unwrap();
    let form = SearchForm { query: "planted".into(), limit: 100, ..SearchForm::default() };
    let found = f.centre.search(&caller, &form).unwrap();
    let records = found.records.iter().filter(|r| r.sensor == "tcp");
    let ids: Vec<String> = records.map(|r| r.id.to_string()).collect();
    json!({ "records": ids, "purpose": "核对学生13800138000的登录" })
}

async fn post(f: &Fixture, session: &str, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::post(path)
        .header(header::AUTHORIZATION, format!("Bearer {session}"))
        .header(header::CONTENT_TYPE, "application/json");
    let (status, text) = f.ask(request, &body.to_string()).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_see_nothing_finds_nothing_on_any_route() {
    let dir = tempfile::tempdir().unwrap();
    let (f, sensor) = node(dir.path(), Some(&policy("0"))).await;
    plant(&f, sensor).await;
    // A search for the value itself: found, counted, shown masked, and in the log.
    let analyst = f.sign_in("analyst");
    let (_, told) = f.get("/api/v1/search?q=13800138000", Some(&analyst)).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["matched"].as_u64() >= Some(2) && told["masked"].as_u64() >= Some(2), "{told}");
    assert!(told["records"][0]["raw"].as_str().unwrap().contains("〔手机号:"), "{told}");
    // A request whose purpose was written carelessly: who asked and who approves read it as it is.
    let (status, request) = post(&f, &analyst, "/api/v1/reveals", &asks(&f, "analyst")).await;
    assert_eq!(status, StatusCode::OK, "{request}");
    // A hunt for somebody's number, named after it, of another person.
    f.centre.save_hunt(&Caller::local("else"), "查 13800138000", "planted 13800138000").unwrap();
    let (_, hunts) = f.get("/api/v1/hunts", Some(&analyst)).await;
    let hunts: Value = serde_json::from_str(&hunts).unwrap();
    let hunt = &hunts["rows"][0];
    assert!(hunt["query"].as_str().unwrap().starts_with("planted 〔手机号:"), "{hunts}");
    let caller = f.centre.caller(&analyst).unwrap().unwrap();
    let drafted = f.centre.promote_hunt(&caller, hunt["name"].as_str().unwrap(), None);
    assert_eq!(drafted.unwrap_err().code(), "N006", "what is not seen is not drafted");
    let mut seen = 0;
    for name in ROLES {
        for (path, body) in walk(&f, name).await {
            let body = body.replace("核对学生13800138000的登录", "");
            for secret in SECRETS.iter().chain(&["%E5%BC%A0%E4%B8%89", "11010519491231"]) {
                assert!(!body.contains(secret), "{name} {path} shows {secret}:\n{body}");
            }
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen} answers");
    f.centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_see_everything_does_on_the_same_routes() {
    let dir = tempfile::tempdir().unwrap();
    let (f, sensor) = node(dir.path(), Some(&policy("4"))).await;
    plant(&f, sensor).await;
    let answers = walk(&f, "analyst").await;
    let shows = |path: &str, secret: &str| {
        answers.iter().any(|(p, body)| p.starts_with(path) && body.contains(secret))
    };
    for path in [
        "/search?",
        "/search/export?",
        "/alerts/",
        "/api/v1/alerts/",
        "/api/v1/search?",
        "/api/v1/search/export?",
    ] {
        for secret in SECRETS {
            assert!(shows(path, secret), "{path} does not show {secret}");
        }
    }
    assert!(!answers.iter().any(|(_, body)| body.contains('〔')), "nothing is masked");
    f.centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_the_shipped_policy_an_analyst_sees_names_and_asks_for_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let (f, sensor) = node(dir.path(), None).await;
    plant(&f, sensor).await;
    let (analyst, admin) = (f.sign_in("analyst"), f.sign_in("secadmin"));
    let (_, page) = f.get("/search?q=planted", Some(&analyst)).await;
    assert!(page.contains("张三丰") && page.contains("〔手机号:"), "{page}");
    assert!(page.contains("已脱敏") && page.contains("/reveals?records="), "{page}");
    for secret in &SECRETS[2..] {
        assert!(!page.contains(secret), "{secret}");
    }

    let (_, asked) = post(&f, &analyst, "/api/v1/reveals", &asks(&f, "analyst")).await;
    assert_eq!((&asked["state"], &asked["grade"]), (&json!("requested"), &json!(4)), "{asked}");
    let one = format!("/reveals/{}", asked["id"].as_str().unwrap());
    let open = format!("/api/v1{one}/open");
    let (status, told) = post(&f, &analyst, &open, &json!({})).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("N032")));
    let (_, page) = f.get(&one, Some(&admin)).await;
    assert!(page.contains("〔身份证号:") && page.contains("/approve"), "{page}");
    let (status, _) = post(&f, &admin, &format!("/api/v1{one}/approve"), &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = post(&f, &admin, &open, &json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "only who asked opens it");
    let (_, page) = f.get(&one, Some(&analyst)).await;
    assert!(page.contains("〔身份证号:") && page.contains(&format!("{one}/open")), "{page}");
    let (status, shown) = post(&f, &analyst, &open, &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    let shown = shown.to_string();
    for secret in SECRETS {
        assert!(shown.contains(secret), "{secret}");
    }
    let (status, _) = post(&f, &analyst, &open, &json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "once");
    let auditor = f.sign_in("auditor");
    let (_, log) = f.get("/audit-log", Some(&auditor)).await;
    assert!(log.contains("reveal.use") && log.contains("purpose=核对学生〔手机号:"), "{log}");
    assert!(!log.contains("13800138000"));
    f.centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lacks_the_permission_gets_no_alerts_or_samples_by_way_of_a_school() {
    let dir = tempfile::tempdir().unwrap();
    let (f, sensor) = node(dir.path(), Some(&policy("4"))).await;
    plant(&f, sensor).await;
    let path = format!("/api/v1/schools/{SITE}");
    for (name, alerts, sensors) in [("analyst", 1, 1), ("sysadmin", 0, 1), ("contact", 1, 0)] {
        let session = f.sign_in(name);
        let (_, body) = f.get(&path, Some(&session)).await;
        let school: Value = serde_json::from_str(&body).unwrap();
        let len = |key: &str| school[key].as_array().unwrap().len().min(1);
        assert_eq!((len("alerts"), len("sensors")), (alerts, sensors), "{name}: {body}");
    }
    f.centre.stop().await;
}
