//! Who of an account is connected at all.

pub(crate) mod live;

use crate::{
    client::Client,
    failure::{bus_failed, published},
    finally::Finally,
    hub::Hub,
};
use bus::{BusError, Delivery, Subscription};
use common::{
    error::Chain,
    id::{AccountId, UserId},
    protocol::{Failure, RequestId, presence::OnlineUser},
    subject::hub::{AccountOnline, AccountTopic, OnlineChanged, OnlineDevice},
};
use live::Watched;
use std::{sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::warn;

/// How often the list is compared with what the bus says, beside every change that is announced.
const COMPARE_EVERY: Duration = Duration::from_secs(5);

/// Changes that come within this time are one comparison: a thousand clients reconnect at once.
const GATHER_TIME: Duration = Duration::from_millis(100);

/// A device is there: others learn of it.
pub(crate) async fn come_online(hub: &Hub, client: &Arc<Client>) {
    let guest = client.access().is_guest();
    let device = OnlineDevice { user: user(client), node: hub.bus().node(), guest };
    match hub.bus().present(&AccountOnline(client.account), &client.id.to_string(), &device).await {
        Ok(presence) => client.held().online = Some(presence),
        Err(error) => {
            warn!(conn.id = %client.id, error = %Chain(&error), "Presence of {} is not announced", client.id)
        }
    }
    if !guest {
        announce(hub, client).await;
    }
}

/// A device is gone.
pub(crate) async fn lose_connection(hub: &Hub, client: &Arc<Client>) {
    let (online, follows) = {
        let mut held = client.held();
        (held.online.take(), held.follows_presence)
    };
    drop(online);
    if follows && let Some(watched) = hub.0.accounts.get(client.account) {
        watched.state().watchers.remove(&client.id);
        hub.0.accounts.close_if_empty(client.account);
    }
    if !client.access().is_guest() {
        announce(hub, client).await;
    }
}

fn user(client: &Client) -> OnlineUser {
    OnlineUser { user_id: client.user, name: client.name.clone() }
}

/// A hint that somebody came or went; what is true is in the set.
async fn announce(hub: &Hub, client: &Client) {
    published(hub.bus().publish(&AccountTopic(client.account), &OnlineChanged {}).await);
}

/// `presence.subscribe`. Answers by itself, so that changes come after the list.
pub(crate) async fn subscribe(
    hub: &Hub,
    client: &Arc<Client>,
    id: Option<&RequestId>,
    after: Option<UserId>,
) {
    let _not_left_open = Finally(|| hub.0.accounts.close_if_empty(client.account));
    loop {
        let watched = match hub.0.accounts.open(client.account, || watch(hub, client.account)).await {
            Ok(watched) => watched,
            Err(error) => return client.answer::<()>(id, &Err::<(), Failure>(bus_failed(&error))),
        };
        let mut state = watched.state();
        if state.is_closed {
            continue;
        }
        state.watchers.insert(client.id, Arc::clone(client));
        client.held().follows_presence = true;
        return client.answer(id, &Ok(state.page(after)));
    }
}

async fn watch(hub: &Hub, account: AccountId) -> Result<Arc<Watched>, BusError> {
    let news = hub.bus().subscribe(&AccountTopic(account)).await?;
    let watched = Arc::new(Watched::new(account));
    compare(hub, &watched).await?;
    let (over, follower, hub_of_task) = (watched.over.clone(), Arc::clone(&watched), hub.clone());
    hub.spawn(async move {
        over.run_until_cancelled(follow(hub_of_task, follower, news)).await;
    });
    Ok(watched)
}

async fn follow(hub: Hub, watched: Arc<Watched>, mut news: Subscription<OnlineChanged>) {
    let mut tick = interval(COMPARE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(Delivery::Message(_) | Delivery::Lost) = news.next() => sleep(GATHER_TIME).await,
            _ = tick.tick() => {}
        }
        if let Err(error) = compare(&hub, &watched).await {
            warn!(account.id = %watched.account, error = %Chain(&error), "Presence cannot be compared; will retry");
        }
    }
}

async fn compare(hub: &Hub, watched: &Watched) -> Result<(), BusError> {
    let entries = hub.bus().entries(&AccountOnline(watched.account)).await?;
    let devices = entries.into_iter().map(|(_, device)| device).filter(|device| !device.guest);
    watched.update(devices.map(|device| (device.user.user_id, device.user)).collect());
    Ok(())
}
