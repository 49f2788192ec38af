//! Reports: publishers are told how they are received, and subscribers where a stream stands.

use crate::{
    arrival_feedback::ArrivalFeedback,
    encoding::{Encoding, SenderClock},
    forward::Forwarding,
    id::{EncodingId, TransportId},
    moment::after,
    output::Output,
    rtcp::{receiver_report, remb, report_block::ReportBlock},
    schedule::Schedule,
    transports::Transports,
};
use std::time::{Duration, Instant};

/// How often senders are told how they are received.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How often a publisher's sender reports are passed on at most.
///
/// Senders write about one a second. Each is copied to every subscriber, so more
/// often would let one who sends nothing else fill everybody's line.
pub(crate) const REPORT_INTERVAL_MIN: Duration = Duration::from_millis(250);

/// What a publisher is advised to send that does not work it out itself, in bits per second: one good camera and
/// a voice.
const RATE_MAX: u64 = 2_500_000;

/// Who is to be told when.
#[derive(Default)]
pub(crate) struct Reports {
    deadlines: Schedule<TransportId>,
    /// Used again and again.
    blocks: Vec<ReportBlock>,
    streams: Vec<u32>,
    packet: Vec<u8>,
}

impl Reports {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Media flows on this transport: its peer is told from now on how what it sends is received.
    pub(crate) fn begin(&mut self, id: TransportId, now: Instant) {
        self.deadlines.set(id, after(now, REPORT_INTERVAL));
    }

    /// The transport is gone.
    pub(crate) fn forget(&mut self, id: TransportId) {
        self.deadlines.remove(id);
    }

    /// Tells those who are due.
    pub(crate) fn handle_deadline(
        &mut self,
        arrival_feedback: &ArrivalFeedback,
        forwarding: &mut Forwarding,
        transports: &mut Transports,
        now: Instant,
        output: &mut Output,
    ) {
        while let Some(id) = self.deadlines.take_due(now) {
            self.deadlines.set(id, after(now, REPORT_INTERVAL));
            let is_advised = !arrival_feedback.is_agreed(id);
            forwarding.count(id);
            self.report(id, is_advised, forwarding, transports, now, output);
        }
    }

    /// Tells a publisher how it is received, and one that `is_advised` what it may send.
    fn report(
        &mut self,
        id: TransportId,
        is_advised: bool,
        forwarding: &mut Forwarding,
        transports: &mut Transports,
        now: Instant,
        output: &mut Output,
    ) {
        self.blocks.clear();
        forwarding.for_each_encoding_on(id, |encoding| {
            encoding.arrivals.relax();
            let Encoding { name, statistics, arrivals, .. } = encoding;
            self.blocks.extend(name.ssrc.and_then(|ssrc| statistics.report(ssrc, arrivals, now)));
        });
        let (Some(first), Some(transport)) = (self.blocks.first(), transports.get_mut(id)) else { return };
        self.streams.clear();
        self.streams.extend(self.blocks.iter().map(|block| block.ssrc));
        self.packet.clear();
        receiver_report::write(&mut self.packet, first.ssrc, &self.blocks);
        if is_advised {
            remb::write(&mut self.packet, first.ssrc, RATE_MAX, &self.streams);
        }
        transport.send_rtcp(&self.packet, output);
    }

    /// A publisher said where its stream stands: so are its subscribers told, if they were not just now.
    pub(crate) fn pass_on(
        &mut self,
        id: EncodingId,
        clock: SenderClock,
        forwarding: &mut Forwarding,
        transports: &mut Transports,
        now: Instant,
        output: &mut Output,
    ) {
        let Some(encoding) = forwarding.encoding_mut(id) else { return };
        encoding.statistics.note_report(clock.ntp, now);
        encoding.clock = Some(clock);
        let next = encoding.reported_at.map(|reported| after(reported, REPORT_INTERVAL_MIN));
        if next.is_some_and(|next| now < next) {
            return;
        }
        encoding.reported_at = Some(now);
        forwarding.for_each_subscription_of(id, |subscription| {
            if let Some(transport) = transports.get_mut(subscription.transport) {
                subscription.report(id, clock, &mut self.packet, transport, now, output);
            }
        });
    }
}
