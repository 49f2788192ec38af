//! Webhooks of WhatsApp: bodies, single items in good company, signatures.

use common::secret::Secret;
use inbox_core::{
    signature,
    whatsapp::receive::{ITEMS_MAX, Item, items},
};
use serde_json::{Value, json, value::RawValue};
use time::OffsetDateTime;

/// When everything arrived.
const ARRIVED: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

/// Takes a body apart as the worker does.
pub(super) fn body(bytes: &[u8]) {
    let Ok(batch) = items(bytes, ARRIVED) else { return };
    assert!(batch.items.len() + batch.left_out <= bytes.len(), "no more items than bytes");
    assert!(batch.items.len() <= ITEMS_MAX);
    for item in batch.items {
        if let Item::Message(incoming) = item {
            serde_json::to_value(&incoming.message).expect("a message can be stored");
        }
    }
}

fn sound(id: &str) -> Value {
    json!({ "from": "15550100", "id": id, "timestamp": "1700000000", "type": "text", "text": { "body": "hello" } })
}

/// Any JSON as an item between two sound messages: they live.
pub(super) fn item(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(item) = serde_json::from_str::<&RawValue>(text) else { return };
    let body = format!(
        r#"{{"entry":[{{"changes":[{{"field":"messages","value":{{"metadata":{{"phone_number_id":"1"}},"contacts":[],"messages":[{},{item},{}]}}}}]}}]}}"#,
        sound("wamid.BEFORE"),
        sound("wamid.AFTER"),
    );
    let items = items(body.as_bytes(), ARRIVED).expect("one item cannot spoil its body").items;
    let found = |id: &str| {
        let mut messages = items.iter().filter_map(|item| match item {
            Item::Message(incoming) => Some(&incoming.message),
            Item::Status(_) | Item::Skipped { .. } | Item::Unreadable { .. } => None,
        });
        messages.any(|message| message.external_id == id && message.text.as_deref() == Some("hello"))
    };
    assert!(found("wamid.BEFORE") && found("wamid.AFTER"), "its neighbours live");
}

/// Bodies with messages and statuses.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let item_seeds = item_seeds();
    let messages = item_seeds.iter().map(|seed| serde_json::from_slice(seed).expect("a seed is JSON"));
    let body = |value: Value| {
        let change = json!({ "field": "messages", "value": value });
        json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [change] }] })
            .to_string()
            .into_bytes()
    };
    let metadata = json!({ "display_phone_number": "15550199", "phone_number_id": "1" });
    let contacts = json!([{ "wa_id": "15550100", "user_id": "BSUID.1", "profile": { "name": "Grace" } }]);
    let status = json!({ "id": "wamid.1", "status": "failed", "timestamp": "1700000001", "recipient_id": "15550100",
        "biz_opaque_callback_data": "018f0000-0000-7000-8000-000000000001",
        "errors": [{ "code": 131_047, "title": "Re-engagement message", "error_data": { "details": "late" } }] });
    let of_messages = messages
        .map(|message: Value| json!({ "metadata": metadata, "contacts": contacts, "messages": [message] }));
    of_messages.map(body).chain([body(json!({ "metadata": metadata, "statuses": [status] }))]).collect()
}

/// Items of every kind.
pub(super) fn item_seeds() -> Vec<Vec<u8>> {
    let kinds = [
        json!({ "type": "text", "text": { "body": "hello \u{1F600}" }, "context": { "id": "wamid.0", "from": "1" } }),
        json!({ "type": "image", "image": { "id": "77", "mime_type": "image/jpeg", "sha256": "x", "caption": "c" } }),
        json!({ "type": "document", "document": { "id": "78", "filename": "a.pdf", "mime_type": "application/pdf" } }),
        json!({ "type": "audio", "audio": { "id": "79", "voice": true, "mime_type": "audio/ogg" } }),
        json!({ "type": "location", "location": { "latitude": 1.5, "longitude": -2.5, "name": "n", "address": "a" } }),
        json!({ "type": "contacts", "contacts": [{ "name": { "formatted_name": "G" }, "phones": [{ "phone": "1" }] }] }),
        json!({ "type": "reaction", "reaction": { "message_id": "wamid.0", "emoji": "\u{1F44D}" } }),
        json!({ "type": "interactive", "interactive": { "type": "button_reply", "button_reply": { "id": "1", "title": "Yes" } } }),
        json!({ "type": "button", "button": { "text": "Yes", "payload": "p" } }),
        json!({ "type": "order", "order": { "catalog_id": "c", "product_items": [] } }),
        json!({ "type": "system", "system": { "type": "user_changed_number", "wa_id": "15550101", "body": "b" } }),
        json!({ "type": "unsupported", "errors": [{ "code": 131_051, "title": "unknown" }] }),
    ];
    let whole = kinds.into_iter().zip(1..).map(|(mut kind, number)| {
        kind["from"] = json!("15550100");
        kind["id"] = json!(format!("wamid.{number}"));
        kind["timestamp"] = json!("1700000000");
        kind.to_string().into_bytes()
    });
    whole.collect()
}

/// No header but the right one is a signature of any body.
pub(super) fn signature(bytes: &[u8]) {
    let secret = Secret::new("an app's secret".to_owned());
    let (header, body) = bytes.split_at(bytes.len().min(71));
    let right = signature::sign(&secret, body);
    let is_valid = |header: &[u8]| {
        signature::Header::parse(header).is_some_and(|header| {
            let mut verifier = signature::Verifier::new(&secret, header);
            // In pieces, as it comes in.
            body.chunks(3).for_each(|piece| verifier.update(piece));
            verifier.is_valid()
        })
    };
    assert_eq!(is_valid(header), header == right.as_bytes());
    assert!(is_valid(right.as_bytes()));
}

/// A right signature before its body, and a wrong one.
pub(super) fn signature_seeds() -> Vec<Vec<u8>> {
    let secret = Secret::new("an app's secret".to_owned());
    let right = [signature::sign(&secret, b"{}").as_bytes(), b"{}"].concat();
    let wrong = [b"sha256=".as_slice(), &[b'0'; 64], b"{}"].concat();
    vec![right, wrong]
}
