//! The way of the media plane's events to those who listen: never waited for, never lost.

use super::command::{Listener, Notice};
use common::id::ConnectionId;
use sfu_core::MediaEvent;
use std::{collections::BTreeMap, mem::discriminant};
use tokio::sync::mpsc::error::TrySendError;

/// The listeners, and events that they had no room for.
///
/// A later event about a participant replaces an earlier one about the same that still waits, for only the newest offer
/// counts; but after a loss, which is told once, nothing counts any more. So at most one event about each thing waits for
/// each participant.
#[derive(Debug, Default)]
pub(super) struct Notices {
    listeners: BTreeMap<ConnectionId, Listener>,
    waiting: BTreeMap<ConnectionId, Vec<Notice>>,
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
        let waiting = self.waiting.entry(participant).or_default();
        let is_lost = |waiting: &Notice| matches!(waiting.event, MediaEvent::Lost { .. });
        if waiting.iter().any(is_lost) {
            return;
        }
        let becomes_lost = is_lost(&notice);
        waiting.retain(|earlier| !becomes_lost && !is_about_the_same(&earlier.event, &notice.event));
        // What waits stays in front.
        let notice =
            if waiting.is_empty() { refused(listener.notices.try_send(notice)) } else { Some(notice) };
        waiting.extend(notice);
        if waiting.is_empty() {
            self.waiting.remove(&participant);
        }
    }

    /// Whether events wait, so that [`retry`](Self::retry) is to be called soon.
    pub(super) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn retry(&mut self) {
        for (participant, notices) in std::mem::take(&mut self.waiting) {
            let Some(listener) = self.listeners.get(&participant) else { continue };
            let still: Vec<Notice> =
                notices.into_iter().filter_map(|notice| refused(listener.notices.try_send(notice))).collect();
            if !still.is_empty() {
                self.waiting.insert(participant, still);
            }
        }
    }
}

/// Whether one of two events says what the other one said before.
fn is_about_the_same(one: &MediaEvent, other: &MediaEvent) -> bool {
    match (one, other) {
        (MediaEvent::Layers { track: one, .. }, MediaEvent::Layers { track: other, .. }) => one == other,
        _ => discriminant(one) == discriminant(other),
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
    use common::{clock::ManualClock, id::TrackId};
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
        let speaking = |is_speaking| MediaEvent::Speaking { participant, is_speaking };
        let events = [offer(participant, 1), speaking(true), offer(participant, 2), offer(participant, 3)];
        for event in events {
            notices.tell(event);
        }
        for expected in [offer(participant, 1), speaking(true), offer(participant, 3)] {
            assert_eq!(told.try_recv().unwrap().event, expected);
            notices.retry();
        }
        assert!(!notices.are_waiting());
        for event in [offer(participant, 4), offer(participant, 5), lost.clone(), offer(participant, 6)] {
            notices.tell(event);
        }
        assert_eq!(told.try_recv().unwrap().event, offer(participant, 4));
        notices.retry();
        assert_eq!(told.try_recv().unwrap().event, lost);
        assert!(!notices.are_waiting());
    }

    #[test]
    fn what_is_wanted_of_one_track_does_not_replace_what_is_wanted_of_another() {
        let clock = ManualClock::default();
        let participant = ConnectionId::generate(&clock);
        let tracks = [TrackId::generate(&clock), TrackId::generate(&clock)];
        let (sender, mut told) = mpsc::channel(3);
        let mut notices = Notices::default();
        notices.listen(participant, Listener { stay: 1, notices: sender });
        let layers = |track| MediaEvent::Layers { participant, track, encodings: Vec::new() };
        let events = [offer(participant, 1), offer(participant, 2), offer(participant, 3)];
        let waiting = [layers(tracks[0]), layers(tracks[1]), layers(tracks[0])];
        for event in events.iter().chain(&waiting).cloned() {
            notices.tell(event);
        }
        for event in events {
            assert_eq!(told.try_recv().unwrap().event, event);
        }
        notices.retry();
        for event in [layers(tracks[1]), layers(tracks[0])] {
            assert_eq!(told.try_recv().unwrap().event, event);
        }
        assert!(told.try_recv().is_err() && !notices.are_waiting());
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
