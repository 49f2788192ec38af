//! However much there is to read, whoever comes back reads it, page by page, and nobody is closed for it.

use common::protocol::page::FRAME_BYTES_MAX;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use switchboard_tests::{
    installation::{Account, Installation},
    server::Server,
    socket::Socket,
};
use uuid::Uuid;

/// Asks until there is no more; the answers, each of which fits into a frame.
async fn pages(socket: &mut Socket, method: &str, mut params: Value) -> Vec<Value> {
    let mut pages = Vec::new();
    loop {
        let page = socket.ask(method, params.clone()).await;
        assert!(
            page.to_string().len() <= FRAME_BYTES_MAX,
            "{method} answers with {}",
            page.to_string().len()
        );
        let (more, seq) = (page["more"] == true, page["seq"].clone());
        assert!(!more || params["after"] != seq, "a page with more after it gets further");
        params["after"] = seq;
        pages.push(page);
        if !more {
            return pages;
        }
    }
}

fn numbers(pages: &[Value], list: &str) -> Vec<u64> {
    let items = pages.iter().flat_map(|page| page[list].as_array().expect("a list"));
    items.map(|item| item["seq"].as_u64().expect("a number")).collect()
}

async fn guest(account: &Account, server: &Server, room: &str) -> Socket {
    let key = json!({ "name": "Shop", "permissions": ["rooms.read", "rooms.manage"] });
    let key = account.admin.post("/v1/api-keys", key).await;
    let back_end = account.admin.with_key(key["key"].as_str().expect("a key"));
    let body = json!({ "guest": { "identity": "g", "name": "Grace" }, "rights": ["messages.read", "messages.send"] });
    let minted = back_end.post(&format!("/v1/rooms/{room}/join-tokens"), body).await;
    let mut guest = Socket::open(&server.base, minted["token"].as_str().expect("a token")).await;
    guest.ask("room.join", json!({ "roomId": room })).await;
    guest
}

/// The longest texts that a guest may send, and then the same room as it could be made before control
/// characters were refused: each is six bytes of JSON.
#[tokio::test]
async fn no_history_keeps_anybody_out_of_a_room() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut guest = guest(&account, &server, &room).await;
    let said = |text: &str| json!({ "roomId": room, "clientId": Uuid::new_v4(), "text": text });
    for (text, code) in [
        ("\u{1}".to_owned(), "request.invalid"),
        ("\u{1}".repeat(8192), "request.invalid"),
        ("\"".repeat(4097), "limit.size"),
        ("x".repeat(8193), "limit.size"),
        (" \n".to_owned(), "request.invalid"),
    ] {
        let refused = guest.try_ask("room.send", said(&text)).await.expect_err("it is refused");
        assert_eq!(refused["data"]["code"], code);
        let body = json!({ "text": text });
        let path = format!("/v1/rooms/{room}/messages");
        let (status, problem) = account.admin.call(reqwest::Method::POST, &path, Some(body)).await;
        assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("request.invalid")));
    }
    let mut ben = Socket::open(&server.base, &account.admin.token).await;
    ben.ask("room.join", json!({ "roomId": room })).await;
    // Most of it by somebody who may send more.
    for n in 0..100 {
        let text = if n % 2 == 0 { "\"".repeat(4096) } else { "😀".repeat(2048) };
        let sender = if n % 5 == 0 { &mut guest } else { &mut ben };
        sender.ask("room.send", said(&text)).await;
    }
    for round in 0..2 {
        let mut ada = Socket::open(&server.base, &account.admin.token).await;
        let latest = pages(&mut ada, "room.join", json!({ "roomId": room })).await;
        assert_eq!(latest.len(), 1, "without a number there is one answer");
        assert_eq!(numbers(&latest, "messages").last(), Some(&100));
        let missed = pages(&mut ada, "room.join", json!({ "roomId": room, "after": 0 })).await;
        assert_eq!(numbers(&missed, "messages"), (1..=100).collect::<Vec<_>>());
        assert!(missed.len() > 5 && missed.iter().all(|page| page["recovered"] == true));
        assert!(missed.iter().rev().skip(1).all(|page| page["members"] == json!([])));
        let last = missed.last().expect("a page");
        assert!(last["members"].as_array().is_some_and(|members| members.len() >= 3), "{last}");
        let (mut read, mut params) = (Vec::new(), json!({ "roomId": room, "limit": 100 }));
        loop {
            let page = ada.ask("room.history", params.clone()).await;
            assert!(page.to_string().len() <= FRAME_BYTES_MAX);
            let page_numbers = numbers(std::slice::from_ref(&page), "messages");
            params["before"] = json!(page_numbers.first().expect("a message"));
            read.splice(0..0, page_numbers);
            if page["more"] == false {
                break;
            }
        }
        assert_eq!(read, (1..=100).collect::<Vec<_>>());
        if round == 0 {
            // As if every text were of the most expensive characters.
            let expensive = "UPDATE room_messages SET text = repeat(chr(1), 8192)";
            installation.database.as_owner(expensive).await;
        }
    }
}

/// Whoever comes back in pages is in the room after the last one, and not before.
#[tokio::test]
async fn between_two_pages_nothing_is_missed_and_nothing_comes_twice() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut ben = Socket::open(&server.base, &account.admin.token).await;
    ben.ask("room.join", json!({ "roomId": room })).await;
    let said = |text: &str| json!({ "roomId": room, "clientId": Uuid::new_v4(), "text": text });
    for _ in 0..30 {
        ben.ask("room.send", said(&"x".repeat(8000))).await;
    }
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    let (mut read, mut after) = (Vec::new(), json!(0));
    loop {
        let page = ada.ask("room.join", json!({ "roomId": room, "after": after })).await;
        read.extend(numbers(std::slice::from_ref(&page), "messages"));
        after = page["seq"].clone();
        if page["more"] == false {
            break;
        }
        let outside =
            ada.try_ask("room.members", json!({ "roomId": room })).await.expect_err("not in the room");
        assert_eq!(outside["data"]["code"], "room.notJoined");
        ben.ask("room.send", said("meanwhile")).await;
    }
    assert!(!ada.has_seen("room.message").await, "nothing is told before the last page");
    ben.ask("room.send", said("afterwards")).await;
    let heard = ada.event("room.message", |_| true).await;
    read.push(heard["message"]["seq"].as_u64().expect("a number"));
    let last =
        ben.ask("room.history", json!({ "roomId": room, "limit": 1 })).await["messages"][0]["seq"].clone();
    assert!(read.len() > 31, "it was said between two pages");
    assert_eq!(read, (1..=last.as_u64().expect("a number")).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_agent_who_missed_much_comes_back() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta = account.whatsapp().await;
    let mut watcher = Socket::open(&server.base, &account.admin.token).await;
    watcher.ask("inbox.subscribe", json!({})).await;
    let texts = ["x".repeat(4096), "ж".repeat(4096), "😀".repeat(2048)];
    let (mut seen, mut watched) = (0, 0);
    for (text, count) in texts.iter().zip([300, 200, 200]) {
        let ids: Vec<String> = (0..count).map(|_| format!("wamid.{}", Uuid::new_v4())).collect();
        for ids in ids.chunks(50) {
            let messages: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), text.as_str())).collect();
            assert_eq!(meta.post(&server.base, &meta.messages(&messages)).await, 200);
            // Read as it comes: what gathers beyond a megabyte is too slow.
            for _ in &messages {
                watched += 1;
                assert_eq!(watcher.event("inbox.event", |_| true).await["seq"], watched);
            }
        }
        let mut agent = Socket::open(&server.base, &account.admin.token).await;
        let missed = pages(&mut agent, "inbox.subscribe", json!({ "after": seen })).await;
        assert_eq!(numbers(&missed, "events"), (seen + 1..=seen + count).collect::<Vec<_>>());
        assert!(missed.len() > 3 && missed.iter().all(|page| page["recovered"] == true));
        seen += count;
    }
    let mut late = Socket::open(&server.base, &account.admin.token).await;
    let lost = late.ask("inbox.subscribe", json!({ "after": 0 })).await;
    assert_eq!(
        (&lost["recovered"], &lost["more"], &lost["seq"]),
        (&json!(false), &json!(false), &json!(seen))
    );
}

/// As long as a webhook takes; a channel that is written to by e-mail has such texts every day.
#[tokio::test]
async fn a_text_of_three_megabytes_throws_nobody_out() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta = account.whatsapp().await;
    let mut agent = Socket::open(&server.base, &account.admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    agent.ask("feed.subscribe", json!({ "table": "messages" })).await;
    let long = "long ".repeat(560_000);
    assert_eq!(
        meta.post(&server.base, &meta.messages(&[("wamid.1", &long), ("wamid.2", "short")])).await,
        200
    );
    let event = agent.event("inbox.event", |_| true).await;
    let message = &event["event"]["message"];
    assert_eq!(message["truncated"], true);
    let shown = message["text"].as_str().expect("a text");
    assert!(shown.starts_with("long long") && shown.ends_with('…') && shown.len() <= 16 * 1024);
    let short = agent.event("inbox.event", |_| true).await;
    assert_eq!(
        (&short["event"]["message"]["text"], short["event"]["message"].get("truncated")),
        (&json!("short"), None)
    );
    // The row is told without what is too long for it.
    let row = agent.event("feed.changed", |_| true).await;
    assert_eq!((&row["omitted"], row["row"].get("text")), (&json!(["text"]), None));
    assert_eq!(row["row"]["direction"], "inbound");
    let path = format!("/v1/conversations/{}/messages", message["conversationId"].as_str().expect("an id"));
    let read = account.admin.get(&path).await;
    let whole = read["items"][0]["text"].as_str().expect("a text");
    assert!(whole.len() > 60_000 && whole.len() <= 64 * 1024, "{}", whole.len());
    // As it was stored before texts were cut when they come.
    installation
        .database
        .as_owner("UPDATE outbox SET event = jsonb_set(event, '{message,text}', to_jsonb(repeat('x', 3000000))) WHERE seq = 1")
        .await;
    let missed = pages(&mut agent, "inbox.subscribe", json!({ "after": 0 })).await;
    assert_eq!(numbers(&missed, "events"), [1, 2]);
}

#[tokio::test]
async fn a_feed_that_missed_much_is_told_page_by_page() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    let seq = ada.ask("feed.subscribe", json!({ "table": "cannedResponses" })).await["seq"].clone();
    drop(ada);
    let text = "x".repeat(16 * 1024);
    let mut made = BTreeSet::new();
    for n in 0..60 {
        let body = json!({ "shortcode": format!("s{n}"), "text": text });
        let response = account.admin.post("/v1/canned-responses", body).await;
        made.insert(response["id"].as_str().expect("an id").to_owned());
        account.admin.post("/v1/labels", json!({ "name": format!("l{n}"), "color": "#ffffff" })).await;
    }
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    let missed = pages(&mut ada, "feed.subscribe", json!({ "table": "cannedResponses", "after": seq })).await;
    assert!(missed.len() > 3 && missed.iter().all(|page| page["recovered"] == true), "{}", missed.len());
    let told: Vec<String> = missed
        .iter()
        .flat_map(|page| page["changes"].as_array().expect("changes"))
        .map(|change| change["id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!((told.len(), told.into_iter().collect::<BTreeSet<_>>()), (60, made));
    let long = json!({ "table": "labels", "filter": { "name": "x".repeat(3000) } });
    let refused = ada.try_ask("feed.subscribe", long).await.expect_err("it is refused");
    assert_eq!(refused["data"]["code"], "protocol.invalidParams");
}
