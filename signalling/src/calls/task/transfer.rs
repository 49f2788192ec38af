//! A call is handed over to another room, where somebody is already.

use super::{Running, refused};
use crate::{
    failure::{not_found, store_failed},
    media,
    rooms::admit::hold_callee,
};
use common::{
    error::{ErrorCode, Fault},
    id::{RoomId, UserId},
    protocol::Failure,
    subject::hub::CallRequest,
};
use signalling_core::call::{CallError, Effect};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::timeout;

/// How long the call waits for what the store and the media server say of the room. Meanwhile it hears nobody.
const LOOK_TIME: Duration = Duration::from_secs(1);

fn unavailable() -> Failure {
    Failure::of(ErrorCode::UNAVAILABLE, Fault::Ours, "the room cannot be looked at; try again")
}

impl Running {
    /// Hands it over to `room`, as the one wishes who talks on the device that asks.
    pub(super) async fn transfer(
        &mut self,
        request: &CallRequest,
        room: RoomId,
        effects: &mut Vec<Effect>,
    ) -> Result<RoomId, Failure> {
        // First: whoever is no part of the call learns nothing of any room.
        let others = self.core.may_transfer(request.device, room).map_err(refused)?;
        if others.is_empty() {
            return Ok(self.about.room);
        }
        if room == self.about.room {
            return Err(Failure::of(ErrorCode::INVALID_PARAMS, Fault::Caller, "they meet there already"));
        }
        let by = request.user.ok_or_else(|| refused(CallError::NotInvited))?;
        let is_met = timeout(LOOK_TIME, self.is_met(by, &others, room)).await;
        if !is_met.unwrap_or_else(|_| Err(unavailable()))? {
            let why = "nobody is in a call in that room";
            return Err(Failure::of(ErrorCode::CALL_UNREACHABLE, Fault::Upstream, why));
        }
        let now = self.hub.clock().now();
        self.core.handle_transfer(request.device, room, now, effects).map_err(refused)?;
        Ok(self.about.room)
    }

    /// Whether somebody is in the room's media session whom those meet who go there; all of them could.
    async fn is_met(&self, by: UserId, others: &BTreeSet<UserId>, room: RoomId) -> Result<bool, Failure> {
        self.hold_all(by, others, room).await?;
        let session = media::running(&self.hub, self.about.account, room).await?;
        let mut there = session.iter().flat_map(|state| &state.participants);
        Ok(there.any(|participant| !others.contains(&participant.user_id)))
    }

    /// The one who asks sees the room, and all others could come into it.
    async fn hold_all(&self, by: UserId, others: &BTreeSet<UserId>, room: RoomId) -> Result<(), Failure> {
        let failed = |error| store_failed(&error);
        let mut tx = self.hub.store().reading(self.about.account).await.map_err(failed)?;
        let unseen = |failure: Failure| {
            let may_not = failure.data.code == ErrorCode::CALL_UNREACHABLE;
            if may_not { not_found("room") } else { failure }
        };
        hold_callee(&self.hub, &mut tx, by, room).await.map_err(unseen)?;
        for &user in others {
            hold_callee(&self.hub, &mut tx, user, room).await?;
        }
        Ok(())
    }
}
