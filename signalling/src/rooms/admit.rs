//! Who may enter a room or read it.

use crate::{
    client::{Access, Client, forbidden},
    failure::{not_found, store_failed},
};
use common::{
    error::{ErrorCode, Fault},
    id::RoomId,
    permission::Permission,
    protocol::Failure,
};
use store::{
    TenantTx,
    rooms::{self, Room},
};

/// The room, if the caller may enter or read it. To who may not, it does not exist.
pub(super) async fn admit(tx: &mut TenantTx, client: &Client, id: RoomId) -> Result<Room, Failure> {
    let failed = |error| store_failed(&error);
    let room = rooms::find(tx, id).await.map_err(failed)?.ok_or_else(|| not_found("room"))?;
    match client.access() {
        access @ Access::Person { .. } => {
            access.require(Permission::RoomsRead)?;
            if room.is_private && !rooms::is_member(tx, id, client.user).await.map_err(failed)? {
                return Err(not_found("room"));
            }
        }
        Access::Guest { room: own, .. } if own != id => return Err(not_found("room")),
        Access::Guest { issued_at, .. } => {
            let removed = rooms::removed_at(tx, id, client.user).await.map_err(failed)?;
            if removed.is_some_and(|at| at >= issued_at) {
                return Err(forbidden("you were removed; a new token is needed"));
            }
        }
    }
    Ok(room)
}

pub(super) fn closed() -> Failure {
    Failure::of(ErrorCode::ROOM_CLOSED, Fault::Caller, "the room is closed")
}
