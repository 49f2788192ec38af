//! Telling everything about somebody, and forgetting it: nothing of them is left in any table.

use crate::fixture::{Tenant, channel, contact, phone, tenant, text};
use common::{
    clock::Clock as _,
    clock::ManualClock,
    id::{ChannelId, ContactId, ConversationId},
    protocol::inbox::{ConversationStatus, InboxEvent},
};
use std::time::Duration;
use store::{
    ChangeError, StoreError, contacts, conversations,
    idempotency::{self, Answer, Keyed},
    messages::{self, NewReply, Received},
    notes, outbox, privacy, raw_events, rooms,
    system::NewRawEvent,
    testing::TestDatabase,
};

/// What is known of nobody but the person who is forgotten.
const TRACES: [&str; 3] = ["Zebulon", "4477009001", "marmalade"];

/// Somebody writes through a channel, is called by their name, answered and noted down; as the worker does it.
async fn write(
    db: &TestDatabase,
    a: &Tenant,
    channel: ChannelId,
    clock: &ManualClock,
) -> (ContactId, ConversationId) {
    let body = br#"{"from":"4477009001","text":"marmalade, please"}"#;
    let raw = NewRawEvent { account: a.account, channel, body, sha256: &[9; 32] };
    assert!(db.store.system().insert_raw_event(&raw, clock).await.unwrap());
    let claim = db.store.system().claim_raw_events(9, clock).await.unwrap();
    let mut transaction = db.store.tenant(a.account).await.unwrap();
    let tx = &mut transaction;
    for event in &claim.events {
        assert!(raw_events::finish(tx, event.id, None, clock).await.unwrap());
    }
    let from = [phone("4477009001")];
    let mut inbound = text(channel, "wamid.z", &from, "marmalade, please", clock);
    inbound.name = Some("Zebulon");
    let Received::New { conversation, .. } = messages::receive(tx, &inbound, clock).await.unwrap() else {
        panic!("it is new");
    };
    let reply = NewReply { conversation: conversation.id, author: a.user, text: "no marmalade" };
    messages::reply(tx, &reply, clock).await.unwrap();
    notes::create(tx, conversation.id, a.user, "Zebulon again", clock).await.unwrap();
    transaction.commit().await.unwrap();
    claim.release().await.unwrap();
    (conversation.contact.id, conversation.id)
}

async fn erase(
    db: &TestDatabase,
    a: &Tenant,
    id: ContactId,
    clock: &ManualClock,
) -> Result<bool, StoreError> {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let erased = privacy::erase(&mut tx, id, clock).await?;
    tx.commit().await?;
    Ok(erased)
}

/// The tables that still show the person, from the catalogue: a new table is looked through on the day it appears.
async fn left_in(db: &TestDatabase, a: &Tenant) -> Vec<String> {
    let contents = db.contents(a.account).await;
    // Bodies are bytes, which are shown in hexadecimal.
    let traces: Vec<String> = TRACES
        .iter()
        .flat_map(|trace| [(*trace).to_owned(), trace.bytes().map(|byte| format!("{byte:02x}")).collect()])
        .collect();
    let shows = |rows: &serde_json::Value| traces.iter().any(|trace| rows.to_string().contains(trace));
    contents.into_iter().filter(|(_, rows)| shows(rows)).map(|(table, _)| table).collect()
}

#[tokio::test]
async fn nothing_of_who_is_forgotten_is_left_in_any_table() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let (person, conversation) = write(&db, &a, a.channel, &clock).await;
    let before = left_in(&db, &a).await;
    for table in ["changes", "contact_identities", "contacts", "messages", "notes", "outbox", "raw_events"] {
        assert!(before.iter().any(|shown| shown == table), "the test has nothing in {table}");
    }
    assert!(erase(&db, &a, person, &clock).await.unwrap());
    assert_eq!(left_in(&db, &a).await, Vec::<String>::new());
    assert!(!erase(&db, &a, person, &clock).await.unwrap(), "there is nobody any more");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let events = outbox::after(&mut tx, 0, 100).await.unwrap();
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=outbox::last_seq(&mut tx).await.unwrap()).collect::<Vec<_>>(), "no gap");
    let gone = InboxEvent::ConversationErased { conversation_id: conversation };
    assert_eq!(events.iter().filter(|event| event.event == gone).count(), 4, "three, and that it is gone");
    assert!(conversations::find(&mut tx, a.conversation).await.unwrap().is_some(), "others stay");
}

/// While they were merged, events of one's conversation and rows of the feed showed the other.
#[tokio::test]
async fn who_once_stood_for_another_or_another_for_them_is_forgotten_there_too() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    for (round, person_wins) in [(1, true), (2, false)] {
        let second = channel(&db, a.account, &format!("second {round}"), &clock).await;
        let (person, _) = write(&db, &a, second, &clock).await;
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let other = conversations::find(&mut tx, a.conversation).await.unwrap().unwrap().contact.id;
        let (winner, loser) = if person_wins { (person, other) } else { (other, person) };
        let merge = contacts::merge(&mut tx, winner, loser, &clock).await.unwrap().id;
        let reply = NewReply { conversation: a.conversation, author: a.user, text: "to both" };
        messages::reply(&mut tx, &reply, &clock).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.store.tenant(a.account).await.unwrap();
        contacts::unmerge(&mut tx, loser, merge, &clock).await.unwrap();
        tx.commit().await.unwrap();
        assert!(erase(&db, &a, person, &clock).await.unwrap());
        assert_eq!(
            left_in(&db, &a).await,
            Vec::<String>::new(),
            "the person stood for another: {person_wins}"
        );
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let stays = contacts::find(&mut tx, other).await.unwrap().unwrap();
        assert_eq!((stays.merged_into, stays.name.as_str()), (None, "Grace"));
        assert_eq!(contacts::merges(&mut tx, other).await.unwrap(), []);
    }
}

#[tokio::test]
async fn those_that_a_contact_stands_for_are_told_and_forgotten_with_it() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let (person, conversation) = write(&db, &a, a.channel, &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let twin = contact(&mut tx, "Zebulon's twin", &clock).await;
    contacts::merge(&mut tx, twin, person, &clock).await.unwrap();
    tx.commit().await.unwrap();
    // More than are read at once.
    db.as_owner(&format!(
        "INSERT INTO notes (account_id, id, conversation_id, author_id, text, created_at, updated_at)
         SELECT account_id, gen_random_uuid(), id, '{}', 'a note', now(), now()
         FROM conversations, generate_series(1, 1001) WHERE id = '{conversation}'",
        a.user
    ))
    .await;
    let mut tx = db.store.reading(a.account).await.unwrap();
    let told = privacy::export(&mut tx, twin).await.unwrap().unwrap();
    assert_eq!((told.contact.id, told.merged[0].id, told.merges.len()), (twin, person, 1));
    let [exported] = &told.conversations[..] else { panic!("one conversation") };
    assert_eq!((exported.conversation.id, exported.messages.len()), (conversation, 2));
    let mut numbers: Vec<_> = exported.notes.iter().map(|note| note.id).collect();
    numbers.dedup();
    assert!(numbers.len() == 1_002 && numbers.is_sorted(), "each once, the oldest first");
    assert!(erase(&db, &a, twin, &clock).await.unwrap());
    assert_eq!(left_in(&db, &a).await, Vec::<String>::new());
}

/// Whoever waits for the inbox sees what was merged meanwhile.
#[tokio::test]
async fn who_is_merged_into_a_contact_while_that_is_being_forgotten_is_forgotten_with_it() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let (person, _) = write(&db, &a, a.channel, &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let winner = contact(&mut tx, "Winner", &clock).await;
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    contacts::merge(&mut tx, winner, person, &clock).await.unwrap();
    let merge = async {
        db.until_one_waits().await;
        tx.commit().await.unwrap();
    };
    let (erased, ()) = tokio::join!(erase(&db, &a, winner, &clock), merge);
    assert!(erased.unwrap());
    assert_eq!(left_in(&db, &a).await, Vec::<String>::new());
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let again = contacts::merge(&mut tx, winner, person, &clock).await;
    assert!(matches!(again, Err(ChangeError::NotFound)));
}

/// Its end is not to be seen before it is committed, which is after the bodies were looked through.
#[tokio::test]
async fn what_is_worked_on_while_its_sender_is_being_forgotten_is_forgotten_too() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let (person, _) = write(&db, &a, a.channel, &clock).await;
    let body = br#"{"from":"4477009001","text":"more marmalade"}"#;
    let raw = NewRawEvent { account: a.account, channel: a.channel, body, sha256: &[8; 32] };
    assert!(db.store.system().insert_raw_event(&raw, &clock).await.unwrap());
    let claim = db.store.system().claim_raw_events(9, &clock).await.unwrap();
    let from = [phone("4477009001")];
    let mut tx = db.store.tenant(a.account).await.unwrap();
    messages::receive(&mut tx, &text(a.channel, "wamid.m", &from, "more marmalade", &clock), &clock)
        .await
        .unwrap();
    assert!(raw_events::finish(&mut tx, claim.events[0].id, None, &clock).await.unwrap());
    let work = async {
        db.until_one_waits().await;
        tx.commit().await.unwrap();
    };
    let (erased, ()) = tokio::join!(erase(&db, &a, person, &clock), work);
    assert!(erased.unwrap());
    assert_eq!(left_in(&db, &a).await, Vec::<String>::new());
}

#[tokio::test]
async fn resolved_conversations_expire_after_their_time_and_no_others() {
    const KEEP: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let (_, quiet) = write(&db, &a, a.channel, &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let resolved = conversations::Change { status: Some(ConversationStatus::Resolved), ..Default::default() };
    conversations::update(&mut tx, quiet, &resolved, &clock).await.unwrap();
    clock.advance(KEEP);
    assert_eq!(privacy::expire_conversations(&mut tx, KEEP, 9, &clock).await.unwrap(), 0, "not yet");
    clock.advance(Duration::from_millis(1));
    assert_eq!(privacy::expire_conversations(&mut tx, KEEP, 0, &clock).await.unwrap(), 0, "none at once");
    assert_eq!(privacy::expire_conversations(&mut tx, KEEP, 9, &clock).await.unwrap(), 1);
    assert_eq!(conversations::find(&mut tx, quiet).await.unwrap(), None);
    assert!(conversations::find(&mut tx, a.conversation).await.unwrap().is_some(), "it is open");
    assert!(messages::list(&mut tx, quiet, None, 9).await.unwrap().messages.is_empty());
}

#[tokio::test]
async fn what_only_serves_for_a_while_is_forgotten_after_it_and_not_before() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    write(&db, &a, a.channel, &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let keyed = Keyed { actor: a.user.as_uuid().into(), key: "once", fingerprint: [3; 32] };
    idempotency::claim(&mut tx, &keyed, &clock).await.unwrap();
    let answer = Answer { status: 200, body: crate::fixture::secret("{}") };
    idempotency::record_answer(&mut tx, &keyed, &answer).await.unwrap();
    tx.commit().await.unwrap();
    let count = |rows: &serde_json::Value, with: fn(&&serde_json::Value) -> bool| {
        rows.as_array().unwrap().iter().filter(with).count()
    };
    for (days, answers, tokens, bodies, links) in
        [(1, 2, 1, 2, 1), (6, 0, 1, 2, 1), (23, 0, 0, 2, 1), (1, 0, 0, 0, 1), (0, 0, 0, 0, 0)]
    {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        privacy::prune(&mut tx, &clock).await.unwrap();
        tx.commit().await.unwrap();
        let contents = db.contents(a.account).await;
        assert_eq!(count(&contents["idempotent_requests"], |_| true), answers, "{days}");
        assert_eq!(count(&contents["refresh_tokens"], |_| true), tokens, "{days}");
        assert_eq!(count(&contents["raw_events"], |row| row["body"] != "\\x"), bodies, "{days}");
        assert_eq!(contents.get("join_links").map_or(0, |rows| count(rows, |_| true)), links, "{days}");
        clock.advance(DAY * days + Duration::from_millis(1));
    }
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let (_, facts) = rooms::find(&mut tx, a.room, Some(a.user), clock.utc()).await.unwrap().unwrap();
    assert_eq!(facts.removed_at, None);
    assert!(matches!(idempotency::claim(&mut tx, &keyed, &clock).await.unwrap(), idempotency::Claim::New));
}
