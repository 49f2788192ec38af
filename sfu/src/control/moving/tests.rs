//! Nodes on one Redis, some of which are the test's own doing.

use super::*;
use crate::{
    Config, Deps, addresses::Addresses, control::tests::books, ledger::Ledger, recording::Feed, shard::Shard,
    socket,
};
use bus::{Asked, Delivery, Presence, Requests, Subscription};
use common::{
    clock::ManualClock,
    id::UserId,
    protocol::media::{Participant, ParticipantState, PublishTrack, Route, State, StateChange, TrackSource},
    session_record::{SessionFact, SessionStanding},
    subject::{
        media::{MediaNode, MediaNodes, MediaRights, Moderation, SessionNews, SessionTopic},
        media_move::HandoverRefusal,
    },
};
use shutdown::Shutdown;
use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

/// How long anything may take. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(30);

struct World {
    clock: Arc<ManualClock>,
    prefix: String,
    shutdown: Shutdown,
    account: AccountId,
    room: RoomId,
}

/// A media node that runs.
struct Node {
    bus: Bus,
    shutdown: Shutdown,
    runs: JoinHandle<Result<(), BusError>>,
    ledger: Ledger,
    _shard: Shard,
}

/// What the test itself does as one.
struct Double {
    bus: Bus,
    handovers: Requests<MoveService>,
    _presence: Presence,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let (account, room) = (AccountId::generate(&*clock), RoomId::generate(&*clock));
        let prefix = format!("m{}", NodeId::generate(&*clock));
        Self { clock, prefix, shutdown: Shutdown::default(), account, room }
    }

    async fn bus(&self) -> Bus {
        let url = std::env::var("SWITCHBOARD_TEST_REDIS_URL").expect("run `cargo xtask services`");
        let node = NodeId::generate(&*self.clock);
        Bus::redis(node, &url, &self.prefix, &self.shutdown).await.expect("Redis answers")
    }

    async fn node(&self) -> Node {
        let bus = self.bus().await;
        let socket = socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let addresses = Addresses::of(&Config::default(), socket.local_addr().unwrap()).unwrap();
        let clock = Arc::<ManualClock>::clone(&self.clock);
        let (shard, handle) =
            Shard::new(0, Arc::<ManualClock>::clone(&clock), socket, addresses, Feed::default()).unwrap();
        let shutdown = Shutdown::default();
        let books = books(&clock);
        let ledger = books.1.clone();
        let deps = Deps { bus: bus.clone(), clock };
        let control = Control::new(Config::default(), deps, shutdown.clone(), vec![handle], books);
        let (listed, is_listed) = oneshot::channel();
        let runs = self.shutdown.tasks.spawn(control.run(listed));
        let _dropped = is_listed.await;
        Node { bus, shutdown, runs, ledger, _shard: shard }
    }

    /// One that is chosen before all others: nobody is in any of its sessions.
    async fn double(&self) -> Double {
        let bus = self.bus().await;
        let node = bus.node();
        let handovers = bus.serve(&MoveService(node)).await.unwrap();
        let entry = MediaNode {
            node,
            sessions: 0,
            participants: 0,
            region: None,
            is_draining: false,
            takes_moves: true,
        };
        let presence = bus.present(&MediaNodes, &node.to_string(), &entry).await.unwrap();
        Double { bus, handovers, _presence: presence }
    }

    fn someone(&self, name: &str) -> Participant {
        Participant {
            connection_id: ConnectionId::generate(&*self.clock),
            user_id: UserId::generate(&*self.clock),
            name: name.to_owned(),
            state: ParticipantState::default(),
            tracks: Vec::new(),
        }
    }

    fn joining(&self, participant: &Participant, hub: &Bus) -> MediaAction {
        MediaAction::Join {
            participant: participant.clone(),
            hub: hub.node(),
            rights: MediaRights::default(),
            replaces: None,
            change: StateChange { hand_raised: Some(true), ..StateChange::default() },
        }
    }

    async fn ask(&self, hub: &Bus, node: NodeId, action: MediaAction) -> Reply {
        let request = MediaRequest { account: self.account, room: self.room, action };
        hub.request(&MediaService(node), &request, PATIENCE).await.expect("an answer")
    }

    async fn state(&self, hub: &Bus, node: NodeId) -> State {
        let Ok(MediaReply::State { state, .. }) = self.ask(hub, node, MediaAction::Look).await else {
            panic!("it has the session")
        };
        state
    }

    /// Two who talk directly, with a microphone each, in a session that is locked; and who hears of it.
    async fn talk(&self, hub: &Bus, node: &Node) -> (State, Subscription<SessionNews>) {
        for name in ["Ada", "Ben"] {
            let someone = self.someone(name);
            let connection = someone.connection_id;
            self.ask(hub, node.bus.node(), self.joining(&someone, hub)).await.unwrap();
            let track = PublishTrack { mid: None, source: TrackSource::Microphone, muted: Some(true) };
            let publish = MediaAction::Publish { connection, sdp: None, tracks: vec![track] };
            self.ask(hub, node.bus.node(), publish).await.unwrap();
        }
        let lock = Moderation::Lock { locked: true };
        let by = UserId::generate(&*self.clock);
        self.ask(hub, node.bus.node(), MediaAction::Moderate { by, moderation: lock }).await.unwrap();
        let news = hub.subscribe(&SessionTopic(self.room)).await.unwrap();
        (self.state(hub, node.bus.node()).await, news)
    }
}

impl Node {
    async fn ended(self) {
        timeout(PATIENCE, self.runs).await.expect("it ends").expect("it runs").expect("in order");
    }
}

impl Double {
    async fn handed(&mut self) -> (Handover, Replier<MoveService>) {
        let asked = timeout(PATIENCE, self.handovers.next()).await.expect("in time");
        let Asked { request, reply } = asked.expect("the bus lives");
        (request, reply)
    }

    async fn lease(&self, room: RoomId) -> LeaseGuard {
        match self.bus.acquire(&SessionLease(room)).await.unwrap() {
            Acquired::Held(lease) => lease,
            Acquired::Taken(holder) => panic!("{holder} has it"),
        }
    }
}

async fn next(news: &mut Subscription<SessionNews>) -> SessionNews {
    loop {
        let delivery = timeout(PATIENCE, news.next()).await.expect("in time").expect("the bus lives");
        if let Delivery::Message(message) = delivery {
            return message;
        }
    }
}

/// What others see of who is there, which no move changes.
fn shown(state: &State) -> (Vec<Participant>, Route, bool) {
    (state.participants.clone(), state.route, state.locked)
}

#[tokio::test]
async fn a_session_goes_on_at_another_node_with_everybody_in_it() {
    let world = World::new();
    let (hub, source, target) = (world.bus().await, world.node().await, world.node().await);
    let (before, mut news) = world.talk(&hub, &source).await;
    source.shutdown.token.cancel();
    let ledger = source.ledger.clone();
    let owner = target.bus.node();
    assert_eq!(next(&mut news).await, SessionNews::Moved { owner });
    let SessionNews::Changed(changed) = next(&mut news).await else { panic!("the state follows") };
    assert_eq!(shown(&changed.state), shown(&before));
    assert!(changed.state.revision > before.revision, "or clients would take it for an old one");
    source.ended().await;
    assert_eq!(hub.holder(&SessionLease(world.room)).await.unwrap(), Some(owner));
    assert_eq!(shown(&world.state(&hub, owner).await), shown(&before));
    // Webhooks are told nothing of it: nobody has left, and whoever came is known.
    let account = BTreeSet::from([world.account]);
    let [old, new] = [ledger, target.ledger].map(|ledger| ledger.take(&account, &account));
    let ([old], [new]) = (&*old, &*new) else { panic!("{old:?} {new:?}") };
    let left = |fact: &SessionFact| matches!(fact, SessionFact::Left(..) | SessionFact::Unpublished(..));
    assert!(!old.facts.iter().chain(&new.facts).any(left), "{old:?} {new:?}");
    assert_eq!(old.standing, SessionStanding::Elsewhere);
    let SessionStanding::GoesOn(session) = &new.standing else { panic!("{new:?}") };
    let people: BTreeSet<_> = before.participants.iter().map(|one| one.connection_id).collect();
    assert_eq!(session.participants.keys().copied().collect::<BTreeSet<_>>(), people);
    // It is still locked, and those who were in it may come again.
    let stranger = world.joining(&world.someone("Eve"), &hub);
    assert!(world.ask(&hub, owner, stranger).await.is_err());
}

/// Whoever asks the old node in the meantime, or later, is told where the session is, but for what is about transports.
#[tokio::test]
async fn who_comes_or_says_something_during_a_move_waits_for_it() {
    let world = World::new();
    let (hub, source) = (world.bus().await, world.node().await);
    let (before, _news) = world.talk(&hub, &source).await;
    let mut double = world.double().await;
    source.shutdown.token.cancel();
    let (handover, reply) = double.handed().await;
    assert_eq!(handover.session.seats.len(), before.participants.len());
    let ada = before.participants[0].connection_id;
    let requests = [
        world.joining(&before.participants[0], &hub),
        MediaAction::Leave { connection: ada },
        MediaAction::Publish { connection: ada, sdp: Some("v=0".to_owned()), tracks: Vec::new() },
    ];
    let node = source.bus.node();
    let answers = requests.map(|request| world.ask(&hub, node, request));
    let ((), answers) = tokio::join!(
        async {
            tokio::task::yield_now().await;
            reply.send(&HandoverReply::Taken);
        },
        futures_util::future::join_all(answers)
    );
    let owner = double.bus.node();
    let there = Ok(MediaReply::Moved { owner });
    assert_eq!(answers, [there.clone(), there, Err(failure::unavailable())]);
    source.ended().await;
}

#[tokio::test]
async fn a_session_that_is_refused_goes_to_the_next_node() {
    let world = World::new();
    let (hub, source) = (world.bus().await, world.node().await);
    let (before, mut news) = world.talk(&hub, &source).await;
    let mut double = world.double().await;
    source.shutdown.token.cancel();
    let (handover, reply) = double.handed().await;
    let target = world.node().await;
    let lease = double.lease(world.room).await;
    assert!(lease.hand_over(handover.from).await.unwrap());
    reply.send(&HandoverReply::Refused(HandoverRefusal::Draining));
    assert_eq!(next(&mut news).await, SessionNews::Moved { owner: target.bus.node() });
    source.ended().await;
    assert_eq!(shown(&world.state(&hub, target.bus.node()).await), shown(&before));
}

/// It has the lease, and never the session: the one before takes the lease back, and gives both to another.
#[tokio::test]
async fn a_session_survives_the_death_of_the_node_that_it_was_given_to() {
    let world = World::new();
    let (hub, source) = (world.bus().await, world.node().await);
    let (before, mut news) = world.talk(&hub, &source).await;
    let (url, prefix) = (std::env::var("SWITCHBOARD_TEST_REDIS_URL").unwrap(), world.prefix.clone());
    let node = NodeId::generate(&*world.clock);
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let bus = process.spawn(async move { Bus::redis(node, &url, &prefix, &Shutdown::default()).await });
    let bus = bus.await.unwrap().unwrap();
    let entry =
        MediaNode { node, sessions: 0, participants: 0, region: None, is_draining: false, takes_moves: true };
    let _presence = bus.present(&MediaNodes, &node.to_string(), &entry).await.unwrap();
    let mut handovers = bus.serve(&MoveService(node)).await.unwrap();
    source.shutdown.token.cancel();
    let asked = timeout(PATIENCE, handovers.next()).await.unwrap().unwrap();
    process.shutdown_background();
    let target = world.node().await;
    assert_eq!(next(&mut news).await, SessionNews::Moved { owner: target.bus.node() });
    drop(asked);
    source.ended().await;
    assert_eq!(shown(&world.state(&hub, target.bus.node()).await), shown(&before));
}

/// The answer was lost, or the source died after it had given the lease: the one asks again, of the other nobody hears.
#[tokio::test]
async fn a_session_is_taken_once_and_only_with_its_lease() {
    let world = World::new();
    let (hub, target, double) = (world.bus().await, world.node().await, world.double().await);
    let mut session = crate::session::Session::new(7, crate::session::SeatLimits { session: 9, user: 9 });
    let ada = world.someone("Ada");
    session.join(ada.clone(), hub.node(), MediaRights::default(), &mut Vec::new()).unwrap();
    let handover = |from, version| Handover {
        version,
        from,
        account: world.account,
        room: world.room,
        session: session.to_move(),
    };
    let own = double.bus.node();
    let give = async |handover: Handover| {
        double.bus.request(&MoveService(target.bus.node()), &handover, PATIENCE).await.unwrap()
    };
    let lease = double.lease(world.room).await;
    let refused = HandoverReply::Refused;
    assert_eq!(give(handover(own, HANDOVER_VERSION)).await, refused(HandoverRefusal::NotOwned));
    // One of another version is given back with its lease.
    assert!(lease.hand_over(target.bus.node()).await.unwrap());
    assert_eq!(give(handover(own, HANDOVER_VERSION + 1)).await, refused(HandoverRefusal::Version));
    let lease = double.lease(world.room).await;
    assert!(lease.hand_over(target.bus.node()).await.unwrap());
    for _ in 0..2 {
        assert_eq!(give(handover(own, HANDOVER_VERSION)).await, HandoverReply::Taken);
    }
    let other = NodeId::generate(&*world.clock);
    assert_eq!(give(handover(other, HANDOVER_VERSION)).await, refused(HandoverRefusal::NotOwned));
    assert_eq!(world.state(&hub, target.bus.node()).await.participants.len(), 1);
}

#[tokio::test]
async fn a_source_that_died_after_it_gave_the_lease_leaves_a_room_that_can_be_entered() {
    let world = World::new();
    let (hub, target, double) = (world.bus().await, world.node().await, world.double().await);
    let lease = double.lease(world.room).await;
    assert!(lease.hand_over(target.bus.node()).await.unwrap());
    drop((lease, double));
    let ada = world.someone("Ada");
    world.ask(&hub, target.bus.node(), world.joining(&ada, &hub)).await.unwrap();
    assert_eq!(world.state(&hub, target.bus.node()).await.participants.len(), 1);
}

/// Another node has taken the lease, because this one was cut off: it says that the session is over here, and everybody
/// finds the other.
#[tokio::test]
async fn a_session_whose_lease_is_lost_in_the_middle_of_a_move_ends_here() {
    let world = World::new();
    let (hub, source) = (world.bus().await, world.node().await);
    let (_, mut news) = world.talk(&hub, &source).await;
    let mut double = world.double().await;
    source.shutdown.token.cancel();
    let (_, reply) = double.handed().await;
    // It refuses, and keeps the lease all the same.
    let _kept = double.lease(world.room).await;
    reply.send(&HandoverReply::Refused(HandoverRefusal::Unfit));
    let SessionNews::Changed(changed) = next(&mut news).await else { panic!("it is over") };
    assert!(changed.state.participants.is_empty());
    source.ended().await;
    assert_eq!(hub.holder(&SessionLease(world.room)).await.unwrap(), Some(double.bus.node()));
}

/// Without another node sessions end at once, as they must where there is but one.
#[tokio::test]
async fn the_only_node_ends_its_sessions_without_waiting() {
    let world = World::new();
    let (hub, source) = (world.bus().await, world.node().await);
    let (_, mut news) = world.talk(&hub, &source).await;
    source.shutdown.token.cancel();
    let SessionNews::Changed(changed) = next(&mut news).await else { panic!("it is over") };
    assert!(changed.state.participants.is_empty());
    source.ended().await;
}
