//! Whoever signs a body of 3 MB can fill it with anything: what it takes is bounded, and what is left out counted.

use super::*;

/// A body whose one change has this list of messages, written as it stands.
fn listing(messages: &str) -> Batch {
    let contacts = r#"[{"wa_id":"15550100","profile":{"name":"Grace"}}]"#;
    let body = format!(
        r#"{{"entry":[{{"changes":[{{"value":{{"metadata":{{"phone_number_id":"700"}},"contacts":{contacts},"messages":[{messages}]}}}}]}}]}}"#
    );
    super::super::items(body.as_bytes(), ARRIVED).unwrap()
}

fn numbered(count: usize) -> String {
    let one =
        |n| format!(r#"{{"id":"wamid.{n}","from":"15550100","type":"text","text":{{"body":"a, b [{{"}}}}"#);
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

#[test]
fn as_much_as_meta_puts_into_a_body_is_taken_and_what_is_beyond_is_counted() {
    let batch = listing(&numbered(ITEMS_MAX));
    assert_eq!((batch.items.len(), batch.left_out), (ITEMS_MAX, 0));
    assert!(batch.items.iter().all(|item| message(item).name.as_deref() == Some("Grace")));
    let batch = listing(&numbered(ITEMS_MAX + 7));
    assert_eq!((batch.items.len(), batch.left_out), (ITEMS_MAX, 7));
    let batch = listing(&vec!["1"; 1_500_000].join(","));
    assert_eq!((batch.items.len(), batch.left_out), (ITEMS_MAX, 1_500_000 - ITEMS_MAX));
}

#[test]
fn entries_and_changes_that_cannot_be_read_are_counted_like_items() {
    let many = vec!["1"; ITEMS_MAX + 5].join(",");
    for body in [format!(r#"{{"entry":[{many}]}}"#), format!(r#"{{"entry":[{{"changes":[{many}]}}]}}"#)] {
        let batch = super::super::items(body.as_bytes(), ARRIVED).unwrap();
        assert_eq!((batch.items.len(), batch.left_out), (ITEMS_MAX, 5));
    }
}

/// Each `{"":{}}` is seven bytes of text and some six hundred of memory.
#[test]
fn an_item_of_too_many_values_is_left_out_and_costs_no_other() {
    let vast = vec![r#"{"":{}}"#; VALUES_MAX].join(",");
    let batch = listing(&format!(
        r#"{},{{"id":"wamid.vast","from":"15550100","x":[{vast}]}},{{"id":"wamid.after","from":"15550100"}}"#,
        numbered(1)
    ));
    let ids: Vec<_> = batch.items.iter().map(|item| message(item).message.external_id.as_str()).collect();
    assert_eq!((ids, batch.left_out), (vec!["wamid.0", "wamid.after"], 1));
}

#[test]
fn the_first_contact_that_has_the_number_or_the_user_id_names_the_sender() {
    let contacts = json!([
        { "wa_id": "1", "profile": { "name": "other" } },
        { "user_id": "US.7", "profile": { "name": "by user id" } },
        { "wa_id": "15550100", "profile": { "name": "by number" } },
        { "wa_id": "15550100", "profile": { "name": "later" } },
    ]);
    let mut known = text("wamid.2", "two");
    known["from_user_id"] = json!("US.7");
    let messages = [text("wamid.1", "one"), known];
    let items = items(&webhook(&[value(json!({ "contacts": contacts, "messages": messages }))])).unwrap();
    let names: Vec<_> = items.iter().map(|item| message(item).name.as_deref()).collect();
    assert_eq!(names, [Some("by number"), Some("by user id")]);
}
