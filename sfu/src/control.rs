//! What the hub asks over the bus: who is in a room's session, and what they send.
//!
//! One task owns all sessions of this node. What waits for a shard is done
//! beside it, so that one slow answer holds up nobody else.

mod board;
mod failure;
mod hub_liveness;
mod moving;
mod publish;
mod recording;
mod seats;
mod statistics;
mod taking;
#[cfg(test)]
mod tests;
mod whip;

use crate::{
    Config, Deps,
    ledger::Ledger,
    session::{Effect, ModerateError, SeatLimits, Session, SubscribeError, UpdateError},
    shard::{Listener, Notice, ShardHandle, Unresponsive},
};
use board::Board;
use bus::{Acquired, Asked, BusError, LeaseGuard, Replier};
use common::{
    error::Chain,
    id::{AccountId, ConnectionId, NodeId, RoomId},
    protocol::{
        Failure,
        media::{
            Changed, Layers, Muted, Offered, Participant, Removed, Route, State, StateChange, Subscriptions,
            TrackMute, Updated,
        },
    },
    recording::RecordingEnd,
    room_event::LeaveReason,
    subject::media::{
        HubNodes, MediaAction, MediaNode, MediaNodes, MediaReply, MediaRequest, MediaRights, MediaService,
        Seated, SessionLease, SessionNews, SessionTopic,
    },
    subject::{
        media_move::MoveService, recording::RecordingService, statistics::StatisticsService,
        whip::WhipService,
    },
};
use futures_util::FutureExt;
use hub_liveness::HubLiveness;
use moving::Moves;
pub(crate) use moving::{HELD_MAX, LINGER};
use recording::Going;
pub(crate) use recording::{FINISHED_MAX, Recordings};
use sfu_core::{MediaEvent, Offer, SessionId, sdp::parse::Remote};
use shutdown::Shutdown;
use std::{collections::BTreeMap, convert::Infallible, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};
use tracing::{debug, info, warn};
pub(crate) use whip::{PLAYERS_PER_ACCOUNT_MAX, PUBLISHERS_PER_ACCOUNT_MAX};

/// How often the hub's instances are looked after and the load is told.
const TICK: Duration = Duration::from_secs(5);

/// Events of all shards that may wait. A shard keeps what finds no room.
pub(crate) const NOTICES_MAX: usize = 1024;

type Reply = Result<MediaReply, Failure>;

/// The sessions of this node.
pub(crate) struct Control {
    config: Config,
    deps: Deps,
    shutdown: Shutdown,
    shards: Vec<ShardHandle>,
    sessions: BTreeMap<RoomId, Owned>,
    /// Whose stay in which room a shard's notice is about.
    stays: BTreeMap<u64, (RoomId, ConnectionId)>,
    last_stay: u64,
    last_session: u64,
    hub_liveness: HubLiveness,
    /// Where those read who is in a session who are not in its room.
    board: Board,
    /// Where it is written down who was in a session, and what they sent.
    ledger: Ledger,
    notices: (mpsc::Sender<Notice>, mpsc::Receiver<Notice>),
    /// Seats that turned out to be left. One round of questions at a time is under way.
    left: (mpsc::Sender<Vec<seats::Asked>>, mpsc::Receiver<Vec<seats::Asked>>),
    is_asking: bool,
    /// Descriptions that were read beside this task, of what participants publish.
    described: (mpsc::Sender<publish::Described>, mpsc::Receiver<publish::Described>),
    /// Stays whose end a shard did not take in time, and which it goes on forwarding for. Each waited out
    /// the deadline of an order to get here, so they are few.
    unheard: Vec<(ShardHandle, ConnectionId, u64)>,
    /// Who publishes or plays over HTTP.
    clients: whip::Clients,
    recordings: Recordings,
    /// Sessions that other nodes are to have.
    moves: Moves,
}

/// A session that this node owns.
struct Owned {
    account: AccountId,
    session: Session,
    /// One shard's number for it.
    number: u64,
    shard: ShardHandle,
    /// None while it is handed over.
    lease: Option<LeaseGuard>,
    recording: Option<Going>,
    /// The node that has handed it over to this one.
    moved_from: Option<NodeId>,
}

impl Control {
    pub(crate) fn new(
        config: Config,
        deps: Deps,
        shutdown: Shutdown,
        shards: Vec<ShardHandle>,
        (recordings, ledger): (Recordings, Ledger),
    ) -> Self {
        let board = Board::new(deps.bus.clone(), &shutdown);
        Self {
            config,
            deps,
            shutdown,
            shards,
            sessions: BTreeMap::new(),
            stays: BTreeMap::new(),
            last_stay: 0,
            last_session: 0,
            hub_liveness: HubLiveness::default(),
            board,
            ledger,
            notices: mpsc::channel(NOTICES_MAX),
            left: mpsc::channel(1),
            is_asking: false,
            described: mpsc::channel(publish::DESCRIBED_MAX),
            unheard: Vec::new(),
            clients: whip::Clients::default(),
            recordings,
            moves: Moves::default(),
        }
    }

    /// Serves until shutdown, and drops `listed` as soon as others can find this node; then hands every session to another node, and ends those that nobody takes, so that clients
    /// open them again.
    ///
    /// # Errors
    /// If this node cannot make itself known on the bus.
    pub(crate) async fn run(mut self, listed: oneshot::Sender<Infallible>) -> Result<(), BusError> {
        let bus = self.deps.bus.clone();
        let key = bus.node().to_string();
        let mut requests = bus.serve(&MediaService(bus.node())).await?;
        let mut whip_requests = bus.serve(&WhipService(bus.node())).await?;
        let mut recording_requests = bus.serve(&RecordingService(bus.node())).await?;
        let mut questions = bus.serve(&StatisticsService(bus.node())).await?;
        let mut handovers = bus.serve(&MoveService(bus.node())).await?;
        let mut announced = self.load();
        let mut _presence = bus.present(&MediaNodes, &key, &announced).await?;
        drop(listed);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut beat = interval(moving::BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.shutdown.token.clone();
        while !self.has_drained() {
            tokio::select! {
                () = stop.cancelled(), if !self.moves.is_draining() => {
                    self.begin_drain();
                    _presence = bus.present(&MediaNodes, &key, &self.load()).await?;
                }
                _ = beat.tick(), if self.moves.is_draining() => self.move_some().await,
                Some(outcome) = self.moves.next_outcome() => self.handle_moved(outcome).await,
                Some(Asked { request, reply }) = handovers.next() => self.handle_handover(request, reply).await,
                Some(notice) = self.notices.1.recv() => self.handle_notice(notice).await,
                Some(left) = self.left.1.recv() => self.handle_left(left).await,
                Some(described) = self.described.1.recv() => self.handle_described(described).await,
                Some(Asked { request, reply }) = requests.next() => self.handle_request(request, reply).await,
                Some(Asked { request, reply }) = whip_requests.next() => self.handle_whip(request, reply).await,
                Some(news) = self.clients.next_news() => self.handle_whip_news(news).await,
                Some(Asked { request, reply }) = recording_requests.next() => self.handle_recording(request, reply).await,
                Some(Asked { request, reply }) = questions.next() => self.handle_question(request, reply),
                Some(news) = self.recordings.next_news() => self.handle_recording_news(news).await,
                _ = tick.tick() => {
                    self.look_after_leases().await;
                    self.drop_lost_hubs().await;
                    self.look_after_seats();
                    self.look_after_clients().await;
                    self.look_after_recordings();
                    self.tell_shards_again().await;
                    let load = self.load();
                    if load != announced {
                        // Replaced while the old guard is there: a node between two entries would be none.
                        _presence = bus.present(&MediaNodes, &key, &load).await?;
                        announced = load;
                    }
                }
            }
        }
        drop(_presence);
        self.end_all().await;
        Ok(())
    }

    fn load(&self) -> MediaNode {
        let participants: usize = self.sessions.values().map(|owned| owned.session.len()).sum();
        MediaNode {
            node: self.deps.bus.node(),
            sessions: u32::try_from(self.sessions.len()).unwrap_or(u32::MAX),
            participants: u32::try_from(participants).unwrap_or(u32::MAX),
            region: self.deps.bus.region().map(str::to_owned),
            is_draining: self.moves.is_draining(),
            takes_moves: !self.moves.is_draining(),
        }
    }

    async fn handle_request(&mut self, request: MediaRequest, reply: Replier<MediaService>) {
        let MediaRequest { account, room, .. } = request;
        if self.sessions.get(&room).is_some_and(|owned| owned.account != account) {
            // A room belongs to one account; to any other it does not exist.
            return reply.send(&Err(failure::not_found()));
        }
        if let Some((request, reply)) = self.moves.hold(request, reply) {
            self.answer(request, reply).await;
        }
    }

    async fn answer(&mut self, request: MediaRequest, reply: Replier<MediaService>) {
        let MediaRequest { account, room, action } = request;
        match action {
            MediaAction::Join { participant, hub, rights, replaces, change } => {
                let connection = participant.connection_id;
                let is_replaced = match replaces {
                    Some(from) => self.replace(room, from, &participant, hub, rights).await,
                    None => false,
                };
                let outcome = if is_replaced {
                    Ok(())
                } else {
                    self.join(account, room, participant, Some(hub), rights).await
                };
                // Whoever was refused has no seat, and no track is spoken of.
                let _refused = self.update(room, connection, change, &[]).await;
                reply.send(&match outcome {
                    Ok(()) if is_replaced => Ok(MediaReply::Replaced { state: self.state(room) }),
                    Ok(()) => Ok(MediaReply::State { state: self.state(room), offer: None }),
                    Err(answer) => answer,
                });
            }
            MediaAction::Update { connection, change, tracks } => {
                let outcome = self.update(room, connection, change, &tracks).await;
                reply.send(&outcome.map(|()| MediaReply::Done).map_err(failure::update));
            }
            MediaAction::Subscribe { connection, tracks, selection } => {
                let mut outcome = Err(SubscribeError::NotSeated);
                self.change(room, |session, effects| {
                    outcome = session.subscribe(connection, &tracks, selection, effects);
                })
                .await;
                reply.send(&outcome.map(|()| MediaReply::Done).map_err(failure::subscribe));
            }
            MediaAction::Moderate { by, moderation } => {
                let mut outcome = Err(ModerateError::NoSuchParticipant);
                self.change(room, |session, effects| outcome = session.moderate(by, moderation, effects))
                    .await;
                reply.send(&outcome.map(|()| MediaReply::Done).map_err(failure::moderate));
            }
            MediaAction::Leave { connection } => {
                self.change(room, |session, effects| session.leave(connection, effects)).await;
                reply.send(&Ok(MediaReply::Done));
            }
            MediaAction::Publish { connection, sdp, tracks } => {
                self.publish(room, connection, sdp, tracks, reply).await;
            }
            MediaAction::Answer { connection, revision, sdp } => match self.served(room, connection) {
                Ok(shard) => self.beside(reply, async move {
                    let answer = Remote::parse(&sdp).map_err(|error| failure::sdp(&error))?;
                    let taken = shard.answer(connection, revision, answer).await;
                    let taken = taken.map_err(|_| failure::unavailable())?;
                    taken.map_err(|error| failure::answer(&error))?;
                    Ok(MediaReply::Done)
                }),
                Err(failure) => reply.send(&Err(failure)),
            },
            MediaAction::RestartIce { connection } => match self.served(room, connection) {
                Ok(shard) => self.beside(reply, async move {
                    shard.restart_ice(connection).await.map_err(|_| failure::unavailable())?;
                    Ok(MediaReply::Done)
                }),
                // What goes peer to peer is for the peers to mend.
                Err(_) => reply.send(&Ok(MediaReply::Done)),
            },
            MediaAction::Sync { connection } => self.sync(room, connection, reply),
            MediaAction::Look => reply.send(&Ok(MediaReply::State { state: self.state(room), offer: None })),
        }
    }

    /// Does what waits for a shard on a task of its own.
    fn beside(&self, reply: Replier<MediaService>, work: impl Future<Output = Reply> + Send + 'static) {
        self.shutdown.tasks.spawn(async move { reply.send(&work.await) });
    }

    fn state(&self, room: RoomId) -> State {
        let over = || State {
            route: Route::PeerToPeer,
            participants: Vec::new(),
            revision: 0,
            locked: false,
            recorded: false,
        };
        self.sessions.get(&room).map_or_else(over, |owned| owned.session.state())
    }

    /// Whether the session keeps this participant from sending; who is not in it is refused otherwise.
    fn may_send(&self, room: RoomId, connection: ConnectionId) -> bool {
        let owned = self.sessions.get(&room).filter(|owned| owned.session.is_served(connection));
        owned.is_none_or(|owned| owned.session.may_send(connection))
    }

    fn served(&self, room: RoomId, connection: ConnectionId) -> Result<ShardHandle, Failure> {
        let is_there = |session: &Session| session.is_served(connection) || session.plays(connection);
        let owned = self.sessions.get(&room).filter(|owned| is_there(&owned.session));
        owned.map(|owned| owned.shard.clone()).ok_or_else(failure::not_joined)
    }

    fn sync(&self, room: RoomId, connection: ConnectionId, reply: Replier<MediaService>) {
        let state = self.state(room);
        match self.served(room, connection) {
            Ok(shard) => self.beside(reply, async move {
                // Events of it may not have been heard either.
                shard.tell_layers(connection).await.map_err(|_| failure::unavailable())?;
                let pending = shard.pending_offer(connection).await.map_err(|_| failure::unavailable())?;
                Ok(MediaReply::State { state, offer: pending.map(|offer| offered(room, offer)) })
            }),
            Err(_) => reply.send(&Ok(MediaReply::State { state, offer: None })),
        }
    }

    /// Whether a participant took over the seat that it had by another connection.
    async fn replace(
        &mut self,
        room: RoomId,
        from: ConnectionId,
        participant: &Participant,
        hub: NodeId,
        rights: MediaRights,
    ) -> bool {
        self.hub_liveness.note(hub, self.deps.clock.now());
        let mut is_replaced = false;
        self.ledger.note_reason(room, from, LeaveReason::Replaced);
        self.change(room, |session, effects| {
            is_replaced = session.replace(from, participant, hub, rights, effects);
        })
        .await;
        if !is_replaced {
            self.ledger.forget_reason(room, from);
        }
        is_replaced
    }

    /// Seats a participant; if it is not, what the hub is answered.
    async fn join(
        &mut self,
        account: AccountId,
        room: RoomId,
        participant: Participant,
        hub: Option<NodeId>,
        rights: MediaRights,
    ) -> Result<(), Reply> {
        self.ensure(account, room).await?;
        if let Some(hub) = hub {
            self.hub_liveness.note(hub, self.deps.clock.now());
        }
        let connection = participant.connection_id;
        let mut outcome = Ok(());
        self.change(room, |session, effects| outcome = session.join(participant, hub, rights, effects)).await;
        outcome.map_err(|refusal| {
            debug!(room.id = %room, conn.id = %connection, ?refusal, "The session of room {room} takes nobody else");
            Err(failure::join(refusal))
        })
    }

    /// Opens the session of a room if there is none; if it cannot, what the hub is answered.
    async fn ensure(&mut self, account: AccountId, room: RoomId) -> Result<(), Reply> {
        if self.sessions.contains_key(&room) {
            return Ok(());
        }
        if self.moves.is_draining() {
            return Err(self.elsewhere().await);
        }
        match self.deps.bus.acquire(&SessionLease(room)).await {
            Ok(Acquired::Held(lease)) => {
                self.open(account, room, lease);
                Ok(())
            }
            Ok(Acquired::Taken(owner)) => Err(Ok(MediaReply::Moved { owner })),
            Err(error) => {
                warn!(room.id = %room, error = %Chain(&error), "The session of room {room} cannot be owned");
                Err(Err(failure::unavailable()))
            }
        }
    }

    /// A participant says something of itself and of its tracks.
    async fn update(
        &mut self,
        room: RoomId,
        connection: ConnectionId,
        change: StateChange,
        tracks: &[TrackMute],
    ) -> Result<(), UpdateError> {
        let mut outcome = Err(UpdateError::NotSeated);
        self.change(room, |session, effects| outcome = session.update(connection, change, tracks, effects))
            .await;
        outcome
    }

    fn open(&mut self, account: AccountId, room: RoomId, lease: LeaseGuard) {
        // Later sessions of the room, on whichever node, start higher.
        let revision = u64::try_from(self.deps.clock.utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        let session = Session::new(revision, self.seat_limits());
        info!(room.id = %room, account.id = %account, "The media session of room {room} begins");
        self.own(account, room, session, lease, None);
    }

    fn seat_limits(&self) -> SeatLimits {
        SeatLimits { session: self.config.participants_max, user: self.config.participants_per_user_max }
    }

    /// Has a session from now on.
    fn own(
        &mut self,
        account: AccountId,
        room: RoomId,
        session: Session,
        lease: LeaseGuard,
        moved_from: Option<NodeId>,
    ) {
        self.last_session += 1;
        let number = self.last_session;
        let count = u64::try_from(self.shards.len()).unwrap_or(1).max(1);
        let Some(shard) = usize::try_from(number % count).ok().and_then(|at| self.shards.get(at)).cloned()
        else {
            return;
        };
        let lease = Some(lease);
        self.sessions
            .insert(room, Owned { account, session, number, shard, lease, recording: None, moved_from });
    }

    /// Changes a session and carries out what follows; ends it when it is empty.
    ///
    /// While it is handed over nothing of it changes: whoever asks for that is asked to wait, and what is found out
    /// meanwhile the other node finds out, too.
    async fn change(&mut self, room: RoomId, change: impl FnOnce(&mut Session, &mut Vec<Effect>)) {
        if self.moves.is_under_way(room) {
            return;
        }
        let Some(owned) = self.sessions.get_mut(&room) else { return };
        let mut effects = Vec::new();
        change(&mut owned.session, &mut effects);
        self.carry_out_all(room, effects).await;
        let Some(owned) = self.sessions.get(&room).filter(|owned| owned.session.is_deserted()) else {
            return;
        };
        let is_over = owned.session.is_empty();
        self.end_recording(room, RecordingEnd::CallEnded);
        if is_over {
            info!(room.id = %room, "The media session of room {room} is over");
            self.sessions.remove(&room);
            self.ledger.note_over(room);
        }
    }

    async fn carry_out_all(&mut self, room: RoomId, effects: Vec<Effect>) {
        for effect in effects {
            self.carry_out(room, effect).await;
        }
    }

    async fn carry_out(&mut self, room: RoomId, effect: Effect) {
        let Some(owned) = self.sessions.get(&room) else { return };
        let (shard, number) = (owned.shard.clone(), owned.number);
        let outcome = match effect {
            Effect::Enter(connection, rights) => {
                self.last_stay += 1;
                self.stays.insert(self.last_stay, (room, connection));
                let listener = Listener { stay: self.last_stay, notices: self.notices.0.clone() };
                shard.join(SessionId::new(number), connection, rights, listener).await
            }
            Effect::Exit(connection) => {
                self.clients.forget(connection);
                let ended = self.stays.extract_if(.., |_, stay| *stay == (room, connection));
                match ended.map(|(stay, _)| stay).last() {
                    Some(stay) => self.end(shard, connection, stay).await,
                    None => Ok(()),
                }
            }
            Effect::Cast(players, cast) => shard.cast(players, cast).await,
            Effect::Speak(connection, speaks) => shard.set_speaking(connection, speaks).await,
            Effect::Wish(connection, wishes, selection) => {
                shard.set_wishes(connection, wishes, selection).await
            }
            Effect::Announce(state) => {
                self.recordings.note_people(owned, &state);
                self.board.show(owned.account, room, &state);
                self.ledger.note_state(owned.account, room, &state);
                self.tell(room, SessionNews::Changed(Changed { room_id: room, state })).await;
                Ok(())
            }
            Effect::AnnounceUpdate { connection, state, tracks, revision } => {
                self.ledger.note_tracks(room, connection, &tracks);
                let updated = Updated { room_id: room, connection_id: connection, state, tracks, revision };
                self.tell(room, SessionNews::Updated(updated)).await;
                Ok(())
            }
            Effect::Muted { connection, source, by } => {
                let muted = Muted { room_id: room, source, by };
                self.tell(room, SessionNews::Muted { to: connection, muted }).await;
                Ok(())
            }
            Effect::Removed { connection, by } => {
                self.ledger.note_reason(room, connection, LeaveReason::Removed);
                let removed = Removed { room_id: room, by };
                self.tell(room, SessionNews::Removed { to: connection, removed }).await;
                Ok(())
            }
        };
        if let Err(error) = outcome {
            warn!(room.id = %room, error = %Chain(&error), "The media server does not keep up");
        }
    }

    /// Ends a stay on its shard; one that is too slow is told again.
    async fn end(
        &mut self,
        shard: ShardHandle,
        connection: ConnectionId,
        stay: u64,
    ) -> Result<(), Unresponsive> {
        let outcome = shard.leave(connection, stay).await;
        if outcome.is_err() {
            self.unheard.push((shard, connection, stay));
        }
        outcome
    }

    /// Stops at the first shard that is still too slow, for each takes its time.
    async fn tell_shards_again(&mut self) {
        while let Some((shard, connection, stay)) = self.unheard.pop() {
            if self.end(shard, connection, stay).await.is_err() {
                return;
            }
        }
    }

    async fn handle_notice(&mut self, notice: Notice) {
        let Some(&(room, connection)) = self.stays.get(&notice.stay) else {
            return self.moves.handle_notice(&notice).await;
        };
        match notice.event {
            MediaEvent::Offer { offer, .. } => {
                self.tell(room, SessionNews::Offer { to: connection, offer: offered(room, offer) }).await;
            }
            MediaEvent::Speaking { is_speaking, .. } => {
                self.change(room, |session, effects| session.speaks(connection, is_speaking, effects)).await;
            }
            MediaEvent::Subscriptions { subscriptions, .. } => {
                let subscriptions = Subscriptions { room_id: room, subscriptions };
                self.tell(room, SessionNews::Subscriptions { to: connection, subscriptions }).await;
            }
            MediaEvent::Layers { track, encodings, .. } => {
                let layers = Layers { room_id: room, track_id: track, encodings };
                self.tell(room, SessionNews::Layers { to: connection, layers }).await;
            }
            MediaEvent::Lost { reason, .. } => {
                info!(room.id = %room, conn.id = %connection, %reason, "Participant {connection} is lost: {reason}");
                self.ledger.note_reason(room, connection, LeaveReason::ConnectionLost);
                self.change(room, |session, effects| {
                    session.leave(connection, effects);
                    session.end_playing(connection, effects);
                })
                .await;
            }
        }
    }

    /// While the bus is away only this instance hears it; the others ask when it is back.
    async fn tell(&self, room: RoomId, news: SessionNews) {
        if let Err(error) = self.deps.bus.publish(&SessionTopic(room), &news).await {
            debug!(room.id = %room, error = %Chain(&error), "Only this instance was told");
        }
    }

    /// A session whose lease another node has is over here.
    async fn look_after_leases(&mut self) {
        let lost = self
            .sessions
            .iter_mut()
            .filter_map(|(room, owned)| owned.lease.as_mut()?.lost().now_or_never().map(|()| *room));
        for room in lost.collect::<Vec<_>>() {
            warn!(room.id = %room, "Another node owns the media session of room {room}; it ends here");
            self.ledger.note_elsewhere(room);
            self.change(room, |session, effects| session.end(effects)).await;
        }
    }

    async fn drop_lost_hubs(&mut self) {
        let now = self.deps.clock.now();
        let present: Vec<NodeId> = match self.deps.bus.snapshot(&HubNodes).await {
            Ok(seen) if seen.is_fresh => seen.entries.into_iter().map(|(_, node)| node).collect(),
            Ok(_) | Err(_) => return self.hub_liveness.suspend(now),
        };
        for hub in self.hub_liveness.observe(&present, now) {
            warn!(node.id = %hub, "Hub instance {hub} is gone; its participants leave");
            for room in self.sessions.keys().copied().collect::<Vec<_>>() {
                self.note_hub_lost(room, hub);
                self.change(room, |session, effects| session.leave_hub(hub, effects)).await;
            }
        }
    }

    /// Whoever is connected to this hub instance leaves next, because it is gone.
    fn note_hub_lost(&self, room: RoomId, lost: NodeId) {
        let Some(owned) = self.sessions.get(&room) else { return };
        for (connection, _, _) in owned.session.seats().filter(|(_, hub, _)| *hub == lost) {
            self.ledger.note_reason(room, connection, LeaveReason::ConnectionLost);
        }
    }

    /// Has the hub's instances asked who of theirs is still there.
    fn look_after_seats(&mut self) {
        let mut hubs: BTreeMap<NodeId, Vec<seats::Asked>> = BTreeMap::new();
        for (&room, owned) in &self.sessions {
            for (connection, hub, entry) in owned.session.seats() {
                let seated = Seated { room, connection };
                let asked = seats::Asked { session: owned.number, seated, entry };
                hubs.entry(hub).or_default().push(asked);
            }
        }
        if hubs.is_empty() || std::mem::replace(&mut self.is_asking, true) {
            return;
        }
        let (bus, answer) = (self.deps.bus.clone(), self.left.0.clone());
        self.shutdown.tasks.spawn(async move {
            // Nobody listens any more once this node ends.
            let _ended = answer.send(seats::left(&bus, &hubs).await).await;
        });
    }

    /// Takes away the seats that were left, but none that was taken again since it was asked about.
    async fn handle_left(&mut self, left: Vec<seats::Asked>) {
        self.is_asking = false;
        for seats::Asked { session: number, seated: Seated { room, connection }, entry } in left {
            if self.sessions.get(&room).is_some_and(|owned| owned.number == number) {
                info!(room.id = %room, conn.id = %connection, "Connection {connection} is gone and leaves the session");
                self.ledger.note_reason(room, connection, LeaveReason::ConnectionLost);
                self.change(room, |session, effects| session.leave_as_of(connection, entry, effects)).await;
                self.ledger.forget_reason(room, connection);
            }
        }
    }
}

fn offered(room: RoomId, offer: Offer) -> Offered {
    Offered { room_id: room, revision: offer.revision, sdp: offer.sdp, tracks: offer.tracks }
}
