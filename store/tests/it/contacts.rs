//! Contacts: merged and taken apart exactly, named once by each channel, found and listed without loss.

use crate::fixture::{Dice, contact, phone, tenant, text};
use common::id::{ContactId, MergeId};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use store::{
    ChangeError, TenantTx,
    contacts::{self, After, Contact, ContactChange, Identity, NewContact},
    conversations::{self, Filter, Order},
    messages::{self, Received},
    testing::TestDatabase,
};

/// Merges as their documentation says: who stands for whom, and what each merge has moved.
#[derive(Default)]
struct Model {
    standing: BTreeMap<ContactId, ContactId>,
    merges: Vec<(MergeId, ContactId, ContactId, Vec<ContactId>, bool)>,
}

impl Model {
    fn merge(&mut self, id: MergeId, winner: ContactId, loser: ContactId) {
        let moved = self.of(loser);
        for one in moved.iter().chain([&loser]) {
            self.standing.insert(*one, winner);
        }
        self.merges.push((id, winner, loser, moved, true));
    }

    fn of(&self, winner: ContactId) -> Vec<ContactId> {
        self.standing.iter().filter(|(_, other)| **other == winner).map(|(loser, _)| *loser).collect()
    }

    fn can_merge(&self, winner: ContactId, loser: ContactId) -> bool {
        winner != loser && !self.standing.contains_key(&winner) && !self.standing.contains_key(&loser)
    }

    /// Whether merge `at` can be taken back; then it is.
    fn unmerge(&mut self, at: usize) -> bool {
        let (_, winner, loser, moved, holds) = self.merges[at].clone();
        if !holds || self.standing.get(&loser) != Some(&winner) {
            return false;
        }
        self.merges[at].4 = false;
        self.standing.remove(&loser);
        self.standing.extend(moved.into_iter().map(|one| (one, loser)));
        true
    }
}

async fn standing(tx: &mut TenantTx, all: &[ContactId]) -> BTreeMap<ContactId, ContactId> {
    let mut standing = BTreeMap::new();
    for id in all {
        let found = contacts::find(tx, *id).await.unwrap().unwrap();
        standing.extend(found.merged_into.map(|winner| (*id, winner)));
    }
    standing
}

#[tokio::test]
async fn merges_in_any_order_and_taken_back_in_any_order_are_exact() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let account = db.account("a", &clock).await;
    for seed in 0..4 {
        let mut tx = db.store.tenant(account).await.unwrap();
        let mut all = Vec::new();
        for number in 0..5 {
            all.push(contact(&mut tx, &format!("{seed}.{number}"), &clock).await);
        }
        let (mut dice, mut model) = (Dice(seed), Model::default());
        for step in 0..40 {
            if dice.below(2) == 0 || model.merges.is_empty() {
                let (winner, loser) = (*dice.pick(&all), *dice.pick(&all));
                let merged = contacts::merge(&mut tx, winner, loser, &clock).await;
                assert_eq!(merged.is_ok(), model.can_merge(winner, loser), "{seed} {step}");
                match merged {
                    Ok(merge) => model.merge(merge.id, winner, loser),
                    Err(refused) => assert!(matches!(refused, ChangeError::Referenced)),
                }
            } else {
                let at = dice.below(model.merges.len());
                let (id, winner, loser, ..) = model.merges[at];
                let of = if dice.below(2) == 0 { winner } else { loser };
                let undone = contacts::unmerge(&mut tx, of, id, &clock).await;
                assert_eq!(undone.is_ok(), model.unmerge(at), "{seed} {step}");
                if let Ok(undone) = undone {
                    assert!(undone.undone_at.is_some());
                }
            }
            assert_eq!(standing(&mut tx, &all).await, model.standing, "{seed} {step}");
        }
        let stranger = contact(&mut tx, "stranger", &clock).await;
        let (id, ..) = model.merges[0];
        let refused = contacts::unmerge(&mut tx, stranger, id, &clock).await;
        assert!(matches!(refused, Err(ChangeError::NotFound)), "it took no part in it");
        tx.commit().await.unwrap();
    }
}

/// Otherwise each would stand for the other, and nobody for both.
#[tokio::test]
async fn of_two_merges_at_once_in_both_directions_one_is_refused() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let account = db.account("a", &clock).await;
    let mut tx = db.store.tenant(account).await.unwrap();
    let all = [
        contact(&mut tx, "a", &clock).await,
        contact(&mut tx, "b", &clock).await,
        contact(&mut tx, "c", &clock).await,
    ];
    tx.commit().await.unwrap();
    let merge = async |winner: usize, loser: usize| {
        let mut tx = db.store.tenant(account).await.unwrap();
        let merged = contacts::merge(&mut tx, all[winner], all[loser], &clock).await;
        tx.commit().await.unwrap();
        merged
    };
    let (one, other, third) = tokio::join!(merge(0, 1), merge(1, 0), merge(2, 1));
    let done = [&one, &other, &third].into_iter().filter(|merged| merged.is_ok()).count();
    let refused = [one, other, third].into_iter().filter_map(Result::err);
    assert!(refused.into_iter().all(|refused| matches!(refused, ChangeError::Referenced)));
    let mut tx = db.store.tenant(account).await.unwrap();
    let standing = standing(&mut tx, &all).await;
    assert_eq!(standing.len(), done, "{standing:?}");
    assert!(standing.values().all(|winner| !standing.contains_key(winner)), "{standing:?}");
}

#[tokio::test]
async fn a_message_of_somebody_who_was_merged_is_the_winners_until_that_is_taken_back() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let loser = conversations::find(&mut tx, a.conversation).await.unwrap().unwrap().contact.id;
    let winner = contact(&mut tx, "Winner", &clock).await;
    let merge = contacts::merge(&mut tx, winner, loser, &clock).await.unwrap().id;
    let from = [phone("4915112345678"), phone("4930")];
    let inbound = text(a.channel, "wamid.merged", &from, "it is me", &clock);
    let Received::New { conversation, .. } = messages::receive(&mut tx, &inbound, &clock).await.unwrap()
    else {
        panic!("it is new");
    };
    assert_eq!((conversation.id, conversation.contact.id), (a.conversation, winner));
    assert_eq!(conversation.contact.name, "Winner");
    let shown = contacts::find(&mut tx, winner).await.unwrap().unwrap().identities;
    assert_eq!(shown.len(), 2, "the winner is known by all names");
    assert!(contacts::identities(&mut tx, loser, a.channel).await.unwrap().len() == 2, "the loser has them");
    let of_winner = Filter { contact: Some(winner), ..Filter::default() };
    let listed = async |tx: &mut TenantTx| {
        conversations::list(tx, of_winner, Order::Latest, None, 9).await.unwrap().len()
    };
    assert_eq!(listed(&mut tx).await, 1);
    contacts::unmerge(&mut tx, winner, merge, &clock).await.unwrap();
    assert_eq!(listed(&mut tx).await, 0);
    assert!(contacts::find(&mut tx, winner).await.unwrap().unwrap().identities.is_empty());
    let apart = conversations::find(&mut tx, a.conversation).await.unwrap().unwrap();
    assert_eq!((apart.contact.id, apart.contact.name.as_str()), (loser, "Grace"));
}

#[tokio::test]
async fn a_channels_name_is_one_contacts_alone_and_the_first_that_is_known_decides() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let ada = contact(&mut tx, "Ada", &clock).await;
    let hidden = Identity { scheme: "bsuid".to_owned(), value: "DE.1".to_owned() };
    contacts::add_identity(&mut tx, ada, a.channel, &hidden).await.unwrap();
    let mark = tx.mark().await.unwrap();
    let taken = contacts::add_identity(&mut tx, ada, a.channel, &phone("4915112345678")).await;
    assert!(matches!(taken, Err(ChangeError::Taken { member: None })), "it names Grace");
    tx.undo(mark).await.unwrap();
    // A message with both names, of two contacts: nobody loses one, and nobody is merged.
    let from = [hidden.clone(), phone("4915112345678"), phone("4940")];
    let inbound = text(a.channel, "wamid.both", &from, "who am I?", &clock);
    let Received::New { conversation, .. } = messages::receive(&mut tx, &inbound, &clock).await.unwrap()
    else {
        panic!("it is new");
    };
    assert_eq!(conversation.contact.id, ada);
    assert_ne!(conversation.id, a.conversation);
    let names = contacts::identities(&mut tx, ada, a.channel).await.unwrap();
    let names: Vec<_> = names.iter().map(|name| name.value.as_str()).collect();
    assert_eq!(names, ["DE.1", "4940"]);
    assert!(contacts::remove_identity(&mut tx, ada, a.channel, &hidden).await.unwrap());
    assert!(!contacts::remove_identity(&mut tx, ada, a.channel, &hidden).await.unwrap());
    contacts::add_identity(&mut tx, ada, a.channel, &hidden).await.unwrap();
}

async fn pages(tx: &mut TenantTx, mut after: After, limit: u16) -> Vec<Contact> {
    let mut all = Vec::new();
    loop {
        let page = contacts::list(tx, &after, limit).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = match after {
            After::Created(_) => After::Created(Some(last.id)),
            After::Name(_) => After::Name(Some((last.name.clone(), last.id))),
        };
        all.extend(page);
    }
}

/// Empty names, equal names, names of several scripts: in the order of the database, each once.
#[tokio::test]
async fn the_address_book_is_paged_without_loss_or_repetition_in_either_order() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let account = db.account("a", &clock).await;
    let mut tx = db.store.tenant(account).await.unwrap();
    let (mut dice, mut made) = (Dice(3), BTreeSet::new());
    for _ in 0..30 {
        let name = *dice.pick(&["", " ", "Ada", "ada", "Ädä", "Zoë", "史", "\0", "a'b"]);
        made.insert(contact(&mut tx, name, &clock).await);
    }
    let merged = made.pop_first().unwrap();
    contacts::merge(&mut tx, *made.first().unwrap(), merged, &clock).await.unwrap();
    for after in [After::Created(None), After::Name(None)] {
        let whole = contacts::list(&mut tx, &after, 100).await.unwrap();
        assert_eq!(whole.iter().map(|contact| contact.id).collect::<BTreeSet<_>>(), made);
        for limit in [1, 4, 29] {
            assert_eq!(pages(&mut tx, after.clone(), limit).await, whole, "{limit}");
        }
    }
}

async fn attributes(tx: &mut TenantTx, id: ContactId, change: Value) -> Result<Contact, ChangeError> {
    let change: Map<String, Value> = serde_json::from_value(change).unwrap();
    contacts::update(tx, id, &ContactChange { attributes: Some(&change), ..Default::default() }).await
}

#[tokio::test]
async fn attributes_are_merged_one_level_deep_and_bounded_together() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let account = db.account("a", &clock).await;
    let mut tx = db.store.tenant(account).await.unwrap();
    let given = serde_json::from_value(json!({ "tier": "gold", "nested": { "a": 1 } })).unwrap();
    let new = NewContact { name: "Ada", email: Some("A@x"), phone: None, attributes: &given };
    let id = contacts::create(&mut tx, &new, &clock).await.unwrap().id;
    let changed = attributes(&mut tx, id, json!({ "tier": null, "nested": { "b": "\0" } })).await.unwrap();
    assert_eq!(Value::Object(changed.attributes), json!({ "nested": { "b": "\u{fffd}" } }));
    let rest =
        conversations::ATTRIBUTES_BYTES_MAX - r#"{"nested":{"b":""},"x":""}"#.len() - '\u{fffd}'.len_utf8();
    let refused = attributes(&mut tx, id, json!({ "x": "y".repeat(rest + 1) })).await;
    assert!(matches!(refused, Err(ChangeError::Referenced)));
    attributes(&mut tx, id, json!({ "x": "y".repeat(rest) })).await.unwrap();
    let change = ContactChange { email: Some(None), phone: Some(Some("+1")), ..Default::default() };
    let changed = contacts::update(&mut tx, id, &change).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.email, changed.phone), ("Ada", None, Some("+1".to_owned())));
    assert_eq!(changed.attributes.len(), 2, "they stay");
}
