//! The media engine without sockets: all of a packet's way through it, and the
//! share of that which is header and encryption.

use crate::cpu;
use common::{
    clock::{Clock, SystemClock},
    id::ConnectionId,
};
use sfu_core::{
    Engine, EngineConfig, MediaEvent, Output, SessionId,
    engine::simulation::Side,
    rtp::{header::PlainHeader, sequence::SeqNo},
    sdp::parse::Remote,
    srtp::{Profile, Sealer, contexts},
};
use std::{
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};
use switchboard_tests::description::{CAMERA, CAMERA_SSRC, accept, material};
use uuid::Uuid;

/// A packet of a good camera.
const PAYLOAD_BYTES: usize = 1000;

/// Packets that one subscriber gets at once: what one batch of the socket brings.
const BATCH: u64 = 3;

/// Time that passes between two batches: the camera keeps to what one may send.
const BATCH_TIME: Duration = Duration::from_millis(4);

/// Deliveries measured per round, and rounds, of which the quietest and the median are shown.
const DELIVERIES: usize = 300_000;
const ROUNDS: usize = 7;

/// Design budget of the whole engine per delivered packet.
const BUDGET_NS: f64 = 300.0;

/// Nanoseconds per delivered packet.
#[derive(Clone, Copy)]
struct Cost {
    engine: f64,
    seal: f64,
}

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    writeln!(
        out,
        "one camera, N subscribers, {PAYLOAD_BYTES} B in runs of {BATCH}, AES-128-GCM, thread CPU time; budget {BUDGET_NS} ns"
    )?;
    for subscribers in [1, 10, 50, 1000] {
        let mut stage = Stage::new(subscribers)?;
        let mut rounds: Vec<Cost> = (0..ROUNDS).map(|_| stage.measure()).collect();
        rounds.sort_by(|one, other| one.engine.total_cmp(&other.engine));
        let (Some(best), Some(median)) = (rounds.first(), rounds.get(ROUNDS / 2)) else { continue };
        writeln!(
            out,
            "N = {subscribers:4}: engine {:.0} ns at best, {:.0} ns median, {:.2} of the budget; of that sealing {:.0} ns",
            best.engine,
            median.engine,
            median.engine / BUDGET_NS,
            median.seal
        )?;
    }
    Ok(())
}

/// An engine with everybody connected, and the camera's end of its transport.
struct Stage {
    engine: Engine,
    output: Output,
    /// The engine's time.
    now: Instant,
    server: SocketAddr,
    camera: SocketAddr,
    sealer: Sealer,
    /// What the engine does for each subscriber, done alone.
    sealers: Vec<Sealer>,
    next: SeqNo,
}

impl Stage {
    fn new(subscribers: u16) -> Result<Self, Box<dyn Error>> {
        let address = |port| SocketAddr::from(([10, 0, 0, 1], port));
        let device = |n: u16| ConnectionId::from_uuid(Uuid::from_u128(n.into()));
        let (server, camera, now) = (address(7882), address(10_000), SystemClock.now());
        let config = EngineConfig { candidates: vec![server], seed: [7; 32] };
        let (mut engine, mut output) = (Engine::new(config)?, Output::default());
        (0..=subscribers).for_each(|n| engine.join(SessionId::new(1), device(n), true, now, &mut output));
        engine.publish(device(0), &Remote::parse(CAMERA)?, now, &mut output)?;
        let offers: Vec<MediaEvent> = output.take_events().collect();
        for event in offers {
            if let MediaEvent::Offer { participant, offer } = event {
                let answer = Remote::parse(&accept(&offer))?;
                engine.answer(participant, offer.revision, &answer, now, &mut output)?;
            }
        }
        for n in 0..=subscribers {
            let side = if n == 0 { Side::Publish } else { Side::Subscribe };
            let way = (server, address(10_000 + n));
            if !engine.connect_directly(device(n), side, &material(n), way, now, &mut output) {
                return Err(format!("participant {n} has no transport").into());
            }
        }
        output.clear_datagrams();
        let sealer = |n, is_client| contexts(Profile::Aes128Gcm, &material(n), is_client).map(|(_, it)| it);
        Ok(Self {
            engine,
            output,
            now,
            server,
            camera,
            sealer: sealer(0, true).ok_or("no keys")?,
            sealers: (1..=subscribers).filter_map(|n| sealer(n, false)).collect(),
            next: SeqNo::from_extended(1),
        })
    }

    fn measure(&mut self) -> Cost {
        let per_batch = self.sealers.len() * usize::try_from(BATCH).unwrap_or(1);
        let (mut engine, mut seal) = (Duration::ZERO, Duration::ZERO);
        let forwarded = self.engine.stats().packets_forwarded;
        let mut delivered = 0_u32;
        while usize::try_from(delivered).unwrap_or(usize::MAX) < DELIVERIES {
            // Enough batches that reading the clock does not count.
            let batches: Vec<Vec<Vec<u8>>> = (0..16).map(|_| self.camera_sends()).collect();
            let before = cpu::of_this_thread();
            for mut batch in batches {
                self.now += BATCH_TIME;
                for datagram in &mut batch {
                    self.engine.handle_datagram(
                        self.camera,
                        self.server,
                        datagram,
                        self.now,
                        &mut self.output,
                    );
                }
                self.engine.flush(self.now, &mut self.output);
                std::hint::black_box(self.output.runs().count());
                self.output.clear_datagrams();
            }
            let between = cpu::of_this_thread();
            for batch in 0..16 {
                self.seal_alone(SeqNo::from_extended(self.next.extended() + batch * BATCH));
            }
            engine += between - before;
            seal += cpu::of_this_thread() - between;
            delivered += u32::try_from(per_batch * 16).unwrap_or(u32::MAX);
        }
        assert_eq!(
            u64::from(delivered),
            self.engine.stats().packets_forwarded - forwarded,
            "all are delivered"
        );
        let per_delivery = |took: Duration| took.as_secs_f64() * 1e9 / f64::from(delivered);
        Cost { engine: per_delivery(engine), seal: per_delivery(seal) }
    }

    /// The datagrams of the camera's next batch.
    fn camera_sends(&mut self) -> Vec<Vec<u8>> {
        (0..BATCH)
            .map(|_| {
                let sequence = self.next;
                self.next = sequence.next();
                let mut datagram = Vec::new();
                let header = header(sequence, CAMERA_SSRC).to_bytes();
                self.sealer.rtp(
                    &header,
                    &[&[0x55; PAYLOAD_BYTES]],
                    CAMERA_SSRC,
                    sequence,
                    sequence.cycles(),
                    &mut datagram,
                );
                datagram
            })
            .collect()
    }

    fn seal_alone(&mut self, first: SeqNo) {
        let mut slab = Vec::with_capacity(self.sealers.len() * (PAYLOAD_BYTES + 64) * 3);
        for sealer in &self.sealers {
            let mut sequence = first;
            for _ in 0..BATCH {
                let header = header(sequence, 5).to_bytes();
                sealer.rtp(&header, &[&[0x55; PAYLOAD_BYTES]], 5, sequence, sequence.cycles(), &mut slab);
                sequence = sequence.next();
            }
        }
        std::hint::black_box(&slab);
    }
}

fn header(sequence: SeqNo, ssrc: u32) -> PlainHeader {
    PlainHeader {
        has_padding: false,
        marker: false,
        payload_type: 96,
        sequence: sequence.to_wire(),
        timestamp: 1,
        ssrc,
    }
}
