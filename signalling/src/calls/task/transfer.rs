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
use signalling_core::call::Effect;
use std::collections::BTreeSet;

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
        self.hold_all(request.user, &others, room).await?;
        let state = media::look(&self.hub, self.about.account, room).await;
        let is_met = state.is_some_and(|state| {
            state.participants.iter().any(|participant| !others.contains(&participant.user_id))
        });
        if !is_met {
            let why = "nobody is in a call in that room";
            return Err(Failure::of(ErrorCode::CALL_UNREACHABLE, Fault::Upstream, why));
        }
        let now = self.hub.clock().now();
        self.core.handle_transfer(request.device, room, now, effects).map_err(refused)?;
        Ok(self.about.room)
    }

    /// The one who asks sees the room, and all others could come into it.
    async fn hold_all(
        &self,
        by: Option<UserId>,
        others: &BTreeSet<UserId>,
        room: RoomId,
    ) -> Result<(), Failure> {
        let failed = |error| store_failed(&error);
        let mut tx = self.hub.store().reading(self.about.account).await.map_err(failed)?;
        if let Some(by) = by {
            hold_callee(&self.hub, &mut tx, by, room).await.map_err(|_| not_found("room"))?;
        }
        for &user in others {
            hold_callee(&self.hub, &mut tx, user, room).await?;
        }
        Ok(())
    }
}
