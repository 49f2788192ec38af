//! A call on the instance that runs it.

use super::{Action, CallNo, Lease, News, Noted, Reply, Request, Task, user_id};
use crate::world::{Work, World};
use common::{
    id::{ConnectionId, NodeId, UserId},
    protocol::call::EndReason,
};
use signalling_core::call::{Call, CallError, Effect, PartyStanding, part::Runner};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

/// How often what cannot be stored is tried again before the call goes on without, and how soon.
const WRITES: u32 = 10;
const WRITE_AGAIN_MS: u64 = 500;

/// How soon what is owed is tried again.
const OWED_MS: u64 = 5000;

pub(crate) struct Running {
    pub(super) core: Call,
    pub(super) nodes: BTreeMap<ConnectionId, NodeId>,
    pub(super) epoch: u64,
    /// The instance's pauses after which it was still this one that ran the call.
    pauses: u64,
    pub(super) has_leases: bool,
    woken_at: Option<u64>,
    /// What it is about to do, in order.
    steps: VecDeque<Step>,
    /// What waits until that is done.
    waiting: VecDeque<Request>,
    attempts: u32,
    /// Until when it waits to write again.
    waits_until: u64,
    owed: Vec<Effect>,
}

enum Step {
    Effect(Effect),
    Reply(Request, Reply),
}

/// What came of writing something down.
#[derive(PartialEq, Eq)]
enum Written {
    Yes,
    Fenced,
    Away,
}

/// Whose the call is, as far as an instance can tell that stood still.
#[derive(PartialEq, Eq)]
enum Judged {
    Ours,
    Fenced,
    Unclear,
}

impl Running {
    pub(super) fn new(
        core: Call,
        nodes: BTreeMap<ConnectionId, NodeId>,
        epoch: u64,
        pauses: u64,
        has_leases: bool,
    ) -> Self {
        Self {
            core,
            nodes,
            epoch,
            pauses,
            has_leases,
            woken_at: None,
            steps: VecDeque::new(),
            waiting: VecDeque::new(),
            attempts: 0,
            waits_until: 0,
            owed: Vec::new(),
        }
    }

    pub(super) fn is_callee(&self, user: u128) -> bool {
        self.core.rung().any(|rung| rung == user_id(user))
    }
}

impl World {
    /// A request comes to the instance that is thought to run the call.
    pub(super) fn order(&mut self, at: usize, request: Request) {
        match self.instances[at].calls.get_mut(&request.call) {
            Some(running) => {
                running.waiting.push_back(request);
                self.drive(at, request.call);
            }
            None => self.reply(at, request, Reply::Nothing),
        }
    }

    /// The core does something of itself.
    pub(super) fn act_call(
        &mut self,
        at: usize,
        call: CallNo,
        act: impl FnOnce(&mut Call, Instant, &mut Vec<Effect>),
    ) {
        let now = self.time();
        let Some(running) = self.instances[at].calls.get_mut(&call) else { return };
        let mut effects = Vec::new();
        act(&mut running.core, now, &mut effects);
        running.steps.extend(effects.into_iter().map(Step::Effect));
        self.drive(at, call);
    }

    pub(super) fn wake_call(&mut self, at: usize, call: CallNo) {
        let Some(running) = self.instances[at].calls.get_mut(&call) else { return };
        running.woken_at = None;
        if running.steps.is_empty() && self.judge(at, call) != Judged::Fenced {
            self.act_call(at, call, |core, now, effects| core.handle_deadline(now, effects));
        } else {
            self.drive(at, call);
        }
    }

    /// Does what is to be done, as far as it can be.
    pub(super) fn drive(&mut self, at: usize, call: CallNo) {
        loop {
            let now = self.now;
            let Some(running) = self.instances[at].calls.get_mut(&call) else { return };
            if running.waits_until > now {
                return;
            }
            if let Some(step) = running.steps.pop_front() {
                if !self.do_step(at, call, step) {
                    return;
                }
                continue;
            }
            let Some(request) = running.waiting.pop_front() else { break };
            match self.judge(at, call) {
                Judged::Fenced => return self.reply(at, request, Reply::Nothing),
                // What is written first finds out; how it stands is for another to say, perhaps.
                Judged::Unclear if matches!(request.action, Action::Attend | Action::Resume { .. }) => {
                    self.reply(at, request, Reply::TimedOut);
                }
                Judged::Ours | Judged::Unclear => self.handle(at, request),
            }
        }
        self.settle_down(at, call);
    }

    /// False if it cannot go on.
    fn do_step(&mut self, at: usize, call: CallNo, step: Step) -> bool {
        let effect = match step {
            Step::Reply(request, reply) => {
                self.reply(at, request, reply);
                return true;
            }
            Step::Effect(effect) => effect,
        };
        if !is_record(&effect) {
            self.carry_out_call(at, call, effect);
            return true;
        }
        match self.write(at, call, Some(&effect)) {
            Written::Yes => true,
            Written::Fenced => {
                self.drop_call(at, call);
                false
            }
            Written::Away => {
                let again = self.now + WRITE_AGAIN_MS;
                let running = self.instances[at].calls.get_mut(&call).expect("it runs");
                running.attempts += 1;
                if running.attempts < WRITES {
                    running.steps.push_front(Step::Effect(effect));
                    running.waits_until = again;
                    self.later(at, again, Work::Call(Task::Write(call)));
                    return false;
                }
                running.attempts = 0;
                running.owed.push(effect);
                self.outcomes.get_mut(&call).expect("it is known").is_unrecorded = true;
                true
            }
        }
    }

    /// Writes down what is owed, and this.
    fn write(&mut self, at: usize, call: CallNo, effect: Option<&Effect>) -> Written {
        if self.is_store_away {
            return Written::Away;
        }
        let running = self.instances[at].calls.get_mut(&call).expect("it runs");
        let record = self.records.get_mut(&call).expect("it is recorded");
        if record.epoch != running.epoch {
            return Written::Fenced;
        }
        running.attempts = 0;
        let owed = std::mem::take(&mut running.owed);
        for effect in owed.into_iter().chain(effect.cloned()) {
            match effect {
                Effect::RecordInvited { user, invitation } => match record.noted(user) {
                    Some(_) => {
                        let noted = record.noted_mut(user);
                        (noted.invitation, noted.device, noted.outcome) = (invitation, None, None);
                        noted.rang_at = self.now;
                    }
                    None => {
                        let noted = Noted::new(user, invitation.by, None, self.now);
                        record.people.push(Noted { invitation, ..noted });
                    }
                },
                Effect::RecordAnswer { user, by } => {
                    record.is_answered = true;
                    record.noted_mut(user).device = Some(by);
                }
                Effect::RecordDevice { user, device } => record.noted_mut(user).device = Some(device),
                Effect::RecordOut { user, reason } => record.noted_mut(user).end(reason),
                Effect::RecordTransfer(transfer) => {
                    record.transfer = transfer.map(|transfer| (transfer, self.now));
                }
                Effect::RecordEnd(reason) => record.end(reason),
                _ => {}
            }
        }
        Written::Yes
    }

    /// Whether it is still this instance that runs the call, if it stood still.
    fn judge(&mut self, at: usize, call: CallNo) -> Judged {
        let pauses = self.pauses(at);
        let running = self.instances[at].calls.get_mut(&call).expect("it runs");
        if pauses == Some(running.pauses) {
            return Judged::Ours;
        }
        if self.is_store_away {
            return Judged::Unclear;
        }
        if self.records[&call].epoch != running.epoch {
            self.drop_call(at, call);
            return Judged::Fenced;
        }
        running.pauses = pauses.unwrap_or(running.pauses);
        Judged::Ours
    }

    /// Another instance runs it, or is to.
    pub(super) fn drop_call(&mut self, at: usize, call: CallNo) {
        let Some(running) = self.instances[at].calls.remove(&call) else { return };
        let replies = running.steps.into_iter().filter_map(|step| match step {
            Step::Reply(request, _) => Some(request),
            Step::Effect(_) => None,
        });
        for request in replies.chain(running.waiting) {
            self.reply(at, request, Reply::Nothing);
        }
        let node = self.node(at);
        self.leases.retain(|_, lease| (lease.node, lease.call) != (node, call));
    }

    /// The call decides.
    fn handle(&mut self, at: usize, request: Request) {
        let Request { from, device, call, action, user, with, heard, .. } = request;
        let (now, user) = (self.time(), user_id(user));
        let invited = self.invitee(at, action);
        let running = self.instances[at].calls.get_mut(&call).expect("it runs");
        if action != Action::Gone {
            running.nodes.insert(device, from);
        }
        let (core, mut effects) = (&mut running.core, Vec::new());
        if !matches!(action, Action::Connect | Action::Gone | Action::Resume { .. }) {
            core.handle_heard(device, now);
        }
        let outcome = match action {
            Action::Accept => core.handle_accept(user, device, now, &mut effects),
            Action::Reject => core.handle_reject(user, now, &mut effects),
            Action::Cancel => core.handle_cancel(device, now, &mut effects),
            Action::HangUp => core.handle_hang_up(device, now, &mut effects),
            Action::Connect => core.handle_connected(user, device, now, &mut effects),
            Action::Attend => {
                let outcome = core.handle_attend(user, device, with, now, &mut effects);
                core.handle_heard_parties(device, heard, &mut effects);
                outcome
            }
            Action::Invite { whom, is_transfer } => {
                let whom = (user_id(whom), is_transfer);
                match (core.may_invite(device, whom.0, is_transfer), invited) {
                    (Ok(true), Some((true, nodes))) => {
                        let rung: Vec<ConnectionId> = nodes.keys().copied().collect();
                        running.nodes.extend(nodes);
                        core.handle_invite(device, whom, rung, now, &mut effects)
                    }
                    (Ok(true), Some((false, _))) => core.handle_busy(device, whom, &mut effects),
                    (may, _) => may.map(|_| ()),
                }
            }
            Action::Withdraw { whom } => {
                let outcome = core.handle_withdraw(device, user_id(whom), now, &mut effects);
                let outcomes = self.outcomes.get_mut(&call).expect("it is known");
                outcomes.withdrawn += usize::from(outcome.is_ok());
                outcome
            }
            Action::Transfer { room } => core.handle_transfer(device, room, now, &mut effects),
            Action::AnswerTransfer { room, is_there } => {
                core.handle_transfer_answered(device, (room, is_there), now, &mut effects)
            }
            Action::Resume { from } => core.handle_resume(user, from, device, now, &mut effects),
            Action::Gone => {
                core.handle_gone(device, now);
                Ok(())
            }
        };
        let reply = match outcome {
            Ok(()) if matches!(action, Action::Resume { .. }) => {
                Reply::Stands(running.epoch, core.rings_for(user, now), core.with(user))
            }
            Err(CallError::Over) => Reply::Nothing,
            said => Reply::Said(said),
        };
        running.steps.extend(effects.into_iter().map(Step::Effect));
        running.steps.push_back(Step::Reply(request, reply));
    }

    /// Whether somebody who is to be rung is free, and where their devices are; `None` if there are none.
    fn invitee(&mut self, at: usize, action: Action) -> Option<(bool, BTreeMap<ConnectionId, NodeId>)> {
        let Action::Invite { whom, .. } = action else { return None };
        let theirs = self.seen_from(at).into_iter().filter(|(_, (_, user))| *user == whom);
        let nodes: BTreeMap<_, _> = theirs.map(|(device, (node, _))| (device, node)).collect();
        let is_free = self.lease(whom).is_none();
        (!nodes.is_empty() && self.instances[at].is_linked).then_some((is_free, nodes))
    }

    /// Those who are part of a call are busy, and nobody else is for it.
    fn keep_leases(&mut self, at: usize, call: CallNo) {
        let (node, running) = (self.node(at), &self.instances[at].calls[&call]);
        let people: BTreeSet<UserId> = running.core.people().collect();
        let talking = running.core.parties().1.into_iter();
        let talking = talking.filter(|party| matches!(party.standing, PartyStanding::In(_))).count();
        let has_leases = running.has_leases;
        let is_own = |lease: &Lease| (lease.node, lease.call) == (node, call);
        self.leases.retain(|user, lease| !is_own(lease) || people.contains(&user_id(*user)));
        if has_leases {
            let users: Vec<u128> = self.clients.iter().map(|client| client.user).collect();
            for user in users.into_iter().filter(|user| people.contains(&user_id(*user))) {
                self.leases.entry(user).or_insert(Lease { node, call, expires_at: None });
            }
        }
        self.outcomes.get_mut(&call).expect("it is known").was_group |= talking > 2;
    }

    fn carry_out_call(&mut self, at: usize, call: CallNo, effect: Effect) {
        let what = self.what();
        let (node, running) = (self.node(at), &self.instances[at].calls[&call]);
        let runner = Runner { node, epoch: running.epoch };
        // What counts is written first, and who runs the call no more hears so there.
        let is_fenced = self.records[&call].epoch != running.epoch;
        let outcome = self.outcomes.get_mut(&call).expect("it is known");
        let may = !is_fenced || outcome.is_unrecorded;
        match effect {
            Effect::TellIncoming { to, rings_for } => {
                self.tell(at, call, to, News::Incoming(runner, rings_for));
            }
            Effect::TellRunner { to } => self.tell(at, call, to, News::Runner(runner)),
            Effect::TellAnswered { to, by } => {
                assert!(may, "{what}: another instance runs call {call}");
                self.tell(at, call, to, News::Answered(by));
            }
            Effect::TellResumed { to, by, .. } => {
                assert!(may, "{what}: another instance runs call {call}");
                outcome.resumed += 1;
                outcome.moved_to.insert(by);
                self.tell(at, call, to, News::Resumed(by));
            }
            Effect::TellEnded { to, reason } => {
                assert!(may, "{what}: another instance runs call {call}");
                outcome.transferred += usize::from(reason == EndReason::Transferred);
                self.tell(at, call, to, News::Ended(reason));
            }
            Effect::TellTransferring { to, destination, .. } => {
                self.tell(at, call, to, News::Transferring(destination.room));
            }
            Effect::TellTransferFailed { to, .. } => {
                assert!(may, "{what}: another instance runs call {call}");
                self.tell(at, call, to, News::TransferFailed);
            }
            Effect::TellChanged { to } => {
                assert!(may, "{what}: another instance runs call {call}");
                let revision = self.instances[at].calls[&call].core.parties().0;
                self.tell(at, call, to, News::Changed(revision));
            }
            Effect::RecordInvited { .. }
            | Effect::RecordAnswer { .. }
            | Effect::RecordDevice { .. }
            | Effect::RecordOut { .. }
            | Effect::RecordTransfer(_)
            | Effect::RecordEnd(_) => {}
        }
    }

    /// It has nothing to do until it is asked again, or until a deadline.
    fn settle_down(&mut self, at: usize, call: CallNo) {
        let node = self.node(at);
        if !self.instances[at].calls[&call].owed.is_empty() {
            match self.write(at, call, None) {
                Written::Yes => {}
                Written::Fenced => return self.drop_call(at, call),
                Written::Away => self.later(at, self.now + OWED_MS, Work::Call(Task::Write(call))),
            }
        }
        self.keep_leases(at, call);
        let running = self.instances[at].calls.get_mut(&call).expect("it runs");
        if running.core.is_over() {
            running.has_leases = true;
            self.leases.retain(|_, lease| (lease.node, lease.call) != (node, call));
        }
        if running.core.is_forgotten() && running.owed.is_empty() {
            self.instances[at].calls.remove(&call);
            return;
        }
        let due = running.core.next_deadline();
        let Some(due) = due.map(|due| self.ms(due)) else { return };
        let running = self.instances[at].calls.get_mut(&call).expect("it runs");
        if running.woken_at.is_none_or(|at| due < at) {
            running.woken_at = Some(due);
            self.later(at, due, Work::Call(Task::WakeCall(call)));
        }
    }

    /// Answers, which may be lost on the way to another instance.
    fn reply(&mut self, at: usize, request: Request, reply: Reply) {
        if matches!(request.action, Action::Gone | Action::Connect) {
            return;
        }
        let is_own = request.from == self.node(at);
        let is_lost = !is_own && (!self.instances[at].is_linked || !self.is_calm && self.dice.percent(4));
        let from = self.living(request.from).filter(|from| is_own || self.instances[*from].is_linked);
        if let Some(from) = from.filter(|_| !is_lost) {
            self.soon(from, Work::Call(Task::Replied(request, reply)));
        }
    }

    /// Tells a device something, wherever it is; what goes to another instance may be lost.
    pub(super) fn tell(&mut self, at: usize, call: CallNo, device: ConnectionId, news: News) {
        let Some(&node) = self.instances[at].calls[&call].nodes.get(&device) else { return };
        if node == self.node(at) {
            return self.soon(at, Work::Call(Task::News(device, call, news)));
        }
        let is_lost = !self.instances[at].is_linked || !self.is_calm && self.dice.percent(5);
        let to = self.living(node).filter(|to| !is_lost && self.instances[*to].is_linked);
        if let Some(to) = to {
            let arrives = self.now + self.dice.ms(0, 20);
            let arrives = self.bus.arrival(at, to, arrives);
            self.later(to, arrives, Work::Call(Task::News(device, call, news)));
        }
    }
}

fn is_record(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::RecordInvited { .. }
            | Effect::RecordAnswer { .. }
            | Effect::RecordDevice { .. }
            | Effect::RecordOut { .. }
            | Effect::RecordTransfer(_)
            | Effect::RecordEnd(_)
    )
}
