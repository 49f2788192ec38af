//! What devices are told, wherever they are connected.

use super::{attend, reach::tell_gone};
use crate::{client::Client, failure::published, frame::Frame, hub::Hub, presence};
use common::{
    id::{CallId, ConnectionId, NodeId},
    protocol::{Event, call::Incoming},
    subject::hub::{DeviceNews, NodeNews, NodeTopic},
};
use signalling_core::call::part::{Part, Runner};
use std::{sync::Arc, time::Duration};

/// Hands the call's devices their news, wherever they are connected.
pub(super) async fn tell(hub: &Hub, node: NodeId, to: ConnectionId, news: DeviceNews) {
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
    if let DeviceNews::Incoming { runner, epoch, incoming } = &news {
        let runner = Runner { node: *runner, epoch: *epoch };
        let is_new = client.as_ref().is_some_and(|client| begin_ringing(hub, client, runner, incoming));
        // Who has gone meanwhile has told those calls that it knew of: this one would go on ringing for nobody.
        if hub.client(to).is_none() {
            let (work, call) = (hub.clone(), incoming.call_id);
            hub.finish(async move { tell_gone(&work, runner.node, call, to, None).await });
        }
        if !is_new {
            return;
        }
    }
    let Some(client) = client else { return };
    let event = match news {
        DeviceNews::Incoming { incoming, .. } => Event::CallIncoming(incoming),
        DeviceNews::Ended(ended) => {
            // Said again until it is heard.
            let part = client.held().calls.remove(&ended.call_id);
            if part.is_none() {
                return;
            }
            presence::note_calls(hub, &client);
            Event::CallEnded(ended)
        }
        DeviceNews::Runner { call, runner, epoch } => {
            return attend::follow(hub, &client, call, Runner { node: runner, epoch });
        }
        DeviceNews::Answered(answered) => {
            if !is_news(&client, answered.call_id, answered.by) {
                return;
            }
            Event::CallAnswered(answered)
        }
        DeviceNews::Resumed(moved) => {
            if !is_news(&client, moved.call_id, moved.connection_id) {
                return;
            }
            Event::CallResumed(moved)
        }
        DeviceNews::Changed(changed) => {
            let mut held = client.held();
            let part = held.calls.get_mut(&changed.call_id);
            if !part.is_some_and(|part| part.handle_parties(changed.revision)) {
                return;
            }
            drop(held);
            Event::CallChanged(changed)
        }
        DeviceNews::Transferring(transferring) => {
            if !client.held().calls.contains_key(&transferring.call_id) {
                return;
            }
            Event::CallTransferring(transferring)
        }
        DeviceNews::TransferFailed(failed) => {
            if !client.held().calls.contains_key(&failed.call_id) {
                return;
            }
            Event::CallTransferFailed(failed)
        }
        DeviceNews::Signal(signalled) => Event::MediaSignal(signalled),
    };
    client.push(Frame::event(&event));
}

/// Whether a device has not heard yet who is on the other side of its call; said again until it has.
fn is_news(client: &Client, call: CallId, with: ConnectionId) -> bool {
    client.held().calls.get_mut(&call).is_some_and(|part| part.handle_with(with))
}

/// A device rings from now on; false if it does so already.
fn begin_ringing(hub: &Hub, client: &Arc<Client>, runner: Runner, incoming: &Incoming) -> bool {
    let rings_for = Duration::from_millis(incoming.ring_time_ms);
    let part = Part::ringing(runner, rings_for, hub.clock().now());
    let is_new = attend::begin(hub, client, incoming.call_id, part);
    if !is_new {
        attend::follow(hub, client, incoming.call_id, runner);
    }
    is_new
}
