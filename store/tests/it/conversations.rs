//! A conversation against a model of it: whatever is done, in whatever order, and what the inbox is told of it.

use crate::fixture::{Dice, Tenant, channel, contact, phone, receive, tenant, text, user};
use common::{
    clock::{Clock, ManualClock},
    id::{LabelId, TeamId, UserId},
    protocol::inbox::{Conversation, ConversationStatus as Status, InboxEvent, Priority},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use store::{
    ChangeError, contacts,
    conversations::{self, Change, UpdateError},
    labels,
    messages::{self, NewReply},
    outbox, teams,
    testing::TestDatabase,
};

const STATUSES: [Status; 4] = [Status::Open, Status::Pending, Status::Snoozed, Status::Resolved];

/// What a change makes of a conversation, said in other words than the store's; `None` if it is refused.
fn expected(mut before: Conversation, change: &Change, clock: &ManualClock) -> Option<Conversation> {
    let to = change.status.unwrap_or(before.status);
    let may = match (before.status, to) {
        (from, to) if from == to => true,
        (Status::Resolved, to) => to == Status::Open,
        (Status::Open | Status::Pending | Status::Snoozed, _) => true,
    };
    let until = change.snoozed_until.or(before.snoozed_until.filter(|_| to == Status::Snoozed));
    let is_past = change.snoozed_until.is_some_and(|until| until <= clock.utc());
    if !may || is_past || until.is_some() != (to == Status::Snoozed) {
        return None;
    }
    (before.status, before.snoozed_until) = (to, until);
    before.priority = change.priority.unwrap_or(before.priority);
    before.assignee_id = change.assignee.unwrap_or(before.assignee_id);
    before.team_id = change.team.unwrap_or(before.team_id);
    let labels = change.labels.clone().unwrap_or(before.label_ids);
    before.label_ids = labels.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    for (name, value) in &change.attributes {
        before.attributes.remove(name);
        if *value != Value::Null {
            before.attributes.insert(name.clone(), value.clone());
        }
    }
    before.unread = if change.read { 0 } else { before.unread };
    Some(before)
}

/// Something that an agent might do, sensible or not.
fn change(dice: &mut Dice, users: &[UserId], team: TeamId, tags: &[LabelId], clock: &ManualClock) -> Change {
    Change {
        status: (dice.below(2) == 0).then(|| *dice.pick(&STATUSES)),
        snoozed_until: (dice.below(3) == 0).then(|| {
            clock.utc() + Duration::from_secs(20)
                - Duration::from_secs(20 * u64::try_from(dice.below(2)).unwrap())
        }),
        priority: (dice.below(4) == 0)
            .then(|| *dice.pick(&[Priority::None, Priority::Low, Priority::Urgent])),
        assignee: (dice.below(4) == 0).then(|| *dice.pick(&[None, Some(users[0]), Some(users[1])])),
        team: (dice.below(4) == 0).then(|| *dice.pick(&[None, Some(team)])),
        labels: (dice.below(4) == 0).then(|| (0..dice.below(4)).map(|_| *dice.pick(tags)).collect()),
        attributes: serde_json::from_value(
            dice.pick(&[json!({}), json!({ "a": 1 }), json!({ "a": null, "b": "c" })]).clone(),
        )
        .unwrap(),
        read: dice.below(4) == 0,
    }
}

#[tokio::test]
async fn whatever_agents_and_customers_do_the_inbox_is_told_of_each_difference_and_of_nothing_else() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let users = [a.user, user(&db, a.account, "second@example.com", &clock).await];
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let team = teams::create(&mut tx, "support", &clock).await.unwrap().id;
    let mut tags = Vec::new();
    for name in ["x", "y", "z"] {
        tags.push(labels::create(&mut tx, name, "#ff0000", &clock).await.unwrap().id);
    }
    let mut dice = Dice(11);
    let mut conversation = conversations::find(&mut tx, a.conversation).await.unwrap().unwrap();
    for step in 0..250 {
        clock.advance(Duration::from_secs(10));
        let before = outbox::last_seq(&mut tx).await.unwrap();
        let event = match dice.below(8) {
            0 => {
                let (id, from) = (format!("wamid.m{step}"), [phone("4915112345678")]);
                let inbound = text(a.channel, &id, &from, "again", &clock);
                messages::receive(&mut tx, &inbound, &clock).await.unwrap();
                (conversation.status, conversation.snoozed_until) = (Status::Open, None);
                conversation.unread += 1;
                true
            }
            1 => {
                let reply = NewReply { conversation: a.conversation, author: a.user, text: "again" };
                messages::reply(&mut tx, &reply, &clock).await.unwrap();
                conversation.unread = 0;
                true
            }
            2 => {
                let due = conversation.snoozed_until.is_some_and(|until| until <= clock.utc());
                let woken = conversations::end_snooze(&mut tx, a.conversation, &clock).await.unwrap();
                assert_eq!(woken.is_some(), due, "step {step}");
                if due {
                    (conversation.status, conversation.snoozed_until) = (Status::Open, None);
                }
                due
            }
            _ => {
                let change = change(&mut dice, &users, team, &tags, &clock);
                let after = expected(conversation.clone(), &change, &clock);
                match conversations::update(&mut tx, a.conversation, &change, &clock).await {
                    Ok(changed) => assert_eq!(Some(changed), after, "step {step}: {change:?}"),
                    Err(UpdateError::Impossible { .. } | UpdateError::SnoozeTime) => {
                        assert_eq!(after, None, "step {step}: {change:?}");
                    }
                    Err(other) => panic!("{other:?}"),
                }
                let after = after.unwrap_or_else(|| conversation.clone());
                let differs = after != conversation;
                conversation = after;
                differs
            }
        };
        let stored = conversations::find(&mut tx, a.conversation).await.unwrap().unwrap();
        conversation.last_message_at = stored.last_message_at;
        conversation.preview.clone_from(&stored.preview);
        assert_eq!(stored, conversation, "step {step}");
        let told = outbox::after(&mut tx, before, 9).await.unwrap();
        assert_eq!(told.len(), usize::from(event), "step {step}");
        for told in told {
            let (InboxEvent::ConversationUpdated { conversation: shown }
            | InboxEvent::MessageCreated { conversation: shown, .. }) = told.event
            else {
                panic!("step {step}: another event");
            };
            assert_eq!(shown, stored, "step {step}");
        }
    }
}

/// Two who wake it, and a customer who writes in between: it is opened, and told, once.
#[tokio::test]
async fn a_snoozed_conversation_is_woken_once_however_many_try() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let until = clock.utc() + Duration::from_secs(60);
    let snooze = Change { status: Some(Status::Snoozed), snoozed_until: Some(until), ..Change::default() };
    let mut tx = db.store.tenant(a.account).await.unwrap();
    conversations::update(&mut tx, a.conversation, &snooze, &clock).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(db.store.system().due_conversations(9, &clock).await.unwrap(), []);
    clock.advance(Duration::from_secs(60));
    let due = db.store.system().due_conversations(9, &clock).await.unwrap();
    assert_eq!(due, [(a.account, a.conversation)]);
    let wake = async || {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let woken = conversations::end_snooze(&mut tx, a.conversation, &clock).await.unwrap();
        tx.commit().await.unwrap();
        woken.is_some()
    };
    let (one, two, three) = tokio::join!(wake(), wake(), wake());
    assert_eq!([one, two, three].into_iter().filter(|woken| *woken).count(), 1);
    assert_eq!(db.store.system().due_conversations(9, &clock).await.unwrap(), []);
}

#[tokio::test]
async fn a_conversation_begins_once_with_a_contact_on_a_channel() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let second = channel(&db, a.account, "second", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let ada = contact(&mut tx, "Ada", &clock).await;
    tx.commit().await.unwrap();
    let begin = async |channel| {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let begun = conversations::begin(&mut tx, channel, ada, &clock).await;
        if begun.is_ok() {
            tx.commit().await.unwrap();
        }
        begun
    };
    let (one, other, elsewhere) = tokio::join!(begin(a.channel), begin(a.channel), begin(second));
    assert!(elsewhere.is_ok(), "another channel is another conversation");
    let (begun, refused) = if one.is_ok() { (one, other) } else { (other, one) };
    assert!(matches!(refused, Err(ChangeError::Taken { member: None })), "{refused:?}");
    let begun = begun.unwrap();
    assert_eq!((begun.unread, begun.preview.as_str(), begun.status), (0, "", Status::Open));
    // The first message of who was written to goes into it.
    let mut tx = db.store.tenant(a.account).await.unwrap();
    contacts::add_identity(&mut tx, ada, a.channel, &phone("4930")).await.unwrap();
    let from = [phone("4930")];
    let inbound = text(a.channel, "wamid.first", &from, "hello", &clock);
    let messages::Received::New { conversation, .. } =
        messages::receive(&mut tx, &inbound, &clock).await.unwrap()
    else {
        panic!("it is new");
    };
    assert_eq!(conversation.id, begun.id);
}

/// Whoever answers at the same moment as others counts on: no number twice, no preview of an older message.
#[tokio::test]
async fn agents_and_customers_who_write_at_once_queue_and_the_last_is_shown() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a: Tenant = tenant(&db, "a", &clock).await;
    let reply = async |number: usize| {
        let said = format!("reply {number}");
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let reply = NewReply { conversation: a.conversation, author: a.user, text: &said };
        messages::reply(&mut tx, &reply, &clock).await.unwrap();
        tx.commit().await.unwrap();
    };
    let customer = async |id: &str| {
        receive(&db, a.account, a.channel, id, &clock).await;
    };
    tokio::join!(reply(1), customer("wamid.2"), reply(3), customer("wamid.4"), reply(5));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let page = messages::list(&mut tx, a.conversation, None, 3).await.unwrap();
    let stored = conversations::find(&mut tx, a.conversation).await.unwrap().unwrap();
    assert_eq!(Some(stored.preview.as_str()), page.messages.last().unwrap().text.as_deref());
    assert_eq!((page.older, outbox::last_seq(&mut tx).await.unwrap()), (Some(5), 7));
    let after_last_reply =
        page.messages.iter().rev().take_while(|message| message.author_id.is_none()).count();
    assert_eq!(usize::try_from(stored.unread).unwrap(), after_last_reply);
}
