//! Whom a user's id stands for: a person of the account, or a guest whom only the account's own back end knows.
//!
//! What is said in a room has an author whoever said it, so both stand under a [`UserId`] on the wire and in the
//! store. Who is connected has said by their token which of the two they are. An id that comes alone, in a path or in
//! another issuer's token, says it by the kind of UUID that was given out for it (RFC 9562): this is the only place
//! that knows those kinds.

use crate::id::{AccountId, UserId};
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid, uuid};

/// The namespace of the ids of outside issuers' users (RFC 9562, section 5.5).
const OUTSIDE_USERS: Uuid = uuid!("6d6cb7a7-9c1b-4f0e-9a53-1b0d0e2a6c4f");

/// The version of [`UserId::generate`]'s ids: people whom the account has entered.
const OF_A_CLOCK: usize = 7;

/// The version of [`outside_user`]'s ids.
const OF_AN_ISSUER: usize = 5;

/// The version of [`GuestId::of_digest`]'s ids.
const OF_A_GUEST: usize = 8;

/// A guest of a room. Guests are in no table; the same identity at the same account's back end is the same guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GuestId(UserId);

impl GuestId {
    /// The guest with this digest of account and identity: a UUIDv8 (RFC 9562, section 5.8), of which 122 bits are the
    /// digest's.
    pub const fn of_digest(digest: [u8; 16]) -> Self {
        Self(UserId::from_uuid(Builder::from_custom_bytes(digest).into_uuid()))
    }

    /// The id by which others in the room see the guest.
    pub const fn as_user(self) -> UserId {
        self.0
    }
}

/// Whom a user's id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// A person of the account.
    Person(UserId),
    /// A guest of one of its rooms.
    Guest(GuestId),
}

impl Identity {
    /// Whom an id stands for that comes without a token.
    pub const fn of(id: UserId) -> Self {
        if id.as_uuid().get_version_num() == OF_A_GUEST { Self::Guest(GuestId(id)) } else { Self::Person(id) }
    }

    /// The id by which others see them.
    pub const fn as_user(self) -> UserId {
        match self {
            Self::Person(user) => user,
            Self::Guest(guest) => guest.as_user(),
        }
    }
}

/// The user that a subject of an outside issuer is here. No issuer's subject can be another issuer's user.
///
/// The account is part of it, so that a person whom the issuer moves to another account is another user there.
pub(crate) fn outside_user(issuer: &str, account: AccountId, subject: &str) -> UserId {
    // The length parts issuer and subject, which may hold any sign.
    let name = format!("{account}:{}:{issuer}:{subject}", issuer.len());
    UserId::from_uuid(Uuid::new_v5(&OUTSIDE_USERS, name.as_bytes()))
}

/// The user's id that an outside issuer has chosen; `None` if it could be one that is given out here, to people, to
/// guests or to subjects of other issuers.
pub(crate) fn chosen_outside(id: Uuid) -> Option<UserId> {
    let is_ours = matches!(id.get_version_num(), OF_A_CLOCK | OF_AN_ISSUER | OF_A_GUEST);
    (!is_ours).then(|| UserId::from_uuid(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn an_id_stands_for_a_guest_exactly_if_it_was_given_to_one() {
        let account = AccountId::generate(&ManualClock::default());
        for byte in [0, 1, 0x80, 0xff] {
            let guest = GuestId::of_digest([byte; 16]);
            assert_eq!(Identity::of(guest.as_user()), Identity::Guest(guest));
            assert_eq!(Identity::of(guest.as_user()).as_user(), guest.as_user());
        }
        let chosen = UserId::from_uuid(Uuid::from_u128(!(0xf << 76) | (0x4 << 76)));
        for person in
            [UserId::generate(&ManualClock::default()), outside_user("https://i", account, "s"), chosen]
        {
            assert_eq!(Identity::of(person), Identity::Person(person));
        }
    }

    #[test]
    fn no_outside_issuer_chooses_an_id_that_is_given_out_here() {
        let clock = ManualClock::default();
        for ours in [
            UserId::generate(&clock),
            GuestId::of_digest([7; 16]).as_user(),
            outside_user("https://i", AccountId::generate(&clock), "s"),
        ] {
            assert_eq!(chosen_outside(ours.as_uuid()), None, "{ours:?}");
        }
        let free = Uuid::from_u128(!(0xf << 76) | (0x4 << 76));
        assert_eq!(chosen_outside(free), Some(UserId::from_uuid(free)));
    }

    #[test]
    fn a_guests_id_is_written_as_a_users() {
        let guest = GuestId::of_digest([9; 16]);
        let written = serde_json::to_value(guest).unwrap();
        assert_eq!(written, serde_json::to_value(guest.as_user()).unwrap());
        assert_eq!(serde_json::from_value::<GuestId>(written).unwrap(), guest);
    }
}
