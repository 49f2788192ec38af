//! Datagrams over the loopback interface, both ways of sending them.

use super::*;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// An ordinary socket on the other side, which waits at most a second.
fn peer(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(SECOND)).unwrap();
    socket
}

fn next(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; DATAGRAM_BYTES_MAX];
    let (length, source) = peer.recv_from(&mut buffer).unwrap();
    (buffer[..length].to_vec(), source)
}

fn never_woken() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

#[test]
fn waiting_tells_what_can_be_read() {
    let (socket, waker) = (never_woken(), never_woken());
    let wait = || wait(&socket, &waker, None, Some(Duration::ZERO)).unwrap();
    assert_eq!(wait(), Ready { socket: false, waker: false, connections: false });
    peer("127.0.0.1:0").send_to(b"x", waker.local_addr().unwrap()).unwrap();
    assert_eq!(wait(), Ready { socket: false, waker: true, connections: false });
    peer("127.0.0.1:0").send_to(b"x", socket.local_addr().unwrap()).unwrap();
    assert_eq!(wait(), Ready { socket: true, waker: true, connections: false });
}

fn run<'a>(socket: &UdpSocket, peer: &UdpSocket, segment: usize, bytes: &'a [u8]) -> Run<'a> {
    Run { source: socket.local_addr().unwrap().ip(), destination: peer.local_addr().unwrap(), segment, bytes }
}

/// The same facts about each implementation.
macro_rules! facts {
    ($implementation:ident) => {
        mod $implementation {
            use super::super::$implementation::{Received, Sender};
            use super::*;

            fn take(received: &mut Received, socket: &UdpSocket) -> Vec<(SocketAddr, SocketAddr, Vec<u8>)> {
                wait(socket, &never_woken(), None, Some(SECOND)).unwrap();
                received.fill(socket).unwrap();
                received.datagrams().map(|it| (it.source, it.destination, it.bytes.to_vec())).collect()
            }

            #[test]
            fn a_run_arrives_as_the_datagrams_it_is_made_of() {
                let (socket, peer) = (bind("127.0.0.1:0".parse().unwrap()).unwrap(), peer("127.0.0.1:0"));
                let bytes: Vec<u8> = (0..250).collect();
                let mut sender = Sender::new(&socket, false).unwrap();
                let sent = sender.send(&socket, [run(&socket, &peer, 100, &bytes)].into_iter());
                assert_eq!((sent.datagrams, sent.dropped), (3, 0));
                for part in bytes.chunks(100) {
                    assert_eq!(next(&peer), (part.to_vec(), socket.local_addr().unwrap()));
                }
            }

            #[test]
            fn more_than_a_batch_and_more_than_a_message_arrive_in_order() {
                let (socket, peer) = (bind("127.0.0.1:0".parse().unwrap()).unwrap(), peer("127.0.0.1:0"));
                let bytes: Vec<u8> = (0..100_u8).flat_map(|n| [n; 1000]).collect();
                let mut sender = Sender::new(&socket, false).unwrap();
                let arrives = |part: &[u8]| {
                    for datagram in part.chunks(500) {
                        assert_eq!(next(&peer).0, datagram);
                    }
                };
                for part in bytes.chunks(50_000) {
                    let runs = part.chunks(500).map(|bytes| run(&socket, &peer, 500, bytes));
                    assert_eq!(sender.send(&socket, runs).datagrams, 100);
                    arrives(part);
                    let sent = sender.send(&socket, [run(&socket, &peer, 500, part)].into_iter());
                    assert_eq!(sent.datagrams, 100);
                    arrives(part);
                }
            }

            #[test]
            fn nothing_waiting_is_no_error() {
                let socket = bind("127.0.0.1:0".parse().unwrap()).unwrap();
                let mut received = Received::new(&socket).unwrap();
                assert_eq!(received.fill(&socket).unwrap(), 0);
                assert_eq!(received.datagrams().count(), 0);
            }

            #[test]
            fn a_datagram_is_taken_with_both_its_addresses() {
                let (socket, peer) = (bind("127.0.0.1:0".parse().unwrap()).unwrap(), peer("127.0.0.1:0"));
                let mut received = Received::new(&socket).unwrap();
                let (ours, theirs) = (socket.local_addr().unwrap(), peer.local_addr().unwrap());
                for text in [&b"first"[..], b"second, longer", b"3"] {
                    peer.send_to(text, ours).unwrap();
                    assert_eq!(take(&mut received, &socket), [(theirs, ours, text.to_vec())]);
                }
            }

            #[test]
            fn a_socket_for_both_families_calls_an_ipv4_peer_by_its_ipv4_address() {
                let socket = bind("[::]:0".parse().unwrap()).unwrap();
                let peer = peer("127.0.0.1:0");
                let mut received = Received::new(&socket).unwrap();
                let port = socket.local_addr().unwrap().port();
                peer.send_to(b"hello", ("127.0.0.1", port)).unwrap();
                let (source, ..) = take(&mut received, &socket).remove(0);
                assert_eq!(source, peer.local_addr().unwrap());
                let mut sender = Sender::new(&socket, false).unwrap();
                let reply = Run { source: source.ip(), destination: source, segment: 2, bytes: b"hi" };
                assert_eq!(sender.send(&socket, [reply].into_iter()).datagrams, 1);
                assert_eq!(next(&peer).0, b"hi");
            }
        }
    };
}

#[cfg(target_os = "linux")]
facts!(linux);
facts!(portable);

#[test]
#[cfg(target_os = "linux")]
fn a_socket_for_all_addresses_answers_from_the_one_it_was_reached_at() {
    for (listen, reached, from) in [
        ("0.0.0.0:0", "127.0.0.2", "127.0.0.1:0"),
        ("[::]:0", "127.0.0.2", "127.0.0.1:0"),
        ("[::]:0", "::1", "[::1]:0"),
    ] {
        let (socket, peer) = (bind(listen.parse().unwrap()).unwrap(), peer(from));
        let port = socket.local_addr().unwrap().port();
        let mut received = Received::new(&socket).unwrap();
        let mut sender = Sender::new(&socket, true).unwrap();
        let reached = SocketAddr::new(reached.parse().unwrap(), port);
        peer.send_to(b"where?", reached).unwrap();
        wait(&socket, &never_woken(), None, Some(SECOND)).unwrap();
        received.fill(&socket).unwrap();
        let (source, destination) =
            received.datagrams().map(|it| (it.source, it.destination)).next().unwrap();
        assert_eq!((source, destination), (peer.local_addr().unwrap(), reached));
        let answers =
            Run { source: destination.ip(), destination: source, segment: 4, bytes: b"hereheretoo" };
        assert_eq!(sender.send(&socket, [answers].into_iter()).datagrams, 3);
        assert_eq!(next(&peer), (b"here".to_vec(), reached));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_datagram_larger_than_any_path_lets_through_is_left_out() {
    let (socket, peer) = (bind("127.0.0.1:0".parse().unwrap()).unwrap(), peer("127.0.0.1:0"));
    let mut received = Received::new(&socket).unwrap();
    peer.send_to(&[0; DATAGRAM_BYTES_MAX + 1], socket.local_addr().unwrap()).unwrap();
    wait(&socket, &never_woken(), None, Some(SECOND)).unwrap();
    assert_eq!(received.fill(&socket).unwrap(), 1);
    assert_eq!(received.datagrams().count(), 0);
}

#[test]
fn an_unreachable_destination_costs_its_own_datagrams_only() {
    let (socket, peer) = (bind("127.0.0.1:0".parse().unwrap()).unwrap(), peer("127.0.0.1:0"));
    let mut sender = Sender::new(&socket, false).unwrap();
    // A socket bound to loopback cannot reach beyond it.
    let beyond = Run { destination: "203.0.113.1:9".parse().unwrap(), ..run(&socket, &peer, 3, b"lost") };
    let sent = sender.send(&socket, [beyond, run(&socket, &peer, 4, b"kept")].into_iter());
    assert_eq!((sent.datagrams, sent.dropped), (1, 2));
    assert_eq!(next(&peer).0, b"kept");
}

#[test]
fn waiting_ends_at_the_deadline_or_with_a_wake_up() {
    let socket = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let waker = never_woken();
    wait(&socket, &waker, None, Some(Duration::from_micros(100))).unwrap();
    waker.send_to(b"", waker.local_addr().unwrap()).unwrap();
    wait(&socket, &waker, None, None).unwrap();
}
