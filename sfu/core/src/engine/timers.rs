//! What is due though nothing comes in.

use super::Engine;
use crate::{
    moment::after,
    output::Output,
    publication::Publication,
    rtcp::write::{self, ReportBlock},
    transport::Transport,
};
use std::time::{Duration, Instant};

/// How often missing packets are asked for and transports looked after.
///
/// Shorter recovers losses sooner; longer costs less per idle participant.
const TICK: Duration = Duration::from_millis(20);

/// How often senders are told how they are received.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// What a publisher may send, in bits per second: one good camera and a voice.
const RATE_MAX: u32 = 2_500_000;

impl Engine {
    /// When [`handle_deadline`](Self::handle_deadline) wants to be called though nothing came in.
    pub fn next_deadline(&self) -> Option<Instant> {
        (!self.participants.is_empty()).then_some(self.next_tick)
    }

    /// Acts on a deadline that has passed. Early calls do nothing.
    pub fn handle_deadline(&mut self, now: Instant, output: &mut Output) {
        if now < self.next_tick {
            return;
        }
        self.next_tick = after(now, TICK);
        for place in 0..self.transports.len() {
            let Some(Some(transport)) = self.transports.get_mut(place) else { continue };
            transport.budget.advance(now);
            if transport.next_deadline().is_some_and(|at| at <= now) {
                self.drive(place, now, output);
            }
        }
        self.ask_for_missing(now, output);
        self.ask_for_keyframes(now, output);
        if self.next_report <= now {
            self.next_report = after(now, REPORT_INTERVAL);
            self.report(now, output);
            self.expire_offers(now, output);
        }
    }

    fn ask_for_missing(&mut self, now: Instant, output: &mut Output) {
        let mut missing = Vec::new();
        for publication in self.publications.values_mut() {
            publication.log.due(now, &mut missing);
            if publication.log.take_hopeless() {
                publication.want_keyframe();
            }
            let (false, Some(ssrc)) = (missing.is_empty(), publication.ssrc) else { continue };
            if let Some(Some(transport)) = self.transports.get_mut(publication.transport) {
                let mut packet = Vec::new();
                write::receiver_report(&mut packet, ssrc, &[]);
                write::nack(&mut packet, ssrc, ssrc, &missing);
                transport.send_rtcp(&packet, output);
            }
        }
    }

    /// Asks publishers for the key frames that were wanted too soon after the last.
    fn ask_for_keyframes(&mut self, now: Instant, output: &mut Output) {
        for publication in self.publications.values_mut() {
            ask_for_keyframe(publication, &mut self.transports, now, output);
        }
    }

    /// Somebody needs a key frame: asks for it now, or when it is time.
    pub(super) fn want_keyframe(&mut self, id: u64, now: Instant, output: &mut Output) {
        if let Some(publication) = self.publications.get_mut(&id) {
            publication.want_keyframe();
            ask_for_keyframe(publication, &mut self.transports, now, output);
        }
    }

    /// Tells every publisher how it is received and what it may send.
    fn report(&mut self, now: Instant, output: &mut Output) {
        for known in self.participants.values() {
            let transport = known.publish.and_then(|place| self.transports.get_mut(place));
            let Some(Some(transport)) = transport else { continue };
            let mut blocks: Vec<ReportBlock> = Vec::new();
            for id in &known.publications {
                blocks.extend(self.publications.get_mut(id).and_then(|one| report_of(one, now)));
            }
            let Some(first) = blocks.first() else { continue };
            let streams: Vec<u32> = blocks.iter().map(|block| block.ssrc).collect();
            let mut packet = Vec::new();
            write::receiver_report(&mut packet, first.ssrc, &blocks);
            write::remb(&mut packet, first.ssrc, RATE_MAX, &streams);
            transport.send_rtcp(&packet, output);
        }
    }
}

fn ask_for_keyframe(
    publication: &mut Publication,
    transports: &mut [Option<Transport>],
    now: Instant,
    output: &mut Output,
) {
    let Some(ssrc) = publication.ssrc else { return };
    if let Some(Some(transport)) = transports.get_mut(publication.transport)
        && transport.is_connected()
        && publication.take_keyframe_request(now)
    {
        let mut packet = Vec::new();
        write::receiver_report(&mut packet, ssrc, &[]);
        write::pli(&mut packet, ssrc, ssrc);
        transport.send_rtcp(&packet, output);
    }
}

fn report_of(publication: &mut Publication, now: Instant) -> Option<ReportBlock> {
    publication.log.report(publication.ssrc?, now)
}
