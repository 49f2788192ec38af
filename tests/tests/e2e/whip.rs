//! Publishing into a room over HTTP (WHIP, RFC 9725): what the others in the room see, and what each request is answered.

use super::{negotiation::decodes, tracks::participate};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{collections::BTreeSet, process::Stdio, time::Duration};
use switchboard_tests::{
    PATIENCE,
    browser::{Browser, Driver, Turn},
    eventually,
    installation::{Account, Installation},
    native::{Kind, Participant},
    provided,
    rest::Rest,
    server::Server,
    socket::Socket,
    whip::{FRAGMENT, SDP, Said, Whip, offer, say},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    task::JoinHandle,
};
use uuid::Uuid;

pub(super) const KINDS: [Kind; 2] = [Kind::Audio, Kind::Video];

/// What a client says of its candidates under these credentials.
pub(super) fn fragment(ufrag: &str) -> String {
    format!(
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:0123456789abcdef01234567\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
         a=candidate:1 1 udp 2122260223 127.0.0.1 61764 typ host\r\na=end-of-candidates\r\n"
    )
}

/// Instances, an account with a room, and a program that lets guests in.
pub(super) struct World {
    pub(super) servers: Vec<Server>,
    pub(super) account: Account,
    pub(super) back_end: Rest,
    pub(super) room: String,
    _installation: Installation,
}

pub(super) async fn world(servers: usize) -> World {
    let mut installation = Installation::new().await;
    if servers > 1 {
        installation = installation.clustered();
    }
    let servers: Vec<Server> = (0..servers).map(|_| installation.server()).collect();
    let account = installation.account("acme", &servers[0]).await;
    let key = json!({ "name": "Studio", "permissions": ["rooms.read", "rooms.manage"] });
    let key = account.admin.post("/v1/api-keys", key).await;
    let back_end = account.admin.with_key(key["key"].as_str().expect("a key"));
    let room = account.room("Stage").await;
    World { servers, account, back_end, room, _installation: installation }
}

impl World {
    pub(super) async fn token(&self, identity: &str, rights: Value) -> String {
        self.token_for(identity, rights, 3600).await
    }

    pub(super) async fn token_for(&self, identity: &str, rights: Value, seconds: u32) -> String {
        let guest = json!({ "identity": identity, "name": "Encoder" });
        let body = json!({ "guest": guest, "rights": rights, "expiresIn": seconds });
        let minted = self.back_end.post(&format!("/v1/rooms/{}/join-tokens", self.room), body).await;
        minted["token"].as_str().expect("a token").to_owned()
    }

    async fn join(&self) -> Participant {
        Participant::join(&self.servers[0].base, &self.account.admin.token, &self.room).await
    }

    /// Somebody who only looks.
    pub(super) async fn looks(&self) -> Socket {
        let mut socket = Socket::open(&self.servers[0].base, &self.account.admin.token).await;
        socket.ask("room.join", json!({ "roomId": self.room })).await;
        socket
    }

    pub(super) fn url(&self) -> String {
        format!("{}/v1/rooms/{}/whip", self.servers[0].base, self.room)
    }

    async fn post(&self, token: &str, offer: &str) -> Said {
        say(Method::POST, &self.url(), token, &[("content-type", SDP)], offer).await
    }
}

#[expect(clippy::disallowed_methods, reason = "the test aborts it")]
fn send(whip: &Whip) -> JoinHandle<()> {
    let mut cameras = KINDS.map(|kind| whip.camera(kind));
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(10));
        loop {
            beat.tick().await;
            for camera in &mut cameras {
                camera.send(300).await;
            }
        }
    })
}

pub(super) fn ids(state: &Value) -> BTreeSet<Uuid> {
    let all = state["participants"].as_array().expect("participants").iter();
    all.map(|one| one["connectionId"].as_str().and_then(|id| id.parse().ok()).expect("an id")).collect()
}

/// Waits until exactly these are in the call.
pub(super) async fn until_there(socket: &mut Socket, expected: &[Uuid]) -> Value {
    let expected: BTreeSet<Uuid> = expected.iter().copied().collect();
    socket.event("media.changed", |news| ids(&news["state"]) == expected).await
}

/// Two talk directly. An encoder comes, which moves them to the server; both see and hear it, under its name. Whatever
/// it says afterwards, it says to the other instance.
#[tokio::test]
async fn an_encoder_is_a_participant_of_the_call_and_every_instance_serves_it() {
    let world = world(2).await;
    let [first, second] = [0, 1].map(|at| world.servers[at].base.clone());
    let (mut ada, ben) = (world.join().await, world.join().await);
    let two = [ada.id(), ben.id()];
    let token = world.token("encoder-1", json!(["media.send"])).await;
    let whip = Whip::publish(&first, &token, &world.room, &KINDS).await;
    let sender = send(&whip);
    let changed = until_there(&mut ada.socket, &[two[0], two[1], whip.id()]).await;
    assert_eq!(changed["state"]["route"], "server");
    let name = |one: &&Value| one["connectionId"] == json!(whip.id());
    let encoder = changed["state"]["participants"].as_array().expect("all").iter().find(name);
    assert_eq!(encoder.expect("the encoder")["name"], "Encoder");
    let tracks = ada.receive(&[whip.id()], KINDS.len()).await;
    let sources: BTreeSet<&str> =
        tracks.as_array().expect("tracks").iter().filter_map(|it| it["source"].as_str()).collect();
    assert_eq!(sources, BTreeSet::from(["camera", "microphone"]));
    let mut heard = BTreeSet::new();
    while heard.len() < KINDS.len() {
        let packet = ada.hear(PATIENCE).await.expect("packets come");
        assert_eq!(packet.from, whip.id());
        heard.insert(packet.kind);
    }
    sender.abort();

    assert_eq!(whip.etag, "\"ice-1\"");
    let same = fragment(&whip.ufrag);
    let trickled = whip.patch(&second, Some(&whip.etag), &same).await;
    assert_eq!((trickled.status, trickled.header("etag")), (StatusCode::NO_CONTENT, ""));
    // There are clients that name no ICE session when they trickle.
    assert_eq!(whip.patch(&second, Some("*"), &same).await.status, StatusCode::NO_CONTENT);
    let unnamed = whip.patch(&second, None, &same).await;
    assert_eq!(
        (unnamed.status, &*unnamed.code()),
        (StatusCode::PRECONDITION_REQUIRED, "request.preconditionRequired")
    );
    let restarted = whip.patch(&second, Some("\"*\""), &fragment("another1")).await;
    assert_eq!((restarted.status, restarted.header("content-type")), (StatusCode::OK, FRAGMENT));
    assert_eq!(restarted.header("etag"), "\"ice-2\"");
    assert!(
        restarted.body.contains("a=ice-ufrag:") && restarted.body.contains("a=candidate:"),
        "{}",
        restarted.body
    );
    let late = whip.patch(&first, Some(&whip.etag), &same).await;
    assert_eq!((late.status, &*late.code()), (StatusCode::PRECONDITION_FAILED, "resource.changedMeanwhile"));
    for (body, headers, status) in [
        ("no fragment", &[("content-type", FRAGMENT), ("if-match", "*")][..], StatusCode::BAD_REQUEST),
        (&*same, &[("content-type", SDP), ("if-match", "*")], StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let said = say(Method::PATCH, &whip.url(&second), &token, headers, body).await;
        assert_eq!(said.status, status, "{}", said.body);
    }

    // Nobody touches what is not theirs, whatever else they may.
    let other = world.token("encoder-2", json!(["media.send"])).await;
    let stranger = [("content-type", FRAGMENT), ("if-match", "*")];
    for (token, status) in [(&*other, 404), (&world.account.admin.token, 404), ("", 401), ("forged", 401)] {
        let said = say(Method::PATCH, &whip.url(&second), token, &stranger, &same).await;
        assert_eq!(said.status, status, "{}", said.body);
        let said = say(Method::DELETE, &whip.url(&second), token, &[], "").await;
        assert_eq!(said.status, status, "{}", said.body);
    }
    assert_eq!(whip.end(&second).await, StatusCode::OK);
    until_there(&mut ada.socket, &two).await;
    assert_eq!(whip.end(&second).await, StatusCode::NOT_FOUND);
}

/// The session dies with the node that has its media. Whoever publishes hears that there is none, and begins another.
#[tokio::test]
async fn when_the_media_server_is_killed_an_encoder_is_told_and_another_one_takes_it() {
    let mut world = world(2).await;
    let [first, second] = [0, 1].map(|at| world.servers[at].base.clone());
    let token = world.token("encoder-1", json!(["media.send"])).await;
    let whip = Whip::publish(&first, &token, &world.room, &[Kind::Video]).await;
    assert_eq!(whip.patch(&second, Some("*"), &fragment(&whip.ufrag)).await.status, StatusCode::NO_CONTENT);
    world.servers.remove(0).kill();
    eventually("the session is gone with its server", PATIENCE, async || {
        whip.patch(&second, Some("*"), &fragment(&whip.ufrag)).await.status == StatusCode::NOT_FOUND
    })
    .await;
    // Until its lease has ended nobody else may take the room.
    let again = Whip::publish_patiently(&second, &token, &world.room, &[Kind::Video]).await;
    assert_ne!(again.session, whip.session);
    // Who manages rooms takes it out like any other connection.
    let shown_the_door = format!("/v1/rooms/{}/connections/{}", world.room, again.id());
    world.back_end.at(&second).delete(&shown_the_door).await;
    assert_eq!(again.end(&second).await, StatusCode::NOT_FOUND);
}

/// A page as a WHIP client, by nothing but what browsers have; its pictures in this codec if one is named.
pub(super) const PAGE: &str = r"(async (url, token, codec) => {
    const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    const peer = new RTCPeerConnection();
    for (const track of media.getTracks()) {
        const transceiver = peer.addTransceiver(track, { direction: 'sendonly', streams: [media] });
        const known = RTCRtpSender.getCapabilities(track.kind).codecs;
        if (codec && track.kind === 'video') {
            transceiver.setCodecPreferences(known.filter((it) => it.mimeType === codec));
        }
    }
    await peer.setLocalDescription();
    const say = (method, to, type, body, more) => fetch(to, {
        method, body, headers: { authorization: `Bearer ${token}`, 'content-type': type, ...more },
    });
    const answer = await say('POST', url, 'application/sdp', peer.localDescription.sdp);
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    const session = new URL(answer.headers.get('location'), url);
    window.stats = async (type) => [...(await peer.getStats()).values()].filter((it) => it.type === type);
    window.restart = async () => {
        await peer.setLocalDescription(await peer.createOffer({ iceRestart: true }));
        const line = (sdp, name) => sdp.match(new RegExp(`a=${name}:.*`))[0].trim();
        const own = ['ice-ufrag', 'ice-pwd'].map((name) => line(peer.localDescription.sdp, name)).join('\r\n');
        const restarted = await say('PATCH', session, 'application/trickle-ice-sdpfrag', own, { 'if-match': '*' });
        const told = await restarted.text();
        let sdp = peer.remoteDescription.sdp;
        for (const name of ['ice-ufrag', 'ice-pwd']) {
            sdp = sdp.replaceAll(line(sdp, name), line(told, name));
        }
        await peer.setRemoteDescription({ type: 'answer', sdp });
        window.restarted = performance.timeOrigin + performance.now();
        return restarted.headers.get('etag');
    };
    window.end = async () => (await say('DELETE', session, 'text/plain')).status;
    window.peer = peer;
})";

/// Both kinds have been reported on by the server since then, and nothing was lost.
const REPORTED: &str = "window.stats('remote-inbound-rtp').then((all) => all.length === 2
    && all.every((it) => it.packetsLost === 0 && it.timestamp > SINCE))";

#[tokio::test]
async fn a_page_in_chromium_publishes_and_begins_ice_anew() {
    let turn = Turn::take();
    let world = world(1).await;
    let base = &world.servers[0].base;
    let mut ada = world.join().await;
    let token = world.token("page", json!(["media.send"])).await;
    let driver = Driver::start(turn);
    let page = Browser::start(&driver).await;
    page.open(base).await;
    let script = format!("({PAGE})({}, {}).then(() => true)", json!(world.url()), json!(token));
    page.until(&script).await;
    page.until("window.peer.connectionState === 'connected'").await;
    page.until(&REPORTED.replace("SINCE", "0")).await;
    let changed = ada.socket.event("media.changed", |news| ids(&news["state"]).len() == 2).await;
    let publisher = ids(&changed["state"]).into_iter().find(|id| *id != ada.id()).expect("the page");
    ada.receive(&[publisher], KINDS.len()).await;
    assert_eq!(page.until("window.restart()").await, "\"ice-2\"");
    page.until(&REPORTED.replace("SINCE", "window.restarted + 1000")).await;
    let pairs = "window.stats('candidate-pair').then((all) => all.some((it) => it.nominated && it.state === 'succeeded'))";
    page.until(pairs).await;
    assert_eq!(page.until("window.end()").await, 200);
    let alone = [ada.id()];
    until_there(&mut ada.socket, &alone).await;
}

/// What an endpoint refuses to whoever may use it, and to one who may only do the `other` of the two: an offer the wrong
/// way round, and `one_kind` of section twice among them; and what it says of itself.
pub(super) async fn refuses(
    world: &World,
    endpoint: &str,
    (token, other): (&str, &str),
    (good, wrong_way, one_kind): (&str, &str, &str),
) {
    let base = &world.servers[0].base;
    let url = format!("{base}/v1/rooms/{}/{endpoint}", world.room);
    let (head, section) = one_kind.split_once("m=video").expect("a section");
    let head = head.replace("a=group:BUNDLE 0", "a=group:BUNDLE 0 1");
    let twice = format!("{head}m=video{section}m=video{}", section.replace("a=mid:0", "a=mid:1"));
    let long = format!("{good}{}", "a=x\r\n".repeat(50_000));
    let sdp = [("content-type", SDP)];
    let picky = [("content-type", SDP), ("accept", "application/json")];
    let json_body = [("content-type", "application/json")];
    for (token, headers, body, status, code) in [
        ("", &sdp[..], good, 401, "auth.required"),
        ("forged", &sdp, good, 401, "auth.invalidToken"),
        (other, &sdp, good, 403, "auth.forbidden"),
        (&world.back_end.token, &sdp, good, 403, "auth.forbidden"),
        (token, &picky, good, 406, "request.notAcceptable"),
        (token, &json_body, good, 415, "request.invalid"),
        (token, &[], good, 415, "request.invalid"),
        (token, &sdp, &long, 413, "limit.size"),
        (token, &sdp, "", 400, "media.invalidSdp"),
        (token, &sdp, "v=0\r\n", 400, "media.invalidSdp"),
        (token, &sdp, "\u{1}garbage", 400, "media.invalidSdp"),
        (token, &sdp, wrong_way, 422, "media.nothingAgreed"),
        (token, &sdp, &one_kind.replace("VP8/90000", "theora/90000"), 422, "media.nothingAgreed"),
        (token, &sdp, &twice, 422, "media.duplicateSource"),
    ] {
        let said = say(Method::POST, &url, token, headers, body).await;
        assert_eq!((said.status.as_u16(), &*said.code()), (status, code), "{}", said.body);
    }
    for room in [Uuid::nil().to_string(), world.account.room("Other").await] {
        let url = format!("{base}/v1/rooms/{room}/{endpoint}");
        assert_eq!(say(Method::POST, &url, token, &sdp, good).await.status, StatusCode::NOT_FOUND);
    }
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        assert_eq!(say(method, &url, token, &[], "").await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    let options = say(Method::OPTIONS, &url, "", &[], "").await;
    assert_eq!((options.status, options.header("accept-post")), (StatusCode::OK, SDP));
}

#[tokio::test]
async fn every_refusal_has_a_status_and_a_code_and_lets_nobody_in() {
    let world = world(1).await;
    let token = world.token("encoder-1", json!(["media.send"])).await;
    let good = offer(&KINDS).await;
    let one_kind = offer(&[Kind::Video]).await;
    let listens = good.replacen("a=sendrecv", "a=recvonly", 1).replacen("a=sendonly", "a=recvonly", 1);
    let listener = world.token("viewer", json!(["media.receive"])).await;
    refuses(&world, "whip", (&token, &listener), (&good, &listens, &one_kind)).await;

    let mut ada = Socket::open(&world.servers[0].base, &world.account.admin.token).await;
    let joined = ada.ask("room.join", json!({ "roomId": world.room })).await;
    assert!(joined["media"].is_null(), "nobody is in a call: {joined}");

    // However fast one network begins sessions, there is an end to it.
    let mut answers = BTreeSet::new();
    while answers.len() < 2 {
        answers.insert(world.post(&token, "").await.status.as_u16());
    }
    assert_eq!(answers, BTreeSet::from([400, 429]));
    world.back_end.post(&format!("/v1/rooms/{}/close", world.room), json!({})).await;
    eventually("a closed room takes nobody in", PATIENCE, async || {
        world.post(&token, &good).await.code() == "room.closed"
    })
    .await;
}

/// Who publishes goes with what let them in: the token, the room, the right to be there; or when nothing is heard.
#[tokio::test]
async fn a_publisher_goes_with_what_let_them_in_and_when_nothing_is_heard_of_them() {
    let world = world(1).await;
    let (base, mut watching) = (world.servers[0].base.clone(), world.looks().await);
    let banned = world.token("banned", json!(["media.send"])).await;
    let banned = Whip::publish(&base, &banned, &world.room, &KINDS).await;
    // Long enough for it to come in on a busy machine.
    let short = world.token_for("short", json!(["media.send"]), 20).await;
    let short = Whip::publish(&base, &short, &world.room, &[Kind::Audio]).await;
    // Nobody ever connects its transport.
    let silent = world.token("silent", json!(["media.send"])).await;
    let silent = world.post(&silent, &offer(&[Kind::Video]).await).await;
    assert_eq!(silent.status, StatusCode::CREATED, "{}", silent.body);
    let stays = world.token("stays", json!(["media.send"])).await;
    let stays = Whip::publish(&base, &stays, &world.room, &[Kind::Video]).await;
    let there = |news: &Value, id: Uuid| ids(&news["state"]).contains(&id);
    let all =
        watching.event("media.changed", |news| there(news, stays.id()) && there(news, banned.id())).await;
    let participants = all["state"]["participants"].as_array().expect("participants").iter();
    let theirs = participants.filter(|one| one["connectionId"] == json!(banned.id()));
    let user = theirs.filter_map(|one| one["userId"].as_str()).next().expect("a user").to_owned();
    let ban = format!("/v1/rooms/{}/bans/{user}", world.room);
    let (status, answer) = world.account.admin.call(Method::PUT, &ban, Some(json!({}))).await;
    assert!(status.is_success(), "{answer}");
    watching.event("media.changed", |news| !there(news, banned.id())).await;
    // The others go by themselves, in whichever order.
    let alone = |news: &Value| ids(&news["state"]) == BTreeSet::from([stays.id()]);
    watching.event_within(PATIENCE * 3, "media.changed", alone).await;
    assert_eq!(short.patch(&base, Some("*"), &fragment("another1")).await.status, StatusCode::UNAUTHORIZED);
    world.back_end.post(&format!("/v1/rooms/{}/close", world.room), json!({})).await;
    // Who looked on had to go as well, and may have gone first.
    eventually("a closed room has no publisher", PATIENCE, async || {
        stays.patch(&base, Some("*"), &fragment(&stays.ufrag)).await.status == StatusCode::NOT_FOUND
    })
    .await;
}

/// FFmpeg's own client, whose pictures are H.264 alone: who decodes that sees them, and who does not has the sound.
///
/// It plays on only if its handshake was finished: else writing fails.
#[tokio::test(flavor = "multi_thread")]
async fn ffmpegs_own_client_publishes_sound_and_pictures_and_ends_its_session() {
    let turn = Turn::take();
    let world = world(1).await;
    let mut ada = world.join().await;
    let driver = Driver::start(turn);
    let ben = Browser::start(&driver).await;
    participate(&ben, &world.servers[0].base, &world.account.admin.token, &world.room, &[]).await;
    let both = ada.socket.event("media.changed", |news| ids(&news["state"]).len() == 2).await;
    let people = ids(&both["state"]);
    let token = world.token("ffmpeg", json!(["media.send"])).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/whip/ffmpeg.py");
    let mut ffmpeg = Command::new(provided("SWITCHBOARD_TEST_AIORTC"))
        .args([script, &world.url(), &token])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python runs");
    let mut said = BufReader::new(ffmpeg.stdout.take().expect("piped")).lines();
    let mut next = async || said.next_line().await.expect("it can be read");
    assert_eq!(next().await.as_deref(), Some("plays"));
    let changed = ada.socket.event("media.changed", |news| ids(&news["state"]).len() == 3).await;
    let encoder = ids(&changed["state"]).into_iter().find(|id| !people.contains(id)).expect("FFmpeg");
    let tracks = ada.receive(&[encoder], 2).await;
    let sources: BTreeSet<&str> =
        tracks.as_array().expect("tracks").iter().filter_map(|track| track["source"].as_str()).collect();
    assert_eq!(sources, BTreeSet::from(["camera", "microphone"]));
    ben.until(&decodes("video/H264", 320)).await;
    drop(ffmpeg.stdin.take());
    assert_eq!(next().await.as_deref(), Some("ended"));
    ada.socket.event("media.changed", |news| ids(&news["state"]) == people).await;
    ben.quit().await;
}
