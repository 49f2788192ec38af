//! What a shard can be told to do, and what it tells.

use common::{
    id::ConnectionId,
    protocol::media::{Selection, TrackWish},
    statistics::MediaStatistics,
    subject::media::MediaRights,
};
use sfu_core::{
    AnswerError, Cast, MediaEvent, Offer, SdpError, SessionId, recording::StreamId, sdp::parse::Remote,
};
use tokio::sync::{mpsc, oneshot};

/// What a shard is told to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Let a participant into a session.
    Join {
        session: SessionId,
        participant: ConnectionId,
        /// Whether it is offered what others send, and what it sends is passed on.
        rights: MediaRights,
        /// Who is told what concerns the participant.
        listener: Listener,
    },
    /// Let a participant go, unless another stay has begun meanwhile.
    Leave {
        participant: ConnectionId,
        /// Which stay is over.
        stay: u64,
    },
    /// Answer an offer of what a participant sends.
    Publish {
        participant: ConnectionId,
        /// The offer, read beside the packet loop: reading takes longer than many packets.
        offer: Remote,
        /// Takes the answer.
        reply: oneshot::Sender<Result<String, SdpError>>,
    },
    /// Answer an offer of what a player receives.
    Play {
        participant: ConnectionId,
        /// The offer, likewise.
        offer: Remote,
        /// Takes the answer.
        reply: oneshot::Sender<Result<String, SdpError>>,
    },
    /// Show these players this.
    Cast { players: Vec<ConnectionId>, cast: Cast },
    /// Take the answer to an offer.
    Answer {
        participant: ConnectionId,
        revision: u64,
        /// The answer, likewise.
        answer: Remote,
        /// Takes the outcome.
        reply: oneshot::Sender<Result<(), AnswerError>>,
    },
    /// Send a participant no more than it wishes.
    SetWishes {
        participant: ConnectionId,
        /// Of each track of which it has said anything.
        wishes: Vec<TrackWish>,
        /// Of all others.
        selection: Selection,
    },
    /// Hand out what comes in a session from now on, or do no more.
    Record {
        session: SessionId,
        is_recorded: bool,
        /// Takes note that it does: what was handed out is on its way.
        reply: oneshot::Sender<()>,
    },
    /// Ask for a key frame of an encoding of a track that is recorded.
    WantRecordedKeyFrame { stream: StreamId, encoding: usize },
    /// A participant speaks, or does no longer.
    SetSpeaking { participant: ConnectionId, speaks: bool },
    /// Say again what a participant gets, and what is wanted of what it sends.
    TellLayers { participant: ConnectionId },
    /// Look for a path to a participant anew.
    RestartIce { participant: ConnectionId },
    /// Say which offer is not answered yet.
    PendingOffer {
        participant: ConnectionId,
        /// Takes the offer.
        reply: oneshot::Sender<Option<Offer>>,
    },
    /// Say what is measured of participants' media.
    Measure {
        participants: Vec<ConnectionId>,
        /// Of what they receive, too.
        receives: bool,
        /// Takes it, in their order; nothing of those who are not there.
        reply: oneshot::Sender<Vec<Option<MediaStatistics>>>,
    },
    /// End.
    Stop,
}

/// Who is told what concerns one participant.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    /// Comes back with every notice. Who leaves and comes again gets another
    /// one, so that what was said about the earlier stay can be told apart.
    pub(crate) stay: u64,
    pub(crate) notices: mpsc::Sender<Notice>,
}

/// What a shard tells about a participant.
#[derive(Debug)]
pub(crate) struct Notice {
    /// Which stay of the participant it is about.
    pub(crate) stay: u64,
    /// What happened.
    pub(crate) event: MediaEvent,
}
