//! What clients ask lists for: cursors of pages, filters of feeds.

use common::{
    id::ConversationId,
    page::{self, Named, Timed},
    protocol::feed::{Operation, Subscribe},
};
use serde_json::{Map, json};
use signalling_core::filter::Filter;

/// Reads a cursor as the REST layer does.
pub(super) fn cursor(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(position) = page::decode(text) else { return };
    assert_eq!(
        page::decode(&page::encode(&position)).as_deref(),
        Some(&*position),
        "it survives the journey"
    );
    if let Ok(timed) = position.parse::<Timed<ConversationId>>() {
        assert_eq!(timed.to_string().parse(), Ok(timed));
    }
    if let Ok(named) = position.parse::<Named<String, ConversationId>>() {
        assert_eq!(named.to_string().parse(), Ok(named));
    }
}

/// Cursors of every kind of list.
pub(super) fn cursor_seeds() -> Vec<Vec<u8>> {
    let id = "018f0000-0000-7000-8000-000000000001";
    let timed = format!("1700000000000000000/{id}");
    let named = format!("{id}/Grace/Hopper \u{1F600}");
    ["17", id, &timed, &named].map(|position| page::encode(position).into_bytes()).into()
}

/// Reads what is to be followed, and judges rows that are made of the filter itself.
pub(super) fn filter(bytes: &[u8]) {
    let Ok(subscribe) = serde_json::from_slice::<Subscribe>(bytes) else { return };
    let members = subscribe.filter;
    let filter = Filter::new(members.clone());
    let backwards =
        Filter::new(members.iter().rev().map(|(name, value)| (name.clone(), value.clone())).collect());
    assert_eq!(filter.name(), backwards.name(), "equal filters have equal names");
    let nothing = Map::new();
    assert_eq!(
        filter.judge(Operation::Insert, &nothing, &members),
        Some(Operation::Insert),
        "its own row fits"
    );
    assert_eq!(filter.judge(Operation::Update, &nothing, &members), Some(Operation::Update));
    assert_eq!(filter.judge(Operation::Delete, &members, &nothing), Some(Operation::Delete));
    if !members.is_empty() {
        assert_eq!(filter.judge(Operation::Insert, &nothing, &nothing), None, "an empty row does not");
        assert_eq!(filter.judge(Operation::Update, &members, &nothing), Some(Operation::Delete), "it left");
    }
}

/// Filters with every kind of value.
pub(super) fn filter_seeds() -> Vec<Vec<u8>> {
    let filters = [
        json!({ "table": "labels" }),
        json!({ "table": "conversations", "filter": { "assigneeId": null, "status": "open" }, "after": 9 }),
        json!({ "table": "messages", "filter": { "a": 1.5e300, "b": [1, { "c": "\u{0}" }], "d": true } }),
    ];
    filters.map(|filter| filter.to_string().into_bytes()).into()
}
