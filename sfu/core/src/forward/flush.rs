//! Forwarding what has come, subscriber by subscriber.

use super::{Forwarding, Sent};
use crate::{output::Output, transports::Transports};
use common::protocol::media::TrackKind;
use std::time::Instant;

impl Forwarding {
    /// Forwards what has come since the last call, subscriber by subscriber, so that datagrams to one
    /// address lie together. Where that is more than a subscriber's network carries, some of it waits.
    pub(crate) fn flush(&mut self, transports: &mut Transports, now: Instant, output: &mut Output) -> Sent {
        self.gather();
        let mut sent = Sent::default();
        let mut due = std::mem::take(&mut self.due);
        for id in due.drain(..) {
            let (Some(egress), Some(transport)) = (self.egress.get_mut(id), transports.get_mut(id)) else {
                continue;
            };
            transport.begin_batch(now);
            for (from, to) in egress.pictures.drain(..).chain(egress.voices.drain(..)) {
                let Some(subscription) = self.subscriptions.get_mut(to) else { continue };
                let before = subscription.current;
                let first = subscription.forward(to, from, &self.encodings, transport, now, output);
                sent.first = sent.first.wrapping_add(first);
                if subscription.current != before {
                    self.replaced.extend(before.map(|before| (before, to)));
                }
            }
            transport.end_batch(now);
            sent.add(self.release(id, transports, now, output));
        }
        self.due = due;
        while let Some((encoding, subscription)) = self.replaced.pop() {
            self.leave(encoding, subscription);
        }
        for id in self.fresh.drain(..) {
            if let Some(encoding) = self.encodings.get_mut(id) {
                encoding.fresh.clear();
            }
        }
        sent
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
