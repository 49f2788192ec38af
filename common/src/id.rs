//! One type per kind of thing, so that no two ids can be swapped by accident.

use crate::clock::Clock;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};
use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

/// A string that is not an id of the kind it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct InvalidId {
    /// The kind of id that was expected, as it appears in messages.
    pub kind: &'static str,
}

/// A fresh UUIDv7 (RFC 9562, section 5.7): its first 48 bits are `clock`'s milliseconds.
fn fresh(clock: &dyn Clock) -> Uuid {
    let utc = clock.utc();
    let seconds = u64::try_from(utc.unix_timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, utc.nanosecond()))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id, ordered by the clock's time (UUIDv7).
            pub fn generate(clock: &dyn Clock) -> Self {
                Self(fresh(clock))
            }

            /// The id with this value, for rows read from the store and for tests.
            pub const fn from_uuid(value: Uuid) -> Self {
                Self(value)
            }

            /// When it was generated, by its clock, to the millisecond; `None` if it was not generated here.
            pub fn generated_at(self) -> Option<OffsetDateTime> {
                let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
                let seconds = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
                Some(seconds + Duration::from_nanos(nanoseconds.into()))
            }

            /// The value, for the store.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!($kind, ":{}"), self.0)
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId { kind: $kind })
            }
        }
    )*};
}

ids! {
    /// A tenant: an organisation whose data no other account may see.
    AccountId = "account";
    /// A person who signs in: an agent, an administrator, a member of staff.
    UserId = "user";
    /// A place where people meet: chat, presence, calls.
    RoomId = "room";
    /// One message in a room.
    RoomMessageId = "room_message";
    /// One ring, from invitation to outcome.
    CallId = "call";
    /// One WebSocket, and so one device or browser tab of a user.
    ConnectionId = "connection";
    /// One track that a participant of a media session publishes.
    TrackId = "track";
    /// One recording of a room's media session, from when it was begun to its end.
    RecordingId = "recording";
    /// One process of a cluster.
    NodeId = "node";
    /// A connected channel: one WhatsApp number, one mailbox.
    ChannelId = "channel";
    /// A customer.
    ContactId = "contact";
    /// A merge of two contacts that are the same customer.
    MergeId = "merge";
    /// An import of contacts from one file.
    ImportId = "import";
    /// A user's request for more permissions for a while, which another user decides.
    ElevationId = "elevation";
    /// A thread between an account and a customer on one channel.
    ConversationId = "conversation";
    /// One message of a conversation.
    MessageId = "message";
    /// A webhook body as it arrived.
    RawEventId = "raw_event";
    /// A family of refresh tokens: one sign-in on one device.
    SignInId = "sign_in";
    /// A device that can be notified while nothing of it is connected.
    PushSubscriptionId = "push_subscription";
    /// An address that is told about events by HTTP.
    WebhookId = "webhook";
    /// A set of permissions that an account has named.
    RoleId = "role";
    /// A program's key to the API.
    ApiKeyId = "api_key";
    /// An invitation to become a user.
    InvitationId = "invitation";
    /// A link by which guests come into a room.
    JoinLinkId = "join_link";
    /// An entry of the audit log.
    AuditEntryId = "audit_entry";
    /// A team of agents.
    TeamId = "team";
    /// A label of conversations.
    LabelId = "label";
    /// A canned response.
    CannedResponseId = "canned_response";
    /// A note of an agent beside a conversation.
    NoteId = "note";
    /// A user or an API key, whichever did something; what stands beside it says which.
    ActorId = "actor";
    /// Something that the audit log tells of; its kind stands beside it.
    ObjectId = "object";
    /// A row of a table that clients may follow; the table stands beside it.
    RowId = "row";
    /// A file of a room message.
    AttachmentId = "attachment";
    /// A client's own id of a room message that it sends, unique among the sender's in the room.
    ClientMessageId = "client_message";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn ids_made_later_sort_later() {
        let clock = ManualClock::default();
        let first = RoomId::generate(&clock);
        clock.advance(Duration::from_millis(1));
        assert!(RoomId::generate(&clock) > first);
    }

    #[test]
    fn an_id_knows_when_it_was_generated() {
        let clock = ManualClock::default();
        clock.advance(Duration::from_millis(1234));
        assert_eq!(RoomId::generate(&clock).generated_at(), Some(clock.utc()));
        assert_eq!(RoomId::from_uuid(Uuid::nil()).generated_at(), None);
    }

    #[test]
    fn an_id_survives_the_wire() {
        let id = CallId::generate(&ManualClock::default());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("nonsense".parse::<CallId>(), Err(InvalidId { kind: "call" }));
    }

    /// What a clock says that tests own.
    struct At(OffsetDateTime);

    impl Clock for At {
        fn now(&self) -> std::time::Instant {
            ManualClock::default().now()
        }
        fn utc(&self) -> OffsetDateTime {
            self.0
        }
    }

    /// RFC 9562, section 5.7: the milliseconds come first, so that ids sort by them as text and as bytes too.
    #[test]
    fn ids_sort_by_their_milliseconds_in_every_form() {
        let clock = ManualClock::default();
        let mut ids = Vec::new();
        for step in [1, 1, 255, 256, 65_536, 1, 86_400_000, 31_536_000_000] {
            clock.advance(Duration::from_millis(step));
            ids.push(RoomId::generate(&clock));
            assert_eq!(ids.last().unwrap().generated_at(), Some(clock.utc()));
        }
        assert!(ids.is_sorted_by(|one, next| one < next));
        assert!(ids.is_sorted_by(|one, next| one.to_string() < next.to_string()));
        assert!(ids.is_sorted_by(|one, next| one.as_uuid().as_bytes() < next.as_uuid().as_bytes()));
    }

    #[test]
    fn ids_of_one_moment_differ_and_know_the_moment_to_the_millisecond() {
        let clock = ManualClock::default();
        clock.advance(Duration::from_nanos(1_234_999_999));
        let ids: std::collections::BTreeSet<_> = (0..10_000).map(|_| UserId::generate(&clock)).collect();
        assert_eq!(ids.len(), 10_000);
        let millisecond = clock.utc() - Duration::from_nanos(999_999);
        assert!(ids.iter().all(|id| id.generated_at() == Some(millisecond)), "cut, not rounded");
    }

    #[test]
    fn a_clock_that_is_before_1970_still_gives_ids() {
        let id = NodeId::generate(&At(OffsetDateTime::from_unix_timestamp(-1).unwrap()));
        assert_eq!(id.generated_at(), Some(OffsetDateTime::UNIX_EPOCH));
        let late = NodeId::generate(&At(OffsetDateTime::from_unix_timestamp(253_402_300_799).unwrap()));
        assert!(late > id && late.generated_at().unwrap().year() == 9999);
        // The last there is names a time that no calendar has.
        assert_eq!(NodeId::from_uuid(Uuid::max()).generated_at(), None);
        for other in [Uuid::new_v5(&Uuid::nil(), b"x"), Uuid::from_u128(!(0xf << 76) | (0x4 << 76))] {
            assert_eq!(UserId::from_uuid(other).generated_at(), None, "not generated here");
        }
    }

    /// RFC 9562, section 4: what is read may be written otherwise; what is written is always the same.
    #[test]
    fn an_id_is_one_however_it_is_written_and_is_written_in_one_way() {
        let canonical = "0190d5a0-ab12-7000-8000-0000000000ff";
        let id: RoomId = canonical.parse().unwrap();
        for same in [
            canonical.to_uppercase(),
            canonical.replace('-', ""),
            format!("{{{canonical}}}"),
            format!("urn:uuid:{canonical}"),
        ] {
            let read: RoomId = same.parse().unwrap();
            assert_eq!((read, read.to_string().as_str()), (id, canonical), "{same}");
            let json = serde_json::to_string(&same).unwrap();
            let read: RoomId = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), canonical);
        }
        for odd in [
            String::new(),
            format!(" {canonical}"),
            format!("{canonical} "),
            format!("{canonical}0"),
            format!("{canonical}\0"),
            canonical.get(1..).unwrap().to_owned(),
            canonical.replace("ab12", "ab1g"),
            canonical.replacen('-', "_", 1),
            canonical.replacen('0', "\u{660}", 1),
            format!("{{{canonical}"),
            "room:0190d5a0-ab12-7000-8000-0000000000ff".to_owned(),
            "0".repeat(100_000),
        ] {
            assert_eq!(odd.parse::<RoomId>(), Err(InvalidId { kind: "room" }), "{odd}");
        }
        for odd in ["7", "null", "[1,2]", "{}", "true"] {
            assert!(serde_json::from_str::<RoomId>(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn logs_say_of_which_kind_an_id_is_and_clients_are_not_told() {
        let id = RoomMessageId::from_uuid(Uuid::nil());
        assert_eq!(format!("{id:?}"), "room_message:00000000-0000-0000-0000-000000000000");
        assert_eq!(id.to_string(), "00000000-0000-0000-0000-000000000000");
        assert_eq!("x".parse::<ApiKeyId>().unwrap_err().to_string(), "not a valid api_key id");
    }
}
