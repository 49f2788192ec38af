//! What other instances say about an account that somebody here watches, and when everybody is read.

use super::live::Watched;
use crate::{hub::Hub, until::until};
use bus::{Bus, BusError, Delivery, Snapshot, Subscription};
use common::{
    error::Chain,
    id::AccountId,
    protocol::room::Member,
    subject::hub::{AccountOnline, AccountTopic, DeviceStatus, OnlineNews},
};
use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use std::sync::Arc;
use tracing::debug;

/// Everybody's devices, how they are, and whether other instances were within reach.
type Compared = Result<(Vec<(Member, DeviceStatus)>, bool), BusError>;

/// Opens an account on this instance: listens first, so that nothing is missed, and knows then who is there.
pub(super) async fn open(hub: &Hub, account: AccountId) -> Result<Arc<Watched>, BusError> {
    let news = hub.bus().subscribe(&AccountTopic(account)).await?;
    let watched = Arc::new(Watched::new(account, Arc::clone(&hub.0.deps.clock)));
    watched.act(|presence, now, effects| presence.handle_deadline(now, effects));
    watched.take_compare();
    compared(&watched, Ok(compare(hub.bus().clone(), account).await?));
    hub.spawn(follow(hub.clone(), Arc::clone(&watched), news));
    Ok(watched)
}

async fn follow(hub: Hub, watched: Arc<Watched>, mut news: Subscription<OnlineNews>) {
    let mut link = hub.bus().link();
    let mut comparing: OptionFuture<BoxFuture<'static, Compared>> = None.into();
    loop {
        if watched.take_compare() {
            comparing = Some(compare(hub.bus().clone(), watched.account).boxed()).into();
        }
        let (due, is_closed) = watched.act(|presence, _, _| (presence.next_deadline(), presence.is_closed()));
        if is_closed {
            return;
        }
        tokio::select! {
            Some(delivery) = news.next() => watched.act(|presence, now, effects| match delivery {
                Delivery::Message(news) => presence.handle_news(news, now),
                Delivery::Lost => presence.handle_lost(now, effects),
            }),
            Ok(()) = link.changed() => watched.act(|presence, now, _| presence.unsettle(now)),
            () = watched.work.notified() => {}
            () = until(due, hub.clock()) => watched.act(|presence, now, effects| presence.handle_deadline(now, effects)),
            Some(outcome) = &mut comparing => {
                comparing = None.into();
                compared(&watched, outcome);
            }
        }
    }
}

fn compared(watched: &Watched, outcome: Compared) {
    match outcome {
        Ok((devices, is_fresh)) => {
            let statuses: Vec<_> =
                devices.iter().map(|(member, status)| (member.connection_id, *status)).collect();
            let devices = devices.into_iter().map(|(member, _)| member);
            watched.act(|presence, now, _| {
                presence.handle_devices(devices, is_fresh, now);
                presence.handle_statuses(statuses, now);
            });
        }
        Err(error) => {
            debug!(account.id = %watched.account, error = %Chain(&error), "Who is connected cannot be compared");
            watched.act(|presence, now, _| presence.handle_unknown_devices(now));
        }
    }
}

/// The account's devices as the bus has them, without those of guests.
async fn compare(bus: Bus, account: AccountId) -> Compared {
    let Snapshot { entries, is_fresh } = bus.snapshot(&AccountOnline(account)).await?;
    let devices = entries.into_iter().filter(|(_, device)| !device.guest).filter_map(|(key, device)| {
        let (user_id, name) = (device.user.user_id, device.user.name);
        Some((Member { connection_id: key.parse().ok()?, user_id, name }, device.status))
    });
    Ok((devices.collect(), is_fresh))
}
