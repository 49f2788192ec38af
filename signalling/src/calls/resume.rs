//! `call.resume`: a person goes on with a call by another connection than the one that was part of it.

use super::{
    attend, over,
    reach::{ASK_AGAIN, ASK_TIMEOUT, TAKEOVER_PATIENCE, unavailable},
    running::Order,
};
use crate::{
    client::Client,
    failure::{bus_failed, store_failed},
    hub::Hub,
};
use bus::BusError;
use common::{
    error::ErrorCode,
    id::CallId,
    protocol::{
        Failure,
        call::{Resume, Resumed},
    },
    subject::hub::{CallState, ResumeRequest, ResumeService},
    text,
};
use signalling_core::call::part::{Part, Runner};
use std::{sync::Arc, time::Duration};
use store::{calls, users};
use tokio::{sync::oneshot, time::sleep};

/// `call.resume`. Waits for another instance to take the call over, where the one that ran it is gone.
pub(crate) async fn resume(hub: &Hub, client: &Arc<Client>, resume: &Resume) -> Result<Resumed, Failure> {
    let until = hub.clock().now() + TAKEOVER_PATIENCE;
    loop {
        let found = find(hub, client, resume.call_id).await?;
        let request = ResumeRequest {
            call: resume.call_id,
            account: client.account,
            user: client.user,
            from: resume.connection_id,
            device: client.id,
            node: hub.bus().node(),
        };
        match ask(hub, found.runner, request).await {
            Ok(Ok(state)) => return Ok(go_on(hub, client, resume.call_id, found, state)),
            Ok(Err(failure)) if failure.data.code != ErrorCode::CALL_OVER => return Err(failure),
            // The next look says whether it is over.
            Ok(Err(_)) if hub.clock().now() >= until => return Err(unavailable()),
            Err(error) if hub.clock().now() >= until => return Err(bus_failed(&error)),
            Ok(Err(_)) | Err(_) => sleep(ASK_AGAIN).await,
        }
    }
}

/// The call as the store has it, as far as the client needs that.
struct Found {
    runner: Runner,
    is_caller: bool,
    with: common::id::UserId,
    name: String,
}

/// A call that is open, and the client's: of others' calls there are none.
async fn find(hub: &Hub, client: &Client, call: CallId) -> Result<Found, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().reading(client.account).await.map_err(failed)?;
    let standing = calls::standing(&mut tx, call).await.map_err(failed)?.ok_or_else(over)?;
    let is_caller = standing.caller == client.user;
    if standing.outcome.is_some() || !is_caller && standing.callee != client.user {
        return Err(over());
    }
    let with = if is_caller { standing.callee } else { standing.caller };
    let name = users::find(&mut tx, with).await.map_err(failed)?.map(|user| text::shown_name(&user.name));
    let runner = Runner { node: standing.runner.ok_or_else(over)?, epoch: standing.tenure.epoch };
    Ok(Found { runner, is_caller, with, name: name.unwrap_or_default() })
}

async fn ask(
    hub: &Hub,
    runner: Runner,
    request: ResumeRequest,
) -> Result<Result<CallState, Failure>, BusError> {
    if runner.node == hub.bus().node() {
        return Ok(resume_here(hub, request).await);
    }
    hub.bus().request(&ResumeService(runner.node), &request, ASK_TIMEOUT).await
}

/// Hands the request to the call's task, if this instance runs it.
pub(crate) async fn resume_here(hub: &Hub, request: ResumeRequest) -> Result<CallState, Failure> {
    let queue = hub.0.calls.get(request.call).ok_or_else(over)?;
    let (reply, answer) = oneshot::channel();
    queue.send(Order::Resume { request, reply }).await.map_err(|_| over())?;
    answer.await.map_err(|_| over())?
}

/// The device takes part from now on.
fn go_on(hub: &Hub, client: &Arc<Client>, call_id: CallId, found: Found, state: CallState) -> Resumed {
    let Found { runner, is_caller, with, name } = found;
    let (runner, now) = (Runner { epoch: state.epoch, ..runner }, hub.clock().now());
    let connection_id = if is_caller { state.callee } else { Some(state.caller) };
    let part = match state.ring_time_ms {
        Some(ms) if !is_caller => Part::ringing(runner, Duration::from_millis(ms), now),
        Some(_) | None => Part::talking(runner, connection_id, now),
    };
    if !attend::begin(hub, client, call_id, part) {
        attend::follow(hub, client, call_id, runner);
    }
    Resumed {
        call_id,
        room_id: state.room,
        media: state.media,
        is_caller,
        with,
        name,
        connection_id,
        started_at: state.started_at,
        answered_at: state.answered_at,
        ring_time_ms: state.ring_time_ms,
        ice_servers: hub.ice_servers(client.user),
    }
}
