//! Who of an account is connected at all.

use crate::{
    client::Client,
    hub::{Hub, bus_failed, frame, published},
};
use bus::{BusError, Delivery, Subscription};
use common::{
    error::Chain,
    id::{AccountId, ConnectionId, UserId},
    protocol::{
        Event, Failure, RequestId,
        page::{self, PAGE_BYTES_MAX},
        presence::{Changed, Online, OnlineUser, USERS_MAX},
    },
    subject::hub::{AccountOnline, AccountTopic, OnlineDevice, RoomNews},
};
use dashmap::DashMap;
use signalling_core::gathering::Gathered;
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::OnceCell,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often the list is compared with what the bus says, beside every change that is announced.
const COMPARE_EVERY: Duration = Duration::from_secs(5);

/// Changes that come within this time are one comparison: a thousand clients reconnect at once.
const GATHER_TIME: Duration = Duration::from_millis(100);

/// The accounts that somebody on this instance watches.
#[derive(Default)]
pub(crate) struct Accounts(DashMap<AccountId, Arc<OnceCell<Arc<Watched>>>>);

struct Watched {
    account: AccountId,
    state: Mutex<State>,
    over: CancellationToken,
}

#[derive(Default)]
struct State {
    watchers: BTreeMap<ConnectionId, Arc<Client>>,
    users: BTreeMap<UserId, OnlineUser>,
    closed: bool,
}

impl State {
    /// The users after `user`, as many as fit.
    fn page(&self, user: Option<UserId>) -> Online {
        let start = user.map_or(Bound::Unbounded, Bound::Excluded);
        let after = self.users.range((start, Bound::Unbounded)).map(|(_, user)| user.clone());
        let (users, more) = page::first(after, USERS_MAX, PAGE_BYTES_MAX);
        Online { users, online_count: self.count(), more }
    }

    fn count(&self) -> u32 {
        u32::try_from(self.users.len()).unwrap_or(u32::MAX)
    }
}

impl Watched {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pushes what differs from `now` to everybody who watches.
    fn update(&self, now: BTreeMap<UserId, OnlineUser>) {
        let mut state = self.state();
        let before = std::mem::replace(&mut state.users, now);
        let went = before.keys().filter(|id| !state.users.contains_key(id)).copied().collect::<Vec<_>>();
        let came = state.users.iter().filter(|(id, _)| !before.contains_key(id));
        let came = came.map(|(_, user)| user.clone()).collect::<Vec<_>>();
        if went.is_empty() && came.is_empty() {
            return;
        }
        let Gathered { came: online, went: offline, complete } = Gathered::bounded(came, went);
        let changed = Changed { online, offline, online_count: state.count(), complete };
        let frame = frame(&Event::PresenceChanged(changed));
        for watcher in state.watchers.values() {
            watcher.push(frame.clone());
        }
    }
}

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
        announce(hub, client, true).await;
    }
}

/// A device is gone.
pub(crate) async fn lose_connection(hub: &Hub, client: &Arc<Client>) {
    let (online, follows) = {
        let mut held = client.held();
        (held.online.take(), held.follows_presence)
    };
    drop(online);
    if follows
        && let Some(watched) = hub.0.accounts.0.get(&client.account).and_then(|cell| cell.get().cloned())
    {
        watched.state().watchers.remove(&client.id);
        hub.0.accounts.0.remove_if(&client.account, |_, cell| {
            cell.get().is_some_and(|watched| {
                let mut state = watched.state();
                if state.watchers.is_empty() {
                    state.closed = true;
                    watched.over.cancel();
                }
                state.closed
            })
        });
    }
    if !client.access().is_guest() {
        announce(hub, client, false).await;
    }
}

fn user(client: &Client) -> OnlineUser {
    OnlineUser { user_id: client.user, name: client.name.clone() }
}

/// A hint that somebody came or went; what is true is in the set.
async fn announce(hub: &Hub, client: &Client, online: bool) {
    let (online, offline) =
        if online { (vec![user(client)], Vec::new()) } else { (Vec::new(), vec![client.user]) };
    let changed = Changed { online, offline, online_count: 0, complete: false };
    let event = Event::PresenceChanged(changed);
    let news = RoomNews { from: hub.bus().node(), event };
    published(hub.bus().publish(&AccountTopic(client.account), &news).await);
}

/// `presence.subscribe`. Answers by itself, so that changes come after the list.
pub(crate) async fn subscribe(
    hub: &Hub,
    client: &Arc<Client>,
    id: Option<&RequestId>,
    after: Option<UserId>,
) {
    loop {
        let cell = Arc::clone(&hub.0.accounts.0.entry(client.account).or_default());
        let watched = match cell.get_or_try_init(|| watch(hub, client.account)).await {
            Ok(watched) => watched,
            Err(error) => return client.answer::<()>(id, &Err::<(), Failure>(bus_failed(&error))),
        };
        let mut state = watched.state();
        if state.closed {
            continue;
        }
        state.watchers.insert(client.id, Arc::clone(client));
        client.held().follows_presence = true;
        return client.answer(id, &Ok(state.page(after)));
    }
}

async fn watch(hub: &Hub, account: AccountId) -> Result<Arc<Watched>, BusError> {
    let news = hub.bus().subscribe(&AccountTopic(account)).await?;
    let watched = Arc::new(Watched { account, state: Mutex::default(), over: CancellationToken::new() });
    compare(hub, &watched).await?;
    let (over, follower, hub_of_task) = (watched.over.clone(), Arc::clone(&watched), hub.clone());
    hub.spawn(async move {
        over.run_until_cancelled(follow(hub_of_task, follower, news)).await;
    });
    Ok(watched)
}

async fn follow(hub: Hub, watched: Arc<Watched>, mut news: Subscription<RoomNews>) {
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
