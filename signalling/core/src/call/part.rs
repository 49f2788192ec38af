//! A device's part in a call, as its own instance knows it.
//!
//! The call runs on another instance perhaps, which may die, or not be heard when it says that the call is over. So
//! the part asks how it stands, and nobody goes on ringing or talking whose call there is no more.

use super::GRACE_TIME;
use common::{id::NodeId, protocol::call::EndReason};
use std::time::{Duration, Instant};

/// How often it is asked how the call stands.
///
/// Longer asks less of the bus, where each device in a call costs one request in this time; shorter notices sooner
/// what was not heard.
pub const ATTEND_EVERY: Duration = Duration::from_secs(5);

/// How long the instance that runs the call may not be there at all before nobody waits any more for it to ring on:
/// longer than it takes to find back to the bus. A call that was answered has [`GRACE_TIME`].
pub const GONE_TIME: Duration = Duration::from_secs(10);

/// How much longer than it was to ring a device rings until its instance ends that, where the one that runs the
/// call cannot be heard.
pub const RING_SLACK: Duration = Duration::from_secs(10);

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attended {
    /// It goes on for this device, or its end is told beside this.
    Known,
    /// The instance knows no such call, or none any more.
    Unknown,
    /// There is certainly no such instance now.
    NobodyThere,
    /// It cannot be told.
    Unclear,
}

/// What a part asks its shell to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Ask the runner how the call stands, and [hand over](Part::handle_attended) what comes of it.
    Attend,
    /// The call is over for this device, and its runner will not say so: tell the device, and forget the part.
    End(EndReason),
}

/// One device's part in one call. Reads no clock.
#[derive(Debug, Clone)]
pub struct Part {
    runner: NodeId,
    state: State,
    /// When it is asked; never for who is connected to the runner itself as the caller is.
    attends_at: Option<Instant>,
    /// Since when there has been no runner.
    deserted_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Ringing {
        until: Instant,
    },
    /// It made the call, or took it.
    Talking,
}

impl Part {
    /// Of the device that calls: its instance runs the call.
    pub const fn of_caller(runner: NodeId) -> Self {
        Self { runner, state: State::Talking, attends_at: None, deserted_at: None }
    }

    /// Of a device that rings. It says so at once.
    pub fn ringing(runner: NodeId, rings_for: Duration, now: Instant) -> Self {
        let state = State::Ringing { until: now + rings_for };
        Self { runner, state, attends_at: Some(now), deserted_at: None }
    }

    /// The instance that runs the call.
    pub const fn runner(&self) -> NodeId {
        self.runner
    }

    /// The device has taken the call.
    pub const fn handle_accepted(&mut self) {
        self.state = State::Talking;
    }

    /// What came of [`Effect::Attend`].
    pub fn handle_attended(&mut self, attended: Attended, now: Instant) -> Option<Effect> {
        match attended {
            Attended::Known | Attended::Unclear => self.deserted_at = None,
            Attended::Unknown => return Some(self.end()),
            Attended::NobodyThere => {
                self.deserted_at.get_or_insert(now);
                return self.given_up_at().is_some_and(|at| at <= now).then(|| self.end());
            }
        }
        None
    }

    /// When the part next needs attention though nothing happens to it.
    pub fn next_deadline(&self) -> Option<Instant> {
        let rung_out = match self.state {
            State::Ringing { until } => Some(until + RING_SLACK),
            State::Talking => None,
        };
        [self.attends_at, self.given_up_at(), rung_out].into_iter().flatten().min()
    }

    /// When a runner that is not there has not been there for too long.
    fn given_up_at(&self) -> Option<Instant> {
        let patience = match self.state {
            State::Ringing { .. } => GONE_TIME,
            State::Talking => GRACE_TIME,
        };
        self.deserted_at.map(|since| since + patience)
    }

    /// Acts on a deadline that has passed. Early calls do nothing.
    pub fn handle_deadline(&mut self, now: Instant) -> Option<Effect> {
        if matches!(self.state, State::Ringing { until } if until + RING_SLACK <= now) {
            return Some(self.end());
        }
        // Asked once more before it is given up, however lately that was done.
        if [self.attends_at, self.given_up_at()].into_iter().flatten().any(|at| at <= now) {
            self.attends_at = Some(now + ATTEND_EVERY);
            return Some(Effect::Attend);
        }
        None
    }

    const fn end(&self) -> Effect {
        Effect::End(match self.state {
            State::Ringing { .. } => EndReason::Missed,
            State::Talking => EndReason::Lost,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};
    use uuid::Uuid;

    const RINGS_FOR: Duration = Duration::from_secs(45);

    fn ringing(clock: &ManualClock) -> Part {
        let mut part = Part::ringing(NodeId::from_uuid(Uuid::nil()), RINGS_FOR, clock.now());
        assert_eq!(part.handle_deadline(clock.now()), Some(Effect::Attend), "it says at once that it rings");
        part
    }

    #[test]
    fn it_asks_for_as_long_as_it_is_known() {
        let clock = ManualClock::default();
        let mut part = ringing(&clock);
        part.handle_accepted();
        for _ in 0..100 {
            assert_eq!(part.handle_attended(Attended::Known, clock.now()), None);
            assert_eq!(part.handle_deadline(clock.now()), None);
            clock.advance(ATTEND_EVERY);
            assert_eq!(part.handle_deadline(clock.now()), Some(Effect::Attend));
        }
    }

    #[test]
    fn nobody_rings_much_longer_than_was_said_though_nothing_is_heard() {
        let clock = ManualClock::default();
        let mut part = ringing(&clock);
        clock.advance(RINGS_FOR);
        assert_eq!(part.handle_deadline(clock.now()), Some(Effect::Attend));
        clock.advance(RING_SLACK);
        assert_eq!(part.handle_deadline(clock.now()), Some(Effect::End(EndReason::Missed)));
    }

    #[test]
    fn what_nobody_knows_is_over_at_once() {
        let clock = ManualClock::default();
        let mut part = ringing(&clock);
        assert_eq!(
            part.handle_attended(Attended::Unknown, clock.now()),
            Some(Effect::End(EndReason::Missed))
        );
        part.handle_accepted();
        assert_eq!(part.handle_attended(Attended::Unknown, clock.now()), Some(Effect::End(EndReason::Lost)));
    }

    #[test]
    fn a_runner_that_is_not_there_is_waited_for_and_one_that_cannot_be_asked_is_not_given_up() {
        let clock = ManualClock::default();
        let mut part = ringing(&clock);
        part.handle_accepted();
        for attended in [Attended::NobodyThere, Attended::Unclear, Attended::NobodyThere, Attended::Known] {
            assert_eq!(part.handle_attended(attended, clock.now()), None);
            clock.advance(GRACE_TIME);
        }
        assert_eq!(part.handle_attended(Attended::NobodyThere, clock.now()), None);
        clock.advance(GRACE_TIME);
        let over = part.handle_attended(Attended::NobodyThere, clock.now());
        assert_eq!(over, Some(Effect::End(EndReason::Lost)));
    }

    #[test]
    fn a_runner_that_is_not_there_is_given_up_when_its_time_is_over_and_not_at_the_next_round() {
        let clock = ManualClock::default();
        let mut part = ringing(&clock);
        part.handle_accepted();
        clock.advance(Duration::from_millis(4));
        assert_eq!(part.handle_attended(Attended::NobodyThere, clock.now()), None);
        let given_up_at = clock.now() + GRACE_TIME;
        while let Some(due) = part.next_deadline() {
            clock.advance(due - clock.now());
            assert_eq!(part.handle_deadline(clock.now()), Some(Effect::Attend));
            if let Some(over) = part.handle_attended(Attended::NobodyThere, clock.now()) {
                assert_eq!((over, clock.now()), (Effect::End(EndReason::Lost), given_up_at));
                return;
            }
        }
    }

    #[test]
    fn the_callers_part_asks_nobody() {
        let part = Part::of_caller(NodeId::from_uuid(Uuid::nil()));
        assert_eq!(part.next_deadline(), None);
    }
}
