//! Requests of this process that wait for an answer of another.

use crate::exchange::Refusal;
use bytes::Bytes;
use dashmap::{DashMap, Entry};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;

/// Numbers the requests of one process; unique as long as it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RequestId(pub(crate) u64);

/// What one who heard a request says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Answer(Bytes),
    Refused(Refusal),
}

struct Waiting {
    outcome: oneshot::Sender<Result<Bytes, Refusal>>,
    /// How many processes Redis gave the request to. Unknown until Redis has said so, which it does on
    /// another connection than the one on which they answer: they may be quicker.
    heard: Option<u64>,
    refused: u64,
    /// What the asker is told if nobody answers.
    refusal: Refusal,
}

impl Waiting {
    /// One refusal proves nothing: a process that has just ceased to serve may still hear what its
    /// successor answers. All of them do.
    fn is_refused_by_all(&self) -> bool {
        self.heard.is_some_and(|heard| self.refused >= heard)
    }
}

#[derive(Default)]
pub(crate) struct InFlight {
    waiting: DashMap<RequestId, Waiting>,
    last: AtomicU64,
}

/// A request in flight. It is forgotten when this is dropped, however the wait ended.
pub(crate) struct Ticket<'a> {
    all: &'a InFlight,
    pub(crate) id: RequestId,
    pub(crate) outcome: oneshot::Receiver<Result<Bytes, Refusal>>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.all.waiting.remove(&self.id);
    }
}

impl InFlight {
    pub(crate) fn open(&self) -> Ticket<'_> {
        let id = RequestId(self.last.fetch_add(1, Ordering::Relaxed));
        let (sender, outcome) = oneshot::channel();
        let waiting = Waiting { outcome: sender, heard: None, refused: 0, refusal: Refusal::Nobody };
        self.waiting.insert(id, waiting);
        Ticket { all: self, id, outcome }
    }

    /// Redis gave the request to so many processes.
    pub(crate) fn handle_heard(&self, id: RequestId, by: u64) {
        self.change(id, |waiting| waiting.heard = Some(by));
    }

    /// The first answer ends the wait; what comes for a request that nobody waits for is passed over.
    pub(crate) fn handle_verdict(&self, id: RequestId, verdict: Verdict) {
        match verdict {
            Verdict::Answer(answer) => {
                if let Some((_, waiting)) = self.waiting.remove(&id) {
                    let _gave_up = waiting.outcome.send(Ok(answer));
                }
            }
            Verdict::Refused(refusal) => self.change(id, |waiting| {
                waiting.refused += 1;
                // That it may have been carried out outweighs that somebody else did not.
                if refusal == Refusal::GivenUp {
                    waiting.refusal = refusal;
                }
            }),
        }
    }

    fn change(&self, id: RequestId, change: impl FnOnce(&mut Waiting)) {
        let Entry::Occupied(mut entry) = self.waiting.entry(id) else { return };
        change(entry.get_mut());
        if entry.get().is_refused_by_all() {
            let waiting = entry.remove();
            let _gave_up = waiting.outcome.send(Err(waiting.refusal));
        }
    }
}

#[cfg(test)]
mod tests;
