//! Tenants' webhooks lead out, never in, and tell nobody what is inside.

use axum::{Router, http::StatusCode, routing::post};
use local_services::ports;
use reqwest::Method;
use serde_json::{Value, json};
use std::{io::ErrorKind, net::TcpListener, time::Duration};
use switchboard_tests::{
    PATIENCE,
    installation::{Account, Installation},
    server::Server,
};
use tokio::sync::mpsc;

const ALLOW: &str = "SWITCHBOARD_EGRESS__ALLOW";

fn hook(url: &str) -> Value {
    json!({ "kind": "n8n", "url": url, "secret": "shared" })
}

async fn refused(account: &Account, url: &str) -> Value {
    let (status, problem) = account.admin.call(Method::POST, "/v1/webhooks", Some(hook(url))).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("request.invalid")),
        "{url}"
    );
    problem["detail"].clone()
}

#[tokio::test]
async fn a_webhook_is_not_created_for_an_address_inside_however_it_is_spelt() {
    let mut installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let mut details = Vec::new();
    for url in [
        server.base.as_str(),
        "http://127.0.0.1:5432/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0.0.0.0:7880/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://localhost:6379/",
    ] {
        details.push(refused(&account, url).await);
    }
    assert!(details.iter().all(|detail| detail == &details[0]), "one sentence for all: {details:?}");

    let id = account.admin.post("/v1/webhooks", hook("https://n8n.example/x")).await["id"].clone();
    let path = format!("/v1/webhooks/{}", id.as_str().expect("an id"));
    let inside = json!({ "url": "http://127.1/" });
    assert_eq!(account.admin.call(Method::PATCH, &path, Some(inside)).await.0, 422);
    server.kill();

    installation.set(ALLOW, "[\"127.0.0.1/32\"]");
    let server = installation.server();
    let account = Account { admin: account.admin.at(&server.base), ..account };
    account.admin.post("/v1/webhooks", hook("http://127.0.0.1:5432/")).await;
    refused(&account, "http://127.0.0.2:5432/").await;
    refused(&account, &server.base).await;
}

/// The last failed delivery of a webhook, without what differs between any two.
async fn failure(account: &Account, webhook: &str, attempts: u64) -> Value {
    let found = async {
        loop {
            let made = account.admin.get(&format!("/v1/webhooks/{webhook}/deliveries")).await;
            let delivery = &made["items"][0];
            // An attempt counts from when it begins.
            let is_over = !delivery["answerStatus"].is_null() || !delivery["error"].is_null();
            if is_over && delivery["attempts"].as_u64() >= Some(attempts) {
                break json!([delivery["answerStatus"], delivery["error"]]);
            }
            // Nobody is told of a failed delivery: it is looked for.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the failure is told")
}

fn on(account: Account, server: &Server) -> Account {
    Account { admin: account.admin.at(&server.base), ..account }
}

/// The webhooks are created while loopback is allowed and told when it is not, as a name would be that
/// turned inside. Passes for the wrong reason if nothing was ever sent: the same delivery arrives when
/// loopback is allowed again.
#[tokio::test]
async fn a_webhook_that_leads_inside_is_never_connected_to_and_looks_like_one_that_nobody_answers() {
    let mut installation = Installation::new().await;
    installation.set(ALLOW, "[\"127.0.0.1/32\"]");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta = account.whatsapp().await;
    let inside = TcpListener::bind("127.0.0.1:0").expect("a port");
    inside.set_nonblocking(true).expect("a socket");
    let closed = ports::free().expect("a port");
    let mut webhooks = Vec::new();
    for address in [inside.local_addr().expect("an address"), closed] {
        let made = account.admin.post("/v1/webhooks", hook(&format!("http://{address}/in"))).await;
        webhooks.push(made["id"].as_str().expect("an id").to_owned());
    }
    server.kill();

    installation.set(ALLOW, "[]");
    let guarded = installation.server();
    let account = on(account, &guarded);
    assert_eq!(meta.post(&guarded.base, &meta.messages(&[("wamid.1", "Anybody?")])).await, 200);
    let refused = json!([null, "the address cannot be delivered to"]);
    for webhook in &webhooks {
        assert_eq!(failure(&account, webhook, 1).await, refused);
    }
    let came = inside.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(came, Err(ErrorKind::WouldBlock), "nobody came");
    guarded.kill();

    installation.set(ALLOW, "[\"127.0.0.1/32\"]");
    let open = installation.server();
    let account = on(account, &open);
    let (taken, mut messages) = mpsc::channel::<()>(8);
    let take = move || async move { taken.send(()).await.expect("the test listens") };
    let listener = tokio::net::TcpListener::from_std(inside).expect("a listener");
    let router = Router::new().route("/in", post(take));
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    let receiver = tokio::spawn(async move { axum::serve(listener, router).await });
    for webhook in &webhooks {
        let path = format!("/v1/webhooks/{webhook}/deliveries");
        let seq = account.admin.get(&path).await["items"][0]["seq"].clone();
        account.admin.post(&format!("{path}/{seq}/replay"), Value::Null).await;
    }
    tokio::time::timeout(PATIENCE, messages.recv()).await.expect("in time").expect("it arrives");
    assert_eq!(failure(&account, &webhooks[1], 2).await, refused, "a closed port looks the same");
    receiver.abort();
}
