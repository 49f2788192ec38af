//! Between the hub and the media servers.
//!
//! One media node owns a room's media session, by a lease. Its control part is
//! the only authority over who is in the session and how media travels.

use super::{LeaseName, PresenceSet, Service, Topic};
use crate::{
    id::{AccountId, ConnectionId, NodeId, RoomId, UserId},
    protocol::{
        Failure,
        media::{
            Changed, Layers, Muted, Offered, Participant, PublishTrack, Published, Removed, Selection, State,
            StateChange, Subscriptions, TrackMute, TrackSource, TrackWish, Updated,
        },
        rooms::{CallParticipant, PARTICIPANTS_NAMED_MAX, RoomCall},
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The media nodes that take sessions, each under its node id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MediaNodes;

/// How busy a media node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaNode {
    /// The node that offers itself.
    pub node: NodeId,
    /// Sessions it holds.
    pub sessions: u32,
    /// Who is in them.
    #[serde(default)]
    pub participants: u32,
    /// Where it is, if that was said.
    #[serde(default)]
    pub region: Option<String>,
    /// Whether it is about to end, and takes no more sessions.
    #[serde(default)]
    pub is_draining: bool,
    /// Whether it takes sessions that others [hand over](super::media_move::MoveService).
    #[serde(default)]
    pub takes_moves: bool,
}

impl PresenceSet for MediaNodes {
    type Entry = MediaNode;
    fn name(&self) -> String {
        "media.nodes".to_owned()
    }
}

/// Held by the media node that owns a room's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionLease(pub RoomId);

impl LeaseName for SessionLease {
    fn name(&self) -> String {
        format!("media.session.{}", self.0)
    }
}

/// Requests of the hub to a media node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MediaService(pub NodeId);

/// See [`MediaService`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MediaRequest {
    /// The tenant: a request for a session that is another account's is refused.
    pub account: AccountId,
    /// The room whose session it is about.
    pub room: RoomId,
    /// What to do.
    pub action: MediaAction,
}

/// A request of the hub. Every one may be repeated without harm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum MediaAction {
    /// Enter the session, opening it if need be.
    Join {
        /// Who enters.
        participant: Participant,
        /// The hub instance it is connected to, which gets its offers and answers for its life.
        hub: NodeId,
        /// What it may do in the session.
        #[serde(default)]
        rights: MediaRights,
        /// The connection of the same user whose seat it takes over, if that has one.
        #[serde(default)]
        replaces: Option<ConnectionId>,
        /// What it says of its state, which in `participant` is that of a new one.
        #[serde(default)]
        change: StateChange,
    },
    /// Change what a participant says of itself.
    Update {
        /// Whose state it is.
        connection: ConnectionId,
        /// What of it is different from now on.
        change: StateChange,
        /// Which of its tracks are muted from now on, and which are not any more.
        #[serde(default)]
        tracks: Vec<TrackMute>,
    },
    /// Leave the session.
    Leave {
        /// Who leaves.
        connection: ConnectionId,
    },
    /// What the participant sends.
    Publish {
        /// Who sends.
        connection: ConnectionId,
        /// The participant's description (RFC 8866); none where its media goes peer to peer.
        sdp: Option<String>,
        /// The tracks.
        #[serde(default)]
        tracks: Vec<PublishTrack>,
    },
    /// The answer to a [`Offered`].
    Answer {
        /// Who answers.
        connection: ConnectionId,
        /// The offer that is answered; an answer to an older one is refused.
        revision: u64,
        /// The participant's description (RFC 8866).
        sdp: String,
    },
    /// What a participant wishes of tracks that others send.
    Subscribe {
        /// Who receives them.
        connection: ConnectionId,
        /// The tracks.
        tracks: Vec<TrackWish>,
        /// What it wishes of all others, if that is another.
        #[serde(default)]
        selection: Option<Selection>,
    },
    /// Do something to a participant, or to all, as a moderator may. Whether somebody may the hub has asked.
    Moderate {
        /// Who does. They need not be in the session.
        by: UserId,
        /// What it does.
        moderation: Moderation,
    },
    /// Look for a path to a participant anew: its network has changed.
    RestartIce {
        /// Whose path.
        connection: ConnectionId,
    },
    /// Asks for the state and the unanswered offer, after the bus was away.
    Sync {
        /// The participant whose description it is for.
        connection: ConnectionId,
    },
    /// Asks for the state, for somebody who enters the room.
    Look,
}

/// What moderators do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Moderation {
    /// Mute a track of a participant.
    Mute {
        /// Whose track.
        connection: ConnectionId,
        /// Which.
        source: TrackSource,
    },
    /// Take a participant out of the session.
    Remove {
        /// Which.
        connection: ConnectionId,
    },
    /// Let nobody else in, or anybody again.
    Lock {
        /// Whether nobody else comes in.
        locked: bool,
    },
}

/// A participant's rights in a session. The server enforces them: without all of them, the participant's media
/// never goes peer to peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SaidRights")]
pub struct MediaRights {
    /// Be seen and heard.
    pub send: bool,
    /// See and hear, and get data.
    pub receive: bool,
    /// Send data.
    pub data: bool,
}

/// As instances say them. Those from before there was data say nothing of it: it goes with media.
#[derive(Deserialize)]
struct SaidRights {
    send: bool,
    receive: bool,
    data: Option<bool>,
}

impl From<SaidRights> for MediaRights {
    fn from(said: SaidRights) -> Self {
        let SaidRights { send, receive, data } = said;
        Self { send, receive, data: data.unwrap_or(send) }
    }
}

impl Default for MediaRights {
    fn default() -> Self {
        Self { send: true, receive: true, data: true }
    }
}

impl MediaRights {
    /// Whether tracks of this source may be published.
    #[must_use]
    pub const fn may_publish(self, source: TrackSource) -> bool {
        match source {
            TrackSource::Microphone
            | TrackSource::Camera
            | TrackSource::Screen
            | TrackSource::ScreenAudio => self.send,
        }
    }
}

/// A media node's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaReply {
    /// The session as it is; for `Join`, `Look` and `Sync`.
    State {
        /// The media session as it is with the one who entered.
        state: State,
        /// The offer that `Sync`'s participant has not answered yet.
        offer: Option<Offered>,
    },
    /// The session as it is, in which one connection took over the seat of another; for `Join`.
    Replaced {
        /// The media session as it is with the one who took over.
        state: State,
    },
    /// What is published now, and the answer to the offer if there was one.
    Published(Published),
    /// It is done.
    Done,
    /// Another node owns the session: ask there.
    Moved {
        /// The media node that has the session; ask it.
        owner: NodeId,
    },
}

impl Service for MediaService {
    type Request = MediaRequest;
    type Reply = Result<MediaReply, Failure>;
    fn name(&self) -> String {
        format!("media.control.{}", self.0)
    }
}

/// A media node's question to a hub instance: which of these seats nobody sits in any more.
///
/// Whoever leaves says so once, and may not be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeatService(pub NodeId);

/// A seat in a room's session that the media node keeps for a connection of the hub instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seated {
    /// The room whose session it is in.
    pub room: RoomId,
    /// The connection that the seat is kept for.
    pub connection: ConnectionId,
}

impl Service for SeatService {
    type Request = Vec<Seated>;
    /// Those of them that are left.
    type Reply = Vec<Seated>;
    fn name(&self) -> String {
        format!("media.seats.{}", self.0)
    }
}

/// News of a room's session from its media node, to every instance with somebody in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionTopic(pub RoomId);

/// See [`SessionTopic`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionNews {
    /// For everybody in the room.
    Changed(Changed),
    /// For everybody in the room.
    Updated(Updated),
    /// For each participant: this node has the session from now on, whose state follows.
    Moved {
        /// The media node that says so.
        owner: NodeId,
    },
    /// For one participant.
    Offer {
        /// The participant that it is for.
        to: ConnectionId,
        /// What is to be answered within the time that limits name.
        offer: Offered,
    },
    /// For one participant.
    Subscriptions {
        /// The participant that it is for.
        to: ConnectionId,
        /// What it gets.
        subscriptions: Subscriptions,
    },
    /// For one participant.
    Layers {
        /// The participant that it is for.
        to: ConnectionId,
        /// What of its track is wanted.
        layers: Layers,
    },
    /// For one participant.
    Muted {
        /// The participant that it is for.
        to: ConnectionId,
        /// Which of its tracks is muted.
        muted: Muted,
    },
    /// For one participant.
    Removed {
        /// The participant that it is for: it has no seat any more.
        to: ConnectionId,
        /// Who took it away.
        removed: Removed,
    },
}

impl Topic for SessionTopic {
    type Message = SessionNews;
    fn name(&self) -> String {
        format!("media.news.{}", self.0)
    }
}

/// The media sessions of an account, each under its room and node: who is in a call where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountSessions(pub AccountId);

impl PresenceSet for AccountSessions {
    type Entry = SessionSummary;
    fn name(&self) -> String {
        format!("media.sessions.{}", self.0)
    }
}

/// Changes of [`AccountSessions`], to every instance with somebody who follows the account's rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountSessionsTopic(pub AccountId);

/// A media session, as those see it who are not in its room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// The media node that owns it.
    pub node: NodeId,
    /// Its room and who is in it; nobody, once it is over.
    pub call: RoomCall,
    /// That of its [`State`]: what is heard late counts for nothing.
    pub revision: u64,
}

impl SessionSummary {
    /// Sums up a session: each user once, however many devices they take part with.
    pub fn of(node: NodeId, room_id: RoomId, state: &State) -> Self {
        let mut users = BTreeSet::new();
        let each = state.participants.iter().filter(|participant| users.insert(participant.user_id));
        let mut participants: Vec<CallParticipant> = each
            .map(|Participant { user_id, name, .. }| CallParticipant {
                user_id: *user_id,
                name: name.clone(),
            })
            .collect();
        let participant_count = u32::try_from(participants.len()).unwrap_or(u32::MAX);
        participants.truncate(PARTICIPANTS_NAMED_MAX);
        let call = RoomCall { room_id, participant_count, participants };
        Self { node, call, revision: state.revision }
    }
}

impl Topic for AccountSessionsTopic {
    type Message = SessionSummary;
    fn name(&self) -> String {
        format!("media.account.{}", self.0)
    }
}

/// The living hub instances. A media node drops participants whose hub is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HubNodes;

impl PresenceSet for HubNodes {
    type Entry = NodeId;
    fn name(&self) -> String {
        "hub.nodes".to_owned()
    }
}
