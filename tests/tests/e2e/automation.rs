//! Automations are told, n8n with a shared secret and others with signatures, until they take it.

use aws_lc_rs::hmac;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use switchboard_tests::{PATIENCE, installation::Installation};
use tokio::{net::TcpListener, sync::mpsc};

const SECRET: &str = "shared-with-n8n";

#[derive(Clone)]
struct N8n {
    refusals_left: Arc<AtomicU32>,
    taken: mpsc::Sender<(HeaderMap, Value)>,
}

async fn take(State(n8n): State<N8n>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
    if n8n.refusals_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    n8n.taken.send((headers, body)).await.expect("the test listens");
    StatusCode::OK
}

/// Passes for the wrong reason if the first attempt had succeeded: two are refused.
#[tokio::test]
async fn a_customers_message_reaches_n8n_once_it_takes_it() {
    let (taken, mut messages) = mpsc::channel(8);
    let n8n = N8n { refusals_left: Arc::new(AtomicU32::new(2)), taken };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/webhook/inbox", listener.local_addr().expect("an address"));
    let router = Router::new().route("/webhook/inbox", post(take)).with_state(n8n.clone());
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    let server_of_n8n = tokio::spawn(async move { axum::serve(listener, router).await });

    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_EGRESS__ALLOW", "[\"127.0.0.1/32\"]");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta = account.whatsapp().await;
    account.admin.post("/v1/webhooks", json!({ "kind": "n8n", "url": url, "secret": SECRET })).await;
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.1", "Where is it?")])).await, 200);

    let (headers, message) =
        tokio::time::timeout(PATIENCE, messages.recv()).await.expect("in time").expect("a message");
    assert_eq!(headers["x-switchboard-secret"], SECRET);
    assert_eq!(message["externalId"], "wamid.1");
    assert_eq!(message["channelType"], "whatsapp");
    assert_eq!(message["direction"], "inbound");
    assert_eq!((&message["from"], &message["text"]), (&json!("15550100"), &json!("Where is it?")));
    assert_eq!(n8n.refusals_left.load(Ordering::SeqCst), 0, "it was refused twice before");
    server_of_n8n.abort();
}

/// Checked with the specification's own scheme: `id.timestamp.body` under the key in the secret.
#[tokio::test]
async fn a_signed_webhook_is_verified_refused_once_and_replayed() {
    let (taken, mut messages) = mpsc::channel(8);
    let program = Program { refusals_left: Arc::new(AtomicU32::new(1)), taken };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let router = Router::new().route("/hook", post(take_signed)).with_state(program.clone());
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    let server_of_program = tokio::spawn(async move { axum::serve(listener, router).await });

    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_EGRESS__ALLOW", "[\"127.0.0.1/32\"]");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta = account.whatsapp().await;
    let hook = json!({ "kind": "standard", "url": url, "events": ["messageCreated"] });
    let hook = account.admin.post("/v1/webhooks", hook).await;
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.1", "Where is it?")])).await, 200);

    let mut next =
        async || tokio::time::timeout(PATIENCE, messages.recv()).await.expect("in time").expect("a message");
    let (headers, body) = next().await;
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    let key = hook["secret"].as_str().and_then(|secret| secret.strip_prefix("whsec_")).expect("a secret");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64.decode(key).expect("base64"));
    let signed = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
    let signature = header("webhook-signature");
    let tag = BASE64.decode(signature.strip_prefix("v1,").expect("a scheme")).expect("base64");
    hmac::verify(&key, signed.as_bytes(), &tag).expect("the signature is right");
    let told: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        (&told["type"], &told["data"]["event"]["message"]["text"]),
        (&json!("messageCreated"), &json!("Where is it?"))
    );
    assert_eq!(program.refusals_left.load(Ordering::SeqCst), 0, "it was refused once before");

    let deliveries = format!("/v1/webhooks/{}/deliveries", hook["id"].as_str().expect("an id"));
    account.admin.post(&format!("{deliveries}/{}/replay", told["data"]["seq"]), Value::Null).await;
    let (again, same) = next().await;
    assert_eq!((again["webhook-id"].to_str().expect("text"), same), (header("webhook-id").as_str(), body));

    // A secret that no key opens costs its own webhook the deliveries, and says so.
    let lost = json!({ "kind": "standard", "url": url, "events": ["messageCreated"] });
    let lost = account.admin.post("/v1/webhooks", lost).await["id"].as_str().expect("an id").to_owned();
    let spoil = format!("UPDATE webhooks SET secret = '\\x00' WHERE id = '{lost}'");
    installation.database.as_owner(&spoil).await;
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.2", "Anybody?")])).await, 200);
    assert!(next().await.1.contains("Anybody?"));
    // A failed delivery is told to nobody: it is looked for.
    let failed = async {
        loop {
            let made = account.admin.get(&format!("/v1/webhooks/{lost}/deliveries")).await;
            if made["items"][0]["error"].is_string() {
                break made["items"][0].clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let failed = tokio::time::timeout(PATIENCE, failed).await.expect("the failure is told");
    assert_eq!(failed["answerStatus"], Value::Null);
    server_of_program.abort();
}

#[derive(Clone)]
struct Program {
    refusals_left: Arc<AtomicU32>,
    taken: mpsc::Sender<(HeaderMap, String)>,
}

async fn take_signed(State(program): State<Program>, headers: HeaderMap, body: String) -> StatusCode {
    let refuse =
        program.refusals_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    if refuse.is_ok() {
        return StatusCode::BAD_GATEWAY;
    }
    program.taken.send((headers, body)).await.expect("the test listens");
    StatusCode::NO_CONTENT
}
