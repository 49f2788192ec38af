//! Rooms and what was said in them. What people say goes over `/v1/ws`, what programs say over [`messages`]. Who may
//! do what is decided by the core that the hub asks too ([`admit`](mod@admit)).

mod admit;
mod close;
mod create;
mod delete;
mod events;
mod get;
mod guests;
mod list;
mod members;
mod message;
mod messages;
mod update;

use super::routes::{Routes, endpoints};
use common::permission::Permission;

pub(super) fn routes() -> Routes {
    Routes::of("rooms", "Where people meet: who may enter, who is there, what was said.")
        .needs(
            Permission::RoomsRead,
            endpoints![
                list::list,
                get::get,
                messages::list,
                message::get,
                members::list,
                members::list_room_connections
            ],
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
        .needs_by_kind(
            Permission::RoomsRead,
            Permission::RoomsManage,
            endpoints![messages::send, message::edit, message::delete],
        )
}
