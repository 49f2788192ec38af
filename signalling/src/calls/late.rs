//! Devices that connect while their user is called.

use super::reach::{ASK_TIMEOUT, order};
use crate::{client::Client, hub::Hub, pace::RETRY};
use bus::BusError;
use common::{
    chance,
    error::Chain,
    subject::hub::{CallAction, CallRequest, RingRequest, RingService, UserInCall},
};
use signalling_core::call::RING_TIME;
use tokio::time::sleep;
use tracing::debug;

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
    let action = CallAction::Connect;
    let request = CallRequest { call, device, node, action, attends: false, user: Some(user), with: None };
    order(hub, request).await.is_ok()
}
