//! Imports: every row once, whatever is interrupted, and contacts recognised however their addresses are written.

use crate::fixture::{contact, kill_transactions, tenant};
use common::{
    clock::{Clock, ManualClock},
    id::{AccountId, ImportId},
};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};
use store::{
    contacts::{self, After, Contact, ContactChange, NewContact},
    imports::{self, BATCH, ImportedContact, Outcome, Progress},
    outbox, privacy,
    testing::TestDatabase,
};

const LEASE: Duration = Duration::from_secs(60);

type Row = Result<ImportedContact, String>;

fn row(name: Option<&str>, email: Option<&str>, phone: Option<&str>) -> Row {
    let text = |text: Option<&str>| text.map(str::to_owned);
    Ok(ImportedContact { name: text(name), email: text(email), phone: text(phone), ..Default::default() })
}

async fn begin(db: &TestDatabase, account: AccountId, rows: &[Row], clock: &ManualClock) -> ImportId {
    let mut tx = db.store.tenant(account).await.unwrap();
    let import = imports::create(&mut tx, common::id::ActorId::from_uuid(uuid::Uuid::nil()), rows, clock)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    import.id
}

async fn work(db: &TestDatabase, account: AccountId, id: ImportId, clock: &ManualClock) -> Progress {
    let mut tx = db.store.tenant(account).await.unwrap();
    let progress = imports::work(&mut tx, id, LEASE, clock).await.unwrap();
    tx.commit().await.unwrap();
    progress
}

/// Imports the rows and returns what became of each, and all contacts.
async fn import(
    db: &TestDatabase,
    account: AccountId,
    rows: &[Row],
    clock: &ManualClock,
) -> (Vec<Outcome>, Vec<Contact>) {
    let id = begin(db, account, rows, clock).await;
    while work(db, account, id, clock).await == Progress::Going {}
    let mut tx = db.store.tenant(account).await.unwrap();
    let report = imports::report(&mut tx, id, None, 0, 1_000).await.unwrap();
    let all = contacts::list(&mut tx, &After::Created(None), 1_000).await.unwrap();
    (report.into_iter().filter_map(|row| row.outcome).collect(), all)
}

#[tokio::test]
async fn a_row_is_recognised_by_its_address_or_else_its_number_however_they_are_written() {
    use Outcome::{Created, Failed, Updated};
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let account = db.account("a", &clock).await;
    let rows = [
        row(Some("Ada"), Some("Ada@Example.COM"), Some("+1 (555) 01-00")),
        row(Some("Ada L."), Some("ADA@example.com"), None),
        row(None, None, Some("1555 0100")),
        Err("row 4 has no quote at its end".to_owned()),
        row(Some("Öykü"), Some("ÖYKÜ@example.com"), None),
        row(None, Some("öykü@Example.com"), Some("+49 30")),
        row(Some("Öykü B."), None, Some("4930")),
    ];
    let (outcomes, all) = import(&db, account, &rows, &clock).await;
    assert_eq!(outcomes, [Created, Updated, Updated, Failed, Created, Updated, Updated]);
    let shown: BTreeSet<_> =
        all.iter().map(|contact| (contact.name.as_str(), contact.phone.as_deref())).collect();
    assert_eq!(shown, BTreeSet::from([("Ada L.", Some("1555 0100")), ("Öykü B.", Some("4930"))]));
    // The same file again, and each row by itself as if it were a batch: nobody is created.
    for rows in [&rows[..], &rows[..1], &rows[4..5], &rows[5..6]] {
        let (_, again) = import(&db, account, rows, &clock).await;
        assert_eq!(again.len(), 2, "{again:?}");
    }
}

/// A number without digits is nobody's: it says nothing that somebody could be recognised by.
#[tokio::test]
async fn whoever_has_no_digit_in_their_number_is_not_taken_for_all_others_without() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let account = db.account("a", &clock).await;
    let rows = [row(Some("Ada"), None, Some("unknown")), row(Some("Grace"), None, Some("n/a"))];
    let (outcomes, all) = import(&db, account, &rows, &clock).await;
    assert_eq!((outcomes, all.len()), (vec![Outcome::Created; 2], 2));
    let (_, all) = import(&db, account, &rows[..1], &clock).await;
    assert_eq!(all.len(), 3, "and not by the next import either");
}

/// Of rows that lie in different batches and in one the same becomes.
#[tokio::test]
async fn an_address_that_a_row_has_replaced_belongs_to_nobody_any_more() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let (whole, pieces) = (db.account("whole", &clock).await, db.account("pieces", &clock).await);
    let rows = [
        row(Some("Ada"), Some("old@example.com"), Some("1")),
        row(None, Some("new@example.com"), Some("1")),
        row(Some("Grace"), Some("old@example.com"), None),
    ];
    let (_, together) = import(&db, whole, &rows, &clock).await;
    let mut apart = Vec::new();
    for row in rows.chunks(1) {
        (_, apart) = import(&db, pieces, row, &clock).await;
    }
    let shown = |all: &[Contact]| {
        let shown = all.iter().map(|contact| (contact.name.clone(), contact.email.clone()));
        shown.collect::<BTreeSet<_>>()
    };
    assert_eq!(shown(&apart).len(), 2);
    assert_eq!(shown(&together), shown(&apart));
}

#[tokio::test]
async fn a_worker_that_dies_between_two_batches_leaves_nothing_half_done_and_the_next_goes_on() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let account = db.account("a", &clock).await;
    let count = usize::from(BATCH) + 3;
    let rows: Vec<Row> =
        (0..count).map(|number| row(None, Some(&format!("{number}@example.com")), None)).collect();
    let id = begin(&db, account, &rows, &clock).await;
    let system = db.store.system();
    assert_eq!(system.claim_import(LEASE, &clock).await.unwrap(), Some((account, id)));
    assert_eq!(system.claim_import(LEASE, &clock).await.unwrap(), None, "somebody has it");
    assert_eq!(work(&db, account, id, &clock).await, Progress::Going);
    let mut tx = db.store.tenant(account).await.unwrap();
    imports::work(&mut tx, id, LEASE, &clock).await.unwrap();
    kill_transactions(&db).await;
    assert!(tx.commit().await.is_err(), "its connection is gone");
    let mut tx = db.store.tenant(account).await.unwrap();
    let half = imports::find(&mut tx, id).await.unwrap().unwrap();
    assert_eq!((half.done, half.created, half.finished_at), (1_000, 1_000, None));
    drop(tx);
    assert_eq!(system.claim_import(LEASE, &clock).await.unwrap(), None, "each batch lengthens the lease");
    clock.advance(LEASE);
    // Two who believe that they have it: one waits for the other, and each row is done once.
    assert_eq!(system.claim_import(LEASE, &clock).await.unwrap(), Some((account, id)));
    let both = tokio::join!(work(&db, account, id, &clock), work(&db, account, id, &clock));
    assert!(matches!(both, (Progress::Going, Progress::Finished) | (Progress::Finished, Progress::Going)));
    let mut tx = db.store.tenant(account).await.unwrap();
    let done = imports::find(&mut tx, id).await.unwrap().unwrap();
    assert_eq!((done.done, done.created, done.updated, done.failed), (1_003, 1_003, 0, 0));
    let last = imports::report(&mut tx, id, Some(Outcome::Created), 1_000, 9).await.unwrap();
    assert_eq!(last.iter().map(|row| row.number).collect::<Vec<_>>(), [1_001, 1_002, 1_003]);
    assert!(imports::report(&mut tx, id, Some(Outcome::Failed), 0, 9).await.unwrap().is_empty());
    assert_eq!(outbox::last_seq(&mut tx).await.unwrap(), 0, "contacts are no news for the inbox");
    tx.commit().await.unwrap();
    clock.advance(LEASE);
    assert_eq!(system.claim_import(LEASE, &clock).await.unwrap(), None, "it is done");
    assert!(done.finished_at.is_some_and(|at| at < clock.utc()));
}

#[tokio::test]
async fn a_row_that_would_make_too_much_of_a_contact_fails_alone_and_changes_nothing() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let large = serde_json::from_value(json!({ "x": "y".repeat(16_000) })).unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let new = NewContact { name: "Ada", email: Some("ada@example.com"), phone: None, attributes: &large };
    let ada = contacts::create(&mut tx, &new, &clock).await.unwrap().id;
    let merged = contact(&mut tx, "Twin", &clock).await;
    let twin = ContactChange { email: Some(Some("twin@example.com")), ..ContactChange::default() };
    contacts::update(&mut tx, merged, &twin).await.unwrap();
    contacts::merge(&mut tx, ada, merged, &clock).await.unwrap();
    tx.commit().await.unwrap();
    let more = serde_json::from_value(json!({ "z": "y".repeat(1_000), "nul": "\0" })).unwrap();
    let mut too_much = ImportedContact { name: Some("A".to_owned()), attributes: more, ..Default::default() };
    too_much.email = Some("ada@example.com".to_owned());
    let rows = [Ok(too_much), row(Some("New \0"), Some("twin@example.com"), None)];
    let (outcomes, all) = import(&db, a.account, &rows, &clock).await;
    // Nobody is recognised by the address of somebody whom another stands for.
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Created]);
    let kept = all.iter().find(|contact| contact.id == ada).unwrap();
    assert_eq!((kept.name.as_str(), kept.attributes.len()), ("Ada", 1));
    assert!(all.iter().any(|contact| contact.name == "New \u{fffd}"));
    // Whoever is forgotten while the report is kept is not in it.
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(privacy::erase(&mut tx, ada, &clock).await.unwrap());
    tx.commit().await.unwrap();
    assert!(!db.contents(a.account).await["import_rows"].to_string().contains("ada@example.com"));
}
