//! The calls that this instance runs, and how their devices reach them.

use common::{
    id::{AccountId, CallId, RoomId, UserId},
    protocol::Failure,
    subject::hub::{CallRequest, CallState, ResumeRequest},
};
use dashmap::DashMap;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};
use tokio::sync::{mpsc, oneshot};

/// Orders that may wait for one call. A handful of devices cannot fill it.
pub(super) const ORDER_QUEUE: usize = 64;

/// What a device wants of a call and where the answer goes.
pub(crate) enum Order {
    /// One that takes part does something.
    Act { request: CallRequest, reply: oneshot::Sender<Result<RoomId, Failure>> },
    /// A person goes on by another connection.
    Resume { request: ResumeRequest, reply: oneshot::Sender<Result<CallState, Failure>> },
}

/// The user who is called, in their account.
pub(super) type Callee = (AccountId, UserId);

/// Each with the queue to its task, and whom it rings.
#[derive(Default)]
pub(crate) struct Calls {
    queues: DashMap<CallId, mpsc::Sender<Order>>,
    callees: DashMap<Callee, CallId>,
    missing: Mutex<BTreeSet<CallId>>,
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

    /// Notes which calls the store says are run here and are not; which these were before.
    pub(super) fn note_missing(&self, missing: BTreeSet<CallId>) -> BTreeSet<CallId> {
        std::mem::replace(&mut *self.missing.lock().unwrap_or_else(PoisonError::into_inner), missing)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Its task has ended, and takes nothing more from its queue. One that has taken its place stays.
    pub(super) fn forget(&self, id: CallId) {
        self.queues.remove_if(&id, |_, orders| orders.is_closed());
    }
}
