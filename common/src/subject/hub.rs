//! Between hub instances: rooms, users' devices, calls.

use super::{History, LeaseName, PresenceSet, Service, Topic};
use crate::{
    id::{AccountId, CallId, ConnectionId, NodeId, RoomId, SignInId, UserId},
    protocol::{
        Failure,
        call::{
            Answered, Ended, Incoming, Media, Moved, PartiesChanged, Party, TransferFailed, Transferring,
        },
        media::Signalled,
        presence::{OnlineUser, Said},
        room::{
            KeptEvent, Member, MemberChanged, Publisher, RemovalReason, Renamed, Restricted, RoomMessage,
        },
    },
    room::RoomEntry,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

/// Events of a room, to every instance with somebody in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoomTopic(pub RoomId);

/// What an instance, or a program by way of REST, tells of a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RoomNews {
    /// A message was stored. Its number shows whether one is missing.
    Posted(RoomMessage),
    /// A message was changed. The number of the change shows whether something is missing.
    Changed(RoomEntry),
    /// Somebody is in the room on the instance that says it.
    Joined(Member),
    /// They are no longer.
    Left(ConnectionId),
    /// Somebody types, or does no longer.
    Typing {
        /// The device on which they type.
        connection: ConnectionId,
        /// Its user.
        user: UserId,
        /// Whether they do.
        typing: bool,
    },
    /// Somebody has read so far.
    Read {
        /// The user.
        user: UserId,
        /// Up to which number.
        seq: u64,
    },
    /// It is called otherwise.
    Renamed(Renamed),
    /// Who belongs to it has changed.
    MemberChanged(MemberChanged),
    /// Somebody was muted or banned, or is no longer.
    Restricted(Restricted),
    /// A program of the account, or a client in an ephemeral room, says something that is kept nowhere.
    Event {
        /// The name of the event.
        name: String,
        /// What goes with it.
        data: Value,
        /// The device that it is from, if it is from one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Publisher>,
    },
    /// A client has said something in a recent room. Its number shows whether something is missing.
    Kept {
        /// The history that its number is of.
        epoch: String,
        /// What it said.
        event: KeptEvent,
    },
    /// Some came or went that was not told; which is in [`RoomMembers`].
    MembersChanged {},
}

impl Topic for RoomTopic {
    type Message = RoomNews;
    fn name(&self) -> String {
        format!("hub.room.{}", self.0)
    }
}

/// The latest events of a recent room, for as long as they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoomHistory(pub RoomId);

impl History for RoomHistory {
    type Entry = KeptEvent;
    fn name(&self) -> String {
        format!("hub.history.{}", self.0)
    }
}

/// Members of a room, on all instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoomMembers(pub RoomId);

/// One connection in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentMember {
    /// Who it is.
    pub member: Member,
    /// The instance to which they are connected.
    pub node: NodeId,
}

impl PresenceSet for RoomMembers {
    type Entry = PresentMember;
    fn name(&self) -> String {
        format!("hub.members.{}", self.0)
    }
}

/// Events for single connections of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeTopic(pub NodeId);

/// See [`NodeTopic`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeNews {
    /// The connection that it is for.
    pub to: ConnectionId,
    /// What it is told.
    pub news: DeviceNews,
}

/// What one device is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum DeviceNews {
    /// It is called.
    Incoming {
        /// The instance that runs the call, to be asked with [`CallService`].
        runner: NodeId,
        /// Grows with each instance that takes the call over; earlier versions' calls have one runner.
        #[serde(default)]
        epoch: u64,
        /// Who calls, and how.
        incoming: Incoming,
    },
    /// The call that it made was answered.
    Answered(Answered),
    /// The other side of its call goes on by another connection.
    Resumed(Moved),
    /// Another instance runs a call that it knows of. The device itself is told nothing.
    Runner {
        /// The call that goes on.
        call: CallId,
        /// The instance that runs it from now on.
        runner: NodeId,
        /// Grows with each that takes it over.
        epoch: u64,
    },
    /// Who is part of its call has changed.
    Changed(PartiesChanged),
    /// It is to go to another room, to which its call is handed over.
    Transferring(Transferring),
    /// Somebody has not gone to the room to which it hands its call over.
    TransferFailed(TransferFailed),
    /// A call is over for it.
    Ended(Ended),
    /// Another participant of its media session sends it something.
    Signal(Signalled),
}

impl Topic for NodeTopic {
    type Message = NodeNews;
    fn name(&self) -> String {
        format!("hub.node.{}", self.0)
    }
}

/// Connected users of an account, on all instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountOnline(pub AccountId);

/// One connection of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineDevice {
    /// The user whose device it is, with the name to show.
    pub user: OnlineUser,
    /// The instance it is connected to.
    pub node: NodeId,
    /// A guest of one room: nobody to be seen or rung elsewhere.
    #[serde(default)]
    pub guest: bool,
    /// How it is at this device. Earlier versions do not say.
    #[serde(default)]
    pub status: DeviceStatus,
}

/// How somebody is at one of their devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// What they have said.
    pub said: Said,
    /// Whether the device calls or talks.
    pub in_call: bool,
    /// Grows with each change on this device, so that what is heard late counts for nothing.
    pub revision: u32,
}

impl PresenceSet for AccountOnline {
    type Entry = OnlineDevice;
    fn name(&self) -> String {
        format!("hub.online.{}", self.0)
    }
}

/// Changes of [`AccountOnline`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountTopic(pub AccountId);

/// What an instance tells of an account's devices that are connected to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnlineNews {
    /// One is there. It is in [`AccountOnline`] before this is said, unless the bus was away.
    Came(Member),
    /// It is there no more, and never is again: a device that comes back has another id. It may be in
    /// [`AccountOnline`] for a moment yet.
    Went(ConnectionId),
    /// One that is there is otherwise than before. It is in [`AccountOnline`] before this is said, unless the bus was away.
    Status {
        /// The device.
        connection: ConnectionId,
        /// How it is.
        status: DeviceStatus,
    },
    /// Some came or went; which is in [`AccountOnline`]. So say instances of versions that knew no other news.
    #[serde(untagged)]
    Changed {},
}

impl Topic for AccountTopic {
    type Message = OnlineNews;
    fn name(&self) -> String {
        format!("hub.account.{}", self.0)
    }
}

/// Requests of devices on other instances to the instance that runs a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallService(pub NodeId);

/// See [`CallService`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallRequest {
    /// The call that the action is about.
    pub call: CallId,
    /// The device that asks.
    pub device: ConnectionId,
    /// The instance the device is connected to.
    pub node: NodeId,
    /// What it asks.
    pub action: CallAction,
    /// Whether it [attends](CallAction::Attend) for as long as it knows of the call, so that its silence means
    /// something. Devices of earlier versions' instances do not.
    #[serde(default)]
    pub attends: bool,
    /// The device's user, of whom the instance has made sure. Earlier versions do not say.
    #[serde(default)]
    pub user: Option<UserId>,
    /// The connection on the other side, as far as the device has heard.
    #[serde(default)]
    pub with: Option<ConnectionId>,
    /// Up to which change the device has heard who is part of the call.
    #[serde(default)]
    pub heard: u64,
}

/// A device's request about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallAction {
    /// Pick up.
    Accept,
    /// Decline.
    Reject,
    /// Give up before anybody answered.
    Cancel,
    /// End an answered call.
    HangUp,
    /// The device's connection is gone.
    Gone,
    /// The device has connected while the call may be ringing.
    Connect,
    /// The device was told of the call, and asks again and again how it stands.
    Attend,
    /// Ring this user into the call.
    Invite(UserId),
    /// Ring this user, who takes the place of the device's.
    Transfer(UserId),
    /// Ring this user no more.
    Withdraw(UserId),
    /// Hand the call over to this room, where all others are to go.
    TransferToRoom(RoomId),
    /// Say what came of being handed over to a room.
    AnswerTransfer {
        /// Which.
        room: RoomId,
        /// Whether the device is in its media session.
        is_there: bool,
    },
}

impl Service for CallService {
    type Request = CallRequest;
    /// On success the room to meet in.
    type Reply = Result<RoomId, Failure>;
    fn name(&self) -> String {
        format!("hub.call.{}", self.0)
    }
}

/// Requests of people who come back into a call by another connection, to the instance that runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResumeService(pub NodeId);

/// See [`ResumeService`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResumeRequest {
    /// The call to go on with.
    pub call: CallId,
    /// The account of the connection that asks.
    pub account: AccountId,
    /// Its user, of whom the instance has made sure.
    pub user: UserId,
    /// The connection that was part of the call.
    pub from: ConnectionId,
    /// The connection that is from now on.
    pub device: ConnectionId,
    /// The instance that it is connected to.
    pub node: NodeId,
}

/// A call as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallState {
    /// Where the two meet.
    pub room: RoomId,
    /// What the caller wanted to send.
    pub media: Media,
    /// When it began to ring.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When it was picked up, if it was.
    #[serde(with = "time::serde::rfc3339::option")]
    pub answered_at: Option<OffsetDateTime>,
    /// For how much longer it rings, in milliseconds, if it does.
    pub ring_time_ms: Option<u64>,
    /// The connection of the first of the others who talk, if one does.
    pub with: Option<ConnectionId>,
    /// Everybody who is or was part of it.
    pub parties: Vec<Party>,
    /// How often that has changed.
    pub revision: u64,
    /// Which of the instances that have run it one after the other this is.
    pub epoch: u64,
}

impl Service for ResumeService {
    type Request = ResumeRequest;
    type Reply = Result<CallState, Failure>;
    fn name(&self) -> String {
        format!("hub.resume.{}", self.0)
    }
}

/// Held by the call that a user of an account is in; a second call finds it taken and the user busy.
///
/// An outside issuer may name people of several accounts alike, and one tenant's call keeps nobody of another busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserInCall(pub AccountId, pub UserId);

impl LeaseName for UserInCall {
    fn name(&self) -> String {
        format!("hub.busy.{}.{}", self.0, self.1)
    }
}

/// Held by a call between two people of an account, whoever of them called: of two who call each other at once one is
/// first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallBetween(AccountId, UserId, UserId);

impl CallBetween {
    /// The same whoever is named first.
    pub fn new(account: AccountId, one: UserId, other: UserId) -> Self {
        Self(account, one.min(other), one.max(other))
    }
}

impl LeaseName for CallBetween {
    fn name(&self) -> String {
        format!("hub.between.{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What a device that has just connected asks of the instance that holds [`UserInCall`] of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RingService(pub NodeId);

/// See [`RingService`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RingRequest {
    /// The account of both.
    pub account: AccountId,
    /// The user who may be called.
    pub user: UserId,
    /// The device that has connected.
    pub device: ConnectionId,
    /// The instance it is connected to.
    pub node: NodeId,
}

impl Service for RingService {
    type Request = RingRequest;
    /// Whether the user is called there. The device is told by way of [`NodeTopic`].
    type Reply = bool;
    fn name(&self) -> String {
        format!("hub.ring.{}", self.0)
    }
}

/// Orders of the REST layer to every instance of the hub: each carries them out for the connections it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HubService(pub NodeId);

/// See [`HubService`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HubRequest {
    /// The tenant, whose connections alone are meant.
    pub account: AccountId,
    /// Which of them.
    pub whom: ConnectionSelector,
    /// What is to happen to them.
    pub order: HubOrder,
}

/// Some of an account's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionSelector {
    /// All.
    Everybody,
    /// Those of a user.
    User(UserId),
    /// Those of a sign-in.
    SignIn(SignInId),
    /// One.
    Connection(ConnectionId),
}

/// An order. Each may be repeated without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HubOrder {
    /// They are in this room no longer.
    Remove {
        /// The room that they were in.
        room: RoomId,
        /// What its client is told of it.
        reason: RemovalReason,
    },
    /// Who of them may stay in this room has changed: those who may not are in it no longer, and whoever is entering
    /// is looked at again.
    Review {
        /// The room in which they may be.
        room: RoomId,
    },
    /// They are connected no longer.
    Disconnect,
}

impl Service for HubService {
    type Request = HubRequest;
    /// How many connections it was.
    type Reply = u32;
    fn name(&self) -> String {
        format!("hub.orders.{}", self.0)
    }
}
