//! Files that customers send: named in the message, read through us, kept by the provider.

use serde_json::json;
use std::{io::ErrorKind, net::TcpListener};
use switchboard_tests::{graph::Graph, installation::Installation, rest::Rest, socket::Socket};

const PHOTO: &[u8] = b"\xff\xd8\xff\xe0 a photo";

#[tokio::test]
async fn a_photo_is_named_in_the_message_and_read_through_us_by_those_who_may() {
    let graph = Graph::start().await;
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_INBOX__GRAPH__BASE_URL", &graph.base);
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta = account.whatsapp().await;
    graph.expect(&meta.phone_number_id, &meta.access_token);
    graph.keep("photo-1", "image/jpeg", PHOTO);
    graph.keep("page-1", "text/html", b"<script>alert(1)</script>");
    let mut agent = Socket::open(&server.base, &account.admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    let photo =
        json!({ "id": "photo-1", "mime_type": "image/jpeg", "sha256": "x", "caption": "Broken on arrival" });
    assert_eq!(meta.post(&server.base, &meta.message("wamid.1", "image", photo)).await, 200);
    let event = agent.event("inbox.event", |event| event["event"]["type"] == "messageCreated").await;
    let message = &event["event"]["message"];
    assert_eq!(message["text"], "Broken on arrival");
    assert_eq!(message["attachments"], json!([{ "mimeType": "image/jpeg", "fileName": null }]));
    let path = |message: &serde_json::Value, number: u32| {
        let (conversation, id) = (&message["conversationId"], &message["id"]);
        let text = |id: &serde_json::Value| id.as_str().expect("an id").to_owned();
        format!("/v1/conversations/{}/messages/{}/attachments/{number}", text(conversation), text(id))
    };
    let (status, kind, bytes) = account.admin.file(&path(message, 0)).await;
    assert_eq!((status.as_u16(), kind.as_str(), bytes.as_slice()), (200, "image/jpeg", PHOTO));
    assert_eq!(account.admin.file(&path(message, 1)).await.0.as_u16(), 404);

    let page = json!({ "id": "page-1", "mime_type": "text/html", "filename": "invoice.html" });
    assert_eq!(meta.post(&server.base, &meta.message("wamid.2", "document", page)).await, 200);
    let event = agent
        .event("inbox.event", |event| {
            event["event"]["message"]["attachments"][0]["fileName"] == "invoice.html"
        })
        .await;
    let (status, kind, _) = account.admin.file(&path(&event["event"]["message"], 0)).await;
    assert_eq!((status.as_u16(), kind.as_str()), (200, "application/octet-stream"));

    // What the provider does not have any more, and what is another account's.
    let gone = json!({ "id": "gone", "mime_type": "audio/ogg; codecs=opus" });
    assert_eq!(meta.post(&server.base, &meta.message("wamid.3", "audio", gone)).await, 200);
    let event = agent
        .event("inbox.event", |event| {
            event["event"]["message"]["attachments"][0]["mimeType"] == "audio/ogg; codecs=opus"
        })
        .await;
    let gone = path(&event["event"]["message"], 0);
    let (status, problem) = account.admin.call(reqwest::Method::GET, &gone, None).await;
    assert_eq!((status.as_u16(), &problem["code"]), (404, &json!("channel.fileGone")));
    for (provider, (status, code)) in [
        (404, (404, "channel.fileGone")),
        (401, (404, "channel.refused")),
        (403, (404, "channel.refused")),
        (429, (503, "channel.unreachable")),
        (500, (503, "channel.unreachable")),
    ] {
        graph.refuse_next(provider, 1);
        let answer = account.admin.call(reqwest::Method::GET, &path(message, 0), None).await;
        assert_eq!((answer.0.as_u16(), &answer.1["code"]), (status, &json!(code)), "{provider}");
    }
    let other = installation.account("umbrella", &server).await;
    let stranger: &Rest = &other.admin;
    assert_eq!(stranger.file(&path(message, 0)).await.0.as_u16(), 404);
}

/// The channel's access token would go along. Passes for the wrong reason if no file could be fetched at
/// all: the one that is where the stand-in itself is arrives.
#[tokio::test]
async fn a_file_that_is_said_to_be_inside_is_not_fetched_and_no_token_goes_there() {
    let mut installation = Installation::new().await;
    let graph = Graph::start().await;
    installation.set("SWITCHBOARD_INBOX__GRAPH__BASE_URL", &graph.base);
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta = account.whatsapp().await;
    graph.expect(&meta.phone_number_id, &meta.access_token);
    let inside = TcpListener::bind("127.0.0.1:0").expect("a port");
    inside.set_nonblocking(true).expect("a socket");
    let address = inside.local_addr().expect("an address");
    graph.keep("here", "image/jpeg", PHOTO);
    graph.keep_at("clear", &format!("http://{address}/"));
    graph.keep_at("encrypted", &format!("https://{address}/"));
    graph.keep_at("spelt", &format!("https://2130706433:{}/", address.port()));
    let mut agent = Socket::open(&server.base, &account.admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    for (id, expected) in [("here", 200), ("clear", 503), ("encrypted", 503), ("spelt", 503)] {
        let photo = json!({ "id": id, "mime_type": "image/jpeg" });
        assert_eq!(meta.post(&server.base, &meta.message(&format!("wamid.{id}"), "image", photo)).await, 200);
        let event = agent.event("inbox.event", |event| event["event"]["type"] == "messageCreated").await;
        let message = &event["event"]["message"];
        let text = |id: &serde_json::Value| id.as_str().expect("an id").to_owned();
        let (conversation, id) = (text(&message["conversationId"]), text(&message["id"]));
        let path = format!("/v1/conversations/{conversation}/messages/{id}/attachments/0");
        assert_eq!(account.admin.file(&path).await.0.as_u16(), expected);
        if expected == 503 {
            let (_, problem) = account.admin.call(reqwest::Method::GET, &path, None).await;
            assert_eq!(problem["code"], "channel.unreachable", "{problem}");
        }
    }
    let came = inside.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(came, Err(ErrorKind::WouldBlock), "nobody came");
}
