//! A real coturn with the generated configuration, and its own client.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do; clippy only knows the test functions themselves"
)]

use common::{
    clock::{Clock, SystemClock},
    protocol::media::IceServer,
    secret::Secret,
};
use local_services::{coturn::Coturn, find, ports, scratch::Scratch};
use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};
use time::OffsetDateTime;
use turn_config::{TurnConfig, coturn_conf, ice_servers};

/// The relays of all tests; each coturn takes what is free.
const RELAY_PORTS: (u16, u16) = (42_000, 42_999);

/// Messages that a client sends through its relay.
const MESSAGES: usize = 10;

/// A coturn on loopback, and what Switchboard knows of it.
struct Relay {
    config: TurnConfig,
    _coturn: Coturn,
    // After what runs in it.
    _directory: Scratch,
}

impl Relay {
    fn start() -> Self {
        let directory = Scratch::new().expect("a directory");
        let port = ports::free().expect("a port").port();
        let config = TurnConfig {
            urls: vec![format!("turn:127.0.0.1:{port}?transport=udp")],
            secret: Some(Secret::new("a-secret-for-tests".to_owned())),
            port,
            relay_port_min: RELAY_PORTS.0,
            relay_port_max: RELAY_PORTS.1,
            ..TurnConfig::default()
        };
        let generated = coturn_conf(&config).expect("a good configuration");
        // Only what makes it run beside others on a machine without a network.
        let loopback = "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nallow-loopback-peers\n";
        let coturn = Coturn::start(directory.path(), &format!("{generated}\n{loopback}"), port)
            .unwrap_or_else(|error| panic!("coturn: {error}; its log is in {}", directory.path().display()));
        Self { config, _coturn: coturn, _directory: directory }
    }

    /// What a client would be told at `now`.
    fn credentials(&self, now: OffsetDateTime) -> IceServer {
        ice_servers(&self.config, "agent-7", now).pop().expect("one TURN server")
    }

    /// Sends messages to `peer`, by relay only; what the client says about it.
    fn send_through(&self, server: &IceServer, peer: SocketAddr) -> String {
        let client =
            find::turnutils("turnutils_uclient").expect("no turnutils: run `cargo xtask setup coturn`");
        let output = Command::new(client)
            .args(["-c", "-u", server.username.as_deref().expect("a user name")])
            .args(["-w", server.credential.as_deref().expect("a password")])
            .args(["-e", &peer.ip().to_string(), "-r", &peer.port().to_string()])
            .args(["-n", &MESSAGES.to_string(), "-z", "5", "-l", "100"])
            .args(["-p", &self.config.port.to_string(), "127.0.0.1"])
            .output()
            .expect("coturn's client runs");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }
}

/// Sends everything back to where it came from, and tells from where that was.
struct Peer {
    address: SocketAddr,
    sources: mpsc::Receiver<SocketAddr>,
}

impl Peer {
    fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = socket.local_addr().expect("it is bound");
        let (sender, sources) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, source)) = socket.recv_from(&mut buffer) {
                let message = buffer.get(..length).expect("as long as was received");
                socket.send_to(message, source).expect("loopback takes it");
                if sender.send(source).is_err() {
                    break;
                }
            }
        });
        Self { address, sources }
    }
}

#[test]
fn credentials_open_a_relay_and_every_message_returns_through_it() {
    let (relay, peer) = (Relay::start(), Peer::start());
    let said = relay.send_through(&relay.credentials(SystemClock.utc()), peer.address);
    assert!(said.contains("Total lost packets 0 "), "{said}");
    let sources: Vec<_> = peer.sources.try_iter().collect();
    assert!(sources.len() >= MESSAGES, "only {} messages arrived\n{said}", sources.len());
    // The client's own ports are outside of this range: nothing came directly.
    assert!(sources.iter().all(|it| (RELAY_PORTS.0..=RELAY_PORTS.1).contains(&it.port())), "{sources:?}");
}

#[test]
fn a_password_of_another_secret_opens_nothing() {
    let (relay, peer) = (Relay::start(), Peer::start());
    let forger = TurnConfig { secret: Some(Secret::new("guessed".to_owned())), ..relay.config.clone() };
    let forged = ice_servers(&forger, "agent-7", SystemClock.utc()).pop().expect("one TURN server");
    assert_refused(&relay, &peer, &forged);
}

#[test]
fn expired_credentials_open_nothing() {
    let (relay, peer) = (Relay::start(), Peer::start());
    let long_ago = SystemClock.utc() - Duration::from_secs(u64::from(relay.config.ttl_s) + 60);
    assert_refused(&relay, &peer, &relay.credentials(long_ago));
}

#[test]
fn a_later_expiry_cannot_be_written_into_old_credentials() {
    let (relay, peer) = (Relay::start(), Peer::start());
    let mut credentials = relay.credentials(SystemClock.utc() - Duration::from_secs(7 * 24 * 60 * 60));
    credentials.username = relay.credentials(SystemClock.utc()).username;
    assert_refused(&relay, &peer, &credentials);
}

fn assert_refused(relay: &Relay, peer: &Peer, credentials: &IceServer) {
    let said = relay.send_through(credentials, peer.address);
    assert!(said.contains("Cannot complete Allocation"), "{said}");
    assert_eq!(peer.sources.try_iter().count(), 0, "something was relayed\n{said}");
    // It was the credentials, not coturn.
    let said = relay.send_through(&relay.credentials(SystemClock.utc()), peer.address);
    assert!(said.contains("Total lost packets 0 "), "{said}");
}

/// The client is let in, the peer is not: relays must not reach into the operator's network.
#[test]
fn a_relay_does_not_send_to_private_addresses() {
    let (relay, peer) = (Relay::start(), Peer::start());
    let private = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), peer.address.port()));
    let said = relay.send_through(&relay.credentials(SystemClock.utc()), private);
    assert!(said.contains("403"), "{said}");
}
