//! Devices of this instance that take part in a call, and ask again and again how it stands.

use super::ask;
use crate::{client::Client, frame::Frame, hub::Hub, until::until};
use bus::BusError;
use common::{
    error::{Chain, ErrorCode},
    id::{CallId, NodeId},
    protocol::{
        Event,
        call::{EndReason, Ended, Incoming},
    },
    subject::hub::CallAction,
};
use signalling_core::call::part::{Attended, Effect, Part};
use std::{collections::btree_map::Entry, sync::Arc, time::Duration};
use store::{StoreError, calls};
use tracing::warn;

/// A device rings: it takes part from now on. False if it does so already.
pub(super) fn begin(hub: &Hub, client: &Arc<Client>, runner: NodeId, incoming: &Incoming) -> bool {
    let rings_for = Duration::from_millis(incoming.ring_time_ms);
    match client.held().calls.entry(incoming.call_id) {
        Entry::Occupied(_) => return false,
        Entry::Vacant(place) => {
            place.insert(Part::ringing(runner, rings_for, hub.clock().now()));
        }
    }
    hub.spawn(attend(hub.clone(), Arc::clone(client), incoming.call_id));
    true
}

/// Until the call is over for the device, or its connection.
async fn attend(hub: Hub, client: Arc<Client>, call: CallId) {
    loop {
        let due = client.held().calls.get(&call).map(Part::next_deadline);
        let Some(due) = due else { return };
        until(due, hub.clock()).await;
        if hub.client(client.id).is_none() {
            return;
        }
        let mut effect = act(&client, call, |part| part.handle_deadline(hub.clock().now()));
        if effect == Some(Effect::Attend) {
            let attended = ask_how_it_stands(&hub, &client, call).await;
            effect = act(&client, call, |part| part.handle_attended(attended, hub.clock().now()));
        }
        if let Some(Effect::End(reason)) = effect {
            return end(&hub, &client, call, reason).await;
        }
    }
}

/// Has the part decide, if there still is one.
fn act(client: &Client, call: CallId, decide: impl FnOnce(&mut Part) -> Option<Effect>) -> Option<Effect> {
    client.held().calls.get_mut(&call).and_then(decide)
}

async fn ask_how_it_stands(hub: &Hub, client: &Client, call: CallId) -> Attended {
    let runner = client.held().calls.get(&call).map(Part::runner);
    let Some(runner) = runner else { return Attended::Unclear };
    match ask(hub, runner, call, client.id, CallAction::Attend).await {
        Ok(Err(failure)) if failure.data.code == ErrorCode::CALL_OVER => Attended::Unknown,
        Ok(Ok(_) | Err(_)) => Attended::Known,
        Err(BusError::Unanswered { .. }) => Attended::NobodyThere,
        Err(_) => Attended::Unclear,
    }
}

/// Its runner will not say so. Nor, perhaps, write it down.
async fn end(hub: &Hub, client: &Client, call: CallId, reason: EndReason) {
    if client.held().calls.remove(&call).is_none() {
        return;
    }
    if let Err(error) = record(hub, client, call, reason).await {
        warn!(call.id = %call, error = %Chain(&error), "The end of call {call} is not recorded");
    }
    client.push(Frame::event(&Event::CallEnded(Ended { call_id: call, reason })));
}

async fn record(hub: &Hub, client: &Client, call: CallId, reason: EndReason) -> Result<(), StoreError> {
    let mut tx = hub.store().tenant(client.account).await?;
    // Who rings alone cannot know that another device has the call.
    let is_answered = calls::find(&mut tx, call).await?.is_some_and(|call| call.answered_at.is_some());
    if is_answered && reason == EndReason::Missed {
        return Ok(());
    }
    calls::end(&mut tx, call, reason, hub.clock()).await?;
    tx.commit().await
}
