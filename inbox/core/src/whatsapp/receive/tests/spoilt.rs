//! What is wrong with an item, or with what it stands in, costs its neighbours nothing.

use super::*;

const BEFORE: &str =
    r#"{"from":"15550100","id":"wamid.before","timestamp":"1795000000","type":"text","text":{"body":"one"}}"#;
const AFTER: &str =
    r#"{"from":"15550100","id":"wamid.after","timestamp":"1795000000","type":"text","text":{"body":"two"}}"#;
const METADATA: &str = r#""metadata":{"display_phone_number":"15550199","phone_number_id":"700"}"#;

/// A body of these entries, as bytes that no library has put in order.
fn body(entries: &str) -> String {
    format!(r#"{{"object":"whatsapp_business_account","entry":[{entries}]}}"#)
}

fn entry(changes: &str) -> String {
    format!(r#"{{"id":"100","changes":[{changes}]}}"#)
}

fn change(members: &str) -> String {
    format!(r#"{{"field":"messages","value":{{{members}}}}}"#)
}

/// The two sound messages with something between them.
fn around(item: &str) -> String {
    body(&entry(&change(&format!(r#"{METADATA},"messages":[{BEFORE},{item},{AFTER}]"#))))
}

/// What is read beside the two sound messages, which must both be there.
fn others(body: &str) -> Vec<Item> {
    let mut items = items(body.as_bytes()).unwrap_or_else(|_| panic!("all of it is refused: {body}"));
    let ids: Vec<&str> = items
        .iter()
        .filter_map(|item| match item {
            Item::Message(incoming) => Some(incoming.message.external_id.as_str()),
            Item::Status(_) | Item::Skipped { .. } | Item::Unreadable { .. } => None,
        })
        .filter(|id| ["wamid.before", "wamid.after"].contains(id))
        .collect();
    assert_eq!(ids, ["wamid.before", "wamid.after"], "{body}");
    items.retain(|item| match item {
        Item::Message(incoming) => {
            !["wamid.before", "wamid.after"].contains(&incoming.message.external_id.as_str())
        }
        Item::Status(_) | Item::Skipped { .. } | Item::Unreadable { .. } => true,
    });
    items
}

fn with(members: &str) -> String {
    format!(r#"{{"from":"15550100","id":"wamid.odd",{members}}}"#)
}

#[test]
fn an_item_that_cannot_be_read_is_alone_in_that() {
    let deep = format!(r#""timestamp":"1","type":"x","x":{}1{}"#, "[".repeat(200), "]".repeat(200));
    for item in [
        with(r#""timestamp":"1","type":"x","x":1e999"#),
        with(&deep),
        "null".to_owned(),
        "7".to_owned(),
        r#""text""#.to_owned(),
        "[]".to_owned(),
        r#"{"from":"15550100","timestamp":"1","type":"text"}"#.to_owned(),
        r#"{"id":"wamid.odd","timestamp":"1","type":"text"}"#.to_owned(),
        r#"{"id":null,"from":"15550100"}"#.to_owned(),
        r#"{"id":"wamid.odd","from":{}}"#.to_owned(),
    ] {
        let others = others(&around(&item));
        assert!(matches!(others[..], [Item::Unreadable { .. }]), "{item:.80}: {others:?}");
    }
}

#[test]
fn an_item_that_is_odd_is_taken_for_what_it_says() {
    for (item, text) in [
        (with(r#""timestamp":"1","type":"text","text":{"body":"cut \ud83d"}"#), Some("cut \u{fffd}")),
        (with(r#""timestamp":"1","type":"text","text":{"body":"a\u0000b"}"#), Some("a\u{fffd}b")),
        (with(r#""timestamp":"1","type":"text","text":{"body":5}"#), None),
        (with(r#""timestamp":"1","text":{"body":"of no type"}"#), None),
        (with(r#""timestamp":"1","type":"text","type":"text","text":{"body":"twice"}"#), Some("twice")),
        (
            r#"{"from":15550100,"id":"wamid.odd","timestamp":"1","type":"text","text":{"body":"x"}}"#
                .to_owned(),
            Some("x"),
        ),
    ] {
        let others = others(&around(&item));
        assert_eq!(others.len(), 1, "{item}");
        assert_eq!(message(&others[0]).message.text.as_deref(), text, "{item}");
    }
    let others = others(&around(&with(r#""timestamp":"1""#)));
    assert_eq!(message(&others[0]).kind, "unknown");
}

#[test]
fn a_time_that_makes_no_sense_is_the_arrivals() {
    for (timestamp, seconds) in [
        (r#""1795000000""#, 1_795_000_000),
        ("1795000000", 1_795_000_000),
        (r#""-300000000000""#, 0),
        (r#""1795000000000""#, 0),
        (r#""100000000000000000000""#, 0),
        ("1e300", 0),
        (r#""""#, 0),
        ("null", 0),
        ("{}", 0),
    ] {
        let others = others(&around(&with(&format!(r#""timestamp":{timestamp},"type":"text""#))));
        assert_eq!(message(&others[0]).message.timestamp.unix_timestamp(), seconds, "{timestamp}");
        let status = format!(r#"{{"id":"wamid.0","status":"read","timestamp":{timestamp}}}"#);
        let body = body(&entry(&change(&format!(r#"{METADATA},"statuses":[{status}]"#))));
        let Item::Status(report) = &items(body.as_bytes()).unwrap()[0] else { panic!("no status") };
        assert_eq!(report.at.unix_timestamp(), seconds, "{timestamp}");
    }
}

#[test]
fn what_is_beside_messages_costs_none_of_them() {
    let messages = format!(r#""messages":[{BEFORE},{AFTER}]"#);
    for members in [
        format!(r#"{METADATA},"contacts":null,{messages}"#),
        format!(r#"{METADATA},"contacts":[null,5,{{"profile":"x"}},{{"wa_id":{{}}}}],{messages}"#),
        format!(r#"{METADATA},"statuses":null,{messages}"#),
        format!(r#""metadata":{{"display_phone_number":null,"phone_number_id":700}},{messages}"#),
        format!(r#"{METADATA},"\ud83d":"\ude00",{messages}"#),
        format!(r#"{METADATA},"x":1e999,{messages}"#),
        format!(r#"{METADATA},"x":{}{},{messages}"#, "[".repeat(300), "]".repeat(300)),
    ] {
        let items = others(&body(&entry(&change(&members))));
        assert!(items.is_empty(), "{members:.200}: {items:?}");
    }
    let nameless = format!(r#"{{"value":{{{METADATA},{messages}}}}}"#);
    assert!(others(&body(&entry(&nameless))).is_empty());
    let statuses = change(&format!(r#"{METADATA},"statuses":{{}},{messages}"#));
    assert!(matches!(others(&body(&entry(&statuses)))[..], [Item::Unreadable { .. }]));
    let read = r#"{"id":"wamid.0","status":"read","timestamp":"1"}"#;
    let listless = change(&format!(r#"{METADATA},"messages":{{}},"statuses":[{read}]"#));
    let listless = items(body(&entry(&listless)).as_bytes()).unwrap();
    assert!(matches!(listless[..], [Item::Unreadable { .. }, Item::Status(_)]), "{listless:?}");
}

#[test]
fn a_change_or_entry_that_is_spoilt_is_alone_in_that() {
    let sound = |message: &str| change(&format!(r#"{METADATA},"messages":[{message}]"#));
    let (before, after) = (sound(BEFORE), sound(AFTER));
    for spoilt in [
        "null".to_owned(),
        r#""text""#.to_owned(),
        r#"{"field":"messages"}"#.to_owned(),
        r#"{"field":"messages","value":null}"#.to_owned(),
        change(r#""metadata":null,"messages":[]"#),
        change(r#""metadata":{"phone_number_id":{}},"messages":[]"#),
    ] {
        let others = others(&body(&entry(&format!("{before},{spoilt},{after}"))));
        assert!(matches!(others[..], [Item::Unreadable { .. }]), "{spoilt}: {others:?}");
    }
    let (before, after) = (entry(&before), entry(&after));
    for spoilt in [r#"{"id":"1","changes":null}"#, r#"{"id":"1","changes":{}}"#, r#""text""#, "null", "5"] {
        let others = others(&body(&format!("{before},{spoilt},{after}")));
        assert!(matches!(others[..], [Item::Unreadable { .. }]), "{spoilt}: {others:?}");
    }
    assert!(others(&body(&format!(r#"{before},{{"id":"1"}},{after}"#))).is_empty());
}

#[test]
fn a_status_is_read_whatever_its_errors_look_like() {
    for (errors, reason) in [
        ("null", None),
        ("{}", None),
        ("[]", None),
        (r#"[{"code":"131047","title":"No"}]"#, Some("No (131047)")),
        (r#"[{"code":131047}]"#, Some("the channel gave no reason (131047)")),
        ("[5]", Some("the channel gave no reason")),
    ] {
        let status = format!(r#"{{"id":"wamid.1","status":"failed","timestamp":"1","errors":{errors}}}"#);
        let body = body(&entry(&change(&format!(r#"{METADATA},"statuses":[{status}]"#))));
        let Item::Status(report) = &items(body.as_bytes()).unwrap()[0] else { panic!("no status: {errors}") };
        assert_eq!(report.error.as_deref(), reason, "{errors}");
    }
}

/// Neither the log nor the row of a webhook that is set aside may repeat what a customer wrote.
#[test]
fn why_something_cannot_be_read_does_not_say_what_it_says() {
    let others = others(&around(r#"{"id":"wamid.odd","text":"secret"}"#));
    assert!(!format!("{others:?}").contains("secret"));
    let refused = items(br#"{"entry":"secret"}"#).unwrap_err();
    assert!(!format!("{refused:?} {refused}").contains("secret"));
}
