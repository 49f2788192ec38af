//! Searches: words of messages and of names, however they are written.

use crate::fixture::{channel, receive, tenant};
use common::protocol::inbox::Conversation;
use std::collections::BTreeSet;
use store::{
    TenantTx, contacts,
    conversations::{self, Filter, Order, Position},
    messages::{self, NewReply},
    testing::TestDatabase,
};

async fn found(tx: &mut TenantTx, question: &str, limit: u16) -> Vec<Conversation> {
    let (mut all, mut below) = (Vec::new(), None);
    loop {
        let page = conversations::search(tx, question, below, limit).await.unwrap();
        let Some(last) = page.last() else { return all };
        below = Some(Position { last_message_at: last.last_message_at, id: last.id });
        all.extend(page);
    }
}

/// The words of messages and of names, all at one moment, of one account's only.
#[tokio::test]
async fn a_search_finds_all_words_however_odd_page_by_page() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    let mut expected = BTreeSet::new();
    for number in 0..5 {
        let channel = channel(&db, a.account, &format!("n{number}"), &clock).await;
        let (conversation, _) = receive(&db, a.account, channel, "wamid.1", &clock).await;
        let reply = NewReply {
            conversation: conversation.id,
            author: a.user,
            text: "Crème brûlée at O'Brien's, 12-34 ÄRGER & co. foo:* !bar",
        };
        let mut tx = db.store.tenant(a.account).await.unwrap();
        messages::reply(&mut tx, &reply, &clock).await.unwrap();
        tx.commit().await.unwrap();
        expected.insert(conversation.id);
    }
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for question in [
        "crème",
        "BRÛLÉE crè",
        "o'brien",
        "12 34",
        "ärger",
        "12-34",
        "foo:*",
        "!bar",
        "co & 'foo'",
        "grace bru brû",
    ] {
        let whole: Vec<_> = found(&mut tx, question, 100).await;
        let ids: BTreeSet<_> = whole.iter().map(|conversation| conversation.id).collect();
        // A customer's name is in another row than what was said.
        let is_split = question.starts_with("grace");
        assert_eq!(ids, if is_split { BTreeSet::new() } else { expected.clone() }, "{question}");
        assert_eq!(found(&mut tx, question, 2).await, whole, "{question}");
    }
    assert_eq!(found(&mut tx, "gra", 2).await.len(), 6, "by name, also the fixture's");
    for question in ["", " \0 ", "&|!():*\\'\"", "creme", "rgr", "x' OR 1=1 --"] {
        assert_eq!(found(&mut tx, question, 9).await, [], "{question}");
        assert!(contacts::search(&mut tx, question, None, 9).await.unwrap().is_empty(), "{question}");
        assert!(messages::search(&mut tx, question, None, 9).await.unwrap().is_empty(), "{question}");
    }
    let said = messages::search(&mut tx, "brûlée", None, 3).await.unwrap();
    let rest = messages::search(&mut tx, "brûlée", Some(said[2].id), 9).await.unwrap();
    assert_eq!((said.len(), rest.len()), (3, 2));
    let mut tx = db.store.tenant(b.account).await.unwrap();
    assert_eq!(found(&mut tx, "brûlée", 9).await, [], "it was said to another account");
    let every = conversations::list(&mut tx, Filter::default(), Order::Oldest, None, 9).await.unwrap();
    assert_eq!(every.len(), 1);
}
