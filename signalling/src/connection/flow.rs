//! How fast one connection may send, and what happens when it is faster.
//!
//! Frames count, whatever they are, and bytes, whether they make a frame or not. Too many requests are refused
//! for a while; then, and for too many bytes at once, the socket is not read until they are paid for, so that
//! the sender has to wait. Who has to wait nearly all the time is taken for an attack.

use crate::{config::Rates, dues::Dues, slots::Meters};
use common::bucket::{Bucket, Rate};
use signalling_core::{ledger::with, limit::Meter};
use std::time::{Duration, Instant};

/// How often a connection hears that it is too fast before it is slowed down without a word.
///
/// An answer costs about what a request does: more tell a clumsy client longer what is wrong.
pub(crate) const REFUSALS_MAX: u32 = 20;

/// How long a connection may be made to wait, in milliseconds: on and on for half of the time, and so much
/// more. Who always has to wait is closed after twice this time.
pub(crate) const PATIENCE: Rate = Rate::per_second(15_000, 500);

/// What becomes of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// Say that it was too much, and when it will not be.
    Refuse(Duration),
    /// Read nothing for so long.
    Hold(Duration),
    /// It has gone on for too long.
    Abuse,
}

pub(super) struct Flow {
    own: Meter,
    shared: Meters,
    dues: Dues,
    refusals: u32,
    patience: Bucket,
}

impl Flow {
    pub(super) fn new(rates: Rates, shared: Meters, dues: Dues, now: Instant) -> Self {
        Self {
            own: Meter::new(rates.requests, rates.bytes, now),
            shared,
            dues,
            refusals: 0,
            patience: Bucket::new(PATIENCE, now),
        }
    }

    /// A frame has come; only what is a request is worth an answer.
    pub(super) fn take_frame(&mut self, is_request: bool, now: Instant) -> Verdict {
        if self.own.is_rested(now) {
            self.refusals = 0;
        }
        let own = self.own.wait_for_request(now);
        let Meters { user, account, network } = &self.shared;
        let [user_wait, account_wait, network_wait] =
            [user, account, network].map(|meter| with(meter, |meter| meter.wait_for_request(now)));
        let wait = own.max(user_wait).max(account_wait).max(network_wait);
        if wait.is_zero() {
            self.own.spend_request(now);
            for meter in [user, account, network] {
                self.dues.with(meter, |meter| meter.spend_request(now));
            }
            return Verdict::Pass;
        }
        if is_request && self.refusals < REFUSALS_MAX {
            self.refusals += 1;
            return Verdict::Refuse(wait);
        }
        self.hold(own.max(user_wait), wait, now)
    }

    /// So many bytes were read.
    pub(super) fn take_bytes(&mut self, count: usize, now: Instant) -> Verdict {
        let spend = |meter: &mut Meter| {
            meter.spend_bytes(count, now);
            meter.wait_for_bytes(now)
        };
        let own = spend(&mut self.own);
        let Meters { user, account, network } = &self.shared;
        let [user, account, network] = [user, account, network].map(|meter| self.dues.with(meter, spend));
        let wait = own.max(user).max(account).max(network);
        if wait.is_zero() { Verdict::Pass } else { self.hold(own.max(user), wait, now) }
    }

    /// Only what somebody's own connections have caused counts against them: `blamed` of `wait`.
    fn hold(&mut self, blamed: Duration, wait: Duration, now: Instant) -> Verdict {
        if !self.patience.wait(now).is_zero() {
            return Verdict::Abuse;
        }
        self.patience.spend(u32::try_from(blamed.as_millis()).unwrap_or(u32::MAX), now);
        Verdict::Hold(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use common::clock::{Clock, ManualClock};
    use signalling_core::ledger::SharedMeter;
    use std::sync::{Arc, Mutex};

    /// Of a network that everybody may share.
    fn flow_of(rates: Rates, user: SharedMeter, account: SharedMeter, clock: &ManualClock) -> Flow {
        let meters = Meters { user, account, network: shared(rates.times(1000), clock) };
        Flow::new(rates, meters, Dues::default(), clock.now())
    }

    fn shared(rates: Rates, clock: &ManualClock) -> SharedMeter {
        Arc::new(Mutex::new(Meter::new(rates.requests, rates.bytes, clock.now())))
    }

    fn flow(clock: &ManualClock) -> Flow {
        let rates = Config::default().person();
        flow_of(rates, shared(rates.times(4), clock), shared(rates.times(100), clock), clock)
    }

    #[test]
    fn who_sends_on_and_on_is_refused_then_slowed_to_the_rate_then_closed() {
        let clock = ManualClock::default();
        let mut flow = flow(&clock);
        let (mut passed, mut refused) = (0_u64, 0);
        let started = clock.now();
        loop {
            match flow.take_frame(true, clock.now()) {
                Verdict::Pass => passed += 1,
                Verdict::Refuse(_) => refused += 1,
                Verdict::Hold(wait) => clock.advance(wait),
                Verdict::Abuse => break,
            }
        }
        let took = clock.now() - started;
        assert!((25..=35).contains(&took.as_secs()), "{took:?}");
        assert_eq!(refused, REFUSALS_MAX);
        let allowed = 200 + 50 * took.as_secs();
        assert!(passed <= allowed + 1, "{passed} of {allowed}");
    }

    /// Passes for the wrong reason if such a client never met the limit: it does, or it would not have waited.
    #[test]
    fn who_waits_when_told_so_goes_on_for_ever() {
        let clock = ManualClock::default();
        let mut flow = flow(&clock);
        let mut waited = 0;
        for _ in 0..20_000 {
            match flow.take_frame(true, clock.now()) {
                Verdict::Pass => {}
                Verdict::Refuse(wait) | Verdict::Hold(wait) => {
                    waited += 1;
                    clock.advance(wait + Duration::from_millis(100));
                }
                Verdict::Abuse => panic!("closed after {waited} waits"),
            }
        }
        assert!(waited > 1000, "{waited}");
    }

    #[test]
    fn bytes_are_paid_for_and_a_second_connection_buys_no_more_than_the_user_may() {
        let clock = ManualClock::default();
        let rates = Config::default().guest();
        let (user, account) = (shared(rates, &clock), shared(rates.times(100), &clock));
        let mut flows: Vec<Flow> =
            (0..4).map(|_| flow_of(rates, Arc::clone(&user), Arc::clone(&account), &clock)).collect();
        let (mut sent, mut waited) = (0_usize, 0);
        let started = clock.now();
        for _ in 0..100 {
            for flow in &mut flows {
                sent += 4096;
                if let Verdict::Hold(wait) = flow.take_bytes(4096, clock.now()) {
                    waited += 1;
                    clock.advance(wait);
                }
            }
        }
        let took = (clock.now() - started).as_secs_f64();
        let allowed = f64::from(rates.bytes.burst) + took * f64::from(rates.bytes.count);
        assert!(waited > 0, "the limit was met");
        assert!(f64::from(u32::try_from(sent).unwrap()) <= allowed + 4096.0, "{sent} in {took} s");
    }

    /// Else one tenant's flood would throw out that tenant's quiet users.
    #[test]
    fn who_waits_for_others_of_the_account_is_not_closed_for_it() {
        let clock = ManualClock::default();
        let rates = Config::default().person();
        let account = shared(rates, &clock);
        let mut quiet = flow_of(rates, shared(rates, &clock), Arc::clone(&account), &clock);
        for _ in 0..1000 {
            with(&account, |meter| meter.spend_request(clock.now()));
            with(&account, |meter| meter.spend_bytes(1024 * 1024, clock.now()));
            assert!(matches!(quiet.take_bytes(10, clock.now()), Verdict::Hold(_)));
            clock.advance(Duration::from_millis(100));
        }
    }
}
