//! Takes those out of rooms who may not stay in them, also where nobody told this instance so: whoever decides it
//! tells the hub, but may not reach every instance, or may be gone before.

use super::{live::LiveRoom, remove::remove};
use crate::{
    client::{Access, Client},
    hub::Hub,
};
use common::{
    error::Chain,
    id::{AccountId, RoomId},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use store::{
    StoreError,
    rooms::{Visitor, unwelcome},
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

/// How often the store is asked who may stay.
///
/// Longer spares it one transaction for each account whose rooms somebody here is in; shorter ends sooner what an
/// instance was not told. With what asking takes, whoever is removed hears nothing more within five seconds.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Visitors that are asked about in one statement.
const VISITORS_MAX: usize = 1000;

/// What the store is asked about somebody in a room.
pub(super) fn visitor(client: &Client, room: RoomId) -> Visitor {
    let guest_since = match client.access() {
        Access::Guest { issued_at, .. } => Some(issued_at),
        Access::Person { .. } => None,
    };
    Visitor { room, user: client.user, guest_since }
}

/// Looks until the hub drains.
pub(crate) async fn watch(hub: Hub) {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        for (account, visitors) in visitors(&hub) {
            if let Err(error) = look(&hub, account, &visitors).await {
                warn!(account.id = %account, error = %Chain(&error), "Who may stay in rooms cannot be read; will retry");
                break;
            }
        }
    }
}

/// Who is in rooms here, each once however many devices they have there.
fn visitors(hub: &Hub) -> BTreeMap<AccountId, Vec<Visitor>> {
    let mut accounts: BTreeMap<AccountId, Vec<Visitor>> = BTreeMap::new();
    for (account, id) in hub.0.rooms.followed() {
        if let Some(room) = hub.0.rooms.get(id) {
            accounts.entry(account).or_default().extend(visitors_of(&room));
        }
    }
    accounts
}

fn visitors_of(room: &LiveRoom) -> BTreeSet<Visitor> {
    room.clients().iter().map(|client| visitor(client, room.id)).collect()
}

async fn look(hub: &Hub, account: AccountId, visitors: &[Visitor]) -> Result<(), StoreError> {
    for some in visitors.chunks(VISITORS_MAX) {
        let mut tx = hub.store().tenant(account).await?;
        let found = unwelcome(&mut tx, some).await?;
        drop(tx);
        for (shown_out, reason) in found {
            // Who has come with a newer token meanwhile is not meant.
            let is_meant = |client: &Client| visitor(client, shown_out.room) == shown_out;
            remove(hub, shown_out.room, reason, is_meant).await;
        }
    }
    Ok(())
}
