use super::{
    super::{Packet, tests::read},
    *,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::time::Duration;

const REPORT: Report = Report { ssrc: 1, media: 2, base: 65_530, number: 9 };

fn at(steps: u64) -> ArrivalTime {
    ArrivalTime::after(Duration::from_micros(steps * 250))
}

/// What a feedback says, with times put together again: from the reference time on.
fn said(out: &[u8]) -> (TransportFeedback<'_>, Vec<(u16, Option<i64>)>) {
    let [Packet::TransportFeedback(feedback)] = read(out)[..] else { panic!("{:?}", read(out)) };
    let mut time = i64::from(feedback.reference.0) * 256;
    let statuses = feedback.statuses().map(|(sequence, delta)| {
        let at = delta.map(|delta| {
            time += i64::from(delta.steps());
            time
        });
        (sequence, at)
    });
    (feedback, statuses.collect())
}

/// Written by hand after section 3.1: a run, a vector of two bits each, and deltas of both lengths.
#[test]
fn feedback_is_as_the_draft_draws_it() {
    let mut packet = vec![0x8F, 205, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 7, 0xFF, 0xFF, 0xFE, 3];
    // Three that arrived, then one that did not, one late by 10 steps, one 300 steps later, one that did not.
    packet.extend([0b0010_0000, 3, 0b1100_1010, 0b0000_0000]);
    packet.extend([1, 2, 0, 0xFF, 0xF6, 0x01, 0x2C, 0]);
    let [Packet::TransportFeedback(feedback)] = read(&packet)[..] else { panic!("{:?}", read(&packet)) };
    assert_eq!((feedback.ssrc, feedback.media, feedback.base, feedback.number), (1, 2, 5, 3));
    let statuses: Vec<_> =
        feedback.statuses().map(|(n, delta)| (n, delta.map(ArrivalDelta::steps))).collect();
    let expected =
        [(5, Some(1)), (6, Some(2)), (7, Some(0)), (8, None), (9, Some(-10)), (10, Some(300)), (11, None)];
    assert_eq!(statuses, expected);
    let last = feedback.statuses().filter_map(|(_, delta)| delta).last();
    assert_eq!(last.map(ArrivalDelta::microseconds), Some(75_000));
}

#[test]
fn what_arrived_when_reads_as_it_was_written() {
    let mut random = StdRng::seed_from_u64(1);
    for round in 0..2000 {
        let (mut now, loss) = (random.random_range(1_000_000..2_000_000_u64), random.random_range(0.0..1.0));
        // Bursts, gaps, and packets that overtake each other.
        let pace = [3, 40, 2000][round % 3];
        let arrivals: Vec<Option<u64>> = (0..random.random_range(1..700))
            .map(|_| {
                now += random.random_range(0..pace);
                let late = if random.random_bool(0.1) { random.random_range(0..4 * pace) } else { 0 };
                (!random.random_bool(loss)).then_some(now + late)
            })
            .collect();
        let (mut done, mut number) = (0, 0);
        while arrivals[done..].iter().any(Option::is_some) {
            let base = REPORT.base.wrapping_add(u16::try_from(done).unwrap());
            let mut out = Vec::new();
            let count = write(
                &mut out,
                Report { base, number, ..REPORT },
                arrivals[done..].iter().map(|it| it.map(at)),
            );
            let (feedback, statuses) = said(&out);
            assert!(out.len() <= 1024 && out.len() % 4 == 0, "{} bytes", out.len());
            assert_eq!((feedback.base, feedback.number, feedback.count), (base, number, count));
            for ((sequence, said), (n, arrival)) in statuses.iter().zip(arrivals[done..].iter().enumerate()) {
                assert_eq!(*sequence, base.wrapping_add(u16::try_from(n).unwrap()));
                assert_eq!(*said, arrival.map(|at| i64::try_from(at).unwrap()));
            }
            assert!(count > 0);
            (done, number) = (done + usize::from(count), number + 1);
        }
    }
}

/// A second of 10 Mbit/s in one packet each 250 µs times four: what is said of a packet is about one byte.
#[test]
fn feedback_on_a_good_line_is_short() {
    let mut out = Vec::new();
    let arrivals = (0..1000_u64).map(|n| Some(at(n * 4)));
    let count = write(&mut out, REPORT, arrivals);
    assert!(count > 900, "{count} packets in {} bytes", out.len());
    let mut out = Vec::new();
    let arrivals = (0..4000_u64).map(|n| (n % 4000 == 0).then(|| at(n)));
    assert_eq!(write(&mut out, REPORT, arrivals), 4000);
    assert!(out.len() <= 32, "{} bytes: runs say what is lost", out.len());
}

#[test]
fn where_a_delta_ends_another_feedback_begins() {
    for (last, count) in [(32_767, 2), (32_768, 1)] {
        let mut out = Vec::new();
        assert_eq!(write(&mut out, REPORT, [Some(at(0)), Some(at(last))].into_iter()), count);
    }
    for (first, count) in [(32_768, 2), (32_769, 1)] {
        // The first is told from the reference time, which is at most 255 steps before it.
        let mut out = Vec::new();
        assert_eq!(write(&mut out, REPORT, [Some(at(first)), Some(at(0))].into_iter()), count);
    }
    let mut out = Vec::new();
    assert_eq!(write(&mut out, REPORT, [None, None].into_iter()), 0);
    assert_eq!(write(&mut out, REPORT, std::iter::repeat_n(None, 100_000)), 0);
    assert!(out.is_empty(), "of nothing that arrived nothing is said");
}

#[test]
fn the_reference_time_wraps_and_knows_what_is_later() {
    let (late, early) = (ReferenceTime::new(0x0100_0005), ReferenceTime::new(0x00FF_FFFE));
    assert_eq!((late.since(early), early.since(late), late.since(late)), (7, -7, 0));
    let mut out = Vec::new();
    let after_twelve_days = (1_u64 << 24) * 256 + 256 + 3;
    assert_eq!(write(&mut out, REPORT, std::iter::once(Some(at(after_twelve_days)))), 1);
    let (feedback, statuses) = said(&out);
    assert_eq!((feedback.reference, statuses), (ReferenceTime::new(1), vec![(65_530, Some(256 + 3))]));
}

#[test]
fn symbols_without_a_meaning_and_deltas_that_are_not_there_are_refused() {
    let packet = |count: u8, rest: [u8; 4]| {
        [&[0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, count, 0, 0, 0, 0][..], &rest].concat()
    };
    assert_eq!(read(&packet(1, [0b0010_0000, 1, 9, 0])).len(), 1);
    assert_eq!(read(&packet(2, [0b0010_0000, 1, 9, 0])), [], "one of two, and no chunk for the other");
    assert_eq!(read(&packet(3, [0b0010_0000, 3, 9, 0])), [], "three deltas, and room for two");
    assert_eq!(read(&packet(1, [0b0110_0000, 1, 9, 0])), [], "a run of what is reserved");
    assert_eq!(read(&packet(1, [0b1100_0000, 3, 9, 0])), [], "a vector with it");
    assert_eq!(read(&packet(1, [0, 0, 0, 0])), [], "only empty runs");
}
