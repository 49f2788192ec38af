//! Telling publishers when their packets arrived, from which they learn how much they may send
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

mod log;

pub(crate) use log::{INTERVAL_MAX, INTERVAL_MIN, NUMBERS_KEPT};

use crate::{
    id::TransportId, output::Output, rtcp::receiver_report, rtp::header::Header, schedule::Schedule,
    transports::Transports,
};
use log::ArrivalLog;
use slotmap::SecondaryMap;
use std::time::Instant;

/// Feedback packets for one publisher at once at most; of what would need more nothing is told.
///
/// One speaks of all that is kept, unless packets arrive seconds apart and in no order at all.
const AT_ONCE_MAX: usize = 4;

/// What arrives on one transport.
struct Numbered {
    /// The header extension that numbers its packets.
    extension: u8,
    log: ArrivalLog,
}

/// Whose packets are numbered, and who is to be told when.
#[derive(Default)]
pub(crate) struct ArrivalFeedback {
    numbered: SecondaryMap<TransportId, Numbered>,
    deadlines: Schedule<TransportId>,
    /// Used again and again.
    packet: Vec<u8>,
}

impl ArrivalFeedback {
    /// A publisher has agreed to number its packets by the header extension with this id; with `None` it does not.
    pub(crate) fn agree(&mut self, id: TransportId, extension: Option<u8>, now: Instant) {
        match (extension, self.numbered.get_mut(id)) {
            (Some(extension), Some(numbered)) => numbered.extension = extension,
            (Some(extension), None) => {
                self.numbered.insert(id, Numbered { extension, log: ArrivalLog::new(now) });
            }
            (None, _) => self.forget(id),
        }
    }

    /// Whether a publisher is told when its packets arrive, and not what else it may send.
    pub(crate) fn is_agreed(&self, id: TransportId) -> bool {
        self.numbered.contains_key(id)
    }

    /// The transport is gone.
    pub(crate) fn forget(&mut self, id: TransportId) {
        self.numbered.remove(id);
        self.deadlines.remove(id);
    }

    /// A packet has arrived, of a track or not: retransmissions and padding take as much of the way as others.
    pub(crate) fn note(&mut self, id: TransportId, header: &Header<'_>, is_of_track: bool, now: Instant) {
        let Some(Numbered { extension, log }) = self.numbered.get_mut(id) else { return };
        let number = header.extension(*extension).and_then(|value| value.first_chunk());
        let Some(number) = number else { return };
        if is_of_track {
            log.note_stream(header.ssrc);
        }
        if let Some(due) = log.note(u16::from_be_bytes(*number), now) {
            self.deadlines.set_if_earlier(id, due);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Tells those who are due.
    pub(crate) fn handle_deadline(&mut self, transports: &mut Transports, now: Instant, output: &mut Output) {
        while let Some(id) = self.deadlines.take_due(now) {
            let transport = transports.get_mut(id);
            let (Some(Numbered { log, .. }), Some(transport)) = (self.numbered.get_mut(id), transport) else {
                continue;
            };
            for _ in 0..AT_ONCE_MAX {
                self.packet.clear();
                receiver_report::write(&mut self.packet, log.ssrc(), &[]);
                if !log.write(&mut self.packet) {
                    break;
                }
                transport.send_rtcp(&self.packet, output);
            }
            log.begin_interval(now);
        }
    }
}
