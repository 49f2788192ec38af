//! Forwarding what has come, subscriber by subscriber.

use super::Forwarding;
use crate::{output::Output, transports::Transports};
use common::protocol::media::TrackKind;
use std::time::Instant;

impl Forwarding {
    /// Forwards what has come since the last call, subscriber by subscriber, so that datagrams to one
    /// address lie together; how many packets that were.
    pub(crate) fn flush(&mut self, transports: &mut Transports, now: Instant, output: &mut Output) -> u64 {
        self.gather();
        let mut forwarded = 0_u64;
        for id in self.due.drain(..) {
            let (Some(egress), Some(transport)) = (self.egress.get_mut(id), transports.get_mut(id)) else {
                continue;
            };
            for (encoding, subscription) in egress.pictures.drain(..).chain(egress.voices.drain(..)) {
                let encoding = self.encodings.get(encoding);
                let subscription = self.subscriptions.get_mut(subscription);
                let (Some(encoding), Some(subscription)) = (encoding, subscription) else { continue };
                for sequence in &encoding.fresh {
                    if let Some(packet) = encoding.buffer.get(*sequence) {
                        subscription.send(*sequence, packet, transport, now, output);
                        forwarded = forwarded.wrapping_add(1);
                    }
                }
            }
        }
        for id in self.fresh.drain(..) {
            if let Some(encoding) = self.encodings.get_mut(id) {
                encoding.fresh.clear();
            }
        }
        forwarded
    }

    /// Finds out which subscribers get something of this batch.
    fn gather(&mut self) {
        for id in &self.fresh {
            let Some(encoding) = self.encodings.get(*id) else { continue };
            for subscriber in &encoding.subscribers {
                let Some(egress) = self.egress.get_mut(subscriber.transport) else { continue };
                if egress.pictures.is_empty() && egress.voices.is_empty() {
                    self.due.push(subscriber.transport);
                }
                match encoding.kind {
                    TrackKind::Video => egress.pictures.push((*id, subscriber.subscription)),
                    TrackKind::Audio => egress.voices.push((*id, subscriber.subscription)),
                }
            }
        }
    }
}
