//! What people send and hear while a scenario runs.

use super::{description::Stream, peer::Peer};
use crate::percentiles::Latencies;
use sfu_core::{
    rtcp::write,
    rtp::{header::PlainHeader, sequence::SeqNo},
};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use switchboard_tests::description::Kind;
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

/// A picture has 30 frames a second, speech 50 packets.
const FRAME_TIME: Duration = Duration::from_nanos(1_000_000_000 / 30);
const SPEECH_TIME: Duration = Duration::from_millis(20);

/// How often reports are sent, and ICE looked after.
const REPORT_TIME: Duration = Duration::from_secs(1);

const VIDEO_BYTES: usize = 1000;
const AUDIO_BYTES: usize = 80;

/// What is sent in one window, and what became of it.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) ages: Latencies,
}

/// Which window is open, if one is, and what is counted in it.
#[derive(Clone, Default)]
pub(super) struct Window {
    pub(super) is_open: bool,
    pub(super) tally: Arc<Mutex<Tally>>,
}

impl Window {
    pub(super) fn note(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

struct Source {
    stream: Stream,
    next: SeqNo,
    timestamp: u32,
    sent: u32,
}

impl Source {
    const fn new(stream: Stream) -> Self {
        // A first number above zero leaves room for what arrives before it.
        Self { stream, next: SeqNo::from_extended(1), timestamp: 1, sent: 0 }
    }

    /// Sends as many packets of one time, one behind the other.
    fn send(&mut self, peer: &Peer, packets: u32, datagram: &mut Vec<u8>) {
        let (payload_type, bytes, step) = match self.stream.kind {
            Kind::Audio => (111, AUDIO_BYTES, 960),
            Kind::Video => (96, VIDEO_BYTES, 3000),
        };
        self.timestamp = self.timestamp.wrapping_add(step);
        for n in 1..=packets {
            let sequence = self.next;
            self.next = sequence.next();
            self.sent = self.sent.wrapping_add(1);
            let header = PlainHeader {
                has_padding: false,
                marker: n == packets,
                payload_type,
                sequence: sequence.to_wire(),
                timestamp: self.timestamp,
                ssrc: self.stream.ssrc,
            };
            peer.send(&header, sequence, bytes, datagram);
        }
    }
}

/// Sends its streams while a window is open, a frame being `frame_packets`, and reports all the time.
pub(super) async fn send(
    mut peer: Peer,
    streams: Vec<Stream>,
    frame_packets: u32,
    mut window: watch::Receiver<Window>,
) -> io::Result<()> {
    let mut sources: Vec<Source> = streams.into_iter().map(Source::new).collect();
    let [mut frames, mut speech, mut reports] = [FRAME_TIME, SPEECH_TIME, REPORT_TIME].map(ticking);
    loop {
        tokio::select! {
            _ = frames.tick() => say(Kind::Video, frame_packets, &mut sources, &peer, &window.borrow()),
            _ = speech.tick() => say(Kind::Audio, 1, &mut sources, &peer, &window.borrow()),
            _ = reports.tick() => {
                let mut packet = Vec::new();
                for source in &sources {
                    let (ssrc, octets) = (source.stream.ssrc, source.sent);
                    write::sender_report(&mut packet, ssrc, 1 << 32, source.timestamp, source.sent, octets);
                }
                peer.send_rtcp(&packet);
                let _gone = peer.drive();
            }
            readable = peer.readable() => {
                readable?;
                peer.take(|_, _| {});
            }
            changed = window.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

/// The sources of this kind send as many packets each, if the window is open.
fn say(kind: Kind, packets: u32, sources: &mut [Source], peer: &Peer, window: &Window) {
    let mut datagram = Vec::new();
    for source in sources.iter_mut().filter(|source| window.is_open && source.stream.kind == kind) {
        source.send(peer, packets, &mut datagram);
        window.note(|tally| tally.sent += u64::from(packets));
    }
}

/// Listens, and counts what was sent in the window that is open when it comes; reports all the time.
pub(super) async fn listen(mut peer: Peer, mut window: watch::Receiver<Window>) -> io::Result<()> {
    let mut reports = ticking(REPORT_TIME);
    loop {
        tokio::select! {
            _ = reports.tick() => {
                let mut packet = Vec::new();
                write::receiver_report(&mut packet, 1, &[]);
                peer.send_rtcp(&packet);
                let _gone = peer.drive();
            }
            readable = peer.readable() => {
                readable?;
                let window = window.borrow();
                window.note(|tally| peer.take(|_, age| tally.ages.note(age)));
            }
            changed = window.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

fn ticking(time: Duration) -> Interval {
    let mut ticks = interval(time);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    ticks
}
