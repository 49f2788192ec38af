//! One camera and many who watch it: what a packet costs for each, and the floor, which is sealing it.

use super::{
    person::VIDEO_BYTES,
    stage::{Batch, Stage},
};
use crate::cpu;
use sfu_core::{
    rtp::{header::PlainHeader, sequence::SeqNo},
    srtp::{Profile, Sealer, contexts},
};
use std::{error::Error, time::Duration};
use switchboard_tests::description::{Kind, material};

/// Packets that one subscriber gets at once: what one batch of the socket brings.
pub(super) const BATCH: usize = 3;

/// Time between two batches: 6 Mbit/s, which one camera may send.
const BATCH_TIME: Duration = Duration::from_millis(4);

/// Batches between two looks at the clock, which then does not count.
const BATCHES: u32 = 16;

/// As often as it takes until every packet buffer has been filled once: 512 packets.
const WARM_UP_ROUNDS: u32 = 12;

/// Nanoseconds per delivered packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) engine: f64,
    pub(super) seal: f64,
}

pub(super) struct One {
    stage: Stage,
    /// What the engine does for each subscriber, done alone.
    sealers: Vec<Sealer>,
    sealed: SeqNo,
}

impl One {
    pub(super) fn new(subscribers: u16) -> Result<Self, Box<dyn Error>> {
        let mut session: Vec<&'static [Kind]> = vec![&[Kind::Video]];
        session.resize(usize::from(subscribers) + 1, &[]);
        let stage = Stage::new(&[session])?;
        let sealer = |n| contexts(Profile::Aes128Gcm, &material(n), false).map(|(_, sealer)| sealer);
        let sealers = (1..=subscribers).filter_map(sealer).collect();
        let mut one = Self { stage, sealers, sealed: SeqNo::from_extended(1) };
        for _ in 0..WARM_UP_ROUNDS {
            let mut batches = one.batches();
            one.stage.play(&mut batches);
        }
        Ok(one)
    }

    /// The cost of as many deliveries and a few more.
    pub(super) fn measure(&mut self, deliveries: u64) -> Cost {
        let (mut engine, mut seal, mut delivered) = (Duration::ZERO, Duration::ZERO, 0);
        while delivered < deliveries {
            let mut batches = self.batches();
            let cost = self.stage.play(&mut batches);
            engine += cost.cpu;
            delivered += cost.forwarded;
            let before = cpu::of_this_thread();
            (0..BATCHES).for_each(|_| self.seal_alone());
            seal += cpu::of_this_thread() - before;
        }
        let per_delivery = |took: Duration| took.as_secs_f64() * 1e9 / delivered as f64;
        Cost { engine: per_delivery(engine), seal: per_delivery(seal) }
    }

    fn batches(&mut self) -> Vec<Batch> {
        let mut batches = self.stage.asides(None);
        for n in 1..=BATCHES {
            let Some(camera) = self.stage.people.first_mut() else { continue };
            let (source, datagrams) = (camera.publish, camera.picture(BATCH, BATCH_TIME));
            batches.push(self.stage.batch(BATCH_TIME * n, source, datagrams));
        }
        batches
    }

    fn seal_alone(&mut self) {
        let mut slab = Vec::with_capacity(self.sealers.len() * (VIDEO_BYTES + 64) * BATCH);
        let first = self.sealed;
        for sealer in &self.sealers {
            self.sealed = first;
            for _ in 0..BATCH {
                let (sequence, ssrc) = (self.sealed, 5);
                let header = PlainHeader {
                    has_padding: false,
                    marker: false,
                    payload_type: 96,
                    sequence: sequence.to_wire(),
                    timestamp: 1,
                    ssrc,
                };
                let payload: &[&[u8]] = &[&[0x55; VIDEO_BYTES]];
                sealer.rtp(&header.to_bytes(), payload, ssrc, sequence, sequence.cycles(), &mut slab);
                self.sealed = sequence.next();
            }
        }
        std::hint::black_box(&slab);
    }
}
