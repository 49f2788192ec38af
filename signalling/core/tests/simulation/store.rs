//! Where messages are numbered and kept.

use common::{
    id::{RoomMessageId, UserId},
    protocol::room::RoomMessage,
};
use time::OffsetDateTime;
use uuid::Uuid;

/// Messages of one room.
#[derive(Default)]
pub(crate) struct Messages(Vec<(u128, RoomMessage)>);

impl Messages {
    /// Stores what a client calls `client_id`, or finds it stored.
    pub(crate) fn send(&mut self, client_id: u128, user: UserId) -> RoomMessage {
        if let Some((_, message)) = self.0.iter().rev().find(|(id, _)| *id == client_id) {
            return message.clone();
        }
        let message = RoomMessage {
            id: RoomMessageId::from_uuid(Uuid::from_u128(client_id)),
            seq: self.last() + 1,
            user_id: user,
            name: String::new(),
            text: String::new(),
            created_at: OffsetDateTime::UNIX_EPOCH,
        };
        self.0.push((client_id, message.clone()));
        message
    }

    /// The last number.
    pub(crate) fn last(&self) -> u64 {
        u64::try_from(self.0.len()).expect("it fits")
    }

    /// At most so many after this number, and whether there may be more.
    pub(crate) fn after(&self, seq: u64, max: usize) -> (Vec<RoomMessage>, bool) {
        let first = usize::try_from(seq).expect("it fits");
        let some: Vec<_> = self.0.iter().skip(first).take(max).map(|(_, message)| message.clone()).collect();
        let more = some.len() == max;
        (some, more)
    }
}
