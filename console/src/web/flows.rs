//! What people do from end to end, and what a hostile visitor tries.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use tower::ServiceExt;

use super::routes::{Access, Audience, ROUTES, Verb};
use super::tests::{Fixture, fixture, path_of};

const FORM: &str = "application/x-www-form-urlencoded";

/// The CSRF token of the first form of a page.
fn token_of(body: &str) -> String {
    let (_, rest) = body.split_once("name=\"_csrf\" value=\"").expect("a form with a token");
    rest.split('"').next().unwrap().to_owned()
}

async fn post(f: &Fixture, path: &str, cookie: &str, body: &str) -> (StatusCode, String) {
    let request =
        Request::post(path).header(header::COOKIE, cookie).header(header::CONTENT_TYPE, FORM);
    f.ask(request, body).await
}

/// The login page: its visitor cookie and its token.
async fn visitor(f: &Fixture, path: &str) -> (String, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = f.app.clone().oneshot(request).await.unwrap();
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (cookie, token_of(&String::from_utf8_lossy(&body)))
}

#[tokio::test]
async fn looking_at_a_one_time_link_does_not_use_it() {
    let f = fixture();
    let link = f.centre.one_time_link("analyst").unwrap().into_inner();
    let path = format!("/login/once?token={link}");
    for _ in 0..3 {
        assert_eq!(f.get(&path, None).await.0, StatusCode::OK);
    }
    let (cookie, csrf) = visitor(&f, &path).await;
    let body = format!("_csrf={csrf}&token={link}");
    assert_eq!(post(&f, "/login/once", &cookie, &body).await.0, StatusCode::SEE_OTHER);
    assert_eq!(post(&f, "/login/once", &cookie, &body).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_of_another_session_or_origin_is_refused() {
    let f = fixture();
    let (one, two) = (f.sign_in("secadmin"), f.sign_in("analyst"));
    let (_, page) = f.get("/account", Some(&two)).await;
    let foreign = format!("_csrf={}", token_of(&page));
    let (status, _) = post(&f, "/account/totp", &format!("xd={one}"), &foreign).await;
    assert_eq!(status, StatusCode::FORBIDDEN);

    let own = format!("xd={two}");
    assert_eq!(post(&f, "/account/totp", &own, &foreign).await.0, StatusCode::OK);
    for origin in ["https://evil.example", "null"] {
        let request = Request::post("/account/totp")
            .header(header::COOKIE, &own)
            .header(header::HOST, "127.0.0.1:8443")
            .header(header::ORIGIN, origin)
            .header(header::CONTENT_TYPE, FORM);
        assert_eq!(f.ask(request, &foreign).await.0, StatusCode::FORBIDDEN, "{origin}");
    }
}

#[tokio::test]
async fn roles_are_held_to_their_permissions_in_what_they_do() {
    let f = fixture();
    for name in ["sysadmin", "auditor", "analyst", "leader", "contact"] {
        let session = f.sign_in(name);
        let caller = f.centre.caller(&session).unwrap().unwrap();
        let (_, page) = f.get("/account", Some(&session)).await;
        let body = format!("_csrf={}", token_of(&page));
        for route in ROUTES.iter().filter(|r| r.verb == Verb::Post) {
            let Access::Needs(permission, _) = route.access else { continue };
            if caller.role.may(permission) {
                continue;
            }
            let path = path_of(route.path);
            let (status, _) = post(&f, &path, &format!("xd={session}"), &body).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{name} {path}");
        }
    }
}

#[tokio::test]
async fn a_hostile_name_stays_text_in_the_audit_log() {
    let f = fixture();
    let (cookie, csrf) = visitor(&f, "/login").await;
    let body = format!("_csrf={csrf}&name=%3Cscript%3Ealert(9)%3C/script%3E&password=x");
    let (status, page) = post(&f, "/login", &cookie, &body).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(!page.contains("<script>"));
    let session = f.sign_in("auditor");
    let (_, log) = f.get("/audit-log", Some(&session)).await;
    assert!(log.contains("&lt;script&gt;alert(9)"), "the attempt is in the log");
    assert!(!log.contains("<script>"));
}

#[tokio::test]
async fn a_query_comes_back_escaped_with_a_caret() {
    let f = fixture();
    let session = f.sign_in("analyst");
    let (status, page) = f.get("/search?q=(%3Cscript%3E+AND", Some(&session)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("&lt;script&gt;") && page.contains('^'));
    assert!(!page.contains("<script>"));
    let (status, problem) = f.get("/api/v1/search?q=(a+AND", Some(&session)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let problem: serde_json::Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&"N009".into(), &422.into()));
}

/// Whether every element that opens also closes, in order.
fn is_balanced(page: &str) -> Result<(), String> {
    const VOID: &[&str] = &["meta", "link", "input", "br", "!doctype", "hr", "img"];
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let name = tag.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default();
        if let Some(name) = name.strip_prefix('/') {
            let top = open.pop();
            if top != Some(name) {
                return Err(format!("{name} closes {top:?}"));
            }
        } else if !VOID.contains(&name.to_ascii_lowercase().as_str()) {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stay open")) }
}

#[tokio::test]
async fn every_page_is_well_formed_in_both_languages_with_unique_ids() {
    let f = fixture();
    let session = f.sign_in("secadmin");
    let mut seen = 0;
    for route in ROUTES {
        if route.verb != Verb::Get || route.audience != Audience::Person {
            continue;
        }
        let path = path_of(route.path);
        for (lang, tag) in [("zh", "zh-CN"), ("en", "en")] {
            let cookie = format!("xd={session}; lang={lang}");
            let (_, page) = f.ask(Request::get(&path).header(header::COOKIE, cookie), "").await;
            if !page.starts_with("<!DOCTYPE html>") {
                continue;
            }
            seen += 1;
            assert!(page.contains(&format!("<html lang=\"{tag}\"")), "{path} {lang}");
            assert_eq!(is_balanced(&page), Ok(()), "{path} {lang}");
            let ids = page.split(" id=\"").skip(1).map(|r| r.split('"').next().unwrap());
            let mut ids: Vec<&str> = ids.collect();
            ids.sort_unstable();
            assert!(ids.windows(2).all(|w| w[0] != w[1]), "{path}: {ids:?}");
        }
    }
    assert!(seen >= 20, "{seen} pages");
}

#[tokio::test]
async fn figures_of_the_node_are_for_itself_or_whoever_may() {
    let f = fixture();
    assert_eq!(f.get("/metrics", None).await.0, StatusCode::UNAUTHORIZED);
    let auditor = f.sign_in("auditor");
    assert_eq!(f.get("/metrics", Some(&auditor)).await.0, StatusCode::FORBIDDEN);
    let analyst = f.sign_in("analyst");
    let (status, text) = f.get("/metrics", Some(&analyst)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("# TYPE xuedun_events_journalled_total counter"));
    assert_eq!(f.get("/healthz", None).await, (StatusCode::OK, "ok\n".to_owned()));
}
