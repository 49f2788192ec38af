//! A sender that makes as much media as the estimate allows.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sfu_core::bandwidth::{ArrivalTime, BandwidthEstimator, ClusterId, Probe};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How often a pacer lets packets go, all that are due at once.
const BURST: Duration = Duration::from_millis(5);

/// How much faster than the estimate it lets them go.
const PACING: f64 = 1.5;

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
    next_burst: Instant,
    /// Bytes of each packet that waits for the pacer.
    waiting: VecDeque<usize>,
    /// Bytes that may go beyond what went; less than nothing after a packet that was larger.
    allowance: f64,
    /// By how much key frames have exceeded their share.
    overdrawn: f64,
    probe: Option<(Probe, u64, u32, Instant)>,
    number: u16,
}

impl Sender {
    pub(crate) fn new(media: Media, seed: u64, start: Instant) -> Self {
        let begin = start + media.begins;
        let mut estimator = BandwidthEstimator::new(begin);
        if media.most < 20e6 {
            estimator
                .set_wanted(sfu_core::bandwidth::Bitrate::from_bits_per_second(media.most as u64 * 5 / 4));
        }
        Self {
            estimator,
            media,
            random: StdRng::seed_from_u64(seed),
            start,
            next_frame: begin,
            next_key_frame: media.key_frames.map(|every| begin + every),
            next_audio: begin,
            next_burst: begin,
            waiting: VecDeque::new(),
            allowance: 0.0,
            overdrawn: 0.0,
            probe: None,
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
            // Audio waits for nothing.
            self.note(AUDIO_BYTES, None, now, &mut send);
        }
        if now >= self.next_frame {
            self.next_frame += FRAME_INTERVAL;
            self.frame(now);
        }
        if now >= self.next_burst {
            self.next_burst += BURST;
            self.burst(now, &mut send);
        }
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
        let waiting: usize = self.waiting.iter().sum();
        if waiting as f64 * 8.0 > BACKLOG_MAX * self.rate() {
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
        (0..packets as usize).for_each(|_| self.waiting.push_back((bytes / packets) as usize + 40));
    }

    fn burst(&mut self, now: Instant, send: &mut impl FnMut(Packet)) {
        if let Some(probe) = self.estimator.next_probe(now) {
            self.probe = Some((probe, 0, 0, now));
        }
        if let Some((probe, mut bytes, mut packets, began_at)) = self.probe.take() {
            let due = (now - began_at + BURST).as_secs_f64() * probe.rate.bits_per_second() as f64 / 8.0;
            let size = (probe.bytes as usize / 5).clamp(50, PACKET_BYTES);
            while (bytes as f64) < due && (bytes < probe.bytes || packets < probe.packets) {
                let next = self.waiting.pop_front().unwrap_or(size);
                self.note(next, Some(probe.cluster), now, send);
                bytes += next as u64;
                packets += 1;
            }
            if bytes < probe.bytes || packets < probe.packets {
                self.probe = Some((probe, bytes, packets, began_at));
            }
            return;
        }
        let budget = self.rate() * PACING / 8.0 * BURST.as_secs_f64();
        self.allowance = (self.allowance + budget).min(budget);
        while self.allowance > 0.0 {
            let Some(bytes) = self.waiting.pop_front() else { return };
            self.allowance -= bytes as f64;
            self.note(bytes, None, now, send);
        }
    }

    fn note(
        &mut self,
        bytes: usize,
        cluster: Option<ClusterId>,
        now: Instant,
        send: &mut impl FnMut(Packet),
    ) {
        self.number = self.number.wrapping_add(1);
        self.estimator.on_sent(self.number, bytes, now, cluster);
        send(Packet { number: self.number, bytes });
    }
}
