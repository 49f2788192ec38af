mod envelope;
mod event;
mod request;
#[cfg(feature = "openapi")]
mod schema;

use super::{envelope::*, *};
use crate::{
    error::ErrorCode,
    id::{ConnectionId, RoomId, UserId},
};
use std::collections::BTreeSet;
use uuid::Uuid;

#[test]
fn a_request_is_read_with_its_parameters() {
    let frame = r#"{"jsonrpc":"2.0","id":7,"method":"room.leave","params":{"roomId":"0190d5a0-0000-7000-8000-000000000001","later":true}}"#;
    let incoming = Incoming::parse(frame).unwrap();
    assert_eq!(incoming.id, Some(RequestId::Number(7)));
    let request = Request::parse(&incoming.method, incoming.params).unwrap();
    assert_eq!(request.method(), "room.leave");
}

#[test]
fn what_is_no_json_and_what_is_no_request_are_told_apart() {
    let code = |frame| Incoming::parse(frame).unwrap_err().1.data.code;
    assert_eq!(code("{"), ErrorCode::PARSE);
    assert_eq!(code("[]"), ErrorCode::INVALID_REQUEST);
    assert_eq!(code("{\"jsonrpc\":\"2.0\",\"method\":5}"), ErrorCode::INVALID_REQUEST);
    assert_eq!(code("{\"jsonrpc\":\"1.0\",\"method\":\"x\"}"), ErrorCode::INVALID_REQUEST);
    assert_eq!(code("{\"jsonrpc\":\"2.0\"}"), ErrorCode::INVALID_REQUEST);
}

#[test]
fn unknown_methods_and_wrong_parameters_have_their_own_codes() {
    assert_eq!(Request::parse("room.fly", None).unwrap_err().data.code, ErrorCode::UNKNOWN_METHOD);
    assert_eq!(Request::parse("room.leave", None).unwrap_err().data.code, ErrorCode::INVALID_PARAMS);
}

/// The parser quotes what it did not expect, each control character of it in six bytes.
#[test]
fn a_complaint_is_short_whatever_it_is_about() {
    let long = "\\u007f".repeat(20_000);
    let envelope = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"room.history","params":"{long}"}}"#);
    let params = format!(r#"{{"roomId":"{}","limit":"{long}"}}"#, Uuid::nil());
    let params = serde_json::value::RawValue::from_string(params).unwrap();
    let not_an_envelope = format!(r#""{long}""#);
    let failures = [
        Incoming::parse(&not_an_envelope).map(drop).unwrap_err().1,
        Request::parse("room.history", Incoming::parse(&envelope).unwrap().params).unwrap_err(),
        Request::parse("room.history", Some(&params)).unwrap_err(),
    ];
    for failure in failures {
        let answer = failure_frame(Some(&RequestId::Number(1)), &failure);
        assert!(answer.len() < 2048, "{} bytes", answer.len());
    }
    let why = Request::parse("room.history", Some(&params)).unwrap_err().message;
    assert!(why.contains("invalid type: string") && why.contains("expected u16"), "{why}");
}

#[test]
fn an_event_is_a_notification_with_method_and_params() {
    let event = Event::RoomTyping(room::TypingChanged {
        room_id: RoomId::from_uuid(Uuid::nil()),
        connection_id: ConnectionId::from_uuid(Uuid::nil()),
        user_id: UserId::from_uuid(Uuid::nil()),
        typing: true,
    });
    let frame: serde_json::Value = serde_json::from_str(&event_frame(&event)).unwrap();
    assert_eq!(frame["jsonrpc"], "2.0");
    assert_eq!(frame["method"], "room.typing");
    assert_eq!(frame["params"]["typing"], true);
    assert!(frame.get("id").is_none());
}

#[test]
fn an_error_without_a_readable_id_says_null() {
    let frame = failure_frame(None, &Failure::internal());
    assert!(frame.contains("\"id\":null"));
}

/// What others have written has no limit of its own where it comes from.
#[test]
fn no_event_of_an_inbox_is_longer_than_a_socket_takes() {
    let long = "\u{1}".repeat(3_000_000);
    let conversation = serde_json::json!({
        "id": Uuid::nil(), "channelId": Uuid::nil(), "channelKind": "whatsapp",
        "contact": { "id": Uuid::nil(), "name": long }, "status": "open", "assigneeId": null,
        "preview": long, "lastMessageAt": "2026-11-21T00:00:00Z", "unread": 1,
    });
    let message = serde_json::json!({
        "id": Uuid::nil(), "conversationId": Uuid::nil(), "direction": "inbound", "authorId": null, "text": long,
        "attachments": [{ "mimeType": long, "fileName": long }], "status": "failed", "error": long,
        "createdAt": "2026-11-21T00:00:00Z",
    });
    for event in [
        serde_json::json!({ "type": "messageCreated", "conversation": conversation, "message": message }),
        serde_json::json!({ "type": "messageUpdated", "message": message }),
        serde_json::json!({ "type": "conversationUpdated", "conversation": conversation }),
    ] {
        let sequenced: inbox::Sequenced =
            serde_json::from_value(serde_json::json!({ "seq": 1, "event": event })).unwrap();
        let bounded = serde_json::to_value(sequenced.bounded()).unwrap();
        assert!(bounded.to_string().len() < 24 * 1024, "{}", bounded.to_string().len());
        if let Some(message) = bounded["event"].get("message") {
            assert_eq!(message["truncated"], true);
        }
    }
}

#[test]
fn a_row_that_is_too_long_is_told_without_its_longest_members() {
    let row = serde_json::json!({ "id": 1, "text": "x".repeat(60_000), "error": "y".repeat(70_000), "n": 5 });
    let serde_json::Value::Object(row) = row else { panic!("no object") };
    let changed = feed::Changed {
        feed: "messages".to_owned(),
        seq: 1,
        operation: feed::Operation::Update,
        id: Uuid::nil().into(),
        row,
        changed: Vec::new(),
        omitted: Vec::new(),
    };
    let bounded = changed.bounded();
    assert_eq!(bounded.omitted, ["error"]);
    // In whatever order the build keeps members.
    assert_eq!(
        bounded.row.keys().collect::<BTreeSet<_>>(),
        ["id", "n", "text"].map(str::to_owned).iter().collect()
    );
    assert_eq!(bounded.clone().bounded(), bounded);
}
