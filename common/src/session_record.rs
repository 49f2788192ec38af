//! What a media node knows of its sessions, as it is written down for webhooks: who is in them, what they send, and how
//! they came to leave.

use crate::{
    id::{AccountId, ConnectionId, RoomId, TrackId, UserId},
    room_event::{EventTrack, LeaveReason},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// A media session as it is at some moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRecord {
    /// When its first participant entered.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// Who is in it.
    pub participants: BTreeMap<ConnectionId, ParticipantRecord>,
}

/// A participant as they are at some moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantRecord {
    /// Who they are.
    pub user_id: UserId,
    /// What they are called.
    pub name: String,
    /// When they entered.
    #[serde(with = "time::serde::rfc3339")]
    pub joined_at: OffsetDateTime,
    /// What they send, in the order of publication.
    pub tracks: Vec<TrackRecord>,
}

/// A track of a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackRecord {
    /// What it is.
    #[serde(flatten)]
    pub track: EventTrack,
    /// Since when it is published.
    #[serde(with = "time::serde::rfc3339")]
    pub published_at: OffsetDateTime,
}

/// One thing that happened in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionFact {
    /// Somebody entered, and sends nothing yet.
    Joined(ConnectionId, ParticipantRecord),
    /// Somebody is there no more.
    Left(ConnectionId, LeaveReason, OffsetDateTime),
    /// Somebody sends something new.
    Published(ConnectionId, TrackRecord),
    /// Somebody sends something no more.
    Unpublished(ConnectionId, TrackId, OffsetDateTime),
}

/// How a session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionStanding {
    /// It goes on, so.
    GoesOn(SessionRecord),
    /// Everybody has left since this moment.
    Over(OffsetDateTime),
    /// It goes on at another media node, or may: this one has nothing more to say.
    Elsewhere,
}

/// News of a session from the media node that owns it.
///
/// The facts are in order, and some may be missing, if too many were waiting: how it stands now is always right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionReport {
    /// Whose room it is.
    pub account: AccountId,
    /// Whose session.
    pub room: RoomId,
    /// When it began, as this node knows.
    pub started_at: OffsetDateTime,
    /// What happened since the last news.
    pub facts: Vec<SessionFact>,
    /// How it stands after that.
    pub standing: SessionStanding,
}
