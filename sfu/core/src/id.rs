//! What the things of one engine are called.
//!
//! Each key means one thing for ever: the slot of what is gone is used again, under another key.

use slotmap::new_key_type;

new_key_type! {
    /// One participant's stay in a session.
    pub(crate) struct ParticipantId;
    /// One of a participant's transports.
    pub(crate) struct TransportId;
    /// A track that a participant sends.
    pub(crate) struct PublicationId;
    /// One of the streams in which a participant sends a track: receivers get one of them.
    pub(crate) struct EncodingId;
    /// A track that a participant receives.
    pub(crate) struct SubscriptionId;
}

/// A session, by the number that the engine's owner gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    /// The session of this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number that the owner gave it.
    pub const fn number(self) -> u64 {
        self.0
    }
}
