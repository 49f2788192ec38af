//! Takes those out of rooms who may not stay in them, also where nobody told this instance so: whoever decides it
//! tells the hub, but may not reach every instance, or may be gone before.
//!
//! The database itself writes down in which rooms something has changed that may keep somebody out
//! (`store/sql/reviews.sql`); only there is anybody looked at.

use super::{
    admit::{self, identity},
    live::LiveRoom,
    remove::take_out,
};
use crate::{
    client::Client,
    failure::{Unread, answered_within},
    hub::Hub,
    room_list,
};
use common::{
    error::Chain,
    id::{AccountId, RoomId},
    identity::Identity,
    protocol::room::RemovalReason,
    room::RoomFacts,
};
use signalling_core::admission::Action;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use store::{
    ReviewMark, Reviews, StoreError,
    rooms::{Visitor, doubtful},
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

/// How often the store is asked whether anything has changed that may keep out who is in a room.
///
/// Longer spares it a statement for each instance; shorter ends sooner what an instance was not told. With what asking
/// takes, whoever is removed hears nothing more within five seconds.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Visitors that are asked about in one statement.
const VISITORS_MAX: usize = 1000;

async fn answered<T>(reading: impl Future<Output = Result<T, StoreError>>) -> Result<T, Unread> {
    answered_within(LOOK_EVERY, reading).await
}

/// Looks until the hub drains.
pub(crate) async fn watch(hub: Hub) {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut mark = None;
    loop {
        tick.tick().await;
        if let Err(error) = look_again(&hub, &mut mark).await {
            warn!(error = %Chain(&error), "Who may stay in rooms cannot be read; will retry");
        }
    }
}

/// Looks where something has changed since the mark, which then is here: at nobody, mostly. In all rooms without one,
/// also after looking at them has failed. How many had to leave.
pub(super) async fn look_again(hub: &Hub, mark: &mut Option<ReviewMark>) -> Result<u32, Unread> {
    let (reviews, after) = answered(hub.store().system().reviews(mark.as_ref())).await?;
    *mark = None;
    if matches!(&reviews, Reviews::Of(rooms) if rooms.is_empty()) {
        *mark = Some(after);
        return Ok(0);
    }
    room_list::review(hub, &reviews);
    // First: whoever is entering by what the store said before is not here yet, and has to be let in anew.
    hub.0.rooms.note_removal();
    let rooms = match reviews {
        Reviews::All => hub.0.rooms.followed().into_iter().collect(),
        Reviews::Of(rooms) => rooms,
    };
    let mut count = 0;
    for (account, visitors) in visitors(hub, rooms) {
        count += look(hub, account, &visitors).await?;
    }
    *mark = Some(after);
    Ok(count)
}

/// Who is in these rooms here, each once however many devices they have there.
fn visitors(hub: &Hub, rooms: BTreeSet<(AccountId, RoomId)>) -> BTreeMap<AccountId, Vec<Visitor>> {
    let mut accounts: BTreeMap<AccountId, Vec<Visitor>> = BTreeMap::new();
    for (account, id) in rooms {
        if let Some(room) = hub.0.rooms.get(id).filter(|room| room.account == account) {
            accounts.entry(account).or_default().extend(visitors_of(&room));
        }
    }
    accounts
}

fn visitors_of(room: &LiveRoom) -> BTreeSet<Visitor> {
    let who = |client: &Arc<Client>| identity(client, &client.access());
    room.clients().iter().map(|client| Visitor { room: room.id, who: who(client) }).collect()
}

/// Takes those out of whom the store says so; how many it were.
async fn look(hub: &Hub, account: AccountId, visitors: &[Visitor]) -> Result<u32, Unread> {
    let mut count = 0;
    for some in visitors.chunks(VISITORS_MAX) {
        let found = answered(async {
            let mut tx = hub.store().tenant(account).await?;
            doubtful(&mut tx, some, hub.clock().utc()).await
        })
        .await?;
        let mut rooms: BTreeMap<RoomId, BTreeMap<Identity, Option<RoomFacts>>> = BTreeMap::new();
        for (Visitor { room, who }, facts) in found {
            rooms.entry(room).or_default().insert(who, facts);
        }
        for (room, doubts) in rooms {
            count += clear(hub, room, &doubts);
        }
    }
    Ok(count)
}

/// Takes those out of a room who may not stay in it, each device by its own token: one may have come with a newer.
fn clear(hub: &Hub, id: RoomId, doubts: &BTreeMap<Identity, Option<RoomFacts>>) -> u32 {
    let Some(room) = hub.0.rooms.get(id) else { return 0 };
    let must_leave = |client: &Client| {
        let access = client.access();
        let facts = doubts.get(&identity(client, &access))?;
        admit::visitor(&access).must_leave(id, facts.as_ref())
    };
    let here = room.clients();
    let leaving: Vec<_> = here.iter().filter_map(|client| Some((client, must_leave(client)?))).collect();
    let reasons =
        [RemovalReason::Deleted, RemovalReason::Closed, RemovalReason::Banned, RemovalReason::Removed];
    for reason in reasons {
        let meant = leaving.iter().filter(|(_, why)| *why == reason);
        let meant: Vec<_> = meant.map(|(client, _)| Arc::clone(client)).collect();
        if !meant.is_empty() {
            hub.0.rooms.note_removal();
            take_out(hub, id, reason, &meant);
        }
    }
    u32::try_from(leaving.len()).unwrap_or(u32::MAX)
}

/// Who may stay in a room has changed: those who are in it here are looked at, and whoever is entering has to be let
/// in anew. How many had to leave.
pub(crate) async fn review(hub: &Hub, account: AccountId, id: RoomId) -> u32 {
    hub.0.rooms.note_removal();
    let Some(room) = hub.0.rooms.get(id).filter(|room| room.account == account) else { return 0 };
    let visitors: Vec<_> = visitors_of(&room).into_iter().collect();
    look(hub, account, &visitors).await.unwrap_or_else(|error| {
        warn!(room.id = %id, error = %Chain(&error), "Who may stay in {id} cannot be read; will retry");
        0
    })
}

/// The client goes by another token: it leaves its rooms if this one does not let it into any.
pub(crate) fn recheck(hub: &Hub, client: &Arc<Client>) {
    if admit::visitor(&client.access()).may_inside(Action::Enter, true).is_ok() {
        return;
    }
    hub.0.rooms.note_removal();
    let rooms = client.held().rooms.clone();
    for room in rooms {
        take_out(hub, room, RemovalReason::Removed, std::slice::from_ref(client));
    }
}
