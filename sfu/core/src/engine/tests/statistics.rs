//! What is measured is what has happened.

use super::{
    congestion::{NUMBERED, PAYLOAD, tell, watching},
    stage::{Stage, device},
};
use crate::{
    engine::simulation::Side,
    rtcp::{nack, pli, receiver_report, report_block::ReportBlock},
    rtp::header::Header,
    totals::Direction,
};
use common::{
    clock::Clock,
    protocol::media::{TrackKind, TrackSource},
    statistics::{DtlsState, MediaStatistics, SrtpCipher, TransportPurpose},
};
use std::time::Duration;

fn measured(stage: &Stage, who: u16) -> MediaStatistics {
    stage.engine.statistics(device(who), true, stage.clock.now()).expect("it is in a session")
}

#[test]
fn what_comes_in_and_goes_out_is_counted_and_what_the_receiver_says_is_passed_on() {
    let mut stage = watching(NUMBERED);
    for number in [1, 2, 4, 5] {
        stage.send(1001, 2001, number, &PAYLOAD);
    }
    let datagrams = stage.datagrams(1002);
    let ssrc =
        datagrams.iter().filter_map(|it| Header::parse(it)).find(|it| it.payload_type == 96).unwrap().ssrc;
    let mut packet = Vec::new();
    let block = ReportBlock { ssrc, fraction_lost: 64, lost: 3, jitter: 900, ..ReportBlock::default() };
    receiver_report::write(&mut packet, 1, &[block]);
    nack::write(&mut packet, 1, ssrc, &[2]);
    pli::write(&mut packet, 1, ssrc);
    stage.tell(1002, &packet);
    tell(&mut stage, 1, &[Some(1), Some(2)]);

    let publisher = measured(&stage, 1);
    let [transport] = publisher.transports[..] else { panic!("{publisher:?}") };
    assert_eq!((transport.purpose, transport.dtls_state), (TransportPurpose::Publish, DtlsState::Connected));
    assert_eq!(transport.srtp_cipher, Some(SrtpCipher::Aes128Gcm));
    let [camera] = &publisher.inbound_rtp[..] else { panic!("{publisher:?}") };
    assert_eq!(
        (camera.kind, camera.source, &*camera.mime_type),
        (TrackKind::Video, TrackSource::Camera, "video/VP8")
    );
    assert_eq!((camera.packets_received, camera.packets_lost, camera.bytes_received), (4, 1, 4_000));
    assert_eq!((camera.ssrc, &*camera.mid, camera.active), (Some(2001), "0", true));
    assert_eq!(publisher.outbound_rtp, Some(Vec::new()));

    let subscriber = measured(&stage, 2);
    assert!(subscriber.inbound_rtp.is_empty());
    let [transport] = subscriber.transports[..] else { panic!("{subscriber:?}") };
    assert_eq!(transport.purpose, TransportPurpose::Subscribe);
    assert!(transport.available_outgoing_bitrate.is_some_and(|rate| rate > 0), "{transport:?}");
    let outbound = subscriber.outbound_rtp.expect("it is wanted");
    let [got] = &outbound[..] else { panic!("{outbound:?}") };
    assert_eq!((got.track_id, got.ssrc), (camera.track_id, ssrc));
    assert_eq!((got.packets_sent, got.bytes_sent, got.retransmitted_packets_sent), (4, 4_000, 1));
    assert_eq!((got.nack_count, got.pli_count), (1, 1));
    let said = got.remote_inbound_rtp.expect("it was said");
    assert_eq!((said.fraction_lost, said.packets_lost, said.jitter), (0.25, 3, 0.01));
}

/// Of what has ended nothing is lost, nor counted twice.
#[test]
fn what_all_carry_is_counted_by_kind_and_direction_and_stays_when_it_has_ended() {
    let mut stage = watching(NUMBERED);
    for number in [1, 2, 4, 5] {
        stage.send(1001, 2001, number, &PAYLOAD);
    }
    let ssrc = measured(&stage, 2).outbound_rtp.unwrap()[0].ssrc;
    let mut packet = Vec::new();
    let block = ReportBlock { ssrc, fraction_lost: 64, lost: 3, jitter: 900, ..ReportBlock::default() };
    receiver_report::write(&mut packet, 1, &[block]);
    pli::write(&mut packet, 1, ssrc);
    // However often it is said, it counts once.
    for _ in 0..100 {
        stage.tell(1002, &packet);
    }
    stage.pass(Duration::from_secs(2));
    let said: Vec<_> = stage.engine.take_receptions().collect();
    let outbound = said.iter().filter(|it| it.direction == Direction::Outbound);
    assert_eq!(
        outbound.map(|it| (it.kind, it.fraction_lost, it.jitter)).collect::<Vec<_>>(),
        [(TrackKind::Video, 0.25, 0.01)]
    );
    assert!(said.iter().any(|it| it.direction == Direction::Inbound));
    let counted = stage.engine.stats();
    assert_eq!((counted.inbound.audio, counted.outbound.audio), Default::default());
    assert_eq!(
        (counted.inbound.video.packets, counted.inbound.video.bytes, counted.inbound.video.lost),
        (4, 4_000, 1)
    );
    let out = counted.outbound.video;
    assert_eq!((out.packets, out.bytes, out.lost, out.plis), (4, 4_000, 3, 100));
    stage.send(1001, 2001, 6, &PAYLOAD);
    let now = stage.clock.now();
    stage.engine.leave(device(1), now, &mut stage.output);
    stage.engine.leave(device(2), now, &mut stage.output);
    let after = stage.engine.stats();
    assert_eq!((after.inbound.video.packets, after.outbound.video.packets), (5, 5));
    assert_eq!(stage.engine.subscriptions_told().count(), 0);
}

#[test]
fn lists_leave_out_what_is_received_and_who_is_nowhere_has_nothing() {
    let stage = watching(NUMBERED);
    let listed = stage.engine.statistics(device(2), false, stage.clock.now()).unwrap();
    assert_eq!(listed.outbound_rtp, None);
    assert_eq!(stage.engine.statistics(device(9), true, stage.clock.now()), None);
}

#[test]
fn a_transport_that_nobody_has_used_is_new_and_nothing_is_known_of_its_network() {
    let mut stage = Stage::new(2);
    stage.publish(1, &[0]);
    let before = measured(&stage, 1);
    assert_eq!(before.transports[0].dtls_state, DtlsState::New);
    assert_eq!(
        (before.transports[0].srtp_cipher, before.transports[0].available_outgoing_bitrate),
        (None, None)
    );
    assert_eq!((before.inbound_rtp[0].packets_received, before.inbound_rtp[0].bitrate), (0, 0));
    stage.connect(1, Side::Publish, 1001);
    assert_eq!(measured(&stage, 1).transports[0].dtls_state, DtlsState::Connected);
}
