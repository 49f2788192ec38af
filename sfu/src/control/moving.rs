//! Hands the sessions of a node that is about to end to other nodes, one after the other, and forwards for their
//! participants until they have gone there.

use super::{Control, Reply, failure};
use crate::shard::{Notice, ShardHandle};
use bus::{Acquired, Bus, BusError, LeaseGuard, Replier, media_owner};
use common::{
    error::Chain,
    id::{AccountId, ConnectionId, NodeId, RoomId},
    subject::{
        media::{MediaAction, MediaReply, MediaRequest, MediaService, SessionLease},
        media_move::{HANDOVER_VERSION, Handover, HandoverReply, MoveService},
    },
};
use sfu_core::MediaEvent;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, time::sleep};
use tracing::{info, warn};

/// How often sessions are handed over. Of so many that this takes longer than half of the time for draining, several at
/// once.
///
/// Shorter has more participants set up transports at the same time; longer takes longer for all.
pub(super) const BEAT: Duration = Duration::from_millis(50);

/// How long the node that takes a session may take to say so.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// How often it is asked, if nobody knows whether it has heard.
const ASKED_MAX: u32 = 3;

/// How long it is tried to get back a lease that was given to a node which has died: for longer than it takes to notice.
const RECOVER_TIME: Duration = Duration::from_secs(5);
const RECOVER_EVERY: Duration = Duration::from_millis(250);

/// How long participants are forwarded for whose session has moved: they set up new transports meanwhile, and then some
/// may be heard by the old ones alone for a moment.
///
/// Longer holds up the end of the node where somebody does not know that it has moved.
pub(crate) const LINGER: Duration = Duration::from_secs(10);

/// Requests that wait for the end of a move. More are answered that the media server is unavailable.
pub(crate) const HELD_MAX: usize = 1000;

/// Outcomes that may wait.
const OUTCOMES_MAX: usize = 64;

/// See the module.
pub(super) struct Moves {
    draining: Option<Draining>,
    under_way: BTreeMap<RoomId, Vec<Held>>,
    gone: BTreeMap<RoomId, Gone>,
    outcomes: (mpsc::Sender<Outcome>, mpsc::Receiver<Outcome>),
}

type Held = (MediaRequest, Replier<MediaService>);

struct Draining {
    /// Until when sessions are handed over.
    until: Instant,
    /// Sessions in one beat.
    at_once: usize,
    /// Nodes that took none.
    avoid: Vec<NodeId>,
}

/// A session that another node has.
struct Gone {
    account: AccountId,
    owner: NodeId,
    shard: ShardHandle,
    /// Who is still forwarded for, by their stays.
    stays: BTreeMap<u64, ConnectionId>,
    until: Instant,
}

/// What has become of a move.
pub(super) struct Outcome {
    room: RoomId,
    target: NodeId,
    result: Result<(), Failed>,
}

/// The session has stayed here; with its lease, unless that is lost.
struct Failed(Option<LeaseGuard>);

impl Default for Moves {
    fn default() -> Self {
        let outcomes = mpsc::channel(OUTCOMES_MAX);
        Self { draining: None, under_way: BTreeMap::new(), gone: BTreeMap::new(), outcomes }
    }
}

impl Moves {
    pub(super) async fn next_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.1.recv().await
    }

    pub(super) const fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    /// Whether the room's session is being handed over.
    pub(super) fn is_under_way(&self, room: RoomId) -> bool {
        self.under_way.contains_key(&room)
    }

    /// Whether another node has the room's session from this one.
    pub(super) fn has_gone(&self, room: RoomId) -> bool {
        self.gone.contains_key(&room)
    }

    /// Which node has the room's session from this one.
    pub(super) fn new_owner(&self, account: AccountId, room: RoomId) -> Option<NodeId> {
        self.gone.get(&room).filter(|gone| gone.account == account).map(|gone| gone.owner)
    }

    /// The room's session has come back.
    pub(super) fn forget(&mut self, room: RoomId) {
        self.gone.remove(&room);
    }

    /// Keeps a request for a session that is being handed over, and answers one for a session that was. Returns what is
    /// neither.
    pub(super) fn hold(&mut self, request: MediaRequest, reply: Replier<MediaService>) -> Option<Held> {
        let room = request.room;
        if let Some(held) = self.under_way.get_mut(&room) {
            if held.len() < HELD_MAX {
                held.push((request, reply));
            } else {
                reply.send(&Err(failure::unavailable()));
            }
            return None;
        }
        let Some(gone) = self.gone.get(&room).filter(|gone| gone.account == request.account) else {
            return Some((request, reply));
        };
        reply.send(&moved(&request.action, gone.owner));
        None
    }

    /// A shard tells of somebody whose session has moved: all that counts is that they have left.
    pub(super) async fn handle_notice(&mut self, notice: &Notice) {
        if !matches!(notice.event, MediaEvent::Lost { .. }) {
            return;
        }
        for gone in self.gone.values_mut() {
            if let Some(connection) = gone.stays.remove(&notice.stay) {
                let _ends_with_the_node = gone.shard.leave(connection, notice.stay).await;
                return;
            }
        }
    }
}

/// What is answered to a request for a session that another node has. What is about transports of this node is not for
/// that one.
fn moved(action: &MediaAction, owner: NodeId) -> Reply {
    match action {
        MediaAction::Publish { sdp: Some(_), .. }
        | MediaAction::Answer { .. }
        | MediaAction::RestartIce { .. } => Err(failure::unavailable()),
        MediaAction::Publish { sdp: None, .. }
        | MediaAction::Join { .. }
        | MediaAction::Update { .. }
        | MediaAction::Leave { .. }
        | MediaAction::Subscribe { .. }
        | MediaAction::Moderate { .. }
        | MediaAction::Sync { .. }
        | MediaAction::Look => Ok(MediaReply::Moved { owner }),
    }
}

impl Control {
    /// From now on this node takes no sessions, and gives away those that it has.
    pub(super) fn begin_drain(&mut self) {
        let time = Duration::from_secs(self.config.drain_s);
        let beats = (time / 2).as_millis() / BEAT.as_millis().max(1);
        let beats = usize::try_from(beats).unwrap_or(usize::MAX).max(1);
        let at_once = self.sessions.len().div_ceil(beats).max(1);
        let until = self.deps.clock.now() + time;
        info!(count = self.sessions.len(), "Media sessions go on at other media nodes");
        self.moves.draining = Some(Draining { until, at_once, avoid: Vec::new() });
    }

    /// Whether a node that drains has nothing more to do.
    pub(super) fn has_drained(&self) -> bool {
        let Some(draining) = &self.moves.draining else { return false };
        let now = self.deps.clock.now();
        let forwards = |gone: &Gone| !gone.stays.is_empty() && now < gone.until;
        let is_done = self.sessions.is_empty() && !self.moves.gone.values().any(forwards);
        // Without another process there is nobody to hand anything to.
        self.deps.bus.is_alone() || is_done || now >= draining.until
    }

    /// Begins to hand over the next sessions.
    pub(super) async fn move_some(&mut self) {
        let Some(Draining { at_once, .. }) = self.moves.draining else { return };
        let left = self.sessions.keys().filter(|room| !self.moves.is_under_way(**room));
        for room in left.take(at_once).copied().collect::<Vec<_>>() {
            self.move_session(room).await;
        }
    }

    async fn move_session(&mut self, room: RoomId) {
        let avoid = self.moves.draining.as_ref().map(|draining| draining.avoid.clone()).unwrap_or_default();
        let target = media_owner::choose_other(&self.deps.bus, &avoid).await;
        let Ok(target) = target else {
            self.ledger.note_elsewhere(room);
            return self.change(room, |session, effects| session.end(effects)).await;
        };
        self.leave_behind(room).await;
        let Some(owned) = self.sessions.get_mut(&room) else { return };
        let Some(lease) = owned.lease.take() else { return };
        let handover = Handover {
            version: HANDOVER_VERSION,
            from: self.deps.bus.node(),
            account: owned.account,
            room,
            session: owned.session.to_move(),
        };
        self.moves.under_way.insert(room, Vec::new());
        let (bus, outcomes) = (self.deps.bus.clone(), self.moves.outcomes.0.clone());
        self.shutdown.tasks.spawn(async move {
            let result = hand_over(&bus, lease, target, &handover).await;
            // Nobody listens any more once this node ends.
            let _ended = outcomes.send(Outcome { room, target, result }).await;
        });
    }

    /// Ends what cannot go with a session: its recording, and the sessions of who publishes over HTTP.
    pub(super) async fn leave_behind(&mut self, room: RoomId) {
        self.leave_recording(room).await;
        self.end_clients(room, "its media session moves to another node").await;
    }

    pub(super) async fn handle_moved(&mut self, outcome: Outcome) {
        let Outcome { room, target, result } = outcome;
        let held = self.moves.under_way.remove(&room).unwrap_or_default();
        match result {
            Ok(()) => {
                info!(room.id = %room, node.id = %target, "The media session of room {room} goes on at {target}");
                self.let_go(room, target);
            }
            Err(Failed(lease)) => {
                if let Some(draining) = &mut self.moves.draining {
                    draining.avoid.push(target);
                }
                warn!(room.id = %room, node.id = %target, "The media session of room {room} could not move to {target}");
                match (lease, self.sessions.get_mut(&room)) {
                    (Some(lease), Some(owned)) => {
                        owned.lease = Some(lease);
                        // A hub instance that was found to be gone meanwhile is found again.
                        let now = self.deps.clock.now();
                        owned.session.seats().for_each(|(_, hub, _)| self.hub_liveness.note(hub, now));
                    }
                    // Whoever has it now, clients find it there.
                    _ => {
                        self.ledger.note_elsewhere(room);
                        self.change(room, |session, effects| session.end(effects)).await;
                    }
                }
            }
        }
        for (request, reply) in held {
            Box::pin(self.handle_request(request, reply)).await;
        }
    }

    /// Another node has the session: its participants are forwarded for until they have gone there.
    fn let_go(&mut self, room: RoomId, owner: NodeId) {
        let Some(owned) = self.sessions.remove(&room) else { return };
        self.ledger.note_elsewhere(room);
        let theirs = self.stays.extract_if(.., |_, (of, _)| *of == room);
        let stays = theirs.map(|(stay, (_, connection))| (stay, connection)).collect();
        let until = self.deps.clock.now() + LINGER;
        let gone = Gone { account: owned.account, owner, shard: owned.shard, stays, until };
        self.moves.gone.insert(room, gone);
    }

    /// Where somebody is to ask for a session that this node does not take any more.
    pub(super) async fn elsewhere(&self) -> Reply {
        match media_owner::choose_other(&self.deps.bus, &[]).await {
            Ok(owner) => Ok(MediaReply::Moved { owner }),
            Err(_) => Err(failure::unavailable()),
        }
    }

    /// Ends all sessions that are left, so that clients open them again on another node.
    pub(super) async fn end_all(&mut self) {
        self.moves.under_way.clear();
        for room in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.ledger.note_elsewhere(room);
            self.change(room, |session, effects| session.end(effects)).await;
        }
    }
}

/// Gives the lease of a session to a node, and then the session.
async fn hand_over(bus: &Bus, lease: LeaseGuard, target: NodeId, handover: &Handover) -> Result<(), Failed> {
    let room = handover.room;
    match lease.hand_over(target).await {
        Ok(true) => {}
        // Another node has taken it: there is nothing left to give.
        Ok(false) => return Err(Failed(None)),
        Err(error) => {
            warn!(room.id = %room, error = %Chain(&error), "The lease of room {room} cannot be given away");
            return Err(Failed(Some(lease)));
        }
    }
    for _ in 0..ASKED_MAX {
        match bus.request(&MoveService(target), handover, ANSWER_TIME).await {
            Ok(HandoverReply::Taken) => return Ok(()),
            Ok(HandoverReply::Refused(reason)) => {
                info!(room.id = %room, node.id = %target, ?reason, "Node {target} refuses the session of room {room}");
                break;
            }
            Err(BusError::Unanswered { .. }) => break,
            // It may have it already, and says so if it is asked again.
            Err(error) => {
                warn!(room.id = %room, error = %Chain(&error), "Node {target} does not say whether it has the session of room {room}");
            }
        }
    }
    Err(Failed(recover(bus, room).await))
}

/// Takes the lease back that was given to a node which does not want it, or has died.
async fn recover(bus: &Bus, room: RoomId) -> Option<LeaseGuard> {
    let tries = RECOVER_TIME.as_millis() / RECOVER_EVERY.as_millis().max(1);
    for _ in 0..tries {
        if let Ok(Acquired::Held(lease)) = bus.acquire(&SessionLease(room)).await {
            return Some(lease);
        }
        sleep(RECOVER_EVERY).await;
    }
    None
}

#[cfg(test)]
mod tests;
