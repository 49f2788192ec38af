//! Names that cannot be mistaken for each other, and messages between instances of two versions.

use super::{
    LeaseName, PresenceSet, Service, Topic,
    events::{EventsReply, EventsRequest, EventsService},
    hub::{
        AccountOnline, AccountTopic, CallBetween, CallRequest, CallService, HubRequest, HubService, NodeNews,
        NodeTopic, OnlineDevice, OnlineNews, PresentMember, ResumeRequest, ResumeService, RingRequest,
        RingService, RoomMembers, RoomNews, RoomTopic, UserInCall,
    },
    inbox::{InboxTopic, Work, WorkTopic},
    link::LinkUp,
    media::{
        AccountSessions, AccountSessionsTopic, HubNodes, MediaAction, MediaNode, MediaNodes, MediaReply,
        MediaRequest, MediaRights, MediaService, SeatService, Seated, SessionLease, SessionNews,
        SessionSummary, SessionTopic,
    },
    media_move::{Handover, HandoverReply, MoveService},
    revocation::RevocationTopic,
    room_list::{RoomListNews, RoomListTopic},
};
use crate::{
    error::ErrorCode,
    id::{AccountId, NodeId, RoomId, UserId},
    protocol::{
        Event, Failure,
        inbox::Sequenced,
        media::{ParticipantState, StateChange},
        room::Member,
    },
    revocation::Revocation,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

const A: &str = "0190d5a0-0000-7000-8000-00000000000a";
const B: &str = "0190d5a0-0000-7000-8000-00000000000b";

/// Every subject about things that all have the same id.
fn names(id: Uuid) -> Vec<String> {
    let (room, node) = (RoomId::from_uuid(id), NodeId::from_uuid(id));
    let (account, user) = (AccountId::from_uuid(id), UserId::from_uuid(id));
    vec![
        RoomTopic(room).name(),
        RoomMembers(room).name(),
        NodeTopic(node).name(),
        AccountOnline(account).name(),
        AccountTopic(account).name(),
        RoomListTopic(account).name(),
        CallService(node).name(),
        UserInCall(account, user).name(),
        CallBetween::new(account, user, user).name(),
        RingService(node).name(),
        ResumeService(node).name(),
        HubService(node).name(),
        EventsService(node).name(),
        InboxTopic(account).name(),
        WorkTopic.name(),
        LinkUp.name(),
        MediaNodes.name(),
        SessionLease(room).name(),
        MediaService(node).name(),
        MoveService(node).name(),
        SeatService(node).name(),
        SessionTopic(room).name(),
        AccountSessions(account).name(),
        AccountSessionsTopic(account).name(),
        HubNodes.name(),
        RevocationTopic.name(),
    ]
}

/// Two subjects of one name would read each other's messages.
#[test]
fn no_two_subjects_have_the_same_name_whatever_their_ids() {
    let ids = [Uuid::nil(), Uuid::max(), A.parse().unwrap(), B.parse().unwrap()];
    let named: Vec<_> = ids.into_iter().flat_map(names).collect();
    let distinct: BTreeSet<_> = named.iter().collect();
    // Five are about no thing in particular.
    assert_eq!(distinct.len(), 21 * ids.len() + 5, "{named:#?}");
    let of_one = names(Uuid::nil());
    assert_eq!(of_one.iter().collect::<BTreeSet<_>>().len(), of_one.len());
}

/// Nothing in a name is a sign by which a bus means many, and none is the beginning of another.
#[test]
fn a_name_is_its_subject_and_an_id_and_means_one_thing() {
    let all = names(Uuid::max());
    for name in &all {
        assert!(name.bytes().all(|sign| matches!(sign, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-')), "{name}");
        let parts: Vec<&str> = name.split('.').collect();
        assert!(parts.iter().all(|part| !part.is_empty()), "{name}");
        // Two words, then ids: of things, of a user in an account, of two users in an account.
        let ids = match parts.get(1) {
            Some(&"busy") => 2,
            Some(&"between") => 3,
            _ => usize::from(parts.len() > 2),
        };
        assert_eq!(parts.len(), 2 + ids, "{name}");
        assert!(parts.iter().skip(2).all(|part| Uuid::parse_str(part).is_ok()), "{name}");
        let as_beginning = all.iter().filter(|other| other.starts_with(&**name)).count();
        assert_eq!(as_beginning, 1, "{name}");
    }
}

#[test]
fn a_call_between_two_has_the_same_name_whoever_calls() {
    let account = AccountId::from_uuid(B.parse().unwrap());
    let [one, other] = [A, B].map(|id| UserId::from_uuid(id.parse().unwrap()));
    let between = CallBetween::new(account, one, other).name();
    assert_eq!(between, CallBetween::new(account, other, one).name());
    assert_eq!(between, format!("hub.between.{B}.{A}.{B}"));
}

/// An outside issuer whose subjects are ids may have the same people in two accounts.
#[test]
fn people_of_two_accounts_who_have_the_same_ids_are_busy_each_in_their_own() {
    let [mine, theirs] = [A, B].map(|id| AccountId::from_uuid(id.parse().unwrap()));
    let [one, other] = [A, B].map(|id| UserId::from_uuid(id.parse().unwrap()));
    assert_ne!(UserInCall(mine, one).name(), UserInCall(theirs, one).name());
    assert_ne!(CallBetween::new(mine, one, other).name(), CallBetween::new(theirs, one, other).name());
}

/// Puts a member that nobody knows into every object that is no variant's name around its content.
fn with_strangers(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut object: serde_json::Map<_, _> =
                object.iter().map(|(name, value)| (name.clone(), with_strangers(value))).collect();
            let is_variant = object.len() == 1
                && object.keys().all(|name| name.starts_with(|sign: char| sign.is_ascii_uppercase()));
            if !is_variant {
                object.insert("fromANewerInstance".to_owned(), json!({ "a": [1, null] }));
            }
            Value::Object(object)
        }
        Value::Array(parts) => parts.iter().map(with_strangers).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// That a message is read as it was written, and with what a newer instance says besides.
#[track_caller]
fn travels<T: Serialize + DeserializeOwned>(message: &Value) {
    let read = |json: &Value| {
        let read: T = serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{error}: {json}"));
        serde_json::to_value(read).unwrap()
    };
    assert_eq!(read(message), *message);
    assert_eq!(read(&with_strangers(message)), *message, "with more than is known");
}

#[test]
fn messages_of_the_hub_are_read_by_instances_of_two_versions() {
    let typing = json!({ "method": "room.typing", "params": {
        "roomId": A, "connectionId": B, "userId": B, "typing": true,
    } });
    travels::<RoomNews>(&json!({ "Typing": { "connection": A, "user": B, "typing": true } }));
    travels::<RoomNews>(&json!({ "Left": A }));
    let message = json!({ "id": A, "seq": 3, "userId": B, "name": "Ada", "text": "x", "createdAt": "2026-11-21T00:00:00Z" });
    travels::<RoomNews>(&json!({ "Posted": message }));
    travels::<RoomNews>(&json!({ "Changed": { "seq": 9, "message": message } }));
    travels::<RoomNews>(&json!({ "Read": { "user": A, "seq": 9 } }));
    travels::<RoomNews>(&json!({ "Event": { "name": "light", "data": 7 } }));
    travels::<RoomListNews>(&json!({ "moved": [A], "read": [[A, B]], "opened": [B] }));
    travels::<NodeNews>(&json!({ "to": B, "news": { "Ended": { "callId": A, "reason": "hungUp" } } }));
    let member = json!({ "connectionId": A, "userId": B, "name": "Ada" });
    travels::<PresentMember>(&json!({ "member": member.clone(), "node": B }));
    travels::<Event>(&typing);
    travels::<Member>(&json!({ "connectionId": A, "userId": B, "name": "Ada" }));
    let user = json!({ "userId": A, "name": "Ada", "status": "online" });
    let status = json!({ "said": "away", "in_call": false, "revision": 2 });
    travels::<OnlineDevice>(&json!({ "user": user, "node": B, "guest": true, "status": status }));
    travels::<OnlineNews>(&json!({ "Came": member }));
    travels::<OnlineNews>(&json!({ "Went": A }));
    travels::<OnlineNews>(&json!({}));
    let selectors =
        [json!("Everybody"), json!({ "User": A }), json!({ "SignIn": A }), json!({ "Connection": A })];
    for whom in selectors {
        for order in [json!("Disconnect"), json!({ "Remove": { "room": A, "reason": "deleted" } })] {
            travels::<HubRequest>(&json!({ "account": B, "whom": whom, "order": order }));
        }
    }
}

#[test]
fn messages_of_calls_are_read_by_instances_of_two_versions() {
    for action in ["Accept", "Reject", "Cancel", "HangUp", "Gone", "Connect", "Attend"] {
        let request = json!({
            "call": A, "device": B, "node": A, "action": action, "attends": true, "user": A, "with": B, "heard": 3,
        });
        travels::<CallRequest>(&request);
    }
    for action in [json!({ "Invite": B }), json!({ "Transfer": B })] {
        let request = json!({
            "call": A, "device": B, "node": A, "action": action, "attends": true, "user": A, "with": null, "heard": 0,
        });
        travels::<CallRequest>(&request);
    }
    let party = json!({
        "userId": B, "name": "Ada", "state": "joined", "connectionId": A, "invitedBy": B, "reason": null,
    });
    let incoming = json!({
        "callId": A, "roomId": B, "from": A, "name": "Ada", "media": "video", "ringTimeMs": 45000,
    });
    for news in [
        json!({ "Incoming": { "runner": A, "epoch": 2, "incoming": incoming } }),
        json!({ "Resumed": { "callId": A, "connectionId": B, "previousConnectionId": A } }),
        json!({ "Runner": { "call": A, "runner": B, "epoch": 3 } }),
        json!({ "Changed": { "callId": A, "parties": [party], "revision": 7 } }),
    ] {
        travels::<NodeNews>(&json!({ "to": B, "news": news }));
    }
    let resume = json!({ "call": A, "account": B, "user": A, "from": A, "device": B, "node": A });
    travels::<ResumeRequest>(&resume);
    travels::<<ResumeService as Service>::Reply>(&json!({ "Ok": {
        "room": A, "media": "audio", "startedAt": "2026-11-22T10:00:00Z", "answeredAt": null,
        "ringTimeMs": 30000, "with": null, "parties": [party], "revision": 2, "epoch": 1,
    } }));
    travels::<RingRequest>(&json!({ "account": A, "user": A, "device": B, "node": A }));
    let failure =
        json!({ "code": -32000, "message": "no", "data": { "code": "call.busy", "fault": "caller" } });
    travels::<<CallService as Service>::Reply>(&json!({ "Ok": A }));
    travels::<<CallService as Service>::Reply>(&json!({ "Err": failure }));
}

#[test]
fn messages_of_connections_without_a_socket_are_read_by_instances_of_two_versions() {
    for action in [
        json!({ "Attach": { "stream": A, "after": 3 } }),
        json!({ "Take": { "stream": A, "after": 3, "wait_ms": 10000 } }),
        json!({ "Post": { "number": 2, "frames": ["{}"] } }),
        json!({ "Leave": {} }),
    ] {
        travels::<EventsRequest>(&json!({ "connection": A, "proof": vec![7; 32], "action": action }));
    }
    travels::<EventsReply>(&json!({ "Taken": { "frames": [[4, "{}"]], "closed": [4000, "too slow"] } }));
    for word in ["Done", "Gone", "Replaced", "OutOfOrder", "Busy"] {
        travels::<EventsReply>(&json!({ word: {} }));
    }
}

#[test]
fn messages_of_media_nodes_are_read_by_instances_of_two_versions() {
    let said = json!({
        "muted": true, "cameraOff": false, "sharing": false, "handRaised": true, "speaking": false, "onHold": false,
    });
    let change = json!({
        "muted": true, "cameraOff": null, "sharing": null, "handRaised": null, "speaking": null, "onHold": null,
    });
    let sent = json!({ "trackId": B, "kind": "video", "source": "screen", "muted": false });
    let participant =
        json!({ "connectionId": A, "userId": B, "name": "Ada", "state": said, "tracks": [sent] });
    let state = json!({ "route": "server", "participants": [participant], "revision": 1, "locked": true, "recorded": false });
    let track =
        json!({ "mid": "0", "trackId": B, "connectionId": A, "kind": "audio", "source": "screenAudio" });
    let offer = json!({ "roomId": A, "revision": 2, "sdp": "v=0", "tracks": [track] });
    for action in [
        json!({ "Join": {
            "participant": participant, "hub": A, "rights": { "send": false, "receive": true, "data": true }, "replaces": B,
            "change": change,
        } }),
        json!({ "Update": {
            "connection": A, "change": change, "tracks": [{ "source": "camera", "muted": true }],
        } }),
        json!({ "Leave": { "connection": A } }),
        json!({ "Moderate": {
            "by": A, "moderation": { "Mute": { "connection": B, "source": "camera" } },
        } }),
        json!({ "Moderate": { "by": A, "moderation": { "Remove": { "connection": B } } } }),
        json!({ "Moderate": { "by": A, "moderation": { "Lock": { "locked": true } } } }),
        json!({ "Publish": {
            "connection": A, "sdp": "v=0", "tracks": [{ "mid": "0", "source": "microphone", "muted": null }],
        } }),
        json!({ "Answer": { "connection": A, "revision": 7, "sdp": "v=0" } }),
        json!({ "Subscribe": { "connection": A, "tracks": [
            { "trackId": B, "enabled": true, "width": 640, "height": 360, "priority": "high" },
        ], "selection": { "autoSubscribe": false, "lastN": 4 } } }),
        json!({ "Sync": { "connection": A } }),
        json!("Look"),
    ] {
        travels::<MediaRequest>(&json!({ "account": A, "room": B, "action": action }));
    }
    for reply in [
        json!({ "State": { "state": state, "offer": offer } }),
        json!({ "State": { "state": state, "offer": null } }),
        json!({ "Replaced": { "state": state } }),
        json!({ "Published": {
            "sdp": "v=0", "tracks": [{ "mid": "0", "trackId": B, "source": "microphone" }],
        } }),
        json!("Done"),
        json!({ "Moved": { "owner": A } }),
    ] {
        travels::<Result<MediaReply, Failure>>(&json!({ "Ok": reply }));
    }
    travels::<SessionNews>(&json!({ "Changed": { "roomId": A, "state": state } }));
    let updated = json!({ "roomId": A, "connectionId": B, "state": said, "tracks": [sent], "revision": 4 });
    travels::<SessionNews>(&json!({ "Updated": updated }));
    travels::<SessionNews>(&json!({ "Offer": { "to": A, "offer": offer } }));
    let layer = json!({ "encoding": 1, "width": 640, "height": 360 });
    let subscription = json!({ "trackId": B, "layer": layer, "reason": "bandwidth" });
    let subscriptions = json!({ "roomId": A, "subscriptions": [subscription] });
    travels::<SessionNews>(&json!({ "Subscriptions": { "to": A, "subscriptions": subscriptions } }));
    let layers = json!({ "roomId": A, "trackId": B, "encodings": [{ "rid": "h", "wanted": false }] });
    travels::<SessionNews>(&json!({ "Layers": { "to": A, "layers": layers } }));
    let muted = json!({ "roomId": A, "source": "camera", "by": B });
    travels::<SessionNews>(&json!({ "Muted": { "to": A, "muted": muted } }));
    travels::<SessionNews>(&json!({ "Removed": { "to": A, "removed": { "roomId": A, "by": B } } }));
    let call =
        json!({ "roomId": A, "participantCount": 7, "participants": [{ "userId": B, "name": "Ada" }] });
    travels::<SessionSummary>(&json!({ "node": A, "call": call, "revision": 9 }));
    travels::<SessionNews>(&json!({ "Moved": { "owner": A } }));
    travels::<Vec<Seated>>(&json!([{ "room": A, "connection": B }]));
}

#[test]
fn messages_between_media_nodes_are_read_by_two_versions() {
    travels::<MediaNode>(&json!({
        "node": A, "sessions": 3, "participants": 7, "region": "eu", "is_draining": false, "takes_moves": true,
    }));
    let said = json!({
        "muted": true, "cameraOff": false, "sharing": false, "handRaised": true, "speaking": false, "onHold": false,
    });
    let seat = json!({
        "participant": { "connectionId": A, "userId": B, "name": "Ada", "state": said, "tracks": [] }, "hub": B,
        "rights": { "send": true, "receive": true, "data": false }, "wishes": [],
        "selection": { "autoSubscribe": false, "lastN": 4 }, "entry": 1,
    });
    let session = json!({ "seats": [seat], "route": "server", "revision": 9, "entries": 1, "let_in": [A] });
    travels::<Handover>(&json!({ "version": 1, "from": A, "account": A, "room": B, "session": session }));
    for reply in [json!("Taken"), json!({ "Refused": "Draining" })] {
        travels::<HandoverReply>(&reply);
    }
}

#[test]
fn messages_of_the_inbox_and_of_sign_ins_are_read_by_instances_of_two_versions() {
    travels::<Sequenced>(
        &json!({ "seq": 1, "event": { "type": "conversationErased", "conversationId": A } }),
    );
    for work in ["RawEvents", "Outbox", "Replies"] {
        travels::<Work>(&json!(work));
    }
    assert!(serde_json::from_value::<Work>(json!("Painting")).is_err());
    for what in [json!({ "SignIn": A }), json!({ "Permissions": A }), json!({ "Elevation": A })] {
        let revocation = json!({ "what": what, "at": time::OffsetDateTime::UNIX_EPOCH });
        travels::<Vec<Revocation>>(&json!([revocation, revocation]));
    }
    travels::<NodeId>(&json!(A));
}

/// Messages from before these members were there.
#[test]
fn what_an_older_instance_does_not_say_has_the_meaning_it_had_then() {
    let device = json!({ "user": { "userId": A, "name": "Ada" }, "node": B });
    assert!(!serde_json::from_value::<OnlineDevice>(device).unwrap().guest, "there were no guests");
    let request = json!({ "call": A, "device": B, "node": A, "action": "Accept" });
    let request: CallRequest = serde_json::from_value(request).unwrap();
    assert!(!request.attends, "nobody did");
    assert_eq!((request.user, request.with, request.heard), (None, None, 0), "nobody said so");
    let join = json!({ "Join": {
        "participant": { "connectionId": A, "userId": B, "name": "Ada" }, "hub": A,
    } });
    let MediaAction::Join { participant, rights, replaces, change, .. } =
        serde_json::from_value(join).unwrap()
    else {
        panic!("a join")
    };
    assert_eq!(rights, MediaRights { send: true, receive: true, data: true }, "everybody might do all");
    assert_eq!(replaces, None, "nobody came back");
    assert_eq!(participant.state, ParticipantState::default(), "nobody said anything of themselves");
    assert_eq!(participant.tracks, [], "nobody told which track is which");
    assert_eq!(change, StateChange::default());
    let node: MediaNode = serde_json::from_value(json!({ "node": A, "sessions": 3 })).unwrap();
    assert!(!node.takes_moves && !node.is_draining && node.region.is_none(), "nothing moved");
}

/// What is not understood must fail and not be taken for something harmless.
#[test]
fn an_order_that_is_not_known_is_refused() {
    let request = |whom: Value, order: Value| {
        serde_json::from_value::<HubRequest>(json!({ "account": A, "whom": whom, "order": order })).is_ok()
    };
    assert!(request(json!("Everybody"), json!("Disconnect")));
    for whom in
        [json!("Nobody"), json!({}), json!(null), json!({ "User": A, "SignIn": B }), json!({ "User": "x" })]
    {
        assert!(!request(whom.clone(), json!("Disconnect")), "{whom}");
    }
    for order in [json!("Explode"), json!({ "Remove": { "room": A } }), json!(null)] {
        assert!(!request(json!("Everybody"), order.clone()), "{order}");
    }
    let partly = json!({ "Join": {
        "participant": { "connectionId": A, "userId": B, "name": "" }, "hub": A, "rights": { "send": true },
    } });
    assert!(serde_json::from_value::<MediaAction>(partly).is_err(), "half of the rights are none");
    let reply: Result<MediaReply, Failure> = serde_json::from_value(
        json!({ "Err": Failure::of(ErrorCode::MEDIA_NOT_JOINED, crate::error::Fault::Caller, "") }),
    )
    .unwrap();
    assert_eq!(reply.unwrap_err().data.code, ErrorCode::MEDIA_NOT_JOINED);
}
