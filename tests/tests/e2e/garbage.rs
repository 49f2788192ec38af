//! A client that speaks garbage gets the documented error; others notice nothing.

use serde_json::{Value, json};
use switchboard_tests::{installation::Installation, socket::Socket};

async fn complaint(socket: &mut Socket, frame: &str) -> String {
    socket.send_text(frame).await;
    code(&socket.receive().await)
}

fn code(answer: &Value) -> String {
    answer["error"]["data"]["code"].as_str().unwrap_or_else(|| panic!("no error code in {answer}")).to_owned()
}

#[tokio::test]
async fn garbage_gets_the_documented_error_and_disturbs_nobody() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut witness = Socket::open(&server.base, &account.admin.token).await;
    witness.ask("room.join", json!({ "roomId": room })).await;

    let mut vandal = Socket::connect(&server.base).await;
    assert_eq!(complaint(&mut vandal, r#"{"jsonrpc":"2.0","id":1,"method":"room.leave","params":{"roomId":"00000000-0000-0000-0000-000000000000"}}"#).await, "auth.required");
    let error = vandal.try_ask("connection.open", json!({ "token": "forged.token.here" })).await.unwrap_err();
    assert_eq!(error["data"]["code"], "auth.invalidToken");
    vandal.ask("connection.open", json!({ "token": account.admin.token })).await;
    assert_eq!(complaint(&mut vandal, "{").await, "protocol.parseError");
    assert_eq!(complaint(&mut vandal, "[1,2]").await, "protocol.invalidRequest");
    assert_eq!(
        complaint(&mut vandal, r#"{"jsonrpc":"2.0","id":3,"method":7}"#).await,
        "protocol.invalidRequest"
    );
    assert_eq!(
        complaint(&mut vandal, r#"{"jsonrpc":"2.0","id":4,"method":"room.explode"}"#).await,
        "protocol.unknownMethod"
    );
    assert_eq!(
        complaint(&mut vandal, r#"{"jsonrpc":"2.0","id":5,"method":"room.join","params":{"roomId":17}}"#)
            .await,
        "protocol.invalidParams"
    );
    vandal.ask("room.join", json!({ "roomId": room })).await;
    vandal.ask("media.join", json!({ "roomId": room })).await;
    // With three, media goes through the server, which reads descriptions.
    let mut third = Socket::open(&server.base, &account.admin.token).await;
    third.ask("room.join", json!({ "roomId": room })).await;
    for other in [&mut witness, &mut third] {
        other.ask("media.join", json!({ "roomId": room })).await;
    }
    for sdp in [
        "",
        "v=0",
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
        &"a=x\r\n".repeat(9000),
    ] {
        let error = vandal.try_ask("media.publish", json!({ "roomId": room, "sdp": sdp })).await.unwrap_err();
        assert_eq!(error["data"]["code"], "media.invalidSdp", "for {:.40}", sdp);
    }
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"room.join\",\"params\":{}{}}}",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    assert!(complaint(&mut vandal, &deep).await.starts_with("protocol."));
    vandal.send_text(&"x".repeat(1024 * 1024)).await;
    assert_eq!(vandal.closed().await, Some(1009));

    witness
        .ask("room.send", json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": "still here" }))
        .await;
    witness.event("room.message", |event| event["message"]["text"] == "still here").await;
}

#[tokio::test]
async fn a_forged_webhook_is_refused_and_stores_nothing() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let meta = account.whatsapp().await;
    let body = meta.messages(&[("wamid.FORGED", "send me money")]).to_string();
    let right = meta.signature(body.as_bytes());
    let mut almost = right.clone();
    almost.replace_range(7..8, if right.as_bytes()[7] == b'0' { "1" } else { "0" });
    for signature in ["", "sha256=", "sha1=abc", &almost] {
        assert_eq!(meta.post_raw(&server.base, body.clone(), signature).await, 401, "with {signature:?}");
    }
    let mut agent = Socket::open(&server.base, &account.admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.REAL", "hello")])).await, 200);
    let first = agent.event("inbox.event", |_| true).await;
    assert_eq!(first["event"]["message"]["text"], "hello", "the genuine one is the first");
    assert_eq!(first["seq"], 1);
}

#[tokio::test]
async fn rest_answers_bad_input_with_problem_documents() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let problem = |method, path: &str, body| {
        let (admin, path) = (account.admin.clone(), path.to_owned());
        async move {
            let (status, problem) = admin.call(method, &path, body).await;
            (status.as_u16(), problem["code"].as_str().unwrap_or("").to_owned())
        }
    };
    use reqwest::Method;
    assert_eq!(problem(Method::GET, "/v1/nothing", None).await, (404, "resource.notFound".to_owned()));
    assert_eq!(problem(Method::POST, "/v1/rooms", Some(json!({ "name": 5 }))).await.1, "request.invalid");
    assert_eq!(problem(Method::GET, "/v1/conversations/not-an-id", None).await.1, "resource.notFound");
    assert_eq!(
        problem(Method::DELETE, "/v1/rooms", None).await,
        (405, "request.methodNotAllowed".to_owned())
    );
}
