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
mod join_links;
mod list;
mod members;
mod message;
mod messages;
mod recordings;
mod restrictions;
mod statistics;
mod tell;
mod update;

pub(super) use admit::refused;
pub(super) use attachments::{no_storage, unavailable};
pub(super) use join_links::{
    GOOD_FOR as JOIN_LINK_GOOD_FOR, GOOD_FOR_MAX as JOIN_LINK_GOOD_FOR_MAX, GuestKeys,
    PER_NETWORK as JOIN_LINKS_PER_NETWORK, Rates as JoinLinkRates, TOKEN_TIME as JOIN_LINK_TOKEN_TIME,
    routes as join_link_routes,
};

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
                members::list_room_connections,
                statistics::list_statistics,
                statistics::get_statistics
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
                join_links::list,
                join_links::create,
                join_links::revoke,
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
                restrictions::unban,
                recordings::list_recordings,
                recordings::start_recording,
                recordings::get_recording,
                recordings::stop_recording,
                recordings::get_recording_manifest,
                recordings::file::read_recording_file,
                recordings::delete_recording
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
