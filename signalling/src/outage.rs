//! While the bus is away, and after it was for another instance, what was said there is found in the store; and so is what
//! this instance has stored without hearing that it has.

use crate::{hub::Hub, inbox, presence, room_list};
use bus::{Link, Subscription};
use common::{
    error::Chain,
    id::{AccountId, NodeId, RoomId},
    subject::media::{HubNodes, MediaNodes},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};
use store::{StoreError, outbox};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

/// How long after an outage began, after another instance came back, and after each look, the store is looked
/// at, in milliseconds; each instance takes its own time, so that not all do it at once.
///
/// Shorter tells sooner what others say; each look costs one transaction per account that is followed here,
/// one account after the other on one connection.
const LOOK_AFTER_MS: Range<u64> = 500..1500;

/// How often it is looked whether instances are gone.
///
/// Longer spares a question to the bus; shorter tells sooner what they had no time to tell.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// How often the store is looked at where nothing seems amiss, once there have been other instances: one that is cut
/// off alone stores what it cannot tell, and may be killed before it can.
///
/// Longer spares one transaction per account that is followed here; shorter tells sooner what such a one has stored.
const LOOK_ANYWAY_EVERY: Duration = Duration::from_secs(30);

/// Looks at the store for as long as the bus is away, and once more after `others` said that it is there for
/// them, or were not there any more: what they stored before may have reached nobody.
pub(crate) async fn watch(hub: Hub, mut others: Subscription<NodeId>) {
    let mut link = hub.bus().link();
    let (mut nodes, mut media_nodes) = (BTreeSet::new(), BTreeSet::new());
    let mut count = interval(COUNT_EVERY);
    count.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tick = interval(look_after(hub.bus().node()));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut anyway = interval(LOOK_ANYWAY_EVERY);
    anyway.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut is_owed, mut has_others) = (false, false);
    loop {
        let state = *link.borrow_and_update();
        // Of what goes over a server that is away nothing is heard either.
        let (is_down, is_deaf) = (state == Link::Down, !matches!(state, Link::Up { .. }));
        tokio::select! {
            changed = link.changed() => {
                if changed.is_err() {
                    return;
                }
                hub.0.doubt.begin(hub.clock().now());
                tick.reset();
            }
            Some(_) = others.next() => {
                // Those who come back one after the other are waited for together, but not for ever.
                if !std::mem::replace(&mut is_owed, true) && !is_deaf {
                    tick.reset();
                }
                doubt(&hub);
            }
            () = hub.0.untold.notified() => is_owed = true,
            _ = count.tick(), if !is_down => {
                let Changed { came, went } = changed(&hub, &mut nodes).await;
                has_others |= nodes.len() > 1;
                is_owed |= went;
                if came || went {
                    doubt(&hub);
                }
                if media_nodes_changed(&hub, &mut media_nodes).await {
                    hub.0.doubt.begin(hub.clock().now());
                    room_list::live::doubt_sessions(&hub.0.room_lists);
                }
            }
            _ = anyway.tick(), if has_others && !is_deaf => is_owed = true,
            _ = tick.tick(), if is_deaf || is_owed => is_owed = look(&hub).await.is_err(),
        }
    }
}

/// Who was said to be on other instances may not be there, or others may.
fn doubt(hub: &Hub) {
    // First, so that what is opened meanwhile knows, or is among those that are told.
    hub.0.doubt.begin(hub.clock().now());
    hub.0.rooms.doubt_others();
    presence::live::doubt(&hub.0.accounts);
    room_list::live::doubt_sessions(&hub.0.room_lists);
}

/// Whether media nodes have come or gone since they were these; afterwards they are those that are there.
async fn media_nodes_changed(hub: &Hub, nodes: &mut BTreeSet<NodeId>) -> bool {
    let entries = match hub.bus().entries(&MediaNodes).await {
        Ok(entries) => entries,
        Err(error) => {
            debug!(error = %Chain(&error), "Which media nodes are there cannot be told");
            return false;
        }
    };
    let before = std::mem::replace(nodes, entries.into_iter().map(|(_, node)| node.node).collect());
    before != *nodes
}

/// Whether there are instances that were not there before, and whether some are there no more.
#[derive(Default)]
struct Changed {
    came: bool,
    went: bool,
}

/// How instances have changed since they were these; afterwards they are those that are there.
async fn changed(hub: &Hub, nodes: &mut BTreeSet<NodeId>) -> Changed {
    let entries = match hub.bus().entries(&HubNodes).await {
        Ok(entries) => entries,
        Err(error) => {
            debug!(error = %Chain(&error), "Which instances are there cannot be told");
            return Changed::default();
        }
    };
    let before = std::mem::replace(nodes, entries.into_iter().map(|(_, node)| node).collect());
    Changed { came: !nodes.is_subset(&before), went: !before.is_subset(nodes) }
}

/// This instance's own: the last bits of its id are random.
fn look_after(node: NodeId) -> Duration {
    let (_, random) = node.as_uuid().as_u64_pair();
    let spread = LOOK_AFTER_MS.end - LOOK_AFTER_MS.start;
    Duration::from_millis(LOOK_AFTER_MS.start + random.checked_rem(spread).unwrap_or(0))
}

/// What of an account somebody on this instance follows.
#[derive(Default)]
struct Followed {
    rooms: BTreeSet<RoomId>,
    inbox: bool,
    mailboxes: bool,
    room_list: bool,
}

async fn look(hub: &Hub) -> Result<(), StoreError> {
    let mut accounts: BTreeMap<AccountId, Followed> = BTreeMap::new();
    for (account, room) in hub.0.rooms.followed() {
        accounts.entry(account).or_default().rooms.insert(room);
    }
    for (account, _) in hub.0.inboxes.all() {
        accounts.entry(account).or_default().inbox = true;
    }
    for (account, _) in hub.0.mailboxes.all() {
        accounts.entry(account).or_default().mailboxes = true;
    }
    for (account, _) in hub.0.room_lists.all() {
        accounts.entry(account).or_default().room_list = true;
    }
    for (account, followed) in accounts {
        if let Err(error) = compare(hub, account, &followed).await {
            // The next look comes soon: no use in asking for all others now.
            warn!(account.id = %account, error = %Chain(&error), "The store cannot be looked at; will retry");
            return Err(error);
        }
    }
    Ok(())
}

/// Has those rooms and that inbox read the store that lag behind it.
async fn compare(hub: &Hub, account: AccountId, followed: &Followed) -> Result<(), StoreError> {
    if followed.mailboxes
        && let Some(mailboxes) = hub.0.mailboxes.get(account)
    {
        // They read by themselves.
        mailboxes.doubt_all();
    }
    if followed.room_list
        && let Some(list) = hub.0.room_lists.get(account)
    {
        list.doubt();
    }
    if followed.rooms.is_empty() && !followed.inbox {
        return Ok(());
    }
    let mut tx = hub.store().tenant(account).await?;
    let rooms: Vec<RoomId> = followed.rooms.iter().copied().collect();
    for (room, seq) in store::rooms::last_seqs(&mut tx, &rooms).await? {
        hub.0.rooms.lag(room, seq);
    }
    if followed.inbox {
        inbox::live::lag(&hub.0.inboxes, account, outbox::last_seq(&mut tx).await?);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
