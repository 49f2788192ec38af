//! Calls in a run: who rings whom, what their devices do, and what is agreed on in the end.

mod devices;
mod runner;
mod takeover;

use crate::world::{Work, World};
use common::{
    id::{ConnectionId, NodeId, RoomId, UserId},
    protocol::call::EndReason,
};
use signalling_core::call::{
    Call, CallError, Invitation, RecordedTransfer,
    part::{Part, Runner},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use uuid::Uuid;

pub(crate) use devices::Attending;
pub(crate) use runner::Running;
pub(crate) use takeover::Heart;

/// How long another instance may take to answer.
const ASK_MS: u64 = 5000;

/// How long somebody waits for their call to be taken over, and how soon they ask again.
const PATIENCE_MS: u64 = 10_000;
const AGAIN_MS: u64 = 300;

/// How long a lease outlives its holder.
const LEASE_MS: u64 = 10_000;

pub(crate) type CallNo = u64;

/// A call as a client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Calling,
    Ringing,
    /// It has picked up, and waits.
    Accepting,
    Talking,
}

/// A call as the store has it.
#[derive(Debug)]
pub(crate) struct Record {
    /// In the order in which they came to it; the first called.
    people: Vec<Noted>,
    epoch: u64,
    runner: NodeId,
    is_answered: bool,
    /// As it was recorded, and when.
    transfer: Option<(RecordedTransfer, u64)>,
    ended: Option<EndReason>,
}

/// One of them.
#[derive(Debug)]
struct Noted {
    user: UserId,
    invitation: Invitation,
    device: Option<ConnectionId>,
    rang_at: u64,
    outcome: Option<EndReason>,
    /// All that it ever was.
    outcomes: BTreeSet<&'static str>,
}

impl Noted {
    const fn new(user: UserId, by: UserId, device: Option<ConnectionId>, rang_at: u64) -> Self {
        let invitation = Invitation { by, is_transfer: false };
        Self { user, invitation, device, rang_at, outcome: None, outcomes: BTreeSet::new() }
    }

    fn end(&mut self, reason: EndReason) {
        self.outcome = Some(reason);
        self.outcomes.insert(reason.as_str());
    }
}

impl Record {
    fn noted(&self, user: UserId) -> Option<&Noted> {
        self.people.iter().find(|noted| noted.user == user)
    }

    fn noted_mut(&mut self, user: UserId) -> &mut Noted {
        self.people.iter_mut().find(|noted| noted.user == user).expect("they are part of it")
    }

    fn end(&mut self, reason: EndReason) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(reason);
        let is_answered = matches!(reason, EndReason::HungUp | EndReason::Lost | EndReason::Transferred);
        for noted in self.people.iter_mut().filter(|noted| noted.outcome.is_none()) {
            let is_spared = is_answered && noted.device.is_none();
            noted.end(if is_spared { EndReason::Cancelled } else { reason });
        }
    }
}

fn room_id(room: usize) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(u128::try_from(room).expect("it fits")))
}

fn user_id(user: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(user))
}

/// What became of a call, as far as anybody was told.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Who was told that they took it.
    winners: BTreeSet<(u128, ConnectionId)>,
    /// What each was told by the instance that ran it, and what by their own, which knew nothing.
    told: Vec<(ConnectionId, EndReason)>,
    assumed: Vec<(ConnectionId, EndReason)>,
    /// An instance was killed or cut off meanwhile, or stood still.
    is_cut: bool,
    /// Something was not stored when it was announced.
    is_unrecorded: bool,
    /// Those who gave up accepting.
    gave_up: BTreeSet<ConnectionId>,
    /// Whether more than two talked at once.
    was_group: bool,
    transferred: usize,
    to_room: usize,
    withdrawn: usize,
    resumed: usize,
    /// By which people went on.
    moved_to: BTreeSet<ConnectionId>,
    taken_over: usize,
}

/// What came of a run's calls.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) taken: usize,
    pub(crate) resumed: usize,
    pub(crate) taken_over: usize,
    pub(crate) ran_on: usize,
    pub(crate) groups: usize,
    pub(crate) transferred: usize,
    pub(crate) to_room: usize,
    pub(crate) withdrawn: usize,
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            taken: sum.taken + one.taken,
            resumed: sum.resumed + one.resumed,
            taken_over: sum.taken_over + one.taken_over,
            ran_on: sum.ran_on + one.ran_on,
            groups: sum.groups + one.groups,
            transferred: sum.transferred + one.transferred,
            to_room: sum.to_room + one.to_room,
            withdrawn: sum.withdrawn + one.withdrawn,
        })
    }
}

/// Who is in a call, and where that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    node: NodeId,
    call: CallNo,
    /// Its holder is dead.
    expires_at: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum News {
    Incoming(Runner, Duration),
    Answered(ConnectionId),
    Resumed(ConnectionId),
    Runner(Runner),
    Changed(u64),
    Transferring(RoomId),
    TransferFailed,
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
    Resume { from: ConnectionId },
    Invite { whom: u128, is_transfer: bool },
    Withdraw { whom: u128 },
    Transfer { room: RoomId },
    AnswerTransfer { room: RoomId, is_there: bool },
}

/// What came of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    Said(Result<(), CallError>),
    /// To whoever comes back: the runner's epoch, for how much longer it rings, and who is on the other side.
    Stands(u64, Option<Duration>, Option<ConnectionId>),
    /// There is no such call.
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
    user: u128,
    call: CallNo,
    action: Action,
    /// Until when it is asked again.
    with: Option<ConnectionId>,
    heard: u64,
    until: u64,
    is_in_doubt: bool,
}

pub(crate) enum Task {
    News(ConnectionId, CallNo, News),
    Asked(Request),
    Replied(Request, Reply),
    Again(Request),
    WakeCall(CallNo),
    /// What could not be stored is tried again.
    Write(CallNo),
    WakePart(ConnectionId, CallNo),
    /// A device has connected: perhaps its user is called.
    Late(ConnectionId),
    /// It comes back into a call in which it was by another connection.
    Resume {
        device: ConnectionId,
        call: CallNo,
        from: ConnectionId,
        until: u64,
    },
    /// It says that it is there, and looks whether others are.
    Beat,
    /// It takes the leases of a call that it has taken over.
    Settle(CallNo),
}

impl World {
    pub(crate) fn node(&self, at: usize) -> NodeId {
        let (life, at) = (u128::from(self.instances[at].life), u128::try_from(at).expect("it fits"));
        NodeId::from_uuid(Uuid::from_u128(life << 32 | at))
    }

    /// The instance, if it lives.
    fn living(&self, node: NodeId) -> Option<usize> {
        (0..self.instances.len()).find(|at| self.instances[*at].is_alive && self.node(*at) == node)
    }

    /// The connected devices that an instance sees, with whose they are and where.
    fn seen_from(&self, at: usize) -> BTreeMap<ConnectionId, (NodeId, u128)> {
        let mut seen = BTreeMap::new();
        for other in 0..self.instances.len() {
            let is_seen = other == at || self.instances[at].is_linked && self.instances[other].is_linked;
            if is_seen && self.instances[other].is_alive {
                let theirs = self.instances[other].connections.iter();
                let node = self.node(other);
                seen.extend(theirs.map(|(device, who)| (*device, (node, self.clients[*who].user))));
            }
        }
        seen
    }

    fn lease(&mut self, user: u128) -> Option<Lease> {
        let now = self.now;
        let is_held = self.leases.get(&user).is_some_and(|lease| lease.expires_at.is_none_or(|at| at > now));
        if !is_held {
            self.leases.remove(&user);
        }
        self.leases.get(&user).copied()
    }

    pub(crate) fn ring(&mut self, who: usize) {
        let Some((at, connection)) = self.clients[who].connected else { return };
        let other = self.dice.roll(self.clients.len());
        let users = [self.clients[who].user, self.clients[other].user];
        if users[0] == users[1] || users.iter().any(|user| self.lease(*user).is_some()) || self.is_store_away
        {
            return;
        }
        let theirs = self.seen_from(at).into_iter().filter(|(_, (_, user))| *user == users[1]);
        let mut nodes: BTreeMap<_, _> = theirs.map(|(device, (node, _))| (device, node)).collect();
        if nodes.is_empty() {
            return;
        }
        // Or nobody would miss it.
        if !self.is_missed(at) {
            self.say_there(at);
        }
        self.count += 1;
        let (call, now, node) = (self.count, self.time(), self.node(at));
        let devices: Vec<ConnectionId> = nodes.keys().copied().collect();
        let [caller, callee] = users.map(user_id);
        let core = Call::ring((caller, connection), callee, devices.iter().copied(), now);
        nodes.insert(connection, node);
        let lease = Lease { node, call, expires_at: None };
        self.leases.extend(users.map(|user| (user, lease)));
        let rang_at = self.now;
        let people = vec![
            Noted::new(caller, caller, Some(connection), rang_at),
            Noted::new(callee, caller, None, rang_at),
        ];
        let record =
            Record { people, epoch: 0, runner: node, is_answered: false, transfer: None, ended: None };
        self.records.insert(call, record);
        let is_cut = self.instances.iter().any(|instance| !instance.is_linked);
        self.outcomes.insert(call, Outcome { is_cut, ..Outcome::default() });
        let running = Running::new(core, nodes, 0, self.pauses(at).unwrap_or_default(), true);
        self.instances[at].calls.insert(call, running);
        let runner = Runner { node, epoch: 0 };
        self.begin_part(at, connection, call, Part::talking(runner, None, now));
        self.clients[who].calls.insert(call, Side::Calling);
        let news = News::Incoming(runner, signalling_core::call::RING_TIME);
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
                self.clients[who].calls.insert(call, Side::Accepting);
                Action::Accept
            }
            (Side::Talking, 0..2) => Action::HangUp,
            (Side::Talking, 2..6) => {
                let whom = self.clients[self.dice.roll(self.clients.len())].user;
                // Who was in it once may not have heard that they are not.
                let known = self.records[&call].noted(user_id(whom));
                if known.is_some_and(|noted| noted.device.is_some()) {
                    return;
                }
                Action::Invite { whom, is_transfer: self.dice.percent(30) }
            }
            (Side::Talking | Side::Calling, 6) => {
                let record = &self.records[&call];
                let is_rung = |user: &u128| {
                    let noted = record.noted(user_id(*user));
                    noted.is_some_and(|noted| noted.device.is_none() && noted.outcome.is_none())
                };
                let Some(whom) = self.clients.iter().map(|client| client.user).find(is_rung) else { return };
                Action::Withdraw { whom }
            }
            (Side::Talking, 7..9) => Action::Transfer { room: room_id(self.dice.roll(2)) },
            _ => return,
        };
        self.ask(at, connection, call, action);
    }

    /// An instance is killed or cut off, or stands still: whoever has to do with calls that anybody knows of may not
    /// hear of it.
    pub(crate) fn cut_calls(&mut self) {
        let known = self.instances.iter().flat_map(|instance| {
            instance.calls.keys().copied().chain(instance.parts.keys().map(|(_, call)| *call))
        });
        let open = self.records.iter().filter(|(_, record)| record.ended.is_none());
        for call in known.chain(open.map(|(call, _)| *call)) {
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

    pub(crate) fn work_call(&mut self, at: usize, task: Task) {
        // It stands still, and does everything afterwards.
        if let Some(until) = self.instances[at].paused_until.filter(|until| *until > self.now) {
            return self.later(at, until, Work::Call(task));
        }
        match task {
            Task::News(device, call, news) => {
                if self.instances[at].is_linked {
                    self.deliver(at, device, call, news);
                }
            }
            Task::Asked(request) => self.order(at, request),
            Task::Replied(request, reply) => {
                if self.instances[at].asked.remove(&request.number) {
                    self.replied(at, request, reply);
                }
            }
            Task::Again(request) => self.ask_again(at, request),
            Task::WakeCall(call) => self.wake_call(at, call),
            Task::Write(call) => self.drive(at, call),
            Task::WakePart(device, call) => {
                if let Some(attending) = self.instances[at].parts.get_mut(&(device, call)) {
                    attending.woken_at = None;
                    self.act_part(at, device, call, |part, now| part.handle_deadline(now));
                }
            }
            Task::Late(device) => self.come_late(at, device),
            Task::Resume { device, call, from, until } => self.resume(at, device, call, from, until),
            Task::Beat => self.beat(at),
            Task::Settle(call) => self.settle_call(at, call),
        }
    }

    /// Nobody is left ringing or talks to nobody, all agree on how each call ended, and no record stays open.
    pub(crate) fn check_calls(&self) -> Counts {
        let what = self.what();
        let mut talking: BTreeMap<CallNo, BTreeSet<ConnectionId>> = BTreeMap::new();
        for client in &self.clients {
            let Some((_, connection)) = client.connected else { continue };
            for (call, side) in &client.calls {
                assert_eq!(*side, Side::Talking, "{what}: {connection} is left in call {call}");
                talking.entry(*call).or_default().insert(connection);
            }
        }
        let open = self.records.iter().filter(|(_, record)| record.ended.is_none());
        let open: BTreeMap<CallNo, BTreeSet<ConnectionId>> = open
            .map(|(call, record)| {
                let talks = record.people.iter().filter(|noted| noted.outcome.is_none());
                (*call, talks.filter_map(|noted| noted.device).collect())
            })
            .collect();
        assert_eq!(talking, open, "{what}: who talks does so in a call that is open, and no other is");
        self.outcomes.iter().for_each(|(call, outcome)| self.check_outcome(*call, outcome, &what));
        let count = |of: fn(&Outcome) -> usize| self.outcomes.values().map(of).sum();
        Counts {
            taken: count(|outcome| outcome.winners.len()),
            resumed: count(|outcome| outcome.resumed),
            taken_over: count(|outcome| outcome.taken_over),
            ran_on: count(|outcome| usize::from(outcome.taken_over > 0 && outcome.resumed > 0)),
            groups: count(|outcome| usize::from(outcome.was_group)),
            transferred: count(|outcome| outcome.transferred),
            to_room: count(|outcome| outcome.to_room),
            withdrawn: count(|outcome| outcome.withdrawn),
        }
    }

    fn check_outcome(&self, call: CallNo, outcome: &Outcome, what: &str) {
        let record = &self.records[&call];
        let users: BTreeSet<u128> = outcome.winners.iter().map(|(user, _)| *user).collect();
        let is_one_each = outcome.winners.len() == users.len();
        assert!(is_one_each || outcome.is_unrecorded, "{what}: one of each has call {call}");
        for (device, reason) in &outcome.told {
            let user = user_id(self.clients[self.owners[device]].user);
            let noted = record.noted(user).expect("they are part of it");
            // One that was told that another one has the call may have come into it in that one's place later.
            let is_last = noted.device == Some(*device);
            let was_elsewhere = !is_last || outcome.moved_to.contains(device);
            let fits = noted.outcomes.contains(reason.as_str())
                || was_elsewhere && *reason == EndReason::AnsweredElsewhere;
            let said = noted.outcome;
            assert!(
                fits || outcome.is_unrecorded,
                "{what}: {device} was told {reason:?} of call {call}, which is {said:?}"
            );
        }
        for (device, reason) in &outcome.assumed {
            assert!(outcome.is_cut, "{what}: {device} was told how call {call} ended");
            assert!(
                matches!(reason, EndReason::Lost | EndReason::Missed),
                "{what}: {device} knew nothing of call {call}"
            );
        }
        if self.is_calm {
            assert!(outcome.assumed.is_empty(), "{what}: call {call}: {:?}", outcome.assumed);
            assert!(outcome.gave_up.is_empty(), "{what}: call {call} can be reached");
            assert_eq!(outcome.taken_over, 0, "{what}: nobody takes call {call} over");
        }
    }
}
