//! Recordings over a bus of one process, with a shard and a recorder that run.

use super::*;
use crate::{Config, Deps, addresses::Addresses, ledger::Ledger, recording::Bounds, shard::Shard, socket};
use bus::{Asked, Bus, Requests};
use common::{
    clock::ManualClock,
    error::ErrorCode,
    id::{AccountId, ConnectionId},
    protocol::{
        Failure,
        media::{Participant, ParticipantState, Route},
    },
    subject::media::MediaRights,
};
use local_services::scratch::Scratch;
use std::{fs, net::Ipv4Addr, path::Path, sync::Arc};
use tokio::sync::oneshot;

/// Long enough for a disk that others use, too.
const ANSWER_TIME: Duration = Duration::from_secs(30);

struct Stage {
    clock: Arc<ManualClock>,
    control: Control,
    requests: Requests<RecordingService>,
    finished: mpsc::Receiver<FinishedRecording>,
    account: AccountId,
    room: RoomId,
    folder: Scratch,
}

/// As much as tests write.
const BOUNDS: Bounds = Bounds { file_bytes_max: 1024, free_bytes_min: 0 };

impl Stage {
    async fn new() -> Self {
        Self::at_most(1).await
    }

    /// A node that records so many calls at once.
    async fn at_most(recordings_max: usize) -> Self {
        let clock = Arc::new(ManualClock::default());
        let bus = Bus::local(NodeId::generate(&*clock));
        let folder = Scratch::new().unwrap();
        let recorder =
            Recorder::start(folder.path(), bus.node(), BOUNDS, Arc::<ManualClock>::clone(&clock)).unwrap();
        let socket = socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let addresses = Addresses::of(&Config::default(), socket.local_addr().unwrap()).unwrap();
        let feed = recorder.0.feed();
        let (shard, handle) =
            Shard::new(0, Arc::<ManualClock>::clone(&clock), socket, addresses, feed).unwrap();
        let _ended = shard.start().unwrap();
        let requests = bus.serve(&RecordingService(bus.node())).await.unwrap();
        let deps = Deps { bus, clock: Arc::<ManualClock>::clone(&clock) };
        let (sender, finished) = mpsc::channel(FINISHED_MAX);
        let config = RecordingConfig { recordings_max, ..RecordingConfig::default() };
        let recordings = Recordings::new(&config, Some(recorder), sender);
        let books = (recordings, Ledger::new(Arc::<ManualClock>::clone(&clock)));
        let control = Control::new(Config::default(), deps, Shutdown::default(), vec![handle], books);
        let (account, room) = (AccountId::generate(&*clock), RoomId::generate(&*clock));
        Self { clock, control, requests, finished, account, room, folder }
    }

    async fn join(&mut self) -> ConnectionId {
        let participant = Participant {
            connection_id: ConnectionId::generate(&*self.clock),
            user_id: UserId::generate(&*self.clock),
            name: "Someone".to_owned(),
            state: ParticipantState::default(),
            tracks: Vec::new(),
        };
        let id = participant.connection_id;
        let joined = self.control.join(self.account, self.room, participant, None, MediaRights::default());
        joined.await.expect("there is room");
        id
    }

    /// Asks as the api role does, and lets the control part do what follows.
    async fn ask(&mut self, account: AccountId, action: RecordingAction) -> Result<RecordingReply, Failure> {
        let request = RecordingRequest { account, room: self.room, action };
        let bus = self.control.deps.bus.clone();
        let (sender, mut answer) = tokio::sync::oneshot::channel();
        self.control.shutdown.tasks.spawn(async move {
            let answer = bus.request(&RecordingService(bus.node()), &request, ANSWER_TIME).await;
            sender.send(answer).unwrap();
        });
        let Asked { request, reply } = self.requests.next().await.unwrap();
        self.control.handle_recording(request, reply).await;
        loop {
            tokio::select! {
                answered = &mut answer => return answered.unwrap().unwrap(),
                Some(news) = self.control.recordings.next_news() => self.control.handle_recording_news(news).await,
            }
        }
    }

    async fn begin(&mut self) -> Result<RecordingId, ErrorCode> {
        let (recording, by) = (RecordingId::generate(&*self.clock), UserId::generate(&*self.clock));
        match self.ask(self.account, RecordingAction::Begin { recording, by }).await {
            Ok(RecordingReply::Begun { recording, .. }) => Ok(recording),
            Ok(RecordingReply::Stopped) => panic!("it was to begin"),
            Err(failure) => Err(failure.data.code),
        }
    }

    /// Lets the control part do what follows until the recorder has let go of a recording.
    async fn until_let_go(&mut self) {
        while self.control.sessions.get(&self.room).is_some_and(|owned| owned.recording.is_some()) {
            let news = self.control.recordings.next_news().await.unwrap();
            self.control.handle_recording_news(news).await;
        }
    }

    /// How many recordings lie on the disk.
    fn on_disk(&self) -> usize {
        let folders = |path: &Path| {
            let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.is_dir()).collect::<Vec<_>>()
        };
        folders(self.folder.path()).iter().map(|node| folders(node).len()).sum()
    }

    fn state(&self) -> State {
        self.control.state(self.room)
    }
}

#[tokio::test]
async fn a_call_of_two_is_recorded_through_the_server_until_somebody_stops_it() {
    let mut stage = Stage::new().await;
    assert_eq!(stage.begin().await, Err(ErrorCode::RECORDING_NO_CALL));
    for _ in 0..2 {
        stage.join().await;
    }
    assert_eq!((stage.state().route, stage.state().recorded), (Route::PeerToPeer, false));
    let recording = stage.begin().await.unwrap();
    assert_eq!((stage.state().route, stage.state().recorded), (Route::Server, true));
    assert_eq!(stage.begin().await, Ok(recording), "it goes on");
    let by = UserId::generate(&*stage.clock);
    let stranger = AccountId::generate(&*stage.clock);
    for action in [RecordingAction::Begin { recording, by }, RecordingAction::Stop { recording }] {
        let refused = stage.ask(stranger, action).await.unwrap_err();
        assert_eq!(refused.data.code, ErrorCode::NOT_FOUND);
    }
    let other = RecordingId::generate(&*stage.clock);
    assert_eq!(
        stage.ask(stage.account, RecordingAction::Stop { recording: other }).await,
        Ok(RecordingReply::Stopped)
    );
    assert!(stage.state().recorded, "that was another one");
    assert_eq!(
        stage.ask(stage.account, RecordingAction::Stop { recording }).await,
        Ok(RecordingReply::Stopped)
    );
    assert!(!stage.state().recorded);
    let finished = stage.finished.recv().await.unwrap();
    let manifest = finished.manifest();
    assert_eq!((manifest.recording_id, manifest.end_reason), (recording, Some(RecordingEnd::Stopped)));
    assert_eq!((manifest.account_id, manifest.room_id), (stage.account, stage.room));
}

#[tokio::test]
async fn a_recording_ends_with_its_call_and_when_it_is_as_long_as_may_be() {
    let mut stage = Stage::new().await;
    let alone = stage.join().await;
    let first = stage.begin().await.unwrap();
    let (room, longest) = (stage.room, stage.control.recordings.duration_max);
    stage.clock.advance(longest - Duration::from_millis(1));
    stage.control.look_after_recordings();
    assert!(stage.state().recorded);
    stage.clock.advance(Duration::from_millis(1));
    stage.control.look_after_recordings();
    stage.until_let_go().await;
    assert!(!stage.state().recorded);
    let finished = stage.finished.recv().await.unwrap();
    let end = (finished.manifest().recording_id, finished.manifest().end_reason);
    assert_eq!(end, (first, Some(RecordingEnd::DurationLimit)));

    let second = stage.begin().await.unwrap();
    stage.control.change(room, |session, effects| session.leave(alone, effects)).await;
    let finished = stage.finished.recv().await.unwrap();
    let end = (finished.manifest().recording_id, finished.manifest().end_reason);
    assert_eq!(end, (second, Some(RecordingEnd::CallEnded)));
    stage.join().await;
    assert!(!stage.state().recorded, "it is another call");
}

/// The call ends while the recorder makes a place for the recording.
#[tokio::test]
async fn a_recording_that_begins_after_its_call_is_over_ends_at_once() {
    let mut stage = Stage::new().await;
    stage.join().await;
    let (recording, by) = (RecordingId::generate(&*stage.clock), UserId::generate(&*stage.clock));
    let action = RecordingAction::Begin { recording, by };
    let request = RecordingRequest { account: stage.account, room: stage.room, action };
    let bus = stage.control.deps.bus.clone();
    let asking = tokio::task::LocalSet::new();
    let answer = asking.spawn_local(async move {
        bus.request(&RecordingService(bus.node()), &request, ANSWER_TIME).await.unwrap()
    });
    asking
        .run_until(async {
            let Asked { request, reply } = stage.requests.next().await.unwrap();
            stage.control.handle_recording(request, reply).await;
            let room = stage.room;
            stage.control.change(room, |session, effects| session.end(effects)).await;
            let news = stage.control.recordings.next_news().await.unwrap();
            stage.control.handle_recording_news(news).await;
            let refused = answer.await.unwrap().unwrap_err();
            assert_eq!(refused.data.code, ErrorCode::RECORDING_NO_CALL);
        })
        .await;
    while !matches!(stage.control.recordings.next_news().await, Some(News::Closed(..))) {}
    assert_eq!(stage.on_disk(), 0, "who asked was told that there is none");
}

#[tokio::test]
async fn another_recording_begins_only_when_the_last_one_has_let_go_and_both_are_kept() {
    let mut stage = Stage::new().await;
    stage.join().await;
    let first = stage.begin().await.unwrap();
    stage.control.end_recording(stage.room, RecordingEnd::Stopped);
    assert_eq!(stage.begin().await, Err(ErrorCode::RECORDING_UNAVAILABLE));
    stage.until_let_go().await;
    let second = stage.begin().await.unwrap();
    // Whoever stopped the first one is late.
    let stop = RecordingAction::Stop { recording: first };
    assert_eq!(stage.ask(stage.account, stop).await, Ok(RecordingReply::Stopped));
    let refused = RefusedByDisk {
        session: SessionId::new(stage.control.sessions[&stage.room].number),
        recording: first,
        reason: RecordingEnd::DiskFull,
    };
    stage.control.handle_recording_news(News::Refused(refused)).await;
    assert!(stage.state().recorded, "that was the first one");
    stage.control.end_recording(stage.room, RecordingEnd::Stopped);
    stage.until_let_go().await;
    for recording in [first, second] {
        assert_eq!(stage.finished.recv().await.unwrap().manifest().recording_id, recording);
    }
}

/// Nobody is told that nothing is recorded while something is.
#[tokio::test]
async fn a_call_is_said_to_be_recorded_until_its_shard_has_stopped() {
    let mut stage = Stage::new().await;
    stage.join().await;
    let recording = stage.begin().await.unwrap();
    stage.control.end_recording(stage.room, RecordingEnd::Stopped);
    assert!(stage.state().recorded, "the shard was not reached yet");
    let news = stage.control.recordings.next_news().await.unwrap();
    assert!(matches!(news, News::Silent(_, silent) if silent == recording));
    stage.control.handle_recording_news(news).await;
    assert!(!stage.state().recorded);
}

/// The recorder stands still, as with a disk that hangs.
#[tokio::test]
async fn a_recording_whose_place_comes_too_late_leaves_nothing() {
    let mut stage = Stage::new().await;
    stage.join().await;
    let clock = Arc::<ManualClock>::clone(&stage.clock);
    let node = NodeId::generate(&*clock);
    let (recorder, _refused, work) = Recorder::prepare(stage.folder.path(), node, BOUNDS, clock).unwrap();
    stage.control.recordings.recorder = Some(recorder);
    stage.control.recordings.begin_time = Duration::ZERO;
    assert_eq!(stage.begin().await, Err(ErrorCode::RECORDING_UNAVAILABLE));
    assert!(!stage.state().recorded);
    assert_eq!(stage.begin().await, Err(ErrorCode::RECORDING_UNAVAILABLE), "it hangs");
    let hung = std::thread::spawn(work);
    stage.until_let_go().await;
    assert_eq!(stage.on_disk(), 0);
    drop(stage);
    hung.join().unwrap();
}

#[tokio::test]
async fn an_account_records_no_more_than_half_of_what_a_node_may() {
    let mut stage = Stage::at_most(4).await;
    let greedy = stage.account;
    for is_recorded in [true, true, false] {
        stage.room = RoomId::generate(&*stage.clock);
        stage.join().await;
        assert_eq!(stage.begin().await.is_ok(), is_recorded);
    }
    stage.account = AccountId::generate(&*stage.clock);
    for is_recorded in [true, true, false] {
        stage.room = RoomId::generate(&*stage.clock);
        stage.join().await;
        assert_eq!(stage.begin().await.is_ok(), is_recorded);
    }
    assert_ne!(stage.account, greedy);
}

/// The process ends while something is recorded.
#[tokio::test]
async fn what_is_recorded_when_a_node_is_shut_down_ends_with_its_call() {
    let mut stage = Stage::new().await;
    stage.join().await;
    let recording = stage.begin().await.unwrap();
    let Stage { control, requests, mut finished, .. } = stage;
    drop(requests);
    let shutdown = control.shutdown.clone();
    shutdown.token.cancel();
    control.run(oneshot::channel().0).await.unwrap();
    let manifest = finished.recv().await.unwrap().manifest().clone();
    assert_eq!((manifest.recording_id, manifest.status), (recording, RecordingStatus::Ended));
    assert_eq!(manifest.end_reason, Some(RecordingEnd::CallEnded));
    assert!(finished.recv().await.is_none(), "whoever stores them knows that this was the last");
}

#[tokio::test]
async fn a_node_records_no_more_calls_than_it_may_and_none_without_a_place_for_it() {
    let mut stage = Stage::new().await;
    stage.join().await;
    stage.begin().await.unwrap();
    let busy = stage.room;
    stage.room = RoomId::generate(&*stage.clock);
    stage.join().await;
    assert_eq!(stage.begin().await, Err(ErrorCode::RECORDING_UNAVAILABLE));
    stage.control.change(busy, |session, effects| session.end(effects)).await;
    assert!(stage.begin().await.is_ok());
    stage.room = RoomId::generate(&*stage.clock);
    stage.control.recordings.recorder = None;
    stage.join().await;
    assert_eq!(stage.begin().await, Err(ErrorCode::RECORDING_UNAVAILABLE));
}

#[tokio::test]
async fn the_recording_of_a_call_that_moves_to_another_node_is_whole_and_everybody_knows_that_it_has_ended() {
    let mut stage = Stage::new().await;
    stage.join().await;
    let recording = stage.begin().await.unwrap();
    let room = stage.room;
    stage.control.leave_behind(room).await;
    assert_eq!((stage.state().recorded, stage.state().participants.len()), (false, 1));
    let finished = stage.finished.recv().await.unwrap();
    let manifest = finished.manifest();
    let end = (manifest.recording_id, manifest.status, manifest.end_reason);
    assert_eq!(end, (recording, RecordingStatus::Ended, Some(RecordingEnd::CallEnded)));
}
