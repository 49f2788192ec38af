//! One incoming track: what has come, what is missing, and who gets it.

mod receive_statistics;

use crate::{
    budget::incoming::Incoming, buffer::PacketBuffer, sdp::parse::Section, subscription::Subscription,
};
use common::{id::ConnectionId, protocol::media::TrackKind};
pub(crate) use receive_statistics::{Arrival, ReceiveStatistics};
use std::time::{Duration, Instant};

/// How often a publisher is asked for a key frame at most.
///
/// A key frame is many times the size of others: more often would cost all
/// subscribers what one asks for.
pub(crate) const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// How often a publisher's sender reports are passed on at most.
///
/// Senders write about one a second. Each is copied to every subscriber, so more
/// often would let one who sends nothing else fill everybody's line.
pub(crate) const REPORT_INTERVAL_MIN: Duration = Duration::from_millis(250);

pub(crate) struct Publication {
    pub(crate) owner: ConnectionId,
    pub(crate) transport: usize,
    pub(crate) mid: String,
    pub(crate) kind: TrackKind,
    pub(crate) payload_type: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    /// Known from the description, or from the first packet.
    pub(crate) ssrc: Option<u32>,
    /// Likewise, of what it sends again.
    pub(crate) rtx_ssrc: Option<u32>,
    pub(crate) buffer: PacketBuffer,
    pub(crate) log: ReceiveStatistics,
    pub(crate) subscriptions: Vec<Subscription>,
    /// What may come.
    pub(crate) incoming: Incoming,
    /// Arrived in this batch and not forwarded yet.
    pub(crate) fresh: Vec<crate::rtp::sequence::SeqNo>,
    keyframe_wanted: bool,
    keyframe_asked_at: Option<Instant>,
    reported_at: Option<Instant>,
}

impl Publication {
    pub(crate) fn new(
        owner: ConnectionId,
        transport: usize,
        mid: String,
        kind: TrackKind,
        payload_type: u8,
        now: Instant,
    ) -> Self {
        Self {
            owner,
            transport,
            mid,
            kind,
            payload_type,
            rtx_payload_type: None,
            ssrc: None,
            rtx_ssrc: None,
            buffer: PacketBuffer::new(kind),
            log: ReceiveStatistics::new(kind),
            subscriptions: Vec::new(),
            incoming: Incoming::of_track(kind, now),
            fresh: Vec::new(),
            keyframe_wanted: false,
            keyframe_asked_at: None,
            reported_at: None,
        }
    }

    /// Whether a section of a description still means this track: the same one, under the same numbers
    /// as far as it says them.
    pub(crate) fn is_described_by(&self, section: &Section) -> bool {
        let says = |number: Option<u32>, known| number.is_none() || number == known;
        self.mid == section.mid
            && section.kind == Some(self.kind)
            && section.payload_type == Some(self.payload_type)
            && section.rtx_payload_type == self.rtx_payload_type
            && says(section.ssrc, self.ssrc)
            && says(section.rtx_ssrc, self.rtx_ssrc)
    }

    /// The subscription that is this stream of a transport.
    pub(crate) fn subscription(&mut self, transport: usize, ssrc: u32) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|one| one.transport == transport && one.ssrc == ssrc)
    }

    /// Whether a sender report is to be passed on now.
    pub(crate) fn take_report(&mut self, now: Instant) -> bool {
        let is_early = self
            .reported_at
            .is_some_and(|reported| now.saturating_duration_since(reported) < REPORT_INTERVAL_MIN);
        if !is_early {
            self.reported_at = Some(now);
        }
        !is_early
    }

    /// Somebody cannot decode without a key frame.
    pub(crate) fn want_keyframe(&mut self) {
        self.keyframe_wanted = self.kind == TrackKind::Video;
    }

    /// Whether the publisher is to be asked now.
    pub(crate) fn take_keyframe_request(&mut self, now: Instant) -> bool {
        let asked_lately = self
            .keyframe_asked_at
            .is_some_and(|asked| now.saturating_duration_since(asked) < KEYFRAME_INTERVAL);
        if !self.keyframe_wanted || asked_lately || self.ssrc.is_none() {
            return false;
        }
        self.keyframe_wanted = false;
        self.keyframe_asked_at = Some(now);
        true
    }
}
