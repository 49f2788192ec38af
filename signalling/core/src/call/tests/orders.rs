//! Every order of everything that devices, instances and the clock can do: whatever state a call is in, what happens
//! next leaves it in one that may be.

use super::*;

/// What has been recorded and told of a call so far.
#[derive(Default)]
struct Log {
    /// Where each side is, as it is recorded.
    caller: Option<ConnectionId>,
    callee: Option<ConnectionId>,
    ended: Option<EndReason>,
    answers: usize,
    told: Vec<(ConnectionId, EndReason)>,
    resumed: usize,
    takeovers: usize,
}

impl Log {
    fn read(&mut self, effects: Vec<Effect>, seed: u64) {
        for effect in effects {
            match effect {
                Effect::RecordAnswer { by } => {
                    assert_eq!((self.callee, self.ended), (None, None), "seed {seed}: once, while it rings");
                    self.callee = Some(by);
                    self.answers += 1;
                }
                Effect::RecordDevices { caller, callee } => {
                    assert_eq!(self.ended, None, "seed {seed}");
                    assert_eq!(
                        callee.is_some(),
                        self.callee.is_some(),
                        "seed {seed}: who has picked up, has"
                    );
                    (self.caller, self.callee) = (Some(caller), callee);
                }
                Effect::RecordEnd(reason) => {
                    assert_eq!(self.ended.replace(reason), None, "seed {seed}: it ends once");
                    let is_answered = matches!(reason, EndReason::HungUp | EndReason::Lost);
                    assert_eq!(is_answered, self.callee.is_some(), "seed {seed}: {reason:?} fits");
                }
                Effect::TellAnswered { to, by } => {
                    assert_eq!((Some(to), Some(by)), (self.caller, self.callee), "seed {seed}");
                }
                Effect::TellEnded { to, reason } => {
                    let is_out = Some(to) != self.caller && Some(to) != self.callee;
                    let expected = self.ended.filter(|_| !is_out || self.callee.is_none());
                    let expected = expected.unwrap_or(EndReason::AnsweredElsewhere);
                    // What is out of it may be told either, by whether the call has ended since.
                    assert!(
                        reason == expected || is_out && reason == EndReason::AnsweredElsewhere,
                        "seed {seed}: {to} is told {reason:?} instead of {expected:?}"
                    );
                    self.told.push((to, reason));
                }
                Effect::TellResumed { to, from, by } => {
                    let sides = [self.caller, self.callee];
                    assert!(sides.contains(&Some(to)) && sides.contains(&Some(by)), "seed {seed}");
                    assert!(!sides.contains(&Some(from)) && to != by, "seed {seed}");
                    self.resumed += 1;
                }
                Effect::TellIncoming { to, rings_for } => {
                    assert_eq!((self.callee, self.ended), (None, None), "seed {seed}");
                    assert_ne!(Some(to), self.caller, "seed {seed}");
                    assert!(rings_for <= RING_TIME, "seed {seed}");
                }
                Effect::TellRunner { to } => {
                    assert!([self.caller, self.callee].contains(&Some(to)), "seed {seed}");
                }
            }
        }
    }

    /// What the state says of itself fits what was recorded, and time alone ends it.
    fn check(&self, call: &Call, clock: &ManualClock, seed: u64) {
        assert_eq!(call.is_over(), self.ended.is_some(), "seed {seed}");
        if !call.is_over() {
            assert_eq!(Some(call.caller()), self.caller, "seed {seed}");
            assert_eq!(call.callee(), self.callee, "seed {seed}");
            assert_eq!(call.rings_for(clock.now()).is_some(), self.callee.is_none(), "seed {seed}");
        }
        let is_awaited = call.next_deadline().is_some();
        assert!(is_awaited || call.is_forgotten() || self.callee.is_some(), "seed {seed}: {call:?}");
    }
}

/// The caller has odd numbers of devices, the callee even ones; each comes back under higher ones.
fn side(n: u128) -> Side {
    if n % 2 == 1 { Side::Caller } else { Side::Callee }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

fn step(call: &mut Call, dice: &mut Dice, clock: &ManualClock, effects: &mut Vec<Effect>, log: &mut Log) {
    let (n, now) = (1 + u128::from(dice.roll(8)), clock.now());
    let (who, of) = (device(n), side(n));
    let before = format!("{call:?}");
    let other = if of == Side::Caller { log.callee } else { log.caller };
    let knows = dice.roll(2) == 0;
    let outcome = match dice.roll(14) {
        0 | 1 => call.handle_accept(of, who, now, effects),
        2 => call.handle_reject(of, now, effects),
        3 => call.handle_cancel(who, now, effects),
        4 => call.handle_hang_up(who, now, effects),
        5 | 6 => {
            call.handle_gone(who, now);
            Ok(())
        }
        7 if of == Side::Callee => call.handle_connected(who, now, effects),
        7 | 8 => call.handle_attend(of, who, other.filter(|_| knows), now, effects),
        9 | 10 => {
            let from = device(n + 2 * u128::from(dice.roll(3)));
            call.handle_resume(of, from, who, now, effects)
        }
        11 => {
            call.set_linked(dice.roll(2) == 0, now);
            Ok(())
        }
        12 if !call.is_over() => {
            // Its instance dies: another one takes up what is recorded.
            let stage = match log.callee {
                Some(by) => Stage::Active { by },
                None => Stage::Ringing {
                    rings_for: call.rings_for(now).expect("it rings"),
                    devices: vec![device(2), device(4)],
                },
            };
            let recorded = Recorded { caller: log.caller.expect("it is recorded"), stage };
            let is_there = dice.roll(2) == 0;
            *call = Call::take_up(recorded, |_| is_there, now, effects);
            log.takeovers += 1;
            Ok(())
        }
        _ => {
            clock.advance(Duration::from_secs(1 + dice.roll(20)));
            call.handle_deadline(clock.now(), effects);
            Ok(())
        }
    };
    if outcome.is_err() {
        assert_eq!(format!("{call:?}"), before, "what is refused changes nothing");
        assert_eq!(*effects, [], "and tells nobody");
    }
}

/// Passes for the wrong reason if no order ended in an answer, or nobody came back: counted.
#[test]
fn whatever_happens_next_every_state_is_followed_by_one_that_may_be() {
    let (mut answers, mut resumed, mut takeovers, mut ends) = (0, 0, 0, BTreeSet::new());
    for seed in 0..10_000_u64 {
        let Fixture { clock, mut call, mut effects } = ringing(&[2, 4, 6]);
        let mut log = Log { caller: Some(device(CALLER)), ..Log::default() };
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for _ in 0..40 {
            step(&mut call, &mut dice, &clock, &mut effects, &mut log);
            log.read(std::mem::take(&mut effects), seed);
            log.check(&call, &clock, seed);
        }
        // Nobody does anything any more: time alone ends it.
        call.set_linked(true, clock.now());
        for n in [log.caller, log.callee].into_iter().flatten() {
            call.handle_gone(n, clock.now());
        }
        while let Some(due) = call.next_deadline() {
            clock.advance(due.saturating_duration_since(clock.now()));
            call.handle_deadline(clock.now(), &mut effects);
            log.read(std::mem::take(&mut effects), seed);
        }
        assert!(call.is_forgotten(), "seed {seed}");
        let told = |who: Option<ConnectionId>| {
            who.is_none_or(|who| log.told.iter().any(|(to, reason)| *to == who && Some(*reason) == log.ended))
        };
        assert!(told(log.caller) && told(log.callee), "seed {seed}: both sides learn the same");
        (answers, resumed, takeovers) =
            (answers + log.answers, resumed + log.resumed, takeovers + log.takeovers);
        ends.insert(log.ended.map(EndReason::as_str));
    }
    assert!(answers > 1000 && resumed > 500 && takeovers > 1000, "{answers} {resumed} {takeovers}");
    assert_eq!(ends.len(), 5, "{ends:?}");
}
