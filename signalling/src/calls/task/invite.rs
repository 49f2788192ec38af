//! One more person is rung into a call, as somebody wishes who is in it.

use super::{Running, refused};
use crate::{
    calls::ring::{Devices, devices_of, reached},
    failure::store_failed,
    rooms::admit::hold_callee,
};
use common::{
    error::{ErrorCode, Fault},
    id::{ConnectionId, RoomId, UserId},
    protocol::Failure,
};
use signalling_core::call::Effect;

impl Running {
    /// Rings `user` on behalf of the one who talks on `device`, or in their place. Who rings already is not rung again.
    pub(super) async fn invite(
        &mut self,
        device: ConnectionId,
        user: UserId,
        is_transfer: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<RoomId, Failure> {
        // First: whoever is no part of the call learns nothing of anybody.
        if !self.core.may_invite(device, user, is_transfer).map_err(refused)? {
            return Ok(self.about.room);
        }
        self.admit(user).await?;
        let Devices { nodes, name } = reached(&self.hub, self.about.account, user).await?;
        self.about.names.insert(user, name);
        let is_free = match &mut self.leases {
            Some(leases) => leases.invite(&self.hub, user).await?,
            None => false,
        };
        let now = self.hub.clock().now();
        if !is_free {
            self.core.handle_busy(device, (user, is_transfer), effects).map_err(refused)?;
            let why = "the other side is in a call";
            return Err(Failure::of(ErrorCode::CALL_BUSY, Fault::Upstream, why));
        }
        let devices: Vec<ConnectionId> = nodes.keys().copied().collect();
        self.nodes.extend(nodes);
        let outcome = self.core.handle_invite(device, (user, is_transfer), devices, now, effects);
        outcome.map_err(refused)?;
        self.note_rung();
        // Who has connected since the first look has asked before there was a call to ring for.
        if let Ok(Devices { nodes, .. }) = devices_of(&self.hub, self.about.account, user).await {
            for (device, node) in nodes {
                self.nodes.insert(device, node);
                let _rings_already = self.core.handle_connected(user, device, now, effects);
            }
        }
        Ok(self.about.room)
    }

    /// They could come into the room.
    async fn admit(&self, user: UserId) -> Result<(), Failure> {
        let failed = |error| store_failed(&error);
        let mut tx = self.hub.store().reading(self.about.account).await.map_err(failed)?;
        hold_callee(&self.hub, &mut tx, user, self.about.room).await
    }
}
