//! What is refused before a handler has much to do with it.

use crate::harness::{PASSWORD, Server};
use axum::{
    body::{Body, Bytes},
    http::{Method, Request, StatusCode, header},
};
use common::address::ClientAddress;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::json;
use std::{convert::Infallible, time::Duration};
use switchboard::config::Http;

/// So many requests at once, and hardly one more.
fn few(anonymous_burst: u32) -> Http {
    Http { anonymous_burst, ..Http::default() }
}

#[tokio::test]
async fn a_token_that_nobody_looks_at_lets_nobody_in_and_makes_no_key_good() {
    let server = Server::start().await.behind_the_listener(&few(40));
    let a = server.tenant("a").await;
    let key = json!({ "name": "k", "permissions": ["calls.read"] });
    let key = server.post("/v1/api-keys", &a.token, key).await.body;
    let key = key["key"].as_str().unwrap();
    assert_eq!(server.get("/v1/calls", key).await.status, StatusCode::OK);
    // The description of the API is everybody's: that it is answered says nothing about a key.
    assert_eq!(server.get("/v1/openapi.json", "sbk_junk").await.status, StatusCode::OK);
    while server.get("/v1/calls", "sbk_wrong").await.status == StatusCode::UNAUTHORIZED {}
    assert_eq!(server.get("/v1/calls", "sbk_junk").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(server.get("/v1/calls", key).await.status, StatusCode::OK);
    let refresh = async || {
        let body = json!({ "refreshToken": "made up" });
        server.post("/v1/auth/refresh", "x", body).await.status
    };
    let mut tried = 0;
    while refresh().await == StatusCode::UNAUTHORIZED {
        tried += 1;
    }
    assert_eq!(tried, 39, "all but the one for the description");
    assert_eq!(server.get("/v1/me", &a.token).await.status, StatusCode::OK, "who has a token goes on");
}

/// A request that has said this much of its body and goes on for ever.
fn endless(path: &str, token: &str, last: u8, beginning: usize) -> Request<Body> {
    let beginning = Bytes::from(vec![b' '; beginning]);
    let body = stream::iter([Ok::<_, Infallible>(beginning)]).chain(stream::pending());
    let mut request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::from_stream(body))
        .unwrap();
    request.extensions_mut().insert(ClientAddress([192, 0, 2, last].into()));
    request
}

#[tokio::test]
async fn bodies_that_are_withheld_take_no_more_memory_than_there_is() {
    const KIB: usize = 1024;
    let config =
        Http { body_bytes_max: 1024 * KIB, body_bytes_per_network_max: 256 * KIB, ..Http::default() };
    let server = Server::start().await.set_up(&config);
    let a = server.tenant("a").await;
    let send = |last, bytes| server.send(endless("/v1/rooms", &a.token, last, bytes));
    let mut first = Box::pin(send(1, 200 * KIB));
    assert!((&mut first).now_or_never().is_none(), "the rest is waited for");
    let refused = send(1, 200 * KIB).now_or_never().unwrap();
    assert_eq!((refused.status, refused.code()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    let mut other = Box::pin(send(2, 200 * KIB));
    assert!((&mut other).now_or_never().is_none(), "another network's");
    drop(first);
    assert!(send(1, 200 * KIB).now_or_never().is_none(), "it was given back");
    // Where anybody may send, little is read.
    let secret = server.send(endless("/v1/auth/sign-in", "", 3, 9 * KIB)).now_or_never().unwrap();
    assert_eq!((secret.status, secret.code()), (StatusCode::PAYLOAD_TOO_LARGE, "limit.size"));
}

#[tokio::test]
async fn a_file_of_who_may_not_import_is_not_read() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let key = json!({ "name": "k", "permissions": ["contacts.read"] });
    let key = server.post("/v1/api-keys", &a.token, key).await.body;
    let request = endless("/v1/contact-imports", key["key"].as_str().unwrap(), 1, 1024);
    let refused = server.send(request).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "auth.forbidden"));
    let none = server.call(Method::GET, "/v1/contact-imports", &a.token, None).await.body;
    assert_eq!(none["items"], json!([]));
}

/// The database is gone, but was there a moment ago: nobody asks it twice within a second.
#[tokio::test]
async fn readiness_is_answered_from_memory() {
    let server = Server::start().await.behind_the_listener(&Http::default());
    assert_eq!(server.get("/ready", "").await.status, StatusCode::OK);
    server.db.store.close().await;
    assert_eq!(server.get("/ready", "").await.status, StatusCode::OK);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.get("/ready", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// A name that is reached without TLS too, elsewhere, is not to be lost for a year.
#[tokio::test]
async fn browsers_are_held_to_tls_where_the_settings_say_so_and_nowhere_else() {
    for hsts in [false, true] {
        // Without a listener the other end has this address.
        let proxy = "0.0.0.0/32".parse().unwrap();
        let config = Http { hsts, trusted_proxies: vec![proxy], ..Http::default() };
        let server = Server::start().await.behind_the_listener(&config);
        let a = server.tenant("a").await;
        let body = json!({ "email": a.email, "password": PASSWORD }).to_string();
        let request = Request::post("/v1/auth/sign-in")
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-forwarded-proto", "https")
            .body(Body::from(body));
        let answer = server.send(request.unwrap()).await;
        assert!(answer.headers[header::SET_COOKIE].to_str().unwrap().ends_with("; Secure"));
        assert_eq!(answer.headers.contains_key(header::STRICT_TRANSPORT_SECURITY), hsts);
    }
}
