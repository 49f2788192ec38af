//! Frames of the wire protocol: the JSON-RPC envelope and the parameters of every method.

use common::protocol::{Incoming, Request, RequestId, envelope};
use serde_json::{Value, json};

/// The longest error answer: its text says what is wrong, never all that came.
const REFUSAL_BYTES_MAX: usize = 8 * 1024;

/// Reads a frame as the hub does.
pub(super) fn request(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (id, refusal) = match Incoming::parse(text) {
        Err(refusal) => refusal,
        Ok(incoming) => match Request::parse(&incoming.method, incoming.params) {
            Err(failure) => (incoming.id, failure),
            Ok(request) => {
                assert_eq!(request.method(), incoming.method, "a request has the method that it was read by");
                return;
            }
        },
    };
    if let Some(RequestId::Text(id)) = &id {
        assert!(id.len() <= RequestId::TEXT_MAX, "an id comes back in the answer, so it is short");
    }
    let answer = envelope::failure_frame(id.as_ref(), &refusal);
    assert!(answer.len() < REFUSAL_BYTES_MAX, "an answer of {} bytes to {} bytes", answer.len(), text.len());
    serde_json::from_str::<Value>(&answer).expect("a refusal is JSON");
}

/// One request of every method.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let room = "018f0000-0000-7000-8000-000000000001";
    let sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    let signal = json!({ "type": "candidate", "candidate": { "candidate": "", "sdpMid": "0" } });
    let requests = [
        ("connection.open", json!({ "token": "e30.e30.e30" })),
        ("connection.refresh", json!({ "token": "e30.e30.e30" })),
        ("room.join", json!({ "roomId": room, "after": 7 })),
        ("room.leave", json!({ "roomId": room })),
        ("room.members", json!({ "roomId": room, "after": room })),
        ("room.send", json!({ "roomId": room, "clientId": room, "text": "Hello \u{1F600}\n" })),
        ("room.typing", json!({ "roomId": room, "typing": true })),
        ("room.history", json!({ "roomId": room, "before": 7, "limit": 50 })),
        ("presence.subscribe", json!({})),
        ("call.ring", json!({ "roomId": room, "userId": room, "media": "video" })),
        ("call.accept", json!({ "callId": room })),
        ("call.reject", json!({ "callId": room })),
        ("call.cancel", json!({ "callId": room })),
        ("call.hangUp", json!({ "callId": room })),
        ("call.invite", json!({ "callId": room, "userId": room })),
        ("call.transfer", json!({ "callId": room, "userId": room })),
        ("media.join", json!({ "roomId": room })),
        ("media.update", json!({ "roomId": room, "state": { "muted": true } })),
        ("media.leave", json!({ "roomId": room })),
        ("media.signal", json!({ "roomId": room, "to": room, "signal": signal })),
        ("media.publish", json!({ "roomId": room, "sdp": sdp })),
        ("media.answer", json!({ "roomId": room, "revision": 3, "sdp": sdp })),
        ("inbox.subscribe", json!({ "after": 12 })),
        ("inbox.unsubscribe", json!({})),
        ("feed.subscribe", json!({ "table": "conversations", "filter": { "assigneeId": room }, "after": 1 })),
        ("feed.unsubscribe", json!({ "feed": "conversations?assigneeId=1" })),
        ("no.such", json!(null)),
    ];
    let numbered = requests.into_iter().zip(1..).map(|((method, params), id)| {
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string().into_bytes()
    });
    let odd = [r#"{"jsonrpc":"2.0","id":"a","method":"room.typing"}"#, "[]", r#"{"id":null,"method":7}"#];
    numbered.chain(odd.map(|text| text.as_bytes().to_vec())).collect()
}
