//! The recorder on a real disk: what lies there, whatever happens to whom.

use super::{directory::NodeDirectory, *};
use crate::{
    Config,
    addresses::Addresses,
    shard::{Shard, ShardHandle},
    socket,
};
use common::{
    clock::{Clock, ManualClock},
    id::{AccountId, ConnectionId, NodeId, RecordingId, RoomId, TrackId, UserId},
    protocol::media::TrackSource,
    recording::{MANIFEST_FILE, Manifest, RecordingEnd, RecordingStatus},
};
use local_services::scratch::Scratch;
use sfu_core::{
    SessionId,
    recording::{Codec, Recorded, RecordedPacket, RecordedTrack, StreamId, VideoCodec},
};
use std::{
    fs, io::ErrorKind, net::Ipv4Addr, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration,
};
use tokio::{sync::mpsc, task::spawn_blocking};

const BOUNDS: Bounds = Bounds { file_bytes_max: 1024 * 1024, free_bytes_min: 0 };

/// Samples of sound in a packet of 20 ms.
const FRAME: u32 = 960;

/// A recorder, and where it writes.
struct Stage {
    clock: Arc<ManualClock>,
    recorder: Recorder,
    refused: mpsc::Receiver<RefusedByDisk>,
    shard: ShardHandle,
    node: NodeId,
    account: AccountId,
}

impl Stage {
    fn new(root: &Path, bounds: Bounds) -> Self {
        let clock = Arc::new(ManualClock::default());
        let socket = socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let addresses = Addresses::of(&Config::default(), socket.local_addr().unwrap()).unwrap();
        let (_shard, shard) =
            Shard::new(0, Arc::<ManualClock>::clone(&clock), socket, addresses, Feed::default()).unwrap();
        let node = NodeId::generate(&*clock);
        let (recorder, refused) =
            Recorder::start(root, node, bounds, Arc::<ManualClock>::clone(&clock)).unwrap();
        let account = AccountId::generate(&*clock);
        Self { clock, recorder, refused, shard, node, account }
    }

    fn manifest(&self) -> Manifest {
        let clock = &*self.clock;
        Manifest {
            recording_id: RecordingId::generate(clock),
            account_id: self.account,
            room_id: RoomId::generate(clock),
            node_id: self.node,
            started_by: UserId::generate(clock),
            status: RecordingStatus::Recording,
            started_at: clock.utc(),
            ended_at: None,
            end_reason: None,
            packets_dropped: 0,
            tracks: Vec::new(),
        }
    }

    async fn begin(&self, session: u64) -> Result<RecordingId, Refused> {
        let manifest = self.manifest();
        let recording = manifest.recording_id;
        let begin = Begin { manifest, now: self.clock.now(), shard: self.shard.clone() };
        self.recorder.begin(SessionId::new(session), begin).await.map(|()| recording)
    }

    /// Waits until the recorder has worked off what it was given: it answers in order.
    async fn settle(&self) {
        let unknown = (u64::MAX, RecordingId::generate(&*self.clock));
        assert!(self.close(unknown, RecordingEnd::Stopped).await.is_none());
    }

    fn track(&self, session: u64, number: u64) -> RecordedTrack {
        RecordedTrack {
            stream: StreamId::new(number),
            session: SessionId::new(session),
            participant: ConnectionId::generate(&*self.clock),
            track: TrackId::generate(&*self.clock),
            source: TrackSource::Microphone,
            codec: Some(Codec::Opus),
            codec_name: "Opus",
            clock_rate: 48_000,
        }
    }

    async fn close(&self, (session, recording): (u64, RecordingId), reason: RecordingEnd) -> Option<Closed> {
        let (recorder, at) = (self.recorder.clone(), self.clock.utc());
        let closed = move || recorder.close(SessionId::new(session), recording, reason, at);
        spawn_blocking(closed).await.unwrap()
    }

    async fn end(&self, which: (u64, RecordingId), reason: RecordingEnd) -> FinishedRecording {
        let closed = self.close(which, reason).await.unwrap();
        spawn_blocking(move || closed.finish()).await.unwrap().unwrap()
    }
}

/// Sound of 20 ms: packet `number` of each of these tracks.
fn sound(tracks: &[RecordedTrack], number: u32) -> Recorded {
    let mut recorded = Recorded::default();
    for track in tracks {
        let packet = RecordedPacket {
            sequence: 65_536 + u64::from(number),
            timestamp: number * FRAME,
            marker: false,
            // One frame of 20 ms (RFC 6716, section 3.1), of a size that fills pages.
            payload: &[0xfc; 100],
        };
        recorded.add((*track, 0), None, [packet].into_iter());
    }
    recorded
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
}

#[tokio::test]
async fn fifty_tracks_at_once_lie_in_fifty_files_and_stand_in_the_manifest() {
    let root = Scratch::new().unwrap();
    let stage = Stage::new(root.path(), BOUNDS);
    let recording = stage.begin(1).await.unwrap();
    let mut feed = stage.recorder.feed();
    let tracks: Vec<RecordedTrack> = (0..50).map(|number| stage.track(1, number)).collect();
    let user = UserId::generate(&*stage.clock);
    let people = vec![(tracks[7].participant, user, "Ada".to_owned())];
    stage.recorder.note_people(SessionId::new(1), people);
    for number in 0..100 {
        feed.give(sound(&tracks, number), stage.clock.now());
        stage.clock.advance(Duration::from_millis(20));
        // Not more at once than the ring has room for.
        if number % 50 == 0 {
            stage.settle().await;
        }
    }
    let finished = stage.end((1, recording), RecordingEnd::Stopped).await;
    let manifest = finished.manifest();
    assert_eq!((manifest.tracks.len(), manifest.packets_dropped), (50, 0));
    assert_eq!((manifest.status, manifest.end_reason), (RecordingStatus::Ended, Some(RecordingEnd::Stopped)));
    assert_eq!((manifest.tracks[7].user_id, manifest.tracks[7].name.as_deref()), (Some(user), Some("Ada")));
    for (track, (name, path)) in manifest.tracks.iter().zip(finished.files()) {
        assert_eq!((track.packets, track.packets_lost, track.duration_ms), (100, 0, 2_000));
        let bytes = fs::read(path).unwrap();
        assert_eq!((track.size_bytes, &bytes[..4]), (Some(bytes.len() as u64), b"OggS".as_slice()), "{name}");
    }
    finished.discard().unwrap();
    assert_eq!(entries(&root.path().join(stage.node.to_string())), 0);
}

/// A killed process is one whose lock is gone: its directory under another root, where nobody holds it.
#[tokio::test]
async fn what_a_killed_process_left_behind_is_found_and_what_a_living_one_writes_is_left_alone() {
    let [root, other] = [Scratch::new().unwrap(), Scratch::new().unwrap()];
    let stage = Stage::new(root.path(), BOUNDS);
    let recording = stage.begin(1).await.unwrap();
    let mut feed = stage.recorder.feed();
    let tracks = [stage.track(1, 1)];
    let give = async |feed: &mut Feed, numbers: std::ops::Range<u32>| {
        for number in numbers {
            stage.clock.advance(Duration::from_millis(20));
            feed.give(sound(&tracks, number), stage.clock.now());
        }
        stage.settle().await;
    };
    give(&mut feed, 0..100).await;
    let second = Stage::new(root.path(), BOUNDS);
    assert!(second.recorder.left_behind().unwrap().is_empty(), "they live, both of them");

    let own = root.path().join(stage.node.to_string()).join(recording.to_string());
    let copy = other.path().join(stage.node.to_string()).join(recording.to_string());
    fs::create_dir_all(&copy).unwrap();
    for entry in fs::read_dir(&own).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let third = Stage::new(other.path(), BOUNDS);
    let found = third.recorder.left_behind().unwrap();
    let [left] = found.as_slice() else { panic!("{found:?}") };
    let manifest = left.manifest();
    assert_eq!((manifest.recording_id, manifest.status), (recording, RecordingStatus::Interrupted));
    assert_eq!(manifest.tracks[0].end_reason, Some(RecordingEnd::Interrupted));
    assert!(manifest.tracks[0].size_bytes.is_some_and(|size| size > 5_000), "{manifest:?}");
    let fourth = Stage::new(other.path(), BOUNDS);
    assert!(fourth.recorder.left_behind().unwrap().is_empty(), "somebody takes care of it");
    let (_, path) = left.files().next().unwrap();
    assert!(fs::read(path).unwrap().starts_with(b"OggS"));
    for _ in 0..2 {
        left.discard().unwrap();
    }
    assert_eq!(entries(other.path()), 2, "those of the living");

    give(&mut feed, 100..150).await;
    let finished = stage.end((1, recording), RecordingEnd::CallEnded).await;
    assert_eq!(
        (finished.manifest().tracks[0].packets, finished.manifest().status),
        (150, RecordingStatus::Ended)
    );
    // It was not stored before its process ended.
    drop((stage, feed, finished));
    let found = loop {
        let found = second.recorder.left_behind().unwrap();
        // The thread ends with the last way to it, in a moment.
        if !found.is_empty() {
            break found;
        }
        tokio::task::yield_now().await;
    };
    let ended = found.iter().find(|found| found.manifest().recording_id == recording).unwrap();
    assert_eq!(ended.manifest().status, RecordingStatus::Ended, "as it was");
}

/// A recording that begins in the middle of a call has no key frame at first.
#[tokio::test]
async fn the_offset_of_a_picture_is_that_of_the_key_frame_that_its_file_begins_with() {
    let root = Scratch::new().unwrap();
    let stage = Stage::new(root.path(), BOUNDS);
    let recording = stage.begin(1).await.unwrap();
    let mut feed = stage.recorder.feed();
    let codec = Some(Codec::Video(VideoCodec::Vp8));
    let camera =
        RecordedTrack { codec, source: TrackSource::Camera, clock_rate: 90_000, ..stage.track(1, 1) };
    // The descriptor, and a frame of 640 by 360 pixels (RFC 6386, section 9.1).
    let key_frame = [0x10, 0, 0, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01, 7];
    for number in 0..30 {
        stage.clock.advance(Duration::from_millis(100));
        let payload: &[u8] = if number == 15 { &key_frame } else { &[0x10, 1, 7] };
        let packet = RecordedPacket {
            sequence: 65_536 + u64::from(number),
            timestamp: number * 9_000,
            marker: true,
            payload,
        };
        let mut recorded = Recorded::default();
        recorded.add((camera, 0), None, [packet].into_iter());
        feed.give(recorded, stage.clock.now());
    }
    let finished = stage.end((1, recording), RecordingEnd::Stopped).await;
    let track = &finished.manifest().tracks[0];
    assert_eq!((track.offset_ms, track.first_timestamp), (1_600, 15 * 9_000));
    assert_eq!(track.started_at - finished.manifest().started_at, Duration::from_millis(1_600));
    assert_eq!((track.width, track.height, track.duration_ms), (Some(640), Some(360), 1_500));
}

#[tokio::test]
async fn nothing_is_recorded_on_a_full_disk_and_what_a_disk_refuses_ends_the_recording() {
    let root = Scratch::new().unwrap();
    let full = Stage::new(root.path(), Bounds { free_bytes_min: u64::MAX, ..BOUNDS });
    let refused = full.begin(1).await;
    assert!(matches!(refused, Err(Refused::Disk(error)) if error.kind() == ErrorKind::StorageFull));

    let mut stage = Stage::new(root.path(), BOUNDS);
    let recording = stage.begin(1).await.unwrap();
    let mut feed = stage.recorder.feed();
    let directory = root.path().join(stage.node.to_string()).join(recording.to_string());
    fs::remove_dir_all(&directory).unwrap();
    let tracks = [stage.track(1, 1)];
    for number in 0..200 {
        feed.give(sound(&tracks, number), stage.clock.now());
        stage.clock.advance(Duration::from_millis(20));
    }
    let told = stage.refused.recv().await.unwrap();
    let reason = RecordingEnd::DiskFailed;
    assert_eq!(told, RefusedByDisk { session: SessionId::new(1), recording, reason });
}

/// Whoever ends one recording may be late: another of the same call has begun.
#[tokio::test]
async fn a_recording_is_neither_replaced_nor_ended_by_another_of_its_session() {
    let root = Scratch::new().unwrap();
    let stage = Stage::new(root.path(), BOUNDS);
    let recording = stage.begin(1).await.unwrap();
    assert!(matches!(stage.begin(1).await, Err(Refused::Busy)));
    let other = RecordingId::generate(&*stage.clock);
    assert!(stage.close((1, other), RecordingEnd::Stopped).await.is_none());
    let mut feed = stage.recorder.feed();
    feed.give(sound(&[stage.track(1, 1)], 0), stage.clock.now());
    let finished = stage.end((1, recording), RecordingEnd::Stopped).await;
    assert_eq!(finished.manifest().tracks.len(), 1);
    assert!(stage.begin(1).await.is_ok());
}

#[tokio::test]
async fn a_track_ends_where_its_file_is_as_large_as_may_be_and_the_others_go_on() {
    let root = Scratch::new().unwrap();
    let stage = Stage::new(root.path(), Bounds { file_bytes_max: 4_000, ..BOUNDS });
    let recording = stage.begin(1).await.unwrap();
    let mut feed = stage.recorder.feed();
    let [long, short] = [stage.track(1, 1), stage.track(1, 2)];
    let odd = RecordedTrack { codec: None, codec_name: "AV1", ..stage.track(1, 3) };
    for number in 0..100 {
        stage.clock.advance(Duration::from_millis(20));
        let tracks = if number < 80 { vec![long, odd] } else { vec![long, short, odd] };
        feed.give(sound(&tracks, number), stage.clock.now());
    }
    let finished = stage.end((1, recording), RecordingEnd::Stopped).await;
    let ends = finished.manifest().tracks.iter().map(|track| (track.end_reason, track.file.is_some()));
    let expected = [
        (Some(RecordingEnd::SizeLimit), true),
        (Some(RecordingEnd::UnknownCodec), false),
        (Some(RecordingEnd::Stopped), true),
    ];
    assert_eq!(ends.collect::<Vec<_>>(), expected);
    assert_eq!(finished.manifest().tracks[1].codec, "AV1");
    assert_eq!(finished.files().count(), 2);
}

#[tokio::test]
async fn whoever_publishes_again_and_again_takes_no_place_of_the_others() {
    let root = Scratch::new().unwrap();
    let stage = Stage::new(root.path(), BOUNDS);
    let recording = stage.begin(1).await.unwrap();
    let mut feed = stage.recorder.feed();
    let greedy = UserId::generate(&*stage.clock);
    for number in 0..120 {
        let track = stage.track(1, number);
        let people = vec![(track.participant, greedy, "Eve".to_owned())];
        stage.recorder.note_people(SessionId::new(1), people);
        feed.give(sound(&[track], 0), stage.clock.now());
    }
    let other = stage.track(1, 999);
    feed.give(sound(&[other], 0), stage.clock.now());
    let finished = stage.end((1, recording), RecordingEnd::Stopped).await;
    let tracks = &finished.manifest().tracks;
    let own = tracks.iter().filter(|track| track.user_id == Some(greedy)).count();
    assert_eq!((own, tracks.len()), (TRACKS_PER_PARTICIPANT_MAX, TRACKS_PER_PARTICIPANT_MAX + 1));
    assert_eq!(tracks.last().map(|track| track.connection_id), Some(other.participant));
}

#[test]
fn the_directory_of_a_node_that_had_nothing_left_is_removed_and_what_is_no_recording_stays() {
    let root = Scratch::new().unwrap();
    let clock = ManualClock::default();
    let [one, other, broken] = [(); 3].map(|()| NodeId::generate(&clock));
    drop(NodeDirectory::own(root.path(), one).unwrap());
    let _other = NodeDirectory::own(root.path(), other).unwrap();
    assert!(directory::left_behind(root.path()).unwrap().is_empty());
    assert_eq!(entries(root.path()), 1);
    // As disks have them, and as others leave them.
    for foreign in ["lost+found".to_owned(), "somebody's".to_owned(), broken.to_string()] {
        let thing = root.path().join(foreign).join(RecordingId::generate(&clock).to_string());
        fs::create_dir_all(&thing).unwrap();
        fs::write(thing.join(MANIFEST_FILE), "none").unwrap();
    }
    // Nobody may lock it.
    fs::create_dir(root.path().join(broken.to_string()).join("lock")).unwrap();
    assert!(directory::left_behind(root.path()).unwrap().is_empty());
    assert_eq!(entries(root.path()), 4);
    assert_eq!(fs::read_dir(root.path().join("lost+found")).unwrap().count(), 1, "nothing was put there");
}

/// A folder that is there already may be one that everybody sees into.
#[tokio::test]
async fn nobody_but_the_servers_user_reads_what_is_recorded() {
    let root = Scratch::new().unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let stage = Stage::new(root.path(), BOUNDS);
    let recording = stage.begin(1).await.unwrap();
    let mut feed = stage.recorder.feed();
    feed.give(sound(&[stage.track(1, 1)], 0), stage.clock.now());
    let finished = stage.end((1, recording), RecordingEnd::Stopped).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let node = root.path().join(stage.node.to_string());
    let own = node.join(recording.to_string());
    for directory in [root.path(), &node, &own] {
        assert_eq!(mode(directory), 0o700, "{}", directory.display());
    }
    let (_, track) = finished.files().next().unwrap();
    for file in [track, own.join(MANIFEST_FILE), node.join("lock")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_recording_that_is_removed_in_part_is_still_known() {
    let root = Scratch::new().unwrap();
    let directory = root.path().join("recording");
    fs::create_dir_all(directory.join("not a file")).unwrap();
    fs::write(directory.join(MANIFEST_FILE), "{}").unwrap();
    assert!(directory::remove(&directory).is_err());
    assert!(directory.join(MANIFEST_FILE).exists());
    fs::remove_dir(directory.join("not a file")).unwrap();
    directory::remove(&directory).unwrap();
    assert!(!directory.exists());
    directory::remove(&directory).unwrap();
}
