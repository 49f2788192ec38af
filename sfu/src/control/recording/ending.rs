//! How a recording ends: the shard hands out no more, everybody is told, the recorder closes the files, and they are
//! measured and handed on.

use super::{News, Stage, failed};
use crate::{
    control::{Control, failure},
    recording::{Closed, FinishedRecording, Recorder},
    shard::ShardHandle,
};
use bus::Replier;
use common::{
    error::Chain,
    id::{RecordingId, RoomId},
    recording::RecordingEnd,
    subject::recording::{RecordingReply, RecordingService},
};
use sfu_core::SessionId;
use shutdown::Shutdown;
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::{sync::mpsc, task::spawn_blocking, time::sleep};
use tracing::{info, warn};

/// Who may wait until recordings have stopped. More ask again.
const STOPS_MAX: usize = 64;

/// How often files that cannot be measured are tried again.
const RETRY: Duration = Duration::from_secs(30);

/// A recording that ends.
pub(super) struct Ending {
    room: RoomId,
    recording: RecordingId,
    session: SessionId,
    shard: ShardHandle,
    reason: RecordingEnd,
    at: OffsetDateTime,
}

impl Control {
    /// Ends a recording for somebody, who is answered when nothing is recorded any more.
    pub(super) fn stop_for(
        &mut self,
        room: RoomId,
        recording: RecordingId,
        reply: Replier<RecordingService>,
    ) {
        let going = self.sessions.get(&room).and_then(|owned| owned.recording);
        if going.is_none_or(|going| going.recording != recording) {
            return reply.send(&Ok(RecordingReply::Stopped));
        }
        if self.recordings.stops.len() >= STOPS_MAX {
            return reply.send(&Err(failure::unavailable()));
        }
        self.recordings.stops.push((recording, reply));
        self.end_recording(room, RecordingEnd::Stopped);
    }

    /// Ends the recording of a session, if it is recorded. What has not begun is undone when it does.
    pub(in crate::control) fn end_recording(&mut self, room: RoomId, reason: RecordingEnd) {
        let Some(owned) = self.sessions.get_mut(&room) else { return };
        let Some(going) = &mut owned.recording else { return };
        let was = std::mem::replace(&mut going.stage, Stage::Ending);
        if was != Stage::Going {
            return;
        }
        let recording = going.recording;
        info!(room.id = %room, recording.id = %recording, ?reason, "Recording {recording} of the call in room {room} ends");
        let Some(recorder) = self.recordings.recorder.clone() else { return };
        let (session, shard) = (SessionId::new(owned.number), owned.shard.clone());
        let ending = Ending { room, recording, session, shard, reason, at: self.deps.clock.utc() };
        let out = (self.recordings.news.0.clone(), self.recordings.finished.clone());
        let shutdown = self.shutdown.clone();
        self.shutdown.tasks.spawn(ending.carry_out(recorder, out, shutdown));
    }

    /// Ends the recording of a session that goes elsewhere, where nothing is recorded: everybody is told before.
    pub(in crate::control) async fn leave_recording(&mut self, room: RoomId) {
        self.end_recording(room, RecordingEnd::CallEnded);
        self.change(room, |session, effects| session.record(false, effects)).await;
    }

    /// A shard hands out no more of a recording: everybody is told, and who has asked for it.
    pub(super) async fn handle_silent(&mut self, room: RoomId, recording: RecordingId) {
        let going = self.sessions.get(&room).and_then(|owned| owned.recording);
        if going.is_some_and(|going| going.recording == recording) {
            self.change(room, |session, effects| session.record(false, effects)).await;
        }
        for (_, reply) in self.recordings.stops.extract_if(.., |(stopped, _)| *stopped == recording) {
            reply.send(&Ok(RecordingReply::Stopped));
        }
    }

    /// The recorder has let go of a recording: another may begin.
    pub(super) fn handle_closed(&mut self, room: RoomId, recording: RecordingId) {
        if let Some(owned) = self.sessions.get_mut(&room) {
            owned.recording = owned.recording.filter(|going| going.recording != recording);
        }
        self.count_recordings();
    }

    /// Leaves nothing of a recording that has a place and is not wanted any more.
    pub(super) fn undo_recording(&self, room: RoomId, session: SessionId, recording: RecordingId) {
        let Some(recorder) = self.recordings.recorder.clone() else { return };
        let (news, at) = (self.recordings.news.0.clone(), self.deps.clock.utc());
        self.shutdown.tasks.spawn(async move {
            undo(recorder, session, (recording, at)).await;
            for news_of_it in [News::Silent(room, recording), News::Closed(room, recording)] {
                // Nobody listens any more once this node ends.
                let _ended = news.send(news_of_it).await;
            }
        });
    }
}

impl Ending {
    async fn carry_out(
        self,
        recorder: Recorder,
        (news, finished): (mpsc::Sender<News>, mpsc::Sender<FinishedRecording>),
        shutdown: Shutdown,
    ) {
        let Self { room, recording, session, shard, reason, at } = self;
        // One that does not answer hands over what nobody writes any more.
        let _unresponsive = shard.record(session, false).await;
        // Nobody listens any more once this node ends.
        let _ended = news.send(News::Silent(room, recording)).await;
        let closed = spawn_blocking(move || recorder.close(session, recording, reason, at)).await;
        let _ended = news.send(News::Closed(room, recording)).await;
        match closed {
            Ok(Some(closed)) => hand_on(Arc::new(closed), finished, &shutdown).await,
            Ok(None) => {}
            Err(error) => failed(&error),
        }
    }
}

/// Measures the files and hands them on, as soon as the disk lets them be read.
async fn hand_on(closed: Arc<Closed>, finished: mpsc::Sender<FinishedRecording>, shutdown: &Shutdown) {
    loop {
        let measured = Arc::clone(&closed);
        match spawn_blocking(move || measured.finish()).await {
            // Nobody stores it any more once this node ends; then it lies there until it starts again.
            Ok(Ok(recording)) => return drop(finished.send(recording).await),
            Ok(Err(error)) => {
                warn!(error = %Chain(&error), "The files of a recording cannot be read; will try again");
            }
            Err(error) => return failed(&error),
        }
        if shutdown.token.run_until_cancelled(sleep(RETRY)).await.is_none() {
            return;
        }
    }
}

/// Ends what has just begun and nobody knows of, and removes it.
pub(super) async fn undo(
    recorder: Recorder,
    session: SessionId,
    (recording, at): (RecordingId, OffsetDateTime),
) {
    let undone = spawn_blocking(move || {
        let closed = recorder.close(session, recording, RecordingEnd::Stopped, at);
        closed.map_or(Ok(()), |closed| closed.discard())
    });
    match undone.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            warn!(recording.id = %recording, error = %Chain(&error), "Recording {recording}, which did not begin, stays on disk");
        }
        Err(error) => failed(&error),
    }
}
