//! How a device reaches the instance that runs its call, also where another has taken the call over meanwhile.

use super::{over, running::Order};
use crate::{client::Client, failure::bus_failed, hub::Hub};
use bus::BusError;
use common::{
    error::{Chain, ErrorCode, Fault},
    id::{CallId, ConnectionId, NodeId, RoomId, UserId},
    protocol::{Failure, call::EndReason},
    subject::hub::{CallAction, CallRequest},
};
use signalling_core::call::part::{Found, Part, Runner};
use std::time::Duration;
use store::{
    StoreError,
    calls::{self, Standing},
};
use tokio::{sync::oneshot, time::sleep};
use tracing::debug;

/// How long another instance may take to answer about a call.
pub(super) const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long somebody waits for another instance to take their call over: twice as long as that takes.
pub(super) const TAKEOVER_PATIENCE: Duration = Duration::from_secs(10);

/// How soon it is asked again.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(300);

/// Why something was not done about a call.
pub(super) struct Refused {
    pub(super) failure: Failure,
    /// It may have been done all the same.
    pub(super) is_in_doubt: bool,
}

/// Has the call do something for one of its devices, whichever instance runs it by then.
pub(super) async fn act(
    hub: &Hub,
    client: &Client,
    call: CallId,
    action: CallAction,
) -> Result<RoomId, Refused> {
    let until = hub.clock().now() + TAKEOVER_PATIENCE;
    let mut is_in_doubt = false;
    loop {
        // A device that was never told of the call learns nothing about it.
        let runner = client.held().calls.get(&call).map(Part::runner);
        let Some(runner) = runner else { return Err(Refused { failure: over(), is_in_doubt }) };
        let outcome = ask(hub, runner.node, call, client, action).await;
        let error = match outcome {
            Ok(Err(failure)) if failure.data.code == ErrorCode::CALL_OVER => None,
            Ok(outcome) => return outcome.map_err(|failure| Refused { failure, is_in_doubt: false }),
            Err(error) => Some(error),
        };
        is_in_doubt |= error.as_ref().is_some_and(|error| !is_refused(error));
        let is_elsewhere = match look(hub, client, call).await {
            Found::Over(_) => return Err(Refused { failure: over(), is_in_doubt: false }),
            Found::Runs(found) => follow(hub, client, call, found) || found.epoch > runner.epoch,
            Found::Unclear => false,
        };
        if hub.clock().now() >= until {
            let failure = error.map_or_else(unavailable, |error| bus_failed(&error));
            return Err(Refused { failure, is_in_doubt });
        }
        if !is_elsewhere {
            sleep(ASK_AGAIN).await;
        }
    }
}

pub(super) fn unavailable() -> Failure {
    Failure::of(ErrorCode::UNAVAILABLE, Fault::Ours, "the call cannot be reached; try again")
}

/// Whether it was certainly not carried out.
pub(super) const fn is_refused(error: &BusError) -> bool {
    !matches!(error, BusError::TimedOut { .. } | BusError::GivenUp { .. } | BusError::Redis(_))
}

/// The device goes by this runner from now on, if it is a later one.
pub(super) fn follow(hub: &Hub, client: &Client, call: CallId, runner: Runner) -> bool {
    let now = hub.clock().now();
    client.held().calls.get_mut(&call).is_some_and(|part| part.handle_runner(runner, now))
}

/// What the store says of the call, for this device.
pub(super) async fn look(hub: &Hub, client: &Client, call: CallId) -> Found {
    match standing(hub, client, call).await {
        Ok(Some(standing)) => found(client, &standing),
        Ok(None) => Found::Over(EndReason::Lost),
        Err(error) => {
            debug!(call.id = %call, error = %Chain(&error), "Who runs call {call} cannot be told");
            Found::Unclear
        }
    }
}

fn found(client: &Client, standing: &Standing) -> Found {
    let is_elsewhere =
        client.user == standing.callee && standing.callee_device.is_some_and(|device| device != client.id);
    match (standing.outcome, standing.runner) {
        (Some(_), _) if is_elsewhere => Found::Over(EndReason::AnsweredElsewhere),
        (Some(outcome), _) => Found::Over(outcome),
        (None, Some(node)) => Found::Runs(Runner { node, epoch: standing.tenure.epoch }),
        (None, None) => Found::Unclear,
    }
}

async fn standing(hub: &Hub, client: &Client, call: CallId) -> Result<Option<Standing>, StoreError> {
    let mut tx = hub.store().reading(client.account).await?;
    calls::standing(&mut tx, call).await
}

/// A device is gone: the runner is told, if it is there; if not, the device is missed all the same.
pub(super) async fn tell_gone(
    hub: &Hub,
    runner: NodeId,
    call: CallId,
    device: ConnectionId,
    user: Option<UserId>,
) {
    let _over_already = send(hub, runner, call, (device, user), None, CallAction::Gone).await;
}

/// Asks the instance that runs the call: what it answers, if it does.
pub(super) async fn ask(
    hub: &Hub,
    runner: NodeId,
    call: CallId,
    client: &Client,
    action: CallAction,
) -> Result<Result<RoomId, Failure>, BusError> {
    let with = client.held().calls.get(&call).and_then(Part::with);
    send(hub, runner, call, (client.id, Some(client.user)), with, action).await
}

async fn send(
    hub: &Hub,
    runner: NodeId,
    call: CallId,
    (device, user): (ConnectionId, Option<UserId>),
    with: Option<ConnectionId>,
    action: CallAction,
) -> Result<Result<RoomId, Failure>, BusError> {
    let request = CallRequest { call, device, node: hub.bus().node(), action, attends: true, user, with };
    if runner == hub.bus().node() {
        return Ok(order(hub, request).await);
    }
    hub.bus().request(&common::subject::hub::CallService(runner), &request, ASK_TIMEOUT).await
}

/// Hands a request to the call's task, if this instance runs it.
pub(crate) async fn order(hub: &Hub, request: CallRequest) -> Result<RoomId, Failure> {
    let queue = hub.0.calls.get(request.call).ok_or_else(over)?;
    let (reply, answer) = oneshot::channel();
    queue.send(Order::Act { request, reply }).await.map_err(|_| over())?;
    answer.await.map_err(|_| over())?
}
