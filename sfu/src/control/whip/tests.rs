//! Clients over a bus of one process, with a shard that runs.

use super::{stays::ANSWER_TIME, *};
use crate::{
    Config, Deps,
    addresses::Addresses,
    control::tests::books,
    recording::Feed,
    shard::{Shard, ShardHandle},
    socket,
};
use bus::{Asked, Bus, Requests};
use common::{
    clock::{Clock, ManualClock},
    error::ErrorCode,
    id::NodeId,
    protocol::media::ParticipantState,
    subject::whip::{PassHolder, StayService},
};
use shutdown::Shutdown;
use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc, time::Duration};

/// How long a token of these tests is good for.
const TOKEN_TIME: Duration = Duration::from_secs(60);

struct Stage {
    clock: Arc<ManualClock>,
    control: Control,
    requests: Requests<WhipService>,
    shard: ShardHandle,
    account: AccountId,
    room: RoomId,
}

impl Stage {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let bus = Bus::local(NodeId::generate(&*clock));
        let socket = socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let addresses = Addresses::of(&Config::default(), socket.local_addr().unwrap()).unwrap();
        let (shard, handle) =
            Shard::new(0, Arc::<ManualClock>::clone(&clock), socket, addresses, Feed::default()).unwrap();
        let _ended = shard.start().unwrap();
        let requests = bus.serve(&WhipService(bus.node())).await.unwrap();
        let deps = Deps { bus, clock: Arc::<ManualClock>::clone(&clock) };
        let control =
            Control::new(Config::default(), deps, Shutdown::default(), vec![handle.clone()], books(&clock));
        let (account, room) = (AccountId::generate(&*clock), RoomId::generate(&*clock));
        Self { clock, control, requests, shard: handle, account, room }
    }

    /// Asks as the api role does, and lets the control part do what follows.
    async fn ask(&mut self, action: WhipAction) -> WhipAnswer {
        let request = WhipRequest { account: self.account, room: self.room, action };
        let bus = self.control.deps.bus.clone();
        let (sender, mut answer) = tokio::sync::oneshot::channel();
        self.control.shutdown.tasks.spawn(async move {
            let answer = bus.request(&WhipService(bus.node()), &request, ANSWER_TIME).await;
            sender.send(answer).unwrap();
        });
        let Asked { request, reply } = self.requests.next().await.unwrap();
        self.control.handle_whip(request, reply).await;
        loop {
            tokio::select! {
                answered = &mut answer => return answered.unwrap().unwrap(),
                Some(news) = self.control.clients.next_news() => self.control.handle_whip_news(news).await,
            }
        }
    }

    /// Publishes as somebody new; who it is, and under which tag.
    async fn publish(&mut self) -> (ConnectionId, UserId, String) {
        let (session, user) = (ConnectionId::generate(&*self.clock), UserId::generate(&*self.clock));
        let reply = self.ask(self.publishing(session, user, &offer("abcd"))).await.unwrap();
        let WhipReply::Published { sdp, tag } = reply else { panic!("{reply:?}") };
        assert!(sdp.contains("a=recvonly") && !sdp.contains("a=sendonly"), "{sdp}");
        (session, user, tag)
    }

    fn publishing(&self, session: ConnectionId, user: UserId, sdp: &str) -> WhipAction {
        let holder = PassHolder::Guest { rights: BTreeSet::new(), issued_at: self.clock.utc() };
        WhipAction::Publish {
            participant: Participant {
                connection_id: session,
                user_id: user,
                name: "Encoder".to_owned(),
                state: ParticipantState::default(),
                tracks: Vec::new(),
            },
            rights: MediaRights { send: true, receive: false, data: true },
            pass: Pass { holder, expires_at: self.clock.utc() + TOKEN_TIME },
            sdp: sdp.to_owned(),
            picture: TrackSource::Camera,
        }
    }

    fn present(&self) -> Vec<ConnectionId> {
        let participants = self.control.state(self.room).participants;
        participants.into_iter().map(|participant| participant.connection_id).collect()
    }
}

/// Sound and pictures, under these credentials.
fn offer(ufrag: &str) -> String {
    let fingerprint = ["00"; 32].join(":");
    let section = |mid, line, codec| {
        format!(
            "m={line}\r\na=mid:{mid}\r\na=rtpmap:{codec}\r\na=rtcp-mux\r\na=rtcp-mux-only\r\na=sendonly\r\n"
        )
    };
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-ufrag:{ufrag}\r\n\
         a=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n{}{}",
        section(0, "audio 9 UDP/TLS/RTP/SAVPF 111", "111 opus/48000/2"),
        section(1, "video 9 UDP/TLS/RTP/SAVPF 96", "96 VP8/90000")
    )
}

/// The same as a player says it.
fn player_offer(ufrag: &str) -> String {
    offer(ufrag).replace("sendonly", "recvonly")
}

fn fragment(ufrag: &str) -> String {
    format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:0123456789012345678901\r\n")
}

#[tokio::test]
async fn a_publisher_has_a_seat_and_tracks_until_its_token_ends() {
    let mut stage = Stage::new().await;
    let (session, ..) = stage.publish().await;
    let state = stage.control.state(stage.room);
    assert_eq!(state.route, common::protocol::media::Route::Server);
    let participant = &state.participants[0];
    assert_eq!((participant.connection_id, participant.tracks.len()), (session, 2));
    assert!(!participant.state.muted && !participant.state.camera_off);
    stage.clock.advance(TOKEN_TIME - Duration::from_millis(1));
    stage.control.look_after_clients().await;
    assert_eq!(stage.present(), [session]);
    stage.clock.advance(Duration::from_millis(1));
    stage.control.look_after_clients().await;
    assert!(stage.present().is_empty() && stage.control.sessions.is_empty(), "nobody is left");
    stage.shard.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_taken_opens_no_session() {
    let mut stage = Stage::new().await;
    let (session, user) = (ConnectionId::generate(&*stage.clock), UserId::generate(&*stage.clock));
    for (sdp, code) in [
        ("garbage".to_owned(), ErrorCode::MEDIA_INVALID_SDP),
        (offer("abcd").replace("opus", "speex"), ErrorCode::MEDIA_NOTHING_AGREED),
        (
            offer("abcd").replace("audio 9", "video 9").replace("opus/48000/2", "VP8/90000"),
            ErrorCode::MEDIA_DUPLICATE_SOURCE,
        ),
    ] {
        let refused = stage.ask(stage.publishing(session, user, &sdp)).await.unwrap_err();
        assert_eq!(refused.data.code, code, "{}", refused.message);
        assert!(stage.control.sessions.is_empty());
    }
    stage.shard.stop().await.unwrap();
}

#[tokio::test]
async fn other_credentials_begin_ice_anew_and_the_same_change_nothing() {
    let mut stage = Stage::new().await;
    let (session, user, first) = stage.publish().await;
    let tagged = |tag: &str| IfMatch::Tags(vec!["other".to_owned(), tag.to_owned()]);
    let patch = |if_match, ufrag, user| WhipAction::Patch {
        session,
        direction: Direction::Publishes,
        user,
        if_match,
        fragment: fragment(ufrag),
    };
    assert_eq!(stage.ask(patch(tagged(&first), "abcd", user)).await, Ok(WhipReply::Done));
    assert_eq!(stage.ask(patch(tagged("ice-0"), "abcd", user)).await, Ok(WhipReply::OtherIceSession));
    let restarted = stage.ask(patch(IfMatch::Any, "efgh", user)).await.unwrap();
    let WhipReply::Restarted { fragment: answer, tag } = restarted else { panic!("{restarted:?}") };
    assert!(answer.contains("a=ice-ufrag:") && answer.contains("a=candidate:"), "{answer}");
    assert_ne!(tag, first);
    assert_eq!(stage.ask(patch(tagged(&first), "efgh", user)).await, Ok(WhipReply::OtherIceSession));
    assert_eq!(stage.ask(patch(tagged(&tag), "efgh", user)).await, Ok(WhipReply::Done));
    let stranger = stage.ask(patch(IfMatch::Any, "ijkl", UserId::generate(&*stage.clock))).await;
    assert_eq!(stranger.unwrap_err().data.code, ErrorCode::NOT_FOUND);
    let stranger =
        WhipAction::End { session, direction: Direction::Publishes, user: UserId::generate(&*stage.clock) };
    assert_eq!(stage.ask(stranger).await.unwrap_err().data.code, ErrorCode::NOT_FOUND);
    assert_eq!(stage.present(), [session]);
    assert_eq!(
        stage.ask(WhipAction::End { session, direction: Direction::Publishes, user }).await,
        Ok(WhipReply::Done)
    );
    assert!(stage.present().is_empty());
    let again = stage.ask(WhipAction::End { session, direction: Direction::Publishes, user }).await;
    assert_eq!(again.unwrap_err().data.code, ErrorCode::NOT_FOUND);
    stage.shard.stop().await.unwrap();
}

/// While nobody of the api role answers, everybody stays.
#[tokio::test]
async fn who_may_not_stay_goes_and_who_cannot_be_judged_stays() {
    let mut stage = Stage::new().await;
    let ((gone, ..), (kept, ..)) = (stage.publish().await, stage.publish().await);
    stage.control.look_after_clients().await;
    let unanswered = stage.control.clients.next_news().await.unwrap();
    stage.control.handle_whip_news(unanswered).await;
    assert_eq!(stage.present(), [gone, kept]);
    let mut asked = stage.control.deps.bus.serve(&StayService).await.unwrap();
    stage.control.shutdown.tasks.spawn(async move {
        while let Some(Asked { request, reply }) = asked.next().await {
            reply.send(&request.iter().map(|stay| stay.session).filter(|&session| session == gone).collect());
        }
    });
    stage.control.look_after_clients().await;
    let judged = stage.control.clients.next_news().await.unwrap();
    stage.control.handle_whip_news(judged).await;
    assert_eq!(stage.present(), [kept]);
    stage.shard.stop().await.unwrap();
}

#[tokio::test]
async fn who_publishes_over_http_does_not_move_with_the_call_and_finds_that_the_session_is_gone() {
    let mut stage = Stage::new().await;
    let (session, user, _) = stage.publish().await;
    let room = stage.room;
    stage.control.leave_behind(room).await;
    assert_eq!(stage.present(), []);
    let refused =
        stage.ask(WhipAction::End { session, direction: Direction::Publishes, user }).await.unwrap_err();
    assert_eq!(refused.data.code, failure::no_whip_session().data.code);
}

#[tokio::test]
async fn a_player_is_seen_by_nobody_and_plays_before_anybody_sends() {
    let mut stage = Stage::new().await;
    let (session, user) = (ConnectionId::generate(&*stage.clock), UserId::generate(&*stage.clock));
    let holder = PassHolder::Guest { rights: BTreeSet::new(), issued_at: stage.clock.utc() };
    let pass = Pass { holder, expires_at: stage.clock.utc() + TOKEN_TIME };
    let play = |sdp: String| WhipAction::Play { session, user, pass: pass.clone(), sdp, of: None };
    for (sdp, code) in [
        ("garbage".to_owned(), ErrorCode::MEDIA_INVALID_SDP),
        (offer("abcd"), ErrorCode::MEDIA_NOTHING_AGREED),
        (
            player_offer("abcd").replace("audio 9", "video 9").replace("opus/48000/2", "VP8/90000"),
            ErrorCode::MEDIA_DUPLICATE_SOURCE,
        ),
    ] {
        let refused = stage.ask(play(sdp)).await.unwrap_err();
        assert_eq!(refused.data.code, code, "{}", refused.message);
        assert!(stage.control.sessions.is_empty());
    }
    let reply = stage.ask(play(player_offer("abcd"))).await.unwrap();
    let WhipReply::Published { sdp, tag } = reply else { panic!("{reply:?}") };
    assert!(sdp.contains("a=sendonly") && !sdp.contains("a=recvonly"), "{sdp}");
    assert!(stage.present().is_empty() && stage.control.sessions.len() == 1);
    let (publisher, ..) = stage.publish().await;
    assert_eq!(stage.present(), [publisher]);
    let patch = |direction| WhipAction::Patch {
        session,
        direction,
        user,
        if_match: IfMatch::Any,
        fragment: fragment("efgh"),
    };
    let elsewhere = stage.ask(patch(Direction::Publishes)).await;
    assert_eq!(elsewhere.unwrap_err().data.code, ErrorCode::NOT_FOUND);
    let restarted = stage.ask(patch(Direction::Plays)).await.unwrap();
    let WhipReply::Restarted { tag: next, .. } = restarted else { panic!("{restarted:?}") };
    assert_ne!(tag, next);
    let ended = stage.ask(WhipAction::End { session, direction: Direction::Plays, user }).await;
    assert_eq!(ended, Ok(WhipReply::Done));
    assert_eq!(stage.present(), [publisher]);
    stage.shard.stop().await.unwrap();
}

#[tokio::test]
async fn a_player_alone_holds_a_session_until_its_token_ends() {
    let mut stage = Stage::new().await;
    let (session, user) = (ConnectionId::generate(&*stage.clock), UserId::generate(&*stage.clock));
    let holder = PassHolder::Guest { rights: BTreeSet::new(), issued_at: stage.clock.utc() };
    let pass = Pass { holder, expires_at: stage.clock.utc() + TOKEN_TIME };
    stage.ask(WhipAction::Play { session, user, pass, sdp: player_offer("abcd"), of: None }).await.unwrap();
    stage.clock.advance(TOKEN_TIME - Duration::from_millis(1));
    stage.control.look_after_clients().await;
    assert_eq!(stage.control.sessions.len(), 1);
    stage.clock.advance(Duration::from_millis(1));
    stage.control.look_after_clients().await;
    assert!(stage.control.sessions.is_empty());
    stage.shard.stop().await.unwrap();
}
