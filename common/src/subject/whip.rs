//! Between the api role and the media servers: those who publish over HTTP (WHIP, RFC 9725), and those who play what is
//! published there (WHEP, draft-ietf-wish-whep-03).
//!
//! Who publishes is a participant like any other, but no hub answers for their life; who plays is nobody to the others.
//! The node that owns the session keeps both: until they end it, fall silent or their token ends, or until an instance of
//! the api role, which any of them can tell, says that they may not stay.

use super::{Service, hub::ConnectionSelector, media::MediaRights};
use crate::{
    guest::Right,
    id::{AccountId, ConnectionId, NodeId, RoomId, UserId},
    protocol::{
        Failure,
        media::{Participant, TrackSource},
    },
    token::Standing,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use time::OffsetDateTime;

/// Requests of the api role to a media node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WhipService(pub NodeId);

/// See [`WhipService`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WhipRequest {
    /// The tenant: a request for a session that is another account's is refused.
    pub account: AccountId,
    /// The room whose media session it is about.
    pub room: RoomId,
    /// What to do.
    pub action: WhipAction,
}

/// What is asked of a media node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum WhipAction {
    /// Enter the media session, opening it if need be, and publish.
    Publish {
        /// Who enters, under a connection id that nobody has had: the id of the WHIP session.
        participant: Participant,
        /// What they may do in the media session.
        rights: MediaRights,
        /// By what they were let in.
        pass: Pass,
        /// Their offer (RFC 8866).
        sdp: String,
        /// Where pictures come from: the camera or the screen, and sound likewise.
        picture: TrackSource,
    },
    /// Be sent what somebody in the media session sends, opening it if need be, without being there to the others.
    Play {
        /// The id of the WHEP session, which nobody has had.
        session: ConnectionId,
        /// Who plays.
        user: UserId,
        /// By what they were let in.
        pass: Pass,
        /// Their offer (RFC 8866).
        sdp: String,
        /// Whose sound and pictures; of whoever is featured if that is not said.
        of: Option<UserId>,
    },
    /// More candidates of a client, or ICE anew.
    Patch {
        /// The session.
        session: ConnectionId,
        /// Which of the two it is; of one of the other kind there is none by this name.
        #[serde(default)]
        direction: Direction,
        /// Who asks.
        user: UserId,
        /// In which ICE session they believe to be.
        if_match: IfMatch,
        /// What they say of themselves (RFC 8840, section 9).
        fragment: String,
    },
    /// End a session.
    End {
        /// The session.
        session: ConnectionId,
        /// Which of the two it is; of one of the other kind there is none by this name.
        #[serde(default)]
        direction: Direction,
        /// Who asks.
        user: UserId,
    },
    /// End those of the room whose holders are taken out of it.
    Remove {
        /// Whose, by the ids of their sessions, of users or of sign-ins.
        whom: ConnectionSelector,
    },
}

/// Which way media goes in a session over HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// The client publishes (WHIP).
    #[default]
    Publishes,
    /// The client plays (WHEP).
    Plays,
}

/// The ICE session that a request is about (RFC 9110, section 13.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IfMatch {
    /// Whichever there is.
    Any,
    /// One with any of these tags.
    Tags(Vec<String>),
}

/// A media node's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhipReply {
    /// They publish, or play.
    Published {
        /// The answer to the offer, with all candidates.
        sdp: String,
        /// The tag of the ICE session.
        tag: String,
    },
    /// ICE begins anew.
    Restarted {
        /// How the server is reached from now on (RFC 8840, section 9).
        fragment: String,
        /// The tag of the new ICE session.
        tag: String,
    },
    /// It is done.
    Done,
    /// As many sessions were ended.
    Removed(u32),
    /// The request was about an ICE session that is not the present one.
    OtherIceSession,
    /// Another node owns the media session: ask there.
    Moved {
        /// The node that has it.
        owner: NodeId,
    },
}

impl Service for WhipService {
    type Request = WhipRequest;
    type Reply = Result<WhipReply, Failure>;
    fn name(&self) -> String {
        format!("media.whip.{}", self.0)
    }
}

/// By what somebody was let in, to be looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// What the token says.
    pub holder: PassHolder,
    /// When the token ceases to be good, and the session ends.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PassHolder {
    /// A person's.
    Person(Standing),
    /// A guest's.
    Guest {
        /// What it allows in its room.
        rights: BTreeSet<Right>,
        /// When it was signed.
        #[serde(with = "time::serde::rfc3339")]
        issued_at: OffsetDateTime,
    },
}

/// A media node's question to the api role: which of these sessions over HTTP must end, because their holders may not be
/// in the room any more. Every instance of the role can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StayService;

/// A session over HTTP that a media node keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// The account of the room.
    pub account: AccountId,
    /// The room whose media session it is in.
    pub room: RoomId,
    /// The session.
    pub session: ConnectionId,
    /// What they do there.
    #[serde(default)]
    pub direction: Direction,
    /// Who they are.
    pub user: UserId,
    /// By what they were let in.
    pub pass: Pass,
}

impl Service for StayService {
    type Request = Vec<Stay>;
    /// Those of them that must end.
    type Reply = Vec<ConnectionId>;
    fn name(&self) -> String {
        "media.stays".to_owned()
    }
}
