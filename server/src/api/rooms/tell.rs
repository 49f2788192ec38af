//! Tells those who are in a room, or follow the list of rooms, what has become of it.

use super::super::App;
use common::{
    error::Chain,
    id::{AccountId, RoomId, UserId},
    protocol::room::{MemberChanged, MemberRole, Renamed, Restricted},
    subject::{
        hub::{RoomNews, RoomTopic},
        room_list::{RoomListNews, RoomListTopic},
    },
};
use store::rooms::Restrictions;
use tracing::debug;

async fn tell(app: &App, id: RoomId, news: RoomNews) {
    if let Err(error) = app.bus.publish(&RoomTopic(id), &news).await {
        // It is so whoever hears of it: the store is asked before anybody enters or says something.
        debug!(room.id = %id, error = %Chain(&error), "Only this process was told");
    }
}

/// Something is new in the room for those who follow the list.
pub(super) async fn moved(app: &App, account: AccountId, id: RoomId) {
    list(app, account, id, RoomListNews { moved: [id].into(), ..RoomListNews::default() }).await;
}

/// The room is for all from now on, and those who follow the list may not know of it.
pub(super) async fn opened(app: &App, account: AccountId, id: RoomId) {
    list(app, account, id, RoomListNews { opened: [id].into(), ..RoomListNews::default() }).await;
}

async fn list(app: &App, account: AccountId, id: RoomId, news: RoomListNews) {
    if let Err(error) = app.bus.publish(&RoomListTopic(account), &news).await {
        // Instances that miss it compare the numbers of the rooms.
        debug!(room.id = %id, error = %Chain(&error), "Only this process was told");
    }
}

/// The room is called otherwise.
pub(super) async fn renamed(app: &App, room_id: RoomId, name: String) {
    tell(app, room_id, RoomNews::Renamed(Renamed { room_id, name })).await;
}

/// Somebody is this in the room from now on.
pub(super) async fn member_changed(
    app: &App,
    account: AccountId,
    room_id: RoomId,
    user_id: UserId,
    role: Option<MemberRole>,
) {
    tell(app, room_id, RoomNews::MemberChanged(MemberChanged { room_id, user_id, role })).await;
    moved(app, account, room_id).await;
}

/// Somebody may not do this in the room from now on.
pub(super) async fn restricted(app: &App, room_id: RoomId, user_id: UserId, now: Restrictions) {
    let Restrictions { is_muted: muted, muted_until, is_banned: banned } = now;
    let restricted = Restricted { room_id, user_id, muted, muted_until, banned };
    tell(app, room_id, RoomNews::Restricted(restricted)).await;
}
