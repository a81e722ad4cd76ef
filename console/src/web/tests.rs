//! The whole console over a real node, without a socket: every route against every kind of
//! caller, forms against forgers, records against the page.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use centre::account::{NewAccount, Role};
use centre::config::{
    AuditConfig, Config, ConsoleConfig, EvidenceConfig, NodeConfig, RulesConfig, StoreConfig,
};
use centre::region::{Region, School};
use centre::{Centre, World};
use events::{Lang, Text};
use tower::ServiceExt;

use super::dispatch::{Peer, router};
use super::routes::{Access, Audience, ROUTES, Verb};
use super::server::shared;

pub(super) struct Fixture {
    pub(super) app: Router,
    pub(super) centre: Arc<Centre>,
    _dir: Option<tempfile::TempDir>,
}

const SITE: &str = "2133000001";
const OTHER: &str = "2133000002";

fn school(code: &str) -> School {
    School {
        code: code.parse().unwrap(),
        name: Text::new("<script>alert(1)</script>小学", "<script>alert(1)</script> School"),
        district: Text::new("青溪区", "Qingxi"),
        division: None,
        networks: vec![],
    }
}

pub(super) fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        node: NodeConfig { data_dir: dir.path().join("data") },
        console: ConsoleConfig::default(),
        rules: RulesConfig::default(),
        store: StoreConfig { disk_reserve_mib: 1, ..StoreConfig::default() },
        audit: AuditConfig::default(),
        enrich: Default::default(),
        evidence: EvidenceConfig::default(),
        reveal: Default::default(),
        region: Region {
            name: Text::new("示范市教育局", "Model Bureau"),
            schools: vec![school(SITE), school(OTHER)],
        },
        sensors: vec![],
    };
    let centre = Centre::open(config, World::real()).unwrap();
    let contact = Role::SchoolContact { site: SITE.parse().unwrap() };
    for (name, role) in [
        ("sysadmin", Role::SystemAdmin),
        ("secadmin", Role::SecurityAdmin),
        ("auditor", Role::AuditAdmin),
        ("analyst", Role::Analyst),
        ("leader", Role::Leader),
        ("contact", contact),
    ] {
        let display_name = name.to_owned();
        let new = NewAccount { name: name.to_owned(), display_name, role, lang: Lang::Zh };
        centre.set_up_account(new).unwrap();
    }
    let (_stopping, stop) = tokio::sync::watch::channel(false);
    let app = router(shared(Arc::clone(&centre), false, stop).unwrap());
    Fixture { app, centre, _dir: Some(dir) }
}

impl Fixture {
    /// Over a node whose folder is kept by who made it.
    pub(super) fn of(app: Router, centre: Arc<Centre>) -> Self {
        Self { app, centre, _dir: None }
    }

    pub(super) fn sign_in(&self, name: &str) -> String {
        let link = self.centre.one_time_link(name).unwrap();
        self.centre.login_once(link.reveal()).unwrap().into_inner()
    }

    /// Searches until so many records are found: each search is in the audit log, and so one. They
    /// are found when they are durable. Says how many there are.
    async fn records(&self, session: &str, least: usize) -> usize {
        let caller = self.centre.caller(session).unwrap().unwrap();
        let form = centre::view::SearchForm { limit: 1_000, ..Default::default() };
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let found = self.centre.search(&caller, &form).unwrap().records.len();
            if found >= least {
                return found;
            }
            assert!(std::time::Instant::now() < end, "{found} records");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn ask(
        &self,
        request: axum::http::request::Builder,
        body: &str,
    ) -> (StatusCode, String) {
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        let peer: SocketAddr = "198.51.100.7:4000".parse().unwrap();
        request.extensions_mut().insert(Peer(peer));
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        for name in ["content-security-policy", "x-content-type-options", "referrer-policy"] {
            assert!(answer.headers().contains_key(name), "{name} is missing");
        }
        let bytes = to_bytes(answer.into_body(), 16 << 20).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(super) async fn get(&self, path: &str, session: Option<&str>) -> (StatusCode, String) {
        let mut request = Request::get(path);
        if let Some(session) = session {
            request = request.header(header::COOKIE, format!("xd={session}"));
        }
        self.ask(request, "").await
    }
}

pub(super) fn path_of(pattern: &str) -> String {
    let id = format!("{:032x}", 7);
    pattern.replace("{id}", &id).replace("{code}", SITE).replace("{name}", "none.css")
}

#[tokio::test]
async fn strangers_get_nowhere() {
    let f = fixture();
    for route in ROUTES {
        if matches!(route.access, Access::Public(_)) {
            continue;
        }
        let path = path_of(route.path);
        let request = match route.verb {
            Verb::Get => Request::get(&path),
            Verb::Post => Request::post(&path),
        };
        let (status, _) = f.ask(request, "").await;
        let right = match route.audience {
            Audience::Person => status == StatusCode::SEE_OTHER || status == StatusCode::FOUND,
            Audience::Program => status == StatusCode::UNAUTHORIZED,
        };
        assert!(right, "{:?} {path}: {status}", route.verb);
    }
}

#[tokio::test]
async fn every_role_gets_what_its_permissions_say() {
    let f = fixture();
    for name in ["sysadmin", "secadmin", "auditor", "analyst", "leader", "contact"] {
        let session = f.sign_in(name);
        let caller = f.centre.caller(&session).unwrap().unwrap();
        for route in ROUTES {
            let Access::Needs(permission, _) = route.access else { continue };
            if route.verb == Verb::Post {
                continue;
            }
            let path = path_of(route.path);
            let (status, body) = f.get(&path, Some(&session)).await;
            let may = caller.role.may(permission);
            assert_eq!(status == StatusCode::FORBIDDEN, !may, "{name} {path}: {status}");
            assert!(!status.is_server_error(), "{name} {path}: {status} {body}");
        }
    }
}

#[tokio::test]
async fn a_school_contact_sees_no_other_school() {
    let f = fixture();
    let session = f.sign_in("contact");
    let (own, _) = f.get(&format!("/schools/{SITE}"), Some(&session)).await;
    let (other, _) = f.get(&format!("/schools/{OTHER}"), Some(&session)).await;
    assert_eq!((own, other), (StatusCode::OK, StatusCode::NOT_FOUND));
}

#[tokio::test]
async fn exports_at_once_are_bounded() {
    let f = fixture();
    let session = f.sign_in("analyst");
    f.records(&session, 40).await;
    let get = || Request::get("/search/export?q=*").header(header::COOKIE, format!("xd={session}"));
    let open = || async {
        let request = get().body(Body::empty()).unwrap();
        f.app.clone().oneshot(request).await.unwrap()
    };
    // Answers that nobody reads: there is more in them than waits for a reader.
    let mut held = Vec::new();
    for _ in 0..crate::limits::EXPORTS_MAX {
        held.push(open().await);
    }
    assert!(held.iter().all(|answer| answer.status() == StatusCode::OK));
    assert_eq!(open().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while open().await.status() != StatusCode::OK {
        assert!(std::time::Instant::now() < end, "places come back when readers go");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_search_is_saved_as_a_file_and_goes_on_behind_a_place() {
    let f = fixture();
    let session = f.sign_in("analyst");
    let (status, csv) = f.get("/search/export?q=*&format=csv", Some(&session)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(csv.starts_with("\u{feff}\"time\",\"received\""), "{csv}");
    // Pages are of three records in tests: the file goes beyond one, and holds each once.
    let whole = f.records(&session, 10).await;
    let (_, lines) = f.get("/api/v1/search/export?q=*&format=jsonl", Some(&session)).await;
    let records: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut ids: Vec<&str> = records.iter().filter_map(|r| r["id"].as_str()).collect();
    // The searches between the two are in the audit log, and so records themselves.
    assert!(ids.len() >= whole, "{} of {whole}: {lines}", ids.len());
    assert_eq!(ids.len(), records.len(), "no partial mark: {lines}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), records.len());
    let auditor = f.sign_in("auditor");
    let (_, log) = f.get("/audit-log", Some(&auditor)).await;
    assert!(log.contains("search.export") && log.contains("search.exported"), "{log}");
    let (status, told) = f.get("/search/export?q=(a+AND&format=csv", Some(&session)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
    let (_, table) =
        f.get("/search/export?q=user.name:nobody|count&format=csv", Some(&session)).await;
    assert_eq!(table, "\u{feff}\"count\"\r\n\"0\"\r\n");
    let (status, json) = f.get("/api/v1/search?q=*&after=5.6.7&slice_ms=1", Some(&session)).await;
    assert_eq!(status, StatusCode::OK);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["counted"], &json["stopped"]), (&true.into(), &serde_json::Value::Null));
    for bad in ["after=x", "deadline_ms=soon"] {
        let (status, told) = f.get(&format!("/api/v1/search?q=*&{bad}"), Some(&session)).await;
        assert!(status.is_client_error(), "{bad}: {status} {told}");
    }
}

#[tokio::test]
async fn a_hunt_is_shown_and_drafted_as_a_rule() {
    let f = fixture();
    let session = f.sign_in("analyst");
    let caller = f.centre.caller(&session).unwrap().unwrap();
    f.centre.save_hunt(&caller, "<b>", "service:sshd user.name:root").unwrap();
    let (status, page) = f.get("/hunts?q=a:b", Some(&session)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("&lt;b&gt;") && page.contains("value=\"a:b\""), "{page}");
    let (status, rule) = f.get("/hunts/rule?name=%3Cb%3E", Some(&session)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(rule.contains("service: sshd") && rule.contains("user.name: root"), "{rule}");
    f.centre.save_hunt(&caller, "all", "*").unwrap();
    let (status, told) = f.get("/hunts/rule?name=all", Some(&session)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.contains("H004"), "{told}");
}

#[tokio::test]
async fn a_form_without_its_token_changes_nothing() {
    let f = fixture();
    let session = f.sign_in("secadmin");
    for token in ["", "_csrf=wrong", "_csrf=AAAA"] {
        let request = Request::post("/compliance/run")
            .header(header::COOKIE, format!("xd={session}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let (status, _) = f.ask(request, token).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{token}");
    }
    assert!(f.centre.audit_progress().is_none());
}

#[tokio::test]
async fn pages_hold_no_script_of_a_record_and_none_inline() {
    let f = fixture();
    let session = f.sign_in("secadmin");
    let mut pages = BTreeMap::new();
    for route in ROUTES {
        if route.verb == Verb::Get && route.audience == Audience::Person {
            let path = path_of(route.path);
            let (status, body) = f.get(&path, Some(&session)).await;
            if status == StatusCode::OK && body.starts_with("<!DOCTYPE html>") {
                pages.insert(path, body);
            }
        }
    }
    assert!(pages.len() >= 8, "{:?}", pages.keys());
    for (path, body) in &pages {
        assert!(!body.contains("<script>"), "{path}: a record's script, or one inline");
        assert!(!body.contains(" onclick=") && !body.contains(" style=\""), "{path}");
        assert!(body.contains("lang=\"zh-CN\"") || body.contains("lang=\"zh\""), "{path}");
        let forms = body.matches("method=\"post\"").count();
        assert_eq!(body.matches("name=\"_csrf\"").count(), forms, "{path}: forms without token");
    }
    assert!(pages.values().any(|b| b.contains("&lt;script&gt;")), "the hostile name is shown");
}
