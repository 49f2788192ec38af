//! The recorder: one thread that alone touches the disk, and the bounded ring by which it is reached.

use super::{
    directory::{self, NodeDirectory},
    finished::FinishedRecording,
    ongoing::{Begin, Ongoing},
};
use common::{
    clock::Clock,
    error::Chain,
    id::{ConnectionId, NodeId, RecordingId, UserId},
    recording::{Manifest, RecordingEnd},
};
use sfu_core::{
    SessionId,
    recording::{Recorded, RecordedItem},
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

/// Batches of packets and orders that may wait for the recorder. What shards have no room for is dropped and counted.
///
/// More takes more memory when the disk stands still, of about 100 KiB each; fewer lose what a disk holds up for a
/// moment.
pub(crate) const MESSAGES_MAX: usize = 256;

/// Sessions whose recording has to end because the disk takes no more, of which the control part has not been told. It
/// is told again a second later of what finds no room.
const REFUSED_MAX: usize = 16;

/// How often the recorder looks after time and disk.
const TICK: Duration = Duration::from_secs(1);

/// What the recorder is told.
#[derive(Debug)]
enum Message {
    /// Record a session.
    Begin { session: SessionId, begin: Box<Begin>, reply: oneshot::Sender<Result<(), Refused>> },
    /// Who is in a session.
    People { session: SessionId, people: Vec<(ConnectionId, UserId, String)> },
    /// Packets came; before them, so many of these sessions found no room.
    Media { recorded: Recorded, dropped: BTreeMap<SessionId, u64>, now: Instant },
    /// Record a session no more, unless by another recording.
    End {
        session: SessionId,
        recording: RecordingId,
        reason: RecordingEnd,
        at: OffsetDateTime,
        reply: oneshot::Sender<(PathBuf, Manifest)>,
    },
}

/// Where a shard puts what came of recorded sessions. Never waits.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// None where nothing is recorded.
    messages: Option<SyncSender<Message>>,
    /// Packets that found no room since something did.
    dropped: BTreeMap<SessionId, u64>,
}

impl Feed {
    /// Hands packets over, if there is room.
    pub(crate) fn give(&mut self, recorded: Recorded, now: Instant) {
        let Some(messages) = &self.messages else { return };
        let dropped = std::mem::take(&mut self.dropped);
        let refused = match messages.try_send(Message::Media { recorded, dropped, now }) {
            Ok(()) => return,
            Err(TrySendError::Full(refused) | TrySendError::Disconnected(refused)) => refused,
        };
        let Message::Media { recorded, dropped, .. } = refused else { return };
        self.dropped = dropped;
        for item in recorded.items() {
            if let RecordedItem::Packets { track, packets, .. } = item {
                let count = self.dropped.entry(track.session).or_default();
                *count = count.saturating_add(u64::try_from(packets.len()).unwrap_or(0));
            }
        }
    }
}

/// Why a recording does not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The recorder has more to do than it can, or has not let go of the session's last recording.
    #[error("the recorder does not keep up")]
    Busy,
    /// The disk did not answer in time. What begins later has to be ended.
    #[error("the disk did not answer in time")]
    Slow,
    /// The disk refused.
    #[error("the disk refused")]
    Disk(#[from] io::Error),
}

/// The disk takes no more of a recording, which has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefusedByDisk {
    /// The session that is recorded.
    pub(crate) session: SessionId,
    /// Its recording; another one of this session may have begun since.
    pub(crate) recording: RecordingId,
    /// Why.
    pub(crate) reason: RecordingEnd,
}

/// A recording whose files are written, and not measured.
#[derive(Debug)]
pub(crate) struct Closed {
    directory: PathBuf,
    manifest: Manifest,
    node: Arc<NodeDirectory>,
}

impl Closed {
    /// Measures the files. Takes as long as reading them: only for a thread that may wait. Can be tried again.
    ///
    /// # Errors
    /// The system's refusal.
    pub(crate) fn finish(&self) -> io::Result<FinishedRecording> {
        directory::finish(self.directory.clone(), self.manifest.clone(), Arc::clone(&self.node))
    }

    /// Removes them: nobody wants them.
    ///
    /// # Errors
    /// The system's refusal.
    pub(crate) fn discard(&self) -> io::Result<()> {
        directory::remove(&self.directory)
    }
}

/// The way to the recorder.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    messages: SyncSender<Message>,
    root: PathBuf,
    node: Arc<NodeDirectory>,
}

/// How much may be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Into the file of one track, in bytes.
    pub(crate) file_bytes_max: u64,
    /// What must stay free on the disk, in bytes.
    pub(crate) free_bytes_min: u64,
}

impl Recorder {
    /// Starts the thread, which ends with the last way to it. It also says whose recording has to end because the disk
    /// takes no more.
    ///
    /// # Errors
    /// The system's refusal of the directory or the thread.
    pub(crate) fn start(
        root: &Path,
        node: NodeId,
        bounds: Bounds,
        clock: Arc<dyn Clock>,
    ) -> io::Result<(Self, mpsc::Receiver<RefusedByDisk>)> {
        let (recorder, told, work) = Self::prepare(root, node, bounds, clock)?;
        thread::Builder::new().name("recorder".to_owned()).spawn(work)?;
        Ok((recorder, told))
    }

    /// The same, with what the thread is to do.
    pub(crate) fn prepare(
        root: &Path,
        node: NodeId,
        bounds: Bounds,
        clock: Arc<dyn Clock>,
    ) -> io::Result<(Self, mpsc::Receiver<RefusedByDisk>, impl FnOnce() + Send + use<>)> {
        let node = NodeDirectory::own(root, node)?;
        let (messages, inbox) = sync_channel(MESSAGES_MAX);
        let (refused, told) = mpsc::channel(REFUSED_MAX);
        let work = Work { node: Arc::clone(&node), bounds, clock, ongoing: BTreeMap::new(), refused };
        Ok((Self { messages, root: root.to_owned(), node }, told, move || work.run(&inbox)))
    }

    /// Where a shard puts what is recorded.
    pub(crate) fn feed(&self) -> Feed {
        Feed { messages: Some(self.messages.clone()), dropped: BTreeMap::new() }
    }

    /// Begins to record a session.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) async fn begin(&self, session: SessionId, begin: Begin) -> Result<(), Refused> {
        let (reply, begun) = oneshot::channel();
        let message = Message::Begin { session, begin: Box::new(begin), reply };
        self.messages.try_send(message).map_err(|_full_or_ended| Refused::Busy)?;
        begun.await.map_err(|_| Refused::Busy)?
    }

    /// Says who is in a session; whoever is not heard of has no name in the manifest.
    pub(crate) fn note_people(&self, session: SessionId, people: Vec<(ConnectionId, UserId, String)>) {
        let _full_or_ended = self.messages.try_send(Message::People { session, people });
    }

    /// Ends a recording of a session, after all that shards have handed over. Waits for room and disk: only for a thread
    /// that may. `None` if it does not go on.
    pub(crate) fn close(
        &self,
        session: SessionId,
        recording: RecordingId,
        reason: RecordingEnd,
        at: OffsetDateTime,
    ) -> Option<Closed> {
        let (reply, ended) = oneshot::channel();
        self.messages.send(Message::End { session, recording, reason, at, reply }).ok()?;
        let (directory, manifest) = ended.blocking_recv().ok()?;
        Some(Closed { directory, manifest, node: Arc::clone(&self.node) })
    }

    /// The recordings that processes left behind which ended in the middle. Takes as long as reading them: only for a
    /// thread that may wait.
    ///
    /// # Errors
    /// The system's refusal to show what is there.
    pub(crate) fn left_behind(&self) -> io::Result<Vec<FinishedRecording>> {
        directory::left_behind(&self.root)
    }
}

/// What the thread has.
struct Work {
    node: Arc<NodeDirectory>,
    bounds: Bounds,
    clock: Arc<dyn Clock>,
    ongoing: BTreeMap<SessionId, Ongoing>,
    refused: mpsc::Sender<RefusedByDisk>,
}

impl Work {
    fn run(mut self, inbox: &Receiver<Message>) {
        let mut ticked = self.clock.now();
        loop {
            match inbox.recv_timeout(TICK) {
                Ok(message) => self.handle(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = self.clock.now();
            if now.saturating_duration_since(ticked) >= TICK {
                ticked = now;
                self.handle_time(now);
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Begin { session, begin, reply } => {
                let began = self.begin(session, *begin);
                // Nobody waits any more: then it is ended like any other.
                let _gave_up = reply.send(began);
            }
            Message::People { session, people } => {
                if let Some(ongoing) = self.ongoing.get_mut(&session) {
                    ongoing.note_people(people);
                }
            }
            Message::Media { recorded, dropped, now } => {
                for (session, packets) in dropped {
                    if let Some(ongoing) = self.ongoing.get_mut(&session) {
                        ongoing.note_dropped(packets);
                    }
                }
                self.take(&recorded, now);
            }
            Message::End { session, recording, reason, at, reply } => {
                if let Entry::Occupied(entry) = self.ongoing.entry(session)
                    && entry.get().recording() == recording
                {
                    let _gave_up = reply.send(entry.remove().end(reason, at));
                }
            }
        }
    }

    fn begin(&mut self, session: SessionId, begin: Begin) -> Result<(), Refused> {
        if self.ongoing.contains_key(&session) {
            return Err(Refused::Busy);
        }
        if directory::free_bytes(self.node.path())? < self.bounds.free_bytes_min {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        let ongoing = Ongoing::begin(begin, &self.node, self.bounds.file_bytes_max)?;
        self.ongoing.insert(session, ongoing);
        Ok(())
    }

    fn take(&mut self, recorded: &Recorded, now: Instant) {
        for item in recorded.items() {
            match item {
                RecordedItem::Packets { track, encoding, sender_report, packets } => {
                    if let Some(ongoing) = self.ongoing.get_mut(&track.session) {
                        let was_refused = ongoing.refused().is_some();
                        ongoing.take((track, *encoding), *sender_report, (recorded, packets.clone()), now);
                        if let Some(reason) = ongoing.refused().filter(|_| !was_refused) {
                            // What finds no room is told again a second later.
                            let refused = ongoing.refused_with(track.session, reason);
                            let _full_or_ended = self.refused.try_send(refused);
                        }
                    }
                }
                RecordedItem::Ended { session, stream } => {
                    if let Some(ongoing) = self.ongoing.get_mut(session) {
                        ongoing.end_track(*stream);
                    }
                }
            }
        }
    }

    fn handle_time(&mut self, now: Instant) {
        if self.ongoing.is_empty() {
            return;
        }
        let has_room = match directory::free_bytes(self.node.path()) {
            Ok(free) => free >= self.bounds.free_bytes_min,
            Err(error) => {
                error!(error = %Chain(&error), "Nobody knows how full the disk of recordings is");
                true
            }
        };
        for (session, ongoing) in &mut self.ongoing {
            ongoing.handle_time(now);
            let refused = ongoing.refused().or((!has_room).then_some(RecordingEnd::DiskFull));
            let Some(reason) = refused else { continue };
            if ongoing.end_tracks(reason) {
                warn!("The disk takes no more: what is recorded ends here");
            }
            let _full_or_ended = self.refused.try_send(ongoing.refused_with(*session, reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{
        clock::ManualClock,
        id::{ConnectionId, TrackId},
        protocol::media::TrackSource,
    };
    use sfu_core::recording::{Codec, RecordedPacket, RecordedTrack, StreamId};

    /// A packet of a session.
    fn packet(clock: &ManualClock) -> Recorded {
        let track = RecordedTrack {
            stream: StreamId::new(1),
            session: SessionId::new(7),
            participant: ConnectionId::generate(clock),
            track: TrackId::generate(clock),
            source: TrackSource::Microphone,
            codec: Some(Codec::Opus),
            codec_name: "Opus",
            clock_rate: 48_000,
        };
        let packet = RecordedPacket { sequence: 1, timestamp: 0, marker: false, payload: &[0xfc] };
        let mut recorded = Recorded::default();
        recorded.add((track, 0), None, [packet].into_iter());
        recorded
    }

    /// Nobody takes anything out of the ring: were the feed to wait, this would never end.
    #[test]
    fn a_disk_that_stands_still_delays_no_packet_and_what_is_dropped_is_counted() {
        let clock = ManualClock::default();
        let (messages, inbox) = sync_channel(MESSAGES_MAX);
        let mut feed = Feed { messages: Some(messages), dropped: BTreeMap::new() };
        for _ in 0..MESSAGES_MAX + 100 {
            feed.give(packet(&clock), clock.now());
        }
        for _ in 0..MESSAGES_MAX {
            let Ok(Message::Media { dropped, .. }) = inbox.try_recv() else { panic!("packets wait") };
            assert!(dropped.is_empty());
        }
        assert!(inbox.try_recv().is_err(), "there is no more");
        feed.give(packet(&clock), clock.now());
        let Ok(Message::Media { dropped, .. }) = inbox.try_recv() else { panic!("a packet waits") };
        assert_eq!(dropped, BTreeMap::from([(SessionId::new(7), 100)]));
        feed.give(packet(&clock), clock.now());
        let Ok(Message::Media { dropped, .. }) = inbox.try_recv() else { panic!("a packet waits") };
        assert!(dropped.is_empty(), "told once");
    }
}
