//! Playing what is sent in a room over HTTP (WHEP, draft-ietf-wish-whep-03): what a player gets, whom it shows itself to,
//! and what each request is answered.

use super::whip::{KINDS, PAGE, World, fragment, ids, refuses, until_there, world};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::collections::BTreeSet;
use switchboard_tests::{
    PATIENCE,
    browser::{Browser, Driver, Turn},
    eventually,
    native::Kind,
    socket::Socket,
    whip::{FRAGMENT, SDP, Said, offer, patiently, say},
};

/// An offer of a player whose transport nobody will connect.
async fn player_offer(kinds: &[Kind]) -> String {
    offer(kinds).await.replace("a=sendrecv", "a=recvonly").replace("a=sendonly", "a=recvonly")
}

fn url(world: &World, at: usize) -> String {
    format!("{}/v1/rooms/{}/whep", world.servers[at].base, world.room)
}

async fn post(url: &str, token: &str, offer: &str) -> Said {
    say(Method::POST, url, token, &[("content-type", SDP)], offer).await
}

/// A page as a WHEP player, by nothing but what browsers have; of pictures it takes this codec alone if one is named.
const PLAYER: &str = r"(async (url, token, only) => {
    const peer = new RTCPeerConnection();
    for (const kind of ['audio', 'video']) {
        const transceiver = peer.addTransceiver(kind, { direction: 'recvonly' });
        if (only && kind === 'video') {
            const known = RTCRtpReceiver.getCapabilities(kind).codecs;
            transceiver.setCodecPreferences(known.filter((it) => it.mimeType === only));
        }
    }
    const video = document.body.appendChild(document.createElement('video'));
    Object.assign(video, { autoplay: true, muted: true });
    window.streams = new Set();
    peer.ontrack = ({ streams: [stream] }) => { window.streams.add(stream.id); video.srcObject = stream; };
    await peer.setLocalDescription();
    const say = (method, to, type, body, more) => fetch(to, {
        method, body, headers: { authorization: `Bearer ${token}`, 'content-type': type, ...more },
    });
    const answer = await say('POST', url, 'application/sdp', peer.localDescription.sdp);
    if (answer.status !== 201) throw new Error(await answer.text());
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    const session = new URL(answer.headers.get('location'), url);
    const taken = async () => {
        const all = [...(await peer.getStats()).values()];
        const of = (kind) => all.find((it) => it.type === 'inbound-rtp' && it.kind === kind);
        const [audio, video] = [of('audio'), of('video')];
        const codec = all.find((it) => it.id === video?.codecId)?.mimeType;
        const heard = (audio?.totalSamplesReceived ?? 0) - (audio?.concealedSamples ?? 0);
        return { seen: video?.framesDecoded ?? 0, heard, codec };
    };
    // Sound and pictures, in this codec, are decoded, and more of both after a while.
    window.plays = async (codec) => {
        const before = await taken();
        await new Promise((resolve) => setTimeout(resolve, 500));
        const after = await taken();
        return after.seen > before.seen && after.heard > before.heard && after.codec === codec;
    };
    window.rests = async () => {
        const before = await taken();
        await new Promise((resolve) => setTimeout(resolve, 1000));
        return (await taken()).seen === before.seen;
    };
    window.hearsAlone = async () => {
        const before = await taken();
        await new Promise((resolve) => setTimeout(resolve, 1000));
        const after = await taken();
        return after.seen === 0 && after.heard > before.heard;
    };
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
        return restarted.headers.get('etag');
    };
    window.session = session.pathname;
    window.end = async () => (await say('DELETE', session, 'text/plain')).status;
    window.peer = peer;
})";

/// Somebody watches before there is anything to see; a publisher comes, goes, and another one takes its place, in another
/// codec: all of it plays by the one offer. Nobody in the room sees who watches.
#[tokio::test]
async fn a_page_plays_whoever_publishes_from_before_they_come_to_after_they_are_replaced() {
    let turn = Turn::take();
    let world = world(2).await;
    let [first, second] = [0, 1].map(|at| world.servers[at].base.clone());
    let viewer = world.token("viewer", json!(["media.receive"])).await;
    let driver = Driver::start(turn);
    let player = Browser::start(&driver).await;
    player.open(&first).await;
    let play = async |only: Option<&str>| {
        let arguments =
            [json!(url(&world, 0)), json!(viewer), json!(only)].map(|it| it.to_string()).join(", ");
        player.until(&format!("({PLAYER})({arguments}).then(() => true)")).await;
    };
    play(None).await;
    player.until("window.peer.connectionState === 'connected'").await;
    let mut watching = world.looks().await;

    let page = Browser::start(&driver).await;
    page.open(&first).await;
    let publish = async |identity: &str, codec: &str| {
        let token = world.token(identity, json!(["media.send"])).await;
        let arguments = [world.url(), token, codec.to_owned()].map(|it| json!(it).to_string()).join(", ");
        page.until(&format!("({PAGE})({arguments}).then(() => true)")).await;
    };
    publish("studio", "video/VP8").await;
    let changed = watching.event("media.changed", |news| !ids(&news["state"]).is_empty()).await;
    assert_eq!(ids(&changed["state"]).len(), 1, "nobody sees who watches: {changed}");
    player.until("window.plays('video/VP8')").await;
    assert_eq!(player.until("window.streams.size").await, 1, "lips and voice keep together");
    // Another one takes over, in another codec, while the first still sends.
    publish("backup", "video/VP9").await;
    player.until("window.plays('video/VP9')").await;
    assert_eq!(page.until("window.end()").await, 200);
    player.until("window.plays('video/VP8')").await;
    assert_eq!(player.until("window.restart()").await, "\"ice-2\"");
    player.until("window.plays('video/VP8')").await;
    // The first goes, and comes back.
    let session = changed["state"]["participants"][0]["connectionId"].as_str().expect("an id").to_owned();
    let shown_the_door = format!("/v1/rooms/{}/connections/{session}", world.room);
    world.back_end.at(&second).delete(&shown_the_door).await;
    until_there(&mut watching, &[]).await;
    player.until("window.rests()").await;
    publish("studio", "video/VP8").await;
    player.until("window.plays('video/VP8')").await;
    assert_eq!(player.until("window.end()").await, 200);
    assert_eq!(player.until("window.end()").await, 404);
    player.until("window.rests()").await;
    // Nothing is transcoded: who takes no VP8 has the sound.
    play(Some("video/H264")).await;
    player.until("window.hearsAlone()").await;
    assert_eq!(player.until("window.end()").await, 200);
    page.quit().await;
    player.quit().await;
}

/// One player's page is left without a word, and another one's token ends while it plays.
#[tokio::test]
async fn a_player_that_vanishes_is_gone_and_one_goes_with_its_token() {
    let turn = Turn::take();
    let world = world(1).await;
    let base = world.servers[0].base.clone();
    let driver = Driver::start(turn);
    let [page, left, ended] = [(); 3].map(|()| Browser::start(&driver));
    let (page, left, ended) = (page.await, left.await, ended.await);
    for browser in [&page, &left, &ended] {
        browser.open(&base).await;
    }
    let arguments = [world.url(), world.token("studio", json!(["media.send"])).await, "video/VP8".to_owned()];
    let arguments = arguments.map(|it| json!(it).to_string()).join(", ");
    page.until(&format!("({PAGE})({arguments}).then(() => true)")).await;
    let play = async |browser: &Browser, token: &str| {
        let arguments = [url(&world, 0), token.to_owned()].map(|it| json!(it).to_string()).join(", ");
        browser.until(&format!("({PLAYER})({arguments}).then(() => true)")).await;
        browser.until("window.plays('video/VP8')").await;
        let session = browser.until("window.session").await;
        format!("{base}{}", session.as_str().expect("a path"))
    };
    let asks = async |session: &str, token: &str| {
        let headers = [("content-type", FRAGMENT), ("if-match", "*")];
        say(Method::PATCH, session, token, &headers, "a=end-of-candidates\r\n").await.status
    };
    let token = world.token("viewer", json!(["media.receive"])).await;
    let vanishes = play(&left, &token).await;
    assert_eq!(asks(&vanishes, &token).await, StatusCode::NO_CONTENT);
    left.open("about:blank").await;
    // Long enough for it to begin on a busy machine.
    let short = world.token_for("short", json!(["media.receive"]), 40).await;
    let session = play(&ended, &short).await;
    eventually("the token has ended", PATIENCE * 2, async || {
        asks(&session, &short).await == StatusCode::UNAUTHORIZED
    })
    .await;
    // Of the same player, by another token of theirs: it is not only that who asks is not let in.
    let again = world.token("short", json!(["media.receive"])).await;
    eventually("with its token goes the player", PATIENCE, async || {
        asks(&session, &again).await == StatusCode::NOT_FOUND
    })
    .await;
    ended.until("window.rests()").await;
    eventually("a player that has vanished is gone", PATIENCE * 3, async || {
        asks(&vanishes, &token).await == StatusCode::NOT_FOUND
    })
    .await;
    for browser in [page, left, ended] {
        browser.quit().await;
    }
}

/// The session dies with the node that has its media. Whoever plays hears that there is none, and begins another. Every
/// instance serves it, and nobody touches what is not theirs.
#[tokio::test]
async fn every_instance_serves_a_player_and_when_the_media_server_is_killed_another_one_takes_it() {
    let mut world = world(2).await;
    let second = world.servers[1].base.clone();
    let token = world.token("viewer", json!(["media.receive"])).await;
    let begun = post(&url(&world, 0), &token, &player_offer(&KINDS).await).await;
    assert_eq!((begun.status, begun.header("content-type")), (StatusCode::CREATED, SDP), "{}", begun.body);
    assert_eq!(begun.header("etag"), "\"ice-1\"");
    assert!(begun.body.contains("a=ice-lite") && begun.body.contains("a=setup:passive"), "{}", begun.body);
    assert_eq!(begun.body.matches("a=sendonly").count(), KINDS.len(), "{}", begun.body);
    let session = begun.header("location").to_owned();
    let headers = [("content-type", FRAGMENT), ("if-match", "*")];
    let patch = async |base: &str, token: &str, path: &str, if_match: &str| {
        let headers = [headers[0], ("if-match", if_match)];
        say(Method::PATCH, &format!("{base}{path}"), token, &headers, &fragment("another1")).await
    };
    let restarted = patch(&second, &token, &session, "\"ice-1\"").await;
    assert_eq!((restarted.status, restarted.header("etag")), (StatusCode::OK, "\"ice-2\""));
    assert!(restarted.body.contains("a=candidate:"), "{}", restarted.body);
    let late = patch(&second, &token, &session, "\"ice-1\"").await;
    assert_eq!((late.status, &*late.code()), (StatusCode::PRECONDITION_FAILED, "resource.changedMeanwhile"));
    assert_eq!(patch(&second, &token, &session, "*").await.status, StatusCode::NO_CONTENT);
    let unnamed = [("content-type", FRAGMENT)];
    let unnamed = say(Method::PATCH, &format!("{second}{session}"), &token, &unnamed, &fragment("x")).await;
    assert_eq!(unnamed.status, StatusCode::PRECONDITION_REQUIRED);
    let other = world.token("other", json!(["media.receive"])).await;
    let as_whip = session.replace("/whep/", "/whip/");
    for (token, path, status) in
        [(&*other, &session, 404), (&token, &as_whip, 404), ("", &session, 401), ("forged", &session, 401)]
    {
        assert_eq!(patch(&second, token, path, "*").await.status, status);
        let ended = say(Method::DELETE, &format!("{second}{path}"), token, &[], "").await;
        assert_eq!(ended.status, status, "{}", ended.body);
    }

    world.servers.remove(0).kill();
    eventually("the session is gone with its server", PATIENCE, async || {
        patch(&second, &token, &session, "*").await.status == StatusCode::NOT_FOUND
    })
    .await;
    let again = begin_patiently(&url(&world, 0), &token).await;
    assert_ne!(again, session);
    let id = again.rsplit('/').next().expect("an id");
    world.back_end.at(&second).delete(&format!("/v1/rooms/{}/connections/{id}", world.room)).await;
    assert_eq!(patch(&second, &token, &again, "*").await.status, StatusCode::NOT_FOUND);
}

/// A media server that stops hands the call to another one. Who plays stays behind, hears that there is no such session,
/// and plays on where the call is as soon as the offer is posted again.
#[tokio::test]
async fn when_the_media_server_stops_a_player_begins_anew_where_the_call_has_gone() {
    let mut world = world(2).await;
    let second = world.servers[1].base.clone();
    let mut ada = Socket::open(&second, &world.account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": world.room })).await;
    let token = world.token("viewer", json!(["media.receive"])).await;
    let begun = post(&url(&world, 0), &token, &player_offer(&KINDS).await).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.body);
    // A call at the media server that the player has opened.
    ada.ask("media.join", json!({ "roomId": world.room })).await;
    let (session, elsewhere) = (begun.header("location").to_owned(), url(&world, 1));
    let stopping = world.servers.remove(0);
    stopping.terminate();
    let headers = [("content-type", FRAGMENT), ("if-match", "*")];
    eventually("the session does not move with the call", PATIENCE, async || {
        let to = format!("{second}{session}");
        let late = say(Method::PATCH, &to, &token, &headers, &fragment("late")).await;
        late.status == StatusCode::NOT_FOUND
    })
    .await;
    let again = begin_patiently(&elsewhere, &token).await;
    assert_ne!(again, session);
    let ended = say(Method::DELETE, &format!("{second}{again}"), &token, &[], "").await;
    assert_eq!(ended.status, StatusCode::OK, "{}", ended.body);
    tokio::task::spawn_blocking(move || stopping.ended()).await.expect("it ends in order");
}

/// Plays as soon as a media server can be had; the path of the session.
async fn begin_patiently(url: &str, token: &str) -> String {
    let offer = player_offer(&KINDS).await;
    patiently(async || {
        let said = post(url, token, &offer).await;
        if said.status == StatusCode::CREATED { Ok(said.header("location").to_owned()) } else { Err(said) }
    })
    .await
}

#[tokio::test]
async fn every_refusal_of_a_player_has_a_status_and_a_code_and_lets_nobody_in() {
    let world = world(1).await;
    let (url, base) = (url(&world, 0), world.servers[0].base.clone());
    let token = world.token("viewer", json!(["media.receive"])).await;
    let good = player_offer(&KINDS).await;
    let one_kind = player_offer(&[Kind::Video]).await;
    let sends = good.replace("a=recvonly", "a=sendonly");
    let sender = world.token("encoder", json!(["media.send"])).await;
    refuses(&world, "whep", (&token, &sender), (&good, &sends, &one_kind)).await;
    let sdp = [("content-type", SDP)];
    let nobody = say(Method::POST, &format!("{url}?user=nobody"), &token, &sdp, &good).await;
    assert_eq!((nobody.status.as_u16(), &*nobody.code()), (400, "request.invalid"), "{}", nobody.body);
    // Who plays is let in, and to the room there is no call.
    assert_eq!(post(&url, &token, &good).await.status, StatusCode::CREATED);
    let mut ada = Socket::open(&base, &world.account.admin.token).await;
    let joined = ada.ask("room.join", json!({ "roomId": world.room })).await;
    assert!(joined["media"].is_null(), "nobody is in a call: {joined}");

    // However fast one network begins sessions, there is an end to it.
    let mut answers = BTreeSet::new();
    while answers.len() < 2 {
        answers.insert(post(&url, &token, "").await.status.as_u16());
    }
    assert_eq!(answers, BTreeSet::from([400, 429]));
    world.back_end.post(&format!("/v1/rooms/{}/close", world.room), json!({})).await;
    eventually("a closed room takes nobody in", PATIENCE, async || {
        post(&url, &token, &good).await.code() == "room.closed"
    })
    .await;
}

#[tokio::test]
async fn a_player_has_what_it_asks_for_and_is_not_kept_if_it_never_comes() {
    let world = world(1).await;
    let (url, base) = (url(&world, 0), world.servers[0].base.clone());
    let token = world.token("viewer", json!(["media.receive"])).await;
    // One kind is enough, and a section of anything else is refused alone.
    let sound = post(&url, &token, &player_offer(&[Kind::Audio]).await).await;
    assert_eq!((sound.status, sound.body.matches("a=sendonly").count()), (StatusCode::CREATED, 1));
    let pictures = player_offer(&[Kind::Video]).await;
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:data\r\na=sctp-port:5000\r\n";
    let more = post(&url, &token, &format!("{pictures}{data}")).await;
    assert_eq!(more.status, StatusCode::CREATED, "{}", more.body);
    assert!(more.body.contains("m=application 0 ") && !more.body.contains("m=video 0 "), "{}", more.body);
    // Whose transport nobody ever connects is not kept.
    let silent = post(&url, &token, &player_offer(&KINDS).await).await;
    let silent = format!("{base}{}", silent.header("location"));
    let headers = [("content-type", FRAGMENT), ("if-match", "*")];
    eventually("a player that never came is gone", PATIENCE * 3, async || {
        let said = say(Method::PATCH, &silent, &token, &headers, "a=end-of-candidates\r\n").await;
        said.status == StatusCode::NOT_FOUND
    })
    .await;
}
