//! Rooms and what was said in them. What people say goes over `/v1/ws`, what programs say over [`messages`]. Who may
//! do what is decided by the core that the hub asks too ([`admit`](mod@admit)).

mod admit;
mod attachments;
mod close;
mod create;
mod delete;
mod direct;
mod events;
mod get;
mod guests;
mod list;
mod members;
mod message;
mod messages;
mod restrictions;
mod tell;
mod update;

pub(super) use admit::refused;
pub(super) use attachments::{no_storage, unavailable};

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
                delete::delete,
                close::close,
                close::reopen,
                events::publish,
                guests::create,
                members::disconnect_from_room
            ],
        )
        // Of people, what they are in the room counts, too.
        .needs_by_kind(
            Permission::RoomsRead,
            Permission::RoomsManage,
            endpoints![
                update::update,
                members::add,
                members::change,
                members::remove,
                restrictions::list_room_mutes,
                restrictions::mute,
                restrictions::unmute,
                restrictions::list_room_bans,
                restrictions::ban,
                restrictions::unban
            ],
        )
        .needs_by_kind(Permission::RoomsCreate, Permission::RoomsManage, endpoints![create::create])
        // What a program says looks as if somebody had said it.
        .needs_by_kind(
            Permission::RoomsRead,
            Permission::RoomsManage,
            endpoints![messages::send, message::edit, message::delete],
        )
        // Guests, too: they have rights in place of permissions.
        .needs(Permission::RoomsRead, endpoints![attachments::get_attachment])
        .needs_by_kind(
            Permission::RoomsRead,
            Permission::RoomsManage,
            endpoints![attachments::upload::upload_attachment, attachments::discard_attachment],
        )
}

/// The rooms of two, by whom they are with.
pub(super) fn direct_routes() -> Routes {
    Routes::of("direct-rooms", "The one room of each two users.")
        .needs(Permission::RoomsCreate, endpoints![direct::open_direct_room])
}
