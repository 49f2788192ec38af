//! A camera in three encodings, and who gets which of them.

use super::{
    naming::offer,
    stage::{Stage, device},
};
use crate::{
    engine::simulation::Side,
    layer::{EncodingState, ReceivedTrack, Target},
    rtcp::{self, Packet, nack, pli, receiver_report, sender_report::SenderReport},
    rtp::{descriptor::Descriptor, header::Header, sequence::SeqNo},
    sdp::codec::Codec,
};
use common::clock::Clock;
use std::time::Duration;

/// That the camera is asked for nothing.
pub(super) const NOTHING: [usize; 0] = [];

pub(super) const QUARTER: usize = 0;
pub(super) const HALF: usize = 1;
pub(super) const FULL: usize = 2;

/// What a picture is, besides what the camera counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Picture {
    is_key: bool,
    temporal_layer: u8,
    is_layer_sync: bool,
}

pub(super) const KEY: Picture = Picture { is_key: true, temporal_layer: 0, is_layer_sync: false };
const DELTA: Picture = Picture { is_key: false, temporal_layer: 0, is_layer_sync: false };

/// One encoding: each picture is one packet, 3,000 ticks after the one before.
struct Encoding {
    rid: &'static str,
    ssrc: u32,
    sequence: u16,
    picture_id: u16,
    tl0_picture_index: u8,
    timestamp: u32,
}

/// A camera on port 1001 and a subscriber on port 1002.
pub(super) struct Show {
    pub(super) stage: Stage,
    encodings: [Encoding; 3],
    /// What went to the camera, and to the subscriber, opened: RTP with the header that it had.
    asked: Vec<Vec<u8>>,
    told: Vec<Vec<u8>>,
    sent: Vec<(Vec<u8>, Vec<u8>)>,
    /// Under which the subscriber gets it.
    ssrc: u32,
}

/// A packet as the subscriber gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Of which encoding it is.
    pub(super) encoding: usize,
    sequence: u16,
    timestamp: u32,
    picture_id: u16,
    tl0_picture_index: u8,
    is_key: bool,
    is_again: bool,
}

impl Show {
    pub(super) fn new() -> Self {
        let mut stage = Stage::new(2);
        let now = stage.clock.now();
        stage.engine.publish(device(1), &offer(&["0"]), now, &mut stage.output).unwrap();
        stage.connect(1, Side::Publish, 1001);
        stage.answer(2, |_| true);
        stage.connect(2, Side::Subscribe, 1002);
        let encodings = [("q", 50, 65_530, 0x7FFE), ("h", 60, 100, 7), ("f", 70, 9_000, 500)];
        let encodings = encodings.map(|(rid, ssrc, sequence, picture_id)| Encoding {
            rid,
            ssrc,
            sequence,
            picture_id,
            tl0_picture_index: 250,
            timestamp: ssrc * 1_000_000,
        });
        let (asked, told, sent) = (Vec::new(), Vec::new(), Vec::new());
        Self { stage, encodings, asked, told, sent, ssrc: 0 }
    }

    /// Opens what the engine has sent.
    fn collect(&mut self) {
        for (port, datagram) in self.stage.all_datagrams() {
            let is_rtcp = (192..=223).contains(&datagram[1]);
            if port == 1001 && is_rtcp {
                self.asked.push(self.stage.open(port, datagram));
            } else if port == 1002 && is_rtcp {
                self.told.push(self.stage.open(port, datagram));
            } else if port == 1002 && datagram[0] & 0xC0 == 0x80 {
                self.sent.push((datagram.clone(), self.stage.open(port, datagram)));
            }
        }
    }

    /// The next picture of an encoding, as it is on the network.
    fn next(&mut self, which: usize, picture: Picture) -> Vec<u8> {
        let encoding = &mut self.encodings[which];
        encoding.sequence = encoding.sequence.wrapping_add(1);
        encoding.picture_id = (encoding.picture_id + 1) % 0x8000;
        encoding.timestamp += 3000;
        if picture.temporal_layer == 0 {
            encoding.tl0_picture_index = encoding.tl0_picture_index.wrapping_add(1);
        }
        let mut header = vec![0x90, 0x80 | 96];
        header.extend(encoding.sequence.to_be_bytes());
        header.extend(encoding.timestamp.to_be_bytes());
        header.extend(encoding.ssrc.to_be_bytes());
        let [rid] = *encoding.rid.as_bytes() else { panic!() };
        header.extend([0xBE, 0xDE, 0, 1, 4 << 4, b'0', 10 << 4, rid]);
        let [high, low] = encoding.picture_id.to_be_bytes();
        let layer = picture.temporal_layer << 6 | u8::from(picture.is_layer_sync) << 5;
        let mut payload = vec![0x90, 0xE0, 0x80 | high, low, encoding.tl0_picture_index, layer];
        payload.extend([u8::from(!picture.is_key), 0, 0, 0x9D, 0x01, 0x2A]);
        payload.extend([160_u16 << which, 90 << which].map(u16::to_le_bytes).as_flattened());
        payload.push(u8::try_from(which).unwrap());
        // The streams of the first cycle only: a number that wraps is of the next.
        let cycles = u32::from(which == QUARTER && encoding.sequence < 1000);
        let sequence = SeqNo::from_extended((u64::from(cycles) << 16) + u64::from(encoding.sequence));
        let mut datagram = Vec::new();
        let sealer = self.stage.sealer(1001);
        assert!(sealer.rtp(&header, &[&payload], encoding.ssrc, sequence, cycles, &mut datagram));
        datagram
    }

    /// Sends a picture of an encoding, which goes through at once.
    pub(super) fn send(&mut self, which: usize, picture: Picture) {
        let datagram = self.next(which, picture);
        self.stage.forward(1001, datagram);
    }

    /// Sends pictures of these encodings for so many milliseconds, 33 apart; nothing is forwarded but what is returned.
    pub(super) fn run(&mut self, encodings: &[usize], milliseconds: u64) -> Vec<Seen> {
        let mut seen = Vec::new();
        for _ in 0..milliseconds / 33 {
            self.stage.pass(Duration::from_millis(33));
            encodings.iter().for_each(|which| self.send(*which, DELTA));
            seen.extend(self.seen());
        }
        seen
    }

    /// Takes what goes to the subscriber.
    pub(super) fn seen(&mut self) -> Vec<Seen> {
        self.collect();
        let mut seen = Vec::new();
        for (datagram, payload) in std::mem::take(&mut self.sent) {
            let header = Header::parse(&datagram).unwrap();
            let is_again = header.payload_type == 97;
            if !is_again {
                self.ssrc = header.ssrc;
            }
            let payload = if is_again { &payload[2..] } else { &payload[..] };
            let descriptor = Descriptor::parse(Codec::Vp8, payload).unwrap();
            seen.push(Seen {
                encoding: usize::from(*payload.last().unwrap()),
                sequence: header.sequence,
                timestamp: header.timestamp,
                picture_id: descriptor.picture_id.unwrap(),
                tl0_picture_index: descriptor.tl0_picture_index.unwrap(),
                is_key: descriptor.starts_key_frame,
                is_again,
            });
        }
        seen
    }

    /// Takes what the camera is asked: the encodings of which key frames are wanted, and of which packets are missed.
    pub(super) fn asked(&mut self) -> (Vec<usize>, Vec<usize>) {
        self.collect();
        let which = |ssrc: u32| usize::try_from(ssrc / 10 - 5).unwrap();
        let (mut key_frames, mut missed) = (Vec::new(), Vec::new());
        for compound in std::mem::take(&mut self.asked) {
            for packet in rtcp::packets(&compound) {
                if let Packet::Pli(pli) = packet {
                    key_frames.push(which(pli.media));
                }
                if let Packet::Nack(nack) = packet {
                    missed.push(which(nack.media));
                }
            }
        }
        (key_frames, missed)
    }

    /// Takes the media times that the subscriber was told of.
    fn reported(&mut self) -> Vec<u32> {
        self.collect();
        let told = std::mem::take(&mut self.told);
        let packets = told.iter().flat_map(|compound| rtcp::packets(compound));
        let reports = packets.filter_map(|packet| {
            if let Packet::SenderReport(report, _) = packet { Some(report.rtp_time) } else { None }
        });
        reports.collect()
    }

    pub(super) fn received(&self) -> ReceivedTrack {
        let received: Vec<_> = self.stage.engine.received(device(2), self.stage.clock.now()).collect();
        assert_eq!(received.len(), 1);
        received[0]
    }

    fn target(&mut self, target: Target) {
        let (track, now) = (self.received().track, self.stage.clock.now());
        assert!(self.stage.engine.set_target(device(2), track, target, now, &mut self.stage.output));
    }
}

const fn layer(encoding: u8) -> Target {
    Target::Layer { encoding, temporal: u8::MAX }
}

/// One stream, whatever it is made of: numbers and pictures go on, time does, and what takes over is a key frame.
#[track_caller]
pub(super) fn assert_continuous(seen: &[Seen]) {
    for pair in seen.windows(2) {
        let [before, after] = pair else { panic!() };
        assert_eq!(after.sequence, before.sequence.wrapping_add(1), "{pair:?}");
        assert_eq!(after.picture_id, (before.picture_id + 1) % 0x8000, "{pair:?}");
        assert_eq!(after.tl0_picture_index, before.tl0_picture_index.wrapping_add(1), "{pair:?}");
        let passed = after.timestamp.wrapping_sub(before.timestamp);
        assert!((1..=90_000).contains(&passed), "{pair:?}");
        assert!(after.encoding == before.encoding || after.is_key, "{pair:?}");
    }
}

pub(super) fn encodings(seen: &[Seen]) -> Vec<usize> {
    let mut encodings: Vec<usize> = seen.iter().map(|seen| seen.encoding).collect();
    encodings.dedup();
    encodings
}

#[test]
fn the_best_that_comes_goes_out_and_is_replaced_when_it_stops() {
    let mut show = Show::new();
    // Said once, it is not for the allocation to decide.
    show.target(Target::BEST);
    show.send(QUARTER, KEY);
    let mut seen = show.seen();
    seen.extend(show.run(&[QUARTER], 200));
    assert_eq!(encodings(&seen), [QUARTER], "nothing better comes yet");
    show.asked();
    // A browser begins an encoding with a key frame.
    show.send(FULL, KEY);
    assert_eq!(show.asked().0, NOTHING, "it need not be asked for what has just come");
    seen.extend(show.seen());
    seen.extend(show.run(&[QUARTER, HALF, FULL], 400));
    assert_eq!(encodings(&seen), [QUARTER, FULL]);
    seen.extend(show.run(&[QUARTER, HALF], 660));
    let (key_frames, _) = show.asked();
    assert_eq!(key_frames, [HALF], "the best that is left");
    assert_eq!(encodings(&seen), [QUARTER, FULL], "it has not begun anew");
    show.send(HALF, KEY);
    seen.extend(show.seen());
    seen.extend(show.run(&[QUARTER, HALF], 100));
    assert_eq!(encodings(&seen), [QUARTER, FULL, HALF]);
    assert_continuous(&seen);
    assert_eq!(show.received().encoding, Some(1));
}

#[test]
fn another_layer_is_asked_for_and_begins_with_its_key_frame() {
    let mut show = Show::new();
    for which in [QUARTER, HALF, FULL] {
        show.send(which, KEY);
    }
    let mut seen = show.run(&[QUARTER, HALF, FULL], 700);
    seen.retain(|seen| seen.encoding == FULL);
    show.asked();
    show.target(layer(0));
    assert_eq!(show.asked().0, [QUARTER]);
    seen.extend(show.run(&[QUARTER, HALF, FULL], 300));
    assert_eq!(encodings(&seen), [FULL]);
    // Nobody else is asked, and nobody twice, before it is time.
    assert_eq!(show.asked().0, NOTHING);
    seen.extend(show.run(&[QUARTER, HALF, FULL], 1300));
    assert_eq!(show.asked().0, [QUARTER], "the first key frame was lost");
    show.send(QUARTER, KEY);
    seen.extend(show.seen());
    seen.extend(show.run(&[QUARTER, HALF, FULL], 100));
    assert_eq!(encodings(&seen), [FULL, QUARTER]);
    seen.extend(show.run(&[QUARTER, HALF, FULL], 2000));
    assert_eq!(show.asked().0, NOTHING, "all is as it is to be");
    assert_continuous(&seen);
    let (track, now) = (show.received().track, show.stage.clock.now());
    let is_taken = show.stage.engine.set_target(device(1), track, layer(0), now, &mut show.stage.output);
    assert!(!is_taken, "it is its own");
}

#[test]
fn a_paused_track_sends_nothing_and_goes_on_with_a_key_frame() {
    let mut show = Show::new();
    show.send(FULL, KEY);
    let mut seen = show.seen();
    show.target(Target::Paused);
    assert_eq!(show.run(&[QUARTER, FULL], 3000), []);
    show.asked();
    assert_eq!(show.received().encoding, None);
    show.target(Target::BEST);
    assert_eq!(show.asked().0, [FULL]);
    assert_eq!(show.run(&[QUARTER, FULL], 100), []);
    show.send(FULL, KEY);
    seen.extend(show.seen());
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].sequence, seen[0].sequence + 1);
    let passed = seen[1].timestamp.wrapping_sub(seen[0].timestamp);
    assert!(passed.abs_diff(3100 * 90) < 9_000, "{passed} ticks");
}

/// The first packet of the key frame comes last.
#[test]
fn what_came_before_the_beginning_of_a_key_frame_goes_out_behind_it() {
    let mut show = Show::new();
    show.send(FULL, KEY);
    show.send(QUARTER, KEY);
    show.run(&[FULL, QUARTER], 700);
    show.target(layer(0));
    let key = show.next(QUARTER, KEY);
    let behind = [show.next(QUARTER, DELTA), show.next(QUARTER, DELTA)];
    for datagram in behind {
        show.stage.forward(1001, datagram);
    }
    assert_eq!(show.seen(), []);
    show.stage.forward(1001, key);
    let seen = show.seen();
    assert_eq!(seen.iter().map(|seen| seen.is_key).collect::<Vec<_>>(), [true, false, false]);
    assert_continuous(&seen);
}

#[test]
fn packets_of_the_encoding_before_are_sent_again_as_they_were() {
    let mut show = Show::new();
    show.send(FULL, KEY);
    let mut seen = show.seen();
    seen.extend(show.run(&[FULL, QUARTER], 700));
    show.target(layer(0));
    show.send(QUARTER, KEY);
    seen.extend(show.seen());
    seen.extend(show.run(&[FULL, QUARTER], 100));
    let ssrc = show.ssrc;
    let wanted: Vec<u16> = seen.iter().map(|seen| seen.sequence).collect();
    let mut packet = Vec::new();
    receiver_report::write(&mut packet, 1, &[]);
    nack::write(&mut packet, 1, ssrc, &wanted);
    show.stage.tell(1002, &packet);
    let again = show.seen();
    assert!(again.iter().all(|again| again.is_again));
    let as_before: Vec<Seen> = seen.iter().map(|seen| Seen { is_again: true, ..*seen }).collect();
    let plain = |seen: &[Seen]| seen.iter().map(|it| Seen { sequence: 0, ..*it }).collect::<Vec<_>>();
    assert_eq!(plain(&again), plain(&as_before));
    assert_eq!(encodings(&again), [FULL, QUARTER]);
}

#[test]
fn of_an_encoding_the_lower_temporal_layers_can_go_out_alone() {
    let mut show = Show::new();
    show.send(FULL, KEY);
    let mut seen = show.seen();
    show.target(Target::Layer { encoding: 2, temporal: 0 });
    let upper = Picture { temporal_layer: 1, ..Picture::default() };
    for _ in 0..4 {
        show.send(FULL, upper);
        show.send(FULL, DELTA);
        seen.extend(show.seen());
    }
    assert_eq!(seen.len(), 5);
    assert_continuous(&seen);
    show.target(Target::BEST);
    show.send(FULL, upper);
    assert_eq!(show.seen(), [], "it builds upon one that was left out");
    show.send(FULL, DELTA);
    show.send(FULL, Picture { is_layer_sync: true, ..upper });
    show.send(FULL, upper);
    let more = show.seen();
    assert_eq!(more.iter().map(|it| it.picture_id - seen[4].picture_id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(show.asked().0, NOTHING, "a layer is begun without a key frame");
}

#[test]
fn reports_say_where_the_one_stream_stands() {
    let mut show = Show::new();
    show.send(FULL, KEY);
    show.run(&[FULL, QUARTER], 700);
    let report = |show: &mut Show, which: usize, milliseconds: u64| {
        let Encoding { ssrc, timestamp, .. } = show.encodings[which];
        let ntp = (7 << 32) + (milliseconds << 32) / 1000;
        let mut packet = Vec::new();
        SenderReport { ssrc, ntp, rtp_time: timestamp, packets: 1, octets: 1 }.write(&mut packet, &[]);
        show.stage.tell(1001, &packet);
        show.reported().pop()
    };
    // Both encodings are of the same picture now.
    let before = report(&mut show, FULL, 0);
    assert_eq!(before, Some(show.encodings[FULL].timestamp));
    assert_eq!(report(&mut show, QUARTER, 0), None, "it does not go out");
    show.target(layer(0));
    show.stage.pass(Duration::from_millis(33));
    show.send(QUARTER, KEY);
    let seen = show.seen();
    assert_eq!(seen[0].timestamp, before.unwrap() + 3000, "a picture later, as the clocks say");
    show.stage.pass(Duration::from_millis(500));
    assert_eq!(report(&mut show, QUARTER, 33), Some(seen[0].timestamp));
    assert_eq!(report(&mut show, FULL, 33), None);
}

#[test]
fn what_comes_is_measured_and_what_nobody_gets_is_not_asked_for_again() {
    let mut show = Show::new();
    for which in [QUARTER, FULL] {
        show.send(which, KEY);
    }
    show.run(&[QUARTER, FULL], 1500);
    show.asked();
    for which in [QUARTER, FULL] {
        show.next(which, DELTA);
        show.send(which, DELTA);
    }
    show.stage.pass(Duration::from_millis(20));
    assert_eq!(show.asked().1, [FULL]);
    let [quarter, half, full] = show.received().encodings;
    assert_eq!((quarter.is_live, half, full.is_live), (true, EncodingState::default(), true));
    assert_eq!((quarter.size, full.size), (Some((160, 90)), Some((640, 360))));
    assert_eq!((full.temporal_layers, full.rates[0]), (1, full.rates[3]));
    let rate = full.rates[0].bits_per_second();
    // A payload of 17 bytes and a header of 20, thirty times a second.
    assert!((8_000..10_000).contains(&rate), "{rate}");
    assert_eq!(show.stage.engine.footprint().encodings, 3);
}

/// Pictures that are encrypted as a whole: nobody sees where a key frame begins.
#[test]
fn what_shows_no_key_frames_takes_over_when_nothing_else_is_left() {
    let mut show = Show::new();
    show.send(FULL, DELTA);
    show.run(&[QUARTER, FULL], 700);
    assert_eq!(show.run(&[QUARTER], 500), [], "it is asked for one first");
    let seen = show.run(&[QUARTER], 6000);
    assert_eq!(encodings(&seen), [QUARTER]);
}

#[test]
fn a_stall_of_the_whole_camera_changes_nothing() {
    let mut show = Show::new();
    for which in [QUARTER, HALF, FULL] {
        show.send(which, KEY);
    }
    let mut seen: Vec<Seen> = show.run(&[QUARTER, HALF, FULL], 700);
    show.asked();
    show.stage.pass(Duration::from_secs(2));
    // They come back one after the other.
    for which in [QUARTER, HALF, FULL] {
        seen.extend(show.run(&[which], 33));
    }
    seen.extend(show.run(&[QUARTER, HALF, FULL], 1500));
    assert_eq!(encodings(&seen[3..]), [FULL]);
    assert_eq!(show.asked().0, NOTHING);
}

#[test]
fn whoever_can_decode_nothing_gets_a_key_frame_of_what_they_get() {
    let mut show = Show::new();
    for which in [QUARTER, HALF, FULL] {
        show.send(which, KEY);
    }
    show.run(&[QUARTER, HALF, FULL], 700);
    show.asked();
    let (ssrc, mut packet) = (show.ssrc, Vec::new());
    receiver_report::write(&mut packet, 1, &[]);
    pli::write(&mut packet, 1, ssrc);
    show.stage.tell(1002, &packet);
    assert_eq!(show.asked().0, [FULL]);
}
