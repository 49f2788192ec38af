//! Ringing: the methods of `call.*`, and the calls that this instance runs.
//!
//! The instance to which the caller is connected runs the call, as one [`task`] that owns its core; devices elsewhere
//! [reach] it over the bus, and their own instances [attend] to it for them. When it stops or dies, another one [takes
//! the call over](takeover), and a device that has lost its connection may [resume](resume()) by another one, wherever
//! that is. What is told to devices is [delivered](deliver()) where they are connected.

mod attend;
mod deliver;
pub(crate) mod heart;
pub(crate) mod late;
mod leases;
mod reach;
mod resume;
mod ring;
pub(crate) mod running;
pub(crate) mod takeover;
mod task;

pub(crate) use deliver::deliver;
pub(crate) use late::{come_online, ring_too};
pub(crate) use reach::order;
pub(crate) use resume::{resume, resume_here};
pub(crate) use ring::ring;

use crate::{client::Client, frame::Frame, hub::Hub, presence};
use common::{
    error::{ErrorCode, Fault},
    id::CallId,
    protocol::{
        Done, Event, Failure,
        call::{
            Accepted, AnswerTransfer, EndReason, Ended, Invite, Invited, Transfer, TransferStarted,
            TransferToRoom, Withdraw,
        },
    },
    subject::hub::CallAction,
};
use reach::{act, tell_gone};
use ring::millis;
use signalling_core::call::{RING_TIME, TRANSFER_TIME};
use std::sync::Arc;

/// `call.accept`.
pub(crate) async fn accept(hub: &Hub, client: &Arc<Client>, id: CallId) -> Result<Accepted, Failure> {
    match act(hub, client, id, CallAction::Accept).await {
        Ok(room_id) => {
            if let Some(part) = client.held().calls.get_mut(&id) {
                part.handle_accepted();
            }
            presence::note_calls(hub, client);
            Ok(Accepted { call_id: id, room_id, ice_servers: hub.ice_servers(client.user) })
        }
        Err(refused) if !refused.is_in_doubt => Err(refused.failure),
        Err(_) => {
            // It may have taken the call and cannot know: nobody is to talk to nobody.
            if let Some(part) = client.held().calls.remove(&id) {
                let ended = Ended { call_id: id, reason: EndReason::Lost };
                client.push(Frame::event(&Event::CallEnded(ended)));
                let (work, runner, client) = (hub.clone(), part.runner().node, Arc::clone(client));
                hub.finish(async move { tell_gone(&work, runner, id, client.id, Some(client.user)).await });
            }
            Err(Failure::of(ErrorCode::UNAVAILABLE, Fault::Ours, "the call cannot be reached"))
        }
    }
}

/// `call.reject`.
pub(crate) async fn reject(hub: &Hub, client: &Arc<Client>, id: CallId) -> Result<Done, Failure> {
    done(act(hub, client, id, CallAction::Reject).await)
}

/// `call.cancel`.
pub(crate) async fn cancel(hub: &Hub, client: &Arc<Client>, id: CallId) -> Result<Done, Failure> {
    done(act(hub, client, id, CallAction::Cancel).await)
}

/// `call.hangUp`.
pub(crate) async fn hang_up(hub: &Hub, client: &Arc<Client>, id: CallId) -> Result<Done, Failure> {
    done(act(hub, client, id, CallAction::HangUp).await)
}

/// `call.invite`.
pub(crate) async fn invite(hub: &Hub, client: &Arc<Client>, invite: &Invite) -> Result<Invited, Failure> {
    let action = CallAction::Invite(invite.user_id);
    invited(invite.call_id, act(hub, client, invite.call_id, action).await)
}

/// `call.transfer`.
pub(crate) async fn transfer(
    hub: &Hub,
    client: &Arc<Client>,
    transfer: &Transfer,
) -> Result<Invited, Failure> {
    let action = CallAction::Transfer(transfer.user_id);
    invited(transfer.call_id, act(hub, client, transfer.call_id, action).await)
}

/// `call.withdraw`.
pub(crate) async fn withdraw(hub: &Hub, client: &Arc<Client>, withdraw: &Withdraw) -> Result<Done, Failure> {
    let action = CallAction::Withdraw(withdraw.user_id);
    done(act(hub, client, withdraw.call_id, action).await)
}

/// `call.transferToRoom`.
pub(crate) async fn transfer_to_room(
    hub: &Hub,
    client: &Arc<Client>,
    transfer: &TransferToRoom,
) -> Result<TransferStarted, Failure> {
    let action = CallAction::TransferToRoom(transfer.room_id);
    let started = act(hub, client, transfer.call_id, action).await;
    started.map_err(|refused| refused.failure)?;
    Ok(TransferStarted { call_id: transfer.call_id, answer_time_ms: millis(TRANSFER_TIME) })
}

/// `call.answerTransfer`.
pub(crate) async fn answer_transfer(
    hub: &Hub,
    client: &Arc<Client>,
    answer: &AnswerTransfer,
) -> Result<Done, Failure> {
    let action = CallAction::AnswerTransfer { room: answer.room_id, is_there: answer.is_there };
    done(act(hub, client, answer.call_id, action).await)
}

fn invited<T>(call_id: CallId, outcome: Result<T, reach::Refused>) -> Result<Invited, Failure> {
    let rung = outcome.map_err(|refused| refused.failure)?;
    drop(rung);
    Ok(Invited { call_id, ring_time_ms: millis(RING_TIME) })
}

fn done<T>(outcome: Result<T, reach::Refused>) -> Result<Done, Failure> {
    outcome.map(|_| Done {}).map_err(|refused| refused.failure)
}

/// The connection is gone: the calls it knew of learn of it.
pub(crate) async fn lose_connection(hub: &Hub, client: &Arc<Client>) {
    let calls = std::mem::take(&mut client.held().calls);
    for (id, part) in calls {
        tell_gone(hub, part.runner().node, id, client.id, Some(client.user)).await;
    }
}

fn over() -> Failure {
    Failure::of(ErrorCode::CALL_OVER, Fault::Caller, "there is no such call, or it is over")
}
