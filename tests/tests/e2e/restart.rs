//! What survives `kill -9`.

use serde_json::json;
use switchboard_tests::{
    graph::Graph, installation::Installation, installation::PASSWORD, rest::Rest, socket::Socket,
};

/// The worker is held back for the first server, so that the kill falls between
/// the 200 and the processing and not, by luck, after it.
#[tokio::test]
async fn a_webhook_that_was_acknowledged_survives_kill_9_and_is_there_once() {
    let mut installation = Installation::new().await;
    let starter = installation.server();
    let account = installation.account("acme", &starter).await;
    let meta = account.whatsapp().await;
    let address = starter.address();
    drop(starter);

    installation.set("SWITCHBOARD_INBOX__WORKERS", "0");
    let idle = installation.server_on(&address);
    let body = meta.messages(&[("wamid.ONE", "before the crash")]);
    assert_eq!(meta.post(&idle.base, &body).await, 200);
    assert_eq!(account.admin.get("/v1/conversations").await["items"], json!([]), "nothing was processed yet");
    idle.kill();

    installation.set("SWITCHBOARD_INBOX__WORKERS", "2");
    let server = installation.server_on(&address);
    let admin = Rest::sign_in(&server.base, &account.email, PASSWORD).await;
    let mut agent = Socket::open(&server.base, &admin.token).await;
    let subscribed = agent.ask("inbox.subscribe", json!({ "after": 0 })).await;
    if subscribed["events"].as_array().expect("events").is_empty() {
        agent.event("inbox.event", |event| event["event"]["type"] == "messageCreated").await;
    }
    // Meta repeats what it is not sure about.
    assert_eq!(meta.post(&server.base, &body).await, 200);
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.TWO", "after")])).await, 200);
    agent.event("inbox.event", |event| event["event"]["message"]["text"] == "after").await;
    let conversations = admin.get("/v1/conversations").await;
    let id = conversations["items"][0]["id"].as_str().expect("one conversation");
    let messages = admin.get(&format!("/v1/conversations/{id}/messages")).await;
    let texts: Vec<_> =
        messages["items"].as_array().expect("messages").iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, ["before the crash", "after"]);
}

#[tokio::test]
async fn a_reply_that_was_accepted_leaves_once_after_kill_9() {
    let mut graph = Graph::start().await;
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_INBOX__GRAPH__BASE_URL", &graph.base);
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta = account.whatsapp().await;
    graph.expect(&meta.phone_number_id, &meta.access_token);
    let mut agent = Socket::open(&server.base, &account.admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.ASK", "Hello?")])).await, 200);
    let event = agent.event("inbox.event", |event| event["event"]["type"] == "messageCreated").await;
    let conversation = event["event"]["conversation"]["id"].as_str().expect("an id").to_owned();
    let address = server.address();
    drop((server, agent));

    installation.set("SWITCHBOARD_INBOX__WORKERS", "0");
    let idle = installation.server_on(&address);
    let written = account
        .admin
        .post(&format!("/v1/conversations/{conversation}/messages"), json!({ "text": "Hi!" }))
        .await;
    assert_eq!(written["status"], "queued");
    idle.kill();
    assert_eq!(graph.pending(), 0, "it had not left yet");

    installation.set("SWITCHBOARD_INBOX__WORKERS", "2");
    let server = installation.server_on(&address);
    let reply = graph.reply().await;
    assert_eq!((reply.text.as_str(), reply.to.as_str()), ("Hi!", "15550100"));
    let admin = account.admin.at(&server.base);
    let mut agent = Socket::open(&server.base, &admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    for status in ["delivered", "read"] {
        assert_eq!(meta.post(&server.base, &meta.status(&reply.id, status)).await, 200);
        agent.event("inbox.event", |event| event["event"]["message"]["status"] == status).await;
    }
    assert_eq!(graph.pending(), 0, "it left once");
}
