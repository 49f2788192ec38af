//! How a user is at one of their devices: `presence.set`, and whether the device calls or talks.

use super::{announce, device};
use crate::{client::Client, hub::Hub};
use common::{
    bucket::{Bucket, Rate},
    error::{Chain, ErrorCode, Fault},
    protocol::{
        Done, Failure,
        presence::{Said, Set},
    },
    subject::hub::{AccountOnline, OnlineNews},
};
use signalling_core::call::part::Part;
use std::sync::Arc;
use tracing::debug;

/// How often a device may say how its user is: everybody who watches is told.
pub(crate) const STATUS_RATE: Rate = Rate::per_second(10, 1);

/// `presence.set`.
pub(crate) fn set(hub: &Hub, client: &Arc<Client>, set: Set) -> Result<Done, Failure> {
    let now = hub.clock().now();
    {
        let mut held = client.held();
        if held.status.said == set.status {
            return Ok(Done {});
        }
        let bucket = held.status_said.get_or_insert_with(|| Bucket::new(STATUS_RATE, now));
        bucket.take(now).map_err(|wait| {
            let why = "the status changes too often";
            Failure::of(ErrorCode::RATE_LIMITED, Fault::Caller, why).retry_after(wait)
        })?;
    }
    change(hub, client, Some(set.status));
    Ok(Done {})
}

/// The calls that the device has a part in have changed.
pub(crate) fn note_calls(hub: &Hub, client: &Arc<Client>) {
    change(hub, client, None);
}

fn change(hub: &Hub, client: &Arc<Client>, said: Option<Said>) {
    let mut held = client.held();
    let in_call = held.calls.values().any(Part::is_talking);
    let said = said.unwrap_or(held.status.said);
    if (held.status.said, held.status.in_call) == (said, in_call) {
        return;
    }
    (held.status.said, held.status.in_call) = (said, in_call);
    held.status.revision += 1;
    if !std::mem::replace(&mut held.tells_status, true) {
        hub.spawn(tell(hub.clone(), Arc::clone(client)));
    }
}

/// Tells others how the device is until they know. One at a time: of two entries the later is the right one.
async fn tell(hub: Hub, client: Arc<Client>) {
    loop {
        let status = client.held().status;
        let entry = device(&hub, &client, status);
        let presented =
            hub.bus().present(&AccountOnline(client.account), &client.id.to_string(), &entry).await;
        // Who is gone has given its entry back, and this one goes with its guard.
        if hub.client(client.id).is_none() {
            return;
        }
        match presented {
            Ok(presence) => {
                let before = client.held().online.replace(presence);
                drop(before);
            }
            Err(error) => {
                debug!(conn.id = %client.id, error = %Chain(&error), "How {} is was not written down", client.id);
            }
        }
        // Of guests nobody is told that they are there: whoever heard this would look for them in vain.
        if !client.access().is_guest() {
            announce(&hub, client.account, OnlineNews::Status { connection: client.id, status }).await;
        }
        let mut held = client.held();
        if held.status == status {
            held.tells_status = false;
            return;
        }
    }
}
