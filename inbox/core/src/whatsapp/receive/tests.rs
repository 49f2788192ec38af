use super::*;
use serde_json::json;

mod bounds;
mod spoilt;

const ARRIVED: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn items(body: &[u8]) -> Result<Vec<Item>, NotAWebhook> {
    super::items(body, ARRIVED).map(|batch| batch.items)
}

fn webhook(values: &[Value]) -> Vec<u8> {
    let changes: Vec<Value> =
        values.iter().map(|value| json!({ "field": "messages", "value": value })).collect();
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": changes }] })
        .to_string()
        .into_bytes()
}

fn value(mut items: Value) -> Value {
    items["messaging_product"] = json!("whatsapp");
    items["metadata"] = json!({ "display_phone_number": "15550199", "phone_number_id": "700" });
    items
}

fn text(id: &str, body: &str) -> Value {
    json!({ "from": "15550100", "id": id, "timestamp": "1795000000", "type": "text", "text": { "body": body } })
}

fn message(item: &Item) -> &Incoming {
    match item {
        Item::Message(incoming) => incoming,
        Item::Status(_) | Item::Skipped { .. } | Item::Unreadable { .. } => panic!("no message: {item:?}"),
    }
}

#[test]
fn a_text_message_names_its_sender() {
    let contacts = json!([{ "profile": { "name": "Grace" }, "wa_id": "15550100", "user_id": "US.1" }]);
    let items =
        items(&webhook(&[value(json!({ "contacts": contacts, "messages": [text("wamid.1", "Hello")] }))]))
            .unwrap();
    let incoming = message(&items[0]);
    assert_eq!(incoming.phone_number_id, "700");
    assert_eq!(incoming.name.as_deref(), Some("Grace"));
    assert_eq!(incoming.identities, [("bsuid", "US.1".to_owned()), ("phone", "15550100".to_owned())]);
    assert_eq!(incoming.message.text.as_deref(), Some("Hello"));
    assert_eq!(incoming.message.from, "15550100");
    assert_eq!(incoming.message.timestamp.unix_timestamp(), 1_795_000_000);
}

#[test]
fn a_batch_is_taken_apart_whole_and_an_odd_item_costs_no_other() {
    let odd = json!({ "id": 5 });
    let body = webhook(&[
        value(json!({ "messages": [text("wamid.1", "one"), odd, text("wamid.2", "two")] })),
        json!({ "messages": [text("wamid.3", "to nobody")] }),
        value(json!({ "statuses": [{ "id": "wamid.0", "status": "read", "timestamp": "1795000001" }] })),
    ]);
    let items = items(&body).unwrap();
    let shape: Vec<&str> = items
        .iter()
        .map(|item| match item {
            Item::Message(incoming) => incoming.message.external_id.as_str(),
            Item::Status(report) => report.status.as_str(),
            Item::Skipped { .. } | Item::Unreadable { .. } => "skipped",
        })
        .collect();
    assert_eq!(shape, ["wamid.1", "skipped", "wamid.2", "skipped", "read"]);
}

#[test]
fn a_sender_without_a_phone_number_is_known_by_user_id() {
    let mut anonymous = text("wamid.1", "Hi");
    anonymous.as_object_mut().unwrap().remove("from");
    anonymous["from_user_id"] = json!("US.7");
    let items = items(&webhook(&[value(json!({ "messages": [anonymous] }))])).unwrap();
    assert_eq!(message(&items[0]).identities, [("bsuid", "US.7".to_owned())]);
}

#[test]
fn types_other_than_text_keep_their_words_and_files() {
    let image = json!({ "from": "1", "id": "wamid.1", "timestamp": "1795000000", "type": "image",
        "image": { "id": "900", "mime_type": "image/jpeg", "caption": "Look" } });
    let unknown = json!({ "from": "1", "id": "wamid.2", "timestamp": "1795000000", "type": "hologram" });
    let items = items(&webhook(&[value(json!({ "messages": [image, unknown] }))])).unwrap();
    let image = message(&items[0]);
    assert_eq!((image.kind.as_str(), image.message.text.as_deref()), ("image", Some("Look")));
    assert_eq!(image.message.attachments[0].external_id, "900");
    let unknown = message(&items[1]);
    assert_eq!(unknown.message.text, None);
    assert_eq!(unknown.message.metadata["type"], "hologram", "nothing is dropped");
}

#[test]
fn a_failure_says_why() {
    let errors = json!([{ "code": 131_047, "title": "Re-engagement message", "error_data": { "details": "24 hours have passed" } }]);
    let status = json!({ "id": "wamid.1", "status": "failed", "timestamp": "1795000000", "errors": errors });
    let items = items(&webhook(&[value(json!({ "statuses": [status] }))])).unwrap();
    let Item::Status(report) = &items[0] else { panic!("no status") };
    assert_eq!(report.status, DeliveryStatus::Failed);
    assert_eq!(report.error.as_deref(), Some("24 hours have passed (131047)"));
}

#[test]
fn what_is_no_webhook_is_told_apart_from_an_empty_one() {
    assert!(items(b"not json").is_err());
    assert!(items(b"{}").is_err());
    assert_eq!(items(b"{\"entry\":[]}").unwrap(), []);
}

/// Meta does not send such texts; whoever knows the app secret may.
#[test]
fn a_text_of_any_length_and_of_any_characters_is_made_to_fit() {
    let long = json!({
        "contacts": [{ "profile": { "name": "G\u{1}".repeat(5000) }, "wa_id": "15550100" }],
        "messages": [text("wamid.1", &"\u{1}".repeat(3_000_000)), text("wamid.2", "one\r\ntwo\0")],
    });
    let items = items(&webhook(&[value(long)])).unwrap();
    let cut = message(&items[0]);
    let words = cut.message.text.as_deref().unwrap();
    assert!(words.len() <= 64 * 1024 && words.starts_with('\u{fffd}') && cut.message.truncated);
    assert_eq!(
        cut.message.metadata["text"]["body"].as_str().map(str::len),
        Some(3_000_000),
        "nothing is lost"
    );
    assert_eq!(cut.name.as_deref().map(|name| name.chars().count()), Some(199), "and no space at its end");
    let whole = message(&items[1]);
    assert_eq!((whole.message.text.as_deref(), whole.message.truncated), (Some("one\ntwo\u{fffd}"), false));
}
