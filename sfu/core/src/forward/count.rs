//! Counting what tracks have carried, for the metrics.

use super::Forwarding;
use crate::{
    encoding::Encoding,
    id::TransportId,
    subscription::Subscription,
    totals::{Direction, StreamReception, Totals},
};

impl Forwarding {
    /// Counts what has come in and gone out on a transport since it was counted last. To be called about once a second.
    pub(crate) fn count(&mut self, transport: TransportId) {
        let publications = self.ingress.get(transport).into_iter().flat_map(|ingress| &ingress.publications);
        let publications = publications.filter_map(|id| self.publications.get(*id));
        for id in publications.flat_map(|publication| &publication.encodings) {
            if let Some(encoding) = self.encodings.get_mut(*id) {
                count_encoding(&mut self.totals, encoding);
            }
        }
        for id in self.egress.get(transport).into_iter().flat_map(|egress| egress.subscriptions.values()) {
            if let Some(subscription) = self.subscriptions.get_mut(id) {
                count_subscription(&mut self.totals, subscription);
            }
        }
    }

    /// A subscriber has said how it receives this stream under this SSRC.
    pub(crate) fn note_reception(&mut self, transport: TransportId, ssrc: u32) {
        let id = self.subscription(transport, ssrc);
        let Some(subscription) = id.and_then(|id| self.subscriptions.get(id)) else { return };
        let (kind, statistics) = (subscription.kind, &subscription.statistics);
        let Some(reception) = statistics.reception else { return };
        self.totals.note(StreamReception {
            direction: Direction::Outbound,
            kind,
            fraction_lost: reception.fraction_lost(),
            jitter: reception.jitter_seconds(kind),
            round_trip: statistics.round_trip.map(|time| time.as_secs_f64()),
        });
    }
}

/// Counts what an encoding has carried since it was counted last.
pub(super) fn count_encoding(totals: &mut Totals, encoding: &mut Encoding) {
    let more = encoding.carried().uncounted(&mut encoding.counted);
    totals.count_inbound(encoding.kind, more, encoding.statistics.jitter_seconds());
}

/// Likewise of a subscription.
pub(super) fn count_subscription(totals: &mut Totals, subscription: &mut Subscription) {
    let statistics = &mut subscription.statistics;
    let more = statistics.carried().uncounted(&mut statistics.counted);
    totals.count_outbound(subscription.kind, more);
}
