//! What the server pushes: every event as it is on the wire, and never longer than a socket takes.

use crate::{
    protocol::{
        Event, RequestId, connection,
        envelope::{event_frame, result_frame},
        feed,
        inbox::{self, InboxEvent, Sequenced},
        page::{self, FRAME_BYTES_MAX, PAGE_BYTES_MAX},
        room,
    },
    text::encoded_len,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Map, Value, json};
use uuid::Uuid;

const A: &str = "0190d5a0-0000-7000-8000-00000000000a";
const B: &str = "0190d5a0-0000-7000-8000-00000000000b";
const AT: &str = "2026-11-21T00:00:00Z";

fn conversation() -> Value {
    json!({
        "id": A, "channelId": A, "channelKind": "whatsapp", "contact": { "id": B, "name": "Grace" },
        "status": "snoozed", "snoozedUntil": AT, "priority": "high", "assigneeId": B, "teamId": A, "labelIds": [B],
        "attributes": { "any_name": { "x": null } }, "preview": "hello", "lastMessageAt": AT, "unread": 1,
    })
}

fn message() -> Value {
    json!({
        "id": A, "conversationId": B, "direction": "outbound", "authorId": B, "text": "hello",
        "attachments": [{ "mimeType": "image/jpeg", "fileName": null }], "status": "read", "error": null,
        "createdAt": AT, "sentAt": AT, "deliveredAt": AT, "readAt": AT, "failedAt": null,
    })
}

fn note() -> Value {
    json!({
        "id": A, "conversationId": B, "authorId": B, "text": "careful", "createdAt": AT, "updatedAt": AT,
    })
}

/// Each kind of event of an inbox.
fn inbox_events() -> Vec<Value> {
    vec![
        json!({ "type": "messageCreated", "conversation": conversation(), "message": message() }),
        json!({ "type": "messageUpdated", "message": message() }),
        json!({ "type": "conversationUpdated", "conversation": conversation() }),
        json!({ "type": "noteCreated", "note": note() }),
        json!({ "type": "noteUpdated", "note": note() }),
        json!({ "type": "noteDeleted", "noteId": A, "conversationId": B }),
        json!({ "type": "conversationErased", "conversationId": B }),
    ]
}

fn participant_state() -> Value {
    json!({
        "muted": true, "cameraOff": false, "sharing": false, "handRaised": true, "speaking": false, "onHold": false,
    })
}

fn room_message(text: &str) -> Value {
    json!({ "id": A, "seq": 7, "userId": B, "name": "Ada", "text": text, "createdAt": AT })
}

/// One of each, in the order of the reference, with every member that it can have.
pub(super) fn events() -> Vec<(&'static str, Value)> {
    let mut events = of_rooms();
    events.extend(of_people_and_calls());
    events.extend(of_media());
    events.extend(of_the_rest());
    events
}

fn of_rooms() -> Vec<(&'static str, Value)> {
    let member = json!({ "connectionId": A, "userId": B, "name": "Ada" });
    let mut changed = room_message("");
    changed["replyTo"] = json!(3);
    changed["mentions"] = json!([A]);
    changed["editedAt"] = json!(AT);
    changed["deletedAt"] = json!(AT);
    changed["reactions"] = json!([{ "emoji": "👍", "count": 12, "userIds": [A, B] }]);
    vec![
        ("room.message", json!({ "roomId": A, "message": room_message("hello") })),
        ("room.messageChanged", json!({ "roomId": A, "seq": 9, "message": changed })),
        ("room.read", json!({ "roomId": A, "userId": B, "seq": 9 })),
        ("room.memberJoined", json!({ "roomId": A, "member": member })),
        ("room.memberLeft", json!({ "roomId": A, "connectionId": B, "userId": B })),
        ("room.membersChanged", json!({ "roomId": A, "memberCount": 2 })),
        (
            "room.pageChanged",
            json!({ "roomId": A, "after": B, "joined": [member], "left": [B], "more": true }),
        ),
        ("room.renamed", json!({ "roomId": A, "name": "Den" })),
        ("room.memberChanged", json!({ "roomId": A, "userId": B, "role": "moderator" })),
        (
            "room.restricted",
            json!({ "roomId": A, "userId": B, "muted": true, "mutedUntil": AT, "banned": false }),
        ),
        ("room.typing", json!({ "roomId": A, "connectionId": B, "userId": B, "typing": false })),
        ("room.removed", json!({ "roomId": A, "reason": "closed" })),
        (
            "room.event",
            json!({ "roomId": A, "name": "x", "data": [1.5, null, { "snake_case": "kept" }],
                    "from": { "connectionId": A, "userId": B, "name": "Ada" }, "seq": 7, "epoch": "e" }),
        ),
    ]
}

fn of_media() -> Vec<(&'static str, Value)> {
    let track = json!({ "trackId": A, "kind": "audio", "source": "screenAudio", "muted": false });
    let participant = json!({
        "connectionId": A, "userId": B, "name": "Ada", "state": participant_state(), "tracks": [track],
    });
    let state = json!({ "route": "peerToPeer", "participants": [participant], "revision": 3, "locked": false, "recorded": true });
    vec![
        ("media.changed", json!({ "roomId": A, "state": state })),
        (
            "media.updated",
            json!({
                "roomId": A, "connectionId": B, "state": participant_state(), "tracks": [track], "revision": 4,
            }),
        ),
        (
            "media.signal",
            json!({ "roomId": A, "from": B, "signal": {
                "kind": "candidate", "candidate": "x", "sdpMid": "0", "sdpMLineIndex": 1,
            } }),
        ),
        (
            "media.offer",
            json!({ "roomId": A, "revision": 2, "sdp": "v=0", "tracks": [
                { "mid": "0", "trackId": A, "connectionId": B, "kind": "video", "source": "screen" },
            ] }),
        ),
        (
            "media.subscriptions",
            json!({ "roomId": A, "subscriptions": [
                { "trackId": B, "layer": { "encoding": 2, "width": 1280, "height": 720 }, "reason": "best" },
            ] }),
        ),
        (
            "media.layers",
            json!({ "roomId": A, "trackId": B, "encodings": [{ "rid": "f", "wanted": false }] }),
        ),
        ("media.muted", json!({ "roomId": A, "source": "microphone", "by": B })),
        ("media.removed", json!({ "roomId": A, "by": B })),
        ("media.lost", json!({ "roomId": A })),
        ("media.moved", json!({ "roomId": A })),
    ]
}

fn of_people_and_calls() -> Vec<(&'static str, Value)> {
    let user = json!({ "userId": B, "name": "Ada", "status": "inCall" });
    let read = json!({ "seq": 3, "unread": 2, "mentions": 1 });
    let talking = json!({ "userId": B, "name": "Ada" });
    vec![
        ("rooms.unreadChanged", json!({ "rooms": [{ "roomId": A, "lastSeq": 5, "read": read }] })),
        (
            "rooms.callsChanged",
            json!({ "rooms": [{ "roomId": A, "participantCount": 7, "participants": [talking] }] }),
        ),
        ("presence.changed", json!({ "online": [user], "offline": [A], "onlineCount": 1, "complete": true })),
        (
            "call.incoming",
            json!({ "callId": A, "roomId": B, "from": B, "name": "Ada", "media": "audio", "ringTimeMs": 45_000 }),
        ),
        ("call.answered", json!({ "callId": A, "by": B })),
        ("call.resumed", json!({ "callId": A, "connectionId": B, "previousConnectionId": A })),
        (
            "call.changed",
            json!({ "callId": A, "revision": 3, "parties": [
                { "userId": B, "name": "Ada", "state": "joined", "connectionId": A, "invitedBy": B, "reason": null },
                { "userId": A, "name": "Ben", "state": "left", "connectionId": null, "invitedBy": B, "reason": "missed" },
            ] }),
        ),
        (
            "call.transferring",
            json!({ "callId": A, "roomId": B, "by": B, "name": "Ada", "answerTimeMs": 20_000 }),
        ),
        ("call.transferFailed", json!({ "callId": A, "roomId": B, "userId": B })),
        ("call.ended", json!({ "callId": A, "reason": "answeredElsewhere" })),
    ]
}

fn of_the_rest() -> Vec<(&'static str, Value)> {
    vec![
        ("inbox.event", json!({ "seq": 9, "event": inbox_events()[0] })),
        (
            "mailbox.entry",
            json!({
                "seq": 9, "kind": "mention", "from": B, "name": "Ada", "roomId": A, "messageSeq": 7, "callId": null,
                "createdAt": AT, "read": false,
            }),
        ),
        ("mailbox.acknowledged", json!({ "seq": 9 })),
        (
            "feed.changed",
            json!({
                "feed": "rooms", "seq": 3, "operation": "update", "id": A, "row": { "id": A, "n": 1 },
                "changed": ["n"], "omitted": ["text"],
            }),
        ),
        ("feed.ended", json!({ "feed": "rooms" })),
        ("connection.reload", json!({ "sequence": { "kind": "room", "roomId": A } })),
        ("connection.moving", json!({ "delayMs": 1000 })),
    ]
}

fn sequenced(event: &Value) -> Sequenced {
    serde_json::from_value(json!({ "seq": 1, "event": event })).unwrap()
}

#[test]
fn every_event_is_written_as_it_is_read() {
    assert_eq!(events().iter().map(|(name, _)| *name).collect::<Vec<_>>(), Event::NAMES);
    for (name, params) in events() {
        let event: Event = serde_json::from_value(json!({ "method": name, "params": params })).unwrap();
        let frame: Value = serde_json::from_str(&event_frame(&event)).unwrap();
        assert_eq!(frame, json!({ "jsonrpc": "2.0", "method": name, "params": params }));
    }
    for event in inbox_events() {
        let read = sequenced(&event);
        assert_eq!(serde_json::to_value(&read.event).unwrap(), event);
        assert_eq!(read.event.name(), event["type"]);
    }
}

/// While a cluster is renewed, instances of two versions hear each other.
#[test]
fn events_of_a_newer_instance_are_read_without_what_is_not_known() {
    for (name, params) in events() {
        let known: Event = serde_json::from_value(json!({ "method": name, "params": params })).unwrap();
        let mut newer = params.clone();
        newer["fromANewerInstance"] = json!({ "a": [1] });
        let event = json!({ "method": name, "params": newer, "more": 1 });
        assert_eq!(serde_json::from_value::<Event>(event).unwrap(), known, "{name}");
    }
    assert!(serde_json::from_value::<Event>(json!({ "method": "room.painted", "params": {} })).is_err());
    assert!(serde_json::from_value::<InboxEvent>(json!({ "type": "messagePainted" })).is_err());
}

#[test]
fn events_of_an_inbox_from_before_members_were_added_are_still_read() {
    let mut event = inbox_events()[0].clone();
    for member in ["snoozedUntil", "priority", "teamId", "labelIds", "attributes"] {
        event["conversation"].as_object_mut().unwrap().remove(member).unwrap();
    }
    for member in ["attachments", "sentAt", "deliveredAt", "readAt", "failedAt"] {
        event["message"].as_object_mut().unwrap().remove(member).unwrap();
    }
    let InboxEvent::MessageCreated { conversation, message } = sequenced(&event).event else {
        panic!("a message")
    };
    assert_eq!(conversation.priority, inbox::Priority::None);
    assert!(conversation.team_id.is_none() && conversation.snoozed_until.is_none());
    assert!(conversation.label_ids.is_empty() && conversation.attributes.is_empty());
    assert!(!message.truncated && message.attachments.is_empty() && message.read_at.is_none());
    // What is not known is still said, as nothing: clients see every member every time.
    let written = serde_json::to_value(&conversation).unwrap();
    assert!(["snoozedUntil", "teamId"].iter().all(|name| written[name] == Value::Null), "{written}");
    assert!(written.as_object().unwrap().contains_key("snoozedUntil"));
}

#[test]
fn sequences_are_told_apart_by_their_kind() {
    use connection::Sequence;
    for sequence in [
        json!({ "kind": "room", "roomId": A }),
        json!({ "kind": "inbox" }),
        json!({ "kind": "feed", "feed": "rooms" }),
    ] {
        let read: Sequence = serde_json::from_value(sequence.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), sequence);
    }
    for odd in [json!({ "kind": "room" }), json!({ "kind": "Inbox" }), json!({ "roomId": A }), json!("inbox")]
    {
        assert!(serde_json::from_value::<Sequence>(odd.clone()).is_err(), "{odd}");
    }
}

#[test]
fn a_text_is_cut_only_where_it_is_too_long_for_an_event() {
    let max = inbox::EVENT_TEXT_BYTES_MAX;
    for (text, is_cut) in [
        ("x".repeat(max), false),
        ("x".repeat(max + 1), true),
        ("😀".repeat(max / 4), false),
        ("😀".repeat(max / 4 + 1), true),
        ("\n".repeat(max / 2), false),
        ("\n".repeat(max / 2 + 1), true),
    ] {
        let mut event = inbox_events()[1].clone();
        event["message"]["text"] = json!(text);
        let InboxEvent::MessageUpdated { message } = sequenced(&event).bounded().event else {
            panic!("a message")
        };
        let told = message.text.unwrap();
        assert_eq!(message.truncated, is_cut, "{} bytes", text.len());
        assert_eq!(told == text, !is_cut);
        assert!(encoded_len(&told) <= max && encoded_len(&told) > max - 8, "{}", encoded_len(&told));
        assert!(text.starts_with(told.trim_end_matches('…')), "never in the midst of a character");
    }
}

#[test]
fn what_is_short_passes_a_bound_unchanged_and_a_bound_changes_nothing_twice() {
    let mut random = StdRng::seed_from_u64(3);
    for event in inbox_events() {
        assert_eq!(sequenced(&event).bounded(), sequenced(&event), "{}", event["type"]);
        for _ in 0..10 {
            let mut event = event.clone();
            let mut long = || {
                let sign = ["x", "\u{1}", "é", "😀", "\"", "\n"][random.random_range(0..6)];
                json!(sign.repeat(random.random_range(0..40_000)))
            };
            for (of, name) in [("message", "text"), ("message", "error"), ("conversation", "preview")] {
                if let Some(part) = event.get_mut(of) {
                    part[name] = long();
                }
            }
            let once = sequenced(&event).bounded();
            assert!(page::encoded_len(&once) < 24 * 1024, "{}", page::encoded_len(&once));
            assert_eq!(once.clone().bounded(), once);
            assert_eq!(once.event.name(), event["type"]);
        }
    }
}

fn changed(row: Value) -> feed::Changed {
    let Value::Object(row) = row else { panic!("no object") };
    feed::Changed {
        feed: "messages".to_owned(),
        seq: 1,
        operation: feed::Operation::Update,
        id: Uuid::nil().into(),
        row,
        changed: vec!["a".to_owned()],
        omitted: Vec::new(),
    }
}

#[test]
fn a_row_is_told_whole_up_to_its_bound() {
    let frame = page::encoded_len(&json!({ "a": "", "n": 1 }));
    for (length, is_whole) in [(feed::ROW_BYTES_MAX - frame, true), (feed::ROW_BYTES_MAX - frame + 1, false)]
    {
        let bounded = changed(json!({ "a": "x".repeat(length), "n": 1 })).bounded();
        assert_eq!(bounded.omitted.is_empty(), is_whole, "{length}");
        assert_eq!(bounded.row.contains_key("a"), is_whole);
        assert_eq!(bounded.row["n"], 1, "what is short stays");
        assert_eq!(bounded.changed, ["a"], "that it changed is told all the same");
    }
}

/// Whatever the members are, what is left fits, and every member is either there or named.
#[test]
fn a_row_of_any_members_is_made_to_fit() {
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..20 {
        let members = random.random_range(1..30);
        let row: Map<String, Value> = (0..members)
            .map(|number| {
                let sign = ["x", "\u{1}", "😀"][random.random_range(0..3)];
                let text = sign.repeat(random.random_range(0..9_000));
                let value = if number % 3 == 0 { json!([{ "deep": text }]) } else { json!(text) };
                (format!("m{number}"), value)
            })
            .collect();
        let bounded = changed(Value::Object(row.clone())).bounded();
        assert!(page::encoded_len(&bounded.row) <= feed::ROW_BYTES_MAX);
        assert!(row.keys().all(|name| bounded.row.contains_key(name) != bounded.omitted.contains(name)));
        let kept = bounded.row.values().map(page::encoded_len).max().unwrap_or(0);
        let shortest = bounded.omitted.iter().map(|name| page::encoded_len(&row[name])).min();
        assert!(shortest.is_none_or(|shortest| shortest >= kept), "the longest go first");
        if let Some(last) = bounded.omitted.last() {
            let with_it = page::encoded_len(&bounded.row) + page::encoded_len(&row[last]);
            assert!(with_it + last.len() + 4 > feed::ROW_BYTES_MAX, "and no more than need be");
        }
    }
    // A row whose one member's name alone is too long has nothing left to tell.
    let bounded = changed(json!({ "n".repeat(feed::ROW_BYTES_MAX): 1 })).bounded();
    assert!(bounded.row.is_empty() && bounded.omitted.len() == 1);
}

/// What is left empty is left out, and read as empty.
#[test]
fn a_deletion_says_only_what_is_gone() {
    let gone =
        feed::Changed { changed: Vec::new(), operation: feed::Operation::Delete, ..changed(json!({})) };
    let written = serde_json::to_value(&gone).unwrap();
    assert_eq!(written, json!({ "feed": "messages", "seq": 1, "operation": "delete", "id": Uuid::nil() }));
    assert_eq!(serde_json::from_value::<feed::Changed>(written).unwrap(), gone);
}

/// The longest answers there are, made of the longest things there are.
#[test]
fn no_answer_is_longer_than_a_frame() {
    let id = RequestId::Text("\u{1}".repeat(RequestId::TEXT_MAX));
    for sign in ["x", "\t", "😀", "\""] {
        let text = sign.repeat(room::TEXT_BYTES_MAX / encoded_len(sign));
        let message: room::RoomMessage = serde_json::from_value(room_message(&text)).unwrap();
        let all = vec![message; usize::from(room::MESSAGES_MAX)];
        let (messages, more) = page::last(all, usize::from(room::MESSAGES_MAX), PAGE_BYTES_MAX);
        assert!(more && messages.len() > 20, "{}", messages.len());
        let frame = result_frame(&id, &room::History { messages, more });
        assert!(frame.len() <= FRAME_BYTES_MAX, "{} of {sign:?}", frame.len());

        let mut event = inbox_events()[0].clone();
        event["message"]["text"] = json!(sign.repeat(inbox::TEXT_BYTES_MAX / encoded_len(sign)));
        let all = vec![sequenced(&event).bounded(); inbox::EVENTS_MAX as usize];
        let (events, more) = page::first(all, inbox::EVENTS_MAX as usize, PAGE_BYTES_MAX);
        assert!(more && events.len() >= 10, "{}", events.len());
        let frame = result_frame(&id, &inbox::Subscribed { seq: u64::MAX, events, more, recovered: true });
        assert!(frame.len() <= FRAME_BYTES_MAX, "{} of {sign:?}", frame.len());

        let feed = "f".repeat(feed::FILTER_BYTES_MAX);
        let row = json!({ "text": sign.repeat((feed::ROW_BYTES_MAX - 100) / encoded_len(sign)), "n": 1 });
        let change = feed::Changed { feed: feed.clone(), ..changed(row).bounded() };
        assert!(change.omitted.is_empty());
        let (changes, more) = page::first(vec![change; feed::CHANGES_MAX], feed::CHANGES_MAX, PAGE_BYTES_MAX);
        assert!(more && changes.len() >= 3, "{}", changes.len());
        let frame = result_frame(&id, &feed::Subscribed { feed, seq: 1, changes, more, recovered: true });
        assert!(frame.len() <= FRAME_BYTES_MAX, "{} of {sign:?}", frame.len());
    }
}
