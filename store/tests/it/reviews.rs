//! In which rooms it has to be looked at again who may stay.

use crate::fixture::{owner, tenant};
use common::{
    clock::{Clock, ManualClock, SystemClock},
    id::{AccountId, RoomId, UserId},
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::collections::BTreeSet;
use store::{ReviewMark, Reviews, TenantTx, privacy, rooms, testing::TestDatabase};
use uuid::Uuid;

/// Reads on, as an instance of the hub does.
struct Reader<'a> {
    db: &'a TestDatabase,
    mark: ReviewMark,
}

impl<'a> Reader<'a> {
    async fn new(db: &'a TestDatabase) -> Self {
        let (first, mark) = db.store.system().reviews(None).await.unwrap();
        assert_eq!(first, Reviews::All, "without a mark nothing is known");
        Self { db, mark }
    }

    /// What is new.
    async fn next(&mut self) -> BTreeSet<(AccountId, RoomId)> {
        let (reviews, mark) = self.db.store.system().reviews(Some(&self.mark)).await.unwrap();
        self.mark = mark;
        match reviews {
            Reviews::Of(rooms) => rooms,
            Reviews::All => panic!("what is new can be told"),
        }
    }
}

/// What may keep somebody out, and what may not, in a room with a member.
async fn change(tx: &mut TenantTx, which: &str, room: RoomId, user: UserId, clock: &ManualClock) {
    let private = |is_private| rooms::RoomChange { name: Some("x"), is_private: Some(is_private) };
    match which {
        "private" => drop(rooms::update(tx, room, private(true)).await.unwrap()),
        "public" => drop(rooms::update(tx, room, private(false)).await.unwrap()),
        "closed" => drop(rooms::close(tx, room, Some(clock.utc())).await.unwrap()),
        "opened" => drop(rooms::close(tx, room, None).await.unwrap()),
        "removed" => rooms::remove(tx, room, user, clock).await.unwrap(),
        "added" => rooms::add_member(tx, room, user, clock).await.unwrap(),
        "banned" => rooms::ban(tx, room, user, clock).await.unwrap(),
        "unbanned" => assert!(rooms::unban(tx, room, user).await.unwrap()),
        "muted" => rooms::mute(tx, room, user, None, clock).await.unwrap(),
        "deleted" => rooms::delete(tx, room).await.unwrap(),
        _ => {
            let said = rooms::NewRoomMessage {
                room,
                user,
                name: "Ada",
                client_id: Uuid::new_v4().into(),
                text: "hello",
                reply_to: None,
                mentions: &[],
                attachments: rooms::Uploads::default(),
            };
            rooms::send(tx, &said, clock).await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn whatever_may_keep_somebody_out_is_read_once_and_nothing_else() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let [a, b] = [tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await];
    let mut reader = Reader::new(&db).await;
    for (which, is_told) in [
        ("said", false),
        ("private", true),
        ("private", false),
        ("added", false),
        ("removed", true),
        ("removed", true),
        ("public", false),
        ("banned", true),
        ("banned", false),
        ("unbanned", false),
        ("muted", false),
        ("closed", true),
        ("closed", false),
        ("opened", false),
        ("deleted", true),
    ] {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        change(&mut tx, which, a.room, a.user, &clock).await;
        tx.commit().await.unwrap();
        let told = BTreeSet::from_iter(is_told.then_some((a.account, a.room)));
        assert_eq!(reader.next().await, told, "{which}");
    }
    // Of all accounts, and only what was committed.
    let mut tx = db.store.tenant(b.account).await.unwrap();
    change(&mut tx, "banned", b.room, a.user, &clock).await;
    assert_eq!(reader.next().await, BTreeSet::new());
    drop(tx);
    let mut tx = db.store.tenant(b.account).await.unwrap();
    change(&mut tx, "closed", b.room, b.user, &clock).await;
    tx.commit().await.unwrap();
    assert_eq!(reader.next().await, [(b.account, b.room)].into());
    assert_eq!(reader.next().await, BTreeSet::new());
}

/// Passes for the wrong reason if transactions had their numbers in the order of their commits: the older one here is
/// the last to commit, and others are read before.
#[tokio::test]
async fn who_commits_late_is_not_overlooked_and_nothing_is_read_twice_because_of_them() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let [a, b] = [tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await];
    let mut reader = Reader::new(&db).await;
    let mut late = db.store.tenant(a.account).await.unwrap();
    change(&mut late, "closed", a.room, a.user, &clock).await;
    for which in ["closed", "deleted"] {
        let mut tx = db.store.tenant(b.account).await.unwrap();
        change(&mut tx, which, b.room, b.user, &clock).await;
        tx.commit().await.unwrap();
        assert_eq!(reader.next().await, [(b.account, b.room)].into(), "{which}");
        assert_eq!(reader.next().await, BTreeSet::new());
    }
    late.commit().await.unwrap();
    assert_eq!(reader.next().await, [(a.account, a.room)].into());
    assert_eq!(reader.next().await, BTreeSet::new());
}

#[tokio::test]
async fn whoever_changes_it_by_hand_is_read_too_and_many_at_once_are_one_of_each_room() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let [a, b] = [tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await];
    let mut reader = Reader::new(&db).await;
    let mut owner = owner(&db).await;
    owner.execute("UPDATE rooms SET is_private = true WHERE name = 'lobby'").await.unwrap();
    let both = BTreeSet::from([(a.account, a.room), (b.account, b.room)]);
    assert_eq!(reader.next().await, both);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    for _ in 0..100 {
        rooms::ban(&mut tx, a.room, UserId::generate(&clock), &clock).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(reader.next().await, [(a.account, a.room)].into());
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM room_reviews WHERE room_id = $1")
        .bind(a.room.as_uuid())
        .fetch_one(&mut owner)
        .await
        .unwrap();
    // One of the accounts' making, one by hand, one of a hundred bans.
    assert_eq!(rows, 3);
}

/// More than a reader is told one by one; and what is old is forgotten.
#[tokio::test]
async fn who_has_missed_too_much_looks_everywhere() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let reader = Reader::new(&db).await;
    let flood = format!(
        "INSERT INTO room_reviews (account_id, room_id) SELECT '{}', gen_random_uuid() FROM generate_series(1, 10001)",
        a.account
    );
    owner(&db).await.execute(AssertSqlSafe(flood)).await.unwrap();
    let (mut reviews, mut mark) = db.store.system().reviews(Some(&reader.mark)).await.unwrap();
    assert_eq!(reviews, Reviews::All);
    // As long as a transaction is open that is older than the flood, of whatever test.
    while reviews == Reviews::All {
        (reviews, mark) = db.store.system().reviews(Some(&mark)).await.unwrap();
    }
    assert_eq!(reviews, Reviews::Of(BTreeSet::new()), "and goes on from there");
    owner(&db).await.execute("UPDATE room_reviews SET at = at - interval '2 days'").await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    privacy::prune(&mut tx, &SystemClock).await.unwrap();
    tx.commit().await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM room_reviews")
        .fetch_one(&mut owner(&db).await)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

/// An account can neither read where others change something nor have hubs look in others' rooms.
#[tokio::test]
async fn an_account_writes_and_reads_its_own_alone() {
    const DENIED: &str = "42501";
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let [a, b] = [tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await];
    let mut app = PgConnection::connect(db.app_url().expose()).await.unwrap();
    let become_a = format!("SELECT set_config('app.account_id', '{}', false)", a.account);
    app.execute(AssertSqlSafe(become_a)).await.unwrap();
    let count = |of: AccountId| format!("SELECT count(*) FROM room_reviews WHERE account_id = '{of}'");
    for (of, is_seen) in [(a.account, true), (b.account, false)] {
        let seen: i64 = sqlx::query_scalar(AssertSqlSafe(count(of))).fetch_one(&mut app).await.unwrap();
        assert_eq!(seen > 0, is_seen);
    }
    let foreign =
        format!("INSERT INTO room_reviews (account_id, room_id) VALUES ('{}', '{}')", b.account, b.room);
    let code =
        |error: sqlx::Error| error.as_database_error().and_then(|error| error.code()).map(String::from);
    let refused = app.execute(AssertSqlSafe(foreign)).await.unwrap_err();
    assert_eq!(code(refused).as_deref(), Some(DENIED));
    // The trigger runs with the rights of whoever changes something, who reaches no other's room.
    let mut reader = Reader::new(&db).await;
    let foreign = format!("DELETE FROM rooms WHERE id = '{}'", b.room);
    assert_eq!(app.execute(AssertSqlSafe(foreign)).await.unwrap().rows_affected(), 0);
    assert_eq!(reader.next().await, BTreeSet::new());
    let mut system = PgConnection::connect(db.system_url().expose()).await.unwrap();
    for forbidden in
        ["DELETE FROM room_reviews", "UPDATE room_reviews SET at = now()", "SELECT at FROM room_reviews"]
    {
        assert_eq!(
            code(system.execute(forbidden).await.unwrap_err()).as_deref(),
            Some(DENIED),
            "{forbidden}"
        );
    }
}
