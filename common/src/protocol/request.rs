//! Requests: every method with its parameters, its result and the permission that it needs.

use super::{Failure, Needs, call, connection, feed, inbox, mailbox, media, presence, room, rooms};
use crate::{guest::Right, permission::Permission};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// The parameters of a method, which say whose they are and what comes of them: what a client asks by.
pub trait Parameters {
    /// The method's name.
    const METHOD: &'static str;
    /// What it answers.
    type Result: Serialize + DeserializeOwned;
}

macro_rules! methods {
    ($($(#[doc = $doc:literal])* $name:ident($params:ty) -> $result:ty = $method:literal, $needs:expr;)*) => {
        /// A client's request, one variant per method.
        #[derive(Debug, Clone)]
        pub enum Request {
            $(
                $(#[doc = $doc])*
                #[doc = concat!("Result: [`", stringify!($result), "`].")]
                $name($params),
            )*
        }

        impl Request {
            /// Every method's name, in the order of the reference.
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

            /// What the caller must be allowed.
            pub const fn needs(&self) -> Needs {
                match self { $(Self::$name(_) => $needs,)* }
            }
        }

        $(impl Parameters for $params {
            const METHOD: &'static str = $method;
            type Result = $result;
        })*

        #[cfg(feature = "openapi")]
        impl Request {
            /// Every method as the reference describes it, in the order of [`Request::METHODS`].
            pub fn described() -> Vec<super::reference::Method> {
                vec![$(super::reference::Method {
                    name: $method,
                    doc: concat!($($doc, "\n"),*),
                    needs: $needs,
                    params: super::reference::Shape::of::<$params>(),
                    result: super::reference::Shape::of::<$result>(),
                    write_result: super::reference::written::<$result>,
                }),*]
            }
        }
    };
}

methods! {
    /// Says who is connecting; must be the first request.
    ConnectionOpen(connection::Open) -> connection::Opened = "connection.open", Needs::NOTHING;
    /// Replaces the token before it expires.
    ConnectionRefresh(connection::Refresh) -> connection::Refreshed = "connection.refresh", Needs::NOTHING;
    /// Enters a room, by its id or by a name. A room of a name is created by the first who joins it, where the account
    /// allows that.
    RoomJoin(room::Join) -> room::Joined = "room.join", Needs::NOTHING.and(Permission::RoomsRead);
    /// Leaves a room.
    RoomLeave(room::Leave) -> super::Done = "room.leave", Needs::NOTHING;
    /// Sends a message to a room; answered once it is stored.
    RoomSend(room::Send) -> room::Sent = "room.send", Needs::right(Right::SendMessages);
    /// Publishes an event in a room. In a recent one it is answered once it is kept, and comes back as an event too; in
    /// others it is kept nowhere, and those get it who are there.
    RoomPublish(room::Publish) -> room::Placed = "room.publish",
        Needs::right(Right::SendMessages);
    /// Changes the text of a message that the caller has sent; answered once it is stored.
    RoomEdit(room::Edit) -> room::Revised = "room.edit", Needs::right(Right::SendMessages);
    /// Deletes a message of the caller's, or, as a moderator or owner of the room or with `rooms.manage`, of anybody; its
    /// text is gone once this is answered.
    RoomDelete(room::Delete) -> room::Revised = "room.delete", Needs::right(Right::SendMessages);
    /// Reacts to a message with an emoji, or takes that back; guests need `messages.read` too.
    RoomReact(room::React) -> room::Revised = "room.react", Needs::right(Right::SendMessages);
    /// Says how far the user has read; answered once it is stored.
    RoomRead(room::Read) -> room::ReadPosition = "room.read", Needs::right(Right::ReadMessages);
    /// Tells the others that the user is, or is no longer, typing.
    RoomTyping(room::SetTyping) -> super::Done = "room.typing", Needs::right(Right::SendMessages);
    /// Reads older messages.
    RoomHistory(room::ReadHistory) -> room::History = "room.history",
        Needs::right(Right::ReadMessages).and(Permission::RoomsRead);
    /// Reads who is in a room, page by page, and follows one of the pages.
    RoomMembers(room::ReadMembers) -> room::Members = "room.members", Needs::NOTHING;
    /// Stops following a page of members.
    RoomUnfollowMembers(room::UnfollowMembers) -> super::Done = "room.unfollowMembers", Needs::NOTHING;
    /// Follows what is unread in every room that the user sees, and who is in a call where. Whoever shows the list reads it
    /// (`GET /v1/rooms`) once this is answered; the calls that go on are told then.
    RoomsSubscribe(rooms::Subscribe) -> super::Done = "rooms.subscribe", Needs::permission(Permission::RoomsRead);
    /// Stops following the rooms.
    RoomsUnsubscribe(rooms::Unsubscribe) -> super::Done = "rooms.unsubscribe", Needs::PERSON;
    /// Lists who of the account is connected, and follows changes.
    PresenceSubscribe(presence::Subscribe) -> presence::Online = "presence.subscribe",
        Needs::permission(Permission::UsersRead);
    /// Says whether the user is at this device, or does not want to be disturbed.
    PresenceSet(presence::Set) -> super::Done = "presence.set", Needs::PERSON;
    /// Rings a user's devices.
    CallRing(call::Ring) -> call::Ringing = "call.ring", Needs::permission(Permission::RoomsRead);
    /// Picks up.
    CallAccept(call::Accept) -> call::Accepted = "call.accept", Needs::permission(Permission::RoomsRead);
    /// Declines on behalf of all of the user's devices.
    CallReject(call::Reject) -> super::Done = "call.reject", Needs::permission(Permission::RoomsRead);
    /// Takes back a call that nobody answered yet.
    CallCancel(call::Cancel) -> super::Done = "call.cancel", Needs::permission(Permission::RoomsRead);
    /// Ends a call that was answered.
    CallHangUp(call::HangUp) -> super::Done = "call.hangUp", Needs::permission(Permission::RoomsRead);
    /// Rings another user into the call that this device is in.
    CallInvite(call::Invite) -> call::Invited = "call.invite", Needs::permission(Permission::RoomsRead);
    /// Hands an answered call over to another user: rings them, and leaves it once they pick up.
    CallTransfer(call::Transfer) -> call::Invited = "call.transfer", Needs::permission(Permission::RoomsRead);
    /// Takes back an invitation: rings one user no more, while others ring on.
    CallWithdraw(call::Withdraw) -> super::Done = "call.withdraw", Needs::permission(Permission::RoomsRead);
    /// Hands an answered call over to another room: all others are told to go there, and the call is over for each who
    /// has.
    CallTransferToRoom(call::TransferToRoom) -> call::TransferStarted = "call.transferToRoom",
        Needs::permission(Permission::RoomsRead);
    /// Says whether this device is in the room to which the call is handed over.
    CallAnswerTransfer(call::AnswerTransfer) -> super::Done = "call.answerTransfer",
        Needs::permission(Permission::RoomsRead);
    /// Goes on with a call after a reconnect, by this connection instead of the one before.
    CallResume(call::Resume) -> call::Resumed = "call.resume", Needs::permission(Permission::RoomsRead);
    /// Enters the media session of a room that the caller has joined.
    MediaJoin(media::Join) -> media::Joined = "media.join", Needs::NOTHING;
    /// Says what of the device's own state has changed (muted, camera off, sharing, hand raised, speaking, on hold), and
    /// which of its tracks are muted.
    MediaUpdate(media::Update) -> super::Done = "media.update", Needs::NOTHING;
    /// Leaves the media session.
    MediaLeave(media::Leave) -> super::Done = "media.leave", Needs::NOTHING;
    /// Peer to peer: passes an offer, answer or candidate to another participant.
    MediaSignal(media::Signal) -> super::Done = "media.signal", Needs::NOTHING;
    /// Says which tracks this participant sends; through the server it offers them.
    MediaPublish(media::Publish) -> media::Published = "media.publish", Needs::NOTHING;
    /// Through the server: answers a `media.offer` event.
    MediaAnswer(media::Answer) -> super::Done = "media.answer", Needs::NOTHING;
    /// Through the server: says of tracks that others send whether this participant wants them, how large it shows them,
    /// and which go first, so that it is sent no more than it shows.
    MediaSubscribe(media::Subscribe) -> super::Done = "media.subscribe", Needs::NOTHING;
    /// Gives out fresh STUN and TURN servers, for a device whose network has changed; what goes through the server is
    /// offered anew with other ICE credentials.
    MediaRestartIce(media::RestartIce) -> media::IceRestarting = "media.restartIce", Needs::NOTHING;
    /// Mutes a track of another participant, as a moderator or owner of the room or with `rooms.manage`.
    MediaMute(media::Mute) -> super::Done = "media.mute", Needs::NOTHING;
    /// Takes another participant out of the media session, as a moderator or owner of the room or with `rooms.manage`.
    MediaRemove(media::Remove) -> super::Done = "media.remove", Needs::NOTHING;
    /// Lets nobody else into the media session, or anybody again, as a moderator or owner of the room or with
    /// `rooms.manage`.
    MediaLock(media::Lock) -> super::Done = "media.lock", Needs::NOTHING;
    /// Follows the account's inbox.
    InboxSubscribe(inbox::Subscribe) -> inbox::Subscribed = "inbox.subscribe",
        Needs::permission(Permission::ConversationsRead);
    /// Stops following the inbox.
    InboxUnsubscribe(inbox::Unsubscribe) -> super::Done = "inbox.unsubscribe", Needs::PERSON;
    /// Reads the user's own mailbox, and follows it: mentions and missed calls.
    MailboxSubscribe(mailbox::Subscribe) -> mailbox::Subscribed = "mailbox.subscribe", Needs::PERSON;
    /// Stops following the mailbox.
    MailboxUnsubscribe(mailbox::Unsubscribe) -> super::Done = "mailbox.unsubscribe", Needs::PERSON;
    /// Says up to where the user has seen their mailbox, for all of their devices.
    MailboxAcknowledge(mailbox::Acknowledge) -> mailbox::Acknowledged = "mailbox.acknowledge", Needs::PERSON;
    /// Follows the rows of a table; each table needs its own permission.
    FeedSubscribe(feed::Subscribe) -> feed::Subscribed = "feed.subscribe", Needs::PERSON;
    /// Stops following rows.
    FeedUnsubscribe(feed::Unsubscribe) -> super::Done = "feed.unsubscribe", Needs::PERSON;
}
