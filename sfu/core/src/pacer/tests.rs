use super::*;
use crate::bandwidth::{ArrivalTime, BandwidthEstimator, RATE_MAX};
use common::clock::{Clock, ManualClock};

const MEGABIT: Bitrate = Bitrate::from_bits_per_second(1_000_000);

/// What was released: when, in milliseconds, what, and as part of a probe or not.
type Released = Vec<(u128, Release<u32>, bool)>;

/// Releases all that is due within so many milliseconds, at the deadlines.
fn run(pacer: &mut Pacer<u32>, estimate: Bitrate, clock: &ManualClock, milliseconds: u64) -> Released {
    let (start, mut released) = (clock.now(), Vec::new());
    let end = start + Duration::from_millis(milliseconds);
    while let Some(deadline) = pacer.next_deadline().filter(|deadline| *deadline < end) {
        clock.advance(deadline.saturating_duration_since(clock.now()));
        pacer.release(estimate, clock.now(), |release, cluster| {
            released.push(((clock.now() - start).as_millis(), release, cluster.is_some()));
            if let Release::Padding(bytes) = release { bytes } else { 1000 }
        });
    }
    clock.advance(end.saturating_duration_since(clock.now()));
    released
}

fn wait(pacer: &mut Pacer<u32>, packets: std::ops::Range<u32>, urgency: Urgency, clock: &ManualClock) {
    packets.for_each(|packet| pacer.enqueue(packet, 1000, urgency, clock.now()).unwrap());
}

#[test]
fn pictures_leave_in_bursts_of_five_milliseconds_at_their_pace() {
    let clock = ManualClock::default();
    let mut pacer = Pacer::new(clock.now());
    wait(&mut pacer, 0..60, Urgency::Video, &clock);
    // At 4 Mbit/s, that is 6 at its pace, 3,750 bytes are a burst: four packets, one of them in part ahead.
    let released = run(&mut pacer, MEGABIT.times(4.0), &clock, 1000);
    let bursts = released.chunk_by(|one, next| one.0 == next.0);
    assert!(bursts.clone().all(|burst| burst.len() <= 4), "{released:?}");
    assert!((14..=16).contains(&bursts.count()), "{released:?}");
    assert!((70..=80).contains(&released.last().unwrap().0), "60,000 bytes at 6 Mbit/s: {released:?}");
    assert_eq!(
        released.iter().map(|(_, release, _)| *release).collect::<Vec<_>>(),
        (0..60).map(Release::Packet).collect::<Vec<_>>()
    );
    assert_eq!((pacer.waiting(), pacer.next_deadline()), (0, None));
}

#[test]
fn a_voice_waits_for_nothing_and_what_was_asked_for_goes_before_pictures() {
    let clock = ManualClock::default();
    let mut pacer = Pacer::new(clock.now());
    wait(&mut pacer, 0..10, Urgency::Video, &clock);
    let first = run(&mut pacer, MEGABIT, &clock, 1);
    assert_eq!(first.len(), 1, "1,000 bytes are longer than a burst: {first:?}");
    wait(&mut pacer, 100..102, Urgency::Retransmission, &clock);
    wait(&mut pacer, 200..203, Urgency::Audio, &clock);
    let mut order = Vec::new();
    pacer.release(MEGABIT, clock.now(), |release, _| {
        order.push(release);
        1000
    });
    assert_eq!(order, (200..203).map(Release::Packet).collect::<Vec<_>>(), "at once, and nothing else");
    let rest = run(&mut pacer, MEGABIT, &clock, 1000);
    assert_eq!(
        rest[..3].iter().map(|(_, release, _)| *release).collect::<Vec<_>>(),
        [100, 101, 1].map(Release::Packet)
    );
    assert!(rest[0].0 >= 20, "it waits for what the voice took: {rest:?}");
}

#[test]
fn no_burst_is_larger_than_the_socket_takes_and_idle_time_is_not_made_up_for() {
    let clock = ManualClock::default();
    let mut pacer = Pacer::new(clock.now());
    clock.advance(Duration::from_secs(10));
    wait(&mut pacer, 0..1000, Urgency::Video, &clock);
    let mut burst = 0;
    pacer.release(MEGABIT.times(1000.0), clock.now(), |_, _| {
        burst += 1000;
        1000
    });
    assert_eq!(burst, BURST_BYTES_MAX);
}

#[test]
fn nothing_waits_for_ever_where_the_estimate_falls() {
    let clock = ManualClock::default();
    let mut pacer = Pacer::new(clock.now());
    wait(&mut pacer, 0..1000, Urgency::Video, &clock);
    let released = run(&mut pacer, Bitrate::from_bits_per_second(50_000), &clock, 3000);
    assert!(released.len() > 980, "{}", released.len());
}

#[test]
fn where_too_much_waits_more_is_refused() {
    let clock = ManualClock::default();
    let mut pacer = Pacer::new(clock.now());
    for packet in 0..2000 {
        let is_taken = pacer.enqueue(packet, 1000, Urgency::Video, clock.now()).is_ok();
        assert_eq!(is_taken, usize::try_from(packet).unwrap() < WAITING_MAX);
    }
    assert_eq!(pacer.enqueue(7, 1000, Urgency::Video, clock.now()), Err(7));
    assert_eq!(pacer.enqueue(7, 100, Urgency::Audio, clock.now()), Ok(()), "a voice has room of its own");
}

/// The first probe of an estimator.
fn probe(clock: &ManualClock) -> Probe {
    let mut estimator = BandwidthEstimator::new(clock.now());
    estimator.on_sent(1, 1000, clock.now(), None);
    estimator.on_feedback([(1, Some(ArrivalTime::from_units(0)))], clock.now());
    estimator.next_probe(clock.now()).unwrap()
}

#[test]
fn a_probe_is_sent_at_its_rate_with_what_waits_and_padding() {
    let clock = ManualClock::default();
    let probe = probe(&clock);
    let mut pacer = Pacer::new(clock.now());
    wait(&mut pacer, 0..1, Urgency::Video, &clock);
    pacer.probe(probe, clock.now());
    let released = run(&mut pacer, MEGABIT.times(0.3), &clock, 100);
    assert!(released.iter().all(|(_, _, is_probe)| *is_probe), "{released:?}");
    assert_eq!(released[0].1, Release::Packet(0));
    let bytes: u64 = released
        .iter()
        .map(|(_, release, _)| if let Release::Padding(bytes) = release { *bytes } else { 1000 })
        .sum();
    assert!(bytes >= probe.bytes && bytes <= probe.bytes + 1500, "{bytes} of {probe:?}");
    assert!(released.len() >= 5 && (10..=30).contains(&released.last().unwrap().0), "{released:?}");
    assert_eq!(pacer.next_deadline(), None);
}

#[test]
fn what_there_is_room_for_need_not_wait() {
    let clock = ManualClock::default();
    let mut pacer = Pacer::<u32>::new(clock.now());
    let estimate = MEGABIT.times(4.0);
    // What 6 Mbit/s carry in 5 ms.
    assert_eq!(pacer.room(estimate, clock.now()), 3750);
    pacer.note_passed(3000, estimate, clock.now());
    assert_eq!(pacer.room(estimate, clock.now()), 750);
    clock.advance(Duration::from_millis(4));
    assert_eq!(pacer.room(estimate, clock.now()), 3750);
    wait(&mut pacer, 0..1, Urgency::Video, &clock);
    assert_eq!(pacer.room(estimate, clock.now()), 0, "nothing overtakes what waits");
    assert_eq!(pacer.room(RATE_MAX.times(100.0), clock.now()), 0);
    run(&mut pacer, estimate, &clock, 10);
    assert_eq!(pacer.room(RATE_MAX.times(100.0), clock.now()), BURST_BYTES_MAX);
}

/// Passes for the wrong reason if there was no probe: the next one is asked for its padding.
#[test]
fn a_probe_for_which_there_is_no_padding_is_given_up() {
    let clock = ManualClock::default();
    let mut pacer = Pacer::<u32>::new(clock.now());
    pacer.probe(probe(&clock), clock.now());
    let mut asked = 0;
    pacer.release(MEGABIT, clock.now(), |_, _| {
        asked += 1;
        0
    });
    assert_eq!((asked, pacer.next_deadline()), (1, None));
}

/// Voices of 1.1 Mbit/s beside pictures of as much, over what is thought to carry 300 kbit/s, and a probe that is slower
/// than they are.
#[test]
fn voices_that_take_more_than_there_is_keep_no_picture_waiting_for_long() {
    let clock = ManualClock::default();
    let mut pacer = Pacer::new(clock.now());
    let estimate = MEGABIT.times(0.3);
    let (mut since, mut longest) = (Vec::new(), Duration::ZERO);
    for packet in 0..1000 {
        if packet == 100 {
            pacer.probe(probe(&clock), clock.now());
        }
        pacer.note_passed(1400, estimate, clock.now());
        since.push(clock.now());
        pacer.enqueue(packet, 1400, Urgency::Video, clock.now()).unwrap();
        for (_, release, _) in run(&mut pacer, estimate, &clock, 10) {
            if let Release::Packet(packet) = release {
                longest = longest.max(clock.now() - since[usize::try_from(packet).unwrap()]);
            }
        }
    }
    assert!(longest <= WAIT_MAX * 2, "{longest:?}");
    assert!(pacer.waiting() < 100_000, "{} bytes", pacer.waiting());
}
