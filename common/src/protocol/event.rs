//! Events: every one that the server pushes, with its parameters.

use super::{call, connection, feed, inbox, mailbox, media, presence, room, rooms};
use serde::{Deserialize, Serialize};

/// What a variant holds: what is large is behind a box.
macro_rules! held {
    ($params:ty) => { $params };
    ($params:ty, Box) => { Box<$params> };
}

macro_rules! events {
    ($($(#[doc = $doc:literal])* $name:ident($params:ty $(, $held:ident)?) = $event:literal;)*) => {
        /// An event that the server pushes, as a JSON-RPC notification whose `method` is the tag.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "method", content = "params")]
        pub enum Event {
            $(
                $(#[doc = $doc])*
                #[serde(rename = $event)]
                $name(held!($params $(, $held)?)),
            )*
        }

        impl Event {
            /// Every event's name, in the order of the reference.
            pub const NAMES: &'static [&'static str] = &[$($event),*];
        }

        #[cfg(feature = "openapi")]
        impl Event {
            /// Every event as the reference describes it, in the order of [`Event::NAMES`].
            pub fn described() -> Vec<super::reference::EventKind> {
                vec![$(super::reference::EventKind {
                    name: $event,
                    doc: concat!($($doc, "\n"),*),
                    params: super::reference::Shape::of::<$params>(),
                }),*]
            }
        }
    };
}

events! {
    /// A message was sent to a room.
    RoomMessage(room::MessagePosted) = "room.message";
    /// A message of a room was edited, deleted or reacted to.
    RoomMessageChanged(room::MessageChanged) = "room.messageChanged";
    /// Somebody has read so far: the user on another device, or another member of a small room.
    RoomRead(room::ReadTo) = "room.read";
    /// A device entered a room.
    RoomMemberJoined(room::MemberJoined) = "room.memberJoined";
    /// A device left a room.
    RoomMemberLeft(room::MemberLeft) = "room.memberLeft";
    /// How many are in a room that many are in, after some entered or left.
    RoomMembersChanged(room::MembersChanged) = "room.membersChanged";
    /// Who came onto the page of members that this device follows, and who went.
    RoomPageChanged(room::PageChanged) = "room.pageChanged";
    /// The room is called otherwise.
    RoomRenamed(room::Renamed) = "room.renamed";
    /// Somebody belongs to the room, or does no longer, or is something else in it.
    RoomMemberChanged(room::MemberChanged) = "room.memberChanged";
    /// Somebody was muted or banned in the room, or is no longer.
    RoomRestricted(room::Restricted) = "room.restricted";
    /// A device started or stopped typing, or has not repeated for six seconds that it types.
    RoomTyping(room::TypingChanged) = "room.typing";
    /// This device is in a room no longer, though it has not left.
    RoomRemoved(room::Removed) = "room.removed";
    /// A client has published something in a room, or the account's own back end tells everybody in it something
    /// (`POST /v1/rooms/{id}/events`).
    RoomEvent(room::Published) = "room.event";
    /// What is unread in rooms has changed, joined or not.
    RoomsUnreadChanged(rooms::UnreadChanged) = "rooms.unreadChanged";
    /// Who is in a call in rooms has changed, joined or not.
    RoomsCallsChanged(rooms::CallsChanged) = "rooms.callsChanged";
    /// Users of the account connected their first device or lost their last, or are away, busy, in a call, or not any more.
    PresenceChanged(presence::Changed) = "presence.changed";
    /// A call for this device: ring for `ringTimeMs`.
    CallIncoming(call::Incoming) = "call.incoming";
    /// To the caller's device: the call was picked up.
    CallAnswered(call::Answered) = "call.answered";
    /// The other side of a call goes on by another connection.
    CallResumed(call::Moved) = "call.resumed";
    /// Who is part of a call of more than two: somebody is rung, has picked up, or is out of it.
    CallChanged(call::PartiesChanged) = "call.changed";
    /// The call is handed over to another room: go there.
    CallTransferring(call::Transferring) = "call.transferring";
    /// Somebody has not gone to the room to which this device hands the call over.
    CallTransferFailed(call::TransferFailed) = "call.transferFailed";
    /// The call is over for this device.
    CallEnded(call::Ended) = "call.ended";
    /// Who is in a room's media session, and how media travels.
    MediaChanged(media::Changed) = "media.changed";
    /// A participant of a media session is muted, publishes a track, raises a hand, speaks, or does no longer.
    MediaUpdated(media::Updated) = "media.updated";
    /// Peer to peer: an offer, answer or candidate from another participant.
    MediaSignal(media::Signalled) = "media.signal";
    /// Through the server: all tracks that this participant may receive.
    MediaOffer(media::Offered) = "media.offer";
    /// Through the server: what this participant gets of each track, and why it is no more.
    MediaSubscriptions(media::Subscriptions) = "media.subscriptions";
    /// Through the server: which encodings of a track that this participant publishes anybody wants. It need not send the
    /// others.
    MediaLayers(media::Layers) = "media.layers";
    /// A moderator has muted a track of this device.
    MediaMuted(media::Muted) = "media.muted";
    /// A moderator has taken this device out of the media session.
    MediaRemoved(media::Removed) = "media.removed";
    /// The media node of the session has died: join again at once.
    MediaLost(media::Lost) = "media.lost";
    /// Another media node has the session now: set up transports to it.
    MediaMoved(media::Moved) = "media.moved";
    /// A numbered event of the account's inbox.
    InboxEvent(inbox::Sequenced, Box) = "inbox.event";
    /// The user was mentioned, or has missed a call.
    MailboxEntry(mailbox::Entry) = "mailbox.entry";
    /// One of the user's devices has seen the mailbox up to this number.
    MailboxAcknowledged(mailbox::Acknowledged) = "mailbox.acknowledged";
    /// A row of a table that this connection follows has changed.
    FeedChanged(feed::Changed, Box) = "feed.changed";
    /// A newer token does not allow this connection to follow a table any more.
    FeedEnded(feed::Ended) = "feed.ended";
    /// A sequence lost more than can be replayed: read it again from the store.
    ConnectionReload(connection::Reload) = "connection.reload";
    /// The server is about to close this connection: reconnect after `delayMs`.
    ConnectionMoving(connection::Moving) = "connection.moving";
}
