//! One running call: its core, its clock, and what its effects do.

mod about;
mod invite;
mod record;
mod transfer;

pub(super) use about::About;

use super::{deliver::tell, leases::Leases, reach::unavailable, ring::online, running::Order};
use crate::{hub::Hub, until::until};
use bus::Link;
use common::{
    error::Fault,
    id::{ConnectionId, NodeId, RoomId, UserId},
    protocol::{
        Failure,
        call::{Answered, Ended, Moved, TransferFailed},
    },
    subject::hub::{CallAction, CallRequest, CallState, DeviceNews, ResumeRequest},
};
use record::Records;
use signalling_core::call::{Call, CallError, Effect};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
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
    /// Whom it rings, as the instance's devices that connect find it.
    rung: BTreeSet<UserId>,
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
        let records = Records::new(hub, (about.account, about.caller), tenure);
        let rung = BTreeSet::new();
        let mut running = Self { hub: hub.clone(), about, core, nodes, leases: Some(leases), rung, records };
        running.note_rung();
        running
    }

    /// Carries out `effects` and runs the call to its end, or until the hub drains or another instance runs it.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>, effects: Vec<Effect>) {
        if let Err(Fenced) = self.serve(&mut orders, effects).await {
            info!(call.id = %self.about.call, "Call {} is run by another instance", self.about.call);
        }
        // What waits is told that there is nobody, and finds the one who is.
        drop(orders);
        for user in std::mem::take(&mut self.rung) {
            self.hub.0.calls.ring_no_more(self.about.call, (self.about.account, user));
        }
        self.hub.0.calls.forget(self.about.call);
    }

    /// Devices that connect are rung for those whom the call rings, and for nobody else.
    fn note_rung(&mut self) {
        let (call, account) = (self.about.call, self.about.account);
        let rung: BTreeSet<UserId> = self.core.rung().collect();
        for &user in self.rung.difference(&rung) {
            self.hub.0.calls.ring_no_more(call, (account, user));
        }
        for &user in rung.difference(&self.rung) {
            self.hub.0.calls.ring(call, (account, user));
        }
        self.rung = rung;
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
            if self.core.is_over() {
                self.leases = None;
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
                let outcome = match request.action {
                    CallAction::Invite(user) => self.invite(request.device, user, false, effects).await,
                    CallAction::Transfer(user) => self.invite(request.device, user, true, effects).await,
                    CallAction::TransferToRoom(room) => self.transfer(&request, room, effects).await,
                    CallAction::Accept
                    | CallAction::Reject
                    | CallAction::Cancel
                    | CallAction::Withdraw(_)
                    | CallAction::HangUp
                    | CallAction::AnswerTransfer { .. }
                    | CallAction::Gone
                    | CallAction::Connect
                    | CallAction::Attend => self.act(&request, effects).map_err(refused),
                };
                self.carry_out(effects).await?;
                // The device may have gone while it waited.
                let _nobody_waits = reply.send(outcome);
            }
            Order::Resume { request, reply } => {
                let outcome = self.resume(&request, effects);
                self.carry_out(effects).await?;
                let state = outcome.map(|()| self.state(request.user));
                let _nobody_waits = reply.send(state.map_err(refused));
            }
        }
        Ok(())
    }

    fn act(&mut self, request: &CallRequest, effects: &mut Vec<Effect>) -> Result<RoomId, CallError> {
        let (&CallRequest { device, node, action, attends, user, with, heard, .. }, now) =
            (request, self.hub.clock().now());
        let user = user.or_else(|| self.owner(device)).ok_or(CallError::NotInvited)?;
        self.core.invitation(user).ok_or(CallError::NotInvited)?;
        if action != CallAction::Gone {
            self.nodes.insert(device, node);
        }
        if attends && action != CallAction::Gone {
            self.core.handle_heard(device, now);
        }
        match action {
            CallAction::Accept => self.core.handle_accept(user, device, now, effects),
            CallAction::Reject => self.core.handle_reject(user, now, effects),
            CallAction::Cancel => self.core.handle_cancel(device, now, effects),
            CallAction::Withdraw(user) => self.core.handle_withdraw(device, user, now, effects),
            CallAction::HangUp => self.core.handle_hang_up(device, now, effects),
            CallAction::AnswerTransfer { room, is_there } => {
                self.core.handle_transfer_answered(device, (room, is_there), now, effects)
            }
            CallAction::Connect => self.core.handle_connected(user, device, now, effects),
            CallAction::Gone => {
                self.core.handle_gone(device, now);
                Ok(())
            }
            CallAction::Attend => {
                let outcome = self.core.handle_attend(user, device, with, now, effects);
                self.core.handle_heard_parties(device, heard, effects);
                outcome
            }
            // Handled where the bus and the store are asked.
            CallAction::Invite(_) | CallAction::Transfer(_) | CallAction::TransferToRoom(_) => Ok(()),
        }?;
        Ok(self.about.room)
    }

    fn resume(&mut self, request: &ResumeRequest, effects: &mut Vec<Effect>) -> Result<(), CallError> {
        let &ResumeRequest { account, user, from, device, node, .. } = request;
        // Of anybody else's calls there are none.
        if account != self.about.account {
            return Err(CallError::Over);
        }
        self.core.invitation(user).ok_or(CallError::Over)?;
        self.nodes.insert(device, node);
        self.core.handle_resume(user, from, device, self.hub.clock().now(), effects)
    }

    /// Whose device it is, of which an instance of an earlier version does not say so.
    fn owner(&self, device: ConnectionId) -> Option<UserId> {
        let mut people = self.core.parties().1.into_iter();
        let (caller, callee) = (people.next()?, people.next()?);
        Some(if self.core.caller() == Some(device) { caller.user } else { callee.user })
    }

    fn state(&self, user: UserId) -> CallState {
        let rings_for = self.core.rings_for(user, self.hub.clock().now());
        self.about.state(&self.core, user, rings_for, self.records.tenure().epoch)
    }

    /// Takes the leases over, by which those are found who are called; until then, devices that connect are looked
    /// for here.
    async fn settle(&mut self, effects: &mut Vec<Effect>) -> Result<(), Fenced> {
        if let Some(leases) = &mut self.leases {
            leases.complete(&self.hub).await;
        }
        let rung: BTreeSet<UserId> = self.core.rung().collect();
        if !rung.is_empty()
            && let Ok(online) = online(&self.hub, self.about.account).await
        {
            for (id, device) in online {
                let user = device.user.user_id;
                if rung.contains(&user) {
                    self.nodes.insert(id, device.node);
                    // Those that ring already are not rung again.
                    let now = self.hub.clock().now();
                    let _over_meanwhile = self.core.handle_connected(user, id, now, effects);
                }
            }
        }
        self.carry_out(effects).await
    }

    async fn carry_out(&mut self, effects: &mut Vec<Effect>) -> Result<(), Fenced> {
        self.note_rung();
        if let Some(leases) = &mut self.leases {
            leases.keep(&self.core.people().collect());
        }
        for effect in std::mem::take(effects) {
            if matches!(effect, Effect::RecordAnswer { .. }) {
                self.about.answered_at.get_or_insert(self.hub.clock().utc());
            }
            match self.news(&effect) {
                Some((to, news)) => {
                    if let Some(&node) = self.nodes.get(&to) {
                        tell(&self.hub, node, to, news).await;
                    }
                }
                None => self.records.write(effect).await?,
            }
        }
        Ok(())
    }

    /// What a device is told by this; `None` if it is to be written down.
    fn news(&self, effect: &Effect) -> Option<(ConnectionId, DeviceNews)> {
        let (call_id, runner) = (self.about.call, self.hub.bus().node());
        let epoch = self.records.tenure().epoch;
        Some(match *effect {
            Effect::RecordInvited { .. }
            | Effect::RecordAnswer { .. }
            | Effect::RecordDevice { .. }
            | Effect::RecordOut { .. }
            | Effect::RecordTransfer(_)
            | Effect::RecordEnd(_) => return None,
            Effect::TellIncoming { to, rings_for } => {
                let user = self.core.rung_on(to);
                let from = user.and_then(|user| self.core.invitation(user));
                let incoming = self.about.incoming(from.map_or(self.about.caller, |from| from.by), rings_for);
                (to, DeviceNews::Incoming { runner, epoch, incoming })
            }
            Effect::TellAnswered { to, by } => (to, DeviceNews::Answered(Answered { call_id, by })),
            Effect::TellResumed { to, from, by } => {
                let moved = Moved { call_id, connection_id: by, previous_connection_id: from };
                (to, DeviceNews::Resumed(moved))
            }
            Effect::TellChanged { to } => (to, DeviceNews::Changed(self.about.changed(&self.core))),
            Effect::TellRunner { to } => (to, DeviceNews::Runner { call: call_id, runner, epoch }),
            Effect::TellTransferring { to, destination, time } => {
                (to, DeviceNews::Transferring(self.about.transferring(destination, time)))
            }
            Effect::TellTransferFailed { to, room, user } => {
                (to, DeviceNews::TransferFailed(TransferFailed { call_id, room_id: room, user_id: user }))
            }
            Effect::TellEnded { to, reason } => (to, DeviceNews::Ended(Ended { call_id, reason })),
        })
    }
}

fn refused(error: CallError) -> Failure {
    Failure::of(error.code(), Fault::Caller, error.to_string())
}
