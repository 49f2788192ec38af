//! The way of the media plane's events to those who listen: never waited for, never lost.

use super::command::{Listener, Notice};
use common::id::ConnectionId;
use sfu_core::MediaEvent;
use std::collections::BTreeMap;
use tokio::sync::mpsc::error::TrySendError;

/// The listeners, and events that they had no room for.
///
/// A later event about a participant replaces an earlier one that still waits,
/// for only the newest offer counts; but a loss, which is told once, is replaced
/// by nothing. So at most one event per participant waits.
#[derive(Debug, Default)]
pub(super) struct Notices {
    listeners: BTreeMap<ConnectionId, Listener>,
    waiting: BTreeMap<ConnectionId, Notice>,
}

impl Notices {
    /// Whether another stay of the participant is over with this one.
    pub(super) fn listen(&mut self, participant: ConnectionId, listener: Listener) -> bool {
        let stay = listener.stay;
        let before = self.listeners.insert(participant, listener);
        let is_over = before.is_some_and(|before| before.stay != stay);
        if is_over {
            self.waiting.remove(&participant);
        }
        is_over
    }

    /// Whether this was the participant's stay, which is over now.
    pub(super) fn forget(&mut self, participant: ConnectionId, stay: u64) -> bool {
        let is_over = self.listeners.get(&participant).is_some_and(|listener| listener.stay == stay);
        if is_over {
            self.listeners.remove(&participant);
            self.waiting.remove(&participant);
        }
        is_over
    }

    pub(super) fn tell(&mut self, event: MediaEvent) {
        let participant = event.participant();
        let Some(listener) = self.listeners.get(&participant) else { return };
        let notice = Notice { stay: listener.stay, event };
        let notice = match self.waiting.get(&participant).map(|waiting| &waiting.event) {
            Some(MediaEvent::Lost { .. }) => return,
            Some(MediaEvent::Offer { .. }) => Some(notice),
            None => refused(listener.notices.try_send(notice)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;
    use sfu_core::{LossReason, Offer};
    use tokio::sync::mpsc;

    fn offer(participant: ConnectionId, revision: u64) -> MediaEvent {
        MediaEvent::Offer { participant, offer: Offer { revision, sdp: String::new(), tracks: Vec::new() } }
    }

    #[test]
    fn the_newest_offer_waits_and_a_loss_is_replaced_by_nothing() {
        let participant = ConnectionId::generate(&ManualClock::default());
        let (sender, mut told) = mpsc::channel(1);
        let mut notices = Notices::default();
        assert!(!notices.listen(participant, Listener { stay: 1, notices: sender }));
        let lost = MediaEvent::Lost { participant, reason: LossReason::Silent };
        let events = [offer(participant, 1), offer(participant, 2), offer(participant, 3)];
        for event in events.into_iter().chain([lost.clone(), offer(participant, 4)]) {
            notices.tell(event);
        }
        assert_eq!(told.try_recv().unwrap().event, offer(participant, 1));
        notices.retry();
        assert_eq!(told.try_recv().unwrap().event, lost);
        assert!(!notices.are_waiting());
    }

    #[test]
    fn what_waits_of_an_earlier_stay_goes_with_it() {
        let participant = ConnectionId::generate(&ManualClock::default());
        let (sender, mut told) = mpsc::channel(1);
        let listener = |stay| Listener { stay, notices: sender.clone() };
        let mut notices = Notices::default();
        notices.listen(participant, listener(1));
        notices.tell(offer(participant, 1));
        notices.tell(MediaEvent::Lost { participant, reason: LossReason::Closed });
        assert!(notices.listen(participant, listener(2)));
        assert_eq!(told.try_recv().unwrap().stay, 1);
        notices.retry();
        assert!(told.try_recv().is_err(), "the earlier stay's loss");
        assert!(!notices.forget(participant, 1), "it is over already");
        notices.tell(offer(participant, 2));
        assert_eq!(told.try_recv().unwrap().stay, 2);
        assert!(notices.forget(participant, 2));
    }
}
