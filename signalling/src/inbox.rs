//! The agents' inbox stream: one per account on this instance, whoever many follow it.

pub(crate) mod live;

use crate::{
    client::Client,
    failure::{bus_failed, store_failed},
    finally::Finally,
    hub::Hub,
    pace::{Pace, RETRY},
};
use bus::{BusError, Delivery, Subscription};
use common::{
    chance,
    error::Chain,
    id::AccountId,
    permission::Permission,
    protocol::{
        Done, Failure, RequestId,
        inbox::{EVENTS_MAX, Sequenced, Subscribed},
        page::{PAGE_BYTES_MAX, encoded_len},
    },
    subject::inbox::InboxTopic,
};
use live::LiveInbox;
use signalling_core::{
    replay::{Replay, Replayed},
    sequence::Joined,
};
use std::sync::Arc;
use store::{StoreError, outbox};
use tracing::warn;

/// Events that are read at once: about as many as fit into a page.
const BATCH: u32 = 64;

/// `inbox.subscribe`. Answers by itself, so that events come after what was missed.
pub(crate) async fn subscribe(hub: &Hub, client: &Arc<Client>, id: Option<&RequestId>, after: Option<u64>) {
    if let Err(failure) = try_subscribe(hub, client, id, after).await {
        client.answer::<()>(id, &Err(failure));
    }
}

async fn try_subscribe(
    hub: &Hub,
    client: &Arc<Client>,
    id: Option<&RequestId>,
    after: Option<u64>,
) -> Result<(), Failure> {
    let _not_left_open = Finally(|| hub.0.inboxes.close_if_empty(client.account));
    loop {
        let subscribed = missed(hub, client.account, after).await.map_err(|error| store_failed(&error))?;
        if subscribed.more {
            client.answer(id, &Ok(subscribed));
            return Ok(());
        }
        let opened = hub.0.inboxes.open(client.account, || follow(hub, client.account)).await;
        let inbox = opened.map_err(|error| bus_failed(&error))?;
        let mut state = inbox.state();
        if state.is_closed {
            continue;
        }
        // Whoever follows already goes on to, until it was read again.
        if let Ok(joined) = state.sequence.join(client.id, subscribed.seq, Arc::clone(client)) {
            client.held().follows_inbox = true;
            client.answer(id, &Ok(subscribed));
            if joined == Joined::First {
                inbox.gap.notify_one();
            }
            return Ok(());
        }
    }
}

async fn missed(hub: &Hub, account: AccountId, after: Option<u64>) -> Result<Subscribed, StoreError> {
    let mut tx = hub.store().tenant(account).await?;
    let latest = outbox::last_seq(&mut tx).await?;
    let within = after.filter(|after| *after <= latest && latest - after <= u64::from(EVENTS_MAX));
    let Some(after) = within else {
        return Ok(Subscribed { seq: latest, events: Vec::new(), more: false, recovered: after.is_none() });
    };
    let mut replay = Replay::new(after, usize::try_from(EVENTS_MAX).unwrap_or(usize::MAX), PAGE_BYTES_MAX);
    loop {
        let events = outbox::after(&mut tx, replay.seq(), BATCH).await?;
        let is_last = events.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        let has_room = events.into_iter().all(|event| replay.push(event.bounded()));
        if is_last || !has_room {
            break;
        }
    }
    let Replayed { items: events, seq, more } = replay.finish(latest);
    Ok(Subscribed { seq, events, more, recovered: true })
}

async fn follow(hub: &Hub, account: AccountId) -> Result<Arc<LiveInbox>, BusError> {
    let events = hub.bus().subscribe(&InboxTopic(account)).await?;
    let inbox = Arc::new(LiveInbox::new(account));
    let (over, follower, hub_of_task) = (inbox.over.clone(), Arc::clone(&inbox), hub.clone());
    hub.spawn(async move {
        over.run_until_cancelled(listen(hub_of_task, follower, events)).await;
    });
    Ok(inbox)
}

async fn listen(hub: Hub, inbox: Arc<LiveInbox>, mut events: Subscription<Sequenced>) {
    loop {
        tokio::select! {
            Some(delivery) = events.next() => match delivery {
                Delivery::Message(event) => inbox.arrive(&event),
                Delivery::Lost => inbox.gap.notify_one(),
            },
            () = inbox.gap.notified() => {
                if let Err(error) = resync(&hub, &inbox).await {
                    warn!(account.id = %inbox.account, error = %Chain(&error), "An inbox cannot be healed yet; will retry");
                    inbox.gap.notify_one();
                    tokio::time::sleep(RETRY.delay(1, chance::fraction())).await;
                }
            }
        }
    }
}

/// Hands out what the store has and this instance has not.
async fn resync(hub: &Hub, inbox: &LiveInbox) -> Result<(), StoreError> {
    let mut pace = Pace::default();
    loop {
        let Some(position) = inbox.state().sequence.position() else { return Ok(()) };
        let mut tx = hub.store().tenant(inbox.account).await?;
        let missing = outbox::after(&mut tx, position, BATCH).await?;
        drop(tx);
        for event in &missing {
            inbox.arrive(event);
            pace.passed(encoded_len(event)).await;
        }
        if missing.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            return Ok(());
        }
    }
}

/// `inbox.unsubscribe`.
pub(crate) fn unsubscribe(hub: &Hub, client: &Arc<Client>) -> Done {
    if std::mem::take(&mut client.held().follows_inbox)
        && let Some(inbox) = hub.0.inboxes.get(client.account)
    {
        inbox.state().sequence.leave(client.id);
        hub.0.inboxes.close_if_empty(client.account);
    }
    Done {}
}

/// A newer token may allow less.
pub(crate) fn recheck(hub: &Hub, client: &Arc<Client>) {
    if client.access().require(Permission::ConversationsRead).is_err() {
        unsubscribe(hub, client);
    }
}

/// The connection is gone.
pub(crate) fn lose_connection(hub: &Hub, client: &Arc<Client>) {
    unsubscribe(hub, client);
}

#[cfg(test)]
mod tests;
