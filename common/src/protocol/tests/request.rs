//! Every method with what it takes: what may be left out, what may not, and what is no such thing.

use crate::{
    error::ErrorCode,
    guest::Right,
    permission::Permission,
    protocol::{Failure, GuestNeeds, Request, close, feed, inbox},
};
use serde_json::{Value, json, value::to_raw_value};
use std::collections::BTreeSet;

/// A method's parameters, all of them, and which of them may be left out.
pub(super) struct Method {
    pub name: &'static str,
    pub params: Value,
    pub optional: &'static [&'static str],
}

const ROOM: &str = "0190d5a0-0000-7000-8000-000000000001";
const OTHER: &str = "0190d5a0-0000-7000-8000-000000000002";

const fn method(name: &'static str, params: Value, optional: &'static [&'static str]) -> Method {
    Method { name, params, optional }
}

/// One of each, in the order of the reference.
pub(super) fn methods() -> Vec<Method> {
    let connection = vec![
        method("connection.open", json!({ "token": "t" }), &[]),
        method("connection.refresh", json!({ "token": "t" }), &[]),
    ];
    connection.into_iter().chain(of_rooms()).chain(of_the_rest()).collect()
}

fn of_rooms() -> Vec<Method> {
    vec![
        method(
            "room.join",
            json!({ "roomId": ROOM, "name": "x", "class": "recent", "after": 7, "epoch": "e", "unread": true }),
            // One of the first two is needed, which is known where the room is looked for.
            &["roomId", "name", "class", "after", "epoch", "unread"],
        ),
        method("room.leave", json!({ "roomId": ROOM }), &[]),
        method(
            "room.send",
            json!({
                "roomId": ROOM, "clientId": OTHER, "text": "hello", "replyTo": 3, "mentions": [OTHER],
                "attachments": [OTHER],
            }),
            &["replyTo", "mentions", "attachments"],
        ),
        method("room.publish", json!({ "roomId": ROOM, "name": "x", "data": null }), &["data"]),
        method("room.edit", json!({ "roomId": ROOM, "messageSeq": 3, "text": "hello" }), &[]),
        method("room.delete", json!({ "roomId": ROOM, "messageSeq": 3 }), &[]),
        method("room.react", json!({ "roomId": ROOM, "messageSeq": 3, "emoji": "👍", "on": true }), &[]),
        method("room.read", json!({ "roomId": ROOM, "seq": 7 }), &[]),
        method("room.typing", json!({ "roomId": ROOM, "typing": true }), &[]),
        method("room.history", json!({ "roomId": ROOM, "before": 7, "limit": 5 }), &["before", "limit"]),
        method(
            "room.members",
            json!({ "roomId": ROOM, "after": OTHER, "follow": true }),
            &["after", "follow"],
        ),
        method("room.unfollowMembers", json!({ "roomId": ROOM }), &[]),
        method("rooms.subscribe", json!({}), &[]),
        method("rooms.unsubscribe", json!({}), &[]),
    ]
}

fn of_the_rest() -> Vec<Method> {
    let signal = json!({ "kind": "candidate", "candidate": "", "sdpMid": "0", "sdpMLineIndex": 0 });
    vec![
        method("presence.subscribe", json!({ "after": OTHER }), &["after"]),
        method("presence.set", json!({ "status": "busy" }), &[]),
        method("call.ring", json!({ "roomId": ROOM, "userId": OTHER, "media": "video" }), &[]),
        method("call.accept", json!({ "callId": OTHER }), &[]),
        method("call.reject", json!({ "callId": OTHER }), &[]),
        method("call.cancel", json!({ "callId": OTHER }), &[]),
        method("call.hangUp", json!({ "callId": OTHER }), &[]),
        method("call.invite", json!({ "callId": OTHER, "userId": OTHER }), &[]),
        method("call.transfer", json!({ "callId": OTHER, "userId": OTHER }), &[]),
        method("call.withdraw", json!({ "callId": OTHER, "userId": OTHER }), &[]),
        method("call.transferToRoom", json!({ "callId": OTHER, "roomId": ROOM }), &[]),
        method("call.answerTransfer", json!({ "callId": OTHER, "roomId": ROOM, "isThere": true }), &[]),
        method("call.resume", json!({ "callId": OTHER, "connectionId": ROOM }), &[]),
        method(
            "media.join",
            json!({ "roomId": ROOM, "previousConnectionId": OTHER, "state": { "muted": true } }),
            &["previousConnectionId", "state"],
        ),
        method(
            "media.update",
            json!({
                "roomId": ROOM, "state": { "handRaised": true }, "tracks": [{ "source": "camera", "muted": true }],
            }),
            &["state", "tracks"],
        ),
        method("media.leave", json!({ "roomId": ROOM }), &[]),
        method("media.signal", json!({ "roomId": ROOM, "to": OTHER, "signal": signal }), &[]),
        method(
            "media.publish",
            json!({
                "roomId": ROOM, "sdp": "v=0", "tracks": [{ "mid": "0", "source": "screen", "muted": false }],
            }),
            &["sdp", "tracks"],
        ),
        method("media.answer", json!({ "roomId": ROOM, "revision": 1, "sdp": "v=0" }), &[]),
        method(
            "media.subscribe",
            json!({
                "roomId": ROOM, "tracks": [{ "trackId": OTHER, "width": 640, "height": 360 }],
                "selection": { "autoSubscribe": false, "lastN": 4 },
            }),
            &["selection"],
        ),
        method("media.restartIce", json!({ "roomId": ROOM }), &[]),
        method("media.mute", json!({ "roomId": ROOM, "connectionId": OTHER, "source": "microphone" }), &[]),
        method("media.remove", json!({ "roomId": ROOM, "connectionId": OTHER }), &[]),
        method("media.lock", json!({ "roomId": ROOM, "locked": true }), &[]),
        method("inbox.subscribe", json!({ "after": 7 }), &["after"]),
        method("inbox.unsubscribe", json!({}), &[]),
        method("mailbox.subscribe", json!({ "after": 7 }), &["after"]),
        method("mailbox.unsubscribe", json!({}), &[]),
        method("mailbox.acknowledge", json!({ "seq": 7 }), &[]),
        method(
            "feed.subscribe",
            json!({ "table": "rooms", "filter": { "a": 1 }, "after": 7 }),
            &["filter", "after"],
        ),
        method("feed.unsubscribe", json!({ "feed": "rooms" }), &[]),
    ]
}

fn parse(method: &str, params: &Value) -> Result<Request, Failure> {
    Request::parse(method, Some(&to_raw_value(params).unwrap()))
}

#[track_caller]
fn is_refused(method: &str, params: &Value) {
    let failure = parse(method, params).map(|request| format!("{request:?}")).unwrap_err();
    assert_eq!(failure.data.code, ErrorCode::INVALID_PARAMS, "{method} {params}");
    assert!(failure.message.starts_with(method), "{}", failure.message);
}

#[test]
fn every_method_is_read_and_says_its_name() {
    assert_eq!(methods().iter().map(|method| method.name).collect::<Vec<_>>(), Request::METHODS);
    for Method { name, mut params, .. } in methods() {
        assert_eq!(parse(name, &params).unwrap().method(), name);
        params["fromANewerClient"] = json!({ "a": [1, { "b": null }] });
        assert!(parse(name, &params).is_ok(), "{name}: what is unknown is ignored");
    }
}

#[test]
fn what_is_required_cannot_be_left_out_and_everything_else_can() {
    for Method { name, params, optional } in methods() {
        for member in params.as_object().unwrap().keys() {
            let mut without = params.clone();
            without.as_object_mut().unwrap().remove(member);
            let mut null = params.clone();
            null[member] = Value::Null;
            if optional.contains(&&**member) {
                assert!(parse(name, &without).is_ok(), "{name} without {member}");
            } else {
                is_refused(name, &without);
                is_refused(name, &null);
            }
        }
        let needs_some = params.as_object().unwrap().len() > optional.len();
        assert_eq!(Request::parse(name, None).is_err(), needs_some, "{name} without parameters");
    }
}

#[test]
fn what_is_of_another_kind_is_refused() {
    for Method { name, params, .. } in methods() {
        for (member, value) in params.as_object().unwrap() {
            for wrong in [json!([[]]), json!({ "a": 1 }), json!(-1), json!(1.5), json!(true), json!("?")] {
                let is_free_text = value.is_string() && wrong.is_string() && !member.ends_with("Id");
                let is_same = matches!(
                    (value, &wrong),
                    (Value::Object(_), Value::Object(_)) | (Value::Bool(_), Value::Bool(_))
                );
                // A signal is an object too, and its members are looked at.
                let is_signal = member == "signal";
                let is_id_or_word =
                    matches!(&**member, "to" | "media" | "after" | "class" | "status") && wrong.is_string();
                // Data may be whatever there is.
                if member == "data" {
                    continue;
                }
                if (is_free_text && !is_id_or_word) || (is_same && !is_signal) {
                    continue;
                }
                let mut params = params.clone();
                params[member] = wrong;
                is_refused(name, &params);
            }
        }
        for no_object in [json!(1), json!("x"), json!(true)] {
            is_refused(name, &no_object);
        }
    }
}

/// If the one who checks took the first and the one who acts the last, a check would be worth nothing.
#[test]
fn a_parameter_that_is_there_twice_is_refused() {
    for Method { name, params, .. } in methods() {
        for (member, value) in params.as_object().unwrap() {
            let all = params.to_string();
            let twice = format!("{{{}:{value},{}", json!(member), all.get(1..).unwrap());
            let raw = serde_json::value::RawValue::from_string(twice).unwrap();
            assert!(Request::parse(name, Some(&raw)).is_err(), "{name} with two of {member}");
        }
    }
}

#[test]
fn members_are_spelled_in_one_way() {
    for Method { name, params, optional } in methods() {
        for member in params.as_object().unwrap().keys().filter(|member| !optional.contains(&&***member)) {
            for other in [member.to_uppercase(), format!("{member}_"), snake_case(member)] {
                if other == *member {
                    continue;
                }
                let mut params = params.clone();
                let value = params.as_object_mut().unwrap().remove(member).unwrap();
                params[&other] = value;
                is_refused(name, &params);
            }
        }
    }
}

fn snake_case(name: &str) -> String {
    name.chars()
        .flat_map(|sign| [sign.is_uppercase().then_some('_'), Some(sign.to_ascii_lowercase())])
        .flatten()
        .collect()
}

#[test]
fn numbers_are_read_up_to_their_bounds_and_not_beyond() {
    let room = "0190d5a0-0000-7000-8000-000000000001";
    let history = |limit: &str| {
        let params = format!(r#"{{"roomId":"{room}","limit":{limit}}}"#);
        Request::parse("room.history", Some(&serde_json::value::RawValue::from_string(params).unwrap()))
            .is_ok()
    };
    assert!(history("0") && history("65535") && history("null"));
    assert!(!history("65536") && !history("-0.5") && !history("1e2") && !history("18446744073709551616"));
    let Ok(Request::RoomJoin(join)) = parse("room.join", &json!({ "roomId": room, "after": u64::MAX }))
    else {
        panic!("the highest number there is");
    };
    assert_eq!(join.after, Some(u64::MAX));
}

#[test]
fn peers_say_three_kinds_of_things_and_a_candidate_may_be_the_end_of_them() {
    let signal = |signal: Value| {
        let params = json!({ "roomId": uuid::Uuid::nil(), "to": uuid::Uuid::nil(), "signal": signal });
        parse("media.signal", &params).is_ok()
    };
    for good in [
        json!({ "kind": "offer", "sdp": "" }),
        json!({ "kind": "offer", "sdp": "", "tracks": [{ "mid": "2", "source": "screen" }] }),
        json!({ "kind": "answer", "sdp": "v=0", "later": 1 }),
        json!({ "kind": "candidate", "candidate": "" }),
        json!({ "kind": "candidate", "candidate": "x", "sdpMid": null, "sdpMLineIndex": 65535 }),
    ] {
        assert!(signal(good.clone()), "{good}");
    }
    for bad in [
        json!({ "kind": "offer" }),
        json!({ "kind": "offer", "sdp": "", "tracks": [{ "mid": "2", "source": "window" }] }),
        json!({ "sdp": "v=0" }),
        json!({ "kind": "Offer", "sdp": "v=0" }),
        json!({ "kind": "rollback", "sdp": "" }),
        json!({ "kind": "candidate", "candidate": "x", "sdpMLineIndex": 65536 }),
        json!({ "kind": "candidate", "sdp": "v=0" }),
    ] {
        assert!(!signal(bad.clone()), "{bad}");
    }
}

/// A guest is let into one room and has nothing to do with the account: no calls, no inbox, no rows, no presence.
#[test]
fn guests_may_what_concerns_their_room_and_people_what_their_permissions_say() {
    let needs = |name: &str| {
        let method = methods().into_iter().find(|method| method.name == name).unwrap();
        parse(name, &method.params).unwrap().needs()
    };
    for name in Request::METHODS {
        let subject = name.split('.').next().unwrap();
        let is_persons = matches!(subject, "call" | "inbox" | "mailbox" | "feed" | "presence" | "rooms");
        assert_eq!(needs(name).guest == GuestNeeds::Person, is_persons, "{name}");
    }
    for (name, right) in [
        ("room.send", Right::SendMessages),
        ("room.publish", Right::SendMessages),
        ("room.edit", Right::SendMessages),
        ("room.delete", Right::SendMessages),
        ("room.react", Right::SendMessages),
        ("room.read", Right::ReadMessages),
        ("room.typing", Right::SendMessages),
        ("room.history", Right::ReadMessages),
    ] {
        assert_eq!(needs(name).guest, GuestNeeds::Right(right), "{name}");
    }
    let asks: BTreeSet<_> =
        Request::METHODS.iter().filter_map(|name| Some((*name, needs(name).permission?))).collect();
    let rooms = Permission::RoomsRead;
    let expected = [
        ("room.join", rooms),
        ("room.history", rooms),
        ("rooms.subscribe", rooms),
        ("presence.subscribe", Permission::UsersRead),
        ("call.ring", rooms),
        ("call.accept", rooms),
        ("call.reject", rooms),
        ("call.cancel", rooms),
        ("call.hangUp", rooms),
        ("call.resume", rooms),
        ("call.invite", rooms),
        ("call.transfer", rooms),
        ("call.withdraw", rooms),
        ("call.transferToRoom", rooms),
        ("call.answerTransfer", rooms),
        ("inbox.subscribe", Permission::ConversationsRead),
    ];
    assert_eq!(asks, expected.into());
}

#[test]
fn a_token_is_in_no_debug_output_of_a_request() {
    for name in ["connection.open", "connection.refresh"] {
        let request = parse(name, &json!({ "token": "hunter2" })).unwrap();
        assert!(!format!("{request:?}").contains("hunter2"), "{request:?}");
        let cloned = request.clone();
        drop(request);
        let (Request::ConnectionOpen(crate::protocol::connection::Open { token })
        | Request::ConnectionRefresh(crate::protocol::connection::Refresh { token })) = cloned
        else {
            panic!("{name}")
        };
        assert_eq!(token.expose(), "hunter2", "a copy is not wiped with its original");
    }
}

#[test]
fn close_codes_are_a_servers_and_their_number_says_whether_to_come_back() {
    for code in close::ALL {
        // RFC 6455, section 7.4: what a server may send, and what is free for private use.
        assert!(matches!(code.number, 1001 | 1002 | 1007 | 1009 | 4000..=4999), "{code:?}");
        match code.number {
            4000..=4499 => assert_ne!(code.reconnect, "no", "{code:?}"),
            4500..=4999 => assert!(!code.reconnect.starts_with("yes"), "{code:?}"),
            _ => {}
        }
        assert!(code.doc.trim().ends_with('.') && code.doc.len() > 10, "{code:?}");
    }
}

#[test]
fn tables_have_one_name_on_the_wire_and_the_same_word_in_the_store() {
    for table in feed::Table::ALL.iter().copied() {
        assert_eq!(feed::Table::parse(table.as_str()), Some(table));
        assert_eq!(feed::Table::parse_in_store(table.in_store()), Some(table));
        assert_eq!(snake_case(table.as_str()), table.in_store());
        assert!(feed::Table::parse(&table.as_str().to_uppercase()).is_none());
        let manages = table.permission().as_str().ends_with(".manage");
        let is_guarded = matches!(table, feed::Table::Rooms | feed::Table::Webhooks);
        assert_eq!(manages, is_guarded, "{table:?}: what not every reader may see whole");
    }
    for unknown in
        ["", "room", "audit_entries", "api_keys", "refresh_tokens", "rooms; drop table rooms", "rooms\0"]
    {
        assert_eq!(feed::Table::parse(unknown), None, "{unknown}");
    }
    assert_eq!(feed::Table::parse_in_store("auditEntries"), None);
}

#[test]
fn words_of_the_inbox_are_the_same_on_the_wire_and_in_the_store() {
    fn same<T>(all: &[T], as_str: fn(T) -> &'static str, parse: fn(&str) -> Option<T>)
    where
        T: Copy + PartialEq + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
    {
        for word in all.iter().copied() {
            assert_eq!(json!(word), as_str(word));
            assert_eq!(parse(as_str(word)), Some(word));
            assert_eq!(serde_json::from_value::<T>(json!(as_str(word))).unwrap(), word);
            assert_eq!(parse(&as_str(word).to_uppercase()), None);
        }
        assert_eq!(parse(""), None);
    }
    same(&[inbox::ChannelKind::Whatsapp], inbox::ChannelKind::as_str, inbox::ChannelKind::parse);
    same(&inbox::DeliveryStatus::ALL, inbox::DeliveryStatus::as_str, inbox::DeliveryStatus::parse);
    same(
        &inbox::ConversationStatus::ALL,
        inbox::ConversationStatus::as_str,
        inbox::ConversationStatus::parse,
    );
    same(&inbox::Priority::ALL, inbox::Priority::as_str, inbox::Priority::parse);
    assert!(inbox::DeliveryStatus::ALL.is_sorted() && inbox::Priority::ALL.is_sorted());
    for operation in [feed::Operation::Insert, feed::Operation::Update, feed::Operation::Delete] {
        assert_eq!(feed::Operation::parse(json!(operation).as_str().unwrap()), Some(operation));
    }
    assert_eq!(feed::Operation::parse("truncate"), None);
}

/// What is resolved is opened before anything else, and only a snooze may be repeated, to another time.
#[test]
fn a_conversation_goes_everywhere_from_where_it_stands_but_from_resolved() {
    use inbox::ConversationStatus as Status;
    for from in Status::ALL {
        let repeats = from.next().contains(&from);
        assert_eq!(repeats, from == Status::Snoozed, "{from:?}");
        for to in Status::ALL.into_iter().filter(|to| *to != from) {
            let expected = from != Status::Resolved || to == Status::Open;
            assert_eq!(from.next().contains(&to), expected, "{from:?} to {to:?}");
        }
    }
}
