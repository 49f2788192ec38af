//! The calls that this instance runs, and how their devices reach them.

use common::{
    id::{CallId, RoomId},
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

/// Each with the queue to its task.
#[derive(Default)]
pub(crate) struct Calls(DashMap<CallId, mpsc::Sender<Order>>);

impl Calls {
    pub(super) fn insert(&self, id: CallId, orders: mpsc::Sender<Order>) {
        self.0.insert(id, orders);
    }

    pub(super) fn get(&self, id: CallId) -> Option<mpsc::Sender<Order>> {
        self.0.get(&id).map(|orders| orders.clone())
    }

    pub(super) fn remove(&self, id: CallId) {
        self.0.remove(&id);
    }
}
