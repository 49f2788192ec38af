//! Ringing: the methods of `call.*`, and the calls that this instance runs.
//!
//! The instance to which the caller is connected runs the call, as one task
//! that owns its core; devices elsewhere reach it over the bus.

pub(crate) mod running;
mod task;

use crate::{
    client::Client,
    failure::{bus_failed, published, store_failed},
    frame::Frame,
    hub::Hub,
    pace::RETRY,
    rooms::admit::{hold, hold_callee},
    standing,
};
use bus::{Acquired, BusError, LeaseGuard};
use common::{
    chance,
    error::{Chain, ErrorCode, Fault},
    id::{CallId, ConnectionId, NodeId, RoomId, UserId},
    protocol::{
        Done, Event, Failure,
        call::{Accepted, EndReason, Incoming, Ring, Ringing},
    },
    subject::{
        LeaseName,
        hub::{
            AccountOnline, CallAction, CallBetween, CallRequest, CallService, DeviceNews, NodeNews,
            NodeTopic, RingRequest, RingService, UserInCall,
        },
    },
};
use running::{ORDER_QUEUE, Order};
use signalling_core::{
    admission::Action,
    call::{Call, RING_TIME},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use store::calls::{self, NewCall};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};
use tracing::debug;

/// How long another instance may take to answer about a call.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// `call.ring`.
pub(crate) async fn ring(hub: &Hub, client: &Arc<Client>, ring: &Ring) -> Result<Ringing, Failure> {
    hub.0.rooms.joined(client, Action::Ring, ring.room_id)?;
    if ring.user_id == client.user {
        return Err(Failure::of(ErrorCode::INVALID_PARAMS, Fault::Caller, "you cannot call yourself"));
    }
    let devices = devices_of(hub, client, ring.user_id).await?;
    if devices.is_empty() {
        return Err(Failure::of(ErrorCode::CALL_UNREACHABLE, Fault::Upstream, "no device is connected"));
    }
    let id = CallId::generate(hub.clock());
    let busy = |whose: &str| Failure::of(ErrorCode::CALL_BUSY, Fault::Upstream, format!("{whose} in a call"));
    let Some(between) = take(hub, &CallBetween::new(client.account, client.user, ring.user_id)).await? else {
        // Of two who call each other at once the other's call is what rings here.
        return Err(busy("the two of you are"));
    };
    let Some(own) = take(hub, &UserInCall(client.account, client.user)).await? else {
        return Err(busy("you are"));
    };
    let theirs = take(hub, &UserInCall(client.account, ring.user_id)).await?;
    let new = NewCall { id, room: ring.room_id, caller: client.user, callee: ring.user_id };
    record_start(hub, client, &new, theirs.is_none()).await?;
    let Some(theirs) = theirs else { return Err(busy("the other side is")) };

    let (orders, queue) = mpsc::channel(ORDER_QUEUE);
    hub.0.calls.insert(id, (client.account, ring.user_id), orders);
    // Who has connected since the first look has asked before there was a call to ring for.
    let devices = match devices_of(hub, client, ring.user_id).await {
        Ok(now) if !now.is_empty() => now,
        Ok(_) | Err(_) => devices,
    };
    client.held().calls.insert(id, hub.bus().node());
    let core = Call::ring(client.id, devices.keys().copied(), hub.clock().now());
    let ring_time_ms = u64::try_from(RING_TIME.as_millis()).unwrap_or(u64::MAX);
    let incoming = Incoming {
        call_id: id,
        room_id: ring.room_id,
        from: client.user,
        name: client.name.clone(),
        media: ring.media,
        ring_time_ms,
    };
    for (&device, &node) in &devices {
        let news = DeviceNews::Incoming { runner: hub.bus().node(), incoming: incoming.clone() };
        tell(hub, node, device, news).await;
    }
    let mut nodes = devices;
    nodes.insert(client.id, hub.bus().node());
    let leases = [own, theirs, between];
    let running = task::Running::new(hub, client.account, ring.user_id, incoming, core, nodes, leases);
    hub.spawn(running.run(queue));
    Ok(Ringing { call_id: id, ring_time_ms, ice_servers: hub.ice_servers(client.user) })
}

/// A user's connected devices and where they are.
async fn devices_of(
    hub: &Hub,
    client: &Client,
    user: UserId,
) -> Result<BTreeMap<ConnectionId, NodeId>, Failure> {
    let online =
        hub.bus().entries(&AccountOnline(client.account)).await.map_err(|error| bus_failed(&error))?;
    let theirs = online.into_iter().filter(|(_, device)| device.user.user_id == user && !device.guest);
    Ok(theirs.filter_map(|(key, device)| Some((key.parse().ok()?, device.node))).collect())
}

/// Marks people as being in a call; `None` if they are in one.
async fn take(hub: &Hub, who: &impl LeaseName) -> Result<Option<LeaseGuard>, Failure> {
    match hub.bus().acquire(who).await {
        Ok(Acquired::Held(lease)) => Ok(Some(lease)),
        Ok(Acquired::Taken(_)) => Ok(None),
        Err(error) => Err(bus_failed(&error)),
    }
}

/// Records the call, if both may meet in the room.
async fn record_start(hub: &Hub, client: &Client, call: &NewCall, is_busy: bool) -> Result<(), Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = standing::begin(hub, client).await?;
    hold(&mut tx, client, Action::Ring, call.room).await?;
    hold_callee(&mut tx, call.callee, call.room).await?;
    calls::start(&mut tx, call, hub.clock()).await.map_err(failed)?;
    if is_busy {
        calls::end(&mut tx, call.id, EndReason::Busy, hub.clock()).await.map_err(failed)?;
    }
    tx.commit().await.map_err(failed)
}

/// Hands the call's devices their news, wherever they are connected.
async fn tell(hub: &Hub, node: NodeId, to: ConnectionId, news: DeviceNews) {
    let news = NodeNews { to, news };
    if node == hub.bus().node() {
        deliver(hub, news);
    } else {
        published(hub.bus().publish(&NodeTopic(node), &news).await);
    }
}

/// Hands news to a connection of this instance.
pub(crate) fn deliver(hub: &Hub, NodeNews { to, news }: NodeNews) {
    let client = hub.client(to);
    if let DeviceNews::Incoming { runner, incoming } = &news {
        if let Some(client) = &client {
            client.held().calls.insert(incoming.call_id, *runner);
        }
        // Who has gone meanwhile has told those calls that it knew of: this one would go on ringing for nobody.
        if hub.client(to).is_none() {
            let (work, runner, call) = (hub.clone(), *runner, incoming.call_id);
            hub.finish(async move { tell_gone(&work, runner, call, to).await });
        }
    }
    let Some(client) = client else { return };
    let event = match news {
        DeviceNews::Incoming { incoming, .. } => Event::CallIncoming(incoming),
        DeviceNews::Ended(ended) => {
            client.held().calls.remove(&ended.call_id);
            Event::CallEnded(ended)
        }
        DeviceNews::Answered(answered) => Event::CallAnswered(answered),
        DeviceNews::Signal(signalled) => Event::MediaSignal(signalled),
    };
    client.push(Frame::event(&event));
}

/// `call.accept`.
pub(crate) async fn accept(hub: &Hub, client: &Arc<Client>, id: CallId) -> Result<Accepted, Failure> {
    let room_id = act(hub, client, id, CallAction::Accept).await?;
    Ok(Accepted { call_id: id, room_id, ice_servers: hub.ice_servers(client.user) })
}

/// `call.reject`.
pub(crate) async fn reject(hub: &Hub, client: &Arc<Client>, id: CallId) -> Result<Done, Failure> {
    act(hub, client, id, CallAction::Reject).await.map(|_| Done {})
}

/// `call.cancel`.
pub(crate) async fn cancel(hub: &Hub, client: &Arc<Client>, id: CallId) -> Result<Done, Failure> {
    act(hub, client, id, CallAction::Cancel).await.map(|_| Done {})
}

/// `call.hangUp`.
pub(crate) async fn hang_up(hub: &Hub, client: &Arc<Client>, id: CallId) -> Result<Done, Failure> {
    act(hub, client, id, CallAction::HangUp).await.map(|_| Done {})
}

async fn act(hub: &Hub, client: &Client, call: CallId, action: CallAction) -> Result<RoomId, Failure> {
    // A device that was never told of the call learns nothing about it.
    let runner = client.held().calls.get(&call).copied().ok_or_else(over)?;
    ask(hub, runner, CallRequest { call, device: client.id, node: hub.bus().node(), action }).await
}

async fn tell_gone(hub: &Hub, runner: NodeId, call: CallId, device: ConnectionId) {
    let request = CallRequest { call, device, node: hub.bus().node(), action: CallAction::Gone };
    let _over_already = ask(hub, runner, request).await;
}

/// Asks the instance that runs the call.
async fn ask(hub: &Hub, runner: NodeId, request: CallRequest) -> Result<RoomId, Failure> {
    if runner == hub.bus().node() {
        return order(hub, request).await;
    }
    match hub.bus().request(&CallService(runner), &request, ASK_TIMEOUT).await {
        Ok(outcome) => outcome,
        Err(BusError::Unanswered { .. }) => Err(over()),
        Err(error) => Err(bus_failed(&error)),
    }
}

/// Hands a request to the call's task, if this instance runs it.
pub(crate) async fn order(hub: &Hub, request: CallRequest) -> Result<RoomId, Failure> {
    let queue = hub.0.calls.get(request.call).ok_or_else(over)?;
    let (reply, answer) = oneshot::channel();
    queue.send(Order { request, reply }).await.map_err(|_| over())?;
    answer.await.map_err(|_| over())?
}

fn over() -> Failure {
    Failure::of(ErrorCode::CALL_OVER, Fault::Caller, "there is no such call, or it is over")
}

/// A device has connected: if its user is being called, it rings too.
///
/// Asked again until it is answered: Redis or the other instance may be away for a moment in which the phone is to ring.
pub(crate) async fn come_online(hub: &Hub, client: &Client) {
    let until = hub.clock().now() + RING_TIME;
    // Who has gone needs no answer, and no call rings for longer.
    while hub.client(client.id).is_some() && hub.clock().now() < until {
        let Err(error) = ask_whether_called(hub, client).await else { return };
        debug!(conn.id = %client.id, error = %Chain(&error), "Whether {} is called cannot be told yet", client.user);
        sleep(RETRY.delay(1, chance::fraction())).await;
    }
}

async fn ask_whether_called(hub: &Hub, client: &Client) -> Result<(), BusError> {
    let Some(runner) = hub.bus().holder(&UserInCall(client.account, client.user)).await? else {
        return Ok(());
    };
    let (account, user) = (client.account, client.user);
    let request = RingRequest { account, user, device: client.id, node: hub.bus().node() };
    if runner == hub.bus().node() {
        ring_too(hub, request).await;
        return Ok(());
    }
    hub.bus().request(&RingService(runner), &request, ASK_TIMEOUT).await.map(|_is_called| ())
}

/// Has the call ring on one more device of its callee, if this instance runs one; whether it does.
pub(crate) async fn ring_too(hub: &Hub, request: RingRequest) -> bool {
    let RingRequest { account, user, device, node } = request;
    let Some(call) = hub.0.calls.of_callee((account, user)) else { return false };
    let request = CallRequest { call, device, node, action: CallAction::Connect };
    order(hub, request).await.is_ok()
}

/// The connection is gone: the calls it knew of learn of it.
pub(crate) async fn lose_connection(hub: &Hub, client: &Arc<Client>) {
    let calls = client.held().calls.clone();
    for id in calls.into_keys() {
        let _over_already = act(hub, client, id, CallAction::Gone).await;
    }
}
