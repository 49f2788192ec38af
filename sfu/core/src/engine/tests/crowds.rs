//! More tracks than anybody can be offered.

use super::stage::{Stage, cameras, device};
use crate::{
    Offer, SdpError, SessionId,
    engine::publish::TRACKS_MAX,
    negotiation::offering::SECTIONS_PER_KIND_MAX,
    sdp::{
        codec::{Codec, ours},
        parse::Remote,
    },
};
use common::{
    clock::Clock,
    id::ConnectionId,
    protocol::media::{SDP_BYTES_MAX, TrackKind},
};

/// An offer of so many microphones and cameras.
fn tracks(voices: u32, pictures: u32) -> Remote {
    let mids: Vec<u32> = (0..voices + pictures).collect();
    let mut offer = cameras(&mids);
    for (section, _) in offer.sections.iter_mut().zip(0..voices) {
        (section.kind, section.forwarded) = (Some(TrackKind::Audio), ours(Codec::Opus, ""));
    }
    offer
}

fn publish(stage: &mut Stage, n: u16, voices: u32, pictures: u32) -> Result<(), SdpError> {
    let now = stage.clock.now();
    stage.engine.publish(device(n), &tracks(voices, pictures), now, &mut stage.output).map(|_answer| ())
}

fn join(stage: &mut Stage, n: u16, voices: u32, pictures: u32) {
    let now = stage.clock.now();
    stage.engine.join(SessionId::new(1), device(n), true, now, &mut stage.output);
    publish(stage, n, voices, pictures).unwrap();
}

fn tracks_of(offer: &Offer, from: ConnectionId, kind: TrackKind) -> usize {
    offer.tracks.iter().filter(|track| track.connection_id == from && track.kind == kind).count()
}

/// Byte for byte as long as Chromium's answer that receives everything.
fn answer_of_chromium(offer: &Offer) -> String {
    let mut text = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".to_owned();
    let mids: Vec<&str> = offer.sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")).collect();
    text += &format!("a=group:BUNDLE {}\r\na=msid-semantic: WMS\r\n", mids.join(" "));
    let fingerprint = vec!["AB"; 32].join(":");
    let kinds = offer.sdp.lines().filter_map(|line| line.strip_prefix("m="));
    for (mid, media) in mids.iter().zip(kinds) {
        text += &format!(
            "m={media}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=ice-options:trickle\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:active\r\na=mid:{mid}\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
        );
        text += if media.starts_with("audio") {
            "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
        } else {
            "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
        };
    }
    text
}

#[test]
fn the_answer_to_the_largest_offer_fits_into_a_description() {
    let mut stage = Stage::new(1);
    for n in 2..=2 + u16::try_from(SECTIONS_PER_KIND_MAX).unwrap() {
        join(&mut stage, n, 1, 1);
    }
    // The first offer was made for the first voice alone; the answer brings the next.
    stage.answer(1, |_| true);
    let offer = stage.engine.pending_offer(device(1)).unwrap();
    assert_eq!(offer.tracks.len(), 2 * SECTIONS_PER_KIND_MAX);
    let answer = answer_of_chromium(&offer);
    assert!(answer.len() > 84 * 1024, "{} bytes: as long as a browser's", answer.len());
    // A candidate for each of many networks, and longer lines of another browser.
    assert!(answer.len() * 6 / 5 < SDP_BYTES_MAX, "{} bytes", answer.len());
    let remote = Remote::parse(&answer).unwrap();
    let now = stage.clock.now();
    stage.engine.answer(device(1), offer.revision, &remote, now, &mut stage.output).unwrap();
    assert_eq!(stage.engine.stats().subscriptions, 2 * SECTIONS_PER_KIND_MAX);
}

/// Answers until nothing more is offered; the last offer. Where one kind is full, what comes and what goes are in
/// offers of their own.
fn answer_all(stage: &mut Stage) -> Offer {
    let mut last = stage.answer(1, |_| true);
    while stage.engine.pending_offer(device(1)).is_some() {
        last = stage.answer(1, |_| true);
    }
    last
}

/// Some participants send as much as they may, pictures alone, before the others come.
#[test]
fn everybodys_first_voice_and_picture_come_before_anybodys_second() {
    let mut stage = Stage::new(1);
    let most = u32::try_from(TRACKS_MAX).unwrap();
    let greedy = 2..=20;
    for n in greedy.clone() {
        join(&mut stage, n, 0, most);
    }
    let full = answer_all(&mut stage);
    assert_eq!(full.tracks.len(), SECTIONS_PER_KIND_MAX, "they would have sent more");

    let late = 21..=60;
    for n in late.clone() {
        join(&mut stage, n, 1, 1);
    }
    let offer = answer_all(&mut stage);
    for n in greedy.chain(late.clone()) {
        assert!(tracks_of(&offer, device(n), TrackKind::Video) >= 1, "{n} is seen");
    }
    for n in late.clone() {
        assert_eq!(tracks_of(&offer, device(n), TrackKind::Audio), 1, "{n} is heard");
    }
    assert_eq!(offer.tracks.len(), SECTIONS_PER_KIND_MAX + late.count());
}

#[test]
fn a_participant_sends_so_many_tracks_and_no_more() {
    let mut stage = Stage::new(1);
    let most = u32::try_from(TRACKS_MAX).unwrap();
    assert_eq!(publish(&mut stage, 1, 2, most - 2), Ok(()));
    assert_eq!(publish(&mut stage, 1, 2, most - 1), Err(SdpError::TooMany("tracks")));
    assert_eq!(stage.engine.stats().publications, TRACKS_MAX, "what was offered before goes on");
}
