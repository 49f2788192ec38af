//! What became of a call.

use super::{receiver::Receiver, source::VOICE_INTERVAL};
use sfu_core::Stats;
use std::{collections::BTreeMap, time::Duration};

/// What became of one of the others.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Received {
    /// How many packets of its voice and first encoding were made before.
    first: (u32, u32),
    /// How long each packet of the voice took that must have arrived, in milliseconds.
    voice: Vec<Option<f64>>,
    /// How many packets of the first encoding must have arrived, and how many did.
    pictures: (usize, usize),
    /// Every picture that was shown: when, after how long, and of which encoding.
    shown: Vec<(Duration, Duration, u8)>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Report {
    pub(crate) stats: Stats,
    pub(crate) padding_bytes: usize,
    /// The longest that a packet, and that a voice was kept waiting in the server, in milliseconds.
    pub(crate) held_longest: f64,
    pub(crate) voice_held_longest: f64,
    pub(crate) trace: u64,
    /// Seconds, and bits a second.
    pub(crate) estimates: Vec<(f64, f64)>,
    /// What was told of pictures, and when: by sender, the encoding that it gets.
    pub(crate) told: Vec<(Duration, BTreeMap<u8, Option<u8>>)>,
    pub(crate) others: BTreeMap<u8, Received>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            stats: Stats::default(),
            padding_bytes: 0,
            held_longest: 0.0,
            voice_held_longest: 0.0,
            trace: 0,
            estimates: Vec::new(),
            told: Vec::new(),
            others: BTreeMap::new(),
        }
    }
}

impl Report {
    /// Of one's voice and first encoding so many packets were made that need not arrive, as nobody was there yet.
    pub(crate) fn begin(&mut self, sender: u8, made: (u32, u32)) {
        self.others.insert(sender, Received { first: made, ..Received::default() });
    }

    /// Takes what came of one of whose voice and first encoding so many packets were made that must have arrived, where
    /// times count from so long after the beginning.
    pub(crate) fn note(&mut self, sender: u8, due: (u32, u32), from: Duration, receiver: &mut Receiver) {
        let received = self.others.get_mut(&sender).unwrap();
        let took = |index| receiver.voices.get(&(sender, index)).map(|time| time.as_secs_f64() * 1000.0);
        received.voice = (received.first.0..due.0).map(took).collect();
        let pictures = (sender, received.first.1)..(sender, due.1);
        received.pictures = ((due.1 - received.first.1) as usize, receiver.pictures.range(pictures).count());
        let shown = receiver.screens.remove(&sender).map_or_else(Vec::new, |screen| screen.shown);
        received.shown = shown.into_iter().map(|(at, gap, encoding)| (at - from, gap, encoding)).collect();
    }

    /// The lowest and the highest estimate between two seconds.
    pub(crate) fn estimates(&self, from: f64, to: f64) -> (f64, f64) {
        let between = self.estimates.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, rate)| *rate);
        (between.clone().fold(f64::MAX, f64::min), between.fold(0.0, f64::max))
    }

    /// The voices' packets from a second on that never came; of who is silent for a while, from later on.
    pub(crate) fn voices_missing(&self, from: f64) -> usize {
        self.voices_from(from).filter(|voice| voice.is_none()).count()
    }

    fn voices_from(&self, from: f64) -> impl Iterator<Item = &Option<f64>> {
        let skipped = (from / VOICE_INTERVAL.as_secs_f64()) as usize;
        self.others.values().flat_map(move |received| received.voice.iter().skip(skipped))
    }

    /// What 95 % of the voices' packets from a second on stay below, in milliseconds.
    pub(crate) fn voice_wait_p95(&self, from: f64) -> f64 {
        let mut waits: Vec<f64> = self.voices_from(from).flatten().copied().collect();
        waits.sort_by(f64::total_cmp);
        waits[waits.len() * 95 / 100]
    }

    /// The share of the cameras' packets that never came.
    pub(crate) fn pictures_missing(&self) -> f64 {
        let made: usize = self.others.values().map(|it| it.pictures.0).sum();
        let came: usize = self.others.values().map(|it| it.pictures.1).sum();
        (made - came) as f64 / made as f64
    }

    /// The longest that no picture of a camera was shown though it was not said to be paused: when it ended, in seconds,
    /// and how long it was.
    pub(crate) fn longest_freeze(&self) -> (f64, Duration) {
        let all = self.others.values().flat_map(|it| &it.shown);
        let longest = all.max_by_key(|(_, gap, _)| *gap);
        longest.map_or((0.0, Duration::ZERO), |(at, gap, _)| (at.as_secs_f64(), *gap))
    }

    /// How many pictures a second are shown between two seconds of each camera.
    pub(crate) fn frame_rates(&self, from: f64, to: f64) -> Vec<f64> {
        let is_between = |at: &Duration| (from..to).contains(&at.as_secs_f64());
        let counts = self.others.values().map(|it| it.shown.iter().filter(|(at, ..)| is_between(at)).count());
        counts.map(|count| count as f64 / (to - from)).collect()
    }

    /// How often the receiver was told of something else from a second on.
    pub(crate) fn changes(&self, from: f64) -> usize {
        self.told.iter().skip_while(|(at, _)| at.as_secs_f64() < from).count()
    }
}
