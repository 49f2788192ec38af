//! Where messages, and changes of them, are numbered and kept.

use common::{
    id::{RoomMessageId, UserId},
    protocol::room::RoomMessage,
    room::RoomEntry,
};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// What happened in one room.
#[derive(Default)]
pub(crate) struct Messages {
    /// For each number, the number of the message that was new or changed.
    entries: Vec<u64>,
    /// Messages by their numbers, as they are. The text says how often it was changed.
    messages: BTreeMap<u64, RoomMessage>,
    /// Their numbers by what their clients call them.
    by_client: BTreeMap<u128, u64>,
}

impl Messages {
    /// Stores what a client calls `client_id`, or finds it stored.
    pub(crate) fn send(&mut self, client_id: u128, user: UserId) -> RoomMessage {
        if let Some(seq) = self.by_client.get(&client_id) {
            return self.messages[seq].clone();
        }
        let seq = self.last() + 1;
        let message = RoomMessage {
            id: RoomMessageId::from_uuid(Uuid::from_u128(client_id)),
            seq,
            user_id: user,
            name: String::new(),
            text: "0".to_owned(),
            created_at: OffsetDateTime::UNIX_EPOCH,
            reply_to: None,
            mentions: Vec::new(),
            attachments: Vec::new(),
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
        };
        self.by_client.insert(client_id, seq);
        self.entries.push(seq);
        self.messages.insert(seq, message.clone());
        message
    }

    /// Changes one of the messages, the earlier the larger `which` is.
    pub(crate) fn change(&mut self, which: usize) -> Option<RoomEntry> {
        let seq = self.last() + 1;
        let count = self.messages.len();
        let message = self.messages.values_mut().rev().nth(which % count.max(1))?;
        message.text = (version(message) + 1).to_string();
        self.entries.push(message.seq);
        Some(RoomEntry { seq, message: message.clone() })
    }

    /// A message as it is.
    pub(crate) fn message(&self, seq: u64) -> &RoomMessage {
        &self.messages[&seq]
    }

    /// The last number.
    pub(crate) fn last(&self) -> u64 {
        u64::try_from(self.entries.len()).expect("it fits")
    }

    /// At most so many after this number, and whether there may be more.
    pub(crate) fn after(&self, seq: u64, max: usize) -> (Vec<RoomEntry>, bool) {
        let first = usize::try_from(seq).expect("it fits");
        let numbered = (seq + 1..).zip(self.entries.iter().skip(first));
        let entry = |(seq, of): (u64, &u64)| RoomEntry { seq, message: self.messages[of].clone() };
        let some: Vec<_> = numbered.take(max).map(entry).collect();
        let more = some.len() == max;
        (some, more)
    }
}

/// How often a message was changed.
pub(crate) fn version(message: &RoomMessage) -> u64 {
    message.text.parse().expect("a number")
}
