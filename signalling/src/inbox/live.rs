//! The inboxes that somebody on this instance follows.

use crate::{
    client::Client,
    frame::Frame,
    live::{Followed, Live},
};
use common::{
    id::AccountId,
    protocol::{Event, inbox::Sequenced},
};
use signalling_core::sequence::{Arrival, Sequence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All of them.
pub(crate) type Inboxes = Live<AccountId, LiveInbox>;

/// The store has events of an account up to number `seq`: what this instance has not heard of is read there.
pub(crate) fn lag(inboxes: &Inboxes, account: AccountId, seq: u64) {
    if let Some(inbox) = inboxes.get(account)
        && inbox.state().sequence.lags(seq)
    {
        inbox.gap.notify_one();
    }
}

pub(crate) struct LiveInbox {
    pub(super) account: AccountId,
    state: Mutex<State>,
    /// Events are missing: read the store.
    pub(super) gap: Notify,
    /// Cancelled when the last one has gone.
    pub(super) over: CancellationToken,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) sequence: Sequence<Arc<Client>>,
    pub(super) is_closed: bool,
}

impl LiveInbox {
    pub(super) fn new(account: AccountId) -> Self {
        Self { account, state: Mutex::default(), gap: Notify::new(), over: CancellationToken::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn arrive(&self, event: &Sequenced) {
        let mut state = self.state();
        match state.sequence.arrive(event.seq) {
            Arrival::Next => {
                let frame = Frame::event(&Event::InboxEvent(Box::new(event.clone().bounded())));
                Client::push_to_all(state.sequence.readers_of(event.seq), &frame);
            }
            Arrival::Duplicate | Arrival::Early => {}
            Arrival::Gap => self.gap.notify_one(),
        }
    }
}

impl Followed for LiveInbox {
    fn close_if_empty(&self) -> bool {
        let mut state = self.state();
        if state.sequence.is_empty() {
            state.is_closed = true;
            self.over.cancel();
        }
        state.is_closed
    }
}
