//! Who of an account is connected at all.

mod follow;
pub(crate) mod live;
pub(crate) mod status;

pub(crate) use status::{note_calls, set};

use crate::{
    client::Client,
    failure::{bus_failed, published},
    finally::Finally,
    hub::Hub,
    pace::RETRY,
};
use bus::BusError;
use common::{
    chance,
    error::Chain,
    id::{AccountId, UserId},
    protocol::{
        Failure, RequestId,
        presence::{OnlineUser, Status},
    },
    subject::hub::{AccountOnline, AccountTopic, DeviceStatus, OnlineDevice, OnlineNews},
};
use std::sync::Arc;
use tokio::time::sleep;
use tracing::warn;

/// How often news that could not be said is said again: each after a second.
///
/// While the link is down that is of no use, and once it is up again others read who is there.
const SAID_AGAIN: u32 = 20;

/// A device is there: others learn of it.
pub(crate) async fn come_online(hub: &Hub, client: &Arc<Client>) {
    let guest = client.access().is_guest();
    let device = device(hub, client, DeviceStatus::default());
    match hub.bus().present(&AccountOnline(client.account), &client.id.to_string(), &device).await {
        Ok(presence) => client.held().online = Some(presence),
        Err(error) => {
            warn!(conn.id = %client.id, error = %Chain(&error), "Presence of {} is not announced", client.id)
        }
    }
    if !guest {
        announce(hub, client.account, OnlineNews::Came(client.member())).await;
    }
}

/// A device as others find it.
fn device(hub: &Hub, client: &Client, status: DeviceStatus) -> OnlineDevice {
    let user = OnlineUser { user_id: client.user, name: client.name.clone(), status: Status::Online };
    OnlineDevice { user, node: hub.bus().node(), guest: client.access().is_guest(), status }
}

/// A device is gone.
pub(crate) async fn lose_connection(hub: &Hub, client: &Arc<Client>) {
    let (online, follows) = {
        let mut held = client.held();
        (held.online.take(), held.follows_presence)
    };
    drop(online);
    if follows && let Some(watched) = hub.0.accounts.get(client.account) {
        watched.act(|presence, _, _| presence.leave(client.id));
        hub.0.accounts.close_if_empty(client.account);
    }
    if !client.access().is_guest() {
        announce(hub, client.account, OnlineNews::Went(client.id)).await;
    }
}

/// Tells those who watch, here and on other instances.
async fn announce(hub: &Hub, account: AccountId, news: OnlineNews) {
    if let Some(watched) = hub.0.accounts.get(account) {
        watched.act(|presence, now, _| presence.handle_news(news.clone(), now));
    }
    let (topic, news) = (AccountTopic(account), [news]);
    let outcome = hub.bus().publish_to_others(&topic, &news).await;
    if matches!(outcome, Err(BusError::Redis(_))) {
        let work = hub.clone();
        hub.spawn(async move { say_again(&work, &topic, &news).await });
    }
    published(outcome);
}

/// Nobody reads who is there for as long as nothing seems to be amiss: what was not said has to be.
async fn say_again(hub: &Hub, topic: &AccountTopic, news: &[OnlineNews]) {
    for _ in 0..SAID_AGAIN {
        sleep(RETRY.delay(1, chance::fraction())).await;
        if hub.bus().publish_to_others(topic, news).await.is_ok() {
            return;
        }
    }
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
        let opened = hub.0.accounts.open(client.account, || follow::open(hub, client.account)).await;
        let watched = match opened {
            Ok(watched) => watched,
            Err(error) => return client.answer::<()>(id, &Err::<(), Failure>(bus_failed(&error))),
        };
        let doubted = hub.0.doubt.until(hub.clock().now());
        let answered = watched.act(|presence, now, _| {
            if let Some(until) = doubted {
                presence.doubt_until(until, now);
            }
            presence.watch(client.id, Arc::clone(client))?;
            client.held().follows_presence = true;
            client.answer(id, &Ok(presence.page(after)));
            Ok::<_, signalling_core::presence::Closed>(())
        });
        if answered.is_ok() {
            return;
        }
    }
}
