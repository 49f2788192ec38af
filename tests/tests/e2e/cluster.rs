//! Two instances on one Redis and one Postgres behave as one.

use local_services::{cluster::Cluster, redis::Redis, scratch::Scratch};
use serde_json::json;
use std::time::Duration;
use switchboard_tests::{
    installation::{Installation, PASSWORD},
    rest::{Rest, client},
    server::Server,
    socket::Socket,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

fn message(room: &str, text: &str) -> serde_json::Value {
    json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": text })
}

#[tokio::test]
async fn an_agent_on_one_instance_sees_a_webhook_that_came_to_the_other() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let meta = account.whatsapp().await;
    let mut agent = Socket::open(&a.base, &account.admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    assert_eq!(meta.post(&b.base, &meta.messages(&[("wamid.1", "one"), ("wamid.2", "two")])).await, 200);
    for (seq, text) in [(1, "one"), (2, "two")] {
        let event = agent.event("inbox.event", |_| true).await;
        assert_eq!(
            (event["seq"].as_u64(), event["event"]["message"]["text"].as_str()),
            (Some(seq), Some(text))
        );
    }
}

#[tokio::test]
async fn members_of_a_room_on_two_instances_meet() {
    meet(&Installation::new().await.clustered()).await;
}

#[tokio::test]
async fn a_call_rings_on_another_instance_and_is_relayed_peer_to_peer() {
    call(&Installation::new().await.clustered()).await;
}

/// Rooms and calls lie on whichever of its servers, and what two instances say of them crosses all of them. Of one that
/// dies, and whose place nobody takes, what was stored is found in the store.
#[tokio::test]
async fn two_instances_on_a_redis_cluster_chat_and_call_and_go_on_when_a_server_dies() {
    let directory = Scratch::new().expect("a directory");
    let mut cluster = Cluster::start_without_replicas(directory.path()).expect("the cluster starts");
    let installation = Installation::new().await.with_redis_cluster(&cluster);
    meet(&installation).await;
    call(&installation).await;
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("again", &a).await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    let mut ben = Socket::open(&b.base, &account.admin.token).await;
    let mut rooms = Vec::new();
    for number in 0..9 {
        let room = account.room(&format!("Room {number}")).await;
        for socket in [&mut ada, &mut ben] {
            socket.ask("room.join", json!({ "roomId": room })).await;
        }
        rooms.push(room);
    }
    let dead = cluster.primaries[0].address().to_string();
    cluster.primaries[0].kill().expect("it was running");
    for round in 0..2 {
        for room in &rooms {
            let text = format!("dark {round} {room}");
            ada.ask("room.send", message(room, &text)).await;
            let heard = ben.event("room.message", |event| event["message"]["text"] == text);
            timeout(OUTAGE_PATIENCE, heard).await.expect("in time");
        }
    }
    let ready = async || json_of(&format!("{}/ready", a.base)).await;
    timeout(OUTAGE_PATIENCE, async {
        while ready().await
            != json!({ "ready": true, "database": true, "bus": false, "degraded": [format!("redis {dead}")] })
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it is named, and the instance stays in");
    drop((a, b, cluster));
}

async fn json_of(url: &str) -> serde_json::Value {
    let answer = client().get(url).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

async fn meet(installation: &Installation) {
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    let mut ben = Socket::open(&b.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    let joined = ben.ask("room.join", json!({ "roomId": room })).await;
    assert_eq!(joined["members"].as_array().expect("members").len(), 2);
    let (ada_id, ben_id) = (ada.connection_id(), ben.connection_id());
    ada.event("room.memberJoined", |event| event["member"]["connectionId"] == ben_id).await;
    ben.ask("room.typing", json!({ "roomId": room, "typing": true })).await;
    ada.event("room.typing", |event| event["connectionId"] == ben_id && event["typing"] == true).await;
    for (from, text) in [(0, "from a"), (1, "from b"), (0, "from a again")] {
        let sender = if from == 0 { &mut ada } else { &mut ben };
        sender.ask("room.send", message(&room, text)).await;
        for receiver in [&mut ada, &mut ben] {
            receiver.event("room.message", |event| event["message"]["text"] == text).await;
        }
    }
    drop(ada);
    ben.event("room.memberLeft", |event| event["connectionId"] == ada_id).await;
}

async fn call(installation: &Installation) {
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let email = account.user("Ben").await;
    let ben_rest = Rest::sign_in(&b.base, &email, PASSWORD).await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    let mut ben = Socket::open(&b.base, &ben_rest.token).await;
    let mut ben_phone = Socket::open(&a.base, &ben_rest.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    let ringing =
        ada.ask("call.ring", json!({ "roomId": room, "userId": ben_rest.user, "media": "video" })).await;
    let call = ringing["callId"].as_str().expect("a call").to_owned();
    for device in [&mut ben, &mut ben_phone] {
        let incoming = device.event("call.incoming", |_| true).await;
        assert_eq!(incoming["callId"], call);
    }
    ben.ask("call.accept", json!({ "callId": call })).await;
    let late = ben_phone.event("call.ended", |_| true).await;
    assert_eq!(late["reason"], "answeredElsewhere");
    let answered = ada.event("call.answered", |_| true).await;
    assert_eq!(answered["by"], ben.connection_id());
    ben.ask("room.join", json!({ "roomId": room })).await;
    ada.ask("media.join", json!({ "roomId": room })).await;
    let joined = ben.ask("media.join", json!({ "roomId": room })).await;
    assert_eq!(joined["state"]["route"], "peerToPeer");
    let (ada_id, ben_id) = (ada.connection_id(), ben.connection_id());
    ada.ask(
        "media.signal",
        json!({ "roomId": room, "to": ben_id, "signal": { "kind": "offer", "sdp": "v=0" } }),
    )
    .await;
    let signal = ben.event("media.signal", |_| true).await;
    assert_eq!((&signal["from"], &signal["signal"]["sdp"]), (&json!(ada_id), &json!("v=0")));
    ben.ask("call.hangUp", json!({ "callId": call })).await;
    assert_eq!(ada.event("call.ended", |_| true).await["reason"], "hungUp");
}

/// How long those on other instances wait for a message while Redis is away.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(5);

/// Redis is really stopped; messages keep flowing within each instance at once, and between them by the store,
/// all of them in order and once.
#[tokio::test]
async fn a_redis_outage_is_healed_from_the_store() {
    let directory = Scratch::new().expect("a directory");
    let mut redis = Redis::start(directory.path()).expect("Redis starts");
    let installation = Installation::new().await.with_own_redis(&redis);
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    let mut ben = Socket::open(&b.base, &account.admin.token).await;
    let meta = account.whatsapp().await;
    for socket in [&mut ada, &mut ben] {
        socket.ask("room.join", json!({ "roomId": room })).await;
        socket.ask("inbox.subscribe", json!({})).await;
    }
    redis.kill().expect("it was running");
    for n in 1..=3 {
        ada.ask("room.send", message(&room, &format!("dark {n}"))).await;
        ada.event("room.message", |event| event["message"]["seq"] == n).await;
    }
    // Redis is not there: nothing but the store can have told.
    for n in 1..=3 {
        let event = timeout(OUTAGE_PATIENCE, ben.event("room.message", |_| true)).await.expect("in time");
        assert_eq!(event["message"]["seq"], n);
    }
    assert_eq!(meta.post(&a.base, &meta.messages(&[("wamid.1", "dark")])).await, 200);
    let event = timeout(OUTAGE_PATIENCE, ben.event("inbox.event", |_| true)).await.expect("in time");
    assert_eq!(event["seq"], 1);
    redis.restart().expect("Redis starts again");
    assert!(!ben.has_seen("room.memberLeft").await && !ada.has_seen("room.memberLeft").await, "nobody left");
    ben.ask("room.send", message(&room, "light")).await;
    ada.event("room.message", |event| event["message"]["text"] == "light").await;
    ben.event("room.message", |event| event["message"]["text"] == "light").await;
    assert!(!ben.has_seen("room.message").await && !ben.has_seen("inbox.event").await, "nothing comes twice");
    drop((a, b));
    redis.kill().expect("it was running");
}

/// Two instances with somebody in the same room on each. The first has said "dark" after Redis had shut it out, and
/// nothing further is said that would show the gap.
struct CutOff {
    _installation: Installation,
    a: Server,
    b: Server,
    /// On the first instance.
    ada: Socket,
    /// On the second.
    ben: Socket,
    redis: Redis,
    _directory: Scratch,
}

impl CutOff {
    async fn new() -> Self {
        let directory = Scratch::new().expect("a directory");
        let redis = Redis::start(directory.path()).expect("Redis starts");
        let mut installation = Installation::new().await.with_own_redis(&redis);
        let b = installation.server();
        installation.set("SWITCHBOARD_REDIS__URL", &redis.let_in("a").expect("Redis obeys"));
        let a = installation.server();
        let account = installation.account("acme", &a).await;
        let room = account.room("Lobby").await;
        let mut ada = Socket::open(&a.base, &account.admin.token).await;
        let mut ben = Socket::open(&b.base, &account.admin.token).await;
        for socket in [&mut ada, &mut ben] {
            socket.ask("room.join", json!({ "roomId": room })).await;
        }
        redis.shut_out("a").expect("Redis obeys");
        ada.ask("room.send", message(&room, "dark")).await;
        Self { _installation: installation, a, b, ada, ben, redis, _directory: directory }
    }
}

#[tokio::test]
async fn what_an_instance_said_while_it_was_cut_off_is_told_when_it_is_back() {
    let CutOff { _directory, redis, _installation, a, b, ada: _ada, mut ben } = CutOff::new().await;
    redis.let_in("a").expect("Redis obeys");
    let event = timeout(OUTAGE_PATIENCE, ben.event("room.message", |_| true)).await.expect("in time");
    assert_eq!(event["message"]["text"], "dark");
    drop((a, b, redis));
}

/// How long it takes to be sure that an instance is gone, and to look for what it stored.
const DEATH_PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn what_an_instance_said_while_it_was_cut_off_is_told_though_it_never_comes_back() {
    let CutOff { _directory, redis, _installation, a, b, ada, mut ben } = CutOff::new().await;
    let ada_id = ada.connection_id();
    a.kill();
    let told = async {
        let event = ben.event("room.message", |_| true).await;
        assert_eq!(event["message"]["text"], "dark");
        ben.event("room.memberLeft", |event| event["connectionId"] == ada_id).await
    };
    timeout(DEATH_PATIENCE, told).await.expect("in time");
    drop((b, redis));
}

/// Redis is really stopped; nobody hears that Ben leaves, and the media server, which runs with Ada's
/// instance, finds out.
#[tokio::test]
async fn who_leaves_a_call_during_a_redis_outage_is_out_of_it_afterwards() {
    let directory = Scratch::new().expect("a directory");
    let mut redis = Redis::start(directory.path()).expect("Redis starts");
    let installation = Installation::new().await.with_own_redis(&redis);
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    let mut ben = Socket::open(&b.base, &account.admin.token).await;
    let mut bea = Socket::open(&b.base, &account.admin.token).await;
    for socket in [&mut ada, &mut ben, &mut bea] {
        socket.ask("room.join", json!({ "roomId": room })).await;
        socket.ask("media.join", json!({ "roomId": room })).await;
    }
    let (ben_id, bea_id) = (ben.connection_id(), bea.connection_id());
    redis.kill().expect("it was running");
    drop(ben);
    bea.event("room.memberLeft", |event| event["connectionId"] == ben_id).await;
    redis.restart().expect("Redis starts again");
    let is_there = |event: &serde_json::Value, who: &str| {
        let participants = event["state"]["participants"].as_array().expect("participants");
        participants.iter().any(|participant| participant["connectionId"] == who)
    };
    let without_ben =
        ada.event("media.changed", |event| is_there(event, &bea_id) && !is_there(event, &ben_id)).await;
    assert!(is_there(&without_ben, &ada.connection_id()), "the others stay");
    drop((a, b));
    redis.kill().expect("it was running");
}

/// How long a request may take that the bus does not answer: 200 ms, and what a machine that runs other tests meanwhile
/// takes for the rest.
const REQUEST_TIME: Duration = Duration::from_millis(1_000);

/// It keeps its connections and answers nobody, which those who ask first find out.
#[tokio::test]
async fn no_request_waits_for_a_redis_that_hangs() {
    let directory = Scratch::new().expect("a directory");
    let redis = Redis::start(directory.path()).expect("Redis starts");
    let installation = Installation::new().await.with_own_redis(&redis);
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let ben = account.user("Ben").await;
    let ben = Rest::sign_in(&b.base, &ben, PASSWORD).await;
    let (room, other) = (account.room("Lobby").await, account.room("Other").await);
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    let recent = json!({ "name": "board", "class": "recent" });
    let board = ada.ask("room.join", recent.clone()).await["roomId"].clone();
    let stop = |signal: &str| {
        let id = redis.id().expect("it runs").to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().expect("kill").success());
    };
    for (method, params) in [
        ("room.send", message(&room, "dark")),
        ("room.join", json!({ "roomId": other })),
        ("room.publish", json!({ "roomId": board, "name": "x" })),
        ("room.join", recent),
        ("room.typing", json!({ "roomId": room, "typing": true })),
        ("presence.subscribe", json!({})),
        ("call.ring", json!({ "roomId": room, "userId": ben.user, "media": "audio" })),
        ("room.leave", json!({ "roomId": room })),
    ] {
        // Anew for each: after a while it is noticed, and nobody waits at all.
        stop("-STOP");
        let began = std::time::Instant::now();
        let _answered_or_refused = ada.try_ask(method, params).await;
        let took = began.elapsed();
        stop("-CONT");
        println!("{method} took {} ms", took.as_millis());
        assert!(took < REQUEST_TIME, "{method} took {took:?}");
    }
    drop((a, b, redis));
}

/// Redis is there, takes everything and answers nothing.
#[tokio::test]
async fn a_message_does_not_wait_for_a_redis_that_hangs() {
    let directory = Scratch::new().expect("a directory");
    let redis = Redis::start(directory.path()).expect("Redis starts");
    let installation = Installation::new().await.with_own_redis(&redis);
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    let mut ben = Socket::open(&b.base, &account.admin.token).await;
    for socket in [&mut ada, &mut ben] {
        socket.ask("room.join", json!({ "roomId": room })).await;
    }
    let socket = redis.url().replace("redis+unix://", "");
    let mut pause = tokio::net::UnixStream::connect(socket).await.expect("Redis is there");
    pause.write_all(b"CLIENT PAUSE 20000 ALL\r\n").await.expect("Redis takes it");
    let mut answer = [0; 5];
    pause.read_exact(&mut answer).await.expect("Redis answers for the last time");
    assert_eq!(&answer, b"+OK\r\n");
    let crossed = async {
        ada.ask("room.send", message(&room, "dark")).await;
        ben.event("room.message", |event| event["message"]["text"] == "dark").await
    };
    let event = timeout(OUTAGE_PATIENCE, crossed).await.expect("in time");
    assert_eq!(event["message"]["seq"], 1);
    drop((a, b, redis));
}
