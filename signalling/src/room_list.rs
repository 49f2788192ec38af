//! `rooms.subscribe`: the list of an account's rooms, kept up to date for those who have joined none of them.
//!
//! [`live`] is what somebody on this instance follows; its core decides. Where something is new is [said](say) by who
//! stores it, and who is in a call where by the media nodes. One [follower](follow) per account and instance hears it,
//! and reads what that is to whom.

mod follow;
pub(crate) mod live;
pub(crate) mod say;

pub(crate) use say::{moved, read};

use crate::{client::Client, finally::Finally, hub::Hub};
use common::{
    permission::Permission,
    protocol::{Done, RequestId},
    subject::room_list::RoomListNews,
};
use signalling_core::room_list::Closed;
use std::sync::Arc;
use store::Reviews;

/// `rooms.subscribe`. Answers by itself, so that calls come after it.
pub(crate) async fn subscribe(hub: &Hub, client: &Arc<Client>, id: Option<&RequestId>) {
    let _not_left_open = Finally(|| hub.0.room_lists.close_if_empty(client.account));
    loop {
        let opened = hub.0.room_lists.open(client.account, || follow::open(hub, client.account)).await;
        let list = match opened {
            Ok(list) => list,
            Err(failure) => return client.answer::<()>(id, &Err(failure)),
        };
        let followed = list.act(|list, _, _| {
            list.follow(client.user, client.id, Arc::clone(client))?;
            client.held().follows_rooms = true;
            client.answer(id, &Ok(Done {}));
            Ok::<_, Closed>(())
        });
        if followed.is_ok() {
            return;
        }
    }
}

/// `rooms.unsubscribe`. Not following is no error.
pub(crate) fn unsubscribe(hub: &Hub, client: &Client) -> Done {
    if std::mem::take(&mut client.held().follows_rooms)
        && let Some(list) = hub.0.room_lists.get(client.account)
    {
        list.act(|list, _, _| list.leave(client.user, client.id));
        hub.0.room_lists.close_if_empty(client.account);
    }
    Done {}
}

/// A newer token may allow less.
pub(crate) fn recheck(hub: &Hub, client: &Client) {
    if client.access().require(Permission::RoomsRead).is_err() {
        unsubscribe(hub, client);
    }
}

/// Who sees which room may have changed: who is in a call there is to be seen by others, or by fewer.
pub(crate) fn review(hub: &Hub, reviews: &Reviews) {
    match reviews {
        Reviews::All => {
            for (_, list) in hub.0.room_lists.all() {
                list.act(|list, _, _| list.review());
            }
        }
        Reviews::Of(rooms) => {
            for (account, room) in rooms {
                if let Some(list) = hub.0.room_lists.get(*account) {
                    let news = RoomListNews { moved: [*room].into(), ..RoomListNews::default() };
                    list.act(|list, _, _| list.handle_news(&news));
                }
            }
        }
    }
}

/// The connection is gone.
pub(crate) fn lose_connection(hub: &Hub, client: &Client) {
    unsubscribe(hub, client);
}

#[cfg(test)]
mod tests;
