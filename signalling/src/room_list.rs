//! `rooms.subscribe`: the list of an account's rooms, kept up to date for those who have joined none of them.
//!
//! [`live`] is what somebody on this instance follows; its core decides. Where something is new is [said](say) by who
//! stores it, and heard by one [follower](follow) per account and instance, who reads what that is to whom.

mod follow;
pub(crate) mod live;
pub(crate) mod say;

pub(crate) use say::{moved, read};

use crate::{client::Client, finally::Finally, hub::Hub};
use common::{
    permission::Permission,
    protocol::{Done, Failure},
};
use signalling_core::room_list::Closed;
use std::sync::Arc;

/// `rooms.subscribe`.
pub(crate) async fn subscribe(hub: &Hub, client: &Arc<Client>) -> Result<Done, Failure> {
    let _not_left_open = Finally(|| hub.0.room_lists.close_if_empty(client.account));
    loop {
        let list = hub.0.room_lists.open(client.account, || follow::open(hub, client.account)).await?;
        let followed = list.act(|list, _, _| {
            list.follow(client.user, client.id, Arc::clone(client))?;
            client.held().follows_rooms = true;
            Ok::<_, Closed>(Done {})
        });
        if let Ok(done) = followed {
            return Ok(done);
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

/// The connection is gone.
pub(crate) fn lose_connection(hub: &Hub, client: &Client) {
    unsubscribe(hub, client);
}

#[cfg(test)]
mod tests;
