//! Devices that take part in calls, and their instances, which ask for them how those stand.

use super::{AGAIN_MS, ASK_MS, Action, CallNo, News, PATIENCE_MS, Reply, Request, Side, Task, user_id};
use crate::world::{Work, World};
use common::{
    id::{ConnectionId, NodeId},
    protocol::call::EndReason,
};
use signalling_core::call::{
    CallError,
    part::{self, Attended, Found, Part, Runner},
};
use std::time::Instant;

/// How soon a device asks again whether its user is called, where nobody answers.
const LATE_MS: u64 = 1000;

pub(crate) struct Attending {
    part: Part,
    pub(super) woken_at: Option<u64>,
}

impl World {
    /// Its connection is gone.
    pub(crate) fn leave_calls(&mut self, at: usize, connection: ConnectionId) {
        let parts = self.instances[at].parts.keys().filter(|(device, _)| *device == connection);
        let parts: Vec<CallNo> = parts.map(|(_, call)| *call).collect();
        for call in parts {
            self.ask(at, connection, call, Action::Gone);
            self.instances[at].parts.remove(&(connection, call));
        }
    }

    /// Asks the instance that runs the call.
    pub(super) fn ask(&mut self, at: usize, device: ConnectionId, call: CallNo, action: Action) {
        let part = self.instances[at].parts.get(&(device, call));
        let Some(runner) = part.map(|attending| attending.part.runner()) else { return };
        let Some(user) = self.user_of(at, device) else { return };
        self.ask_at(at, runner.node, device, user, call, action);
    }

    /// Of a connection that is there, or has just gone.
    fn user_of(&self, at: usize, device: ConnectionId) -> Option<u128> {
        let who = self.instances[at].connections.get(&device).or_else(|| self.owners.get(&device))?;
        Some(self.clients[*who].user)
    }

    pub(super) fn ask_at(
        &mut self,
        at: usize,
        runner: NodeId,
        device: ConnectionId,
        user: u128,
        call: CallNo,
        action: Action,
    ) {
        let (from, until) = (self.node(at), self.now + PATIENCE_MS);
        let request = Request {
            number: 0,
            from,
            device,
            user,
            call,
            action,
            with: None,
            heard: 0,
            until,
            is_in_doubt: false,
        };
        self.send_request(at, runner, request);
    }

    fn send_request(&mut self, at: usize, runner: NodeId, mut request: Request) {
        self.count += 1;
        request.number = self.count;
        let part = self.instances[at].parts.get(&(request.device, request.call));
        request.with = part.and_then(|attending| attending.part.with());
        request.heard = part.map_or(0, |attending| attending.part.heard());
        self.instances[at].asked.insert(request.number);
        if runner == request.from {
            return self.order(at, request);
        }
        if !self.instances[at].is_linked {
            return self.soon(at, Work::Call(Task::Replied(request, Reply::Away)));
        }
        let Some(to) = self.living(runner).filter(|to| self.instances[*to].is_linked) else {
            return self.soon(at, Work::Call(Task::Replied(request, Reply::NobodyThere)));
        };
        self.later(at, self.now + ASK_MS, Work::Call(Task::Replied(request, Reply::TimedOut)));
        if self.is_calm || !self.dice.percent(4) {
            self.soon(to, Work::Call(Task::Asked(request)));
        }
    }

    /// What the store says of the call, for a device.
    fn find_call(&self, device: ConnectionId, user: u128, call: CallNo) -> Found {
        if self.is_store_away {
            return Found::Unclear;
        }
        let record = &self.records[&call];
        let noted = record.noted(user_id(user));
        let is_elsewhere = noted.and_then(|noted| noted.device).is_some_and(|had| had != device);
        match noted.and_then(|noted| noted.outcome).or(record.ended) {
            Some(_) if is_elsewhere => Found::Over(EndReason::AnsweredElsewhere),
            Some(reason) => Found::Over(reason),
            None => Found::Runs(Runner { node: record.runner, epoch: record.epoch }),
        }
    }

    pub(super) fn replied(&mut self, at: usize, request: Request, reply: Reply) {
        let Request { device, call, action, .. } = request;
        match action {
            Action::Attend => {
                let attended = match reply {
                    Reply::Nothing | Reply::NobodyThere => Attended::Nobody,
                    Reply::Said(_) | Reply::Stands(..) => Attended::Known,
                    Reply::TimedOut => Attended::Silent,
                    Reply::Away => Attended::Unclear,
                };
                self.act_part(at, device, call, |part, now| part.handle_attended(attended, now));
            }
            Action::Accept | Action::Reject | Action::Cancel | Action::HangUp => {
                self.acted(at, request, reply);
            }
            // It is there, and the call waits for it no more.
            Action::AnswerTransfer { is_there: true, .. }
                if matches!(reply, Reply::Said(Err(CallError::WrongState))) =>
            {
                self.ask(at, device, call, Action::HangUp);
            }
            Action::Resume { from } => self.resumed(at, request, from, reply),
            Action::Gone
            | Action::Connect
            | Action::Invite { .. }
            | Action::Withdraw { .. }
            | Action::Transfer { .. }
            | Action::AnswerTransfer { .. } => {}
        }
    }

    fn acted(&mut self, at: usize, mut request: Request, reply: Reply) {
        let Request { device, call, action, .. } = request;
        let is_accept = action == Action::Accept;
        match reply {
            Reply::Said(Ok(())) if is_accept => return self.accepted(at, device, call),
            Reply::Said(_) | Reply::Stands(..) => {
                return self.ring_on(at, device, call);
            }
            Reply::TimedOut => request.is_in_doubt = true,
            Reply::Nothing | Reply::NobodyThere | Reply::Away => {}
        }
        match self.find_call(device, request.user, call) {
            Found::Over(_) => return self.ring_on(at, device, call),
            Found::Runs(runner) => {
                self.act_part(at, device, call, |part, now| {
                    part.handle_runner(runner, now);
                    None
                });
            }
            Found::Unclear => {}
        }
        if self.now < request.until {
            return self.later(at, self.now + AGAIN_MS, Work::Call(Task::Again(request)));
        }
        if !is_accept || !request.is_in_doubt {
            return self.ring_on(at, device, call);
        }
        if let Some(client) = self.client(at, device) {
            client.calls.remove(&call);
            self.outcomes.get_mut(&call).expect("it is known").gave_up.insert(device);
            self.ask(at, device, call, Action::Gone);
            self.instances[at].parts.remove(&(device, call));
        }
    }

    pub(super) fn ask_again(&mut self, at: usize, request: Request) {
        let part = self.instances[at].parts.get(&(request.device, request.call));
        match part.map(|attending| attending.part.runner()) {
            Some(runner) => self.send_request(at, runner.node, request),
            // It is over for it.
            None => self.ring_on(at, request.device, request.call),
        }
    }

    fn accepted(&mut self, at: usize, device: ConnectionId, call: CallNo) {
        if let Some(attending) = self.instances[at].parts.get_mut(&(device, call)) {
            attending.part.handle_accepted();
        }
        let (what, user) = (self.what(), self.user_of(at, device).expect("it is there"));
        let Some(side) = self.client(at, device).and_then(|client| client.calls.get_mut(&call)) else {
            return;
        };
        *side = Side::Talking;
        let outcome = self.outcomes.get_mut(&call).expect("it is known");
        outcome.winners.insert((user, device));
        let winners: Vec<_> = outcome.winners.iter().filter(|(of, _)| *of == user).collect();
        assert!(winners.len() == 1 || outcome.is_unrecorded, "{what}: {winners:?} have call {call}");
    }

    /// It has not taken the call, and is told otherwise if it is over.
    fn ring_on(&mut self, at: usize, device: ConnectionId, call: CallNo) {
        if let Some(side) = self.client(at, device).and_then(|client| client.calls.get_mut(&call))
            && *side == Side::Accepting
        {
            *side = Side::Ringing;
        }
    }

    /// Hands news to a connection of this instance.
    pub(super) fn deliver(&mut self, at: usize, device: ConnectionId, call: CallNo, news: News) {
        match news {
            News::Incoming(runner, rings_for) => {
                if !self.instances[at].connections.contains_key(&device) {
                    let Some(user) = self.user_of(at, device) else { return };
                    return self.ask_at(at, runner.node, device, user, call, Action::Gone);
                }
                if self.instances[at].parts.contains_key(&(device, call)) {
                    return self.follow(at, device, call, runner);
                }
                let now = self.time();
                if let Some(client) = self.client(at, device) {
                    client.calls.insert(call, Side::Ringing);
                }
                self.begin_part(at, device, call, Part::ringing(runner, rings_for, now));
            }
            News::Runner(runner) => self.follow(at, device, call, runner),
            News::Answered(with) | News::Resumed(with) => {
                let part = self.instances[at].parts.get_mut(&(device, call));
                if part.is_some_and(|attending| attending.part.handle_with(with))
                    && let Some(side) = self.client(at, device).and_then(|client| client.calls.get_mut(&call))
                {
                    *side = Side::Talking;
                }
            }
            News::Changed(revision) => {
                if let Some(attending) = self.instances[at].parts.get_mut(&(device, call)) {
                    attending.part.handle_parties(revision);
                }
            }
            News::Transferring(room) => {
                // It may be that it goes, that it cannot, or that it says nothing.
                let (is_answered, is_there) = (self.dice.percent(80), self.dice.percent(70));
                if self.instances[at].parts.contains_key(&(device, call)) && is_answered {
                    let outcome = self.outcomes.get_mut(&call).expect("it is known");
                    outcome.to_room += usize::from(is_there);
                    self.ask(at, device, call, Action::AnswerTransfer { room, is_there });
                }
            }
            News::TransferFailed => {}
            News::Ended(reason) => {
                if self.instances[at].parts.remove(&(device, call)).is_some() {
                    self.outcomes.get_mut(&call).expect("it is known").told.push((device, reason));
                    if let Some(client) = self.client(at, device) {
                        client.calls.remove(&call);
                    }
                }
            }
        }
    }

    fn follow(&mut self, at: usize, device: ConnectionId, call: CallNo, runner: Runner) {
        self.act_part(at, device, call, |part, now| {
            part.handle_runner(runner, now);
            part.handle_deadline(now)
        });
    }

    pub(super) fn begin_part(&mut self, at: usize, device: ConnectionId, call: CallNo, part: Part) {
        self.instances[at].parts.insert((device, call), Attending { part, woken_at: None });
        self.act_part(at, device, call, |_, _| None);
    }

    pub(super) fn act_part(
        &mut self,
        at: usize,
        device: ConnectionId,
        call: CallNo,
        act: impl FnOnce(&mut Part, Instant) -> Option<part::Effect>,
    ) {
        let (now, user) = (self.time(), self.user_of(at, device));
        let Some(attending) = self.instances[at].parts.get_mut(&(device, call)) else { return };
        let mut effect = act(&mut attending.part, now);
        let mut is_found = false;
        if effect == Some(part::Effect::Look) {
            let Some(user) = user else { return };
            let found = self.find_call(device, user, call);
            is_found = matches!(found, Found::Over(_));
            let attending = self.instances[at].parts.get_mut(&(device, call)).expect("it is there");
            effect = attending.part.handle_found(found, now);
        }
        match effect {
            Some(part::Effect::Attend) => self.ask(at, device, call, Action::Attend),
            Some(part::Effect::End(reason)) => {
                self.instances[at].parts.remove(&(device, call));
                // What is found in the store is as good as told.
                let outcome = self.outcomes.get_mut(&call).expect("it is known");
                if is_found { &mut outcome.told } else { &mut outcome.assumed }.push((device, reason));
                if let Some(client) = self.client(at, device) {
                    client.calls.remove(&call);
                }
            }
            Some(part::Effect::Look) | None => {}
        }
        let Some(attending) = self.instances[at].parts.get(&(device, call)) else { return };
        let due = self.ms(attending.part.next_deadline());
        let attending = self.instances[at].parts.get_mut(&(device, call)).expect("it rings");
        if attending.woken_at.is_none_or(|at| due < at) {
            attending.woken_at = Some(due);
            self.later(at, due, Work::Call(Task::WakePart(device, call)));
        }
    }

    /// A device has connected: perhaps its user is called.
    pub(super) fn come_late(&mut self, at: usize, device: ConnectionId) {
        let Some(&who) = self.instances[at].connections.get(&device) else { return };
        let user = self.clients[who].user;
        let Some(lease) = self.lease(user) else { return };
        let Some(to) = self
            .living(lease.node)
            .filter(|to| *to == at || self.instances[at].is_linked && self.instances[*to].is_linked)
        else {
            return self.later(at, self.now + LATE_MS, Work::Call(Task::Late(device)));
        };
        let running = self.instances[to].calls.get(&lease.call);
        if running.is_some_and(|running| running.is_callee(user)) {
            self.ask_at(at, lease.node, device, user, lease.call, Action::Connect);
        }
    }

    /// Somebody connects again who was in calls: they go on with them, if they can.
    pub(crate) fn resume_calls(&mut self, who: usize) {
        let Some((at, device)) = self.clients[who].connected else { return };
        let until = self.now + PATIENCE_MS;
        for (call, from) in std::mem::take(&mut self.clients[who].lost_calls) {
            if self.dice.percent(80) {
                self.soon(at, Work::Call(Task::Resume { device, call, from, until }));
            }
        }
    }

    pub(super) fn resume(
        &mut self,
        at: usize,
        device: ConnectionId,
        call: CallNo,
        from: ConnectionId,
        until: u64,
    ) {
        let Some(&who) = self.instances[at].connections.get(&device) else { return };
        let user = self.clients[who].user;
        if self.is_store_away {
            return self.resume_later(at, device, call, from, until);
        }
        let record = &self.records[&call];
        if record.noted(user_id(user)).is_some_and(|noted| noted.outcome.is_none()) {
            let (runner, action, node) = (record.runner, Action::Resume { from }, self.node(at));
            let is_in_doubt = false;
            let request = Request {
                number: 0,
                from: node,
                device,
                user,
                call,
                action,
                with: None,
                heard: 0,
                until,
                is_in_doubt,
            };
            self.send_request(at, runner, request);
        }
    }

    fn resume_later(
        &mut self,
        at: usize,
        device: ConnectionId,
        call: CallNo,
        from: ConnectionId,
        until: u64,
    ) {
        if self.now < until {
            let task = Task::Resume { device, call, from, until };
            self.later(at, self.now + AGAIN_MS, Work::Call(task));
        }
    }

    fn resumed(&mut self, at: usize, request: Request, from: ConnectionId, reply: Reply) {
        let Request { device, call, user, until, .. } = request;
        let (epoch, rings_for, with) = match reply {
            Reply::Stands(epoch, rings_for, with) => (epoch, rings_for, with),
            Reply::Said(_) => return,
            Reply::Nothing | Reply::NobodyThere | Reply::Away | Reply::TimedOut => {
                return self.resume_later(at, device, call, from, until);
            }
        };
        let now = self.time();
        let record = &self.records[&call];
        let (runner, is_caller) = (record.runner, record.people[0].user == user_id(user));
        if !self.instances[at].connections.contains_key(&device) {
            return self.ask_at(at, runner, device, user, call, Action::Gone);
        }
        let runner = Runner { node: runner, epoch };
        let (side, part) = match rings_for {
            Some(rings_for) if !is_caller => (Side::Ringing, Part::ringing(runner, rings_for, now)),
            Some(_) => (Side::Calling, Part::talking(runner, with, now)),
            None => (Side::Talking, Part::talking(runner, with, now)),
        };
        if let Some(client) = self.client(at, device) {
            client.calls.insert(call, side);
        }
        if self.instances[at].parts.contains_key(&(device, call)) {
            return self.follow(at, device, call, runner);
        }
        self.begin_part(at, device, call, part);
    }
}
