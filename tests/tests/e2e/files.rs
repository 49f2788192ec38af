//! Files in rooms: uploaded, sent, shown, and gone with their message.

use local_services::ports;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::time::Duration;
use switchboard_tests::{
    PATIENCE,
    browser::{Browser, Driver, Turn},
    eventually,
    installation::{Installation, PASSWORD},
    rest::Rest,
    socket::Socket,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

async fn sent(socket: &mut Socket, room: &str, text: &str, attachments: Value) -> Result<Value, Value> {
    let params = json!({
        "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": text, "attachments": attachments,
    });
    socket.try_ask("room.send", params).await.map(|answer| answer["message"].clone())
}

/// What anybody with the link gets, without a token.
async fn read(base: &str, path: &str, range: Option<&str>) -> (StatusCode, header::HeaderMap, Vec<u8>) {
    let mut request = reqwest::Client::new().get(format!("{base}{path}"));
    if let Some(range) = range {
        request = request.header(header::RANGE, range);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("a body").to_vec())
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

async fn link(rest: &Rest, room: &str, id: &Value) -> Value {
    rest.get(&format!("/v1/rooms/{room}/attachments/{}", text(id))).await
}

#[tokio::test]
async fn a_picture_and_a_page_are_sent_read_by_link_and_gone_with_their_message() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let ada = &account.admin;
    let grace = Rest::sign_in(&server.base, &account.user("Grace").await, PASSWORD).await;
    let (mut sender, mut watcher) =
        (Socket::open(&server.base, &ada.token).await, Socket::open(&server.base, &grace.token).await);
    for socket in [&mut sender, &mut watcher] {
        socket.ask("room.join", json!({ "roomId": room })).await;
    }
    let (status, picture) = ada.upload(&room, "one \u{202e}pixel\".png", PNG).await;
    assert_eq!(status, StatusCode::CREATED, "{picture}");
    assert_eq!(picture["mimeType"], "image/png");
    assert_eq!(
        (&picture["width"], &picture["height"], &picture["hasThumbnail"]),
        (&json!(1), &json!(1), &json!(true))
    );
    assert_eq!((&picture["fileName"], &picture["sizeBytes"]), (&json!("one pixel\".png"), &json!(PNG.len())));
    let (_, page) = ada.upload(&room, "photo.png", "<!doctype html><script>alert(1)</script>").await;
    assert_eq!((&page["mimeType"], &page["hasThumbnail"]), (&json!("text/html"), &json!(false)));
    // Until it is sent, it is its uploader's.
    let path = format!("/v1/rooms/{room}/attachments/{}", text(&picture["id"]));
    assert_eq!(grace.call(Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(grace.call(Method::DELETE, &path, None).await.0, StatusCode::NOT_FOUND);
    let message =
        sent(&mut sender, &room, "", json!([picture["id"], page["id"]])).await.expect("it is stored");
    assert_eq!(message["attachments"], json!([picture, page]));
    let event = watcher.event("room.message", |event| event["message"]["seq"] == message["seq"]).await;
    assert_eq!(event["message"], message);
    let again =
        sent(&mut sender, &room, "again", json!([picture["id"]])).await.expect_err("it is in a message");
    assert_eq!(again["data"]["code"], "attachment.notFound", "{again}");

    let links = link(&grace, &room, &picture["id"]).await;
    let (status, headers, bytes) = read(&server.base, text(&links["url"]), None).await;
    assert_eq!((status, bytes.as_slice()), (StatusCode::OK, PNG));
    assert_eq!(headers["content-type"], "image/png");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["accept-ranges"], "bytes");
    assert_eq!(headers["content-security-policy"], "sandbox; default-src 'none'");
    assert_eq!(headers["content-disposition"], "inline; filename*=UTF-8''one%20pixel%22.png");
    let (status, headers, bytes) = read(&server.base, text(&links["url"]), Some("bytes=1-3")).await;
    assert_eq!((status, bytes.as_slice()), (StatusCode::PARTIAL_CONTENT, b"PNG".as_slice()));
    assert_eq!(headers["content-range"], format!("bytes 1-3/{}", PNG.len()));
    let (status, headers, _) = read(&server.base, text(&links["url"]), Some("bytes=9999-")).await;
    assert_eq!(status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(headers["content-range"], format!("bytes */{}", PNG.len()));
    let (status, headers, bytes) = read(&server.base, text(&links["thumbnailUrl"]), None).await;
    assert_eq!((status, &headers["content-type"]), (StatusCode::OK, &"image/jpeg".parse().expect("a value")));
    assert!(bytes.starts_with(b"\xff\xd8\xff"));
    let script = link(&grace, &room, &page["id"]).await;
    let (_, headers, _) = read(&server.base, text(&script["url"]), None).await;
    assert_eq!(headers["content-type"], "application/octet-stream");
    assert!(headers["content-disposition"].to_str().expect("text").starts_with("attachment;"));
    let forged = format!("{}A", text(&links["url"]));
    assert_eq!(read(&server.base, &forged, None).await.0, StatusCode::NOT_FOUND);

    // Another account's people get no link, and cannot send it.
    let other = installation.account("umbrella", &server).await;
    let elsewhere = other.room("Lobby").await;
    for room in [&room, &elsewhere] {
        let path = format!("/v1/rooms/{room}/attachments/{}", text(&picture["id"]));
        assert_eq!(other.admin.call(Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(installation.folder.files().len(), 3);
    let delete = json!({ "roomId": room, "messageSeq": message["seq"] });
    let deleted = sender.ask("room.delete", delete).await;
    assert!(deleted["message"].get("attachments").is_none(), "{deleted}");
    for url in [&links["url"], &links["thumbnailUrl"], &script["url"]] {
        assert_eq!(read(&server.base, text(url), None).await.0, StatusCode::NOT_FOUND, "at once");
    }
    eventually("the files are removed", PATIENCE, || async { installation.folder.files().is_empty() }).await;
}

#[tokio::test]
async fn who_may_not_speak_uploads_nothing_and_who_is_out_gets_no_link() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let grace = Rest::sign_in(&server.base, &account.user("Grace").await, PASSWORD).await;
    let mut socket = Socket::open(&server.base, &account.admin.token).await;
    socket.ask("room.join", json!({ "roomId": room })).await;
    let (_, file) = account.admin.upload(&room, "a.txt", "hello").await;
    sent(&mut socket, &room, "read this", json!([file["id"]])).await.expect("it is stored");
    let path = format!("/v1/rooms/{room}/attachments/{}", text(&file["id"]));
    // Guests, by what they were let in for.
    let guest = async |rights: Value| {
        let body = json!({ "guest": { "identity": "g", "name": "Guest" }, "rights": rights });
        let token = account.admin.post(&format!("/v1/rooms/{room}/join-tokens"), body).await;
        account.admin.with_key(text(&token["token"]))
    };
    let speaker = guest(json!(["messages.send"])).await;
    assert_eq!(speaker.upload(&room, "b.txt", "hi").await.0, StatusCode::CREATED);
    assert_eq!(speaker.call(Method::GET, &path, None).await.0, StatusCode::FORBIDDEN);
    assert_eq!(speaker.call(Method::GET, "/v1/rooms", None).await.0, StatusCode::UNAUTHORIZED);
    let reader = guest(json!(["messages.read"])).await;
    assert_eq!(reader.upload(&room, "b.txt", "hi").await.0, StatusCode::FORBIDDEN);
    assert_eq!(reader.call(Method::GET, &path, None).await.0, StatusCode::OK);
    let other_room = account.room("Other").await;
    assert_eq!(speaker.upload(&other_room, "b.txt", "hi").await.0, StatusCode::NOT_FOUND);

    assert_eq!(grace.upload(&room, "c.txt", "hi").await.0, StatusCode::CREATED);
    let mute = format!("/v1/rooms/{room}/mutes/{}", grace.user);
    let (status, answer) = account.admin.call(Method::PUT, &mute, Some(json!({ "until": null }))).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    let (status, problem) = grace.upload(&room, "c.txt", "hi").await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("room.muted")));
    assert_eq!(grace.call(Method::GET, &path, None).await.0, StatusCode::OK, "who is muted reads");
    let ban = format!("/v1/rooms/{room}/bans/{}", grace.user);
    let (status, answer) = account.admin.call(Method::PUT, &ban, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    assert_eq!(grace.call(Method::GET, &path, None).await.0, StatusCode::FORBIDDEN);
    assert_eq!(grace.upload(&room, "c.txt", "hi").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn files_have_limits_each_with_a_code() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_FILES__BYTES_MAX", "1000");
    installation.set("SWITCHBOARD_FILES__ACCOUNT_BYTES_MAX", "2500");
    installation.set("SWITCHBOARD_FILES__UNSENT_PER_USER_MAX", "4");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let ada = &account.admin;
    let code =
        |(status, answer): (StatusCode, Value)| (status.as_u16(), answer["code"].as_str().map(str::to_owned));
    let refused = |status: u16, code: &str| (status, Some(code.to_owned()));
    let some = |bytes: usize| vec![b'x'; bytes];
    assert_eq!(code(ada.upload(&room, "a", some(1001)).await), refused(413, "attachment.tooLarge"));
    // The same without saying so before.
    let streamed = reqwest::Body::wrap_stream(futures_util::stream::iter(
        (0..4).map(|_| Ok::<_, std::convert::Infallible>(vec![b'x'; 300])),
    ));
    assert_eq!(code(ada.upload(&room, "a", streamed).await), refused(413, "attachment.tooLarge"));
    assert_eq!(code(ada.upload(&room, "a", "").await), refused(422, "request.invalid"));
    for _ in 0..2 {
        assert_eq!(ada.upload(&room, "a", some(1000)).await.0, StatusCode::CREATED);
    }
    assert_eq!(code(ada.upload(&room, "a", some(501)).await), refused(409, "attachment.quotaExceeded"));
    let (_, last) = ada.upload(&room, "a", some(400)).await;
    assert_eq!(ada.upload(&room, "a", some(1)).await.0, StatusCode::CREATED);
    assert_eq!(code(ada.upload(&room, "a", some(1)).await), refused(409, "limit.count"));
    ada.delete(&format!("/v1/rooms/{room}/attachments/{}", text(&last["id"]))).await;
    assert_eq!(ada.upload(&room, "a", some(1)).await.0, StatusCode::CREATED);
    let mut socket = Socket::open(&server.base, &ada.token).await;
    socket.ask("room.join", json!({ "roomId": room })).await;
    let gone = sent(&mut socket, &room, "", json!([last["id"]])).await.expect_err("it was given up");
    assert_eq!(gone["data"]["code"], "attachment.notFound");
    let empty = sent(&mut socket, &room, "", json!([])).await.expect_err("nothing is said");
    assert_eq!(empty["data"]["code"], "request.invalid");
    let many: Vec<_> = (0..11).map(|_| uuid::Uuid::new_v4()).collect();
    let many = sent(&mut socket, &room, "", json!(many)).await.expect_err("too many");
    assert_eq!(many["data"]["code"], "limit.count");
}

/// The folder for what comes in is looked at: passes for the wrong reason if uploads did not go through it, so the
/// file is seen there first.
#[tokio::test]
async fn whoever_hangs_up_or_stands_still_while_they_upload_leaves_nothing_behind() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_HTTP__BODY_S", "2");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let address = server.base.trim_start_matches("http://").to_owned();
    let head = format!(
        "POST /v1/rooms/{room}/attachments?fileName=a HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Length: 1000\r\n\r\nbegun",
        account.admin.token
    );
    let folder = &installation.folder;
    let mut gone = TcpStream::connect(&address).await.expect("a connection");
    gone.write_all(head.as_bytes()).await.expect("sent");
    eventually("it comes in", PATIENCE, || async { folder.files().len() == 1 }).await;
    drop(gone);
    eventually("it is given up", PATIENCE, || async { folder.files().is_empty() }).await;
    let mut still = TcpStream::connect(&address).await.expect("a connection");
    still.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    let read = tokio::time::timeout(PATIENCE, still.read_to_string(&mut answer)).await;
    read.expect("in time").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(folder.files().is_empty());
}

/// The row is there before the first byte is kept; whoever removes what is due finds both.
#[tokio::test]
async fn while_the_storage_is_away_messages_go_on_and_files_are_told_to_wait() {
    let mut installation = Installation::new().await;
    let closed = ports::free().expect("a port");
    installation.set("SWITCHBOARD_FILES__S3__BUCKET", "chat");
    installation.set("SWITCHBOARD_FILES__S3__ENDPOINT", &format!("http://{closed}"));
    installation.set("SWITCHBOARD_FILES__S3__ACCESS_KEY_ID", "id");
    installation.set("SWITCHBOARD_FILES__S3__SECRET_ACCESS_KEY", "key");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut socket = Socket::open(&server.base, &account.admin.token).await;
    socket.ask("room.join", json!({ "roomId": room })).await;
    let uploading = account.admin.upload(&room, "a.txt", "hello");
    let saying = async {
        tokio::time::timeout(Duration::from_secs(10), sent(&mut socket, &room, "hello", json!([]))).await
    };
    let ((status, problem), said) = tokio::join!(uploading, saying);
    assert!(said.expect("at once").is_ok());
    assert_eq!((status.as_u16(), &problem["code"]), (503, &json!("attachment.unavailable")));
    assert!(installation.folder.files().is_empty());
}

/// Drops a picture and a text on the room, as from a folder.
const DROP: &str = "(async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1200, height: 800 });
    const paint = canvas.getContext('2d');
    const sky = paint.createLinearGradient(0, 0, 0, 800);
    [[0, '#123'], [0.6, '#e85'], [1, '#420']].forEach(([at, color]) => sky.addColorStop(at, color));
    paint.fillStyle = sky;
    paint.fillRect(0, 0, 1200, 800);
    const picture = await new Promise((made) => canvas.toBlob(made));
    const dropped = new DataTransfer();
    dropped.items.add(new File([picture], 'sunset.png'));
    dropped.items.add(new File(['one, two, three\\n'.repeat(4000)], 'Liste für März.csv'));
    const event = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: dropped });
    document.querySelector('.room').dispatchEvent(event);
    return true;
})()";

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_dropped_on_a_room_are_sent_and_shown_in_the_console() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let email = account.user("Ada").await;
    let driver = Driver::start(turn);
    let browser = Browser::start(&driver).await;
    browser.sign_in(&server.base, &email, PASSWORD).await;
    browser.click_css(&format!("[data-testid='room-item'][data-room-id='{room}']")).await;
    browser.see("message-input").await;
    browser.until(DROP).await;
    browser
        .until("document.querySelectorAll('[data-testid=\"upload\"]').length === 2 && !document.querySelector('.upload progress, .upload.failed')")
        .await;
    browser.screenshot("files-uploaded").await;
    browser.fill("message-input", "From yesterday:").await;
    browser.click("message-send").await;
    browser
        .until("document.querySelector('.message:not(.pending) [data-testid=\"attachment-picture\"]')?.naturalWidth === 640")
        .await;
    browser
        .until("document.querySelector('.message [data-testid=\"attachment\"]').innerText.includes('Liste für März.csv')")
        .await;
    browser.until("document.querySelector('[data-testid=\"uploads\"]').hidden").await;
    browser.screenshot("files").await;
    browser.quit().await;
}
