//! Calls of people whose network lets no UDP through: media by TCP.
//!
//! Their pages are told of no UDP candidates of the server's, which is what such a network comes to.

use super::lobby::{Lobby, all_see_and_hear, enter_in, quit, sees_and_hears};
use local_services::ports;
use serde_json::json;
use sfu_core::engine::simulation::check;
use std::{net::SocketAddr, time::Duration};
use switchboard_tests::{
    MEDIA_PATIENCE,
    browser::{Browser, Driver, Turn},
    eventually,
    installation::Installation,
    kernel,
    narrow::NarrowLine,
    tcp_line::TcpLine,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Notes what the server says of itself, and has the page know of its candidates at these ports alone: by UDP at one, or
/// at none; by TCP at another, or at those that the server says.
const LEAD: &str = "(udp, tcp) => {
    const set = RTCPeerConnection.prototype.setRemoteDescription;
    window.ledPeers = new Set();
    RTCPeerConnection.prototype.setRemoteDescription = function (description) {
        if (!description?.sdp?.includes('a=ice-lite')) return set.call(this, description);
        window.ledPeers.add(this);
        window.told = description.sdp;
        const ports = { udp, tcp };
        const lines = description.sdp.split('\\r\\n').flatMap((line) => {
            const candidate = /^(a=candidate:\\S+ 1 (udp|tcp) \\S+ \\S+) (\\d+) (.*)$/.exec(line);
            if (!candidate) return [line];
            const [, before, protocol, port, after] = candidate;
            if (protocol === 'udp' && !udp) return [];
            return [`${before} ${ports[protocol] ?? port} ${after}`];
        });
        return set.call(this, { type: description.type, sdp: lines.join('\\r\\n') });
    };
    return true;
}";

/// Whether all pairs in use are by this protocol, of a transport to send and one to receive.
const USES: &str = "async (protocol) => {
    const peers = [...window.ledPeers].filter(({ connectionState }) => connectionState === 'connected');
    const protocols = await Promise.all(peers.map(async (peer) => {
        const all = [...(await peer.getStats()).values()];
        const chosen = all.map((it) => it.type === 'transport' && it.selectedCandidatePairId).filter(Boolean);
        const is = (it) => it.type === 'candidate-pair' && (chosen.length ? chosen.includes(it.id) : it.selected);
        const ends = all.filter(is).flatMap((it) => [it.localCandidateId, it.remoteCandidateId]);
        return ends.map((id) => all.find((it) => it.id === id)?.protocol);
    }));
    return protocols.length === 2 && protocols.every((of) => of.length >= 2 && of.every((it) => it === protocol));
}";

async fn uses(browser: &Browser, protocol: &str) {
    browser.until(&format!("({USES})({})", json!(protocol))).await;
}

/// Has a page that has not joined know of these ports alone.
async fn lead(browser: &Browser, udp: Option<u16>, tcp: Option<u16>) {
    browser.until(&format!("({LEAD})({}, {})", json!(udp), json!(tcp))).await;
}

/// Signs a new user in, in a browser whose pages know of no UDP, and joins the call.
async fn join_closed(lobby: &Lobby, browser: Browser, name: &str) -> Browser {
    let browser = lobby.enter_in(browser, name).await;
    lead(&browser, None, None).await;
    browser.join_call().await;
    browser
}

/// The same in Chromium, by way of these ports.
async fn join_by(lobby: &Lobby, name: &str, udp: Option<u16>, tcp: Option<u16>) -> Browser {
    let browser = lobby.enter(name).await;
    lead(&browser, udp, tcp).await;
    browser.join_call().await;
    browser
}

/// Where the server takes connections, and the name of one of its ICE agents, as a page was told.
async fn told(browser: &Browser) -> (SocketAddr, String) {
    let sdp = browser.until("window.told").await;
    let sdp = sdp.as_str().expect("text");
    let candidate = sdp.lines().find(|line| line.contains(" tcp ")).expect("a TCP candidate");
    let fields: Vec<&str> = candidate.split(' ').collect();
    let address = format!("{}:{}", fields[4], fields[5]).parse().expect("an address");
    let name = sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).expect("a name");
    (address, name.to_owned())
}

async fn figures(door: SocketAddr) -> String {
    reqwest::get(format!("http://{door}/metrics")).await.expect("an answer").text().await.expect("text")
}

/// The sum of a metric over what it is counted by.
fn figure(figures: &str, name: &str) -> f64 {
    let lines = figures.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// A server, where it takes media, and where its figures can be read.
struct Place {
    lobby: Lobby,
    media: SocketAddr,
    figures: SocketAddr,
}

async fn place() -> Place {
    let mut installation = Installation::new().await;
    let [media, figures] = [(); 2].map(|()| ports::free().expect("a port"));
    installation.set("SWITCHBOARD_SFU__LISTEN", &media.to_string());
    installation.set("SWITCHBOARD_HTTP__METRICS_LISTEN", &figures.to_string());
    Place { lobby: Lobby::open_in(installation).await, media, figures }
}

/// Connections that say nothing, garbage, or what only who knows a password could; each is closed, or waits.
#[expect(clippy::disallowed_methods, reason = "tests play the outside, which egress does not let in")]
async fn attack(server: SocketAddr, name: &str) -> Vec<TcpStream> {
    let mut silent = Vec::new();
    for _ in 0..1000 {
        silent.push(TcpStream::connect(server).await.expect("it is accepted"));
    }
    let forged = check((name, "not the password, not the pass"), "them", true, [7; 12]);
    let length = u16::try_from(forged.len()).expect("it is short").to_be_bytes();
    for said in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0xFF; 4096], [&length[..], &forged].concat()] {
        for _ in 0..50 {
            let mut stream = TcpStream::connect(server).await.expect("it is accepted");
            // It may be closed before all is said.
            let _closed = stream.write_all(&said).await;
            let read = timeout(Duration::from_secs(5), stream.read(&mut [0; 10])).await;
            assert!(matches!(read.expect("it is closed"), Ok(0) | Err(_)), "and not answered");
        }
    }
    silent
}

/// Passes for the wrong reason if media went by UDP after all: the pages' figures name the protocol of what is in use,
/// and the one who knows of both uses UDP.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_reached_by_tcp_alone_sees_and_hears_the_others_whoever_attacks() {
    let Place { lobby, media, figures: door } = place().await;
    let ada = join_closed(&lobby, Browser::start(&lobby.driver).await, "Ada").await;
    let ben = join_closed(&lobby, Browser::start_firefox(&lobby.driver).await, "Ben").await;
    let cleo = join_by(&lobby, "Cleo", Some(media.port()), None).await;
    let people = [&ada, &ben, &cleo];
    all_see_and_hear(&people, "server").await;
    for (person, protocol) in [(&ada, "tcp"), (&ben, "tcp"), (&cleo, "udp")] {
        uses(person, protocol).await;
    }
    let (server, name) = told(&ada).await;
    assert_eq!(server, media, "one port, the number of which is that of UDP");
    kernel::forget_peak(&lobby.server);
    let before = kernel::peak_kib(&lobby.server);
    let silent = attack(server, &name).await;
    all_see_and_hear(&people, "server").await;
    let grown = kernel::peak_kib(&lobby.server).saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB more");
    let figures = figures(door).await;
    for reason in ["unproved", "no_check", "unknown"] {
        let refused = figure(&figures, &format!("sfu_tcp_refused_total{{reason=\"{reason}\"}}"));
        assert!(refused >= 50.0, "{reason}: {refused}");
    }
    assert!(figure(&figures, "sfu_tcp_connections") >= 4.0, "{figures}");
    ada.screenshot("ice-tcp").await;
    drop(silent);
    quit([ada, ben, cleo]).await;
}

/// Passes for the wrong reason if the connections were not those in use: media stops with them, and comes back on others.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_is_followed_to_the_next_and_a_peer_that_reads_nothing_holds_nobody_up() {
    let Place { lobby, media, figures: door } = place().await;
    let line = TcpLine::start(media).await;
    let ada = join_by(&lobby, "Ada", None, Some(line.port)).await;
    let (ben, cleo) = (lobby.call("Ben").await, lobby.call("Cleo").await);
    all_see_and_hear(&[&ada, &ben, &cleo], "server").await;
    uses(&ada, "tcp").await;
    line.cut();
    all_see_and_hear(&[&ada, &ben, &cleo], "server").await;
    uses(&ada, "tcp").await;

    kernel::forget_peak(&lobby.server);
    let before = kernel::peak_kib(&lobby.server);
    line.stop();
    // What waits between the server and the page has to fill first.
    eventually("what the page does not read is dropped", MEDIA_PATIENCE, async || {
        figure(&figures(door).await, "sfu_tcp_bytes_dropped_total") >= 10_000.0
    })
    .await;
    for (browser, other) in [(&ben, &cleo), (&cleo, &ben)] {
        sees_somebody(browser, other).await;
    }
    let grown = kernel::peak_kib(&lobby.server).saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB more");
    line.go_on();
    sees_and_hears(&ada, 2, "server").await;
    quit([ada, ben, cleo]).await;
}

/// Passes for the wrong reason if UDP was not in use before, or still was after: the pages' figures say what is.
#[tokio::test(flavor = "multi_thread")]
async fn whose_udp_dies_in_a_call_goes_on_by_tcp() {
    let Place { lobby, media, .. } = place().await;
    let line = NarrowLine::start(media).await;
    let ada = join_by(&lobby, "Ada", Some(line.address.port()), None).await;
    let (ben, cleo) = (lobby.call("Ben").await, lobby.call("Cleo").await);
    all_see_and_hear(&[&ada, &ben, &cleo], "server").await;
    uses(&ada, "udp").await;
    drop(line);
    uses(&ada, "tcp").await;
    all_see_and_hear(&[&ada, &ben, &cleo], "server").await;
    quit([ada, ben, cleo]).await;
}

/// Passes for the wrong reason if the first node was still there: the test waits until it has ended.
#[tokio::test(flavor = "multi_thread")]
async fn the_call_of_a_node_that_stops_moves_with_those_who_are_reached_by_tcp_alone() {
    let turn = Turn::take_all();
    let installation = Installation::new().await.clustered();
    let hub = installation.role("api,signalling", "127.0.0.1:0");
    let node = installation.role("sfu", "127.0.0.1:0");
    let account = installation.account("acme", &hub).await;
    let room = account.room("Lobby").await;
    let driver = Driver::start(turn);
    let mut people = Vec::new();
    for name in ["Ada", "Ben", "Cleo"] {
        let browser = Browser::start(&driver).await;
        let browser = enter_in(browser, &hub.base, &account, name, &room).await;
        lead(&browser, None, None).await;
        browser.join_call().await;
        people.push(browser);
    }
    all_see_and_hear(&people.iter().collect::<Vec<_>>(), "server").await;
    let _other = installation.role("sfu", "127.0.0.1:0");
    node.terminate();
    tokio::task::spawn_blocking(move || node.ended()).await.expect("it ends in order");
    all_see_and_hear(&people.iter().collect::<Vec<_>>(), "server").await;
    for person in &people {
        uses(person, "tcp").await;
    }
    quit(people).await;
}

/// Waits until one sees and hears another, whoever else is there.
async fn sees_somebody(browser: &Browser, other: &Browser) {
    let other = other.until("window.switchboard.connection()?.connectionId").await;
    browser
        .until(&format!(
            "(async () => {{
                const of = async (source) => (await window.switchboard.stats()).tiles
                    .find((tile) => tile.connectionId === {other})?.tracks.find((one) => one.source === source);
                const [camera, microphone] = [await of('camera'), await of('microphone')];
                await new Promise((done) => setTimeout(done, 700));
                return (await of('camera'))?.framesDecoded > camera?.framesDecoded
                    && (await of('microphone'))?.packets > microphone?.packets;
            }})()"
        ))
        .await;
}
