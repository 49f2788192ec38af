//! Who says too much, or does not listen.

use super::*;
use crate::data::{KEPT_BYTES_MAX, LOSSY_WAITING_MAX, MESSAGES, WAITING_MAX};
use sctp_proto::PayloadProtocolIdentifier as Ppid;

/// Lets time pass in small steps.
fn pass(stage: &mut Stage, peers: &mut [&mut Peer], time: Duration) {
    let steps = time.as_millis() / 20;
    for _ in 0..steps {
        stage.pass(Duration::from_millis(20));
        exchange(stage, peers);
    }
}

#[test]
fn reliable_messages_above_the_rate_wait_and_lossy_ones_are_dropped() {
    let (mut stage, mut peers) = three();
    let burst = usize::try_from(MESSAGES.burst).unwrap();
    for _ in 0..burst + 50 {
        peers[0].send(&mut stage, 0, &message(&[2], "", b"reliable"));
    }
    exchange(&mut stage, &mut peers.each_mut());
    assert_eq!(peers[1].received.len(), burst);
    for _ in 0..7 {
        peers[0].send(&mut stage, 1, &message(&[2], "", b"lossy"));
    }
    exchange(&mut stage, &mut peers.each_mut());
    assert_eq!(peers[1].received.len(), burst);
    assert_eq!(stage.engine.stats().data.dropped_rate, 7);
    pass(&mut stage, &mut peers.each_mut(), Duration::from_secs(2));
    assert_eq!(peers[1].received.len(), burst + 50, "all of them come");
    assert!(peers[1].received.iter().all(|it| it.payload == b"reliable"));
}

/// The sender's own stack holds what the server does not take yet: nothing is lost, and little is kept here.
#[test]
fn who_sends_faster_than_it_may_waits_with_what_it_has_to_say() {
    let (mut stage, mut peers) = three();
    for _ in 0..60 {
        peers[0].send(&mut stage, 0, &message(&[2], "", &[7; 15_000]));
    }
    pass(&mut stage, &mut peers.each_mut(), Duration::from_secs(1));
    assert!(peers[0].waiting(0) > 300_000, "{}", peers[0].waiting(0));
    pass(&mut stage, &mut peers.each_mut(), Duration::from_secs(8));
    assert_eq!((peers[1].received.len(), peers[0].waiting(0)), (60, 0));
    assert!(!peers[0].is_ended);
}

#[test]
fn who_does_not_read_is_cut_off_from_data_and_from_nothing_else() {
    let (mut stage, mut peers) = three();
    peers[1].is_deaf = true;
    let mut seconds = 0;
    while stage.engine.stats().data.cut == 0 {
        for _ in 0..8 {
            peers[0].send(&mut stage, 0, &message(&[], "", &[7; 15_000]));
            // Lossy ones are not added to what waits.
            peers[2].send(&mut stage, 1, &message(&[], "", &[7; 1000]));
        }
        pass(&mut stage, &mut peers.each_mut(), Duration::from_secs(1));
        seconds += 1;
        assert!(seconds < 20, "it never is");
    }
    assert!(seconds >= WAITING_MAX / 128_000 - 2, "{seconds} s");
    peers[1].is_deaf = false;
    stage.engine.allow_data(device(3), true);
    peers[2].send(&mut stage, 0, &message(&[], "", b"still here"));
    pass(&mut stage, &mut peers.each_mut(), Duration::from_secs(5));
    assert_eq!(peers[0].received.last(), Some(&received(3, "", b"still here", 0)));
    assert_eq!(stage.engine.stats().participants, 3);
    assert_eq!(stage.engine.stats().data.cut, 1);
}

#[test]
fn lossy_messages_for_whom_too_much_waits_are_dropped() {
    let (mut stage, mut peers) = three();
    peers[1].is_deaf = true;
    for _ in 0..10 {
        peers[0].send(&mut stage, 0, &message(&[], "", &[7; 12_000]));
        exchange(&mut stage, &mut peers.each_mut());
    }
    const { assert!(10 * 12_000 > LOSSY_WAITING_MAX) }
    peers[0].send(&mut stage, 1, &message(&[], "", b"late"));
    exchange(&mut stage, &mut peers.each_mut());
    assert_eq!(stage.engine.stats().data.dropped_full, 1, "of the one who does not listen");
    pass(&mut stage, &mut peers.each_mut(), Duration::from_secs(1));
    assert!(peers[2].received.iter().any(|it| it.payload == b"late"));
}

/// Streams cost memory, and a packet may begin many.
#[test]
fn who_begins_ever_more_streams_is_cut_off() {
    let (mut stage, mut peers) = three();
    for stream in 10..40 {
        peers[0].write(stream, &message(&[], "", b""), Ppid::Binary);
    }
    pass(&mut stage, &mut peers.each_mut(), Duration::from_secs(1));
    assert!(peers[0].is_ended, "and told so");
    assert!(!peers[1].is_ended);
}

/// The attack: each packet has one byte of a message that never ends, and the rest is filling, with which it is kept.
#[test]
fn who_has_packets_kept_for_the_sake_of_a_byte_is_cut_off() {
    let (mut stage, mut peers) = three();
    peers[0].send(&mut stage, 0, &message(&[2], "", b"hello"));
    exchange(&mut stage, &mut peers.each_mut());
    let header = peers[0].last[..12].to_vec();
    let number = u32::from_be_bytes(peers[0].last[16..20].try_into().unwrap());
    let mut sent = 0;
    while !peers[0].is_ended {
        // A part behind one that does not come (RFC 9260, section 3.3.1), and padding (RFC 4820).
        let tsn = (number + 2 + sent).to_be_bytes();
        let data = [&[0, 0, 0, 17][..], &tsn, &[0, 0, 0, 1, 0, 0, 0, 53, 7, 0, 0, 0]].concat();
        let padding = [&[0x84, 0, 4, 0][..], &[0; 1020]].concat();
        let packet = crate::data::with_checksum(&[&header[..], &data, &padding].concat());
        peers[0].client.send_data(&mut stage, &packet);
        exchange(&mut stage, &mut peers.each_mut());
        sent += 1;
        assert!(sent < 2 * u32::try_from(KEPT_BYTES_MAX).unwrap() / 1024, "never");
    }
    assert!(sent > 400, "{sent}");
    assert!(!peers[1].is_ended);
}

#[test]
fn what_has_another_form_is_dropped_and_counted() {
    let (mut stage, mut peers) = three();
    peers[0].send(&mut stage, 0, b"hello");
    peers[0].send(&mut stage, 0, &message(&[], "", &[7; 15_361]));
    peers[0].write(0, b"\x01\0\0\0text", Ppid::String);
    peers[0].client.send_data(&mut stage, b"no packet of SCTP at all");
    peers[0].send(&mut stage, 0, &message(&[], "", b"then"));
    exchange(&mut stage, &mut peers.each_mut());
    assert_eq!(peers[1].received, [received(1, "", b"then", 0)]);
    assert_eq!(stage.engine.stats().data.dropped_malformed, 4);
}
