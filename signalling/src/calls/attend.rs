//! Devices of this instance that take part in a call, and ask again and again how it stands.

use super::reach::{ask, look};
use crate::{client::Client, frame::Frame, hub::Hub, presence, until::until};
use bus::BusError;
use common::{
    error::ErrorCode,
    id::CallId,
    protocol::{
        Event,
        call::{EndReason, Ended},
    },
    subject::hub::CallAction,
};
use signalling_core::call::part::{Attended, Effect, Part, Runner};
use std::{collections::btree_map::Entry, ops::ControlFlow, sync::Arc};

/// A device takes part from now on. False if it does so already.
pub(super) fn begin(hub: &Hub, client: &Arc<Client>, call: CallId, part: Part) -> bool {
    match client.held().calls.entry(call) {
        Entry::Occupied(_) => return false,
        Entry::Vacant(place) => {
            place.insert(part);
        }
    }
    presence::note_calls(hub, client);
    hub.spawn(attend(hub.clone(), Arc::clone(client), call));
    true
}

/// The device's call is run by another instance from now on, which is asked at once.
pub(super) fn follow(hub: &Hub, client: &Arc<Client>, call: CallId, runner: Runner) {
    if super::reach::follow(hub, client, call, runner) {
        let (hub, client) = (hub.clone(), Arc::clone(client));
        hub.clone().spawn(async move {
            let _may_go_on = turn(&hub, &client, call).await;
        });
    }
}

/// Until the call is over for the device, or its connection.
async fn attend(hub: Hub, client: Arc<Client>, call: CallId) {
    loop {
        let due = client.held().calls.get(&call).map(Part::next_deadline);
        let Some(due) = due else { return };
        until(Some(due), hub.clock()).await;
        if hub.client(client.id).is_none() || turn(&hub, &client, call).await.is_break() {
            return;
        }
    }
}

/// Does what is due.
async fn turn(hub: &Hub, client: &Arc<Client>, call: CallId) -> ControlFlow<()> {
    let mut effect = act(client, call, |part| part.handle_deadline(hub.clock().now()));
    loop {
        effect = match effect {
            Some(Effect::Attend) => {
                let attended = ask_how_it_stands(hub, client, call).await;
                act(client, call, |part| part.handle_attended(attended, hub.clock().now()))
            }
            Some(Effect::Look) => {
                let found = look(hub, client, call).await;
                act(client, call, |part| part.handle_found(found, hub.clock().now()))
            }
            Some(Effect::End(reason)) => {
                end(hub, client, call, reason);
                return ControlFlow::Break(());
            }
            None => return ControlFlow::Continue(()),
        };
    }
}

/// Has the part decide, if there still is one.
fn act(client: &Client, call: CallId, decide: impl FnOnce(&mut Part) -> Option<Effect>) -> Option<Effect> {
    client.held().calls.get_mut(&call).and_then(decide)
}

async fn ask_how_it_stands(hub: &Hub, client: &Client, call: CallId) -> Attended {
    let runner = client.held().calls.get(&call).map(Part::runner);
    let Some(runner) = runner else { return Attended::Unclear };
    match ask(hub, runner.node, call, client, CallAction::Attend).await {
        Ok(Err(failure)) if failure.data.code == ErrorCode::CALL_OVER => Attended::Nobody,
        // It cannot tell whether it still runs the call.
        Ok(Err(failure)) if failure.data.code == ErrorCode::UNAVAILABLE => Attended::Silent,
        Ok(Ok(_) | Err(_)) => Attended::Known,
        Err(BusError::Unanswered { .. }) => Attended::Nobody,
        Err(BusError::TimedOut { .. } | BusError::GivenUp { .. }) => Attended::Silent,
        Err(_) => Attended::Unclear,
    }
}

/// Its runner will not say so.
fn end(hub: &Hub, client: &Arc<Client>, call: CallId, reason: EndReason) {
    let part = client.held().calls.remove(&call);
    if part.is_some() {
        presence::note_calls(hub, client);
        client.push(Frame::event(&Event::CallEnded(Ended { call_id: call, reason })));
    }
}
