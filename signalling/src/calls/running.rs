//! The calls that this instance runs, and how their devices reach them.

use common::{
    id::{AccountId, CallId, RoomId, UserId},
    protocol::Failure,
    subject::hub::CallRequest,
};
use dashmap::DashMap;
use tokio::sync::{mpsc, oneshot};

/// Orders that may wait for one call. A handful of devices cannot fill it.
pub(super) const ORDER_QUEUE: usize = 64;

/// A device's request and where the answer goes.
pub(crate) struct Order {
    pub(crate) request: CallRequest,
    pub(crate) reply: oneshot::Sender<Result<RoomId, Failure>>,
}

/// The user who is called, in their account.
pub(super) type Callee = (AccountId, UserId);

/// Each with the queue to its task, and whom it rings.
#[derive(Default)]
pub(crate) struct Calls {
    queues: DashMap<CallId, mpsc::Sender<Order>>,
    callees: DashMap<Callee, CallId>,
}

impl Calls {
    pub(super) fn insert(&self, id: CallId, callee: Callee, orders: mpsc::Sender<Order>) {
        self.queues.insert(id, orders);
        self.callees.insert(callee, id);
    }

    pub(super) fn get(&self, id: CallId) -> Option<mpsc::Sender<Order>> {
        self.queues.get(&id).map(|orders| orders.clone())
    }

    /// The call of which this user is the callee.
    pub(super) fn of_callee(&self, callee: Callee) -> Option<CallId> {
        self.callees.get(&callee).map(|id| *id)
    }

    /// It rings nobody any more.
    pub(super) fn end(&self, id: CallId, callee: Callee) {
        self.callees.remove_if(&callee, |_, of| *of == id);
    }

    pub(super) fn forget(&self, id: CallId) {
        self.queues.remove(&id);
    }
}
