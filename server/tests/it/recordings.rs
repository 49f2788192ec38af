//! Recordings of the calls in a room, over REST.

use crate::harness::{PASSWORD, Server, Tenant};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use bus::{Acquired, Asked, LeaseGuard, Requests};
use common::{
    clock::{Clock as _, ManualClock},
    id::{ConnectionId, NodeId, RecordingId, TrackId},
    protocol::{media::TrackSource, room::MemberRole},
    recording::{MANIFEST_FILE, Manifest, ManifestTrack, RecordingEnd, RecordingStatus},
    subject::{
        media::SessionLease,
        recording::{RecordingAction, RecordingReply, RecordingService},
    },
};
use local_services::scratch::Scratch;
use serde_json::{Value, json};
use sfu::FinishedRecording;
use shutdown::Shutdown;
use std::{net::Ipv4Addr, path::Path, sync::Arc, time::Duration};
use store::{
    recordings::{self, NewRecording},
    rooms,
};
use switchboard::remover;

/// The only file of [`stored`]; what is in it is JSON, as all that tests read.
pub(crate) const FILE: &str = "001-microphone.ogg";
const CONTENT: &str = "\"hello\"";

fn path(tenant: &Tenant) -> String {
    format!("/v1/rooms/{}/recordings", tenant.room)
}

/// A recording that has ended and is stored.
pub(crate) async fn stored(server: &Server, tenant: &Tenant) -> RecordingId {
    let clock = &*server.clock;
    clock.advance(Duration::from_millis(1));
    let (id, node) = (RecordingId::generate(clock), NodeId::generate(clock));
    let new = NewRecording { id, room: tenant.room, node, by: tenant.user, at: clock.utc() };
    let folder = Scratch::new().unwrap();
    let file = folder.path().join(FILE);
    std::fs::write(&file, CONTENT).unwrap();
    server.files.keep_recorded(tenant.account, id, (FILE, &file)).await.unwrap();
    let manifest = Manifest { recording_id: id, node_id: node, ..ended(server, tenant) };
    let mut tx = server.db.store.tenant(tenant.account).await.unwrap();
    recordings::begin(&mut tx, &new).await.unwrap().unwrap();
    assert!(recordings::stored(&mut tx, &manifest, clock).await.unwrap());
    recordings::collected(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// A recording that has just ended, of one track.
fn ended(server: &Server, tenant: &Tenant) -> Manifest {
    let (clock, at) = (&*server.clock, server.clock.utc());
    Manifest {
        recording_id: RecordingId::generate(clock),
        account_id: tenant.account,
        room_id: tenant.room,
        node_id: NodeId::generate(clock),
        started_by: tenant.user,
        status: RecordingStatus::Ended,
        started_at: at,
        ended_at: Some(at),
        end_reason: Some(RecordingEnd::Stopped),
        packets_dropped: 0,
        tracks: vec![track(server)],
    }
}

fn track(server: &Server) -> ManifestTrack {
    let clock = &*server.clock;
    ManifestTrack {
        track_id: TrackId::generate(clock),
        connection_id: ConnectionId::generate(clock),
        user_id: None,
        name: None,
        source: TrackSource::Microphone,
        codec: "Opus".to_owned(),
        file: Some(FILE.to_owned()),
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
        end_reason: Some(RecordingEnd::Stopped),
        size_bytes: Some(CONTENT.len() as u64),
        sha256: None,
    }
}

/// A media node with a call in the tenant's room: it records what it is asked to, one recording at a time.
pub(crate) async fn media_node(server: &Server, tenant: &Tenant) -> LeaseGuard {
    let Acquired::Held(lease) = server.bus.acquire(&SessionLease(tenant.room)).await.unwrap() else {
        panic!("somebody has the call");
    };
    let (node, at) = (server.bus.node(), server.clock.utc());
    let mut requests = server.bus.serve(&RecordingService(node)).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move {
        let mut going = None;
        while let Some(Asked { request, reply }) = requests.next().await {
            match request.action {
                RecordingAction::Begin { recording, by } => {
                    let (recording, by) = *going.get_or_insert((recording, by));
                    reply.send(&Ok(RecordingReply::Begun { recording, by, node, at }));
                }
                RecordingAction::Stop { recording } => {
                    going = going.filter(|(known, _)| *known != recording);
                    reply.send(&Ok(RecordingReply::Stopped));
                }
            }
        }
    });
    lease
}

#[tokio::test]
async fn a_call_is_recorded_once_and_stopped_and_both_are_on_record() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let nobody = server.call(Method::POST, &path(&a), &a.token, None).await;
    assert_eq!((nobody.status, nobody.code()), (StatusCode::CONFLICT, "recording.noCall"));
    let _lease = media_node(&server, &a).await;
    let begun = server.call(Method::POST, &path(&a), &a.token, None).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.body);
    assert_eq!((&begun.body["status"], &begun.body["startedBy"]), (&json!("recording"), &json!(a.user)));
    server.clock.advance(Duration::from_millis(1));
    let again = server.call(Method::POST, &path(&a), &a.token, None).await;
    assert_eq!(again.body, begun.body, "it is recorded already");
    let listed = server.get(&path(&a), &a.token).await.body;
    assert_eq!(listed["items"], json!([begun.body]));

    let own = format!("{}/{}", path(&a), begun.body["id"].as_str().unwrap());
    for (method, path) in [
        (Method::DELETE, own.clone()),
        (Method::GET, format!("{own}/manifest")),
        (Method::GET, format!("{own}/files/{FILE}")),
    ] {
        let early = server.call(method, &path, &a.token, None).await;
        assert_eq!((early.status, early.code()), (StatusCode::CONFLICT, "recording.goesOn"), "{path}");
    }
    let stopped = server.call(Method::POST, &format!("{own}/stop"), &a.token, None).await;
    assert_eq!(stopped.status, StatusCode::NO_CONTENT, "{}", stopped.body);
    let next = server.call(Method::POST, &path(&a), &a.token, None).await;
    assert_ne!(next.body["id"], begun.body["id"], "another begins");
    let audited = server.get("/v1/audit-entries", &a.token).await.body;
    let mut actions: Vec<&str> =
        audited["items"].as_array().unwrap().iter().filter_map(|entry| entry["action"].as_str()).collect();
    actions.retain(|action| action.starts_with("recording."));
    actions.sort_unstable();
    assert_eq!(actions, ["recording.started", "recording.started", "recording.stopped"]);
}

/// A media node with a call in the tenant's room, and what it is asked.
async fn asked_node(server: &Server, tenant: &Tenant) -> (LeaseGuard, Requests<RecordingService>) {
    let Acquired::Held(lease) = server.bus.acquire(&SessionLease(tenant.room)).await.unwrap() else {
        panic!("somebody has the call");
    };
    (lease, server.bus.serve(&RecordingService(server.bus.node())).await.unwrap())
}

/// It may have begun one, and nobody could stop it.
#[tokio::test]
async fn a_recording_of_which_the_node_does_not_say_whether_it_began_is_ended() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let (_lease, mut requests) = asked_node(&server, &a).await;
    let node = async {
        let Asked { request, reply } = requests.next().await.unwrap();
        let RecordingAction::Begin { recording, .. } = request.action else { panic!("{request:?}") };
        drop(reply);
        let Asked { request, reply } = requests.next().await.unwrap();
        assert_eq!(request.action, RecordingAction::Stop { recording });
        reply.send(&Ok(RecordingReply::Stopped));
    };
    let own = path(&a);
    let (refused, ()) = tokio::join!(server.call(Method::POST, &own, &a.token, None), node);
    assert_eq!((refused.status, refused.code()), (StatusCode::SERVICE_UNAVAILABLE, "media.unavailable"));
    assert_eq!(server.get(&path(&a), &a.token).await.body["items"], json!([]));
}

/// The node is shutting down: it is not served any more, and the call is still its own.
#[tokio::test]
async fn nobody_is_told_that_a_recording_has_stopped_which_may_go_on() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let (lease, requests) = asked_node(&server, &a).await;
    drop(requests);
    let clock = &*server.clock;
    let (id, node) = (RecordingId::generate(clock), server.bus.node());
    let new = NewRecording { id, room: a.room, node, by: a.user, at: clock.utc() };
    let mut tx = server.db.store.tenant(a.account).await.unwrap();
    recordings::begin(&mut tx, &new).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let stop = format!("{}/{id}/stop", path(&a));
    let unknown = server.call(Method::POST, &stop, &a.token, None).await;
    assert_eq!((unknown.status, unknown.code()), (StatusCode::SERVICE_UNAVAILABLE, "media.unavailable"));
    drop(lease);
    let over = server.call(Method::POST, &stop, &a.token, None).await;
    assert_eq!(over.status, StatusCode::NO_CONTENT, "the call is over, and with it its recording");
}

/// Recordings that a process left behind, as the media server hands them on.
async fn left_behind(root: &Path, server: &Server, manifest: &Manifest) -> FinishedRecording {
    let directory =
        root.join(NodeId::generate(&*server.clock).to_string()).join(manifest.recording_id.to_string());
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join(FILE), CONTENT).unwrap();
    std::fs::write(directory.join(MANIFEST_FILE), serde_json::to_vec(manifest).unwrap()).unwrap();
    let mut config = sfu::Config { listen: (Ipv4Addr::LOCALHOST, 0).into(), ..sfu::Config::default() };
    config.recording.directory = Some(root.to_owned());
    let deps = sfu::Deps { bus: server.bus.clone(), clock: Arc::<ManualClock>::clone(&server.clock) };
    let mut media = sfu::Media::new(config, deps).unwrap();
    let (mut finished, shutdown) = (media.take_finished(), Shutdown::default());
    let run = shutdown.tasks.spawn(sfu::run(media, shutdown.clone()));
    let found = finished.recv().await.unwrap();
    shutdown.token.cancel();
    run.await.unwrap().unwrap();
    found
}

/// The disk refuses to remove what is stored.
#[tokio::test]
async fn what_cannot_be_removed_is_stored_once_and_stays_deleted() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let root = Scratch::new().unwrap();
    let manifest = ended(&server, &a);
    let id = manifest.recording_id;
    let found = left_behind(root.path(), &server, &manifest).await;
    let (_, file) = found.files().next().unwrap();
    let obstacle = file.with_file_name("folder");
    std::fs::create_dir(&obstacle).unwrap();
    let keep =
        async || switchboard::recordings::keep(&server.db.store, &server.files, &found, &*server.clock).await;
    let read = async || server.files.read_recorded(a.account, id, FILE, None).await;
    assert!(keep().await.is_err());
    let own = format!("{}/{id}", path(&a));
    assert_eq!(server.get(&own, &a.token).await.body["status"], "ended");
    assert!(read().await.is_ok());
    server.files.remove_recorded(a.account, id, FILE).await.unwrap();
    std::fs::write(&file, CONTENT).unwrap();
    assert!(keep().await.is_err());
    assert!(read().await.is_err(), "it is not stored again");

    assert_eq!(server.call(Method::DELETE, &own, &a.token, None).await.status, StatusCode::NO_CONTENT);
    remover::work_off(&server.db.store, &server.files, &*server.clock).await.unwrap();
    std::fs::write(&file, CONTENT).unwrap();
    assert!(keep().await.is_err());
    assert!(read().await.is_err());
    assert_eq!(server.get(&path(&a), &a.token).await.body["items"], json!([]), "it stays deleted");
    std::fs::remove_dir(&obstacle).unwrap();
    keep().await.unwrap();
    assert!(!file.exists());
    let contents = server.db.contents(a.account).await;
    assert!(contents.get("recordings").is_none_or(|rows| rows == &json!([])), "{contents:?}");
}

#[tokio::test]
async fn what_was_recorded_is_read_in_stretches_and_removed_with_its_files() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let id = stored(&server, &a).await;
    let own = format!("{}/{id}", path(&a));
    assert_eq!(server.get(&own, &a.token).await.body["sizeBytes"], CONTENT.len());
    let manifest = server.get(&format!("{own}/manifest"), &a.token).await.body;
    assert_eq!(manifest["tracks"][0]["file"], FILE);
    let read = async |name: &str, range: Option<&str>| {
        let token = format!("Bearer {}", a.token);
        let mut request = Request::get(format!("{own}/files/{name}")).header(header::AUTHORIZATION, token);
        if let Some(range) = range {
            request = request.header(header::RANGE, range);
        }
        server.send(request.body(Body::empty()).unwrap()).await
    };
    let whole = read(FILE, None).await;
    assert_eq!((whole.status, &whole.body), (StatusCode::OK, &json!("hello")));
    // All of it, as the tests read JSON.
    let part = read(FILE, Some("bytes=0-6")).await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers[header::CONTENT_RANGE], "bytes 0-6/7");
    assert_eq!(read(FILE, Some("bytes=7-")).await.status, StatusCode::RANGE_NOT_SATISFIABLE);
    let audited = server.get("/v1/audit-entries", &a.token).await.body;
    let heard = audited["items"].as_array().unwrap().iter();
    let heard =
        heard.filter(|entry| entry["action"] == "recording.downloaded" && entry["objectId"] == json!(id));
    assert_eq!(
        heard.map(|entry| entry["after"]["file"].clone()).collect::<Vec<_>>(),
        [FILE; 3],
        "each stretch"
    );
    for other in ["manifest.json", "..%2F..%2Fx", "002-camera.webm"] {
        assert_eq!(read(other, None).await.status, StatusCode::NOT_FOUND, "{other}");
    }

    let deleted = server.call(Method::DELETE, &own, &a.token, None).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{}", deleted.body);
    assert_eq!(read(FILE, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.call(Method::DELETE, &own, &a.token, None).await.status, StatusCode::NOT_FOUND);
    remover::work_off(&server.db.store, &server.files, &*server.clock).await.unwrap();
    let gone = server.files.read_recorded(a.account, id, FILE, None).await;
    assert!(gone.is_err_and(|error| error.is_gone()), "its bytes are gone, too");
    let contents = server.db.contents(a.account).await;
    assert!(contents.get("recordings").is_none_or(|rows| rows == &json!([])), "{contents:?}");
}

/// Nobody's call is recorded or heard by those who are only in it.
#[tokio::test]
async fn only_who_moderates_the_room_or_manages_rooms_records_and_hears_it() {
    let server = Server::start().await;
    let (a, b) = (server.tenant("a").await, server.tenant("b").await);
    let _lease = media_node(&server, &a).await;
    let own = format!("{}/{}", path(&a), stored(&server, &a).await);
    let user = json!({ "email": "ben@a.example", "name": "Ben", "password": PASSWORD, "role": "AGENT_USER" });
    let ben = server.post("/v1/users", &a.token, user).await.body;
    let ben_id = ben["id"].as_str().unwrap().parse().unwrap();
    let token = server.sign_in("ben@a.example", PASSWORD).await.body["accessToken"].clone();
    let token = token.as_str().unwrap();
    let reads = [path(&a), own.clone(), format!("{own}/manifest"), format!("{own}/files/{FILE}")];
    let all = reads.iter().map(|path| (Method::GET, path.clone())).chain([
        (Method::POST, path(&a)),
        (Method::POST, format!("{own}/stop")),
        (Method::DELETE, own.clone()),
    ]);
    let all: Vec<(Method, String)> = all.collect();
    for (method, path) in &all {
        let refused = server.call(method.clone(), path, token, None).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{method} {path}: {}", refused.body);
        let theirs = server.call(method.clone(), path, &b.token, None).await;
        assert_eq!(theirs.status, StatusCode::NOT_FOUND, "{method} {path}: {}", theirs.body);
    }
    let mut tx = server.db.store.tenant(a.account).await.unwrap();
    rooms::add_member(&mut tx, a.room, ben_id, &*server.clock).await.unwrap();
    rooms::set_role(&mut tx, a.room, ben_id, MemberRole::Moderator).await.unwrap();
    tx.commit().await.unwrap();
    for (method, path) in &all {
        let done = server.call(method.clone(), path, token, None).await;
        assert!(done.status.is_success(), "{method} {path}: {}", done.body);
    }
}

/// The media node records, and the instance that was asked for it cannot note it.
#[tokio::test]
async fn a_recording_that_cannot_be_noted_is_stopped() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let _lease = media_node(&server, &a).await;
    server.db.as_owner("REVOKE INSERT ON recordings FROM switchboard_app").await;
    let refused = server.call(Method::POST, &path(&a), &a.token, None).await;
    assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR);
    server.db.as_owner("GRANT INSERT ON recordings TO switchboard_app").await;
    let asked: Value = server.call(Method::POST, &path(&a), &a.token, None).await.body;
    let audited = server.get("/v1/audit-entries", &a.token).await.body;
    let entry = audited["items"].as_array().unwrap().iter().find(|it| it["action"] == "recording.started");
    assert_eq!(entry.unwrap()["objectId"], asked["id"], "it is a new one: that from before was stopped");
}
