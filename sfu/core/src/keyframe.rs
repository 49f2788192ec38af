//! Asking publishers for key frames, for all who cannot decode without one.

use crate::{
    encoding::Encoding,
    forward::Forwarding,
    id::EncodingId,
    moment::after,
    output::Output,
    rtcp::{pli, receiver_report},
    schedule::Schedule,
    transports::Transports,
};
use common::protocol::media::TrackKind;
use std::time::{Duration, Instant};

/// How often a publisher is asked for a key frame at most.
///
/// A key frame is many times the size of others: more often would cost all
/// subscribers what one asks for.
pub(crate) const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// How soon a key frame is asked for once more where somebody still waits for one to begin with.
///
/// Shorter asks twice where the way to a publisher is long; longer keeps those who wait with what they have.
pub(crate) const ASK_AGAIN_INTERVAL: Duration = Duration::from_secs(1);

/// Whether a key frame of one encoding is wanted, and when it was asked for last.
#[derive(Debug, Default)]
pub(crate) struct KeyFrameRequest {
    is_wanted: bool,
    asked_at: Option<Instant>,
    /// How often it was asked for.
    asked: u32,
}

impl KeyFrameRequest {
    /// Whether who waits for a key frame may ask for it again.
    pub(crate) fn may_repeat(&self, now: Instant) -> bool {
        self.asked_at.is_none_or(|asked| after(asked, ASK_AGAIN_INTERVAL) <= now)
    }

    /// How often one was asked for.
    pub(crate) const fn asked(&self) -> u32 {
        self.asked
    }
}

/// What is wanted too soon after the last, and is asked for when it is time.
#[derive(Default)]
pub(crate) struct KeyFrames {
    deadlines: Schedule<EncodingId>,
    /// Used again and again.
    packet: Vec<u8>,
}

impl KeyFrames {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Asks for what is due.
    pub(crate) fn handle_deadline(
        &mut self,
        forwarding: &mut Forwarding,
        transports: &mut Transports,
        now: Instant,
        output: &mut Output,
    ) {
        while let Some(id) = self.deadlines.take_due(now) {
            self.ask(id, forwarding, transports, now, output);
        }
    }

    /// Somebody cannot decode this encoding without a key frame: asks for it now, or when it is time.
    pub(crate) fn want(
        &mut self,
        id: EncodingId,
        forwarding: &mut Forwarding,
        transports: &mut Transports,
        now: Instant,
        output: &mut Output,
    ) {
        if let Some(encoding) = forwarding.encoding_mut(id)
            && encoding.kind == TrackKind::Video
        {
            encoding.key_frame.is_wanted = true;
            self.ask(id, forwarding, transports, now, output);
        }
    }

    /// Asks for a key frame if one is wanted and its publisher can be asked. Where nobody knows yet under
    /// which SSRC it sends, or no path leads to it, this is called again when that has changed.
    pub(crate) fn ask(
        &mut self,
        id: EncodingId,
        forwarding: &mut Forwarding,
        transports: &mut Transports,
        now: Instant,
        output: &mut Output,
    ) {
        let Some(Encoding { key_frame, transport, name, .. }) = forwarding.encoding_mut(id) else { return };
        let (true, Some(ssrc)) = (key_frame.is_wanted, name.ssrc) else { return };
        let Some(transport) = transports.get_mut(*transport).filter(|transport| transport.has_path()) else {
            return;
        };
        let next = key_frame.asked_at.map(|asked| after(asked, KEYFRAME_INTERVAL));
        if let Some(next) = next.filter(|next| now < *next) {
            self.deadlines.set(id, next);
            return;
        }
        let asked = key_frame.asked.saturating_add(1);
        *key_frame = KeyFrameRequest { is_wanted: false, asked_at: Some(now), asked };
        self.packet.clear();
        receiver_report::write(&mut self.packet, ssrc, &[]);
        pli::write(&mut self.packet, ssrc, ssrc);
        transport.send_rtcp(&self.packet, output);
    }

    /// The encoding is gone.
    pub(crate) fn forget(&mut self, id: EncodingId) {
        self.deadlines.remove(id);
    }
}
