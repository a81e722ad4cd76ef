//! Reveal requests through the console: what pages and programs may do, and what a forger may not.

use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::tests::{Fixture, fixture};

async fn call(f: &Fixture, session: &str, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::post(path)
        .header(header::AUTHORIZATION, format!("Bearer {session}"))
        .header(header::CONTENT_TYPE, "application/json");
    let (status, text) = f.ask(request, &body.to_string()).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn read(f: &Fixture, session: &str, path: &str) -> Value {
    let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {session}"));
    serde_json::from_str(&f.ask(request, "").await.1).unwrap()
}

fn phone() -> Value {
    json!({"dataset": "学籍", "columns": ["手机号"], "rows": ["R7"], "purpose": "家长来电核对", "cells": 1})
}

#[tokio::test]
async fn a_program_asks_and_another_person_approves() {
    let f = fixture();
    let (analyst, admin) = (f.sign_in("analyst"), f.sign_in("secadmin"));
    let (status, asked) = call(&f, &analyst, "/api/v1/reveals", &phone()).await;
    assert_eq!((status, &asked["state"]), (StatusCode::OK, &json!("requested")), "{asked}");
    let one = format!("/api/v1/reveals/{}", asked["id"].as_str().unwrap());
    assert_eq!(read(&f, &analyst, &one).await.get("ticket"), None);
    let approve = format!("{one}/approve");
    let (status, told) = call(&f, &analyst, &approve, &json!({})).await;
    assert_eq!((status, &told["code"]), (StatusCode::FORBIDDEN, &json!("N005")));
    // One who may approve, but asked: four eyes.
    let (_, own) = call(&f, &admin, "/api/v1/reveals", &phone()).await;
    let own = format!("/api/v1/reveals/{}/approve", own["id"].as_str().unwrap());
    let (status, told) = call(&f, &admin, &own, &json!({})).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("N031")), "{told}");
    let (status, done) = call(&f, &admin, &approve, &json!({"note": "已核对"})).await;
    assert_eq!((status, &done["state"]), (StatusCode::OK, &json!("approved")), "{done}");
    let mine = read(&f, &analyst, &one).await;
    assert!(mine["ticket"].as_str().is_some_and(|t| t.contains('.')), "{mine}");
    assert_eq!(read(&f, &admin, &one).await.get("ticket"), None, "whose it is not");
    let (status, told) = call(&f, &admin, &format!("{one}/refuse"), &json!({"note": "x"})).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("N030")));
    assert_eq!(read(&f, &analyst, "/api/v1/reveals").await["rows"].as_array().unwrap().len(), 1);
    assert_eq!(read(&f, &admin, "/api/v1/reveals").await["rows"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_cookie_is_no_programs_and_a_body_is_one_object() {
    let f = fixture();
    let session = f.sign_in("analyst");
    let json_by_cookie = Request::post("/api/v1/reveals")
        .header(header::COOKIE, format!("xd={session}"))
        .header(header::CONTENT_TYPE, "application/json");
    let (status, told) = f.ask(json_by_cookie, &phone().to_string()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{told}");
    // A browser that a page of another site drives sends the cookie beside whatever else.
    let both = Request::post("/api/v1/reveals")
        .header(header::COOKIE, format!("xd={session}"))
        .header(header::AUTHORIZATION, format!("Bearer {session}"))
        .header(header::CONTENT_TYPE, "application/json");
    assert_eq!(f.ask(both, &phone().to_string()).await.0, StatusCode::FORBIDDEN);
    for (body, kind) in
        [("[]", "application/json"), ("dataset=x", "application/x-www-form-urlencoded")]
    {
        let request = Request::post("/api/v1/reveals")
            .header(header::AUTHORIZATION, format!("Bearer {session}"))
            .header(header::CONTENT_TYPE, kind);
        assert_eq!(f.ask(request, body).await.0, StatusCode::BAD_REQUEST, "{body}");
    }
    let (status, told) = call(&f, &session, "/api/v1/reveals", &json!({"dataset": "x"})).await;
    assert_eq!((status, &told["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("N011")));
}

fn token_of(body: &str) -> &str {
    let (_, rest) = body.split_once("name=\"_csrf\" value=\"").expect("a form with a token");
    rest.split('"').next().unwrap()
}

#[tokio::test]
async fn people_ask_and_approve_by_forms_in_both_languages() {
    let f = fixture();
    let (analyst, admin) = (f.sign_in("analyst"), f.sign_in("secadmin"));
    let (_, page) = f.get("/reveals?dataset=%3Cb%3E", Some(&analyst)).await;
    assert!(page.contains("&lt;b&gt;") && page.contains("/reveals/ask"), "{page}");
    let body = format!(
        "_csrf={}&dataset=d&columns=%E6%89%8B%E6%9C%BA%E5%8F%B7%0D%0A%3Ci%3E&purpose=p&cells=",
        token_of(&page)
    );
    let form = |session: &str, path: &str| {
        Request::post(path)
            .header(header::COOKIE, format!("xd={session}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
    };
    assert_eq!(f.ask(form(&analyst, "/reveals/ask"), &body).await.0, StatusCode::SEE_OTHER);
    let caller = f.centre.caller(&admin).unwrap().unwrap();
    let id = f.centre.reveals(&caller).unwrap()[0].id;
    let one = format!("/reveals/{id}");
    for (lang, word) in [("zh", "待批准"), ("en", "Waiting")] {
        let cookie = format!("xd={admin}; lang={lang}");
        let (_, page) = f.ask(Request::get(&one).header(header::COOKIE, cookie), "").await;
        assert!(
            page.contains(word) && page.contains("&lt;i&gt;") && !page.contains("<i>"),
            "{page}"
        );
    }
    let (_, page) = f.get(&one, Some(&analyst)).await;
    assert!(!page.contains("/approve"), "who asked is offered no approval");
    let (_, page) = f.get(&one, Some(&admin)).await;
    let body = format!("_csrf={}&note=", token_of(&page));
    let refused = f.ask(form(&admin, &format!("{one}/refuse")), &body).await.0;
    assert_eq!(refused, StatusCode::UNPROCESSABLE_ENTITY, "refusing takes a reason");
    let approved = f.ask(form(&admin, &format!("{one}/approve")), &body).await.0;
    assert_eq!(approved, StatusCode::SEE_OTHER);
    let (_, page) = f.get(&one, Some(&analyst)).await;
    assert!(page.contains("id=\"ticket\"") && page.contains("--ticket-file"), "{page}");
    let (_, page) = f.get(&one, Some(&admin)).await;
    assert!(!page.contains("id=\"ticket\""), "{page}");
}
