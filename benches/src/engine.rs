//! The media engine without sockets: all of a packet's way through it, the share of that which is header
//! and encryption, how it grows, and what memory it takes.

mod call;
mod memory;
mod one;
mod person;
mod stage;

use call::{Call, ROUND};
use clap::Args;
use one::{BATCH, One};
use person::VIDEO_BYTES;
use stage::{Cost, Sessions};
use std::{
    error::Error,
    io::{self, Write},
};
use switchboard_tests::description::Kind;

/// Deliveries measured per round, and rounds, of which the quietest and the median are shown.
const DELIVERIES: u64 = 300_000;
const ROUNDS: usize = 7;

/// Budgets of the design, in nanoseconds per delivered packet: one camera for a single subscriber, who pays
/// for decrypting it alone, and for more; calls of two, in which everybody does.
const ALONE_BUDGET_NS: f64 = 430.0;
const BUDGET_NS: f64 = 220.0;
const CALLS_BUDGET_NS: f64 = 320.0;

/// Budget per subscribed stream.
const MEMORY_BUDGET_KIB: f64 = 32.0;

/// What somebody in a call sends.
const BOTH: &[Kind] = &[Kind::Audio, Kind::Video];

/// Finds out how many bytes something holds.
type Held = fn() -> Result<f64, Box<dyn Error>>;

/// Calls of two.
fn pairs(sessions: usize) -> Sessions {
    vec![vec![BOTH; 2]; sessions]
}

#[derive(Args)]
pub(crate) struct Options {
    /// Only the lines whose name contains this
    #[arg(long, default_value = "")]
    only: String,
}

impl Options {
    fn takes(&self, name: &str) -> bool {
        name.contains(&self.only)
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    writeln!(
        out,
        "one camera, N subscribers: {VIDEO_BYTES} B in runs of {BATCH}, AES-128-GCM, thread CPU time a delivery"
    )?;
    for subscribers in [1, 10, 50, 1000] {
        let name = format!("N = {subscribers:4}");
        if options.takes(&name) {
            one(&name, subscribers)?;
        }
    }
    writeln!(out, "calls: all speak (50 × 80 B/s), show a picture (30 × 3 × {VIDEO_BYTES} B/s) and report")?;
    let pairs = ("50 sessions of 2".to_owned(), pairs(50), Some(CALLS_BUDGET_NS));
    let meetings =
        [2, 5, 10, 25, 50].map(|people| (format!("one session of {people}"), vec![vec![BOTH; people]], None));
    for (name, sessions, budget) in [pairs].into_iter().chain(meetings) {
        if options.takes(&name) {
            calls(&name, &sessions, budget)?;
        }
    }
    writeln!(out, "memory of a subscribed stream, its share of the transport included")?;
    let held: [(&str, Held); 3] = [
        ("one camera, its 2nd to 1,000th subscriber", memory::per_subscriber),
        ("a call of 2, its packet buffers included", memory::per_call),
        ("one session of 25 all sending, likewise", memory::per_meeting),
    ];
    for (name, bytes) in held.into_iter().filter(|(name, _)| options.takes(name)) {
        let kib = bytes()? / 1024.0;
        writeln!(
            out,
            "  {name}: {kib:.1} KiB ({:.2} × budget of {MEMORY_BUDGET_KIB})",
            kib / MEMORY_BUDGET_KIB
        )?;
    }
    Ok(())
}

/// Measures one camera and prints a line.
fn one(name: &str, subscribers: u16) -> Result<(), Box<dyn Error>> {
    let mut one = One::new(subscribers)?;
    let mut rounds: Vec<one::Cost> = (0..ROUNDS).map(|_| one.measure(DELIVERIES)).collect();
    rounds.sort_by(|one, other| one.engine.total_cmp(&other.engine));
    let (Some(best), Some(median)) = (rounds.first(), rounds.get(ROUNDS / 2)) else { return Ok(()) };
    let budget = if subscribers == 1 { ALONE_BUDGET_NS } else { BUDGET_NS };
    writeln!(
        io::stdout(),
        "  {name}: {:.0} ns at best, {:.0} ns median ({:.2} × budget of {budget}); of that sealing {:.0} ns",
        best.engine,
        median.engine,
        median.engine / budget,
        median.seal
    )?;
    Ok(())
}

/// Measures calls and prints a line.
fn calls(name: &str, sessions: &Sessions, budget: Option<f64>) -> Result<(), Box<dyn Error>> {
    let mut call = Call::new(sessions)?;
    let mut rounds: Vec<(Cost, f64)> = (0..ROUNDS).map(|_| measure(&mut call)).collect();
    rounds.sort_by(|(one, _), (other, _)| one.nanoseconds().total_cmp(&other.nanoseconds()));
    let (Some((best, _)), Some((median, seconds))) = (rounds.first(), rounds.get(ROUNDS / 2)) else {
        return Ok(());
    };
    let judged = budget.map(|budget| format!(" ({:.2} × budget of {budget})", median.nanoseconds() / budget));
    writeln!(
        io::stdout(),
        "  {name}: {:.0} ns at best, {:.0} ns median{}; {} allocations for {} packets, {:.0} a second for reports and checks",
        best.nanoseconds(),
        median.nanoseconds(),
        judged.unwrap_or_default(),
        median.allocations,
        median.forwarded,
        median.other_allocations as f64 / seconds
    )?;
    Ok(())
}

/// What as many deliveries cost, and how many seconds of the call they took.
fn measure(call: &mut Call) -> (Cost, f64) {
    let (mut sum, mut seconds) = (Cost::default(), 0.0);
    while sum.forwarded < DELIVERIES {
        sum = sum.and(call.round());
        seconds += ROUND.as_secs_f64();
    }
    (sum, seconds)
}
