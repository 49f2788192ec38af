//! What each profile of SRTP costs per packet, without anything around it.

use crate::cpu;
use sfu_core::{
    rtp::{header::PlainHeader, sequence::SeqNo},
    srtp::{Profile, Sealer, contexts},
};
use std::{
    error::Error,
    io::{self, Write},
    time::Duration,
};

/// A packet of a good camera, and one of a voice.
const PAYLOAD_BYTES: [usize; 2] = [1000, 100];

/// Packets that are sealed, and then opened, between two looks at the clock.
const BATCH: u16 = 64;

/// Batches per round, of one stream and within one cycle of its numbers; and rounds, of which the quietest is shown.
const BATCHES: u16 = 900;
const ROUNDS: usize = 15;

const SSRC: u32 = 7;

/// Nanoseconds per packet.
struct Cost {
    seal: f64,
    open: f64,
}

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    writeln!(out, "thread CPU time per packet, copy included, best of {ROUNDS} rounds")?;
    for bytes in PAYLOAD_BYTES {
        // One profile after the other in each round, so that a noisy moment is no profile's own.
        let mut best =
            Profile::ALL.map(|profile| (profile, Cost { seal: f64::INFINITY, open: f64::INFINITY }));
        for _ in 0..ROUNDS {
            for (profile, best) in &mut best {
                let cost = measure(*profile, bytes)?;
                best.seal = best.seal.min(cost.seal);
                best.open = best.open.min(cost.open);
            }
        }
        for (profile, Cost { seal, open }) in best {
            let name = format!("{profile:?}");
            writeln!(out, "{bytes:5} B, {name:20}: sealing {seal:4.0} ns, opening {open:4.0} ns")?;
        }
    }
    Ok(())
}

fn measure(profile: Profile, bytes: usize) -> Result<Cost, Box<dyn Error>> {
    let material = vec![0x5A; profile.material_bytes()];
    let (_, sealer) = contexts(profile, &material, true).ok_or("no keys")?;
    let (mut opener, _) = contexts(profile, &material, false).ok_or("no keys")?;
    let payload = vec![0x55; bytes];
    let mut packets = vec![Vec::with_capacity(2 * bytes); BATCH.into()];
    let (mut sealing, mut opening) = (Duration::ZERO, Duration::ZERO);
    for batch in 0..BATCHES {
        packets.iter_mut().for_each(Vec::clear);
        let before = cpu::of_this_thread();
        for (number, packet) in (batch * BATCH..).zip(&mut packets) {
            if !seal(&sealer, number, &payload, packet) {
                return Err("a packet cannot be sealed".into());
            }
        }
        let between = cpu::of_this_thread();
        for packet in &mut packets {
            opener.rtp(packet).ok_or("a packet cannot be opened")?;
        }
        sealing += between - before;
        opening += cpu::of_this_thread() - between;
    }
    let per_packet = |time: Duration| time.as_secs_f64() * 1e9 / (f64::from(BATCH) * f64::from(BATCHES));
    Ok(Cost { seal: per_packet(sealing), open: per_packet(opening) })
}

fn seal(sealer: &Sealer, number: u16, payload: &[u8], out: &mut Vec<u8>) -> bool {
    let sequence = SeqNo::from_extended(number.into());
    let header = PlainHeader {
        has_padding: false,
        marker: false,
        payload_type: 96,
        sequence: number,
        timestamp: 1,
        ssrc: SSRC,
    };
    sealer.rtp(&header.to_bytes(), &[payload], SSRC, sequence, 0, out)
}
