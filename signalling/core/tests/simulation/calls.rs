//! Calls in a run: who rings whom, what their devices do, and what instances say to each other about it.

use crate::world::{Work, World};
use common::{
    id::{ConnectionId, NodeId},
    protocol::call::EndReason,
};
use signalling_core::call::{
    Call, CallError, Effect,
    part::{self, Attended, Part},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How long another instance may take to answer.
const ASK_MS: u64 = 5000;

/// How often accepting is tried where nobody knows what came of it.
const ACCEPT_ATTEMPTS: u32 = 3;

pub(crate) type CallNo = u64;

/// A call as a client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Calling,
    Ringing,
    /// It has picked up, and waits; how often it was tried, and whether one may have been carried out.
    Accepting {
        attempts: u32,
        is_in_doubt: bool,
    },
    Talking,
}

/// What became of a call, as far as anybody knows.
#[derive(Default)]
pub(crate) struct Outcome {
    answered_by: Option<ConnectionId>,
    recorded: Option<EndReason>,
    caller: Option<ConnectionId>,
    /// Who was told that they took it.
    pub(crate) winners: BTreeSet<ConnectionId>,
    /// What each was told by the instance that ran it, and what they were told by their own.
    told: BTreeMap<ConnectionId, EndReason>,
    assumed: BTreeMap<ConnectionId, EndReason>,
    /// An instance was killed or cut off meanwhile.
    is_cut: bool,
    /// Those who gave up accepting.
    gave_up: BTreeSet<ConnectionId>,
}

/// A call on the instance that runs it.
pub(crate) struct Running {
    core: Call,
    nodes: BTreeMap<ConnectionId, NodeId>,
    users: [u128; 2],
    woken_at: Option<u64>,
}

pub(crate) struct Attending {
    part: Part,
    woken_at: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum News {
    Incoming { runner: NodeId, rings_for: Duration },
    Answered,
    Ended(EndReason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Accept,
    Reject,
    Cancel,
    HangUp,
    Gone,
    Connect,
    Attend,
}

/// What came of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    Said(Result<(), CallError>),
    /// There is no such call, or no such instance.
    Nothing,
    NobodyThere,
    Away,
    TimedOut,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// Numbers all that were ever made.
    number: u64,
    from: NodeId,
    device: ConnectionId,
    call: CallNo,
    action: Action,
}

pub(crate) enum Task {
    News(ConnectionId, CallNo, News),
    Asked(Request),
    Replied(Request, Reply),
    WakeCall(CallNo),
    WakePart(ConnectionId, CallNo),
    /// A device has connected: perhaps its user is called.
    Late(ConnectionId),
}

impl World {
    fn node(&self, at: usize) -> NodeId {
        let (life, at) = (u128::from(self.instances[at].life), u128::try_from(at).expect("it fits"));
        NodeId::from_uuid(Uuid::from_u128(life << 32 | at))
    }

    /// The instance, if it lives.
    fn living(&self, node: NodeId) -> Option<usize> {
        (0..self.instances.len()).find(|at| self.instances[*at].is_alive && self.node(*at) == node)
    }

    pub(crate) fn ring(&mut self, who: usize) {
        let Some((at, connection)) = self.clients[who].connected else { return };
        let other = self.dice.roll(self.clients.len());
        let (caller, callee) = (self.clients[who].user, self.clients[other].user);
        if caller == callee || [caller, callee].iter().any(|user| self.busy.contains_key(user)) {
            return;
        }
        let mut nodes = BTreeMap::new();
        for other in 0..self.instances.len() {
            let is_seen = other == at || self.instances[at].is_linked && self.instances[other].is_linked;
            let connections = &self.instances[other].connections;
            let theirs = connections.iter().filter(|(_, who)| self.clients[**who].user == callee);
            if is_seen && self.instances[other].is_alive {
                nodes.extend(theirs.map(|(device, _)| (*device, self.node(other))));
            }
        }
        if nodes.is_empty() {
            return;
        }
        self.count += 1;
        let (call, now, runner) = (self.count, self.time(), self.node(at));
        let devices: Vec<ConnectionId> = nodes.keys().copied().collect();
        let core = Call::ring(connection, devices.iter().copied(), now);
        nodes.insert(connection, runner);
        let running = Running { core, nodes, users: [caller, callee], woken_at: None };
        self.busy.extend([(caller, (runner, call)), (callee, (runner, call))]);
        self.instances[at].calls.insert(call, running);
        let attending = Attending { part: Part::of_caller(runner), woken_at: None };
        self.instances[at].parts.insert((connection, call), attending);
        self.clients[who].calls.insert(call, Side::Calling);
        let is_cut = self.instances.iter().any(|instance| !instance.is_linked);
        self.outcomes.insert(call, Outcome { caller: Some(connection), is_cut, ..Outcome::default() });
        let news = News::Incoming { runner, rings_for: signalling_core::call::RING_TIME };
        devices.into_iter().for_each(|device| self.tell(at, call, device, news));
        let is_linked = self.instances[at].is_linked;
        self.act_call(at, call, |core, now, _| core.set_linked(is_linked, now));
    }

    /// Somebody with a call does something about it.
    pub(crate) fn handle_some_call(&mut self) {
        let clients = self.clients.iter().enumerate().filter(|(_, client)| !client.calls.is_empty());
        let busy: Vec<usize> = clients.map(|(who, _)| who).collect();
        if busy.is_empty() {
            return;
        }
        let who = busy[self.dice.roll(busy.len())];
        let call = *self.clients[who].calls.keys().next().expect("it has one");
        // Two devices pick up at the same moment.
        for other in busy.into_iter().filter(|other| *other != who) {
            if self.clients[other].calls.get(&call) == Some(&Side::Ringing) {
                self.handle_call(other);
            }
        }
        self.handle_call(who);
    }

    fn handle_call(&mut self, who: usize) {
        let Some((at, connection)) = self.clients[who].connected else { return };
        let Some((&call, &side)) = self.clients[who].calls.iter().next() else { return };
        let action = match (side, self.dice.roll(10)) {
            (Side::Calling, 0..2) => Action::Cancel,
            (Side::Ringing, 0..1) => Action::Reject,
            (Side::Ringing, 1..6) => {
                let accepting = Side::Accepting { attempts: 1, is_in_doubt: false };
                self.clients[who].calls.insert(call, accepting);
                Action::Accept
            }
            (Side::Talking, 0..3) => Action::HangUp,
            _ => return,
        };
        self.ask(at, connection, call, action);
    }

    /// Its connection is gone.
    pub(crate) fn leave_calls(&mut self, at: usize, connection: ConnectionId) {
        let parts = self.instances[at].parts.keys().filter(|(device, _)| *device == connection);
        let parts: Vec<CallNo> = parts.map(|(_, call)| *call).collect();
        for call in parts {
            self.ask(at, connection, call, Action::Gone);
            self.instances[at].parts.remove(&(connection, call));
        }
    }

    /// An instance is killed or cut off: whoever has to do with calls that anybody knows of may not hear of it.
    pub(crate) fn cut_calls(&mut self) {
        let known = self.instances.iter().flat_map(|instance| {
            instance.calls.keys().copied().chain(instance.parts.keys().map(|(_, call)| *call))
        });
        for call in known {
            self.outcomes.get_mut(&call).expect("it is known").is_cut = true;
        }
    }

    /// Instances have ceased or begun to be within reach.
    pub(crate) fn link_calls(&mut self, at: usize) {
        let is_linked = self.instances[at].is_linked;
        let calls: Vec<CallNo> = self.instances[at].calls.keys().copied().collect();
        for call in calls {
            self.act_call(at, call, |core, now, _| core.set_linked(is_linked, now));
        }
    }

    /// Whoever runs calls there runs them no more.
    pub(crate) fn kill_calls(&mut self, at: usize) {
        self.cut_calls();
        let node = self.node(at);
        self.busy.retain(|_, (runner, _)| *runner != node);
        self.instances[at].calls.clear();
        self.instances[at].parts.clear();
        self.instances[at].asked.clear();
    }

    pub(crate) fn work_call(&mut self, at: usize, task: Task) {
        match task {
            Task::News(device, call, news) => {
                if self.instances[at].is_linked {
                    self.deliver(at, device, call, news);
                }
            }
            Task::Asked(request) => {
                let reply = self.order(at, request);
                if request.action == Action::Gone || request.action == Action::Connect {
                    return;
                }
                let (from, is_linked) = (self.living(request.from), self.instances[at].is_linked);
                let is_lost = !self.is_calm && self.dice.percent(4);
                if let Some(from) =
                    from.filter(|from| is_linked && self.instances[*from].is_linked && !is_lost)
                {
                    self.soon(from, Work::Call(Task::Replied(request, reply)));
                }
            }
            Task::Replied(request, reply) => {
                if self.instances[at].asked.remove(&request.number) {
                    self.replied(at, request, reply);
                }
            }
            Task::WakeCall(call) => {
                if let Some(running) = self.instances[at].calls.get_mut(&call) {
                    running.woken_at = None;
                    self.act_call(at, call, |core, now, effects| core.handle_deadline(now, effects));
                }
            }
            Task::WakePart(device, call) => {
                if let Some(attending) = self.instances[at].parts.get_mut(&(device, call)) {
                    attending.woken_at = None;
                    self.act_part(at, device, call, |part, now| part.handle_deadline(now));
                }
            }
            Task::Late(device) => {
                let Some(&who) = self.instances[at].connections.get(&device) else { return };
                let user = self.clients[who].user;
                let Some(&(runner, call)) = self.busy.get(&user) else { return };
                let running = self.living(runner).and_then(|at| self.instances[at].calls.get(&call));
                if running.is_some_and(|running| running.users[1] == user) {
                    self.ask_at(at, runner, device, call, Action::Connect);
                }
            }
        }
    }

    /// Asks the instance that runs the call.
    fn ask(&mut self, at: usize, device: ConnectionId, call: CallNo, action: Action) {
        let part = self.instances[at].parts.get(&(device, call));
        if let Some(runner) = part.map(|attending| attending.part.runner()) {
            self.ask_at(at, runner, device, call, action);
        }
    }

    fn ask_at(&mut self, at: usize, runner: NodeId, device: ConnectionId, call: CallNo, action: Action) {
        self.count += 1;
        let request = Request { number: self.count, from: self.node(at), device, call, action };
        self.instances[at].asked.insert(request.number);
        if runner == request.from {
            let reply = self.order(at, request);
            return self.work_call(at, Task::Replied(request, reply));
        }
        if !self.instances[at].is_linked {
            return self.work_call(at, Task::Replied(request, Reply::Away));
        }
        let Some(to) = self.living(runner).filter(|to| self.instances[*to].is_linked) else {
            return self.soon(at, Work::Call(Task::Replied(request, Reply::NobodyThere)));
        };
        self.later(at, self.now + ASK_MS, Work::Call(Task::Replied(request, Reply::TimedOut)));
        if self.is_calm || !self.dice.percent(4) {
            self.soon(to, Work::Call(Task::Asked(request)));
        }
    }

    /// The call decides.
    fn order(&mut self, at: usize, request: Request) -> Reply {
        let Request { from, device, call, action, .. } = request;
        if !self.instances[at].calls.contains_key(&call) {
            return Reply::Nothing;
        }
        let mut outcome = Ok(());
        if action == Action::Attend || action == Action::Connect {
            let running = self.instances[at].calls.get_mut(&call).expect("it runs");
            running.nodes.insert(device, from);
        }
        self.act_call(at, call, |core, now, effects| {
            if action != Action::Connect {
                core.handle_heard(device, now);
            }
            outcome = match action {
                Action::Accept => core.handle_accept(device, effects),
                Action::Reject => core.handle_reject(device, now, effects),
                Action::Cancel => core.handle_cancel(device, now, effects),
                Action::HangUp => core.handle_hang_up(device, now, effects),
                Action::Connect => core.handle_connected(device, now, effects),
                Action::Attend => core.handle_attend(device, now, effects),
                Action::Gone => {
                    core.handle_gone(device, now, effects);
                    Ok(())
                }
            };
        });
        Reply::Said(outcome)
    }

    fn replied(&mut self, at: usize, request: Request, reply: Reply) {
        let Request { device, call, action, .. } = request;
        match action {
            Action::Attend => {
                let attended = match reply {
                    Reply::Nothing | Reply::Said(Err(CallError::Over)) => Attended::Unknown,
                    Reply::Said(_) => Attended::Known,
                    Reply::NobodyThere => Attended::NobodyThere,
                    Reply::Away | Reply::TimedOut => Attended::Unclear,
                };
                self.act_part(at, device, call, |part, now| part.handle_attended(attended, now));
            }
            Action::Accept => self.accepted(at, device, call, reply),
            Action::Reject | Action::Cancel | Action::HangUp | Action::Gone | Action::Connect => {}
        }
    }

    fn accepted(&mut self, at: usize, device: ConnectionId, call: CallNo, reply: Reply) {
        if let (Reply::Said(Ok(())), Some(attending)) =
            (reply, self.instances[at].parts.get_mut(&(device, call)))
        {
            attending.part.handle_accepted();
        }
        let what = self.what();
        let Some(client) = self.client(at, device) else { return };
        let Some(side) = client.calls.get_mut(&call) else { return };
        let Side::Accepting { attempts, is_in_doubt } = *side else { return };
        match reply {
            Reply::Said(Ok(())) => {
                *side = Side::Talking;
                let winners = &mut self.outcomes.get_mut(&call).expect("it is known").winners;
                winners.insert(device);
                assert!(winners.len() == 1, "{what}: {winners:?} have call {call}");
            }
            Reply::Away if !is_in_doubt => *side = Side::Ringing,
            Reply::Said(Err(_)) | Reply::Nothing | Reply::NobodyThere => *side = Side::Ringing,
            Reply::Away | Reply::TimedOut if attempts < ACCEPT_ATTEMPTS => {
                *side = Side::Accepting { attempts: attempts + 1, is_in_doubt: true };
                self.ask(at, device, call, Action::Accept);
            }
            Reply::Away | Reply::TimedOut => {
                client.calls.remove(&call);
                self.outcomes.get_mut(&call).expect("it is known").gave_up.insert(device);
                self.ask(at, device, call, Action::Gone);
                self.instances[at].parts.remove(&(device, call));
            }
        }
    }

    fn act_call(&mut self, at: usize, call: CallNo, act: impl FnOnce(&mut Call, Instant, &mut Vec<Effect>)) {
        let now = self.time();
        let Some(running) = self.instances[at].calls.get_mut(&call) else { return };
        let mut effects = Vec::new();
        act(&mut running.core, now, &mut effects);
        let (is_over, is_forgotten, users) =
            (running.core.is_over(), running.core.is_forgotten(), running.users);
        for effect in effects {
            self.carry_out_call(at, call, effect);
        }
        if is_over {
            for user in users {
                if self.busy.get(&user).is_some_and(|(_, busy)| *busy == call) {
                    self.busy.remove(&user);
                }
            }
        }
        if is_forgotten {
            self.instances[at].calls.remove(&call);
            return;
        }
        let Some(running) = self.instances[at].calls.get(&call) else { return };
        let due = running.core.next_deadline().map(|due| self.ms(due));
        let running = self.instances[at].calls.get_mut(&call).expect("it runs");
        if let Some(due) = due.filter(|due| running.woken_at.is_none_or(|at| *due < at)) {
            running.woken_at = Some(due);
            self.later(at, due, Work::Call(Task::WakeCall(call)));
        }
    }

    fn carry_out_call(&mut self, at: usize, call: CallNo, effect: Effect) {
        let what = self.what();
        let outcome = self.outcomes.get_mut(&call).expect("it is known");
        match effect {
            Effect::RecordAnswer => {}
            Effect::RecordEnd(reason) => {
                assert_eq!(outcome.recorded.replace(reason), None, "{what}: call {call} ends once");
            }
            Effect::TellIncoming { to, rings_for } => {
                let runner = self.node(at);
                self.tell(at, call, to, News::Incoming { runner, rings_for });
            }
            Effect::TellAnswered { to, by } => {
                assert_eq!(outcome.answered_by.replace(by), None, "{what}: call {call} is answered once");
                self.tell(at, call, to, News::Answered);
            }
            Effect::TellEnded { to, reason } => self.tell(at, call, to, News::Ended(reason)),
        }
    }

    /// Tells a device something, wherever it is; what goes to another instance may be lost.
    fn tell(&mut self, at: usize, call: CallNo, device: ConnectionId, news: News) {
        let Some(&node) = self.instances[at].calls[&call].nodes.get(&device) else { return };
        if node == self.node(at) {
            return self.deliver(at, device, call, news);
        }
        let is_lost = !self.instances[at].is_linked || !self.is_calm && self.dice.percent(5);
        let to = self.living(node).filter(|to| !is_lost && self.instances[*to].is_linked);
        if let Some(to) = to {
            let arrives = self.now + self.dice.ms(0, 20);
            let arrives = self.bus.arrival(at, to, arrives);
            self.later(to, arrives, Work::Call(Task::News(device, call, news)));
        }
    }

    /// Hands news to a connection of this instance.
    fn deliver(&mut self, at: usize, device: ConnectionId, call: CallNo, news: News) {
        match news {
            News::Incoming { runner, rings_for } => {
                if !self.instances[at].connections.contains_key(&device) {
                    return self.ask_at(at, runner, device, call, Action::Gone);
                }
                if self.instances[at].parts.contains_key(&(device, call)) {
                    return;
                }
                let part = Part::ringing(runner, rings_for, self.time());
                self.instances[at].parts.insert((device, call), Attending { part, woken_at: None });
                if let Some(client) = self.client(at, device) {
                    client.calls.insert(call, Side::Ringing);
                }
                self.act_part(at, device, call, |_, _| None);
            }
            News::Answered => {
                if let Some(client) = self.client(at, device)
                    && let Some(side) = client.calls.get_mut(&call)
                {
                    *side = Side::Talking;
                }
            }
            News::Ended(reason) => {
                if self.instances[at].parts.remove(&(device, call)).is_some() {
                    self.outcomes.get_mut(&call).expect("it is known").told.insert(device, reason);
                    if let Some(client) = self.client(at, device) {
                        client.calls.remove(&call);
                    }
                }
            }
        }
    }

    fn act_part(
        &mut self,
        at: usize,
        device: ConnectionId,
        call: CallNo,
        act: impl FnOnce(&mut Part, Instant) -> Option<part::Effect>,
    ) {
        let now = self.time();
        let Some(attending) = self.instances[at].parts.get_mut(&(device, call)) else { return };
        match act(&mut attending.part, now) {
            Some(part::Effect::Attend) => self.ask(at, device, call, Action::Attend),
            Some(part::Effect::End(reason)) => {
                self.instances[at].parts.remove(&(device, call));
                self.outcomes.get_mut(&call).expect("it is known").assumed.insert(device, reason);
                if let Some(client) = self.client(at, device) {
                    client.calls.remove(&call);
                }
            }
            None => {}
        }
        let Some(attending) = self.instances[at].parts.get(&(device, call)) else { return };
        let due = attending.part.next_deadline().map(|due| self.ms(due));
        let attending = self.instances[at].parts.get_mut(&(device, call)).expect("it rings");
        if let Some(due) = due.filter(|due| attending.woken_at.is_none_or(|at| *due < at)) {
            attending.woken_at = Some(due);
            self.later(at, due, Work::Call(Task::WakePart(device, call)));
        }
    }

    /// Nobody is left ringing or talks to nobody, and all agree on how each call ended; how many were taken.
    pub(crate) fn check_calls(&self) -> usize {
        let what = self.what();
        let mut talking: BTreeMap<CallNo, BTreeSet<ConnectionId>> = BTreeMap::new();
        for client in &self.clients {
            let Some((_, connection)) = client.connected else { continue };
            for (call, side) in &client.calls {
                assert_eq!(*side, Side::Talking, "{what}: {connection} is left in call {call}");
                talking.entry(*call).or_default().insert(connection);
            }
        }
        for (call, talk) in &talking {
            let outcome = &self.outcomes[call];
            let both = [outcome.caller, outcome.answered_by].into_iter().flatten().collect();
            assert_eq!(*talk, both, "{what}: both sides of call {call} are in it");
        }
        for (call, outcome) in &self.outcomes {
            self.check_outcome(*call, outcome, &what);
        }
        self.outcomes.values().filter(|outcome| !outcome.winners.is_empty()).count()
    }

    fn check_outcome(&self, call: CallNo, outcome: &Outcome, what: &str) {
        for (device, reason) in &outcome.told {
            let is_other =
                *device != outcome.answered_by.unwrap_or(*device) && Some(*device) != outcome.caller;
            let expected = if is_other { Some(EndReason::AnsweredElsewhere) } else { outcome.recorded };
            assert_eq!(Some(*reason), expected, "{what}: what {device} was told of call {call}");
        }
        for winner in &outcome.winners {
            assert_eq!(Some(*winner), outcome.answered_by, "{what}: who took call {call}");
            if let Some(reason) = outcome.assumed.get(winner) {
                assert!(outcome.is_cut, "{what}: {winner} was told how call {call} ended");
                assert_eq!(*reason, EndReason::Lost, "{what}: {winner} talked in call {call}");
            }
        }
        if self.is_calm {
            assert!(outcome.assumed.is_empty(), "{what}: call {call}: {:?}", outcome.assumed);
            assert!(outcome.gave_up.is_empty(), "{what}: call {call} can be reached");
        }
    }
}
