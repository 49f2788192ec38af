//! Calls through the server go on when the media node that has them is another one.

use super::lobby::{all_see_and_hear, enter, quit};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Instant};
use switchboard_tests::{
    browser::{Browser, Driver, Turn},
    installation::{Account, Installation},
    report,
    rest::Rest,
    server::Server,
    socket::Socket,
};

/// Five seconds are promised, and three more are for a machine that runs other tests meanwhile.
const BACK_WITHIN_MS: f64 = 8_000.0;

/// One second is promised of a move, and three more are for a machine that runs other tests meanwhile.
const MOVE_SILENCE_MAX_MS: f64 = 4_000.0;

/// A hub without media, a media node, and three people in a call through it.
struct Call {
    people: Vec<Browser>,
    looker: Socket,
    room: String,
    node: Server,
    installation: Installation,
    _hub: Server,
    _account: Account,
    _driver: Driver,
}

impl Call {
    async fn of_three() -> Self {
        let turn = Turn::take_all();
        let installation = Installation::new().await.clustered();
        let hub = installation.role("api,signalling", "127.0.0.1:0");
        let node = installation.role("sfu", "127.0.0.1:0");
        let account = installation.account("acme", &hub).await;
        let room = account.room("Lobby").await;
        let driver = Driver::start(turn);
        let mut people = Vec::new();
        for name in ["Ada", "Ben", "Cleo"] {
            let browser = enter(&driver, &hub.base, &account, name, &room).await;
            browser.join_call().await;
            people.push(browser);
        }
        all_see_and_hear(&people.iter().collect::<Vec<_>>(), "server").await;
        let looker = looks(&hub, &account.admin, &room).await;
        Self { people, looker, room, node, installation, _hub: hub, _account: account, _driver: driver }
    }

    /// What each has heard of each other is written down from now on, a hundred times a second.
    async fn listen(&self) {
        for person in &self.people {
            person.execute(LISTEN, vec![]).await;
        }
    }
}

/// The longest time in which somebody did not hear somebody else, in milliseconds, until all do again; and the longest one
/// less what the page itself, which looks, stood still for meanwhile on a busy machine.
async fn longest_silence(people: &[Browser]) -> (f64, f64) {
    let (mut longest, mut longest_seen) = (0.0_f64, 0.0_f64);
    for person in people {
        let silences = person.until("window.silences?.()").await;
        let still = person.until("window.stoodStill").await.as_f64().expect("a time");
        for silence in silences.as_array().expect("one for each other") {
            let silence = silence.as_f64().expect("a time");
            longest = longest.max(silence);
            longest_seen = longest_seen.max(silence - still);
        }
    }
    report(&format!(
        "the longest silence was {longest:.0} ms, {longest_seen:.0} ms more than its page stood still"
    ));
    (longest, longest_seen)
}

async fn looks(hub: &Server, rest: &Rest, room: &str) -> Socket {
    let mut socket = Socket::open(&hub.base, &rest.token).await;
    socket.ask("room.join", json!({ "roomId": room })).await;
    socket
}

/// Notes when more was heard of somebody, by the voice packets that arrive, and the longest time without.
const LISTEN: &str = "
    const done = arguments[arguments.length - 1];
    const heard = new Map();
    let looked = performance.now();
    window.stoodStill = 0;
    const look = async () => {
        const { tiles } = await window.switchboard.stats();
        const now = performance.now();
        window.stoodStill = Math.max(window.stoodStill, now - looked);
        looked = now;
        for (const { local, name, tracks } of tiles) {
            const microphone = !local && tracks.find(({ source }) => source === 'microphone');
            if (!microphone) continue;
            const known = heard.get(name) ?? { packets: -1, at: now, longest: 0 };
            if (microphone.packets > 0 && microphone.packets !== known.packets) {
                known.longest = Math.max(known.longest, now - known.at);
                known.at = now;
                known.packets = microphone.packets;
            }
            heard.set(name, known);
        }
        setTimeout(look, 10);
    };
    look();
    const since = performance.now();
    window.silences = () => {
        const all = [...heard.values()];
        const goesOn = all.length === 2 && all.every(({ at }) => performance.now() - at < 500);
        return goesOn && performance.now() - since > 1000 && all.map(({ longest }) => longest);
    };
    done(true);";

/// Whose tracks there are, by their ids.
fn tracks(state: &Value) -> BTreeSet<String> {
    let people = state["participants"].as_array().expect("participants").iter();
    let of = |person: &Value| {
        let tracks = person["tracks"].as_array().expect("tracks").iter();
        let ids: Vec<String> = tracks.map(|track| track["trackId"].to_string()).collect();
        ids.into_iter().map(|id| format!("{} {id}", person["connectionId"])).collect::<Vec<_>>()
    };
    people.flat_map(of).collect()
}

#[expect(clippy::disallowed_methods, reason = "what the product promises is measured")]
fn now() -> Instant {
    Instant::now()
}

/// Media flows again, with nobody doing anything.
#[tokio::test(flavor = "multi_thread")]
async fn the_call_of_a_killed_media_node_goes_on_at_another_within_five_seconds() {
    let mut call = Call::of_three().await;
    let _other = call.installation.role("sfu", "127.0.0.1:0");
    call.listen().await;
    let node = call.node;
    let killed = now();
    node.kill();
    let is_whole = |news: &Value| news["state"]["participants"].as_array().is_some_and(|all| all.len() == 3);
    call.looker.event("media.changed", |news| news["roomId"] == call.room.as_str() && is_whole(news)).await;
    report(&format!("all three are in the session again {} ms after the kill", killed.elapsed().as_millis()));
    all_see_and_hear(&call.people.iter().collect::<Vec<_>>(), "server").await;
    let (longest, _) = longest_silence(&call.people).await;
    assert!(longest < BACK_WITHIN_MS, "{longest} ms");
    quit(call.people).await;
}

/// Nobody joins again, and nobody is shown as gone. Passes for the wrong reason if the node had not ended: the test waits
/// for that.
#[tokio::test(flavor = "multi_thread")]
async fn the_call_of_a_media_node_that_stops_moves_to_another_and_is_heard_all_the_while() {
    let mut call = Call::of_three().await;
    let _other = call.installation.role("sfu", "127.0.0.1:0");
    call.listen().await;
    let before = tracks(&call.looker.ask("room.join", json!({ "roomId": call.room })).await["media"]);
    let began = now();
    call.node.terminate();
    let moved = call.looker.event("media.changed", |news| news["roomId"] == call.room.as_str()).await;
    report(&format!("moved {} ms after the node was told to stop", began.elapsed().as_millis()));
    assert_eq!(tracks(&moved["state"]), before, "the same people, with the same tracks");
    tokio::task::spawn_blocking(move || call.node.ended()).await.expect("it ends in order");
    report(&format!("the node ended after {} ms", began.elapsed().as_millis()));
    all_see_and_hear(&call.people.iter().collect::<Vec<_>>(), "server").await;
    let (_, longest) = longest_silence(&call.people).await;
    assert!(longest < MOVE_SILENCE_MAX_MS, "{longest} ms");
    while call.looker.has_seen("media.changed").await {
        let news = call.looker.event("media.changed", |_| true).await;
        assert_eq!(tracks(&news["state"]), before, "nobody has left, and nobody has come");
    }
    quit(call.people).await;
}
