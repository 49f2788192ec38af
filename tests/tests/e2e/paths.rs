//! Paths of media that are lost while a call goes on: everything goes through a relay, which dies.

use super::lobby::sees_and_hears;
use local_services::{coturn::Coturn, ports, scratch::Scratch};
use serde_json::json;
use std::process::Command;
use switchboard_tests::{
    browser::{Browser, Driver, Turn},
    installation::{Account, Installation, PASSWORD},
};

/// Media takes no other way than the relay, and the page knows all its ways.
const RELAYED: &str = "window.ways = [];
    const Native = RTCPeerConnection;
    window.RTCPeerConnection = class extends Native {
        constructor(configuration) {
            super({ ...configuration, iceTransportPolicy: 'relay' });
            window.ways.push(this);
        }
    };";

/// A coturn on loopback.
struct Relay {
    configuration: String,
    port: u16,
    coturn: Option<Coturn>,
    // After what runs in it.
    directory: Scratch,
}

impl Relay {
    /// Starts one, of which the servers of an installation tell their clients.
    fn start(installation: &mut Installation) -> Self {
        let directory = Scratch::new().expect("a directory");
        let port = ports::free().expect("a port").port();
        installation.set("SWITCHBOARD_TURN__URLS", &format!("[\"turn:127.0.0.1:{port}?transport=udp\"]"));
        installation.set("SWITCHBOARD_TURN__SECRET", "a-secret-for-tests");
        installation.set("SWITCHBOARD_TURN__PORT", &port.to_string());
        let written = Command::new(switchboard_tests::server::binary())
            .arg("turn-config")
            .envs(installation.environment().iter().cloned())
            .output()
            .expect("the binary runs");
        // Only what makes it run beside others on a machine without a network.
        let loopback = "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nallow-loopback-peers\n";
        let configuration = format!("{}\n{loopback}", String::from_utf8_lossy(&written.stdout));
        let mut relay = Self { configuration, port, coturn: None, directory };
        relay.go_on();
        relay
    }

    /// Dies, and with it every path through it; another one, which knows nothing of them, takes its place.
    fn die(&mut self) {
        self.coturn = None;
        self.go_on();
    }

    fn go_on(&mut self) {
        let started = Coturn::start(self.directory.path(), &self.configuration, self.port);
        self.coturn = Some(started.expect("coturn starts"));
    }
}

async fn join(driver: &Driver, base: &str, account: &Account, name: &str, room: &str) -> Browser {
    let email = account.user(name).await;
    let browser = Browser::start(driver).await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": RELAYED })).await;
    browser.sign_in(base, &email, PASSWORD).await;
    browser.click_css(&format!("[data-testid='room-item'][data-room-id='{room}']")).await;
    browser.join_call().await;
    browser
}

/// From now on the page notes when anything arrived last, and when it says that its line is dead.
async fn watch_line(browser: &Browser) {
    browser
        .until(
            "(() => {
                const line = document.querySelector('[data-testid=\"call-line\"]');
                const note = { packets: -1, arrivedAt: 0 };
                window.quietFor = null;
                new MutationObserver(() => (line.dataset.problem === 'lost') && (window.quietFor ??= performance.now() - note.arrivedAt)).observe(line, { attributes: true });
                setInterval(async () => {
                    const { tiles } = await window.switchboard.stats();
                    const packets = tiles.flatMap(({ tracks }) => tracks ?? []).reduce((sum, track) => sum + track.packets, 0);
                    if (packets !== note.packets) Object.assign(note, { packets, arrivedAt: performance.now() });
                }, 50);
                return true;
            })()",
        )
        .await;
}

/// Waits until the page has said that the line is dead, and says no more that it is.
async fn was_told_of_it(browser: &Browser) {
    browser.until("window.quietFor").await;
    browser.until("document.querySelector('[data-testid=\"call-line\"]').dataset.problem !== 'lost'").await;
    browser.until("(window.quietFor = null, true)").await;
}

/// How many connections the page has had so far.
async fn ways(browser: &Browser) -> u64 {
    browser.until("window.ways.length").await.as_u64().expect("a number")
}

/// Passes for the wrong reason if the page made new connections instead of restarting ICE on those that it has: counted.
#[tokio::test(flavor = "multi_thread")]
async fn media_goes_on_by_another_path_on_both_routes_when_the_relay_dies() {
    let turn = Turn::take();
    let mut installation = Installation::new().await;
    let mut relay = Relay::start(&mut installation);
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let driver = Driver::start(turn);
    let ada = join(&driver, &server.base, &account, "Ada", &room).await;
    let ben = join(&driver, &server.base, &account, "Ben", &room).await;
    for browser in [&ada, &ben] {
        sees_and_hears(browser, 1, "peerToPeer").await;
        watch_line(browser).await;
    }
    relay.die();
    for browser in [&ada, &ben] {
        was_told_of_it(browser).await;
        sees_and_hears(browser, 1, "peerToPeer").await;
        assert_eq!(ways(browser).await, 1, "the same connection");
    }

    let cleo = join(&driver, &server.base, &account, "Cleo", &room).await;
    for browser in [&ada, &ben, &cleo] {
        sees_and_hears(browser, 2, "server").await;
    }
    watch_line(&cleo).await;
    relay.die();
    for (browser, had) in [(&ada, 3), (&ben, 3), (&cleo, 2)] {
        was_told_of_it(browser).await;
        sees_and_hears(browser, 2, "server").await;
        assert_eq!(ways(browser).await, had, "one to send, one to receive, and the direct one of before");
    }
    for browser in [ada, ben, cleo] {
        browser.quit().await;
    }
}
