//! Rooms and what was said in them. What people say goes over `/v1/ws`, what programs say over [`messages`].

mod close;
mod create;
mod delete;
mod events;
mod get;
mod guests;
mod list;
mod members;
mod messages;
mod update;

use super::{
    caller::Caller,
    problem::Problem,
    routes::{Routes, endpoints},
};
use common::{id::RoomId, permission::Permission};
use store::{
    TenantTx,
    rooms::{self, Room, Viewer},
};

pub(super) fn routes() -> Routes {
    Routes::of("rooms", "Where people meet: who may enter, who is there, what was said.")
        .needs(
            Permission::RoomsRead,
            endpoints![list::list, get::get, messages::list, members::list, members::list_room_connections],
        )
        .needs(
            Permission::RoomsManage,
            endpoints![
                create::create,
                update::update,
                delete::delete,
                close::close,
                close::reopen,
                events::publish,
                guests::create,
                members::add,
                members::remove,
                members::disconnect_from_room
            ],
        )
        // What a program says looks as if somebody had said it.
        .needs_by_kind(Permission::RoomsRead, Permission::RoomsManage, endpoints![messages::send])
}

/// The viewer that a caller is: programs, and people who manage rooms, see every room. Others see private ones as
/// members.
fn viewer(caller: &Caller) -> Viewer {
    match &caller.token {
        Some(token) if !caller.permissions.has(Permission::RoomsManage) => Viewer::User(token.user),
        Some(_) | None => Viewer::Anybody,
    }
}

/// The room, for who manages rooms.
async fn existing(tx: &mut TenantTx, id: RoomId) -> Result<Room, Problem> {
    rooms::find(tx, id).await?.ok_or_else(|| Problem::not_found("room"))
}

/// The room, if the caller may read it: programs may, people as members if it is private.
/// For callers who may not see it, it does not exist.
async fn visible(tx: &mut TenantTx, caller: &Caller, id: RoomId) -> Result<Room, Problem> {
    let room = existing(tx, id).await?;
    if let Some(token) = caller.token.as_ref().filter(|_| room.is_private)
        && !rooms::is_member(tx, id, token.user).await?
    {
        return Err(Problem::not_found("room"));
    }
    Ok(room)
}
