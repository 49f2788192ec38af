//! A reply leaves once, whatever the channel answers and in whatever order it tells.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::post,
};
use serde_json::{Value, json};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};
use switchboard_tests::{
    PATIENCE,
    graph::Graph,
    installation::{Account, Installation},
    server::Server,
    socket::Socket,
    webhook::Meta,
};
use tokio::{net::TcpListener, sync::Notify};

/// An agent at work on a customer's conversation.
struct Desk {
    installation: Installation,
    server: Server,
    account: Account,
    meta: Meta,
    graph: Graph,
    agent: Socket,
    conversation: String,
}

impl Desk {
    async fn new() -> Self {
        let graph = Graph::start().await;
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
        Self { installation, server, account, meta, graph, agent, conversation }
    }

    /// Writes a reply and returns its id.
    async fn reply(&self, text: &str) -> String {
        let path = format!("/v1/conversations/{}/messages", self.conversation);
        let written = self.account.admin.post(&path, json!({ "text": text })).await;
        written["id"].as_str().expect("an id").to_owned()
    }

    /// Waits until the agent sees `message` with this status.
    async fn sees(&mut self, message: &str, status: &str) -> Value {
        let fits = |event: &Value| {
            let shown = &event["event"]["message"];
            shown["id"] == message && shown["status"] == status
        };
        self.agent.event("inbox.event", fits).await["event"]["message"].take()
    }

    async fn status_of(&self, message: &str) -> String {
        let path = format!("/v1/conversations/{}/messages", self.conversation);
        let messages = self.account.admin.at(&self.server.base).get(&path).await;
        let items = messages["items"].as_array().expect("messages");
        let found = items.iter().find(|item| item["id"] == message).expect("the message");
        found["status"].as_str().expect("a status").to_owned()
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_the_reply_leaves_once() {
    let mut desk = Desk::new().await;
    desk.graph.refuse_next(500, 131_000);
    desk.graph.refuse_next(429, 130_429);
    desk.graph.refuse_next(400, 131_056);
    let id = desk.reply("Hi!").await;
    let reply = desk.graph.reply().await;
    assert_eq!((reply.text.as_str(), reply.callback_data.as_str()), ("Hi!", id.as_str()));
    desk.sees(&id, "sent").await;
    assert_eq!((desk.graph.refusals_left(), desk.graph.pending()), (0, 0), "after three refusals, once");
}

#[tokio::test]
async fn what_does_not_pass_is_shown_to_the_agent_with_metas_words() {
    let mut desk = Desk::new().await;
    for (status, code) in [(400, 131_047), (401, 190)] {
        desk.graph.refuse_next(status, code);
        let id = desk.reply("Too late?").await;
        let failed = desk.sees(&id, "failed").await;
        let words = failed["error"].as_str().expect("a reason");
        assert!(words.contains("As the test wants it") && words.contains(&code.to_string()), "{words}");
    }
    let id = desk.reply("And the next one leaves.").await;
    assert_eq!(desk.graph.reply().await.text, "And the next one leaves.");
    desk.sees(&id, "sent").await;
    assert_eq!(desk.graph.pending(), 0, "what was refused did not leave");
}

#[tokio::test]
async fn statuses_in_the_wrong_order_never_take_a_tick_back() {
    let mut desk = Desk::new().await;
    let id = desk.reply("Hi!").await;
    let reply = desk.graph.reply().await;
    for status in ["read", "delivered", "sent"] {
        assert_eq!(desk.meta.post(&desk.server.base, &desk.meta.status(&reply.id, status)).await, 200);
    }
    desk.sees(&id, "read").await;
    // Whatever else was to be said about it has been said once a later message is there.
    let later = desk.meta.messages(&[("wamid.LATER", "Thanks")]);
    assert_eq!(desk.meta.post(&desk.server.base, &later).await, 200);
    desk.agent.event("inbox.event", |event| event["event"]["message"]["text"] == "Thanks").await;
    assert_eq!(desk.status_of(&id).await, "read");
}

/// Meta's statuses can overtake its answer.
#[tokio::test]
async fn a_status_that_comes_before_the_answer_counts() {
    let mut desk = Desk::new().await;
    let answers = desk.graph.hold_answers().await;
    let id = desk.reply("Hi!").await;
    let reply = desk.graph.reply().await;
    let early = desk.meta.status(&reply.id, "delivered");
    assert_eq!(desk.meta.post(&desk.server.base, &early).await, 200);
    let marker = desk.meta.messages(&[("wamid.MARKER", "after the status")]);
    assert_eq!(desk.meta.post(&desk.server.base, &marker).await, 200);
    desk.agent.event("inbox.event", |event| event["event"]["message"]["text"] == "after the status").await;
    assert_ne!(desk.status_of(&id).await, "delivered", "nobody knows yet whose status it is");
    drop(answers);
    desk.sees(&id, "delivered").await;
}

/// The sender dies after Meta took the reply and before it could write that down:
/// the status says whose it is, and the reply is not sent again.
#[tokio::test]
async fn a_reply_whose_sender_dies_is_recognised_by_its_status() {
    let mut desk = Desk::new().await;
    let address = desk.server.address();
    let answers = desk.graph.hold_answers().await;
    let id = desk.reply("Hi!").await;
    let reply = desk.graph.reply().await;
    let Desk { installation, server, account, meta, graph, conversation, .. } = desk;
    server.kill();
    let server = installation.server_on(&address);
    let mut agent = Socket::open(&server.base, &account.admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    let status = meta.status_with(&reply.id, "sent", &reply.callback_data);
    assert_eq!(meta.post(&server.base, &status).await, 200);
    let mut desk = Desk { installation, server, account, meta, graph, agent, conversation };
    desk.sees(&id, "sent").await;
    drop(answers);
    // A reply that is written later leaves later: were the first sent again, it would come first.
    desk.reply("Still there?").await;
    assert_eq!(desk.graph.reply().await.text, "Still there?");
    assert_eq!(desk.graph.pending(), 0);
}

/// What a Graph API that hangs for one number, and answers for all others, has seen.
#[derive(Clone, Default)]
struct Stuck {
    /// The number that it never answers for.
    number: Arc<OnceLock<String>>,
    /// Requests for it that wait, the most that did at once, and those whose sender has given up.
    waiting: Arc<AtomicU32>,
    most: Arc<AtomicU32>,
    given_up: Arc<AtomicU32>,
    changed: Arc<Notify>,
}

struct Waiting(Stuck);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
        self.0.given_up.fetch_add(1, Ordering::SeqCst);
    }
}

async fn answer_or_hang(
    State(stuck): State<Stuck>,
    Path((_, number)): Path<(String, String)>,
) -> Json<Value> {
    if stuck.number.get() == Some(&number) {
        let _waiting = Waiting(stuck.clone());
        stuck.most.fetch_max(stuck.waiting.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        stuck.changed.notify_one();
        std::future::pending::<()>().await;
    }
    Json(
        json!({ "messaging_product": "whatsapp", "messages": [{ "id": format!("wamid.{}", uuid::Uuid::new_v4()) }] }),
    )
}

/// Customers who wrote, and the ids of their conversations.
async fn conversations(meta: &Meta, account: &Account, server: &Server, count: usize) -> Vec<String> {
    let mut agent = Socket::open(&server.base, &account.admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    let mut ids = Vec::new();
    for number in 0..count {
        let mut body = meta.messages(&[(&format!("wamid.of.{number}"), "Hello?")]);
        body["entry"][0]["changes"][0]["value"]["messages"][0]["from"] = json!(format!("1555{number:07}"));
        assert_eq!(meta.post(&server.base, &body).await, 200);
        let event = agent.event("inbox.event", |event| event["event"]["type"] == "messageCreated").await;
        ids.push(event["event"]["conversation"]["id"].as_str().expect("an id").to_owned());
    }
    ids
}

/// Passes for the wrong reason if the replies that hang had been given up before: none was.
#[tokio::test]
async fn a_provider_that_hangs_for_one_channel_delays_no_other_channels_replies() {
    let stuck = Stuck::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let app =
        Router::new().route("/{version}/{number}/messages", post(answer_or_hang)).with_state(stuck.clone());
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    let provider = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_INBOX__GRAPH__BASE_URL", &base);
    let server = installation.server();
    let (a, b) = (installation.account("a", &server).await, installation.account("b", &server).await);
    let (hanging, sound, other) = (a.whatsapp().await, a.whatsapp().await, b.whatsapp().await);
    stuck.number.set(hanging.phone_number_id.clone()).expect("once");
    for conversation in conversations(&hanging, &a, &server, 20).await {
        let path = format!("/v1/conversations/{conversation}/messages");
        a.admin.post(&path, json!({ "text": "Into the void" })).await;
    }
    let all_hang = async {
        while stuck.waiting.load(Ordering::SeqCst) < 8 {
            stuck.changed.notified().await;
        }
    };
    tokio::time::timeout(PATIENCE, all_hang).await.expect("its share hangs");
    for (account, meta) in [(&a, &sound), (&b, &other)] {
        let conversation = conversations(meta, account, &server, 1).await.remove(0);
        let mut agent = Socket::open(&server.base, &account.admin.token).await;
        agent.ask("inbox.subscribe", json!({})).await;
        let path = format!("/v1/conversations/{conversation}/messages");
        let reply = account.admin.post(&path, json!({ "text": "Here you are" })).await;
        let left = |event: &Value| {
            event["event"]["message"]["id"] == reply["id"] && event["event"]["message"]["status"] == "sent"
        };
        agent.event("inbox.event", left).await;
    }
    assert_eq!(stuck.given_up.load(Ordering::SeqCst), 0, "while all that hangs still hangs");
    assert_eq!(stuck.most.load(Ordering::SeqCst), 8, "as many as a channel may have");
    provider.abort();
}

/// Meta repeats what it is not sure about, to whichever instance answers.
#[tokio::test]
async fn the_same_webhook_at_two_instances_at_once_is_one_message() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let meta = account.whatsapp().await;
    let mut agent = Socket::open(&a.base, &account.admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    const MESSAGES: usize = 40;
    for n in 0..MESSAGES {
        let body = meta.messages(&[(&format!("wamid.{n}"), &format!("message {n}"))]);
        let (one, other) = tokio::join!(meta.post(&a.base, &body), meta.post(&b.base, &body));
        assert_eq!((one, other), (reqwest::StatusCode::OK, reqwest::StatusCode::OK));
    }
    let last = meta.messages(&[("wamid.LAST", "the last")]);
    assert_eq!(meta.post(&b.base, &last).await, 200);
    let mut texts = Vec::new();
    while texts.last().is_none_or(|last| last != "the last") {
        let event = agent.event("inbox.event", |event| event["event"]["type"] == "messageCreated").await;
        texts.push(event["event"]["message"]["text"].as_str().expect("a text").to_owned());
    }
    let mut expected: Vec<String> = (0..MESSAGES).map(|n| format!("message {n}")).collect();
    expected.push("the last".to_owned());
    assert_eq!(texts, expected, "each once, in the order of arrival, with workers on both instances");
}
