//! Conversations and messages: received once, replied once, followed in any order.

use crate::fixture::{Tenant, channel, receive, tenant};
use common::{
    clock::{Clock, ManualClock},
    id::MessageId,
    protocol::inbox::{Conversation, ConversationStatus, DeliveryStatus, InboxEvent, Priority},
};
use serde_json::json;
use std::time::Duration;
use store::{
    TenantTx,
    contacts::{self, Identity},
    conversations::{self, Change, Filter, Order, Position},
    labels,
    messages::{self, Inbound, NewReply, Received, StatusOutcome, StatusReport},
    outbox, teams,
    testing::TestDatabase,
};

fn phone() -> Identity {
    Identity { scheme: "phone".to_owned(), value: "4915112345678".to_owned() }
}

fn user_id() -> Identity {
    Identity { scheme: "bsuid".to_owned(), value: "DE.1349".to_owned() }
}

async fn report(
    tx: &mut TenantTx,
    a: &Tenant,
    external_id: &str,
    status: DeliveryStatus,
    clock: &ManualClock,
) -> StatusOutcome {
    let error = (status == DeliveryStatus::Failed).then_some("131026: undeliverable");
    let report = StatusReport { channel: a.channel, external_id, status, error, at: clock.utc() };
    messages::apply_status(tx, &report, clock).await.unwrap()
}

async fn reply(tx: &mut TenantTx, a: &Tenant, clock: &ManualClock) -> MessageId {
    let reply = NewReply { conversation: a.conversation, author: a.user, text: "yes" };
    messages::reply(tx, &reply, clock).await.unwrap().id
}

#[tokio::test]
async fn a_message_delivered_twice_by_the_channel_is_stored_once() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let before = outbox::last_seq(&mut tx).await.unwrap();
    let inbound = Inbound {
        channel: a.channel,
        external_id: "wamid.1",
        from: &[phone()],
        name: Some("Other"),
        kind: "text",
        text: Some("hello?"),
        metadata: &json!({}),
        created_at: clock.utc(),
    };
    assert_eq!(messages::receive(&mut tx, &inbound, &clock).await.unwrap(), Received::Duplicate);
    assert_eq!(outbox::last_seq(&mut tx).await.unwrap(), before);
    let conversation = conversations::find(&mut tx, a.conversation).await.unwrap().unwrap();
    assert_eq!(conversation.contact.name, "Grace");
}

#[tokio::test]
async fn a_customer_is_the_same_contact_by_any_of_their_names() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    // First with both names, then with the new one alone, as when the number is hidden.
    for (external_id, from) in [("wamid.2", vec![user_id(), phone()]), ("wamid.3", vec![user_id()])] {
        let inbound = Inbound {
            channel: a.channel,
            external_id,
            from: &from,
            name: None,
            kind: "image",
            text: None,
            metadata: &json!({ "caption": "nul \0" }),
            created_at: clock.utc(),
        };
        let Received::New { conversation, message } =
            messages::receive(&mut tx, &inbound, &clock).await.unwrap()
        else {
            panic!("{external_id} is new");
        };
        assert_eq!(conversation.id, a.conversation);
        assert_eq!((conversation.preview.as_str(), message.text), ("[image]", None));
        assert_eq!(
            messages::metadata(&mut tx, message.id).await.unwrap(),
            Some(json!({ "caption": "nul \u{fffd}" }))
        );
    }
}

#[tokio::test]
async fn a_resolved_conversation_opens_again_when_the_customer_writes() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let before = outbox::last_seq(&mut tx).await.unwrap();
    let change = Change {
        status: Some(ConversationStatus::Resolved),
        assignee: Some(Some(a.user)),
        read: true,
        ..Change::default()
    };
    let changed = conversations::update(&mut tx, a.conversation, &change, &clock).await.unwrap();
    assert_eq!(
        (changed.status, changed.assignee_id, changed.unread),
        (ConversationStatus::Resolved, Some(a.user), 0)
    );
    // The same change again is no change.
    conversations::update(&mut tx, a.conversation, &change, &clock).await.unwrap();
    let events = outbox::after(&mut tx, before, 10).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event, InboxEvent::ConversationUpdated { conversation: changed });
    tx.commit().await.unwrap();

    let (conversation, _) = receive(&db, a.account, a.channel, "wamid.2", &clock).await;
    assert_eq!((conversation.status, conversation.unread), (ConversationStatus::Open, 1));
    assert_eq!(conversation.assignee_id, Some(a.user));
}

/// All orders of all reports; in half of them the reports come before the channel's
/// answer tells under which id it accepted the message.
#[tokio::test]
async fn reports_lead_to_the_same_status_in_whatever_order_they_come() {
    use DeliveryStatus::{Delivered, Failed, Read, Sent};
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    for (reports, expected) in [
        (vec![Sent, Delivered, Read, Failed], Read),
        (vec![Sent, Delivered, Failed], Delivered),
        (vec![Sent, Read], Read),
        (vec![Sent, Failed], Failed),
        (vec![Sent, Sent], Sent),
    ] {
        for (index, order) in orders(&reports).into_iter().enumerate() {
            for early in [false, true] {
                let external_id = format!("wamid.{expected:?}.{}.{index}.{early}", reports.len());
                let mut tx = db.store.tenant(a.account).await.unwrap();
                let id = reply(&mut tx, &a, &clock).await;
                if !early {
                    messages::sent(&mut tx, id, &external_id, &clock).await.unwrap();
                }
                for status in &order {
                    let outcome = report(&mut tx, &a, &external_id, *status, &clock).await;
                    assert_eq!(outcome == StatusOutcome::Parked, early);
                }
                if early {
                    messages::sent(&mut tx, id, &external_id, &clock).await.unwrap();
                }
                let message = messages::find(&mut tx, id).await.unwrap().unwrap();
                assert_eq!(message.status, expected, "{order:?}, early: {early}");
                assert_eq!(message.error.is_some(), expected == Failed, "{order:?}");
                tx.commit().await.unwrap();
            }
        }
    }
}

fn orders(items: &[DeliveryStatus]) -> Vec<Vec<DeliveryStatus>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for index in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(index);
        all.extend(orders(&rest).into_iter().map(|mut order| {
            order.insert(0, first);
            order
        }));
    }
    all
}

#[tokio::test]
async fn a_report_that_says_nothing_new_tells_nobody() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let id = reply(&mut tx, &a, &clock).await;
    messages::sent(&mut tx, id, "wamid.r", &clock).await.unwrap();
    let read = report(&mut tx, &a, "wamid.r", DeliveryStatus::Read, &clock).await;
    assert!(matches!(read, StatusOutcome::Advanced(message) if message.status == DeliveryStatus::Read));
    let before = outbox::last_seq(&mut tx).await.unwrap();
    assert_eq!(
        report(&mut tx, &a, "wamid.r", DeliveryStatus::Delivered, &clock).await,
        StatusOutcome::Unchanged
    );
    assert_eq!(outbox::last_seq(&mut tx).await.unwrap(), before);
}

#[tokio::test]
async fn conversations_and_messages_are_paged_without_loss_or_repetition() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    for number in 0..4 {
        let channel = channel(&db, a.account, &format!("number {number}"), &clock).await;
        // Two at the same moment: the id decides.
        clock.advance(Duration::from_secs(number % 2));
        receive(&db, a.account, channel, "wamid.1", &clock).await;
    }
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let open = Filter { status: Some(ConversationStatus::Open), ..Filter::default() };
    for order in [Order::Latest, Order::Oldest] {
        let all = conversations::list(&mut tx, Filter::default(), order, None, 100).await.unwrap();
        assert_eq!(all.len(), 5);
        let times: Vec<_> = all.iter().map(|conversation| conversation.last_message_at).collect();
        assert!(if order == Order::Oldest { times.is_sorted() } else { times.iter().rev().is_sorted() });
        let (mut paged, mut from) = (Vec::new(), None);
        loop {
            let page = conversations::list(&mut tx, open, order, from, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            from = Some(Position { last_message_at: last.last_message_at, id: last.id });
            paged.extend(page);
        }
        assert_eq!(paged, all);
    }

    for _ in 0..3 {
        reply(&mut tx, &a, &clock).await;
    }
    let whole = messages::list(&mut tx, a.conversation, None, 100).await.unwrap();
    assert_eq!((whole.messages.len(), whole.older), (5, None));
    let latest = messages::list(&mut tx, a.conversation, None, 3).await.unwrap();
    let earlier = messages::list(&mut tx, a.conversation, latest.older, 3).await.unwrap();
    assert_eq!([earlier.messages, latest.messages].concat(), whole.messages);
    assert_eq!(earlier.older, None);
}

/// Whether the conversation is one that the filter asks for, as its documentation says.
fn is_asked_for(filter: Filter, conversation: &Conversation) -> bool {
    filter.status.is_none_or(|status| conversation.status == status)
        && filter.assignee.is_none_or(|user| conversation.assignee_id == Some(user))
        && filter.team.is_none_or(|team| conversation.team_id == Some(team))
        && filter.label.is_none_or(|label| conversation.label_ids.contains(&label))
        && filter.contact.is_none_or(|contact| conversation.contact.id == contact)
        && filter.priority.is_none_or(|priority| conversation.priority == priority)
}

#[tokio::test]
async fn all_that_a_filter_says_holds_whichever_index_finds_the_conversations() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let team = teams::create(&mut tx, "support", &clock).await.unwrap().id;
    let label = labels::create(&mut tx, "vip", "#ff0000", &clock).await.unwrap().id;
    let contact = conversations::find(&mut tx, a.conversation).await.unwrap().unwrap().contact.id;
    tx.commit().await.unwrap();
    // Each combination of what can be asked for, once.
    for number in 0..64 {
        let has = |bit: u32| number & (1 << bit) != 0;
        let channel = channel(&db, a.account, &format!("number {number}"), &clock).await;
        let inbound = Inbound {
            channel,
            external_id: "wamid.1",
            from: &[phone()],
            name: None,
            kind: "text",
            text: Some("hello?"),
            metadata: &json!({}),
            created_at: clock.utc(),
        };
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let Received::New { conversation, .. } = messages::receive(&mut tx, &inbound, &clock).await.unwrap()
        else {
            panic!("it is the first of its channel");
        };
        let change = Change {
            status: has(1).then_some(ConversationStatus::Pending),
            assignee: has(2).then_some(Some(a.user)),
            team: has(3).then_some(Some(team)),
            labels: has(4).then(|| vec![label]),
            priority: has(5).then_some(Priority::Urgent),
            ..Change::default()
        };
        conversations::update(&mut tx, conversation.id, &change, &clock).await.unwrap();
        if has(0) {
            // Each channel knows its own customers, until somebody says that they are one.
            contacts::merge(&mut tx, contact, conversation.contact.id, &clock).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for order in [Order::Latest, Order::Oldest] {
        let all = conversations::list(&mut tx, Filter::default(), order, None, 100).await.unwrap();
        assert_eq!(all.len(), 65);
        for asked in 0..64 {
            let asks = |bit: u32| asked & (1 << bit) != 0;
            let filter = Filter {
                contact: asks(0).then_some(contact),
                status: asks(1).then_some(ConversationStatus::Pending),
                assignee: asks(2).then_some(a.user),
                team: asks(3).then_some(team),
                label: asks(4).then_some(label),
                priority: asks(5).then_some(Priority::Urgent),
            };
            let expected: Vec<_> =
                all.iter().filter(|conversation| is_asked_for(filter, conversation)).cloned().collect();
            assert!(!expected.is_empty(), "{filter:?}");
            assert_eq!(
                conversations::list(&mut tx, filter, order, None, 100).await.unwrap(),
                expected,
                "{filter:?}"
            );
        }
    }
}
