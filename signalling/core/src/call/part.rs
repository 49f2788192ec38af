//! A device's part in a call, as its own instance knows it.
//!
//! The call runs on another instance perhaps, which may die, or not be heard when it says that the call is over. So
//! the part asks how it stands; where nobody answers it looks in the store for who runs the call by now, and nobody
//! goes on ringing or talking whose call there is no more.

use super::GRACE_TIME;
use common::{
    id::{ConnectionId, NodeId},
    protocol::call::EndReason,
};
use std::time::{Duration, Instant};

/// How often it is asked how the call stands.
///
/// Longer asks less of the bus, where each device in a call costs one request in this time; shorter notices sooner
/// what was not heard.
pub const ATTEND_EVERY: Duration = Duration::from_secs(5);

/// How soon it is looked again who runs a call that nobody runs.
///
/// Longer asks less of the store; shorter finds the one sooner that has taken it over.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How much longer than it was to ring a device rings until its instance ends that, where the one that runs the
/// call cannot be heard.
pub const RING_SLACK: Duration = Duration::from_secs(10);

/// Which of the instances that have run a call one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runner {
    /// The instance.
    pub node: NodeId,
    /// Grows with each that takes the call over.
    pub epoch: u64,
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attended {
    /// It goes on for this device, or its end is told beside this.
    Known,
    /// The instance runs no such call, or there is certainly no such instance now.
    Nobody,
    /// The instance does not answer. It may stand still, and be taken for gone by others.
    Silent,
    /// Other instances cannot be asked.
    Unclear,
}

/// What the store says of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is open, and this is who runs it.
    Runs(Runner),
    /// It is over.
    Over(EndReason),
    /// It cannot be told.
    Unclear,
}

/// What a part asks its shell to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Ask the runner how the call stands, and [hand over](Part::handle_attended) what comes of it.
    Attend,
    /// Look in the store who runs the call, and [hand over](Part::handle_found) what is there.
    Look,
    /// The call is over for this device, and its runner will not say so: tell the device, and forget the part.
    End(EndReason),
}

/// One device's part in one call. Reads no clock.
#[derive(Debug, Clone)]
pub struct Part {
    runner: Runner,
    state: State,
    /// The device on the other side, if it is known.
    with: Option<ConnectionId>,
    attends_at: Instant,
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
    /// Of a device that calls, or talks with one on the other side. It says at once that it is there.
    pub const fn talking(runner: Runner, with: Option<ConnectionId>, now: Instant) -> Self {
        Self { runner, state: State::Talking, with, attends_at: now, deserted_at: None }
    }

    /// Of a device that rings. It says so at once.
    pub fn ringing(runner: Runner, rings_for: Duration, now: Instant) -> Self {
        let state = State::Ringing { until: now + rings_for };
        Self { runner, state, with: None, attends_at: now, deserted_at: None }
    }

    /// Who runs the call, as far as is known here.
    pub const fn runner(&self) -> Runner {
        self.runner
    }

    /// The device on the other side, if it is known.
    pub const fn with(&self) -> Option<ConnectionId> {
        self.with
    }

    /// The device is told who is on the other side. False if it knows that.
    pub fn handle_with(&mut self, with: ConnectionId) -> bool {
        self.with.replace(with) != Some(with)
    }

    /// Whether it made the call, or took it.
    pub const fn is_talking(&self) -> bool {
        matches!(self.state, State::Talking)
    }

    /// The device has taken the call.
    pub const fn handle_accepted(&mut self) {
        self.state = State::Talking;
    }

    /// Somebody says who runs the call. Whether that is another one than was known; it is to be asked at once.
    pub const fn handle_runner(&mut self, runner: Runner, now: Instant) -> bool {
        if runner.epoch <= self.runner.epoch {
            return false;
        }
        self.runner = runner;
        self.deserted_at = None;
        self.attends_at = now;
        true
    }

    /// What came of [`Effect::Attend`].
    pub fn handle_attended(&mut self, attended: Attended, now: Instant) -> Option<Effect> {
        match attended {
            Attended::Known => self.deserted_at = None,
            Attended::Unclear => {}
            Attended::Silent => return Some(Effect::Look),
            Attended::Nobody => {
                self.deserted_at.get_or_insert(now);
                return Some(Effect::Look);
            }
        }
        None
    }

    /// What came of [`Effect::Look`].
    pub fn handle_found(&mut self, found: Found, now: Instant) -> Option<Effect> {
        match found {
            Found::Over(reason) => return Some(Effect::End(reason)),
            Found::Runs(runner) if self.handle_runner(runner, now) => return None,
            Found::Runs(_) | Found::Unclear => {}
        }
        let since = self.deserted_at?;
        if since + GRACE_TIME <= now {
            return Some(self.end());
        }
        self.attends_at = self.attends_at.min(now + LOOK_AGAIN);
        None
    }

    /// When the part next needs attention though nothing happens to it.
    pub fn next_deadline(&self) -> Instant {
        let rung_out = match self.state {
            State::Ringing { until } => Some(until + RING_SLACK),
            State::Talking => None,
        };
        rung_out.map_or(self.attends_at, |at| at.min(self.attends_at))
    }

    /// Acts on a deadline that has passed. Early calls do nothing.
    pub fn handle_deadline(&mut self, now: Instant) -> Option<Effect> {
        if matches!(self.state, State::Ringing { until } if until + RING_SLACK <= now) {
            return Some(self.end());
        }
        if self.attends_at <= now {
            self.attends_at = now + ATTEND_EVERY;
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

    fn runner(epoch: u64) -> Runner {
        Runner { node: NodeId::from_uuid(Uuid::from_u128(u128::from(epoch))), epoch }
    }

    fn ringing(clock: &ManualClock) -> Part {
        let mut part = Part::ringing(runner(0), RINGS_FOR, clock.now());
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
    fn where_nobody_answers_the_store_says_how_it_ended() {
        let clock = ManualClock::default();
        let mut part = ringing(&clock);
        for attended in [Attended::Nobody, Attended::Silent] {
            assert_eq!(part.handle_attended(attended, clock.now()), Some(Effect::Look));
        }
        let over = part.handle_found(Found::Over(EndReason::Cancelled), clock.now());
        assert_eq!(over, Some(Effect::End(EndReason::Cancelled)));
    }

    #[test]
    fn whoever_has_taken_the_call_over_is_asked_at_once_and_who_ran_it_before_no_more() {
        let clock = ManualClock::default();
        let mut part = ringing(&clock);
        part.handle_attended(Attended::Nobody, clock.now());
        assert_eq!(part.handle_found(Found::Runs(runner(0)), clock.now()), None);
        assert!(part.next_deadline() <= clock.now() + LOOK_AGAIN, "it looks again soon");
        assert_eq!(part.handle_found(Found::Runs(runner(2)), clock.now()), None);
        assert_eq!(part.handle_deadline(clock.now()), Some(Effect::Attend));
        assert!(!part.handle_runner(runner(1), clock.now()), "late news");
        assert_eq!(part.runner(), runner(2));
    }

    #[test]
    fn a_call_that_nobody_runs_is_waited_for_as_long_as_for_a_device_and_one_that_may_run_for_ever() {
        let clock = ManualClock::default();
        let mut part = ringing(&clock);
        part.handle_accepted();
        for _ in 0..100 {
            assert_eq!(part.handle_attended(Attended::Unclear, clock.now()), None);
            assert_eq!(part.handle_attended(Attended::Silent, clock.now()), Some(Effect::Look));
            assert_eq!(part.handle_found(Found::Unclear, clock.now()), None);
            clock.advance(GRACE_TIME);
        }
        assert_eq!(part.handle_attended(Attended::Nobody, clock.now()), Some(Effect::Look));
        let given_up_at = clock.now() + GRACE_TIME;
        assert_eq!(part.handle_found(Found::Runs(runner(0)), clock.now()), None);
        loop {
            clock.advance(part.next_deadline() - clock.now());
            assert_eq!(part.handle_deadline(clock.now()), Some(Effect::Attend));
            part.handle_attended(Attended::Nobody, clock.now());
            if let Some(over) = part.handle_found(Found::Unclear, clock.now()) {
                assert_eq!(over, Effect::End(EndReason::Lost));
                assert_eq!(clock.now(), given_up_at);
                return;
            }
        }
    }

    #[test]
    fn a_runner_that_is_back_is_given_all_the_time_again() {
        let clock = ManualClock::default();
        let mut part = ringing(&clock);
        part.handle_accepted();
        for attended in [Attended::Nobody, Attended::Known, Attended::Nobody, Attended::Known] {
            part.handle_attended(attended, clock.now());
            clock.advance(GRACE_TIME);
        }
        part.handle_attended(Attended::Nobody, clock.now());
        assert_eq!(part.handle_found(Found::Unclear, clock.now()), None);
    }
}
