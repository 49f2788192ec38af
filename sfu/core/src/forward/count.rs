//! Counting what tracks have carried, for the metrics.

use super::Forwarding;
use crate::{encoding::Encoding, id::TransportId, subscription::Subscription, totals::Totals};

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
    totals.count_outbound(subscription.kind, more, statistics.take_said(subscription.kind));
}
