//! What every request passes before it reaches a handler.

use crate::harness::{Answer, Server};
use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
    response::Response,
    routing::get,
};
use std::{future::pending, sync::Arc};
use switchboard::{config::Http, health::Health, http::Listener};
use tower::ServiceExt;

/// Without a listener the other end has the address 0.0.0.0: a proxy that is trusted, or not.
fn proxied(is_trusted: bool) -> Http {
    let proxy = "0.0.0.0/32".parse().unwrap();
    Http { trusted_proxies: if is_trusted { vec![proxy] } else { Vec::new() }, ..Http::default() }
}

async fn with(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    server.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn every_answer_has_an_id_which_only_a_trusted_proxy_chooses() {
    for is_trusted in [true, false] {
        let server = Server::start().await.behind_the_listener(&proxied(is_trusted));
        let id = async |given: &str| {
            let answer = with(&server, "/v1/openapi.json", &[("x-request-id", given)]).await;
            answer.headers["x-request-id"].to_str().unwrap().to_owned()
        };
        assert_eq!(id("edge-7f3a").await == "edge-7f3a", is_trusted);
        let long = "x".repeat(65);
        for bad in ["two words", "a;b", "", &long] {
            assert_eq!(id(bad).await.len(), 36, "{bad:?}: a fresh one");
        }
        assert_ne!(id("").await, id("").await);
        // Those that are refused, and that nothing answers, have one too.
        for path in ["/v1/me", "/v1/nowhere", "/nowhere"] {
            assert!(with(&server, path, &[]).await.headers.contains_key("x-request-id"), "{path}");
        }
    }
}

/// Behind a proxy that is not named everybody is one client, and what they write about themselves is not read.
#[tokio::test]
async fn floods_are_counted_by_the_client_that_a_trusted_proxy_names() {
    for is_trusted in [true, false] {
        let config = Http { anonymous_burst: 5, anonymous_per_second: 1, ..proxied(is_trusted) };
        let server = Server::start().await.behind_the_listener(&config);
        let ask = async |client: &str| {
            let answer = with(&server, "/v1/openapi.json", &[("x-forwarded-for", client)]).await;
            (answer.status == StatusCode::OK, answer)
        };
        for _ in 0..5 {
            assert!(ask("203.0.113.5").await.0);
        }
        let (passed, refused) = ask("203.0.113.5").await;
        assert!(!passed && refused.code() == "limit.rate" && refused.headers[header::RETRY_AFTER] == "1");
        assert_eq!(ask("203.0.113.6").await.0, is_trusted);
        // What the client wrote itself stands left of the proxy's word.
        assert!(!ask("198.51.100.9, 203.0.113.5").await.0, "made up");
        assert_eq!(with(&server, "/health", &[]).await.status, StatusCode::OK, "probes are not counted");
    }
}

#[tokio::test]
async fn what_is_nowhere_is_not_found_whatever_is_asked_of_it() {
    let server = Server::start().await.behind_the_listener(&Http::default());
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        for path in
            ["/nowhere", "/v1", "/v1/", "/v1/nowhere", "/v2/rooms", "/metrics", "/assets/x/nowhere.js"]
        {
            let answer = server.call(method.clone(), path, "", None).await;
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::NOT_FOUND, "resource.notFound"),
                "{method} {path}"
            );
        }
    }
    let page = Request::post("/").body(Body::empty()).unwrap();
    assert_eq!(server.send(page).await.status, StatusCode::NOT_FOUND, "pages are only read");
}

#[tokio::test]
async fn answers_about_people_stay_in_no_cache_and_none_is_taken_for_a_page() {
    let server = Server::start().await.behind_the_listener(&Http::default());
    let a = server.tenant("a").await;
    for (path, token, is_stored) in [
        ("/v1/rooms", a.token.as_str(), false),
        ("/v1/rooms", "", false),
        ("/v1/nowhere", "", false),
        ("/nowhere", "", true),
        ("/health", "", true),
    ] {
        let answer = server.get(path, token).await;
        let is_kept_out = answer.headers.get(header::CACHE_CONTROL).is_some_and(|value| value == "no-store");
        assert_eq!(is_kept_out, !is_stored, "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
        assert!(!answer.headers.contains_key(header::STRICT_TRANSPORT_SECURITY), "{path}");
    }
}

/// A router of handlers that misbehave, behind all that a request passes.
async fn misbehaving(config: &Http) -> (Server, Router) {
    async fn panics() {
        panic!("a handler's bug");
    }
    let server = Server::start().await;
    let health = Health { store: server.db.store.clone(), bus: server.bus.clone() };
    let clock: Arc<dyn common::clock::Clock> = server.clock.clone();
    let routes = Router::new().route("/v1/panics", get(panics)).route("/v1/hangs", get(pending::<()>));
    let router = Listener { clock, config, health }.router([routes]);
    (server, router)
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1024 * 1024).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_handler_that_panics_or_hangs_is_answered_for_and_says_nothing_of_why() {
    let (_server, router) = misbehaving(&Http { timeout_s: 1, ..Http::default() }).await;
    for (path, status, code) in [
        ("/v1/panics", StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        ("/v1/hangs", StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert!(answer.headers().contains_key("x-request-id"));
        let said = text(answer).await;
        assert!(said.contains(&format!("\"{code}\"")) && !said.contains("bug"), "{said}");
    }
}

#[tokio::test]
async fn readiness_names_what_is_away_and_health_says_that_the_process_lives() {
    let server = Server::start().await.behind_the_listener(&Http::default());
    let ready = server.get("/ready", "").await;
    assert_eq!(
        (ready.status, ready.body),
        (StatusCode::OK, serde_json::json!({ "ready": true, "database": true, "bus": true }))
    );
    server.db.store.close().await;
    server.clock.advance(std::time::Duration::from_secs(1));
    let away = server.get("/ready", "").await;
    let told = serde_json::json!({ "ready": false, "database": false, "bus": true });
    assert_eq!((away.status, away.body), (StatusCode::SERVICE_UNAVAILABLE, told));
    assert_eq!(server.get("/health", "").await.body, serde_json::json!({ "status": "ok" }));
}
