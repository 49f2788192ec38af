//! Frames of clients who mean harm, and answers that are well-formed whatever becomes of them.

use crate::{
    error::{ErrorCode, Fault},
    protocol::{
        Done, Failure, Incoming, Request, RequestId,
        envelope::{failure_frame, result_frame},
    },
};
use serde::{Serialize, de::Error as _};
use serde_json::{Value, json, value::RawValue};
use std::{collections::BTreeMap, time::Duration};

/// What an envelope with this `id` is read as; the error's code if it is none.
fn id(id: &str) -> Result<Option<RequestId>, ErrorCode> {
    let frame = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"room.leave"}}"#);
    Incoming::parse(&frame).map(|incoming| incoming.id).map_err(|(_, failure)| failure.data.code)
}

fn refused(frame: &str) -> (Option<RequestId>, ErrorCode) {
    let (id, failure) = Incoming::parse(frame).unwrap_err();
    assert!(matches!(failure.code, -32700 | -32600) && failure.data.fault == Fault::Caller, "{failure:?}");
    (id, failure.data.code)
}

#[test]
fn an_id_is_a_whole_number_or_a_short_text_and_null_is_none() {
    let text = |text: &str| Ok(Some(RequestId::Text(text.to_owned())));
    assert_eq!(id("0"), Ok(Some(RequestId::Number(0))));
    assert_eq!(id("18446744073709551615"), Ok(Some(RequestId::Number(u64::MAX))));
    assert_eq!(id("\"\""), text(""));
    assert_eq!(id("\"7\""), text("7"), "not the number");
    assert_eq!(id(r#""\u0000\n""#), text("\0\n"));
    assert_eq!(id("null"), Ok(None));
    let longest = "x".repeat(RequestId::TEXT_MAX);
    assert_eq!(id(&json!(longest).to_string()), text(&longest));
    // Bytes, not characters: half as many of two bytes each.
    let halves = "é".repeat(RequestId::TEXT_MAX / 2);
    assert_eq!(id(&json!(halves).to_string()), text(&halves));
    for too_long in [format!("{longest}x"), format!("{halves}x"), "\u{1}".repeat(100_000)] {
        assert_eq!(id(&json!(too_long).to_string()), Err(ErrorCode::INVALID_REQUEST), "{}", too_long.len());
    }
    for odd in ["-1", "1.5", "1.0", "1e3", "18446744073709551616", "true", "[1]", "{}", "{\"a\":1}"] {
        assert_eq!(id(odd), Err(ErrorCode::INVALID_REQUEST), "{odd}");
    }
    for broken in ["01", "+1", "NaN", "'a'", "\"\\ud800\"", "\"\n\""] {
        assert_eq!(id(broken), Err(ErrorCode::PARSE), "{broken}");
    }
}

/// The answer to an error must reach whoever waits for it, and nobody else.
#[test]
fn a_refusal_carries_the_id_as_far_as_it_could_be_read() {
    for (frame, code) in [
        (r#"{"id":7,"method":"room.leave"}"#, ErrorCode::INVALID_REQUEST),
        (r#"{"jsonrpc":"2","id":7,"method":"room.leave"}"#, ErrorCode::INVALID_REQUEST),
        (r#"{"jsonrpc":null,"id":7,"method":"room.leave"}"#, ErrorCode::INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":7}"#, ErrorCode::INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":7,"method":null}"#, ErrorCode::INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":7,"result":{}}"#, ErrorCode::INVALID_REQUEST),
    ] {
        assert_eq!(refused(frame), (Some(RequestId::Number(7)), code), "{frame}");
    }
    for (frame, code) in [
        ("", ErrorCode::PARSE),
        (" \n", ErrorCode::PARSE),
        ("{", ErrorCode::PARSE),
        ("\u{feff}{}", ErrorCode::PARSE),
        (r#"{"jsonrpc":"2.0","id":7,"method":"room.leave"} x"#, ErrorCode::PARSE),
        (r#"{"jsonrpc":"2.0","id":7,"method":"room.leave"}{}"#, ErrorCode::PARSE),
        (r#"{"jsonrpc":"2.0","id":7,"method":"room.leave",}"#, ErrorCode::PARSE),
        (r#"{"jsonrpc":2.0,"id":7,"method":"room.leave"}"#, ErrorCode::INVALID_REQUEST),
        ("null", ErrorCode::INVALID_REQUEST),
        ("true", ErrorCode::INVALID_REQUEST),
        ("7", ErrorCode::INVALID_REQUEST),
        ("\"room.leave\"", ErrorCode::INVALID_REQUEST),
        ("{}", ErrorCode::INVALID_REQUEST),
    ] {
        assert_eq!(refused(frame), (None, code), "{frame}");
    }
}

/// Two readers of one frame, one taking the first and one the last, would disagree on what was asked.
#[test]
fn a_member_that_is_there_twice_makes_it_no_request() {
    for twice in [
        r#""jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"room.leave""#,
        r#""jsonrpc":"2.0","id":1,"id":2,"method":"room.leave""#,
        r#""jsonrpc":"2.0","id":1,"method":"room.leave","method":"room.send""#,
        r#""jsonrpc":"2.0","id":1,"method":"room.leave","m\u0065thod":"room.send""#,
        r#""jsonrpc":"2.0","id":1,"method":"room.leave","params":{},"params":{}"#,
    ] {
        assert_eq!(refused(&format!("{{{twice}}}")), (None, ErrorCode::INVALID_REQUEST), "{twice}");
    }
    let others = r#"{"x":1,"x":2,"jsonrpc":"2.0","id":1,"method":"room.leave","ID":2}"#;
    assert_eq!(Incoming::parse(others).unwrap().id, Some(RequestId::Number(1)), "what is unknown is ignored");
}

/// A list in the order of the members is no object, though a reader could take it for one.
#[test]
fn a_batch_is_no_request() {
    let single = r#"{"jsonrpc":"2.0","id":1,"method":"room.leave"}"#;
    for batch in [
        format!("[{single}]"),
        format!("[{single},{single}]"),
        r#"["2.0",1,"room.leave",{}]"#.to_owned(),
        r#" ["2.0",1,"room.leave"]"#.to_owned(),
        r#"["2.0"]"#.to_owned(),
    ] {
        assert_eq!(refused(&batch), (None, ErrorCode::INVALID_REQUEST), "{batch}");
    }
    let spaced = format!("\r\n\t {single} \n");
    assert!(Incoming::parse(&spaced).is_ok());
}

#[test]
fn names_may_be_escaped_and_parameters_are_passed_on_as_they_came() {
    let frame = r#"{"jsonrpc":"2\u002e0","method":"room\u002eleave","params": {"a" : [1, 2] } }"#;
    let incoming = Incoming::parse(frame).unwrap();
    assert_eq!((incoming.method.as_ref(), incoming.id), ("room.leave", None));
    assert_eq!(incoming.params.unwrap().get(), r#"{"a" : [1, 2] }"#);
    for absent in ["", r#","params":null"#] {
        let frame = format!(r#"{{"jsonrpc":"2.0","method":"inbox.subscribe"{absent}}}"#);
        let incoming = Incoming::parse(&frame).unwrap();
        assert!(incoming.params.is_none(), "{absent}");
        assert!(Request::parse(&incoming.method, incoming.params).is_ok(), "{absent}");
    }
}

/// A parser that recurses would end the process by what one frame says.
#[test]
fn no_depth_costs_more_than_the_frame() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    for value in [deep("[", "]"), deep("{\"a\":", "}")] {
        let frame =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"inbox.subscribe","params":{{"x":{value}}}}}"#);
        let incoming = Incoming::parse(&frame).unwrap();
        assert!(
            Request::parse(&incoming.method, incoming.params).is_ok(),
            "an unknown member is passed over"
        );
        let frame = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"feed.subscribe","params":{{"table":"rooms","filter":{{"x":{value}}}}}}}"#
        );
        let incoming = Incoming::parse(&frame).unwrap();
        let failure = Request::parse(&incoming.method, incoming.params).unwrap_err();
        assert_eq!(failure.data.code, ErrorCode::INVALID_PARAMS);
        let frame = format!(r#"{{"jsonrpc":"2.0","id":{value},"method":"room.leave"}}"#);
        assert!(Incoming::parse(&frame).is_err());
        assert!(Incoming::parse(&value).is_err());
    }
}

#[test]
fn a_methods_name_is_the_very_name() {
    for name in
        ["Room.leave", "room.Leave", " room.leave", "room.leave ", "room.leave\0", "roomleave", "room", ""]
    {
        let failure = Request::parse(name, None).unwrap_err();
        assert_eq!((failure.code, failure.data.code), (-32601, ErrorCode::UNKNOWN_METHOD), "{name:?}");
    }
    let failure = Request::parse(&"\u{10ffff}".repeat(100_000), None).unwrap_err();
    assert!(failure_frame(None, &failure).len() < 2048, "{}", failure.message.len());
}

#[test]
fn a_complaint_shows_both_ends_of_what_is_longer_than_both() {
    let complaint =
        |text: &str| Failure::invalid_params("room.send", &serde_json::Error::custom(text)).message;
    for whole in ["short".to_owned(), "x".repeat(200), "é".repeat(200)] {
        assert_eq!(complaint(&whole), format!("room.send: {whole}"));
    }
    let longer = format!("{}…{}", "é".repeat(100), "z".repeat(100));
    assert_eq!(
        complaint(&format!("{}y{}", "é".repeat(100), "z".repeat(100))),
        format!("room.send: {longer}")
    );
    assert_eq!(
        complaint(&format!("{}{}", "é".repeat(9000), "z".repeat(9000))),
        format!("room.send: {longer}")
    );
}

#[test]
fn every_failure_has_the_number_of_its_kind() {
    let error = || serde_json::from_str::<Value>("{").unwrap_err();
    let of = Failure::of(ErrorCode::CALL_BUSY, Fault::Caller, "busy");
    for (failure, number, code, fault) in [
        (Failure::parse(&error()), -32700, "protocol.parseError", "caller"),
        (Failure::invalid_request(&error()), -32600, "protocol.invalidRequest", "caller"),
        (Failure::unknown_method("x"), -32601, "protocol.unknownMethod", "caller"),
        (Failure::invalid_params("x", &error()), -32602, "protocol.invalidParams", "caller"),
        (Failure::internal(), -32603, "internal", "ours"),
        (of.clone(), -32000, "call.busy", "caller"),
        (Failure::of(ErrorCode::UNAVAILABLE, Fault::Upstream, "x"), -32000, "unavailable", "upstream"),
    ] {
        let json = serde_json::to_value(&failure).unwrap();
        assert_eq!(json["code"], number);
        assert_eq!(
            json["data"],
            json!({ "code": code, "fault": fault }),
            "no time to wait unless there is one"
        );
        assert_eq!(serde_json::from_value::<Failure>(json).unwrap(), failure, "other instances read it");
    }
    for (delay, told) in [
        (Duration::ZERO, 0),
        (Duration::from_micros(1), 1),
        (Duration::from_micros(1999), 2),
        (Duration::from_secs(3), 3000),
        (Duration::MAX, u64::MAX),
    ] {
        let json = serde_json::to_value(of.clone().retry_after(delay)).unwrap();
        assert_eq!(json["data"]["retryAfterMs"], json!(told), "{delay:?}");
    }
    // A newer instance's code and members.
    let newer = json!({ "code": -32000, "message": "?", "more": 1, "data": { "code": "a.b", "fault": "ours", "x": 1 } });
    assert_eq!(serde_json::from_value::<Failure>(newer).unwrap().data.code.as_str(), "a.b");
}

#[test]
fn an_answer_has_a_result_or_an_error_and_the_id_as_it_was() {
    for id in [RequestId::Number(u64::MAX), RequestId::Text("\"}\u{1}\u{2028}".to_owned())] {
        let frame: Value = serde_json::from_str(&result_frame(&id, &Done {})).unwrap();
        assert_eq!(frame, json!({ "jsonrpc": "2.0", "id": id, "result": {} }));
        let failure = Failure::internal();
        let frame: Value = serde_json::from_str(&failure_frame(Some(&id), &failure)).unwrap();
        assert_eq!(frame, json!({ "jsonrpc": "2.0", "id": id, "error": failure }));
        // A result of nothing is a result all the same.
        let frame: Value = serde_json::from_str(&result_frame(&id, &())).unwrap();
        assert_eq!(frame, json!({ "jsonrpc": "2.0", "id": id, "result": null }));
    }
}

#[test]
fn what_cannot_be_written_is_told_as_an_internal_error() {
    #[derive(Serialize)]
    struct Odd(BTreeMap<Vec<u8>, u8>);
    let odd = Odd([(vec![1], 1)].into());
    let frame: Value = serde_json::from_str(&result_frame(&RequestId::Number(1), &odd)).unwrap();
    assert_eq!(frame, json!({ "jsonrpc": "2.0", "id": null, "error": Failure::internal() }));
}

/// Whatever is cut off or changed in a frame that is good, nothing panics and no answer is long.
#[test]
fn no_mutation_of_a_frame_does_harm() {
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    let frame = r#"{"jsonrpc":"2.0","id":"ä1","method":"room.send","params":{"roomId":"0190d5a0-0000-7000-8000-000000000001","clientId":"0190d5a0-0000-7000-8000-000000000002","text":"\ud83d\ude00"}}"#;
    let mut random = StdRng::seed_from_u64(7);
    for round in 0..5_000 {
        let mut bytes = frame.as_bytes().to_vec();
        for _ in 0..random.random_range(1..4) {
            let place = random.random_range(0..bytes.len());
            match random.random_range(0..3) {
                0 => bytes[place] = *b"{}[]\",:\\0n-e \x01".get(random.random_range(0..14)).unwrap(),
                1 if bytes.len() > 1 => drop(bytes.remove(place)),
                _ => bytes.truncate(place + 1),
            }
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let answer = match Incoming::parse(&text) {
            Err((id, failure)) => failure_frame(id.as_ref(), &failure),
            Ok(incoming) => match Request::parse(&incoming.method, incoming.params) {
                Err(failure) => failure_frame(incoming.id.as_ref(), &failure),
                Ok(request) => {
                    assert_eq!(request.method(), incoming.method, "round {round}");
                    continue;
                }
            },
        };
        assert!(answer.len() < 2048, "round {round}: {answer}");
        assert!(serde_json::from_str::<&RawValue>(&answer).is_ok(), "round {round}: {answer}");
    }
}
