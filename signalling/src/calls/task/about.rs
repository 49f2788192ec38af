//! What of a call never changes, who its people are, and what its devices are told of that.

use crate::{calls::ring::millis, client::Client};
use common::{
    id::{AccountId, CallId, RoomId, UserId},
    protocol::call::{Incoming, Media, PartiesChanged, Party, PartyState, Transferring},
    subject::hub::CallState,
};
use signalling_core::call::{Call, Destination, PartyStanding, PartyView};
use std::{collections::BTreeMap, time::Duration};
use store::calls::{NewCall, Open};
use time::OffsetDateTime;

pub(in crate::calls) struct About {
    pub(in crate::calls) account: AccountId,
    pub(in crate::calls) call: CallId,
    pub(in crate::calls) room: RoomId,
    pub(in crate::calls) caller: UserId,
    /// To be shown, of everybody who is or was part of it.
    pub(super) names: BTreeMap<UserId, String>,
    media: Media,
    started_at: OffsetDateTime,
    /// Once it was.
    pub(super) answered_at: Option<OffsetDateTime>,
}

impl About {
    /// A call that begins; whom it rings has this name.
    pub(in crate::calls) fn new(
        client: &Client,
        call: &NewCall,
        callee: String,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            account: client.account,
            call: call.id,
            room: call.room,
            caller: call.caller,
            names: BTreeMap::from([(call.callee, callee), (call.caller, client.name.clone())]),
            media: call.media,
            started_at: now,
            answered_at: None,
        }
    }

    /// A call that was taken over; its people have these names.
    pub(in crate::calls) fn of(account: AccountId, open: &Open, names: BTreeMap<UserId, String>) -> Self {
        Self {
            account,
            call: open.tenure.call,
            room: open.room,
            caller: open.caller,
            names,
            media: open.media,
            started_at: open.started_at,
            answered_at: open.answered_at,
        }
    }

    fn name(&self, user: UserId) -> String {
        self.names.get(&user).cloned().unwrap_or_default()
    }

    /// What a device is told that rings, on behalf of `from`.
    pub(in crate::calls) fn incoming(&self, from: UserId, rings_for: Duration) -> Incoming {
        Incoming {
            call_id: self.call,
            room_id: self.room,
            from,
            name: self.name(from),
            media: self.media,
            ring_time_ms: millis(rings_for),
        }
    }

    /// What a device is told that is to go to another room.
    pub(super) fn transferring(&self, Destination { by, room }: Destination, time: Duration) -> Transferring {
        let (name, answer_time_ms) = (self.name(by), millis(time));
        Transferring { call_id: self.call, room_id: room, by, name, answer_time_ms }
    }

    /// What those are told who are in it.
    pub(super) fn changed(&self, core: &Call) -> PartiesChanged {
        let (revision, parties) = core.parties();
        let parties = parties.into_iter().map(|party| self.party(party)).collect();
        PartiesChanged { call_id: self.call, parties, revision }
    }

    fn party(&self, PartyView { user, invitation, standing }: PartyView) -> Party {
        let (state, connection_id, reason) = match standing {
            PartyStanding::Ringing => (PartyState::Ringing, None, None),
            PartyStanding::In(device) => (PartyState::Joined, Some(device), None),
            PartyStanding::Out(reason) => (PartyState::Left, None, Some(reason)),
        };
        let name = self.name(user);
        Party { user_id: user, name, state, connection_id, invited_by: invitation.by, reason }
    }

    /// What a user's device is told that comes back.
    pub(super) fn state(
        &self,
        core: &Call,
        user: UserId,
        rings_for: Option<Duration>,
        epoch: u64,
    ) -> CallState {
        let PartiesChanged { parties, revision, .. } = self.changed(core);
        CallState {
            room: self.room,
            media: self.media,
            started_at: self.started_at,
            answered_at: self.answered_at,
            ring_time_ms: rings_for.map(millis),
            with: core.with(user),
            parties,
            revision,
            epoch,
        }
    }
}
