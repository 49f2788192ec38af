//! The estimator against peers that report nonsense. How it behaves on networks is the simulator's matter
//! (`tests/tests/sim/bandwidth.rs`).

use super::*;
use common::clock::{Clock, ManualClock};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);

/// 1,000 bytes every 10 ms.
const SENT: Bitrate = Bitrate::from_bits_per_second(800_000);

struct Bench {
    clock: ManualClock,
    start: Instant,
    estimator: BandwidthEstimator,
    number: u16,
}

impl Bench {
    fn new() -> Self {
        let clock = ManualClock::default();
        let start = clock.now();
        Self { estimator: BandwidthEstimator::new(start), clock, start, number: 60_000 }
    }

    /// Sends for a tenth of a second, and tells what was sent: number and milliseconds since the start.
    fn send(&mut self) -> Vec<(u16, u32)> {
        (0..10)
            .map(|_| {
                self.number = self.number.wrapping_add(1);
                self.estimator.on_sent(self.number, 1000, self.clock.now(), None);
                let sent = age(self.start, self.clock.now()).as_millis();
                self.clock.advance(FEEDBACK_INTERVAL / 10);
                (self.number, u32::try_from(sent).unwrap())
            })
            .collect()
    }

    fn feed_back(&mut self, packets: Vec<(u16, Option<u32>)>) {
        let packets = packets.into_iter().map(|(number, at)| (number, at.map(ArrivalTime::from_units)));
        self.estimator.on_feedback(packets, self.clock.now());
    }

    /// Sends for so many seconds to a peer that reports each packet as the function says.
    fn run(&mut self, seconds: u32, report: impl Fn(u32) -> Option<u32>) {
        for _ in 0..seconds * 10 {
            let packets = self.send().into_iter().map(|(number, sent)| (number, report(sent))).collect();
            self.feed_back(packets);
        }
    }
}

/// An honest report: 50 ms later, in units of 250 µs.
fn honest(sent: u32) -> Option<u32> {
    Some((sent + 50) * 4)
}

#[test]
fn feedback_on_what_was_never_sent_or_is_known_changes_nothing() {
    let mut bench = Bench::new();
    bench.feed_back((0..=u16::MAX).map(|number| (number, Some(u32::from(number)))).collect());
    assert_eq!((bench.estimator.estimate(), bench.estimator.loss_fraction()), (RATE_INITIAL, None));
    assert_eq!((bench.estimator.round_trip(), bench.estimator.next_probe(bench.clock.now())), (None, None));
    bench.run(5, honest);
    let before = (bench.estimator.estimate(), bench.estimator.loss_fraction(), bench.estimator.round_trip());
    for arrival in [None, Some(0), Some(u32::MAX)] {
        bench.feed_back((0..=u16::MAX).map(|number| (number, arrival)).collect());
    }
    let after = (bench.estimator.estimate(), bench.estimator.loss_fraction(), bench.estimator.round_trip());
    assert_eq!(before, after);
    assert_eq!(before.1, Some(0.0));
}

/// Passes for the wrong reason if an honest peer's estimate did not grow either: it does.
#[test]
fn who_claims_that_packets_arrived_faster_than_they_were_sent_gets_no_more() {
    let most = SENT.times(1.6);
    let claims: [fn(u32) -> Option<u32>; 4] =
        [honest, |_| Some(7), |sent| Some(sent / 1000), |sent| Some(sent.wrapping_mul(4_000_000_007))];
    let estimates = claims.map(|claim| {
        let mut bench = Bench::new();
        bench.run(60, claim);
        bench.estimator.estimate()
    });
    assert!(estimates[0] > SENT.times(1.3), "{estimates:?}");
    assert!(estimates.iter().all(|estimate| *estimate <= most), "{estimates:?}");
}

#[test]
fn a_clock_that_jumps_costs_nothing_that_lasts() {
    let mut bench = Bench::new();
    bench.run(20, honest);
    let before = bench.estimator.estimate();
    for jump in 0..20 {
        bench.run(1, |sent| honest(sent).map(|at| at.wrapping_add(400_000_000_u32.wrapping_mul(jump))));
    }
    assert!(bench.estimator.estimate() >= before.times(0.8), "{} of {before}", bench.estimator.estimate());
}

#[test]
fn nothing_that_a_peer_reports_leaves_the_bounds() {
    for seed in 0..20 {
        let (mut bench, mut random) = (Bench::new(), StdRng::seed_from_u64(seed));
        for _ in 0..500 {
            let mut packets: Vec<(u16, Option<u32>)> = bench
                .send()
                .into_iter()
                .map(|(number, sent)| {
                    (number, random.random_bool(0.7).then(|| sent * random.random_range(1..9)))
                })
                .collect();
            for _ in 0..random.random_range(0..20) {
                let number = if random.random_bool(0.5) { bench.number } else { random.random() };
                let place = random.random_range(0..=packets.len());
                packets.insert(place, (number, random.random_bool(0.8).then(|| random.random())));
            }
            bench.feed_back(packets);
            if let Some(probe) = bench.estimator.next_probe(bench.clock.now()) {
                assert!(probe.rate <= RATE_MAX && probe.packets == PROBE_PACKETS_MIN, "{probe:?}");
                bench.number = bench.number.wrapping_add(1);
                bench.estimator.on_sent(bench.number, 70_000, bench.clock.now(), Some(probe.cluster));
            }
            bench.clock.advance(Duration::from_millis(random.random_range(0..5) * 300));
            bench.estimator.handle_deadline(bench.clock.now());
            let estimate = bench.estimator.estimate();
            assert!((RATE_MIN..=RATE_MAX).contains(&estimate), "seed {seed}: {estimate}");
            let loss = bench.estimator.loss_fraction().unwrap_or(0.0);
            assert!((0.0..=1.0).contains(&loss), "seed {seed}: {loss}");
            assert!(bench.estimator.round_trip().unwrap_or_default() <= Duration::from_secs(3));
        }
    }
}

#[test]
fn silence_lowers_the_estimate_and_only_where_something_was_sent() {
    let mut bench = Bench::new();
    bench.run(5, honest);
    assert_eq!(bench.estimator.next_deadline(), None);
    bench.clock.advance(Duration::from_secs(60));
    bench.estimator.handle_deadline(bench.clock.now());
    let before = bench.estimator.estimate();
    assert!(before > RATE_INITIAL);
    for _ in 0..60 {
        bench.send();
        let deadline = bench.estimator.next_deadline().unwrap();
        bench.clock.advance(deadline.saturating_duration_since(bench.clock.now()));
        bench.estimator.handle_deadline(bench.clock.now());
    }
    assert_eq!(bench.estimator.estimate(), RATE_MIN);
    bench.run(1, honest);
    assert_eq!(bench.estimator.next_deadline(), None);
}

#[test]
fn nothing_is_probed_beyond_what_is_wanted() {
    let mut bench = Bench::new();
    bench.estimator.set_wanted(RATE_INITIAL.times(2.0));
    bench.run(1, honest);
    let probe = bench.estimator.next_probe(bench.clock.now()).unwrap();
    assert_eq!(probe.rate, RATE_INITIAL.times(2.0));
    let mut bench = Bench::new();
    bench.estimator.set_wanted(RATE_INITIAL);
    bench.run(30, honest);
    assert_eq!(bench.estimator.next_probe(bench.clock.now()), None);
}
