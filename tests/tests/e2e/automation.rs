//! Customers' messages reach n8n with the shared secret, tried again until they are taken.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
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

    let installation = Installation::new().await;
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
