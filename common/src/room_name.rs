//! Names by which rooms are joined: free text that an account's clients agree on, such as `cursors:board 7`.

use crate::{
    id::{AccountId, RoomId},
    protocol::room::RoomClass,
};
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// The longest name by which a room is joined, in bytes of UTF-8.
pub const ROOM_NAME_BYTES_MAX: usize = 255;

/// A name by which a room is joined: 1 to [`ROOM_NAME_BYTES_MAX`] bytes of UTF-8 in Unicode's normalization form C,
/// without control characters and without those that change the direction of what follows.
///
/// Two people who type the same name on different keyboards mean the same room, so names are brought into one form; what
/// cannot be seen is refused, so that no two names look alike for its sake. Upper and lower case are told apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(String);

/// Why a text is no name of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoomNameError {
    /// It has no visible character.
    #[error("the name of the room must not be empty")]
    Empty,
    /// It is longer than [`ROOM_NAME_BYTES_MAX`].
    #[error("the name of the room is longer than {ROOM_NAME_BYTES_MAX} bytes")]
    TooLong,
    /// It has a character that cannot be seen: a control character, or one that changes the direction of text.
    #[error("the name of the room has characters that cannot be seen")]
    Unseen,
}

impl RoomName {
    /// Checks a name and brings it into its one form.
    ///
    /// # Errors
    /// [`RoomNameError`].
    pub fn parse(text: &str) -> Result<Self, RoomNameError> {
        // Before it is normalised, which may make it longer: a flood is refused for what it is.
        if text.len() > ROOM_NAME_BYTES_MAX {
            return Err(RoomNameError::TooLong);
        }
        if text.chars().any(is_unseen) {
            return Err(RoomNameError::Unseen);
        }
        let name: String = text.trim().nfc().collect();
        match name.len() {
            0 => Err(RoomNameError::Empty),
            1..=ROOM_NAME_BYTES_MAX => Ok(Self(name)),
            _ => Err(RoomNameError::TooLong),
        }
    }

    /// The name in its one form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the account's room of this name that has no row in the store (UUIDv5, RFC 9562, section 5.5): every
    /// instance comes to the same without asking anybody. Rows have UUIDv7, so neither is ever taken for the other.
    pub fn id(&self, account: AccountId, class: RoomClass) -> RoomId {
        let kind = match class {
            RoomClass::Ephemeral => "ephemeral",
            RoomClass::Recent => "recent",
            RoomClass::Durable => "durable",
        };
        RoomId::from_uuid(Uuid::new_v5(&account.as_uuid(), format!("{kind}:{}", self.0).as_bytes()))
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Control characters, and those of Unicode that are invisible: marks, embeddings, overrides and isolates of direction,
/// characters of no width, ends of line.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RoomName {
        RoomName::parse(text).unwrap()
    }

    #[test]
    fn the_same_name_typed_in_two_ways_is_one_room() {
        let account = AccountId::from_uuid(Uuid::from_u128(1));
        let (composed, apart) = (name("caf\u{e9}"), name(" cafe\u{301} "));
        assert_eq!(composed, apart);
        assert_eq!(composed.id(account, RoomClass::Recent), apart.id(account, RoomClass::Recent));
        assert_ne!(name("Board"), name("board"), "case is told apart");
    }

    #[test]
    fn every_account_class_and_name_has_a_room_of_its_own_and_none_is_a_row_s() {
        let accounts = [1, 2].map(|n| AccountId::from_uuid(Uuid::from_u128(n)));
        let mut ids = std::collections::BTreeSet::new();
        for account in accounts {
            for class in [RoomClass::Ephemeral, RoomClass::Recent, RoomClass::Durable] {
                for text in ["a", "b", "ephemeral:a", "0199b2a0-7c00-7000-8000-000000e00000"] {
                    let id = name(text).id(account, class);
                    assert_eq!(id.as_uuid().get_version_num(), 5);
                    ids.insert(id);
                }
            }
        }
        assert_eq!(ids.len(), 2 * 3 * 4);
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        for unseen in
            ["a\0b", "\u{202e}evil", "a\u{200b}b", "line\n", "\u{feff}x", "\u{2066}x\u{2069}", "\u{7f}"]
        {
            assert_eq!(RoomName::parse(unseen), Err(RoomNameError::Unseen), "{unseen:?}");
        }
        for empty in ["", "   ", "\u{a0}"] {
            assert_eq!(RoomName::parse(empty), Err(RoomNameError::Empty), "{empty:?}");
        }
        assert_eq!(name("realtime:مرحبا 👋").as_str(), "realtime:مرحبا 👋");
    }

    #[test]
    fn a_name_has_255_bytes_at_most_in_its_one_form_too() {
        assert_eq!(name(&"x".repeat(255)).as_str().len(), 255);
        assert_eq!(RoomName::parse(&"x".repeat(256)), Err(RoomNameError::TooLong));
        // U+0958 becomes two characters of three bytes each.
        assert_eq!(RoomName::parse(&"\u{958}".repeat(85)), Err(RoomNameError::TooLong));
    }
}
