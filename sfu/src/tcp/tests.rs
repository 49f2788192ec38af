//! The door, and the connections of a shard, over real sockets; the engine is a closure.

use super::{door::Door, *};
use crate::{addresses::Addresses, recording::Feed, shard::ShardHandle, socket, tcp::connections::Verdict};
use common::clock::{Clock, ManualClock, SystemClock};
use sfu_core::{Run, TransportAddress};
use shutdown::Shutdown;
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Instant,
};
use tokio::sync::mpsc;

#[expect(clippy::disallowed_methods, reason = "a test's own end of a connection to itself")]
fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(address)
}

/// A check for an agent of this name, unsigned: what the door looks at.
fn check(name: &str) -> Vec<u8> {
    let user = format!("{name}:them");
    let length = u16::try_from(user.len()).unwrap();
    let padded = user.len().next_multiple_of(4);
    let mut message = vec![0, 1, 0, u8::try_from(4 + padded).unwrap(), 0x21, 0x12, 0xA4, 0x42];
    message.extend([1; 12]);
    message.extend([0, 6]);
    message.extend(length.to_be_bytes());
    message.extend(user.as_bytes());
    message.resize(24 + padded, 0);
    message
}

fn frame(packet: &[u8]) -> Vec<u8> {
    [&framing::length(packet).unwrap()[..], packet].concat()
}

/// A door to one shard that is running, and its admission.
fn open_door(address: SocketAddr) -> (SocketAddr, Admission, ShardHandle, Shutdown) {
    let udp = socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let addresses = Addresses::of(&crate::Config::default(), udp.local_addr().unwrap()).unwrap();
    let (shard, handle) =
        crate::shard::Shard::new(0, Arc::new(SystemClock), udp, addresses, Feed::default()).unwrap();
    drop(shard.start().unwrap());
    let listener = door::bind(address).unwrap();
    let (local, admission) = (listener.local_addr().unwrap(), Admission::new(100, 100));
    let shutdown = Shutdown::default();
    let door = Door::new(listener, admission.clone(), vec![handle.clone()]).unwrap();
    shutdown.tasks.spawn(door.run(shutdown.token.clone(), shutdown.tasks.clone()));
    (local, admission, handle, shutdown)
}

/// Whether the other side ends a connection on which this is said, before it would by its deadline.
async fn is_closed_after(local: SocketAddr, said: Vec<u8>) -> bool {
    tokio::task::spawn_blocking(move || {
        let mut stream = connect(local).unwrap();
        stream.set_read_timeout(Some(CLOSED_IN)).unwrap();
        stream.write_all(&said).unwrap();
        let read = stream.read(&mut [0; 10]);
        match read {
            Ok(count) => count == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    })
    .await
    .unwrap()
}

/// Half of the time that the door waits for a check: who is closed sooner is closed for what it said.
const CLOSED_IN: Duration = Duration::from_secs(door::CHECK_TIME.as_secs() / 2);

#[tokio::test(flavor = "multi_thread")]
async fn who_says_anything_but_a_check_for_an_agent_is_closed_at_once() {
    let (local, admission, handle, shutdown) = open_door((Ipv4Addr::LOCALHOST, 0).into());
    let said: [Vec<u8>; 6] = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0, 0],
        vec![0xFF; 5000],
        frame(&[22; 300]),
        frame(&check("0009abcdabcdabcd")),
        frame(&check("0000abcdabcdabcd")),
    ];
    for said in said {
        assert!(is_closed_after(local, said.clone()).await, "{said:?}");
    }
    assert_eq!(admission.counts(), (0, 0));
    handle.stop().await.unwrap();
    shutdown.drain(Duration::from_secs(5)).await;
}

/// Passes for the wrong reason if the silent ones were closed by their deadline: the last is closed for what it says
/// while they still wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_say_nothing_are_bounded_and_hold_nobody_up() {
    let (local, admission, handle, shutdown) = open_door((Ipv6Addr::LOCALHOST, 0).into());
    let connect = move || (0..1000).map(|_| connect(local).unwrap()).collect();
    let silent: Vec<TcpStream> = tokio::task::spawn_blocking(connect).await.unwrap();
    assert!(is_closed_after(local, frame(&check("0000abcdabcdabcd"))).await);
    let (proved, unproved) = admission.counts();
    assert!(proved == 0 && unproved <= UNPROVED_MAX, "{unproved}");
    drop(silent);
    handle.stop().await.unwrap();
    shutdown.drain(Duration::from_secs(5)).await;
}

/// The attack: a check of which a byte comes twice a second. Passes for the wrong reason if it was closed for what it
/// said: it would have been at once.
#[tokio::test(flavor = "multi_thread")]
async fn who_never_comes_to_the_end_of_a_check_is_closed_by_the_deadline() {
    let (local, admission, handle, shutdown) = open_door((Ipv4Addr::LOCALHOST, 0).into());
    let trickle = tokio::task::spawn_blocking(move || {
        let began_at = SystemClock.now();
        let mut client = connect(local).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let said = frame(&check("0000abcdabcdabcd"));
        let is_open =
            |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        for byte in &said[..said.len() - 1] {
            let answer = client.write_all(&[*byte]).and_then(|()| client.read(&mut [0; 10]));
            if !answer.is_err_and(|error| is_open(&error)) {
                return SystemClock.now() - began_at;
            }
        }
        Duration::MAX
    });
    let lasted = trickle.await.unwrap();
    assert!(lasted > CLOSED_IN && lasted < 2 * door::CHECK_TIME, "{lasted:?}");
    assert_eq!(admission.counts(), (0, 0));
    handle.stop().await.unwrap();
    shutdown.drain(Duration::from_secs(5)).await;
}

/// Whose name the check has, that shard gets the connection, and what comes after the check is left for it to read. The
/// door is for both families, and says what came by IPv4 to have come by IPv4.
#[tokio::test(flavor = "multi_thread")]
async fn each_connection_goes_to_the_shard_that_its_check_asks() {
    let listener = door::bind((Ipv6Addr::UNSPECIFIED, 0).into()).unwrap();
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()));
    let shutdown = Shutdown::default();
    let (handles, mut shards): (Vec<_>, Vec<_>) = (0..3)
        .map(|_| {
            let (waker, woken) = std::os::unix::net::UnixDatagram::pair().unwrap();
            let (commands, newcomers) = (mpsc::channel(1), mpsc::channel(1));
            (ShardHandle::new(commands.0, newcomers.0, waker), (newcomers.1, woken, commands.1))
        })
        .unzip();
    let door = Door::new(listener, Admission::new(100, 100), handles).unwrap();
    shutdown.tasks.spawn(door.run(shutdown.token.clone(), shutdown.tasks.clone()));
    for (number, (newcomers, ..)) in shards.iter_mut().enumerate() {
        let asked = check(&format!("{number:04x}abcdabcdabcd"));
        let said = [frame(&asked), frame(b"more")].concat();
        let client = tokio::task::spawn_blocking(move || {
            let mut client = connect(local).unwrap();
            // Bytes come alone, and the check is put together all the same.
            said.iter().for_each(|byte| client.write_all(&[*byte]).unwrap());
            client
        });
        let client = client.await.unwrap();
        let mut newcomer = newcomers.recv().await.unwrap();
        assert_eq!((newcomer.check, newcomer.local), (asked, local));
        assert_eq!(newcomer.remote, client.local_addr().unwrap());
        newcomer.stream.set_nonblocking(false).unwrap();
        let mut rest = [0; 6];
        newcomer.stream.read_exact(&mut rest).unwrap();
        assert_eq!(rest, frame(b"more")[..]);
    }
    shutdown.drain(Duration::from_secs(5)).await;
    assert!(connect(local).is_err(), "it is closed");
}

/// A client's end of a connection, and the shard's side.
struct Pair {
    client: TcpStream,
    connections: Connections,
    clock: ManualClock,
}

fn take(from: TransportAddress, taken: &mut Vec<(TransportAddress, Vec<u8>)>, packet: &[u8]) -> Verdict {
    taken.push((from, packet.to_vec()));
    true
}

/// A client's end of a connection, and what the door makes of the other.
fn connected(admission: &Admission) -> (TcpStream, Newcomer) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = connect(listener.local_addr().unwrap()).unwrap();
    let (stream, remote) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    prepare(&SockRef::from(&stream)).unwrap();
    let local = stream.local_addr().unwrap();
    let place = admission.take(common::address::ClientAddress(remote.ip()).network()).unwrap();
    (client, Newcomer { stream, remote, local, check: vec![0, 1], place })
}

impl Pair {
    /// Connects, and has the shard take the connection with its check; whether that is good `verdict` says.
    fn new(verdict: Verdict, admission: &Admission) -> (Self, Option<TransportAddress>) {
        let (client, newcomer) = connected(admission);
        let local = newcomer.local;
        let (door, newcomers) = mpsc::channel(1);
        door.try_send(newcomer).unwrap();
        let mut connections = Connections::new(newcomers).unwrap();
        let clock = ManualClock::default();
        let mut address = None;
        assert!(connections.welcome(clock.now(), |from, to, check| {
            assert_eq!((to, &check[..]), (local, &[0, 1][..]));
            address = Some(from);
            verdict
        }));
        (Self { client, connections, clock }, address.filter(|_| verdict))
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Waits until something has happened, and takes it.
    fn turn(&mut self, taken: &mut Vec<(TransportAddress, Vec<u8>)>) {
        let (waker, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let wait = if self.connections.has_work() { Duration::ZERO } else { Duration::from_secs(5) };
        socket::wait(&waker, &waker, self.connections.descriptor(), Some(wait)).unwrap();
        let now = self.now();
        self.connections.take_packets(now, |from, _, packet| take(from, taken, packet)).unwrap();
    }

    fn send(&mut self, to: TransportAddress, bytes: &[u8], segment: usize) {
        let source = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        self.connections.send(std::iter::once(Run { source, destination: to, segment, bytes }));
    }
}

#[test]
fn packets_go_both_ways_in_frames_whatever_parts_they_come_in() {
    let admission = Admission::new(1, 1);
    let (mut pair, address) = Pair::new(true, &admission);
    let address = address.unwrap();
    let packets: Vec<Vec<u8>> = (0..500).map(|number| vec![0x80; 1 + number * 4]).collect();
    let bytes: Vec<u8> = packets.iter().flat_map(|packet| frame(packet)).collect();
    let mut client = pair.client.try_clone().unwrap();
    let sender =
        std::thread::spawn(move || bytes.chunks(997).for_each(|part| client.write_all(part).unwrap()));
    let mut taken = Vec::new();
    while taken.len() < packets.len() {
        pair.turn(&mut taken);
    }
    sender.join().unwrap();
    assert_eq!(taken, packets.into_iter().map(|packet| (address, packet)).collect::<Vec<_>>());
    pair.send(address, &[7; 250], 100);
    let mut got = vec![0; 256];
    pair.client.read_exact(&mut got).unwrap();
    assert_eq!(got, [frame(&[7; 100]), frame(&[7; 100]), frame(&[7; 50])].concat());
    assert_eq!((pair.connections.tally.frames, pair.connections.tally.bytes_dropped), (3, 0));
}

/// The attack: a peer that never reads, while media flows to it.
///
/// Passes for the wrong reason if nothing more could be sent: once it reads, what is sent arrives.
#[test]
fn to_a_peer_that_does_not_read_nothing_grows_and_to_one_that_reads_again_it_goes_on() {
    let admission = Admission::new(1, 1);
    let (mut pair, address) = Pair::new(true, &admission);
    let address = address.unwrap();
    for _ in 0..100_000 {
        pair.send(address, &[0x80; 1200], 1200);
    }
    let tally = pair.connections.tally;
    assert_eq!(tally.frames + tally.bytes_dropped / 1200, 100_000);
    // What the peer's kernel takes and ours holds as sent is its receive buffer; the rest of 120 MB is dropped.
    assert!(tally.frames < 20_000, "{tally:?}");
    let mut reader = pair.client.try_clone().unwrap();
    let read = std::thread::spawn(move || {
        let mut last = vec![0; 4];
        let (mut bytes, mut tail) = (vec![0; 65_536], Vec::new());
        while !tail.ends_with(b"last") {
            let count = reader.read(&mut bytes).unwrap();
            tail.extend(&bytes[..count]);
            tail.drain(..tail.len().saturating_sub(4));
        }
        last.copy_from_slice(&tail);
        last
    });
    let mut taken = Vec::new();
    while pair.connections.tally.bytes_dropped > 0 && !read.is_finished() {
        pair.turn(&mut taken);
        pair.send(address, b"last", 4);
    }
    assert_eq!(read.join().unwrap(), b"last");
    assert!(taken.is_empty());
}

/// Ends a connection in one of the ways.
type Ending = fn(&mut Pair);

#[test]
fn a_connection_ends_with_its_peer_an_endless_frame_silence_or_its_transport() {
    let admission = Admission::new(1, 1);
    let ends: [(&str, Ending); 4] = [
        ("closed", |pair| {
            pair.client.shutdown(std::net::Shutdown::Write).unwrap();
            pair.turn(&mut Vec::new());
        }),
        ("an endless frame", |pair| {
            pair.client.write_all(&[0xFF, 0xFF, 0]).unwrap();
            pair.turn(&mut Vec::new());
        }),
        ("silent", |pair| {
            pair.connections.look_after(pair.now(), |_| true);
            assert!(!pair.connections.is_empty());
            pair.clock.advance(SILENCE_MAX + Duration::from_millis(1));
            pair.connections.look_after(pair.now(), |_| true);
        }),
        ("forgotten", |pair| pair.connections.look_after(pair.now(), |_| false)),
    ];
    for (name, end) in ends {
        let (mut pair, address) = Pair::new(true, &admission);
        assert_eq!(admission.counts(), (1, 0), "{name}");
        end(&mut pair);
        assert_eq!((pair.connections.take_gone(), pair.connections.take_gone()), (address, None), "{name}");
        assert!(pair.connections.is_empty() && !pair.connections.has_work(), "{name}");
        assert_eq!(admission.counts(), (0, 0), "{name}");
        // The engine may not know yet.
        pair.send(address.unwrap(), &[0x80; 100], 100);
        pair.client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let _rest = pair.client.read(&mut [0; 10]);
    }
}

/// The attack: a name that is right, and a password that is wrong.
#[test]
fn who_is_not_authentic_is_closed_and_leaves_no_place_taken() {
    let admission = Admission::new(1, 1);
    for _ in 0..10 {
        let (mut pair, address) = Pair::new(false, &admission);
        assert!(pair.connections.is_empty() && address.is_none());
        assert_eq!(pair.connections.take_gone(), None, "the engine never knew it");
        assert_eq!(admission.counts(), (0, 0));
        assert!(matches!(pair.client.read(&mut [0; 10]), Ok(0) | Err(_)));
    }
}

/// The attack: so many new connections at once that packets would wait for all of their checks.
#[test]
fn new_connections_have_their_turn_as_packets_have_theirs_and_none_is_forgotten() {
    let (admission, now) = (Admission::new(100, 100), ManualClock::default().now());
    let (door, newcomers) = mpsc::channel(NEWCOMERS_MAX);
    let mut connections = Connections::new(newcomers).unwrap();
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let (client, newcomer) = connected(&admission);
            door.try_send(newcomer).unwrap();
            client
        })
        .collect();
    let mut turns = Vec::new();
    while connections.has_work() {
        let mut checks = 0;
        assert!(connections.welcome(now, |_, _, _| {
            checks += 1;
            true
        }));
        turns.push(checks);
    }
    assert_eq!(turns, [8, 8, 4]);
    assert!(!connections.welcome(now, |_, _, _| true));
    assert_eq!(admission.counts(), (20, 0));
    drop((clients, connections));
    assert_eq!(admission.counts(), (0, 0));
}
