//! Instances that say that they are there, and take over the calls of those that do not.

use super::{CallNo, LEASE_MS, Lease, Noted, Running, Task, user_id};
use crate::world::{Work, World};
use common::id::{ConnectionId, NodeId, UserId};
use signalling_core::call::{Call, RING_TIME, Recorded, RecordedParty, RecordedTransfer, Stage};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

const BEAT_MS: u64 = 1000;

/// How long an instance may be silent before its calls are taken over.
const SILENCE_MS: u64 = 3000;

/// How often, in beats, an instance looks for calls that the store says are its own.
const COMPARE_EVERY: u32 = 10;

/// What an instance knows of its own silence.
#[derive(Default)]
pub(crate) struct Heart {
    beaten_at: Option<u64>,
    /// Since when it has been without a pause.
    steady_since: u64,
    pauses: u64,
    beats: u32,
    missing: BTreeSet<CallNo>,
}

impl World {
    /// How often others may have taken an instance's calls over; `None` if they may be doing so now.
    pub(super) fn pauses(&self, at: usize) -> Option<u64> {
        let heart = &self.instances[at].heart;
        let is_well = heart.beaten_at.is_none_or(|beaten| self.now - beaten < SILENCE_MS);
        is_well.then_some(heart.pauses)
    }

    pub(super) fn beat(&mut self, at: usize) {
        self.later(at, self.now + BEAT_MS, Work::Call(Task::Beat));
        if self.is_store_away {
            return;
        }
        self.say_there(at);
        let now = self.now;
        let heart = &mut self.instances[at].heart;
        heart.beats += 1;
        let compares = heart.beats.is_multiple_of(COMPARE_EVERY);
        // What kept this one from saying so may have kept the others.
        let is_steady = now - heart.steady_since >= SILENCE_MS;
        if !is_steady || !self.instances[at].is_linked {
            return;
        }
        let silent = self.silent();
        let open = self.records.iter().filter(|(_, record)| record.ended.is_none());
        let deserted = open.filter(|(_, record)| silent.contains(&record.runner));
        let deserted: Vec<CallNo> = deserted.map(|(call, _)| *call).collect();
        deserted.into_iter().for_each(|call| self.take_over(at, call));
        if compares {
            self.take_back(at);
        }
    }

    /// Whether others would notice if it died now.
    pub(super) fn is_missed(&self, at: usize) -> bool {
        self.instances[at].heart.beaten_at.is_some() && self.pauses(at).is_some()
    }

    pub(super) fn say_there(&mut self, at: usize) {
        let (now, node, pauses) = (self.now, self.node(at), self.pauses(at));
        let heart = &mut self.instances[at].heart;
        heart.pauses += u64::from(pauses.is_none());
        if heart.beaten_at.is_none_or(|beaten| now - beaten > SILENCE_MS / 2) {
            heart.steady_since = now;
        }
        heart.beaten_at = Some(now);
        self.beats.insert(node, now);
    }

    fn silent(&self) -> BTreeSet<NodeId> {
        let silent = self.beats.iter().filter(|(_, seen)| self.now - **seen > SILENCE_MS);
        silent.map(|(node, _)| *node).collect()
    }

    fn take_back(&mut self, at: usize) {
        let node = self.node(at);
        let own = self.records.iter().filter(|(_, record)| record.ended.is_none() && record.runner == node);
        let missing: BTreeSet<CallNo> =
            own.map(|(call, _)| *call).filter(|call| !self.instances[at].calls.contains_key(call)).collect();
        let before = std::mem::replace(&mut self.instances[at].heart.missing, missing.clone());
        missing.intersection(&before).for_each(|call| self.take_over(at, *call));
    }

    fn take_over(&mut self, at: usize, call: CallNo) {
        let (node, now, silent) = (self.node(at), self.now, self.silent());
        let record = self.records.get_mut(&call).expect("it is recorded");
        (record.epoch, record.runner) = (record.epoch + 1, node);
        let epoch = record.epoch;
        self.outcomes.get_mut(&call).expect("it is known").taken_over += 1;
        let there = self.seen_from(at).into_iter().filter(|(_, (node, _))| !silent.contains(node));
        let there: BTreeMap<ConnectionId, (NodeId, u128)> = there.collect();
        let record = &self.records[&call];
        let stage = |noted: &Noted| match (noted.outcome, noted.device) {
            (Some(reason), device) => Stage::Out { reason, device },
            (None, Some(device)) => Stage::In { device },
            (None, None) => {
                let theirs = there.iter().filter(|(_, (_, user))| user_id(*user) == noted.user);
                let rung = Duration::from_millis(now - noted.rang_at);
                let devices = theirs.map(|(device, _)| *device).collect();
                Stage::Ringing { rings_for: RING_TIME.saturating_sub(rung), devices }
            }
        };
        let party = |noted: &Noted| RecordedParty {
            user: noted.user,
            invitation: noted.invitation,
            stage: stage(noted),
        };
        let parties = record.people.iter().map(party).collect();
        let transfer = record.transfer.clone().map(|(transfer, at)| RecordedTransfer {
            time: transfer.time.saturating_sub(Duration::from_millis(now - at)),
            ..transfer
        });
        let is_answered = record.is_answered;
        let recorded = Recorded { parties, is_answered, transfer, revision: epoch << 32 };
        let mut effects = Vec::new();
        let is_there = |device| there.contains_key(&device);
        let core = Call::take_up(recorded, is_there, self.time(), &mut effects);
        let nodes = there.into_iter().map(|(device, (node, _))| (device, node)).collect();
        let pauses = self.pauses(at).unwrap_or_default();
        self.instances[at].calls.insert(call, Running::new(core, nodes, epoch, pauses, false));
        self.act_call(at, call, |_, _, all| all.extend(effects));
        self.settle_call(at, call);
    }

    /// Takes the leases, as soon as who had them has them no more; until then looks itself for whom it rings.
    pub(super) fn settle_call(&mut self, at: usize, call: CallNo) {
        let (node, seen) = (self.node(at), self.seen_from(at));
        let Some(running) = self.instances[at].calls.get(&call).filter(|running| !running.has_leases) else {
            return;
        };
        let rung: BTreeSet<UserId> = running.core.rung().collect();
        let people: BTreeSet<UserId> = running.core.people().collect();
        let users: BTreeSet<u128> = self.clients.iter().map(|client| client.user).collect();
        let mut is_whole = true;
        if self.instances[at].is_linked {
            for user in users.into_iter().filter(|user| people.contains(&user_id(*user))) {
                match self.lease(user) {
                    Some(lease) => is_whole &= (lease.node, lease.call) == (node, call),
                    None => {
                        self.leases.insert(user, Lease { node, call, expires_at: None });
                    }
                }
            }
        }
        for (device, (node, user)) in seen.into_iter().filter(|(_, (_, user))| rung.contains(&user_id(*user)))
        {
            if let Some(running) = self.instances[at].calls.get_mut(&call) {
                running.nodes.insert(device, node);
            }
            self.act_call(at, call, |core, now, effects| {
                let _over_meanwhile = core.handle_connected(user_id(user), device, now, effects);
            });
        }
        if let Some(running) = self.instances[at].calls.get_mut(&call) {
            running.has_leases = is_whole;
        }
        self.later(at, self.now + BEAT_MS, Work::Call(Task::Settle(call)));
    }

    /// Whoever runs calls there runs them no more.
    pub(crate) fn kill_calls(&mut self, at: usize) {
        self.cut_calls();
        let (node, expires_at) = (self.node(at), self.now + LEASE_MS);
        for lease in self.leases.values_mut().filter(|lease| lease.node == node) {
            lease.expires_at = Some(expires_at);
        }
        self.instances[at].calls.clear();
        self.instances[at].parts.clear();
        self.instances[at].asked.clear();
        self.instances[at].heart = Heart::default();
        self.instances[at].paused_until = None;
    }

    /// It stops in order: others may have its calls at once.
    pub(crate) fn hand_over_calls(&mut self, at: usize) {
        let calls: Vec<CallNo> = self.instances[at].calls.keys().copied().collect();
        calls.into_iter().for_each(|call| self.drop_call(at, call));
        let node = self.node(at);
        self.leases.retain(|_, lease| lease.node != node);
        if !self.is_store_away && self.now > SILENCE_MS {
            self.beats.insert(node, self.now - SILENCE_MS - 1);
        }
    }

    /// It does nothing about calls for a while, and does not know of it.
    pub(crate) fn pause_calls(&mut self) {
        let at = self.dice.roll(self.instances.len());
        let until = self.now + self.dice.ms(1000, 25_000);
        self.cut_calls();
        self.instances[at].paused_until = Some(until);
    }
}
