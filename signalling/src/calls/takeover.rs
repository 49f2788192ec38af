//! Calls whose instance has stopped or died, and go on under this one.
//!
//! Every instance says in the store every second that it is there, and looks whether others do not. The calls of one
//! that is gone are recorded as open: whoever is first to take one over runs it from then on, with a higher epoch,
//! and what the other one still writes is refused. So nothing hangs on whether the other is dead, or only stood still.

use super::{
    leases::Leases,
    ring::online,
    running::ORDER_QUEUE,
    task::{About, Running},
};
use crate::{hub::Hub, mailbox};
use bus::Link;
use common::{
    error::Chain,
    id::{AccountId, CallId, ConnectionId, NodeId, UserId},
    protocol::call::EndReason,
    text,
};
use futures_util::{StreamExt, stream};
use signalling_core::call::{
    Call, Destination, Invitation, RING_TIME, Recorded, RecordedParty, RecordedTransfer, Stage,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use store::{
    StoreError,
    calls::{self, Open, OpenParty, Tenure, Transfer},
    system::NODE_SILENCE,
    users,
};
use time::OffsetDateTime;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::{info, warn};

/// How often an instance says that it is there, and looks whether others are.
///
/// Longer writes less; shorter, with [`NODE_SILENCE`], has calls go on sooner.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// Calls go on within five seconds of their instance's death, and taking one over takes a moment, too.
const _: () = assert!(NODE_SILENCE.as_millis() + BEAT_EVERY.as_millis() <= 4_000);

/// How often it is looked, in beats, whether the store has calls of this instance which it does not run: a record that
/// could not be closed.
const COMPARE_EVERY: u32 = 10;

/// Calls of an instance that are looked at in one go.
const PAGE: u16 = 256;

/// Calls that are taken over at once, of the database's connections that all have to share.
const AT_ONCE: usize = 8;

/// How long a hub that drains waits for its calls' tasks, which only have to notice.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Beats, and takes over what nobody runs, until the hub drains.
pub(crate) async fn watch(hub: Hub) {
    let mut tick = interval(BEAT_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (work, mut finds) = mpsc::channel(1);
    let sweeper = hub.clone();
    hub.spawn(async move {
        // Beside the beat, which must not wait for it.
        while let Some(compares) = finds.recv().await {
            sweep(&sweeper, compares).await;
        }
    });
    let mut beats = 0_u32;
    loop {
        tick.tick().await;
        let at = hub.clock().now();
        // Later it is of no use: others take this instance for dead by then. What waits may be a connection that is dead
        // without the kernel knowing, which it may not for a quarter of an hour; there are others.
        match timeout(NODE_SILENCE, hub.store().system().beat(hub.bus().node())).await {
            Ok(Ok(())) if !hub.0.heart.beat(at) => continue,
            // Who is cut off could not reach the devices of what it takes over.
            Ok(Ok(())) if *hub.bus().link().borrow() == Link::Down => continue,
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(error = %Chain(&error), "The store does not hear that this instance is there; will retry");
                continue;
            }
            Err(_) => {
                warn!("The store does not answer to this instance's being there; will retry");
                continue;
            }
        }
        // A look that is under way sees what there is.
        let _under_way = work.try_send(beats.checked_rem(COMPARE_EVERY) == Some(0));
        beats = beats.wrapping_add(1);
    }
}

/// Says that this instance is there, unless it has done so lately: what it runs from now on is missed if it dies.
pub(super) async fn be_missed(hub: &Hub) -> Result<(), StoreError> {
    let at = hub.clock().now();
    if !hub.0.heart.is_missed(at) {
        hub.store().system().beat(hub.bus().node()).await?;
        hub.0.heart.beat(at);
    }
    Ok(())
}

/// Has other instances take over what this one runs: it drains.
pub(crate) async fn hand_over(hub: Hub) {
    let stopped = async {
        while !hub.0.calls.is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    if timeout(DRAIN_TIME, stopped).await.is_err() {
        warn!("Some calls did not stop in time; another instance runs them on");
    }
    if let Err(error) = hub.store().system().stop_beating(hub.bus().node()).await {
        warn!(error = %Chain(&error), "Calls of this instance go on a little later");
    }
}

async fn sweep(hub: &Hub, compares: bool) {
    if let Err(error) = try_sweep(hub, compares).await {
        warn!(error = %Chain(&error), "Calls that nobody runs cannot be found; will retry");
    }
}

async fn try_sweep(hub: &Hub, compares: bool) -> Result<(), StoreError> {
    let silent: BTreeSet<NodeId> = hub.store().system().silent_nodes().await?.into_iter().collect();
    for &node in &silent {
        take_over_all(hub, node, &silent).await?;
        hub.store().system().forget_node(node).await?;
    }
    if compares {
        take_back(hub, &silent).await?;
    }
    Ok(())
}

async fn take_over_all(hub: &Hub, node: NodeId, silent: &BTreeSet<NodeId>) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let mut open = hub.store().system().calls_of(node, after, PAGE).await?;
        let Some((_, last)) = open.last() else { return Ok(()) };
        after = Some(last.call);
        // Others do the same, and each begins elsewhere: the last bits of their ids are random.
        let (_, random) = hub.bus().node().as_uuid().as_u64_pair();
        let begin = usize::try_from(random >> 32).unwrap_or(0).checked_rem(open.len());
        open.rotate_left(begin.unwrap_or(0));
        info!(node.id = %node, count = open.len(), "Instance {node} is gone; its calls are taken over");
        stream::iter(open)
            .for_each_concurrent(AT_ONCE, |(account, tenure)| take_over(hub, account, tenure, silent))
            .await;
    }
}

/// Calls that this instance is said to run and does not, at two looks in a row: one that begins is recorded first.
async fn take_back(hub: &Hub, silent: &BTreeSet<NodeId>) -> Result<(), StoreError> {
    let mut missing: BTreeMap<CallId, (AccountId, Tenure)> = BTreeMap::new();
    let mut after = None;
    loop {
        let own = hub.store().system().calls_of(hub.bus().node(), after, PAGE).await?;
        let Some((_, last)) = own.last() else { break };
        after = Some(last.call);
        let unknown = own.into_iter().filter(|(_, tenure)| hub.0.calls.get(tenure.call).is_none());
        missing.extend(unknown.map(|(account, tenure)| (tenure.call, (account, tenure))));
    }
    let before = hub.0.calls.note_missing(missing.keys().copied().collect());
    for (call, (account, tenure)) in missing {
        if before.contains(&call) {
            take_over(hub, account, tenure, silent).await;
        }
    }
    Ok(())
}

/// Runs a call from now on, unless it is over or somebody else does.
async fn take_over(hub: &Hub, account: AccountId, from: Tenure, silent: &BTreeSet<NodeId>) {
    if let Err(error) = try_to_take_over(hub, account, from, silent).await {
        warn!(call.id = %from.call, error = %Chain(&error), "Call {} cannot be taken over; will retry", from.call);
    }
}

async fn try_to_take_over(
    hub: &Hub,
    account: AccountId,
    from: Tenure,
    silent: &BTreeSet<NodeId>,
) -> Result<(), StoreError> {
    let mut tx = hub.store().tenant(account).await?;
    let Some(open) = calls::take_over(&mut tx, from, hub.bus().node()).await? else { return Ok(()) };
    let is_known = open.parties.first().is_some_and(is_known);
    if !is_known {
        // An earlier version's: nothing is known of who could go on with it.
        let missed = calls::end(&mut tx, open.tenure, EndReason::Lost, hub.clock()).await?;
        tx.commit().await?;
        mailbox::tell(hub, account, missed.unwrap_or_default());
        return Ok(());
    }
    let mut names = BTreeMap::new();
    for party in &open.parties {
        let user = users::find(&mut tx, party.user).await?;
        names.insert(party.user, user.map(|user| text::shown_name(&user.name)).unwrap_or_default());
    }
    tx.commit().await?;
    run(hub, account, &open, names, silent).await;
    Ok(())
}

/// Whether it is recorded on which device the caller was in it.
fn is_known(caller: &OpenParty) -> bool {
    caller.device.is_some() || caller.outcome.is_some() || caller.invited_by != caller.user
}

async fn run(
    hub: &Hub,
    account: AccountId,
    open: &Open,
    names: BTreeMap<UserId, String>,
    silent: &BTreeSet<NodeId>,
) {
    // Without the bus those are found that are here; the others when they ask who runs their call.
    let online = online(hub, account).await.unwrap_or_default();
    let there = online.into_iter().filter(|(_, device)| !silent.contains(&device.node));
    let there: BTreeMap<ConnectionId, (NodeId, UserId)> =
        there.map(|(id, device)| (id, (device.node, device.user.user_id))).collect();
    let parties = open.parties.iter().map(|party| {
        let theirs = there.iter().filter(|(_, (_, user))| *user == party.user);
        RecordedParty {
            user: party.user,
            invitation: Invitation { by: party.invited_by, is_transfer: party.is_transfer },
            stage: stage(hub, party, theirs.map(|(id, _)| *id).collect()),
        }
    });
    let recorded = Recorded {
        parties: parties.collect(),
        is_answered: open.answered_at.is_some(),
        transfer: open.transfer.as_ref().map(|transfer| recorded_transfer(hub, transfer)),
        // More than any runner before can have counted.
        revision: open.tenure.epoch << 32,
    };
    let mut effects = Vec::new();
    let is_there = |device| there.contains_key(&device);
    let core = Call::take_up(recorded, is_there, hub.clock().now(), &mut effects);
    let nodes = there.into_iter().map(|(id, (node, _))| (id, node)).collect();
    let (orders, queue) = mpsc::channel(ORDER_QUEUE);
    let about = About::of(account, open, names);
    hub.0.calls.insert(about.call, orders);
    info!(call.id = %about.call, epoch = open.tenure.epoch, "Call {} goes on under this instance", about.call);
    let leases = Leases::new(account, core.people());
    hub.finish(Running::new(hub, open.tenure, about, core, nodes, leases).run(queue, effects));
}

fn stage(hub: &Hub, party: &OpenParty, devices: Vec<ConnectionId>) -> Stage {
    match (party.outcome, party.device) {
        (Some(reason), device) => Stage::Out { reason, device },
        (None, Some(device)) => Stage::In { device },
        (None, None) => Stage::Ringing { rings_for: rings_for(hub, party.invited_at), devices },
    }
}

fn recorded_transfer(hub: &Hub, transfer: &Transfer) -> RecordedTransfer {
    let Transfer { by, room, ref awaited, until } = *transfer;
    let time = Duration::try_from(until - hub.clock().utc()).unwrap_or_default();
    RecordedTransfer {
        destination: Destination { by, room },
        awaited: awaited.iter().copied().collect(),
        time,
    }
}

/// For how much longer: by the clock on the wall, which is all that instances have in common.
fn rings_for(hub: &Hub, invited_at: OffsetDateTime) -> Duration {
    let rung = Duration::try_from(hub.clock().utc() - invited_at).unwrap_or_default();
    RING_TIME.saturating_sub(rung)
}

#[cfg(test)]
mod tests;
