//! Wire protocol v1, spoken over `/v1/ws`: JSON-RPC 2.0, one message per text frame.
//!
//! The client sends [`Request`]s and is answered in order of completion; the
//! server pushes [`Event`]s as notifications. Unknown fields are ignored, an
//! unknown method is answered with an error and never costs the connection.

pub mod call;
pub mod close;
pub mod connection;
pub mod envelope;
pub mod feed;
pub mod inbox;
pub mod media;
pub mod page;
pub mod presence;
pub mod room;

pub use envelope::{Failure, Incoming, RequestId};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The result of a method that has nothing to say but that it worked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident($params:ty) -> $result:ty = $method:literal;)*) => {
        /// What a client may ask, one variant per method.
        #[derive(Debug, Clone)]
        pub enum Request {
            $($(#[$doc])* $name($params),)*
        }

        impl Request {
            /// Every method's name, for the reference.
            pub const METHODS: &'static [&'static str] = &[$($method),*];

            /// Reads the parameters of `method`; absent parameters count as `{}`.
            ///
            /// # Errors
            /// [`Failure::unknown_method`] or [`Failure::invalid_params`].
            pub fn parse(method: &str, params: Option<&RawValue>) -> Result<Self, Failure> {
                let params = params.map_or("{}", RawValue::get);
                match method {
                    $($method => serde_json::from_str(params)
                        .map(Self::$name)
                        .map_err(|error| Failure::invalid_params(method, &error)),)*
                    _ => Err(Failure::unknown_method(method)),
                }
            }

            /// The method's name.
            pub const fn method(&self) -> &'static str {
                match self { $(Self::$name(_) => $method,)* }
            }
        }
    };
}

methods! {
    /// Says who is connecting; must be the first request. Result: [`connection::Opened`].
    ConnectionOpen(connection::Open) -> connection::Opened = "connection.open";
    /// Replaces the token before it expires. Result: [`connection::Refreshed`].
    ConnectionRefresh(connection::Refresh) -> connection::Refreshed = "connection.refresh";
    /// Enters a room. Result: [`room::Joined`].
    RoomJoin(room::Join) -> room::Joined = "room.join";
    /// Leaves a room. Result: [`Done`].
    RoomLeave(room::Leave) -> Done = "room.leave";
    /// Says something; answered once it is stored. Result: [`room::Sent`].
    RoomSend(room::Send) -> room::Sent = "room.send";
    /// Tells the others that the user is, or is no longer, typing. Result: [`Done`].
    RoomTyping(room::SetTyping) -> Done = "room.typing";
    /// Reads older messages. Result: [`room::History`].
    RoomHistory(room::ReadHistory) -> room::History = "room.history";
    /// Reads who is in a room, page by page. Result: [`room::Members`].
    RoomMembers(room::ReadMembers) -> room::Members = "room.members";
    /// Lists who of the account is connected, and follows changes. Result: [`presence::Online`].
    PresenceSubscribe(presence::Subscribe) -> presence::Online = "presence.subscribe";
    /// Rings a user's devices. Result: [`call::Ringing`].
    CallRing(call::Ring) -> call::Ringing = "call.ring";
    /// Picks up. Result: [`call::Accepted`].
    CallAccept(call::Accept) -> call::Accepted = "call.accept";
    /// Declines on behalf of all of the user's devices. Result: [`Done`].
    CallReject(call::Reject) -> Done = "call.reject";
    /// Takes back a call that nobody answered yet. Result: [`Done`].
    CallCancel(call::Cancel) -> Done = "call.cancel";
    /// Ends a call that was answered. Result: [`Done`].
    CallHangUp(call::HangUp) -> Done = "call.hangUp";
    /// Enters the media session of a room. Result: [`media::Joined`].
    MediaJoin(media::Join) -> media::Joined = "media.join";
    /// Leaves it. Result: [`Done`].
    MediaLeave(media::Leave) -> Done = "media.leave";
    /// Peer to peer: passes an offer, answer or candidate to another participant. Result: [`Done`].
    MediaSignal(media::Signal) -> Done = "media.signal";
    /// Through the server: offers the tracks this participant sends. Result: [`media::Published`].
    MediaPublish(media::Publish) -> media::Published = "media.publish";
    /// Through the server: answers a [`media::Offered`] event. Result: [`Done`].
    MediaAnswer(media::Answer) -> Done = "media.answer";
    /// Follows the account's inbox. Result: [`inbox::Subscribed`].
    InboxSubscribe(inbox::Subscribe) -> inbox::Subscribed = "inbox.subscribe";
    /// Stops following it. Result: [`Done`].
    InboxUnsubscribe(inbox::Unsubscribe) -> Done = "inbox.unsubscribe";
    /// Follows the rows of a table. Result: [`feed::Subscribed`].
    FeedSubscribe(feed::Subscribe) -> feed::Subscribed = "feed.subscribe";
    /// Stops following them. Result: [`Done`].
    FeedUnsubscribe(feed::Unsubscribe) -> Done = "feed.unsubscribe";
}

/// What the server pushes, as a JSON-RPC notification whose `method` is the tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params")]
pub enum Event {
    /// Somebody said something in a room.
    #[serde(rename = "room.message")]
    RoomMessage(room::MessagePosted),
    /// Somebody entered a room.
    #[serde(rename = "room.memberJoined")]
    RoomMemberJoined(room::MemberJoined),
    /// Somebody left a room.
    #[serde(rename = "room.memberLeft")]
    RoomMemberLeft(room::MemberLeft),
    /// Several entered or left a room that many are in.
    #[serde(rename = "room.membersChanged")]
    RoomMembersChanged(room::MembersChanged),
    /// Somebody started or stopped typing.
    #[serde(rename = "room.typing")]
    RoomTyping(room::TypingChanged),
    /// This device is in a room no longer, though it has not left.
    #[serde(rename = "room.removed")]
    RoomRemoved(room::Removed),
    /// The account's own back end says something to everybody in a room.
    #[serde(rename = "room.event")]
    RoomEvent(room::Published),
    /// Some of the account connected their first device or lost their last.
    #[serde(rename = "presence.changed")]
    PresenceChanged(presence::Changed),
    /// A call for this device: ring.
    #[serde(rename = "call.incoming")]
    CallIncoming(call::Incoming),
    /// The call was picked up.
    #[serde(rename = "call.answered")]
    CallAnswered(call::Answered),
    /// The call is over for this device.
    #[serde(rename = "call.ended")]
    CallEnded(call::Ended),
    /// Who is in a room's media session, and how media travels.
    #[serde(rename = "media.changed")]
    MediaChanged(media::Changed),
    /// Peer to peer: an offer, answer or candidate from another participant.
    #[serde(rename = "media.signal")]
    MediaSignal(media::Signalled),
    /// Through the server: the tracks this participant may receive now.
    #[serde(rename = "media.offer")]
    MediaOffer(media::Offered),
    /// Something happened in the account's inbox.
    #[serde(rename = "inbox.event")]
    InboxEvent(Box<inbox::Sequenced>),
    /// A row of a table that this connection follows has changed.
    #[serde(rename = "feed.changed")]
    FeedChanged(Box<feed::Changed>),
    /// This connection may not follow a table any more.
    #[serde(rename = "feed.ended")]
    FeedEnded(feed::Ended),
    /// A stream lost more than can be replayed: read it again from the store.
    #[serde(rename = "connection.reload")]
    ConnectionReload(connection::Reload),
    /// The server is about to close this connection; reconnect elsewhere after the delay.
    #[serde(rename = "connection.moving")]
    ConnectionMoving(connection::Moving),
}

#[cfg(test)]
mod tests;
