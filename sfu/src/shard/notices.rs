//! The way of the media plane's events to those who listen: never waited for, never lost.

use super::command::{Listener, Notice};
use common::id::ConnectionId;
use sfu_core::MediaEvent;
use std::collections::BTreeMap;
use tokio::sync::mpsc::error::TrySendError;

/// The listeners, and events that they had no room for.
///
/// A later event about a participant replaces an earlier one that still waits:
/// only the newest offer counts, and nothing follows a loss. So at most one
/// event per participant waits.
#[derive(Debug, Default)]
pub(super) struct Notices {
    listeners: BTreeMap<ConnectionId, Listener>,
    waiting: BTreeMap<ConnectionId, Notice>,
}

impl Notices {
    pub(super) fn listen(&mut self, participant: ConnectionId, listener: Listener) {
        self.listeners.insert(participant, listener);
    }

    pub(super) fn forget(&mut self, participant: ConnectionId) {
        self.listeners.remove(&participant);
        self.waiting.remove(&participant);
    }

    pub(super) fn tell(&mut self, event: MediaEvent) {
        let participant = event.participant();
        let Some(listener) = self.listeners.get(&participant) else { return };
        let notice = Notice { stay: listener.stay, event };
        let notice = if self.waiting.contains_key(&participant) {
            Some(notice)
        } else {
            refused(listener.notices.try_send(notice))
        };
        if let Some(notice) = notice {
            self.waiting.insert(participant, notice);
        }
    }

    /// Whether events wait, so that [`retry`](Self::retry) is to be called soon.
    pub(super) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn retry(&mut self) {
        for (participant, notice) in std::mem::take(&mut self.waiting) {
            if let Some(listener) = self.listeners.get(&participant)
                && let Some(notice) = refused(listener.notices.try_send(notice))
            {
                self.waiting.insert(participant, notice);
            }
        }
    }
}

/// What has to wait; nothing waits for a listener that is gone.
fn refused(result: Result<(), TrySendError<Notice>>) -> Option<Notice> {
    match result {
        Err(TrySendError::Full(notice)) => Some(notice),
        Ok(()) | Err(TrySendError::Closed(_)) => None,
    }
}
