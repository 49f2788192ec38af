//! Recording the media session of a room, as the api role asks for it: begun and ended in the session's order, while
//! the recorder does beside this task what waits for the disk.

use super::{Control, Owned, failure};
use crate::{
    config::RecordingConfig,
    recording::{Begin, FinishedRecording, Recorder, Refused},
    shard::ShardHandle,
};
use bus::Replier;
use common::{
    clock::Clock,
    error::Chain,
    id::{NodeId, RecordingId, RoomId, UserId},
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
};
use tracing::{info, warn};

/// News of recordings that may wait. Whoever has more waits beside, and who asked for it with them.
const NEWS_MAX: usize = 64;

/// Recordings that have ended, until somebody stores them. Those that find no room wait on disk.
pub(crate) const FINISHED_MAX: usize = 64;

/// The recordings of this node.
pub(crate) struct Recordings {
    /// None where nothing is recorded.
    recorder: Option<Recorder>,
    /// Whose recording the disk ends.
    refused: Option<mpsc::Receiver<(SessionId, RecordingEnd)>>,
    finished: mpsc::Sender<FinishedRecording>,
    news: (mpsc::Sender<Begun>, mpsc::Receiver<Begun>),
    duration_max: Duration,
    recordings_max: usize,
}

/// A recording of a session that goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Going {
    recording: RecordingId,
    by: UserId,
    at: OffsetDateTime,
    began: Instant,
    /// Whether there is a place for it on disk. Until then nothing is recorded, and nobody told.
    has_begun: bool,
}

/// The recorder has a place for a recording, or has none.
pub(super) struct Begun {
    room: RoomId,
    going: Going,
    session: SessionId,
    shard: ShardHandle,
    outcome: Result<(), Refused>,
    reply: Replier<RecordingService>,
}

/// What was found out beside the control part.
pub(super) enum News {
    Begun(Box<Begun>),
    /// The disk takes no more of a session.
    Refused(SessionId, RecordingEnd),
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
        recorder: Option<(Recorder, mpsc::Receiver<(SessionId, RecordingEnd)>)>,
        finished: mpsc::Sender<FinishedRecording>,
    ) -> Self {
        let (recorder, refused) = recorder.unzip();
        Self {
            recorder,
            refused,
            finished,
            news: mpsc::channel(NEWS_MAX),
            duration_max: Duration::from_secs(config.duration_max_s),
            recordings_max: config.recordings_max,
        }
    }

    pub(super) async fn next_news(&mut self) -> Option<News> {
        let refused = OptionFuture::from(self.refused.as_mut().map(mpsc::Receiver::recv));
        tokio::select! {
            Some(begun) = self.news.1.recv() => Some(News::Begun(Box::new(begun))),
            Some(Some((session, reason))) = refused => Some(News::Refused(session, reason)),
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
            RecordingAction::Stop { recording } => {
                let owned = self.sessions.get(&room);
                if owned.and_then(|owned| owned.recording).is_some_and(|going| going.recording == recording) {
                    self.stop_recording(room, RecordingEnd::Stopped).await;
                }
                reply.send(&Ok(RecordingReply::Stopped));
            }
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
        let at_once = self.sessions.values().filter(|owned| owned.recording.is_some()).count();
        let Some(owned) = self.sessions.get_mut(&room) else {
            return reply.send(&Err(failure::no_call()));
        };
        match owned.recording {
            Some(going) if going.has_begun => return reply.send(&Ok(going.begun(node))),
            // Whoever asked first has it in a moment.
            Some(_) => return reply.send(&Err(failure::unavailable())),
            None => {}
        }
        let Some(recorder) = self.recordings.recorder.clone() else {
            return reply.send(&Err(failure::no_recorder()));
        };
        if at_once >= self.recordings.recordings_max {
            return reply.send(&Err(failure::too_many_recordings()));
        }
        let clock: &dyn Clock = &*self.deps.clock;
        let (at, began) = (clock.utc(), clock.now());
        let going = Going { recording, by, at, began, has_begun: false };
        owned.recording = Some(going);
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
        let news = self.recordings.news.0.clone();
        self.shutdown.tasks.spawn(async move {
            let outcome = recorder.begin(session, begin).await;
            // Nobody listens any more once this node ends.
            let _ended = news.send(Begun { room, going, session, shard, outcome, reply }).await;
        });
    }

    pub(super) async fn handle_recording_news(&mut self, news: News) {
        match news {
            News::Begun(begun) => self.handle_begun(*begun).await,
            News::Refused(session, reason) => {
                let mut all = self.sessions.iter();
                let recorded = all.find(|(_, owned)| SessionId::new(owned.number) == session);
                if let Some(room) = recorded.map(|(room, _)| *room) {
                    self.stop_recording(room, reason).await;
                }
            }
        }
    }

    /// There is a place for a recording: from now on the shard hands out what comes, and everybody is told.
    async fn handle_begun(&mut self, begun: Begun) {
        let Begun { room, mut going, session, shard, outcome, reply } = begun;
        let (recording, owned) = (going.recording, self.sessions.get_mut(&room));
        let slot = owned.and_then(|owned| owned.recording.as_mut()).filter(|it| it.recording == recording);
        let Some(slot) = slot else {
            // Stopped, or the call was over, before it began.
            if outcome.is_ok() {
                self.finish_recording(session, shard, RecordingEnd::CallEnded);
            }
            return reply.send(&Err(failure::no_call()));
        };
        if let Err(refused) = outcome {
            if let Some(owned) = self.sessions.get_mut(&room) {
                owned.recording = None;
            }
            warn!(room.id = %room, error = %Chain(&refused), "The call in room {room} cannot be recorded");
            return reply.send(&Err(failure::refused_recording(&refused)));
        }
        going.has_begun = true;
        *slot = going;
        info!(room.id = %room, recording.id = %recording, "Recording {recording} of the call in room {room} begins");
        self.change(room, |session, effects| session.record(true, effects)).await;
        if shard.record(session, true).await.is_err() {
            self.stop_recording(room, RecordingEnd::CallEnded).await;
            return reply.send(&Err(failure::unavailable()));
        }
        self.count_recordings();
        reply.send(&Ok(going.begun(self.deps.bus.node())));
    }

    /// Ends recordings that are as long as one may be.
    pub(super) async fn look_after_recordings(&mut self) {
        let (now, longest) = (self.deps.clock.now(), self.recordings.duration_max);
        let is_over = |going: Going| going.has_begun && now.saturating_duration_since(going.began) >= longest;
        let all = self.sessions.iter();
        let over = all.filter(|(_, owned)| owned.recording.is_some_and(is_over)).map(|(room, _)| *room);
        for room in over.collect::<Vec<_>>() {
            self.stop_recording(room, RecordingEnd::DurationLimit).await;
        }
        self.count_recordings();
    }

    /// Records a session no more, and tells everybody in it.
    pub(super) async fn stop_recording(&mut self, room: RoomId, reason: RecordingEnd) {
        self.end_recording(room, reason);
        self.change(room, |session, effects| session.record(false, effects)).await;
    }

    /// Ends the recording of a session, if it is recorded. What has not begun is ended when it does.
    pub(super) fn end_recording(&mut self, room: RoomId, reason: RecordingEnd) {
        let Some(owned) = self.sessions.get_mut(&room) else { return };
        let Some(going) = owned.recording.take() else { return };
        let recording = going.recording;
        info!(room.id = %room, recording.id = %recording, ?reason, "Recording {recording} of the call in room {room} ends");
        if going.has_begun {
            let (session, shard) = (SessionId::new(owned.number), owned.shard.clone());
            self.finish_recording(session, shard, reason);
        }
    }

    /// Has the files finished and handed on, which takes as long as the disk does.
    fn finish_recording(&self, session: SessionId, shard: ShardHandle, reason: RecordingEnd) {
        let Some(recorder) = self.recordings.recorder.clone() else { return };
        let finished = self.recordings.finished.clone();
        let at = self.deps.clock.utc();
        self.shutdown.tasks.spawn(async move {
            // One that does not answer hands over what nobody writes any more.
            let _unresponsive = shard.record(session, false).await;
            match spawn_blocking(move || recorder.end(session, reason, at)).await {
                // Nobody stores it any more once this node ends; then it lies there until it starts again.
                Ok(Ok(Some(recording))) => drop(finished.send(recording).await),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => {
                    warn!(error = %Chain(&error), "The files of a recording cannot be read; will try again after a restart");
                }
                Err(error) => failed(&error),
            }
        });
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
