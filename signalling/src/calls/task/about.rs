//! What of a call never changes, and what its devices are told of that.

use crate::{calls::ring::millis, client::Client};
use common::{
    id::{AccountId, CallId, RoomId, UserId},
    protocol::call::{Incoming, Media},
    subject::hub::CallState,
};
use signalling_core::call::Call;
use std::time::Duration;
use store::calls::{NewCall, Open};
use time::OffsetDateTime;

pub(in crate::calls) struct About {
    pub(in crate::calls) account: AccountId,
    pub(in crate::calls) call: CallId,
    pub(in crate::calls) room: RoomId,
    pub(in crate::calls) caller: UserId,
    pub(in crate::calls) callee: UserId,
    /// The caller's, to be shown.
    name: String,
    media: Media,
    started_at: OffsetDateTime,
    /// Once it was.
    pub(super) answered_at: Option<OffsetDateTime>,
}

impl About {
    /// A call that begins.
    pub(in crate::calls) fn new(client: &Client, call: &NewCall, now: OffsetDateTime) -> Self {
        Self {
            account: client.account,
            call: call.id,
            room: call.room,
            caller: call.caller,
            callee: call.callee,
            name: client.name.clone(),
            media: call.media,
            started_at: now,
            answered_at: None,
        }
    }

    /// A call that was taken over; its caller has this name.
    pub(in crate::calls) fn of(account: AccountId, open: &Open, name: String) -> Self {
        Self {
            account,
            call: open.tenure.call,
            room: open.room,
            caller: open.caller,
            callee: open.callee,
            name,
            media: open.media,
            started_at: open.started_at,
            answered_at: open.answered_at,
        }
    }

    /// What a device is told that rings.
    pub(in crate::calls) fn incoming(&self, rings_for: Duration) -> Incoming {
        Incoming {
            call_id: self.call,
            room_id: self.room,
            from: self.caller,
            name: self.name.clone(),
            media: self.media,
            ring_time_ms: millis(rings_for),
        }
    }

    /// What a device is told that comes back.
    pub(super) fn state(&self, core: &Call, rings_for: Option<Duration>, epoch: u64) -> CallState {
        CallState {
            room: self.room,
            media: self.media,
            started_at: self.started_at,
            answered_at: self.answered_at,
            ring_time_ms: rings_for.map(millis),
            caller: core.caller(),
            callee: core.callee(),
            epoch,
        }
    }
}
