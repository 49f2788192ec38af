//! A call of native clients: webrtc-rs judges the server's descriptions, its
//! handshakes and every packet that it forwards.

use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use switchboard_tests::{
    PATIENCE,
    installation::Installation,
    native::{Camera, Heard, Kind, Participant},
};
use tokio::task::JoinHandle;
use uuid::Uuid;

const KINDS: [Kind; 2] = [Kind::Audio, Kind::Video];
const PACKET_BYTES: usize = 700;

/// Packets of each kind by each sender that a receiver has to see in a row.
const RUN: usize = 100;

/// Sends on every track until aborted, 100 packets a second each.
#[expect(clippy::disallowed_methods, reason = "the test aborts it")]
fn send(participant: &Participant) -> JoinHandle<()> {
    let mut cameras: Vec<Camera> = KINDS.map(|kind| participant.camera(kind)).into();
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(10));
        loop {
            beat.tick().await;
            for camera in &mut cameras {
                camera.send(PACKET_BYTES).await;
            }
        }
    })
}

/// Listens until [`RUN`] packets of each kind have come from each of `others`, and from nobody else.
///
/// Nothing is lost on loopback: in the order of the sequence numbers each packet
/// has the sender's next number.
async fn hears(participant: &mut Participant, others: &[Uuid]) {
    while participant.hear(Duration::ZERO).await.is_some() {}
    let mut streams: BTreeMap<(Uuid, Kind), Vec<Heard>> = BTreeMap::new();
    let is_done = |streams: &BTreeMap<(Uuid, Kind), Vec<Heard>>| {
        streams.len() == others.len() * KINDS.len() && streams.values().all(|heard| heard.len() >= RUN)
    };
    while !is_done(&streams) {
        let heard = participant.hear(PATIENCE).await.expect("packets keep coming");
        assert_eq!(heard.stream, heard.from.to_string(), "the description names the sender");
        assert!(others.contains(&heard.from), "{} is heard", heard.from);
        streams.entry((heard.from, heard.kind)).or_default().push(heard);
    }
    for heard in streams.values() {
        let (first, rest) = heard.split_first().expect("a run");
        for later in rest {
            let numbers = later.number.wrapping_sub(first.number);
            let sequence = later.sequence.wrapping_sub(first.sequence);
            assert_eq!(u32::from(sequence), numbers & 0xFFFF, "sequence and payload go together");
        }
        let mut numbers: Vec<u32> = heard.iter().map(|heard| heard.number).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "each once, none missing");
    }
}

#[tokio::test]
async fn three_native_clients_get_each_others_packets_and_one_leaves_and_returns() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let join = async || Participant::join(&server.base, &account.admin.token, &room).await;
    let mut three = [join().await, join().await, join().await];
    let ids = three.each_ref().map(Participant::id);
    let mut senders = Vec::new();
    for one in &mut three {
        one.publish(&KINDS).await;
        senders.push(send(one));
    }
    for (one, others) in three.iter_mut().zip([[ids[1], ids[2]], [ids[0], ids[2]], [ids[0], ids[1]]]) {
        one.receive(&others, KINDS.len()).await;
        hears(one, &others).await;
    }

    let [mut ada, mut ben, cleo] = three;
    senders.pop().expect("three senders").abort();
    cleo.leave().await;
    ada.receive(&[ids[1]], KINDS.len()).await;
    ben.receive(&[ids[0]], KINDS.len()).await;
    hears(&mut ada, &[ids[1]]).await;

    let mut cleo = join().await;
    let returned = cleo.id();
    cleo.publish(&KINDS).await;
    senders.push(send(&cleo));
    cleo.receive(&[ids[0], ids[1]], KINDS.len()).await;
    ada.receive(&[ids[1], returned], KINDS.len()).await;
    ben.receive(&[ids[0], returned], KINDS.len()).await;
    hears(&mut cleo, &[ids[0], ids[1]]).await;
    hears(&mut ada, &[ids[1], returned]).await;
    hears(&mut ben, &[ids[0], returned]).await;
    assert!(ada.is_sending() && ben.is_sending() && cleo.is_sending());
    senders.iter().for_each(JoinHandle::abort);
}

/// Old telephones and some embedded clients know nothing else.
#[tokio::test]
async fn who_has_no_gcm_is_heard_and_hears() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let join = async || Participant::join(&server.base, &account.admin.token, &room).await;
    let mut three = [join().await, join().await.without_gcm(), join().await.without_gcm()];
    let ids = three.each_ref().map(Participant::id);
    let mut senders = Vec::new();
    for one in &mut three {
        one.publish(&KINDS).await;
        senders.push(send(one));
    }
    for (one, others) in three.iter_mut().zip([[ids[1], ids[2]], [ids[0], ids[2]], [ids[0], ids[1]]]) {
        one.receive(&others, KINDS.len()).await;
        hears(one, &others).await;
    }
    assert!(three.iter().all(Participant::is_sending));
    senders.iter().for_each(JoinHandle::abort);
}

/// With two participants media would go peer to peer, where nobody could hold them to anything.
#[tokio::test]
async fn guests_hear_and_are_heard_as_far_as_their_tokens_allow() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let token = async |rights: &str| {
        let body = json!({ "guest": { "identity": rights, "name": "Guest" }, "rights": [rights] });
        let minted = account.admin.post(&format!("/v1/rooms/{room}/join-tokens"), body).await;
        minted["token"].as_str().expect("a token").to_owned()
    };
    let mut ada = Participant::join(&server.base, &account.admin.token, &room).await;
    let mut listener = Participant::join(&server.base, &token("media.receive").await, &room).await;
    ada.publish(&KINDS).await;
    let sender = send(&ada);
    listener.receive(&[ada.id()], KINDS.len()).await;
    hears(&mut listener, &[ada.id()]).await;
    let offer = json!({ "roomId": room, "sdp": "v=0" });
    let refused = listener.socket.try_ask("media.publish", offer).await.expect_err("it may not send");
    assert_eq!(refused["data"]["code"], "auth.forbidden");

    let mut speaker = Participant::join(&server.base, &token("media.send").await, &room).await;
    speaker.publish(&KINDS).await;
    let other = send(&speaker);
    ada.receive(&[speaker.id()], KINDS.len()).await;
    hears(&mut ada, &[speaker.id()]).await;
    listener.receive(&[ada.id(), speaker.id()], KINDS.len()).await;
    hears(&mut listener, &[ada.id(), speaker.id()]).await;
    assert!(!speaker.socket.has_seen("media.offer").await);
    sender.abort();
    other.abort();
}
