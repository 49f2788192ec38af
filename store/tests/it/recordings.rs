//! Recordings of media sessions, from their beginning until nothing is left of them.

use crate::fixture::{Tenant, recording, tenant};
use common::{
    clock::{Clock as _, ManualClock},
    id::{ConnectionId, RoomId, TrackId},
    protocol::media::TrackSource,
    recording::{Manifest, ManifestTrack, RecordingEnd, RecordingStatus},
};
use std::{pin::pin, time::Duration};
use store::{
    TenantTx, privacy,
    recordings::{self, NewRecording, Reception, Recording, Unremoved},
    rooms,
    testing::TestDatabase,
};

const LEASE: Duration = Duration::from_secs(300);

/// Begins a recording in the account's room.
async fn begin(db: &TestDatabase, a: &Tenant, clock: &ManualClock) -> NewRecording {
    // Later ones sort later.
    clock.advance(Duration::from_millis(1));
    let new = recording((a.room, a.user), clock);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let begun = recordings::begin(&mut tx, &new).await.unwrap().unwrap();
    let again = recordings::begin(&mut tx, &NewRecording { at: clock.utc() + LEASE, ..new }).await.unwrap();
    assert_eq!(again.as_ref(), Some(&begun), "what is known stays as it is");
    tx.commit().await.unwrap();
    assert_eq!((begun.status, begun.started_by), (RecordingStatus::Recording, a.user));
    new
}

/// What a media node says of a recording that has ended, with one track.
fn manifest(a: &Tenant, new: &NewRecording, clock: &ManualClock) -> Manifest {
    let track = ManifestTrack {
        track_id: TrackId::generate(clock),
        connection_id: ConnectionId::generate(clock),
        user_id: Some(a.user),
        name: Some("Ada".to_owned()),
        source: TrackSource::Microphone,
        codec: "Opus".to_owned(),
        file: Some("001-microphone.ogg".to_owned()),
        started_at: clock.utc(),
        offset_ms: 0,
        clock_rate: 48_000,
        first_timestamp: 0,
        sender_clock: None,
        duration_ms: 1_000,
        width: None,
        height: None,
        packets: 50,
        packets_lost: 0,
        gaps: 0,
        end_reason: Some(RecordingEnd::TrackEnded),
        size_bytes: Some(6_000),
        sha256: None,
    };
    Manifest {
        recording_id: new.id,
        account_id: a.account,
        room_id: new.room,
        node_id: new.node,
        started_by: new.by,
        status: RecordingStatus::Ended,
        started_at: new.at,
        ended_at: Some(clock.utc()),
        end_reason: Some(RecordingEnd::Stopped),
        packets_dropped: 0,
        tracks: vec![track],
    }
}

async fn store(db: &TestDatabase, a: &Tenant, manifest: &Manifest) -> (Reception, bool) {
    let clock = TestDatabase::clock();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let reception = recordings::receive(&mut tx, manifest).await.unwrap();
    let is_stored = recordings::stored(&mut tx, manifest, &clock).await.unwrap();
    tx.commit().await.unwrap();
    (reception, is_stored)
}

/// How many rows there are, those that nobody is shown, too.
async fn rows(db: &TestDatabase, a: &Tenant) -> usize {
    let contents = db.contents(a.account).await;
    contents.get("recordings").and_then(|rows| rows.as_array()).map_or(0, Vec::len)
}

async fn find(tx: &mut TenantTx, new: &NewRecording) -> Option<Recording> {
    recordings::find(tx, new.room, new.id).await.unwrap()
}

#[tokio::test]
async fn a_recording_is_shown_while_it_goes_on_and_its_files_once_they_are_stored() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let new = begin(&db, &a, &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(recordings::manifest(&mut tx, a.room, new.id).await.unwrap(), None);
    assert_eq!(recordings::remove(&mut tx, a.room, new.id).await.unwrap(), Err(Unremoved::GoesOn));
    drop(tx);
    let ended = manifest(&a, &new, &clock);
    assert_eq!(store(&db, &a, &ended).await, (Reception::Wanted, true));
    assert_eq!(store(&db, &a, &ended).await.0, Reception::Stored, "after a node was killed in between");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let found = find(&mut tx, &new).await.unwrap();
    assert_eq!((found.status, found.size_bytes), (RecordingStatus::Ended, Some(6_000)));
    assert_eq!(found.end_reason, Some(RecordingEnd::Stopped));
    assert_eq!(recordings::manifest(&mut tx, a.room, new.id).await.unwrap(), Some(ended));
    let all = recordings::list(&mut tx, a.room, None, 9).await.unwrap();
    assert_eq!(all.last(), Some(&found));
    assert_eq!(recordings::list(&mut tx, a.room, Some(new.id), 9).await.unwrap(), []);
    let elsewhere = RoomId::generate(&clock);
    assert_eq!(recordings::find(&mut tx, elsewhere, new.id).await.unwrap(), None);
    assert_eq!(recordings::manifest(&mut tx, elsewhere, new.id).await.unwrap(), None);
    assert_eq!(recordings::remove(&mut tx, elsewhere, new.id).await.unwrap(), Err(Unremoved::NotFound));
}

/// Nobody was told of its beginning: the instance that had asked for it was killed.
#[tokio::test]
async fn a_recording_that_is_first_heard_of_at_its_end_is_kept() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let new = recording((a.room, a.user), &clock);
    assert_eq!(store(&db, &a, &manifest(&a, &new, &clock)).await, (Reception::Wanted, true));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(find(&mut tx, &new).await.unwrap().status, RecordingStatus::Ended);
}

/// The node could not remove what it had stored, and brings it once more.
#[tokio::test]
async fn a_deleted_recording_stays_deleted_until_its_node_has_nothing_of_it() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let before = rows(&db, &a).await;
    let [late, soon] = [begin(&db, &a, &clock).await, begin(&db, &a, &clock).await];
    for new in [&late, &soon] {
        store(&db, &a, &manifest(&a, new, &clock)).await;
    }
    let mut tx = db.store.tenant(a.account).await.unwrap();
    recordings::collected(&mut tx, soon.id).await.unwrap();
    for new in [&late, &soon] {
        recordings::remove(&mut tx, a.room, new.id).await.unwrap().unwrap();
        recordings::forget(&mut tx, new.id).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(rows(&db, &a).await, before + 1, "nobody can bring the other");
    let ended = manifest(&a, &late, &clock);
    assert_eq!(store(&db, &a, &ended).await, (Reception::Unwanted, false));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    recordings::collected(&mut tx, late.id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rows(&db, &a).await, before);
}

/// However long ago it was begun.
#[tokio::test]
async fn a_deleted_recording_is_remembered_for_ninety_days_from_then() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let before = rows(&db, &a).await;
    let new = begin(&db, &a, &clock).await;
    clock.advance(100 * DAY);
    db.store.system().interrupt_recordings(&[], &clock).await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    recordings::remove(&mut tx, a.room, new.id).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    for (days, is_remembered) in [(0, true), (89, true), (2, false)] {
        clock.advance(days * DAY);
        let mut tx = db.store.tenant(a.account).await.unwrap();
        privacy::prune(&mut tx, &clock).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(rows(&db, &a).await == before + 1, is_remembered, "{days}");
    }
}

/// Whoever begins to record in a room waits for whoever deletes it.
#[tokio::test]
async fn no_recording_of_a_room_is_left_that_is_being_deleted() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let new = recording((a.room, a.user), &clock);
    let mut deleting = db.store.tenant(a.account).await.unwrap();
    rooms::delete(&mut deleting, a.room).await.unwrap();
    let mut beginning = db.store.tenant(a.account).await.unwrap();
    let mut begun = pin!(async {
        let begun = recordings::begin(&mut beginning, &new).await.unwrap();
        beginning.commit().await.unwrap();
        begun
    });
    tokio::select! {
        begun = &mut begun => panic!("it does not wait: {begun:?}"),
        () = db.until_one_waits() => deleting.commit().await.unwrap(),
    }
    assert_eq!(begun.await, None);
}

#[tokio::test]
async fn files_of_what_was_removed_are_taken_out_of_the_storage_and_then_forgotten() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let [one, other] = [begin(&db, &a, &clock).await, begin(&db, &a, &clock).await];
    for new in [&one, &other] {
        store(&db, &a, &manifest(&a, new, &clock)).await;
    }
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(recordings::remove(&mut tx, a.room, one.id).await.unwrap(), Ok(()));
    assert_eq!(recordings::remove(&mut tx, a.room, one.id).await.unwrap(), Err(Unremoved::NotFound));
    assert_eq!(find(&mut tx, &one).await, None);
    tx.commit().await.unwrap();
    let claim = async || db.store.system().claim_recordings(9, LEASE, &clock).await.unwrap();
    assert_eq!(claim().await, [(a.account, one.id)]);
    assert_eq!(claim().await, [], "somebody has it");
    clock.advance(LEASE);
    assert_eq!(claim().await, [(a.account, one.id)], "who had it was killed");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(recordings::removed_files(&mut tx, one.id).await.unwrap(), ["001-microphone.ogg"]);
    assert_eq!(recordings::removed_files(&mut tx, other.id).await.unwrap(), [""; 0], "it is kept");
    for new in [&one, &other] {
        recordings::collected(&mut tx, new.id).await.unwrap();
        recordings::forget(&mut tx, new.id).await.unwrap();
    }
    assert!(find(&mut tx, &other).await.is_some());
    tx.commit().await.unwrap();
    clock.advance(LEASE);
    assert_eq!(claim().await, []);
}

#[tokio::test]
async fn files_of_a_recording_whose_room_is_deleted_are_not_taken_any_more() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let [stored, going] = [begin(&db, &a, &clock).await, begin(&db, &a, &clock).await];
    store(&db, &a, &manifest(&a, &stored, &clock)).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    rooms::delete(&mut tx, a.room).await.unwrap();
    tx.commit().await.unwrap();
    let due = db.store.system().claim_recordings(9, LEASE, &clock).await.unwrap();
    assert_eq!(due, [(a.account, stored.id)], "of the other there is nothing yet");
    let ended = manifest(&a, &going, &clock);
    assert_eq!(store(&db, &a, &ended).await, (Reception::Unwanted, false));
    let unheard = recording((a.room, a.user), &clock);
    assert_eq!(store(&db, &a, &manifest(&a, &unheard, &clock)).await, (Reception::Unwanted, false));
}

#[tokio::test]
async fn what_goes_on_at_no_living_node_is_interrupted_until_its_files_come() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    // That of the fixture is at a node of its own.
    let [alive, gone] = [begin(&db, &a, &clock).await, begin(&db, &a, &clock).await];
    let interrupt = async || db.store.system().interrupt_recordings(&[alive.node], &clock).await.unwrap();
    assert_eq!(interrupt().await, 0, "who has just begun may not be heard of");
    clock.advance(Duration::from_secs(121));
    assert_eq!(interrupt().await, 2);
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(find(&mut tx, &alive).await.unwrap().status, RecordingStatus::Recording);
    assert_eq!(find(&mut tx, &gone).await.unwrap().status, RecordingStatus::Interrupted);
    drop(tx);
    assert_eq!(store(&db, &a, &manifest(&a, &gone, &clock)).await, (Reception::Wanted, true));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(find(&mut tx, &gone).await.unwrap().status, RecordingStatus::Ended);
}

#[tokio::test]
async fn a_recording_is_its_own_accounts_alone() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let (a, b) = (tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await);
    let theirs = begin(&db, &b, &clock).await;
    let ended = manifest(&b, &theirs, &clock);
    store(&db, &b, &ended).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert_eq!(find(&mut tx, &theirs).await, None);
    assert_eq!(recordings::list(&mut tx, b.room, None, 9).await.unwrap(), []);
    assert_eq!(recordings::manifest(&mut tx, b.room, theirs.id).await.unwrap(), None);
    assert_eq!(recordings::remove(&mut tx, b.room, theirs.id).await.unwrap(), Err(Unremoved::NotFound));
    assert!(!recordings::stored(&mut tx, &ended, &clock).await.unwrap());
    let into_theirs = recording((b.room, a.user), &clock);
    assert_eq!(recordings::begin(&mut tx, &into_theirs).await.unwrap(), None);
    assert_eq!(recordings::receive(&mut tx, &ended).await.unwrap(), Reception::Unwanted);
    recordings::collected(&mut tx, theirs.id).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(b.account).await.unwrap();
    assert!(find(&mut tx, &theirs).await.is_some());
}
