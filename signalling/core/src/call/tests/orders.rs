//! Every order of everything that devices, instances and the clock can do: whatever state a call is in, what happens
//! next leaves it in one that may be.

use super::*;
use common::id::RoomId;
use std::collections::BTreeMap;

/// One person, as it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Noted {
    invitation: Invitation,
    device: Option<ConnectionId>,
    outcome: Option<EndReason>,
}

impl Noted {
    const fn is_in(&self) -> bool {
        self.device.is_some() && self.outcome.is_none()
    }

    const fn is_rung(&self) -> bool {
        self.device.is_none() && self.outcome.is_none()
    }
}

/// What has been recorded and told of a call so far.
#[derive(Default)]
struct Log {
    order: Vec<UserId>,
    people: BTreeMap<UserId, Noted>,
    is_answered: bool,
    ended: Option<EndReason>,
    /// To which room it is being handed over, and by whom.
    transfer: Option<RecordedTransfer>,
    /// The last one of which it was.
    destination: Option<Destination>,
    /// What each user's devices may be told, since they were rung last.
    told: Vec<(ConnectionId, EndReason)>,
    counts: Counts,
}

#[derive(Default, Clone, Copy)]
struct Counts {
    answers: usize,
    resumed: usize,
    takeovers: usize,
    invited: usize,
    transferred: usize,
    handed_over: usize,
    not_transferred: usize,
    withdrawn: usize,
    groups: usize,
}

impl Log {
    fn note(&mut self, user: UserId, noted: Noted) {
        if self.people.insert(user, noted).is_none() {
            self.order.push(user);
        }
    }

    fn person(&mut self, user: UserId, seed: u64) -> &mut Noted {
        assert_eq!(self.ended, None, "seed {seed}: nothing is written of a call that is over");
        self.people.get_mut(&user).unwrap_or_else(|| panic!("seed {seed}: {user} is part of it"))
    }

    fn record(&mut self, effect: &Effect, seed: u64) {
        match *effect {
            Effect::RecordInvited { user, invitation } => {
                assert!(self.people.get(&user).is_none_or(|known| known.outcome.is_some()), "seed {seed}");
                assert!(self.people[&invitation.by].is_in(), "seed {seed}: by one who talks");
                self.note(user, Noted { invitation, device: None, outcome: None });
                self.counts.invited += 1;
            }
            Effect::RecordAnswer { user, by } => {
                let person = self.person(user, seed);
                assert!(person.is_rung(), "seed {seed}: once, while it rings");
                person.device = Some(by);
                self.is_answered = true;
                self.counts.answers += 1;
            }
            Effect::RecordDevice { user, device } => {
                let person = self.person(user, seed);
                assert!(person.is_in(), "seed {seed}: who has picked up, has");
                person.device = Some(device);
            }
            Effect::RecordOut { user, reason } => {
                let person = self.person(user, seed);
                assert_eq!(person.outcome, None, "seed {seed}: once");
                person.outcome = Some(reason);
                self.counts.transferred += usize::from(reason == EndReason::Transferred);
            }
            Effect::RecordTransfer(ref transfer) => {
                assert_eq!(self.ended, None, "seed {seed}: nothing is written of a call that is over");
                if let (Some(before), Some(now)) = (&self.transfer, transfer) {
                    assert_eq!(before.destination, now.destination, "seed {seed}: one at a time");
                    assert!(now.time <= before.time, "seed {seed}: nobody is given more time");
                } else {
                    assert_ne!(self.transfer.is_some(), transfer.is_some(), "seed {seed}: it ends once");
                    let by = transfer.as_ref().map(|transfer| transfer.destination.by);
                    assert!(by.is_none_or(|by| self.people[&by].is_in()), "seed {seed}: by one who talks");
                }
                let awaited = transfer.iter().flat_map(|transfer| &transfer.awaited);
                for user in awaited {
                    assert!(self.people[user].is_in(), "seed {seed}: who talks can go");
                }
                self.transfer.clone_from(transfer);
                self.destination = transfer.as_ref().map(|to| to.destination).or(self.destination);
            }
            Effect::RecordEnd(reason) => {
                assert_eq!(self.ended.replace(reason), None, "seed {seed}: it ends once");
                let is_handed_over = reason == EndReason::Transferred;
                assert!(!is_handed_over || self.transfer.is_some(), "seed {seed}: to somewhere");
                self.counts.handed_over += usize::from(is_handed_over);
                let is_answered = is_handed_over || matches!(reason, EndReason::HungUp | EndReason::Lost);
                assert_eq!(is_answered, self.is_answered, "seed {seed}: {reason:?} fits");
                for person in self.people.values_mut().filter(|person| person.outcome.is_none()) {
                    let is_spared = is_answered && person.device.is_none();
                    person.outcome = Some(if is_spared { EndReason::Cancelled } else { reason });
                }
            }
            Effect::TellIncoming { .. }
            | Effect::TellAnswered { .. }
            | Effect::TellResumed { .. }
            | Effect::TellChanged { .. }
            | Effect::TellRunner { .. }
            | Effect::TellTransferring { .. }
            | Effect::TellTransferFailed { .. }
            | Effect::TellEnded { .. } => panic!("seed {seed}: {effect:?} is no record"),
        }
    }

    fn talks_on(&self, device: ConnectionId) -> bool {
        self.people.values().any(|person| person.is_in() && person.device == Some(device))
    }

    fn read(&mut self, effects: Vec<Effect>, seed: u64) {
        for effect in effects {
            match effect {
                Effect::RecordInvited { .. }
                | Effect::RecordAnswer { .. }
                | Effect::RecordDevice { .. }
                | Effect::RecordOut { .. }
                | Effect::RecordTransfer(_)
                | Effect::RecordEnd(_) => self.record(&effect, seed),
                Effect::TellTransferring { to, destination, time } => {
                    let known = self.transfer.as_ref().map(|transfer| transfer.destination);
                    assert_eq!(Some(destination), known, "seed {seed}: where it is handed over to");
                    assert!(self.talks_on(to) && user_of(to) != destination.by, "seed {seed}");
                    assert!(time <= TRANSFER_TIME, "seed {seed}");
                }
                Effect::TellTransferFailed { to, room, user } => {
                    let told = self.destination.map(|to| (to.by, to.room));
                    assert_eq!(told, Some((user_of(to), room)), "seed {seed}: the one who wanted it");
                    assert!(
                        self.talks_on(to) && self.people[&user].is_in(),
                        "seed {seed}: both are in it yet"
                    );
                    self.counts.not_transferred += 1;
                }
                Effect::TellAnswered { to, by } => {
                    assert!(self.talks_on(to) && self.talks_on(by) && to != by, "seed {seed}");
                }
                Effect::TellChanged { to } => {
                    assert!(self.people.len() > 2, "seed {seed}: two are told nothing of each other");
                    // Or of the one who was transferred a moment later.
                    assert!(self.ended.is_none(), "seed {seed}: {to} is told that it is over instead");
                }
                Effect::TellEnded { to, reason } => {
                    let person = &self.people[&user_of(to)];
                    let is_last = person.device.is_none_or(|device| device == to);
                    let fits = Some(reason) == person.outcome && is_last
                        || reason == EndReason::AnsweredElsewhere && person.device != Some(to);
                    assert!(
                        fits || Some(reason) == person.outcome,
                        "seed {seed}: {to} is told {reason:?}: {person:?}"
                    );
                    self.told.push((to, reason));
                }
                Effect::TellResumed { to, from, by } => {
                    assert!(self.talks_on(to) && self.talks_on(by) && to != by, "seed {seed}");
                    assert!(!self.talks_on(from), "seed {seed}");
                    self.counts.resumed += 1;
                }
                Effect::TellIncoming { to, rings_for } => {
                    assert!(self.people[&user_of(to)].is_rung() && self.ended.is_none(), "seed {seed}");
                    assert!(rings_for <= RING_TIME, "seed {seed}");
                }
                Effect::TellRunner { to } => assert!(self.talks_on(to), "seed {seed}"),
            }
        }
    }

    /// What the state says of itself fits what was recorded, and time alone ends it.
    fn check(&mut self, call: &Call, seed: u64) {
        assert_eq!(call.is_over(), self.ended.is_some(), "seed {seed}");
        let (_, parties) = call.parties();
        let order: Vec<UserId> = parties.iter().map(|party| party.user).collect();
        assert_eq!(order, self.order, "seed {seed}");
        for party in parties {
            let noted = self.people[&party.user];
            let standing = match (noted.outcome, noted.device) {
                (Some(reason), _) => PartyStanding::Out(reason),
                (None, Some(device)) => PartyStanding::In(device),
                (None, None) => PartyStanding::Ringing,
            };
            assert_eq!(party.standing, standing, "seed {seed}");
            assert_eq!(party.invitation, noted.invitation, "seed {seed}");
        }
        if self.ended.is_none() {
            let talking = self.people.values().filter(|person| person.is_in()).count();
            let rung = self.people.values().filter(|person| person.is_rung()).count();
            let is_transferred = call.next_deadline().is_some() || self.transfer.is_none();
            assert!(is_transferred, "seed {seed}: who was to go is not waited for for ever");
            // Who hands it over may have hung up, and somebody else not have gone yet.
            let is_enough = talking + rung >= 2 || self.transfer.is_some();
            assert!(talking >= 1 && is_enough, "seed {seed}: {talking} talk, {rung} are rung");
            self.counts.groups += usize::from(talking > 2);
        }
        let is_awaited = call.next_deadline().is_some();
        assert!(is_awaited || call.is_forgotten() || self.is_answered, "seed {seed}: {call:?}");
    }

    /// As another instance finds it.
    fn recorded(&self, call: &Call, clock: &ManualClock) -> Recorded {
        let stage = |user: UserId, noted: &Noted| match (noted.outcome, noted.device) {
            (Some(reason), device) => Stage::Out { reason, device },
            (None, Some(device)) => Stage::In { device },
            (None, None) => Stage::Ringing {
                rings_for: call.rings_for(user, clock.now()).expect("it rings"),
                devices: devices(user).take(2).collect(),
            },
        };
        let party = |user: &UserId| {
            let noted = &self.people[user];
            RecordedParty { user: *user, invitation: noted.invitation, stage: stage(*user, noted) }
        };
        Recorded {
            parties: self.order.iter().map(party).collect(),
            is_answered: self.is_answered,
            transfer: self.transfer.clone(),
            revision: call.parties().0 + 100,
        }
    }
}

/// Of four people each has every fourth device; they come back under higher ones.
const PEOPLE: u128 = 4;

fn person(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(101 + n % PEOPLE))
}

fn user_of(device: ConnectionId) -> UserId {
    person(device.as_uuid().as_u128() - 1)
}

fn devices(user: UserId) -> impl Iterator<Item = ConnectionId> {
    (1..=4 * PEOPLE).map(device).filter(move |device| user_of(*device) == user)
}

fn room(n: u64) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(u128::from(n) + 301))
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// Whether somebody was rung whom others in the call do not ring any more.
fn is_withdrawn(effects: &[Effect]) -> bool {
    let is_cancelled =
        |effect: &Effect| matches!(effect, Effect::RecordOut { reason: EndReason::Cancelled, .. });
    effects.iter().any(is_cancelled)
}

fn step(call: &mut Call, dice: &mut Dice, clock: &ManualClock, effects: &mut Vec<Effect>, log: &mut Log) {
    let now = clock.now();
    let who = device(1 + u128::from(dice.roll(3 * 4)));
    let of = user_of(who);
    let before = format!("{call:?}");
    let outcome = match dice.roll(25) {
        0..=2 => call.handle_accept(of, who, now, effects),
        3 => call.handle_reject(of, now, effects),
        4 => call.handle_cancel(who, now, effects),
        5 => call.handle_hang_up(who, now, effects),
        6 => {
            call.handle_gone(who, now);
            Ok(())
        }
        7 => call.handle_connected(of, who, now, effects),
        8 | 9 => {
            let with = call.with(of).filter(|_| dice.roll(2) == 0);
            let outcome = call.handle_attend(of, who, with, now, effects);
            call.handle_heard_parties(who, dice.roll(4), effects);
            outcome
        }
        10 | 11 => {
            let from = device(who.as_uuid().as_u128() + PEOPLE * u128::from(dice.roll(3)));
            call.handle_resume(of, from, who, now, effects)
        }
        12 => {
            call.set_linked(dice.roll(2) == 0, now);
            Ok(())
        }
        13..=15 => {
            let (user, is_transfer) = (person(u128::from(dice.roll(4))), dice.roll(3) == 0);
            // Somebody who may, more often than not.
            let by = call.with(user).filter(|_| dice.roll(4) > 0).unwrap_or(who);
            if dice.roll(6) == 0 {
                call.handle_busy(by, (user, is_transfer), effects)
            } else {
                call.handle_invite(by, (user, is_transfer), devices(user).take(2), now, effects)
            }
        }
        16 | 17 => call.handle_transfer(who, room(dice.roll(2)), now, effects),
        18 | 19 | 22 | 23 => {
            let to = log
                .transfer
                .as_ref()
                .filter(|_| dice.roll(4) > 0)
                .map_or_else(|| room(dice.roll(2)), |to| to.destination.room);
            let answer = (to, dice.roll(3) > 0);
            call.handle_transfer_answered(who, answer, now, effects)
        }
        20 => call.handle_withdraw(who, person(u128::from(dice.roll(4))), now, effects),
        21 if !call.is_over() => {
            // Its instance dies: another one takes up what is recorded.
            let is_there = dice.roll(2) == 0;
            *call = Call::take_up(log.recorded(call, clock), |_| is_there, now, effects);
            log.counts.takeovers += 1;
            Ok(())
        }
        _ => {
            clock.advance(Duration::from_secs(1 + dice.roll(20)));
            call.handle_deadline(clock.now(), effects);
            Ok(())
        }
    };
    log.counts.withdrawn += usize::from(is_withdrawn(effects));
    if outcome.is_err() {
        assert_eq!(format!("{call:?}"), before, "what is refused changes nothing");
        assert_eq!(*effects, [], "and tells nobody");
    }
}

/// Passes for the wrong reason if no order ended in an answer, or nobody came back, was invited or transferred: counted.
#[test]
fn whatever_happens_next_every_state_is_followed_by_one_that_may_be() {
    let (mut all, mut ends) = (Counts::default(), BTreeSet::new());
    for seed in 0..10_000_u64 {
        let clock = ManualClock::default();
        let ada = person(0);
        let (mut call, mut effects) =
            (Call::ring((ada, device(1)), person(1), devices(person(1)).take(3), clock.now()), Vec::new());
        let mut log = Log::default();
        let invitation = Invitation { by: ada, is_transfer: false };
        log.note(ada, Noted { invitation, device: Some(device(1)), outcome: None });
        log.note(person(1), Noted { invitation, device: None, outcome: None });
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for _ in 0..60 {
            step(&mut call, &mut dice, &clock, &mut effects, &mut log);
            log.read(std::mem::take(&mut effects), seed);
            log.check(&call, seed);
        }
        // Nobody does anything any more: time alone ends it.
        call.set_linked(true, clock.now());
        let last: Vec<_> =
            log.people.values().filter(|one| one.is_in()).filter_map(|one| one.device).collect();
        for &device in &last {
            call.handle_gone(device, clock.now());
        }
        while let Some(due) = call.next_deadline() {
            clock.advance(due.saturating_duration_since(clock.now()));
            call.handle_deadline(clock.now(), &mut effects);
            log.read(std::mem::take(&mut effects), seed);
        }
        assert!(call.is_forgotten(), "seed {seed}");
        for device in last {
            assert!(log.told.iter().any(|(to, _)| *to == device), "seed {seed}: {device} learns of it");
        }
        let Counts {
            answers,
            resumed,
            takeovers,
            invited,
            transferred,
            handed_over,
            not_transferred,
            withdrawn,
            groups,
        } = log.counts;
        all.answers += answers;
        all.resumed += resumed;
        all.takeovers += takeovers;
        all.invited += invited;
        all.transferred += transferred;
        all.handed_over += handed_over;
        all.not_transferred += not_transferred;
        all.withdrawn += withdrawn;
        all.groups += groups;
        ends.insert(log.ended.map(EndReason::as_str));
    }
    assert!(all.answers > 1000 && all.resumed > 500 && all.takeovers > 1000, "as of two");
    assert!(all.invited > 1000 && all.transferred > 100 && all.groups > 1000, "and of more");
    let others = (all.handed_over, all.not_transferred, all.withdrawn);
    assert!(
        others.0 > 100 && others.1 > 100 && others.2 > 100,
        "handed over, in vain, and withdrawn: {others:?}"
    );
    assert_eq!(ends.len(), 6, "{ends:?}");
}
