//! A sender that makes as much media as the estimate allows.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sfu_core::{
    bandwidth::{ArrivalTime, BandwidthEstimator, Bitrate},
    pacer::{Pacer, Release, Urgency},
};
use std::time::{Duration, Instant};

const FRAME_INTERVAL: Duration = Duration::from_millis(33);
const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
const AUDIO_BYTES: usize = 120;
const PACKET_BYTES: usize = 1200;

/// What waits for the pacer at most, in time at the estimate; beyond it a camera skips pictures.
const BACKLOG_MAX: f64 = 0.15;

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Media {
    /// The most that is made, in bits a second, and from when on.
    pub(crate) most: f64,
    /// Before this time only `most_before` is.
    pub(crate) most_before: (Duration, f64),
    /// How often a key frame comes, as large as six others.
    pub(crate) key_frames: Option<Duration>,
    /// When the first packet is sent.
    pub(crate) begins: Duration,
}

impl Media {
    /// As much as there is room for.
    pub(crate) const ELASTIC: Self =
        Self { most: 40e6, most_before: (Duration::ZERO, 0.0), key_frames: None, begins: Duration::ZERO };
}

/// A packet that is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) number: u16,
    pub(crate) bytes: usize,
}

pub(crate) struct Sender {
    pub(crate) estimator: BandwidthEstimator,
    media: Media,
    random: StdRng,
    start: Instant,
    next_frame: Instant,
    next_key_frame: Option<Instant>,
    next_audio: Instant,
    /// What waits, by its size.
    pacer: Pacer<usize>,
    /// By how much key frames have exceeded their share.
    overdrawn: f64,
    number: u16,
}

impl Sender {
    pub(crate) fn new(media: Media, seed: u64, start: Instant) -> Self {
        let begin = start + media.begins;
        let mut estimator = BandwidthEstimator::new(begin);
        if media.most < 20e6 {
            estimator.set_wanted(Bitrate::from_bits_per_second(media.most as u64 * 5 / 4));
        }
        Self {
            estimator,
            media,
            random: StdRng::seed_from_u64(seed),
            start,
            next_frame: begin,
            next_key_frame: media.key_frames.map(|every| begin + every),
            next_audio: begin,
            pacer: Pacer::new(begin),
            overdrawn: 0.0,
            number: 65_000,
        }
    }

    pub(crate) fn feedback(&mut self, packets: &[(u16, Option<ArrivalTime>)], now: Instant) {
        self.estimator.on_feedback(packets.iter().copied(), now);
    }

    /// Lets time pass, and sends what is due.
    pub(crate) fn step(&mut self, now: Instant, mut send: impl FnMut(Packet)) {
        if now < self.start + self.media.begins {
            return;
        }
        self.estimator.handle_deadline(now);
        if now >= self.next_audio {
            self.next_audio += AUDIO_INTERVAL;
            self.enqueue(AUDIO_BYTES, Urgency::Audio, now);
        }
        if now >= self.next_frame {
            self.next_frame += FRAME_INTERVAL;
            self.frame(now);
        }
        if let Some(probe) = self.estimator.next_probe(now) {
            self.pacer.probe(probe, now);
        }
        let estimate = self.estimator.estimate();
        self.pacer.release(estimate, now, |release, cluster| {
            let bytes = match release {
                Release::Packet(bytes) => bytes,
                Release::Padding(bytes) => bytes as usize,
            };
            self.number = self.number.wrapping_add(1);
            self.estimator.on_sent(self.number, bytes, now, cluster);
            send(Packet { number: self.number, bytes });
            bytes as u64
        });
    }

    fn rate(&self) -> f64 {
        self.estimator.estimate().bits_per_second() as f64
    }

    fn frame(&mut self, now: Instant) {
        let audio = AUDIO_BYTES as f64 * 8.0 / AUDIO_INTERVAL.as_secs_f64();
        let (until, before) = self.media.most_before;
        let most = if now < self.start + until { before } else { self.media.most };
        let rate = (self.rate() - audio).min(most).max(0.0);
        let share = rate / 8.0 * FRAME_INTERVAL.as_secs_f64();
        if self.pacer.waiting() as f64 * 8.0 > BACKLOG_MAX * self.rate() {
            return;
        }
        let mut bytes = share * self.random.random_range(0.8..1.2);
        if self.next_key_frame.is_some_and(|at| now >= at) {
            self.next_key_frame = self.media.key_frames.map(|every| now + every);
            bytes *= 6.0;
        }
        // What a key frame took, the pictures after it give back.
        self.overdrawn += bytes - share;
        let back = self.overdrawn.clamp(0.0, share / 3.0);
        if bytes < 2.0 * share {
            bytes -= back;
            self.overdrawn -= back;
        }
        let packets = (bytes / PACKET_BYTES as f64).ceil().max(1.0);
        let bytes = (bytes / packets) as usize + 40;
        (0..packets as usize).for_each(|_| self.enqueue(bytes, Urgency::Video, now));
    }

    fn enqueue(&mut self, bytes: usize, urgency: Urgency, now: Instant) {
        self.pacer.enqueue(bytes, bytes, urgency, now).unwrap();
    }
}
