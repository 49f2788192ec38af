//! Which stream carries what, and that none is used twice.

use super::stage::{Stage, cameras, device};
use crate::{
    encoding::{Encoding, Name},
    engine::simulation::Side,
    id::{PublicationId, SubscriptionId, TransportId},
    rtcp::nack,
    rtp::sequence::SeqNo,
    sdp::{
        codec::Codec,
        encoding,
        parse::{Named, Section},
    },
};
use common::{clock::Clock, id::TrackId, protocol::media::TrackSource};
use std::collections::BTreeSet;

/// A publisher of cameras on port 1001, and a subscriber of all of them on port 1002.
fn two(mids: &[u32]) -> Stage {
    let mut stage = Stage::new(2);
    stage.publish(1, mids);
    stage.connect(1, Side::Publish, 1001);
    stage.answer(2, |_| true);
    stage.connect(2, Side::Subscribe, 1002);
    stage
}

fn lines<'a>(sdp: &'a str, prefix: &str) -> Vec<&'a str> {
    sdp.lines().filter_map(|line| line.strip_prefix(prefix)).collect()
}

/// Browsers refuse an offer in which two sections have the same msid, and two tracks under one
/// SSRC share nonces.
#[test]
fn two_pictures_of_one_publisher_have_sections_streams_and_names_of_their_own() {
    let mut stage = two(&[0, 1]);
    stage.publish(1, &[0, 1, 2]);
    let offer = stage.answer(2, |_| true);
    assert_eq!(lines(&offer.sdp, "m=video").len(), 3);
    let msids = lines(&offer.sdp, "a=msid:");
    assert_eq!(msids.iter().collect::<BTreeSet<_>>().len(), 3, "{msids:?}");
    let streams: BTreeSet<_> = msids.iter().map(|msid| msid.split(' ').next()).collect();
    assert_eq!(streams.len(), 1, "one publisher's tracks are one stream: {msids:?}");
    let pairs: BTreeSet<_> = lines(&offer.sdp, "a=ssrc-group:FID ").into_iter().collect();
    let numbers: BTreeSet<_> = pairs.iter().flat_map(|pair| pair.split(' ')).collect();
    assert_eq!((pairs.len(), numbers.len()), (3, 6), "{pairs:?}");

    for (ssrc, payload) in [(2001, b"camera"), (2003, b"screen"), (2005, b"docume")] {
        stage.send(1001, ssrc, 7, payload);
    }
    let packets = stage.packets(1002);
    let carried: BTreeSet<_> = packets.iter().map(|packet| (packet.ssrc, packet.payload.clone())).collect();
    assert_eq!(carried.len(), 3, "{packets:?}");
    assert_eq!(packets.iter().map(|packet| packet.ssrc).collect::<BTreeSet<_>>().len(), 3);
}

/// A screen and its sound are in step with each other, and not with the lips of who shows them.
#[test]
fn a_track_is_offered_by_its_own_name_until_another_takes_its_section() {
    let mut stage = Stage::new(2);
    let now = stage.clock.now();
    let named = |n: u128, source| Named { id: TrackId::from_uuid(uuid::Uuid::from_u128(n)), source };
    let camera = named(1, TrackSource::Camera);
    let mut publish = |screen: Named| {
        let mut described = cameras(&[0, 1]);
        described.name("0", camera);
        described.name("1", screen);
        stage.engine.publish(device(1), &described, now, &mut stage.output).unwrap();
        stage.engine.pending_offer(device(2))?;
        let offer = stage.answer(2, |_| true);
        let tracks: Vec<_> = offer.tracks.iter().map(|track| (track.track_id, track.source)).collect();
        assert_eq!(tracks, [(camera.id, camera.source), (screen.id, screen.source)]);
        let from = device(1);
        let msids = [format!("{from} {}", camera.id), format!("{from}-screen {}", screen.id)];
        assert_eq!(lines(&offer.sdp, "a=msid:"), msids);
        Some(offer.revision)
    };
    assert_eq!(publish(named(2, TrackSource::Screen)), Some(1));
    assert_eq!(publish(named(2, TrackSource::Screen)), None, "nothing is new");
    assert_eq!(publish(named(3, TrackSource::Screen)), Some(2), "another track in the same section");
}

#[test]
fn one_of_two_pictures_ends_and_the_other_goes_on_where_it_was() {
    let mut stage = two(&[0, 1]);
    stage.send(1001, 2003, 1, b"screen");
    let before = stage.packets(1002)[0].ssrc;
    stage.publish(1, &[1]);
    stage.answer(2, |_| true);
    stage.send(1001, 2001, 2, b"camera");
    stage.send(1001, 2003, 2, b"screen");
    let packets = stage.packets(1002);
    assert_eq!(packets.iter().map(|packet| packet.ssrc).collect::<Vec<_>>(), [before]);
}

/// The stage's subscriber remembers every SSRC and packet number, as a receiver does; a
/// nonce used twice does not open there.
#[test]
fn a_section_taken_again_is_another_stream() {
    let mut stage = two(&[0]);
    let mut seen = BTreeSet::new();
    for round in 0..5 {
        let number = 10 + 2 * round;
        stage.send(1001, 2001, number, b"picture");
        // A stream counts from its beginning, whatever its publisher counts from.
        ask_again(&mut stage, 1);
        let packets = stage.packets(1002);
        assert_eq!(packets.len(), 2, "round {round}: once, and once more");
        for packet in packets {
            assert!(seen.insert(packet.ssrc), "round {round}: stream {} is used again", packet.ssrc);
        }
        // Another track brings an offer; the first section is not taken, and then again.
        stage.publish(1, &[0, 1]);
        stage.answer(2, |mid| mid != "0");
        stage.send(1001, 2001, number + 1, b"unseen");
        assert!(stage.packets(1002).iter().all(|packet| packet.payload != b"unseen"));
        stage.publish(1, &[0]);
        stage.answer(2, |_| true);
    }
}

/// Who listens on the way could otherwise have the next camera taken for the one that ended, and its own packets for
/// nobody's.
#[test]
fn a_recorded_packet_of_a_track_that_ended_is_not_taken_for_another_track() {
    let mut stage = two(&[0]);
    let recorded = stage.sealed(1001, 2001, 7, b"before");
    stage.forward(1001, recorded.clone());
    assert_eq!(stage.packets(1002).len(), 1);
    let mut nameless = cameras(&[1]);
    nameless.sections[0].encodings = vec![encoding::Encoding::default()];
    let now = stage.clock.now();
    stage.engine.publish(device(1), &nameless, now, &mut stage.output).unwrap();
    stage.answer(2, |_| true);
    stage.forward(1001, recorded);
    assert_eq!(stage.packets(1002), []);
    stage.send(1001, 3001, 7, b"after!");
    assert_eq!(stage.packets(1002).iter().map(|packet| &packet.payload[..]).collect::<Vec<_>>(), [b"after!"]);
}

/// The only track that goes out, and where it does.
fn only(stage: &Stage) -> (SubscriptionId, TransportId) {
    let id = stage.engine.sessions.find(device(2)).unwrap();
    let transport = stage.engine.sessions.get(id).unwrap().subscribe.unwrap();
    let subscriptions = stage.engine.forwarding.subscriptions_on(transport);
    assert_eq!(subscriptions.len(), 1);
    (subscriptions[0], transport)
}

fn ask_again(stage: &mut Stage, number: u64) {
    let (id, _) = only(stage);
    let ssrc = stage.engine.forwarding.subscription_mut(id).unwrap().0.ssrc;
    let mut packet = Vec::new();
    nack::write(&mut packet, 1, ssrc, &[u16::try_from(number).unwrap()]);
    stage.tell(1002, &packet);
}

#[test]
fn sections_taken_and_left_for_ever_leave_nothing_behind() {
    let mut stage = two(&[0]);
    for round in 0..100 {
        stage.publish(1, &[0, 1]);
        stage.answer(2, |mid| mid != "0");
        stage.publish(1, &[0]);
        stage.answer(2, |_| true);
        assert_eq!(stage.engine.forwarding.streams(), (2, 1), "round {round}");
    }
    let id = stage.engine.sessions.find(device(1)).unwrap();
    assert_eq!(stage.engine.sessions.get(id).unwrap().publications.len(), 1);
}

/// A receiver tells no leap of more than half a cycle from a wrap (RFC 3711, section 3.3.1): none of the stream
/// would open any more.
#[test]
fn a_stream_opens_after_leaps_of_its_publisher_that_were_lost_on_the_way() {
    let mut stage = two(&[0]);
    stage.send(1001, 2001, 1, b"picture");
    assert_eq!(stage.packets(1002).len(), 1);
    for leap in 1..4 {
        stage.send(1001, 2001, 30_000 * leap, b"picture");
    }
    stage.output.clear_datagrams();
    stage.send(1001, 2001, 90_001, b"picture");
    assert_eq!(stage.packets(1002).len(), 1);
}

#[test]
fn a_stream_ends_before_its_nonces_repeat() {
    let mut stage = two(&[0]);
    stage.send(1001, 2001, 1, b"picture");
    assert_eq!(stage.packets(1002).len(), 1);
    let (id, transport) = only(&stage);
    let (subscription, _) = stage.engine.forwarding.subscription_mut(id).unwrap();
    let transport = stage.engine.transports.get_mut(transport).unwrap();
    let now = stage.clock.now();
    let name = Name { rid: None, ssrc: None, rtx_ssrc: None };
    let mut encoding =
        Encoding::new((PublicationId::default(), TransportId::default()), name, Codec::Vp8, true);
    // The next number is 2, and the last is that before 2^48.
    subscription.pass_over((1 << 48) - 3);
    let first = SeqNo::first(1).extended();
    for (number, sent) in [(first + 1, 1), (first + 2, 0), (first + 3, 0)] {
        let sequence = SeqNo::from_extended(number);
        encoding.buffer.insert(sequence, false, false, 0, None, b"picture");
        subscription.send(id, sequence, &encoding, transport, now, &mut stage.output);
        assert_eq!(stage.output.runs().count(), sent, "packet {number}");
        stage.output.clear_datagrams();
    }
}

/// A client that begins anew under the same mid: what it sends then is not what it sent before.
#[test]
fn a_track_under_other_numbers_is_another_track() {
    for change in [
        |section: &mut Section| section.encodings[0].ssrc = Some(3001),
        |section: &mut Section| section.encodings[0].rtx_ssrc = Some(3002),
        |section: &mut Section| section.payload_type = Some(100),
        |section: &mut Section| section.rtx_payload_type = Some(101),
    ] {
        let mut stage = two(&[0]);
        stage.send(1001, 2001, 60_000, b"before");
        let before = stage.packets(1002)[0].ssrc;
        let mut described = cameras(&[0]);
        change(&mut described.sections[0]);
        let (ssrc, payload_type) =
            (described.sections[0].encodings[0].ssrc.unwrap(), described.sections[0].payload_type.unwrap());
        let now = stage.clock.now();
        stage.engine.publish(device(1), &described, now, &mut stage.output).unwrap();
        assert_eq!(stage.answer(2, |_| true).tracks.len(), 1);
        if payload_type != 96 {
            stage.send(1001, ssrc, 60_001, b"of before");
            assert_eq!(stage.packets(1002), [], "it was under way while the description came");
        }
        let datagram = stage.sealed_as(1001, (ssrc, payload_type), 60_002, b"behind");
        stage.forward(1001, datagram);
        let after = stage.packets(1002);
        assert_eq!(after.len(), 1, "{:?}", described.sections[0]);
        assert_ne!(after[0].ssrc, before);
        assert_eq!(stage.engine.stats().publications, 1);
        stage.output.take_events().for_each(drop);
        // Said again it changes nothing, and neither does a description that leaves numbers out.
        stage.engine.publish(device(1), &described, now, &mut stage.output).unwrap();
        described.sections[0].encodings = vec![encoding::Encoding::default()];
        stage.engine.publish(device(1), &described, now, &mut stage.output).unwrap();
        assert_eq!(stage.offered(2), None);
    }
}
