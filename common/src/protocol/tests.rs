use super::{envelope::*, *};
use crate::{
    error::ErrorCode,
    id::{ConnectionId, RoomId, UserId},
};
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

/// Passes for the wrong reason if the reference listed everything in prose;
/// hence the backquotes, which only the tables use around whole names.
#[test]
fn the_reference_names_every_method_and_code() {
    let reference = include_str!("../../../docs/PROTOCOL.md");
    for name in Request::METHODS.iter().copied().chain(ErrorCode::ALL.iter().map(ErrorCode::as_str)) {
        assert!(reference.contains(&format!("| `{name}` |")), "docs/PROTOCOL.md does not list {name}");
    }
}
