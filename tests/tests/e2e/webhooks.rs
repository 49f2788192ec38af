//! What comes through a channel's webhook, from whoever: it costs little until it proves who sends it, and one
//! item that is spoilt costs no other.

use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use switchboard_tests::{
    PATIENCE, installation::Installation, server::Server, socket::Socket, webhook::Meta,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

/// Of the right shape and worth nothing.
const NO_SIGNATURE: &str = "sha256=0000000000000000000000000000000000000000000000000000000000000000";

/// A connection from another loopback address, so that its limits are not those of everybody else here.
async fn connect(server: &Server, from: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(format!("{from}:0").parse().expect("an address")).expect("all of 127/8 is ours");
    let to: SocketAddr = server.address().parse().expect("an address");
    socket.connect(to).await.expect("the server listens")
}

fn head(path: &str, length: usize, signature: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{signature}\r\n"
    )
}

/// The status that is answered, once it is.
async fn answer(stream: &mut TcpStream) -> u16 {
    let mut start = [0; 12];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut start)).await.expect("in time");
    read.expect("an answer");
    std::str::from_utf8(&start[9..]).expect("digits").parse().expect("a status")
}

/// The server's memory in use, in KiB.
fn memory(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// Only the head is sent: an answer shows that nobody waited for the body.
#[tokio::test]
async fn a_body_is_not_read_before_a_channel_and_a_signature_are_named() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta = account.whatsapp().await;
    let unknown = format!("/v1/webhooks/whatsapp/{}", uuid::Uuid::new_v4());
    let signed = format!("x-hub-signature-256: {NO_SIGNATURE}\r\n");
    for (path, length, signature, expected) in [
        (unknown.as_str(), 1000, signed.as_str(), 404),
        ("/v1/webhooks/whatsapp/nonsense", 1000, &signed, 404),
        (&meta.path, 1000, "", 401),
        (&meta.path, 1000, "x-hub-signature-256: sha256=abc\r\n", 401),
        (&meta.path, 1000, "x-hub-signature-256: sha1=0000\r\n", 401),
        (&meta.path, 3 * 1024 * 1024 + 1, &signed, 413),
    ] {
        let mut stream = connect(&server, "127.0.0.1").await;
        stream.write_all(head(path, length, signature).as_bytes()).await.expect("it is read");
        assert_eq!(answer(&mut stream).await, expected, "{path} {length} {signature}");
    }
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.1", "Hello?")])).await, 200);
}

/// What was done in the attack: most of a large body for a real channel, 300 times, and the end never.
///
/// Passes for the wrong reason if the bodies had not come in far: one that is small stays to be read, from the
/// same address, and is told to hurry.
#[tokio::test]
async fn bodies_that_do_not_end_take_little_memory_and_nobody_elses_place() {
    const BODIES: u32 = 300;
    const LENGTH: usize = 3 * 1024 * 1024;
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta = account.whatsapp().await;
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.1", "Hello?")])).await, 200);
    let before = memory(&server);
    let signed = format!("x-hub-signature-256: {NO_SIGNATURE}\r\n");
    let mut small = connect(&server, "127.0.0.2").await;
    let part = format!("{}{{", head(&meta.path, 1000, &signed));
    small.write_all(part.as_bytes()).await.expect("it is read");
    let (piece, refused) = (Arc::new(vec![b' '; LENGTH - 1024]), Arc::new(AtomicU32::new(0)));
    let mut bodies = JoinSet::new();
    for _ in 0..BODIES {
        let mut stream = connect(&server, "127.0.0.2").await;
        let head = head(&meta.path, LENGTH, &signed);
        let (piece, refused) = (Arc::clone(&piece), Arc::clone(&refused));
        bodies.spawn(async move {
            let written = async {
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&piece).await
            };
            // Refused in the middle of it, or as far as it goes without the end.
            if written.await.is_err() {
                refused.fetch_add(1, Ordering::SeqCst);
            }
            stream
        });
    }
    let held = bodies.join_all().await;
    let during = memory(&server);
    println!(
        "memory before {before} KiB, with {BODIES} bodies {during} KiB, {} cut off",
        refused.load(Ordering::SeqCst)
    );
    assert!(during.saturating_sub(before) < 160 * 1024, "{before} KiB became {during} KiB");
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.2", "Still there?")])).await, 200);
    assert_eq!(answer(&mut small).await, 408);
    drop(held);
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.3", "And now?")])).await, 200);
}

/// Texts of a customer's messages in the order in which an agent is shown them.
async fn texts(agent: &mut Socket, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let event = agent.event("inbox.event", |event| event["event"]["type"] == "messageCreated").await;
        texts.push(event["event"]["message"]["text"].as_str().expect("a text").to_owned());
    }
    texts
}

fn messages(body: &mut Value) -> &mut Vec<Value> {
    body["entry"][0]["changes"][0]["value"]["messages"].as_array_mut().expect("messages")
}

/// Each of these is read without trouble, and refused by the database.
#[tokio::test]
async fn an_item_that_the_database_refuses_costs_no_other() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta: Meta = account.whatsapp().await;
    let mut agent = Socket::open(&server.base, &account.admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    // Longer than a row of an index may be, and not to be compressed.
    let long: String = (0..400).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect();
    for (number, member) in ["id", "from"].into_iter().enumerate() {
        let ids = ["a", "b", "c"].map(|name| format!("wamid.{number}.{name}"));
        let mut body = meta.messages(&[(&ids[0], "one"), (&ids[1], "odd"), (&ids[2], "two")]);
        messages(&mut body)[1][member] = json!(long);
        assert_eq!(meta.post(&server.base, &body).await, StatusCode::OK);
        assert_eq!(texts(&mut agent, 2).await, ["one", "two"], "with a long {member}");
    }

    // A status that names one of our messages by our id and another by the provider's.
    let mut body = meta.messages(&[("wamid.x", "three"), ("wamid.y", "four")]);
    assert_eq!(meta.post(&server.base, &body).await, StatusCode::OK);
    assert_eq!(texts(&mut agent, 2).await, ["three", "four"]);
    let conversations = account.admin.get("/v1/conversations").await;
    let conversation = conversations["items"][0]["id"].as_str().expect("an id");
    let path = format!("/v1/conversations/{conversation}/messages");
    let ours =
        account.admin.post(&path, json!({ "text": "Hi" })).await["id"].as_str().expect("an id").to_owned();
    body = meta.messages(&[("wamid.z", "five")]);
    body["entry"][0]["changes"][0]["value"]["statuses"] = json!([
        { "id": "wamid.x", "status": "sent", "timestamp": "1795000001", "biz_opaque_callback_data": ours },
        { "id": "wamid.nobody", "status": "read", "timestamp": "1795000001" },
    ]);
    assert_eq!(meta.post(&server.base, &body).await, StatusCode::OK);
    agent.event("inbox.event", |event| event["event"]["message"]["text"] == "five").await;
}
