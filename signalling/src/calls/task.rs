//! One running call: its core, its clock, and what its effects do.

use super::{running::Order, tell};
use crate::{hub::Hub, until::until};
use bus::{LeaseGuard, Link};
use common::{
    error::{Chain, Fault},
    id::{AccountId, ConnectionId, NodeId, UserId},
    protocol::{
        Failure,
        call::{Answered, Ended, Incoming},
    },
    subject::hub::{CallAction, CallRequest, DeviceNews},
};
use signalling_core::call::{Call, CallError, Effect};
use std::{collections::BTreeMap, time::Duration};
use store::{StoreError, calls};
use tokio::{sync::mpsc, time::sleep};
use tracing::warn;

/// How often an outcome that could not be stored is tried again.
const RECORD_RETRY: Duration = Duration::from_millis(500);

/// How often at most: then the people matter more than the record.
const RECORD_ATTEMPTS: u32 = 10;

pub(crate) struct Running {
    hub: Hub,
    account: AccountId,
    callee: UserId,
    /// What a device is told that rings.
    incoming: Incoming,
    core: Call,
    nodes: BTreeMap<ConnectionId, NodeId>,
    /// Both are busy, and do not call each other, for as long as this is there.
    leases: Option<Leases>,
}

/// A call's leases: of both people, and of the two together.
pub(super) type Leases = [LeaseGuard; 3];

impl Running {
    pub(crate) fn new(
        hub: &Hub,
        account: AccountId,
        callee: UserId,
        incoming: Incoming,
        core: Call,
        nodes: BTreeMap<ConnectionId, NodeId>,
        leases: Leases,
    ) -> Self {
        Self { hub: hub.clone(), account, callee, incoming, core, nodes, leases: Some(leases) }
    }

    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut effects = Vec::new();
        let mut link = self.hub.bus().link();
        link.mark_changed();
        while !self.core.is_forgotten() {
            if self.core.is_over() && self.leases.take().is_some() {
                self.hub.0.calls.end(self.incoming.call_id, (self.account, self.callee));
            }
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.handle(order, &mut effects).await,
                    None => break,
                },
                Ok(()) = link.changed() => {
                    let is_linked = matches!(*link.borrow_and_update(), Link::Up { .. });
                    self.core.set_linked(is_linked, self.hub.clock().now());
                }
                () = until(self.core.next_deadline(), self.hub.clock()) => {
                    self.core.handle_deadline(self.hub.clock().now(), &mut effects);
                    self.carry_out(&mut effects).await;
                }
            }
        }
        self.hub.0.calls.forget(self.incoming.call_id);
    }

    async fn handle(&mut self, order: Order, effects: &mut Vec<Effect>) {
        let (CallRequest { device, node, action, attends, .. }, now) =
            (order.request, self.hub.clock().now());
        if attends {
            self.core.handle_heard(device, now);
        }
        let outcome = match action {
            CallAction::Accept => self.core.handle_accept(device, effects),
            CallAction::Reject => self.core.handle_reject(device, now, effects),
            CallAction::Cancel => self.core.handle_cancel(device, now, effects),
            CallAction::HangUp => self.core.handle_hang_up(device, now, effects),
            CallAction::Connect => {
                let rings = self.core.handle_connected(device, now, effects);
                if rings.is_ok() {
                    self.nodes.insert(device, node);
                }
                rings
            }
            CallAction::Gone => {
                self.core.handle_gone(device, now, effects);
                Ok(())
            }
            CallAction::Attend => {
                self.nodes.insert(device, node);
                self.core.handle_attend(device, now, effects)
            }
        };
        self.carry_out(effects).await;
        let refused = |error: CallError| Failure::of(error.code(), Fault::Caller, error.to_string());
        // The device may have gone while it waited.
        let _nobody_waits = order.reply.send(outcome.map(|()| self.incoming.room_id).map_err(refused));
    }

    async fn carry_out(&self, effects: &mut Vec<Effect>) {
        for effect in effects.drain(..) {
            match effect {
                Effect::RecordAnswer | Effect::RecordEnd(_) => self.record(&effect).await,
                Effect::TellIncoming { to, rings_for } => {
                    let ring_time_ms = u64::try_from(rings_for.as_millis()).unwrap_or(u64::MAX);
                    let incoming = Incoming { ring_time_ms, ..self.incoming.clone() };
                    let runner = self.hub.bus().node();
                    self.tell(to, DeviceNews::Incoming { runner, incoming }).await;
                }
                Effect::TellAnswered { to, by } => {
                    self.tell(to, DeviceNews::Answered(Answered { call_id: self.incoming.call_id, by }))
                        .await;
                }
                Effect::TellEnded { to, reason } => {
                    self.tell(to, DeviceNews::Ended(Ended { call_id: self.incoming.call_id, reason })).await;
                }
            }
        }
    }

    async fn tell(&self, device: ConnectionId, news: DeviceNews) {
        if let Some(&node) = self.nodes.get(&device) {
            tell(&self.hub, node, device, news).await;
        }
    }

    async fn record(&self, effect: &Effect) {
        for _ in 0..RECORD_ATTEMPTS {
            match self.try_record(effect).await {
                Ok(()) => return,
                Err(error) => {
                    warn!(call.id = %self.incoming.call_id, error = %Chain(&error), "Call {} cannot be recorded yet; will retry", self.incoming.call_id);
                    sleep(RECORD_RETRY).await;
                }
            }
        }
    }

    async fn try_record(&self, effect: &Effect) -> Result<(), StoreError> {
        let mut tx = self.hub.store().tenant(self.account).await?;
        match effect {
            Effect::RecordAnswer => calls::answer(&mut tx, self.incoming.call_id, self.hub.clock()).await?,
            Effect::RecordEnd(reason) => {
                calls::end(&mut tx, self.incoming.call_id, *reason, self.hub.clock()).await?
            }
            Effect::TellIncoming { .. } | Effect::TellAnswered { .. } | Effect::TellEnded { .. } => {}
        }
        tx.commit().await
    }
}
