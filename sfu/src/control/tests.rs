//! The control part over a bus of one process, with hub instances of the test's choice.

use super::*;
use crate::{
    addresses::Addresses,
    recording::Feed,
    shard::{COMMANDS_MAX, Shard},
    socket,
};
use bus::{Bus, Delivery};
use common::{
    clock::ManualClock,
    id::UserId,
    protocol::media::ParticipantState,
    session_record::{SessionFact, SessionStanding},
    subject::media::{AccountSessions, AccountSessionsTopic, Moderation, SeatService, SessionSummary},
};
use sfu_core::SdpError;
use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc};

/// What a control part that records nothing writes down, with somebody who follows.
pub(super) fn books(clock: &Arc<ManualClock>) -> (Recordings, Ledger) {
    let ledger = Ledger::new(Arc::<ManualClock>::clone(clock));
    ledger.follow();
    (Recordings::none(), ledger)
}

struct Stage {
    clock: Arc<ManualClock>,
    control: Control,
    /// Bound, and not running unless the test has it run.
    shard: Shard,
    account: AccountId,
    room: RoomId,
}

impl Stage {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let deps =
            Deps { bus: Bus::local(NodeId::generate(&*clock)), clock: Arc::<ManualClock>::clone(&clock) };
        let socket = socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let addresses = Addresses::of(&Config::default(), socket.local_addr().unwrap()).unwrap();
        let (shard, handle) =
            Shard::new(0, Arc::<ManualClock>::clone(&clock), socket, addresses, Feed::default()).unwrap();
        let control = Control::new(Config::default(), deps, Shutdown::default(), vec![handle], books(&clock));
        let (account, room) = (AccountId::generate(&*clock), RoomId::generate(&*clock));
        Self { clock, control, shard, account, room }
    }

    fn someone(&self) -> Participant {
        let user_id = UserId::generate(&*self.clock);
        Participant {
            connection_id: ConnectionId::generate(&*self.clock),
            user_id,
            name: "Someone".to_owned(),
            state: ParticipantState::default(),
            tracks: Vec::new(),
        }
    }

    async fn join(&mut self, participant: &Participant, hub: NodeId) {
        let (account, room) = (self.account, self.room);
        self.control
            .join(account, room, participant.clone(), Some(hub), MediaRights::default())
            .await
            .expect("there is room");
    }

    /// One round of questions; what the hub_liveness answered.
    async fn ask(&mut self) -> Vec<seats::Asked> {
        self.control.look_after_seats();
        self.control.left.1.recv().await.expect("an answer")
    }

    fn present(&self) -> Vec<ConnectionId> {
        let participants = self.control.state(self.room).participants;
        participants.into_iter().map(|participant| participant.connection_id).collect()
    }
}

/// An instance of the hub that has just one of its connections left; the other's leaving was not heard.
#[tokio::test]
async fn who_left_without_being_heard_is_found_out() {
    let mut stage = Stage::new();
    let (hub, silent) = (NodeId::generate(&*stage.clock), NodeId::generate(&*stage.clock));
    let (gone, kept, elsewhere) = (stage.someone(), stage.someone(), stage.someone());
    for (participant, hub) in [(&gone, hub), (&kept, hub), (&elsewhere, silent)] {
        stage.join(participant, hub).await;
    }
    let mut requests = stage.control.deps.bus.serve(&SeatService(hub)).await.unwrap();
    let left = gone.connection_id;
    stage.control.shutdown.tasks.spawn(async move {
        while let Some(Asked { request, reply }) = requests.next().await {
            reply.send(&request.into_iter().filter(|seated| seated.connection == left).collect());
        }
    });
    let answers = stage.ask().await;
    stage.control.handle_left(answers).await;
    assert_eq!(stage.present(), [kept.connection_id, elsewhere.connection_id]);

    // Who comes again while the question is under way stays.
    stage.join(&gone, hub).await;
    let answers = stage.ask().await;
    stage.join(&gone, hub).await;
    stage.control.handle_left(answers).await;
    assert_eq!(stage.present().len(), 3);
}

/// Each by its own way out, and one after the other.
#[tokio::test]
async fn it_is_written_down_why_somebody_leaves() {
    let mut stage = Stage::new();
    let (hub, room) = (NodeId::generate(&*stage.clock), stage.room);
    let (account, by) = (BTreeSet::from([stage.account]), UserId::generate(&*stage.clock));
    let [leaves, removed, lost, before] = [(); 4].map(|()| stage.someone());
    for participant in [&leaves, &removed, &lost, &before] {
        stage.join(participant, hub).await;
    }
    let after = Participant { connection_id: ConnectionId::generate(&*stage.clock), ..before.clone() };
    let stranger = stage.someone();
    let rights = MediaRights::default();
    // Who is somebody else takes nobody's place, and who is not replaced may leave as they like.
    assert!(!stage.control.replace(room, leaves.connection_id, &stranger, hub, rights).await);
    let id = leaves.connection_id;
    stage.control.change(room, |session, effects| session.leave(id, effects)).await;
    let remove = Moderation::Remove { connection: removed.connection_id };
    stage.control.change(room, |session, effects| session.moderate(by, remove, effects).unwrap()).await;
    let id = lost.connection_id;
    let owned = &stage.control.sessions[&room];
    let (number, (_, _, entry)) = (owned.number, owned.session.seats().find(|seat| seat.0 == id).unwrap());
    let asked = seats::Asked { session: number, seated: Seated { room, connection: id }, entry };
    stage.control.handle_left(vec![asked]).await;
    assert!(stage.control.replace(room, before.connection_id, &after, hub, rights).await);
    stage.control.note_hub_lost(room, hub);
    stage.control.change(room, |session, effects| session.leave_hub(hub, effects)).await;

    let news = stage.control.ledger.take(&account, &account);
    let [news] = &*news else { panic!("{news:?}") };
    let left = news.facts.iter().filter_map(|fact| match fact {
        SessionFact::Left(id, reason, _) => Some((*id, *reason)),
        SessionFact::Joined(..) | SessionFact::Published(..) | SessionFact::Unpublished(..) => None,
    });
    assert_eq!(
        left.collect::<Vec<_>>(),
        [
            (leaves.connection_id, LeaveReason::Left),
            (removed.connection_id, LeaveReason::Removed),
            (lost.connection_id, LeaveReason::ConnectionLost),
            (before.connection_id, LeaveReason::Replaced),
            (after.connection_id, LeaveReason::ConnectionLost),
        ]
    );
    assert!(matches!(news.standing, SessionStanding::Over(_)));
}

/// A shard that does not run takes orders until its queue is full; once it runs it hears who left.
#[tokio::test]
async fn a_shard_that_was_too_slow_hears_later_who_left() {
    let mut stage = Stage::new();
    let (hub, room) = (NodeId::generate(&*stage.clock), stage.room);
    let people = [stage.someone(), stage.someone(), stage.someone()];
    for participant in &people {
        stage.join(participant, hub).await;
    }
    let [left, stays] = [people[0].connection_id, people[1].connection_id];
    let shard = stage.control.shards[0].clone();
    for _ in people.len()..COMMANDS_MAX {
        shard.leave(left, 0).await.unwrap();
    }
    stage.control.change(room, |session, effects| session.leave(left, effects)).await;
    assert_eq!((stage.present().len(), stage.control.unheard.len()), (2, 1));

    let _end = stage.shard.start().unwrap();
    while !stage.control.unheard.is_empty() {
        stage.control.tell_shards_again().await;
    }
    // An answer comes after all that was ordered before: there is room again for what does not wait for any.
    shard.pending_offer(stays).await.unwrap();
    let offer = || Remote::parse(OFFER).unwrap();
    let publish = async |who| shard.publish(who, offer()).unwrap().await.unwrap();
    assert_eq!(publish(left).await, Err(SdpError::UnknownParticipant));
    assert!(publish(stays).await.is_ok());
    shard.stop().await.unwrap();
}

/// Who comes again by another device is one; whoever looks later finds the entry, until it is over.
#[tokio::test]
async fn an_account_is_told_who_is_in_which_of_its_sessions() {
    let mut stage = Stage::new();
    let bus = stage.control.deps.bus.clone();
    let mut news = bus.subscribe(&AccountSessionsTopic(stage.account)).await.unwrap();
    let (hub, room) = (NodeId::generate(&*stage.clock), stage.room);
    let (ada, ben) = (stage.someone(), stage.someone());
    let tablet = Participant { connection_id: ConnectionId::generate(&*stage.clock), ..ben.clone() };
    for participant in [&ada, &ben, &tablet] {
        stage.join(participant, hub).await;
    }
    let mut told = async |count: u32| loop {
        let Some(Delivery::Message(SessionSummary { call, .. })) = news.next().await else { panic!("news") };
        if call.participant_count == count {
            return call;
        }
    };
    let call = told(2).await;
    let named: Vec<UserId> = call.participants.iter().map(|participant| participant.user_id).collect();
    assert_eq!((call.room_id, named), (room, vec![ada.user_id, ben.user_id]));
    let entries = async || bus.entries(&AccountSessions(stage.account)).await.unwrap();
    let found = entries().await;
    assert_eq!((found.len(), found[0].1.call.participant_count, found[0].1.node), (1, 2, bus.node()));
    stage.control.change(room, |session, effects| session.end(effects)).await;
    assert_eq!(told(0).await.participants, []);
    let found = entries().await;
    assert_eq!((found.len(), found[0].1.call.participant_count), (1, 0), "for those who did not hear it");
}

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";
