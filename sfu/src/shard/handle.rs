//! Commanding a shard from the asynchronous side.

use super::command::{Command, Listener};
use crate::tcp::Newcomer;
use common::{
    id::ConnectionId,
    protocol::media::{Selection, TrackWish},
    statistics::MediaStatistics,
    subject::media::MediaRights,
};
use sfu_core::{AnswerError, Cast, Offer, SdpError, SessionId, recording::StreamId, sdp::parse::Remote};
use std::{os::unix::net::UnixDatagram, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// How long a command may take from being given to being done.
///
/// A healthy shard takes a few milliseconds. Longer would let one that hangs
/// pile up requests; the hub's own deadline must be longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3);

/// The way to one shard.
#[derive(Debug, Clone)]
pub(crate) struct ShardHandle {
    commands: mpsc::Sender<Command>,
    newcomers: mpsc::Sender<Newcomer>,
    waker: Arc<UnixDatagram>,
}

/// The shard did not do it in time, or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the media shard does not answer")]
pub(crate) struct Unresponsive;

impl ShardHandle {
    pub(crate) fn new(
        commands: mpsc::Sender<Command>,
        newcomers: mpsc::Sender<Newcomer>,
        waker: UnixDatagram,
    ) -> Self {
        Self { commands, newcomers, waker: Arc::new(waker) }
    }

    /// Gives it a TCP connection that asks for it, without waiting for anybody.
    pub(crate) fn welcome(&self, newcomer: Newcomer) -> Result<(), Unresponsive> {
        self.newcomers.try_send(newcomer).map_err(|_full_or_ended| Unresponsive)?;
        self.wake();
        Ok(())
    }

    /// Lets `participant` in with these rights; what concerns it is told to `listener`.
    pub(crate) async fn join(
        &self,
        session: SessionId,
        participant: ConnectionId,
        rights: MediaRights,
        listener: Listener,
    ) -> Result<(), Unresponsive> {
        self.give(Command::Join { session, participant, rights, listener }).await
    }

    /// Lets `participant` go whose `stay` is over.
    pub(crate) async fn leave(&self, participant: ConnectionId, stay: u64) -> Result<(), Unresponsive> {
        self.give(Command::Leave { participant, stay }).await
    }

    /// Orders an offer of what `participant` sends to be answered, before all that is ordered later, and without waiting
    /// for anybody. What it returns waits for the answer.
    pub(crate) fn publish(
        &self,
        participant: ConnectionId,
        offer: Remote,
    ) -> Result<impl Future<Output = Result<Result<String, SdpError>, Unresponsive>> + use<>, Unresponsive>
    {
        self.order(move |reply| Command::Publish { participant, offer, reply })
    }

    /// Orders an offer of what `participant` receives as a player to be answered, likewise.
    pub(crate) fn play(
        &self,
        participant: ConnectionId,
        offer: Remote,
    ) -> Result<impl Future<Output = Result<Result<String, SdpError>, Unresponsive>> + use<>, Unresponsive>
    {
        self.order(move |reply| Command::Play { participant, offer, reply })
    }

    /// Has it show these players this.
    pub(crate) async fn cast(&self, players: Vec<ConnectionId>, cast: Cast) -> Result<(), Unresponsive> {
        self.give(Command::Cast { players, cast }).await
    }

    /// Takes the answer to offer `revision`.
    pub(crate) async fn answer(
        &self,
        participant: ConnectionId,
        revision: u64,
        answer: Remote,
    ) -> Result<Result<(), AnswerError>, Unresponsive> {
        self.ask(|reply| Command::Answer { participant, revision, answer, reply }).await
    }

    /// The offer that `participant` has not answered yet.
    pub(crate) async fn pending_offer(
        &self,
        participant: ConnectionId,
    ) -> Result<Option<Offer>, Unresponsive> {
        self.ask(|reply| Command::PendingOffer { participant, reply }).await
    }

    /// Has it send `participant` no more than this, whatever was wished before.
    pub(crate) async fn set_wishes(
        &self,
        participant: ConnectionId,
        wishes: Vec<TrackWish>,
        selection: Selection,
    ) -> Result<(), Unresponsive> {
        self.give(Command::SetWishes { participant, wishes, selection }).await
    }

    /// Has it hand out what comes in a session from now on, or no more.
    pub(crate) async fn record(&self, session: SessionId, is_recorded: bool) -> Result<(), Unresponsive> {
        self.ask(|reply| Command::Record { session, is_recorded, reply }).await
    }

    /// Has it ask for a key frame of a track that is recorded, unless so much waits for it that this can wait, too.
    pub(crate) fn want_recorded_key_frame(&self, stream: StreamId, encoding: usize) {
        if self.commands.try_send(Command::WantRecordedKeyFrame { stream, encoding }).is_ok() {
            self.wake();
        }
    }

    /// Has it know that `participant` speaks, or does no longer.
    pub(crate) async fn set_speaking(
        &self,
        participant: ConnectionId,
        speaks: bool,
    ) -> Result<(), Unresponsive> {
        self.give(Command::SetSpeaking { participant, speaks }).await
    }

    /// Has it say again what `participant` gets, and what is wanted of what it sends.
    pub(crate) async fn tell_layers(&self, participant: ConnectionId) -> Result<(), Unresponsive> {
        self.give(Command::TellLayers { participant }).await
    }

    /// Has it look for a path to a participant anew.
    pub(crate) async fn restart_ice(&self, participant: ConnectionId) -> Result<(), Unresponsive> {
        self.give(Command::RestartIce { participant }).await
    }

    /// What is measured of participants' media, in their order; nothing of those who are not there. `receives` says that
    /// what they receive is wanted, too.
    pub(crate) async fn measure(
        &self,
        participants: Vec<ConnectionId>,
        receives: bool,
    ) -> Result<Vec<Option<MediaStatistics>>, Unresponsive> {
        self.ask(|reply| Command::Measure { participants, receives, reply }).await
    }

    /// Ends the shard's thread.
    pub(crate) async fn stop(&self) -> Result<(), Unresponsive> {
        self.give(Command::Stop).await
    }

    /// Orders something without waiting. What it returns waits for the answer.
    fn order<T, C: FnOnce(oneshot::Sender<T>) -> Command>(
        &self,
        command: C,
    ) -> Result<impl Future<Output = Result<T, Unresponsive>> + use<T, C>, Unresponsive> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(command(reply)).map_err(|_full_or_ended| Unresponsive)?;
        self.wake();
        Ok(async {
            let answer = timeout(DEADLINE, answer).await.map_err(|_| Unresponsive)?;
            answer.map_err(|_| Unresponsive)
        })
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Unresponsive> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.give(command(reply)).await?;
            answer.await.map_err(|_| Unresponsive)
        };
        timeout(DEADLINE, asked).await.map_err(|_| Unresponsive)?
    }

    async fn give(&self, command: Command) -> Result<(), Unresponsive> {
        let given = self.commands.send(command);
        timeout(DEADLINE, given).await.map_err(|_| Unresponsive)?.map_err(|_| Unresponsive)?;
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        // A full socket means that the shard has been woken and not looked yet.
        let _ = self.waker.send(&[0]);
    }
}
