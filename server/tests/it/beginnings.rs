//! How an installation gets its first people: `switchboard create-account`, and the demo.

use crate::harness::{PASSWORD, Server};
use axum::http::StatusCode;
use common::clock::Clock;
use local_services::scratch::Scratch;
use std::sync::Arc;
use switchboard::{
    account::{self, CreateError},
    demo::{self, DemoError},
    roles::Parts,
};

fn parts(server: &Server) -> Parts {
    let clock: Arc<dyn Clock> = server.clock.clone();
    let guard = egress::Guard::new(egress::Config::default());
    Parts { clock, bus: server.bus.clone(), store: server.db.store.clone(), guard }
}

#[tokio::test]
async fn a_first_administrator_signs_in_with_the_password_that_was_printed() {
    let server = Server::start().await;
    let parts = parts(&server);
    let made = account::create(&parts, "Acme", "ada@acme.example", None).await.unwrap();
    assert!(
        made.len() >= 15 && made.chars().all(|sign| sign.is_ascii_alphanumeric()),
        "it can be typed: {made}"
    );
    let signed_in = server.sign_in("ada@acme.example", &made).await;
    assert_eq!(
        (signed_in.status, &signed_in.body["user"]["role"]),
        (StatusCode::OK, &serde_json::json!("ADMIN"))
    );
    let token = signed_in.body["accessToken"].as_str().unwrap();
    assert_eq!(server.get("/v1/account", token).await.body["name"], "Acme");
    let given = account::create(&parts, "Beta", "ben@beta.example", Some(PASSWORD.to_owned())).await.unwrap();
    assert_eq!(given, PASSWORD);
    assert_eq!(server.sign_in("ben@beta.example", PASSWORD).await.status, StatusCode::OK);
    let another = account::create(&parts, "Ceta", "cleo@ceta.example", None).await.unwrap();
    assert_ne!(another, made);
}

#[tokio::test]
async fn an_account_with_a_weak_password_is_not_made() {
    let server = Server::start().await;
    for weak in ["short", "passwordpassword", "acme.example.ada", "aaaaaaaaaaaaaaaaaaaa"] {
        let refused =
            account::create(&parts(&server), "Acme", "ada@acme.example", Some(weak.to_owned())).await;
        assert!(matches!(refused, Err(CreateError::WeakPassword(_))), "{weak}");
        assert_eq!(server.sign_in("ada@acme.example", weak).await.status, StatusCode::UNAUTHORIZED);
    }
}

/// One address, two accounts: which of them it is, the password decides.
#[tokio::test]
async fn an_address_may_begin_two_accounts_each_with_its_own_password() {
    let server = Server::start().await;
    let parts = parts(&server);
    let first = account::create(&parts, "First", "ada@acme.example", None).await.unwrap();
    let second = account::create(&parts, "Second", "ADA@acme.example", None).await.unwrap();
    for (password, name) in [(&first, "First"), (&second, "Second")] {
        let signed_in = server.sign_in("ada@acme.example", password).await;
        assert_eq!(signed_in.status, StatusCode::OK, "{}", signed_in.body);
        let token = signed_in.body["accessToken"].as_str().unwrap();
        assert_eq!(server.get("/v1/account", token).await.body["name"], name);
    }
}

#[tokio::test]
async fn the_demo_is_prepared_once_and_told_anew_where_the_server_is() {
    let server = Server::start().await;
    let parts = parts(&server);
    let directory = Scratch::new().unwrap();
    let at = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let password = demo::prepare(&parts, directory.path(), at(7880), at(7001)).await.unwrap();
    let script = std::fs::read_to_string(directory.join("demo.json")).unwrap();
    assert!(script.contains("http://127.0.0.1:7880"));
    let again = demo::prepare(&parts, directory.path(), at(7990), at(7002)).await.unwrap();
    assert_eq!(password, again, "the same people");
    let script = std::fs::read_to_string(directory.join("demo.json")).unwrap();
    assert!(script.contains("http://127.0.0.1:7990") && !script.contains("7880") && script.contains("7002"));
    for (email, role) in
        [("ada@demo.example", "ADMIN"), ("ben@demo.example", "USER"), ("cleo@demo.example", "AGENT_USER")]
    {
        let signed_in = server.sign_in(email, &password).await;
        assert_eq!(
            (signed_in.status, &signed_in.body["user"]["role"]),
            (StatusCode::OK, &serde_json::json!(role))
        );
        if role == "ADMIN" {
            let token = signed_in.body["accessToken"].as_str().unwrap();
            let channels = server.get("/v1/channels", token).await.body;
            assert_eq!(channels["items"].as_array().map(Vec::len), Some(1), "{channels}");
            let rooms = server.get("/v1/rooms", token).await.body;
            assert_eq!(rooms["items"][0]["name"], "Lobby");
        }
    }
}

#[tokio::test]
async fn a_damaged_script_is_said_to_be_and_makes_no_second_demo() {
    let server = Server::start().await;
    let directory = Scratch::new().unwrap();
    std::fs::write(directory.join("demo.json"), "{").unwrap();
    let at = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let refused = demo::prepare(&parts(&server), directory.path(), at, at).await;
    assert!(matches!(refused, Err(DemoError::Script(_))));
    assert_eq!(server.sign_in("ada@demo.example", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
}
