//! Recording the media session of a room, as the api role asks for it: begun and ended in the session's order, while
//! the recorder does beside this task what waits for the disk.
//!
//! A session has one recording at a time, which goes through the stages of [`Stage`]; the next one begins only when the
//! recorder has let go of it. [`ending`] is its second half.

mod ending;

use super::{Control, Owned, failure};
use crate::{
    config::RecordingConfig,
    recording::{Begin, FinishedRecording, Recorder, Refused, RefusedByDisk},
    shard::ShardHandle,
};
use bus::Replier;
use common::{
    clock::Clock,
    error::Chain,
    id::{AccountId, NodeId, RecordingId, RoomId, UserId},
    protocol::media::State,
    recording::{Manifest, RecordingEnd, RecordingStatus},
    subject::recording::{RecordingAction, RecordingReply, RecordingRequest, RecordingService},
};
use futures_util::future::OptionFuture;
use sfu_core::SessionId;
use shutdown::Shutdown;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio::{
    sync::mpsc,
    task::{JoinError, spawn_blocking},
    time::timeout,
};
use tracing::{info, warn};

/// News of recordings that may wait. Whoever has more waits beside, and who asked for it with them.
const NEWS_MAX: usize = 64;

/// Recordings that have ended, until somebody stores them. Those that find no room wait on disk.
pub(crate) const FINISHED_MAX: usize = 64;

/// How long the disk may take to make a place for a recording. Sooner than whoever asks for it gives up: what begins
/// later would be known to nobody.
const BEGIN_TIME: Duration = Duration::from_secs(3);

/// The recordings of this node.
pub(crate) struct Recordings {
    /// None where nothing is recorded.
    recorder: Option<Recorder>,
    /// Whose recording the disk ends.
    refused: Option<mpsc::Receiver<RefusedByDisk>>,
    finished: mpsc::Sender<FinishedRecording>,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    /// Who waits until a recording has stopped.
    stops: Vec<(RecordingId, Replier<RecordingService>)>,
    begin_time: Duration,
    duration_max: Duration,
    recordings_max: usize,
}

/// A recording of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Going {
    recording: RecordingId,
    by: UserId,
    at: OffsetDateTime,
    began: Instant,
    stage: Stage,
}

/// How far a recording has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The recorder makes a place for it. Until then nothing is recorded, and nobody told.
    Preparing,
    /// What comes is recorded, and everybody knows.
    Going,
    /// It is over, and the recorder has not let go of it.
    Ending,
}

/// The recorder has a place for a recording, or has none.
pub(super) struct Begun {
    room: RoomId,
    recording: RecordingId,
    session: SessionId,
    shard: ShardHandle,
    outcome: Result<(), Refused>,
    reply: Replier<RecordingService>,
}

/// What was found out beside the control part.
pub(super) enum News {
    Begun(Box<Begun>),
    /// The disk takes no more of a recording.
    Refused(RefusedByDisk),
    /// A shard hands out no more of a recording.
    Silent(RoomId, RecordingId),
    /// The recorder has let go of a recording.
    Closed(RoomId, RecordingId),
}

impl Recordings {
    /// A node that records nothing.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self::new(&RecordingConfig::default(), None, mpsc::channel(1).0)
    }

    /// `recorder` writes, says whose recording the disk ends, and hands what has ended to `finished`.
    pub(crate) fn new(
        config: &RecordingConfig,
        recorder: Option<(Recorder, mpsc::Receiver<RefusedByDisk>)>,
        finished: mpsc::Sender<FinishedRecording>,
    ) -> Self {
        let (recorder, refused) = recorder.unzip();
        Self {
            recorder,
            refused,
            finished,
            news: mpsc::channel(NEWS_MAX),
            stops: Vec::new(),
            begin_time: BEGIN_TIME,
            duration_max: Duration::from_secs(config.duration_max_s),
            recordings_max: config.recordings_max,
        }
    }

    pub(super) async fn next_news(&mut self) -> Option<News> {
        let refused = OptionFuture::from(self.refused.as_mut().map(mpsc::Receiver::recv));
        tokio::select! {
            Some(news) = self.news.1.recv() => Some(news),
            Some(Some(refused)) = refused => Some(News::Refused(refused)),
            else => None,
        }
    }

    /// Who is in a session that is recorded, or was.
    pub(super) fn note_people(&self, owned: &Owned, state: &State) {
        if let (Some(recorder), Some(_)) = (&self.recorder, owned.recording) {
            let all = state.participants.iter();
            let people = all.map(|one| (one.connection_id, one.user_id, one.name.clone()));
            recorder.note_people(SessionId::new(owned.number), people.collect());
        }
    }

    /// Hands on what processes left behind here which ended in the middle.
    pub(crate) fn find_left_behind(&self, shutdown: &Shutdown) {
        let Some(recorder) = self.recorder.clone() else { return };
        let (finished, token) = (self.finished.clone(), shutdown.token.clone());
        shutdown.tasks.spawn(async move {
            let found = match spawn_blocking(move || recorder.left_behind()).await {
                Ok(Ok(found)) => found,
                Ok(Err(error)) => {
                    return warn!(error = %Chain(&error), "What was left behind of recordings cannot be read");
                }
                Err(error) => return failed(&error),
            };
            for recording in found {
                let id = recording.manifest().recording_id;
                info!(recording.id = %id, "Recording {id} was left behind and is stored now");
                if token.run_until_cancelled(finished.send(recording)).await.is_none_or(|sent| sent.is_err())
                {
                    return;
                }
            }
        });
    }
}

impl Going {
    const fn begun(&self, node: NodeId) -> RecordingReply {
        RecordingReply::Begun { recording: self.recording, by: self.by, node, at: self.at }
    }
}

impl Control {
    pub(super) async fn handle_recording(
        &mut self,
        request: RecordingRequest,
        reply: Replier<RecordingService>,
    ) {
        let RecordingRequest { account, room, action } = request;
        if self.sessions.get(&room).is_some_and(|owned| owned.account != account) {
            return reply.send(&Err(failure::not_found()));
        }
        if self.moves.is_under_way(room) {
            return reply.send(&Err(failure::unavailable()));
        }
        match action {
            RecordingAction::Begin { recording, by } => self.begin_recording(room, recording, by, reply),
            RecordingAction::Stop { recording } => self.stop_for(room, recording, reply),
        }
    }

    /// Has the recorder make a place for a recording, unless the session is recorded.
    fn begin_recording(
        &mut self,
        room: RoomId,
        recording: RecordingId,
        by: UserId,
        reply: Replier<RecordingService>,
    ) {
        let node = self.deps.bus.node();
        let Some(owned) = self.sessions.get(&room).filter(|owned| !owned.session.is_deserted()) else {
            return reply.send(&Err(failure::no_call()));
        };
        match owned.recording {
            Some(going) if going.stage == Stage::Going => return reply.send(&Ok(going.begun(node))),
            // Whoever asked first has it in a moment, or the last one is over in a moment.
            Some(_) => return reply.send(&Err(failure::recording_changes())),
            None => {}
        }
        let Some(recorder) = self.recordings.recorder.clone() else {
            return reply.send(&Err(failure::no_recorder()));
        };
        if !self.may_record_another(owned.account) {
            return reply.send(&Err(failure::too_many_recordings()));
        }
        let clock: &dyn Clock = &*self.deps.clock;
        let (at, began) = (clock.utc(), clock.now());
        let manifest = Manifest {
            recording_id: recording,
            account_id: owned.account,
            room_id: room,
            node_id: node,
            started_by: by,
            status: RecordingStatus::Recording,
            started_at: at,
            ended_at: None,
            end_reason: None,
            packets_dropped: 0,
            tracks: Vec::new(),
        };
        let (session, shard) = (SessionId::new(owned.number), owned.shard.clone());
        let begin = Begin { manifest, now: began, shard: shard.clone() };
        if let Some(owned) = self.sessions.get_mut(&room) {
            owned.recording = Some(Going { recording, by, at, began, stage: Stage::Preparing });
        }
        let (news, begin_time) = (self.recordings.news.0.clone(), self.recordings.begin_time);
        self.shutdown.tasks.spawn(async move {
            let mut begun = std::pin::pin!(recorder.begin(session, begin));
            let soon = timeout(begin_time, &mut begun).await;
            let is_late = soon.is_err();
            let outcome = soon.unwrap_or(Err(Refused::Slow));
            let told = Begun { room, recording, session, shard, outcome, reply };
            // Nobody listens any more once this node ends.
            let _ended = news.send(News::Begun(Box::new(told))).await;
            if is_late {
                if begun.await.is_ok() {
                    ending::undo(recorder.clone(), session, (recording, at)).await;
                }
                let _ended = news.send(News::Closed(room, recording)).await;
            }
        });
    }

    /// Whether there is room for another recording at all, and of this account, which has no more than half of it: the
    /// others' calls are to be recorded, too.
    fn may_record_another(&self, account: AccountId) -> bool {
        let recorded = || self.sessions.values().filter(|owned| owned.recording.is_some());
        let (all, own) = (recorded().count(), recorded().filter(|owned| owned.account == account).count());
        let most = self.recordings.recordings_max;
        all < most && own < most.div_ceil(2)
    }

    pub(super) async fn handle_recording_news(&mut self, news: News) {
        match news {
            News::Begun(begun) => self.handle_begun(*begun).await,
            News::Refused(RefusedByDisk { session, recording, reason }) => {
                let is_it = |owned: &Owned| {
                    SessionId::new(owned.number) == session
                        && owned.recording.is_some_and(|going| going.recording == recording)
                };
                let refused = self.sessions.iter().find(|(_, owned)| is_it(owned)).map(|(room, _)| *room);
                if let Some(room) = refused {
                    self.end_recording(room, reason);
                }
            }
            News::Silent(room, recording) => self.handle_silent(room, recording).await,
            News::Closed(room, recording) => self.handle_closed(room, recording),
        }
    }

    /// There is a place for a recording: from now on the shard hands out what comes, and everybody is told.
    async fn handle_begun(&mut self, begun: Begun) {
        let Begun { room, recording, session, shard, outcome, reply } = begun;
        if let Err(refused) = outcome {
            warn!(room.id = %room, error = %Chain(&refused), "The call in room {room} cannot be recorded");
            self.handle_silent(room, recording).await;
            if matches!(refused, Refused::Slow) {
                // The recorder lets go of it when the disk answers.
                self.end_recording(room, RecordingEnd::DiskFailed);
            } else {
                self.handle_closed(room, recording);
            }
            return reply.send(&Err(failure::refused_recording(&refused)));
        }
        let slot = self.sessions.get_mut(&room).and_then(|owned| owned.recording.as_mut());
        let slot = slot.filter(|going| going.recording == recording && going.stage == Stage::Preparing);
        let Some(going) = slot else {
            // Stopped, or the call was over, before it began: whoever asked is told that there is none.
            self.undo_recording(room, session, recording);
            return reply.send(&Err(failure::no_call()));
        };
        going.stage = Stage::Going;
        let begun = going.begun(self.deps.bus.node());
        info!(room.id = %room, recording.id = %recording, "Recording {recording} of the call in room {room} begins");
        self.change(room, |session, effects| session.record(true, effects)).await;
        if shard.record(session, true).await.is_err() {
            self.end_recording(room, RecordingEnd::CallEnded);
            return reply.send(&Err(failure::unavailable()));
        }
        self.count_recordings();
        reply.send(&Ok(begun));
    }

    /// Ends recordings that are as long as one may be.
    pub(super) fn look_after_recordings(&mut self) {
        let (now, longest) = (self.deps.clock.now(), self.recordings.duration_max);
        let is_over = |going: Going| {
            going.stage == Stage::Going && now.saturating_duration_since(going.began) >= longest
        };
        let all = self.sessions.iter();
        let over = all.filter(|(_, owned)| owned.recording.is_some_and(is_over)).map(|(room, _)| *room);
        for room in over.collect::<Vec<_>>() {
            self.end_recording(room, RecordingEnd::DurationLimit);
        }
        self.count_recordings();
    }

    fn count_recordings(&self) {
        let going = self.sessions.values().filter(|owned| owned.recording.is_some()).count();
        metrics::gauge!("sfu_recordings").set(f64::from(u32::try_from(going).unwrap_or(u32::MAX)));
    }
}

fn failed(error: &JoinError) {
    warn!(error = %Chain(error), "A task of recordings failed");
}

#[cfg(test)]
mod tests;
