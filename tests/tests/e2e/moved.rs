//! Clients that the server hears from another address in mid-call, as after a router has forgotten them: they are not
//! told, restart nothing, and go on.

use super::{
    lobby::{Lobby, all_see_and_hear, quit},
    narrow::{LONGEST, WATCH, by_way_of},
};
use common::clock::{Clock as _, SystemClock};
use local_services::ports;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use switchboard_tests::{
    PATIENCE,
    browser::Browser,
    eventually,
    installation::Installation,
    narrow::NarrowLine,
    native::{Camera, Kind, Participant},
    report,
};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

/// Of this network is loopback, too.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const KINDS: [Kind; 2] = [Kind::Audio, Kind::Video];

/// Until a browser checks again, and the server believes it: their checks are two and a half seconds apart. The rest is
/// a busy machine's.
const STILL_MAX: Duration = Duration::from_secs(20);

/// The page knows all its connections.
const WAYS: &str = "window.ways = [];
    const Native = RTCPeerConnection;
    window.RTCPeerConnection = class extends Native {
        constructor(configuration) {
            super(configuration);
            window.ways.push(this);
        }
    };";

/// What names the page's connections and their ICE credentials.
const NAMES: &str = "window.ways.map((way) => /ice-ufrag:(.*)/.exec(way.localDescription.sdp)[1]).join()";

/// From now on the page notes whether fewer than two others were shown in the call, for however short.
const WATCH_OTHERS: &str = "(() => {
    window.wasAlone = false;
    const look = () => { window.wasAlone ||= document.querySelectorAll('[data-kind=\"remote\"]').length < 2; };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
    return true;
})()";

/// A server's installation whose media comes to a known port, and the line that leads there.
async fn behind_a_router() -> (Installation, NarrowLine) {
    let mut installation = Installation::new().await;
    let media = ports::free().expect("a port");
    installation.set("SWITCHBOARD_SFU__LISTEN", &media.to_string());
    (installation, NarrowLine::start(media).await)
}

async fn join_by(line: &NarrowLine, lobby: &Lobby, name: &str) -> Browser {
    let browser = Browser::start(&lobby.driver).await;
    for source in [WAYS, &by_way_of(line)] {
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    }
    let browser = lobby.enter_in(browser, name).await;
    browser.join_call().await;
    browser
}

/// What names the streams that somebody sends and receives, and how many packets of what is sent have come.
fn streams(one: &Value) -> (BTreeSet<String>, Vec<u64>) {
    let all = |direction: &str| one[direction].as_array().cloned().unwrap_or_default();
    let name = |it: &Value| format!("{} {} {}", it["trackId"], it["ssrc"], it["mid"]);
    let names = [all("inboundRtp"), all("outboundRtp")].concat().iter().map(name).collect();
    let packets = all("inboundRtp").into_iter().map(|it| it["packetsReceived"].as_u64().expect("a count"));
    (names, packets.collect())
}

/// The statistics of whoever came into the call last.
async fn last_to_come(lobby: &Lobby) -> Value {
    let path = format!("/v1/rooms/{}/statistics", lobby.room);
    let all = lobby.account.admin.get(&path).await;
    let items = all["items"].as_array().expect("a page");
    assert_eq!(items.len(), 3, "all are in the call");
    let last = items.iter().map(|one| one["connectionId"].as_str().expect("an id")).max().expect("three");
    lobby.account.admin.get(&format!("{path}/{last}")).await
}

/// Passes for the wrong reason if the page set up its connections anew, or restarted ICE on them: both are looked at. Or
/// if what was under way were counted as what came after the move: nothing of it is, for the line has ended that way.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_whose_router_gives_it_another_address_sees_and_hears_and_is_seen_and_heard_on() {
    let (installation, line) = behind_a_router().await;
    let lobby = Lobby::open_in(installation).await;
    let (ada, ben) = (lobby.call("Ada").await, lobby.call("Ben").await);
    let cleo = join_by(&line, &lobby, "Cleo").await;
    let all = [&ada, &ben, &cleo];
    all_see_and_hear(&all, "server").await;
    for browser in all {
        browser.until(WATCH).await;
        browser.until(WATCH_OTHERS).await;
    }
    let (names, before) = (cleo.until(NAMES).await, streams(&last_to_come(&lobby).await));
    assert!(before.1.len() >= 2, "sound and a picture come in");
    line.moves_to(ELSEWHERE).await;
    eventually("everything that is sent from the other address is received", PATIENCE, async || {
        let (_, packets) = streams(&last_to_come(&lobby).await);
        assert_eq!(packets.len(), before.1.len(), "the same streams come in");
        packets.iter().zip(&before.1).all(|(now, before)| *now > before + 50)
    })
    .await;
    all_see_and_hear(&all, "server").await;
    assert_eq!(streams(&last_to_come(&lobby).await).0, before.0, "the same streams go both ways");
    assert_eq!(cleo.until(NAMES).await, names, "the same connections, and no restart of ICE");
    for browser in all {
        assert_eq!(browser.until("[window.wasAlone]").await, json!([false]), "nobody was gone");
        let longest = browser.until(LONGEST).await;
        report(&format!("longest times without another picture, in milliseconds: {longest}"));
        let longest = longest.as_array().expect("gaps").iter().filter_map(Value::as_u64).max();
        assert!(longest.expect("two").le(&u64::try_from(STILL_MAX.as_millis()).expect("seconds")));
    }
    quit([ada, ben, cleo]).await;
}

/// Sends on every track, 100 packets a second each.
#[expect(clippy::disallowed_methods, reason = "it ends with the handle")]
fn send(participant: &Participant) -> AbortOnDropHandle<()> {
    let mut cameras: Vec<Camera> = KINDS.map(|kind| participant.camera(kind)).into();
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(10));
        loop {
            beat.tick().await;
            for camera in &mut cameras {
                camera.send(700).await;
            }
        }
    }))
}

/// Waits until sound and picture have come from each of these which were sent after `moment`.
async fn hears_since(participant: &mut Participant, others: [Uuid; 2], moment: Instant) {
    let mut heard = BTreeSet::new();
    while heard.len() < others.len() * KINDS.len() {
        let packet = participant.hear(PATIENCE).await.expect("packets come again");
        assert!(others.contains(&packet.from));
        if packet.age < SystemClock.now().saturating_duration_since(moment) {
            heard.insert((packet.from, packet.kind));
        }
    }
}

#[tokio::test]
async fn a_native_device_whose_address_changes_hears_and_is_heard_on() {
    let (installation, line) = behind_a_router().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let join = async || Participant::join(&server.base, &account.admin.token, &room).await;
    let mut three = [join().await, join().await, join().await.by_way_of(line.address)];
    let ids = three.each_ref().map(Participant::id);
    let others = [[ids[1], ids[2]], [ids[0], ids[2]], [ids[0], ids[1]]];
    let mut sending = Vec::new();
    for one in &mut three {
        one.publish(&KINDS).await;
        sending.push(send(one));
    }
    let joined = SystemClock.now();
    for (one, others) in three.iter_mut().zip(others) {
        one.receive(&others, KINDS.len()).await;
        hears_since(one, others, joined).await;
    }
    // Once more after the first: that the server follows is no matter of the first change.
    for address in [ELSEWHERE, Ipv4Addr::LOCALHOST] {
        line.moves_to(address).await;
        let moved = SystemClock.now();
        for (one, others) in three.iter_mut().zip(others) {
            hears_since(one, others, moved).await;
        }
        assert!(three.iter().all(Participant::is_sending));
    }
    for one in &mut three {
        assert!(!one.socket.has_seen("media.offer").await, "nobody went, and nobody came");
    }
}
