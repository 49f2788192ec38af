//! One running call: its core, its clock, and what its effects do.

mod about;
mod record;

pub(super) use about::About;

use super::{deliver::tell, leases::Leases, reach::unavailable, ring::online, running::Order};
use crate::{hub::Hub, until::until};
use bus::Link;
use common::{
    error::Fault,
    id::{ConnectionId, NodeId, RoomId, UserId},
    protocol::{
        Failure,
        call::{Answered, Ended, Moved},
    },
    subject::hub::{CallAction, CallRequest, CallState, DeviceNews, ResumeRequest},
};
use record::Records;
use signalling_core::call::{Call, CallError, Effect, Side};
use std::{collections::BTreeMap, time::Duration};
use store::calls::Tenure;
use tokio::{sync::mpsc, time::sleep};
use tracing::info;

/// How soon leases are tried for again that an instance still has which ran the call before.
const LEASES_AGAIN: Duration = Duration::from_secs(1);

/// How soon what could not be stored is tried again. Nobody waits for it.
const OWED_AGAIN: Duration = Duration::from_secs(5);

pub(crate) struct Running {
    hub: Hub,
    about: About,
    core: Call,
    nodes: BTreeMap<ConnectionId, NodeId>,
    leases: Option<Leases>,
    records: Records,
}

/// Another instance runs the call.
struct Fenced;

impl Running {
    pub(super) fn new(
        hub: &Hub,
        tenure: Tenure,
        about: About,
        core: Call,
        nodes: BTreeMap<ConnectionId, NodeId>,
        leases: Leases,
    ) -> Self {
        let records = Records::new(hub, about.account, tenure);
        Self { hub: hub.clone(), about, core, nodes, leases: Some(leases), records }
    }

    /// Carries out `effects` and runs the call to its end, or until the hub drains or another instance runs it.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>, effects: Vec<Effect>) {
        if let Err(Fenced) = self.serve(&mut orders, effects).await {
            info!(call.id = %self.about.call, "Call {} is run by another instance", self.about.call);
        }
        // What waits is told that there is nobody, and finds the one who is.
        drop(orders);
        self.hub.0.calls.end(self.about.call, (self.about.account, self.about.callee));
        self.hub.0.calls.forget(self.about.call);
    }

    async fn serve(
        &mut self,
        orders: &mut mpsc::Receiver<Order>,
        mut effects: Vec<Effect>,
    ) -> Result<(), Fenced> {
        let Some(draining) = self.hub.shutdown().map(|shutdown| shutdown.token.clone()) else {
            return Ok(());
        };
        let mut link = self.hub.bus().link();
        link.mark_changed();
        self.carry_out(&mut effects).await?;
        while !self.core.is_forgotten() || self.records.is_owing() {
            if self.core.is_over() && self.leases.take().is_some() {
                self.hub.0.calls.end(self.about.call, (self.about.account, self.about.callee));
            }
            let needs_leases = self.leases.as_ref().is_some_and(|leases| !leases.is_whole());
            tokio::select! {
                biased;
                () = draining.cancelled() => return Ok(()),
                Ok(()) = link.changed() => {
                    let is_linked = matches!(*link.borrow_and_update(), Link::Up { .. });
                    self.core.set_linked(is_linked, self.hub.clock().now());
                }
                order = orders.recv() => {
                    let Some(order) = order else { return Ok(()) };
                    match self.records.is_sure().await? {
                        true => self.handle(order, &mut effects).await?,
                        false => self.handle_unsure(order, &mut effects).await?,
                    }
                }
                () = until(self.core.next_deadline(), self.hub.clock()) => {
                    self.records.is_sure().await?;
                    self.core.handle_deadline(self.hub.clock().now(), &mut effects);
                    self.carry_out(&mut effects).await?;
                }
                () = sleep(LEASES_AGAIN), if needs_leases => self.settle(&mut effects).await?,
                () = sleep(OWED_AGAIN), if self.records.is_owing() => self.records.catch_up().await?,
            }
        }
        Ok(())
    }

    /// Another instance may run the call: how it stands is for that one to say.
    async fn handle_unsure(&mut self, order: Order, effects: &mut Vec<Effect>) -> Result<(), Fenced> {
        match order {
            Order::Act { request, reply } if request.action == CallAction::Attend => {
                let _nobody_waits = reply.send(Err(unavailable()));
            }
            Order::Resume { reply, .. } => drop(reply.send(Err(unavailable()))),
            Order::Act { .. } => self.handle(order, effects).await?,
        }
        Ok(())
    }

    async fn handle(&mut self, order: Order, effects: &mut Vec<Effect>) -> Result<(), Fenced> {
        match order {
            Order::Act { request, reply } => {
                let outcome = self.act(&request, effects);
                self.carry_out(effects).await?;
                // The device may have gone while it waited.
                let _nobody_waits = reply.send(outcome.map_err(refused));
            }
            Order::Resume { request, reply } => {
                let outcome = self.resume(&request, effects);
                self.carry_out(effects).await?;
                let _nobody_waits = reply.send(outcome.map(|()| self.state()).map_err(refused));
            }
        }
        Ok(())
    }

    fn act(&mut self, request: &CallRequest, effects: &mut Vec<Effect>) -> Result<RoomId, CallError> {
        let (&CallRequest { device, node, action, attends, user, with, .. }, now) =
            (request, self.hub.clock().now());
        let side = match user {
            Some(user) => self.side(user)?,
            None if device == self.core.caller() => Side::Caller,
            None => Side::Callee,
        };
        if action != CallAction::Gone {
            self.nodes.insert(device, node);
        }
        if attends && action != CallAction::Gone {
            self.core.handle_heard(device, now);
        }
        match action {
            CallAction::Accept => self.core.handle_accept(side, device, now, effects),
            CallAction::Reject => self.core.handle_reject(side, now, effects),
            CallAction::Cancel => self.core.handle_cancel(device, now, effects),
            CallAction::HangUp => self.core.handle_hang_up(device, now, effects),
            CallAction::Connect => self.core.handle_connected(device, now, effects),
            CallAction::Gone => {
                self.core.handle_gone(device, now);
                Ok(())
            }
            CallAction::Attend => self.core.handle_attend(side, device, with, now, effects),
        }?;
        Ok(self.about.room)
    }

    fn resume(&mut self, request: &ResumeRequest, effects: &mut Vec<Effect>) -> Result<(), CallError> {
        let &ResumeRequest { account, user, from, device, node, .. } = request;
        // Of anybody else's calls there are none.
        if account != self.about.account {
            return Err(CallError::Over);
        }
        let side = self.side(user).map_err(|_| CallError::Over)?;
        self.nodes.insert(device, node);
        self.core.handle_resume(side, from, device, self.hub.clock().now(), effects)
    }

    fn side(&self, user: UserId) -> Result<Side, CallError> {
        match user {
            user if user == self.about.caller => Ok(Side::Caller),
            user if user == self.about.callee => Ok(Side::Callee),
            _ => Err(CallError::NotInvited),
        }
    }

    fn state(&self) -> CallState {
        let rings_for = self.core.rings_for(self.hub.clock().now());
        self.about.state(&self.core, rings_for, self.records.tenure().epoch)
    }

    /// Takes the leases over, by which those are found who are called; until then, devices that connect are looked
    /// for here.
    async fn settle(&mut self, effects: &mut Vec<Effect>) -> Result<(), Fenced> {
        if let Some(leases) = &mut self.leases {
            leases.complete(&self.hub).await;
        }
        if self.core.callee().is_none()
            && let Ok(online) = online(&self.hub, self.about.account).await
        {
            for (id, device) in online {
                if device.user.user_id == self.about.callee {
                    self.nodes.insert(id, device.node);
                    // Those that ring already are not rung again.
                    let _over_meanwhile = self.core.handle_connected(id, self.hub.clock().now(), effects);
                }
            }
        }
        self.carry_out(effects).await
    }

    async fn carry_out(&mut self, effects: &mut Vec<Effect>) -> Result<(), Fenced> {
        let (call_id, runner) = (self.about.call, self.hub.bus().node());
        let epoch = self.records.tenure().epoch;
        for effect in std::mem::take(effects) {
            let (to, news) = match effect {
                Effect::RecordAnswer { .. } | Effect::RecordDevices { .. } | Effect::RecordEnd(_) => {
                    if matches!(effect, Effect::RecordAnswer { .. }) {
                        self.about.answered_at = Some(self.hub.clock().utc());
                    }
                    self.records.write(effect).await?;
                    continue;
                }
                Effect::TellIncoming { to, rings_for } => {
                    let incoming = self.about.incoming(rings_for);
                    (to, DeviceNews::Incoming { runner, epoch, incoming })
                }
                Effect::TellAnswered { to, by } => (to, DeviceNews::Answered(Answered { call_id, by })),
                Effect::TellResumed { to, from, by } => {
                    let moved = Moved { call_id, connection_id: by, previous_connection_id: from };
                    (to, DeviceNews::Resumed(moved))
                }
                Effect::TellRunner { to } => (to, DeviceNews::Runner { call: call_id, runner, epoch }),
                Effect::TellEnded { to, reason } => (to, DeviceNews::Ended(Ended { call_id, reason })),
            };
            if let Some(&node) = self.nodes.get(&to) {
                tell(&self.hub, node, to, news).await;
            }
        }
        Ok(())
    }
}

fn refused(error: CallError) -> Failure {
    Failure::of(error.code(), Fault::Caller, error.to_string())
}
