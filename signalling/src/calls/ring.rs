//! `call.ring`.

use super::{
    attend,
    deliver::tell,
    leases::{Leases, Taken},
    running::ORDER_QUEUE,
    takeover::be_missed,
    task::{About, Running},
};
use crate::{
    client::Client,
    failure::{bus_failed, store_failed},
    hub::Hub,
    mailbox,
    rooms::admit::{hold, hold_callee},
    standing,
};
use bus::BusError;
use common::{
    error::{ErrorCode, Fault},
    id::{AccountId, CallId, ConnectionId, NodeId, UserId},
    protocol::{
        Failure,
        call::{Ring, Ringing},
    },
    subject::hub::{AccountOnline, DeviceNews, OnlineDevice},
    text,
};
use signalling_core::{
    admission::Action,
    call::{
        Call, RING_TIME,
        part::{Part, Runner},
    },
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use store::{
    calls::{self, NewCall, Tenure},
    notifications, users,
};
use tokio::sync::mpsc;

/// `call.ring`.
pub(crate) async fn ring(hub: &Hub, client: &Arc<Client>, ring: &Ring) -> Result<Ringing, Failure> {
    hub.0.rooms.joined(client, Action::Ring, ring.room_id)?;
    if ring.user_id == client.user {
        return Err(Failure::of(ErrorCode::INVALID_PARAMS, Fault::Caller, "you cannot call yourself"));
    }
    let Devices { nodes: devices, name } = reached(hub, client.account, ring.user_id).await?;
    let id = CallId::generate(hub.clock());
    let busy = |whose: &str| Failure::of(ErrorCode::CALL_BUSY, Fault::Upstream, format!("{whose} in a call"));
    let mut leases = Leases::new(client.account, [client.user, ring.user_id]);
    match leases.take(hub, client.user).await? {
        Some(Taken::Between) => return Err(busy("the two of you are")),
        Some(Taken::Caller) => return Err(busy("you are")),
        None => {}
    }
    let new = NewCall {
        id,
        room: ring.room_id,
        caller: client.user,
        callee: ring.user_id,
        media: ring.media,
        device: client.id,
        runner: hub.bus().node(),
    };
    be_missed(hub).await.map_err(|error| store_failed(&error))?;
    let tenure = record_start(hub, client, &new, !leases.is_whole()).await?;
    let Some(tenure) = tenure else { return Err(busy("the other side is")) };
    let about = About::new(client, &new, name, hub.clock().utc());

    let (orders, queue) = mpsc::channel(ORDER_QUEUE);
    hub.0.calls.insert(id, orders);
    hub.0.calls.ring(id, (client.account, ring.user_id));
    // Who has connected since the first look has asked before there was a call to ring for.
    let devices = match devices_of(hub, client.account, ring.user_id).await {
        Ok(Devices { nodes, .. }) if !nodes.is_empty() => nodes,
        Ok(_) | Err(_) => devices,
    };
    let (runner, now) = (Runner { node: hub.bus().node(), epoch: tenure.epoch }, hub.clock().now());
    attend::begin(hub, client, id, Part::talking(runner, None, now));
    let core = Call::ring((client.user, client.id), ring.user_id, devices.keys().copied(), now);
    for (&device, &node) in &devices {
        let incoming = about.incoming(client.user, RING_TIME);
        tell(hub, node, device, DeviceNews::Incoming { runner: runner.node, epoch: runner.epoch, incoming })
            .await;
    }
    let mut nodes = devices;
    nodes.insert(client.id, hub.bus().node());
    hub.finish(Running::new(hub, tenure, about, core, nodes, leases).run(queue, Vec::new()));
    Ok(Ringing { call_id: id, ring_time_ms: millis(RING_TIME), ice_servers: hub.ice_servers(client.user) })
}

/// As the protocol has it.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A user's connected devices and where they are, with the name to show.
#[derive(Default)]
pub(super) struct Devices {
    pub(super) nodes: BTreeMap<ConnectionId, NodeId>,
    pub(super) name: String,
}

pub(super) async fn devices_of(hub: &Hub, account: AccountId, user: UserId) -> Result<Devices, Failure> {
    let online = online(hub, account).await.map_err(|error| bus_failed(&error))?;
    let theirs = online.into_iter().filter(|(_, device)| device.user.user_id == user);
    Ok(theirs.fold(Devices::default(), |mut devices, (id, device)| {
        devices.nodes.insert(id, device.node);
        devices.name = device.user.name;
        devices
    }))
}

/// The devices of a user who is to be rung: none if they are notified instead, so that one connects.
///
/// # Errors
/// [`ErrorCode::CALL_UNREACHABLE`] if nothing reaches them.
pub(super) async fn reached(hub: &Hub, account: AccountId, user: UserId) -> Result<Devices, Failure> {
    let devices = devices_of(hub, account, user).await?;
    if !devices.nodes.is_empty() {
        return Ok(devices);
    }
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().reading(account).await.map_err(failed)?;
    if !notifications::reach(&mut tx, user, hub.clock()).await.map_err(failed)? {
        let why = "no device is connected";
        return Err(Failure::of(ErrorCode::CALL_UNREACHABLE, Fault::Upstream, why));
    }
    let name = users::names(&mut tx, &[user]).await.map_err(failed)?.remove(&user);
    Ok(Devices { name: name.map(|name| text::shown_name(&name)).unwrap_or_default(), ..devices })
}

/// The connected devices of an account's people.
pub(super) async fn online(
    hub: &Hub,
    account: AccountId,
) -> Result<BTreeMap<ConnectionId, OnlineDevice>, BusError> {
    let online = hub.bus().entries(&AccountOnline(account)).await?;
    let people = online.into_iter().filter(|(_, device)| !device.guest);
    Ok(people.filter_map(|(key, device)| Some((key.parse().ok()?, device))).collect())
}

/// Records the call, if both may meet in the room; `None` if the other side is busy.
async fn record_start(
    hub: &Hub,
    client: &Client,
    call: &NewCall,
    is_busy: bool,
) -> Result<Option<Tenure>, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = standing::begin(hub, client).await?;
    hold(hub, &mut tx, client, Action::Ring, call.room).await?;
    hold_callee(hub, &mut tx, call.callee, call.room).await?;
    let (tenure, missed) = if is_busy {
        (None, calls::note_busy(&mut tx, call, hub.clock()).await.map_err(failed)?)
    } else {
        let tenure = calls::start(&mut tx, call, hub.clock()).await.map_err(failed)?;
        let notified = calls::notify_rung(&mut tx, call.id, call.callee, RING_TIME, hub.clock()).await;
        notified.map_err(failed)?;
        (Some(tenure), Vec::new())
    };
    tx.commit().await.map_err(failed)?;
    mailbox::tell(hub, client.account, missed);
    Ok(tenure)
}
