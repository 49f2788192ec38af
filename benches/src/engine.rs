//! The media plane's share of a forwarded packet: header, encryption, send buffer.

use crate::cpu;
use sfu_core::{
    rtp::{header::PlainHeader, sequence::SeqNo},
    srtp::{Profile, Sealer, contexts},
};
use std::{
    error::Error,
    io::{self, Write},
};

/// A packet of a good camera.
const PAYLOAD_BYTES: usize = 1000;

/// Packets that one subscriber gets at once: what one batch of the socket brings.
const BATCH: u64 = 3;

/// Packets measured per round, and rounds, of which the quietest and the median are shown.
const PACKETS: usize = 300_000;
const ROUNDS: usize = 7;

/// Design budget of the whole engine per delivered packet.
const BUDGET_NS: f64 = 300.0;

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    writeln!(
        out,
        "seal {PAYLOAD_BYTES} B for N subscribers, AES-128-GCM, thread CPU time; budget of the engine {BUDGET_NS} ns"
    )?;
    for subscribers in [10, 50, 1000] {
        let sealers: Vec<Sealer> = (0..subscribers).filter_map(sealer).collect();
        let mut rounds: Vec<f64> = (0..ROUNDS).map(|round| measure(&sealers, round)).collect();
        rounds.sort_by(f64::total_cmp);
        let (best, median) =
            (rounds.first().copied().unwrap_or(0.0), rounds.get(ROUNDS / 2).copied().unwrap_or(0.0));
        writeln!(
            out,
            "N = {subscribers:4}: {best:.0} ns at best, {median:.0} ns median, {:.2} of the budget",
            median / BUDGET_NS
        )?;
    }
    Ok(())
}

fn sealer(n: usize) -> Option<Sealer> {
    let material: Vec<u8> = (0..56).map(|byte: usize| u8::try_from((byte ^ n) & 0xFF).unwrap_or(0)).collect();
    contexts(Profile::Aes128Gcm, &material, false).map(|(_, sealer)| sealer)
}

/// Nanoseconds per packet.
fn measure(sealers: &[Sealer], round: usize) -> f64 {
    let payload = [0x55; PAYLOAD_BYTES];
    let batch = usize::try_from(BATCH).unwrap_or(1);
    let mut slab = Vec::with_capacity(sealers.len() * batch * (PAYLOAD_BYTES + 64));
    let batches = PACKETS / (sealers.len() * batch) + 1;
    let mut number = 65_536 * (u64::try_from(round).unwrap_or(0) + 1);
    let mut sealed = 0_u32;
    let before = cpu::of_this_thread();
    for _ in 0..batches {
        slab.clear();
        for sealer in sealers {
            for offset in 0..BATCH {
                let sequence = SeqNo::from_extended(number + offset);
                let header = PlainHeader {
                    has_padding: false,
                    marker: offset + 1 == BATCH,
                    payload_type: 96,
                    sequence: sequence.to_wire(),
                    timestamp: 1,
                    ssrc: 5,
                };
                let done =
                    sealer.rtp(&header.to_bytes(), &[&payload], 5, sequence, sequence.cycles(), &mut slab);
                sealed += u32::from(done);
            }
        }
        std::hint::black_box(&slab);
        number += BATCH;
    }
    (cpu::of_this_thread() - before).as_secs_f64() * 1e9 / f64::from(sealed.max(1))
}
