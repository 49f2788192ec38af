//! A track as networks, senders and the ends of processes leave it.

use super::*;
use crate::recording::{frames::tests::part, ogg};
use common::clock::{Clock, ManualClock};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const VIDEO: Codec = Codec::Video(VideoCodec::Vp8);

/// A camera at 30 frames a second, of three packets each.
struct Camera {
    clock: ManualClock,
    track: Track,
    file: Vec<u8>,
    sequence: u64,
    timestamp: u32,
    /// Encodings that were asked for a key frame.
    asked: Vec<usize>,
}

impl Camera {
    fn new() -> Self {
        let clock = ManualClock::default();
        let track = Track::new(VIDEO, 1);
        Self { clock, track, file: Vec::new(), sequence: 70_000, timestamp: 5, asked: Vec::new() }
    }

    fn packet(&mut self, encoding: usize, sequence: u64, marker: bool, payload: &[u8]) {
        let packet = RecordedPacket { sequence, timestamp: self.timestamp, marker, payload };
        let wanted = self.track.handle_packet(encoding, &packet, self.clock.now(), &mut self.file);
        self.asked.extend(wanted);
    }

    /// A frame, of which the packets with these places do not come.
    fn frame(&mut self, encoding: usize, is_key_frame: bool, lost: &[u64]) {
        for n in 0..3 {
            if !lost.contains(&n) {
                self.packet(encoding, self.sequence + n, n == 2, &part(n == 0, is_key_frame, 7));
            }
        }
        self.sequence += 3;
        self.timestamp = self.timestamp.wrapping_add(3_000);
        self.clock.advance(Duration::from_micros(33_333));
    }

    fn frames(&mut self, count: usize) {
        (0..count).for_each(|_| self.frame(0, false, &[]));
    }

    fn stats(&mut self) -> TrackStats {
        let now = self.clock.now();
        self.asked.extend(self.track.handle_time(now, &mut self.file));
        self.track.measure();
        self.track.stats
    }
}

#[test]
fn a_file_of_pictures_begins_where_its_first_key_frame_does() {
    let mut camera = Camera::new();
    camera.frames(30);
    assert_eq!(camera.track.beginning(), None, "nothing of it can be decoded");
    assert_eq!(camera.stats().size, None);
    let (at, timestamp) = (camera.clock.now(), camera.timestamp);
    camera.packet(0, camera.sequence, false, &part(true, true, 7));
    camera.clock.advance(Duration::from_millis(5));
    camera.packet(0, camera.sequence + 1, true, &part(false, true, 7));
    camera.sequence += 2;
    camera.timestamp += 3_000;
    camera.frames(30);
    assert_eq!(camera.track.beginning(), Some(Beginning { at, timestamp }));
    let stats = camera.stats();
    assert_eq!((stats.size, stats.duration), (Some((640, 360)), Duration::from_millis(1_034)));
}

#[test]
fn what_comes_again_in_time_leaves_no_gap() {
    let mut camera = Camera::new();
    camera.frame(0, true, &[]);
    camera.frame(0, false, &[1]);
    let (missing, payload) = (camera.sequence - 2, part(false, false, 7));
    camera.frames(10);
    let now = camera.clock.now();
    let packet = RecordedPacket { sequence: missing, timestamp: 3_005, marker: false, payload: &payload };
    assert_eq!(camera.track.handle_packet(0, &packet, now, &mut camera.file), None);
    let stats = camera.stats();
    assert_eq!((stats.packets, stats.lost, stats.gaps), (36, 0, 0));
    assert_eq!(stats.duration, Duration::from_millis(399));
    assert_eq!(stats.size, Some((640, 360)));
    assert_eq!(camera.asked, [] as [usize; 0]);
}

#[test]
fn after_a_loss_a_key_frame_is_asked_for_and_waited_for() {
    let mut camera = Camera::new();
    camera.frame(0, true, &[]);
    camera.frame(0, false, &[1]);
    camera.frames(45);
    assert_eq!(camera.asked, [0], "once, when the packet is given up");
    let before = camera.stats().duration;
    assert_eq!(before, Duration::from_millis(33), "nothing that cannot be decoded is written");
    camera.frame(0, true, &[]);
    let stats = camera.stats();
    assert_eq!((stats.lost, stats.gaps), (1, 1));
    assert_eq!(
        stats.duration.as_millis(),
        1_566 + 1_000,
        "where it would have been, shown for a second at most"
    );
}

#[test]
fn the_best_encoding_takes_over_with_a_key_frame_and_another_when_it_is_silent() {
    let mut camera = Camera::new();
    camera.frame(0, true, &[]);
    camera.frame(1, false, &[]);
    assert_eq!(camera.asked, [1]);
    camera.frame(1, true, &[]);
    let written = camera.track.stats.packets;
    camera.frame(0, true, &[]);
    assert_eq!(camera.track.stats.packets, written, "the better one is there");
    camera.clock.advance(SILENCE_MAX);
    camera.timestamp = camera.timestamp.wrapping_add(77_000_000);
    camera.frame(0, false, &[]);
    assert_eq!(camera.asked, [1, 0]);
    camera.frame(0, true, &[]);
    let stats = camera.stats();
    assert_eq!(stats.packets, written + 3);
    assert!((2_000..4_000).contains(&stats.duration.as_millis()), "{stats:?}");
}

/// Whatever comes, in whatever order, the track goes on, and its file is no longer than the time it took.
#[test]
fn a_hostile_sender_makes_neither_a_panic_nor_a_long_file() {
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        for codec in [Codec::Opus, VIDEO] {
            let mut camera = Camera::new();
            camera.track = Track::new(codec, 1);
            for _ in 0..3_000 {
                let mut payload = vec![0; random.random_range(0..40)];
                random.fill(&mut payload[..]);
                let jumps = random.random_range(0..10) == 0;
                camera.sequence = if jumps { random.random_range(0..1 << 40) } else { camera.sequence + 1 };
                camera.timestamp = if jumps { random.random() } else { camera.timestamp.wrapping_add(960) };
                let (encoding, sequence) = (random.random_range(0..3), camera.sequence);
                camera.packet(encoding, sequence, random.random(), &payload);
                camera.clock.advance(Duration::from_millis(20));
            }
            let ending = camera.track.end(&mut camera.file);
            assert!(ending.stats.duration < Duration::from_secs(60 + 15), "{seed} {codec:?} {ending:?}");
            if codec == Codec::Opus && !camera.file.is_empty() {
                ogg::tests::read(&camera.file);
            }
            let length = camera.file.len() as u64;
            let fits = |patch: &Patch| patch.at + patch.bytes.len() as u64 <= length;
            assert!(ending.patches.iter().all(fits), "{seed}");
        }
    }
}

#[test]
fn a_voice_is_as_long_as_it_was_whatever_is_lost_of_it_and_not_sent() {
    let clock = ManualClock::default();
    let mut track = Track::new(Codec::Opus, 1);
    let mut file = Vec::new();
    for n in 0..500_u32 {
        clock.advance(Duration::from_millis(20));
        // A tenth is lost, and for two seconds nothing is sent.
        if n % 10 == 3 || (200..300).contains(&n) {
            continue;
        }
        let sequence = u64::from(if n < 200 { n } else { n - 100 });
        let payload = [0xF8, 1, 2];
        let packet = RecordedPacket { sequence, timestamp: n * 960, marker: false, payload: &payload };
        assert_eq!(track.handle_packet(0, &packet, clock.now(), &mut file), None);
    }
    let Ending { stats, patches, .. } = track.end(&mut file);
    assert_eq!(stats.duration, Duration::from_secs(10));
    assert_eq!((stats.lost, stats.gaps), (40, 40));
    assert_eq!(patches, []);
    let pages = ogg::tests::read(&file);
    assert_eq!(pages.last().unwrap().granule, 480_000);
}
