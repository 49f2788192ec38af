//! What sound and pictures a shard carries, and how well they are received: by kind and direction, never by track.

use common::protocol::media::{LayerReason, TrackKind, TrackSubscription};
use metrics::Histogram;
use sfu_core::{ByKind, Carried, Direction, Stats, StreamReception, layer::ENCODINGS_MAX};

const REASONS: [LayerReason; 7] = [
    LayerReason::Best,
    LayerReason::Size,
    LayerReason::Hidden,
    LayerReason::Disabled,
    LayerReason::LastN,
    LayerReason::Bandwidth,
    LayerReason::NotSent,
];

/// From publishers.
const INBOUND: &str = "inbound";

/// To subscribers.
const OUTBOUND: &str = "outbound";

/// What a subscription gets: an encoding, the smallest first, or after them all nothing.
const LAYERS: [&str; ENCODINGS_MAX + 1] = ["0", "1", "2", "none"];

/// Hands on counts of packets and what is said about them.
pub(super) fn count(shard: &str, stats: &Stats) {
    count_direction(shard, INBOUND, stats.inbound);
    count_direction(shard, OUTBOUND, stats.outbound);
    // Of what goes out, the server does not count where pictures begin; of what comes in, it is the sender who sends again.
    let shard = || shard.to_owned();
    let key_frames = stats.inbound.video.key_frames;
    metrics::counter!("sfu_rtp_key_frames_total", "shard" => shard()).absolute(key_frames);
    for (kind, carried) in [("audio", stats.outbound.audio), ("video", stats.outbound.video)] {
        metrics::counter!("sfu_rtp_packets_retransmitted_total", "shard" => shard(), "kind" => kind)
            .absolute(carried.retransmitted);
    }
}

fn count_direction(shard: &str, direction: &'static str, carried: ByKind<Carried>) {
    for (kind, carried) in [("audio", carried.audio), ("video", carried.video)] {
        let count = |name: &'static str, value: u64| {
            metrics::counter!(name, "shard" => shard.to_owned(), "direction" => direction, "kind" => kind)
                .absolute(value);
        };
        count("sfu_rtp_packets_total", carried.packets);
        count("sfu_rtp_bytes_total", carried.bytes);
        count("sfu_rtp_packets_lost_total", carried.lost);
        count("sfu_rtp_nacks_total", carried.nacks);
        count("sfu_rtp_plis_total", carried.plis);
    }
}

/// Hands on how many subscriptions to pictures get what, and why it is no more.
pub(super) fn count_subscriptions<'a>(
    shard: &str,
    subscriptions: impl Iterator<Item = (TrackKind, &'a TrackSubscription)>,
) {
    let mut counted = [[0_u32; LAYERS.len()]; REASONS.len()];
    // A voice is there or not: why it is no more nobody asks.
    let pictures = subscriptions.filter(|(kind, _)| *kind == TrackKind::Video);
    for (_, TrackSubscription { layer, reason, .. }) in pictures {
        let layer = layer.map_or(ENCODINGS_MAX, |layer| layer.encoding.into());
        let row = REASONS.iter().zip(&mut counted).find(|(known, _)| *known == reason);
        if let Some(count) = row.and_then(|(_, row)| row.get_mut(layer)) {
            *count = count.saturating_add(1);
        }
    }
    for (reason, row) in REASONS.iter().zip(counted) {
        for (layer, count) in LAYERS.iter().zip(row) {
            let labels = [
                ("shard", shard.to_owned()),
                ("reason", name(*reason).to_owned()),
                ("layer", (*layer).to_owned()),
            ];
            metrics::gauge!("sfu_subscriptions_told", &labels).set(f64::from(count));
        }
    }
}

/// As clients read it.
const fn name(reason: LayerReason) -> &'static str {
    match reason {
        LayerReason::Best => "best",
        LayerReason::Size => "size",
        LayerReason::Hidden => "hidden",
        LayerReason::Disabled => "disabled",
        LayerReason::LastN => "lastN",
        LayerReason::Bandwidth => "bandwidth",
        LayerReason::NotSent => "notSent",
    }
}

/// Of the streams of one kind and direction.
struct Distributions {
    fraction_lost: Histogram,
    jitter: Histogram,
    /// Known of what goes out alone.
    round_trip: Option<Histogram>,
}

impl Distributions {
    /// Of all shards together: each would multiply the series by its buckets.
    fn new(direction: &'static str, kind: &'static str) -> Self {
        let of = |name: &'static str| metrics::histogram!(name, "direction" => direction, "kind" => kind);
        let goes_out = direction == OUTBOUND;
        Self {
            fraction_lost: of("sfu_rtp_fraction_lost"),
            jitter: of("sfu_rtp_jitter_seconds"),
            round_trip: goes_out.then(|| of("sfu_rtp_round_trip_seconds")),
        }
    }
}

/// How well streams are received. The handles are kept: to find one takes longer than to use it.
pub(super) struct Receptions {
    inbound: ByKind<Distributions>,
    outbound: ByKind<Distributions>,
}

impl Receptions {
    pub(super) fn new() -> Self {
        let of = |direction| ByKind {
            audio: Distributions::new(direction, "audio"),
            video: Distributions::new(direction, "video"),
        };
        Self { inbound: of(INBOUND), outbound: of(OUTBOUND) }
    }

    /// Hands on how streams were received.
    pub(super) fn record(&self, receptions: impl Iterator<Item = StreamReception>) {
        for StreamReception { direction, kind, fraction_lost, jitter, round_trip } in receptions {
            let of = match direction {
                Direction::Inbound => &self.inbound,
                Direction::Outbound => &self.outbound,
            };
            let of = match kind {
                TrackKind::Audio => &of.audio,
                TrackKind::Video => &of.video,
            };
            of.fraction_lost.record(fraction_lost);
            of.jitter.record(jitter);
            if let (Some(of), Some(round_trip)) = (&of.round_trip, round_trip) {
                of.record(round_trip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_called_what_clients_read() {
        for reason in REASONS {
            assert_eq!(serde_json::to_value(reason).expect("a word"), name(reason));
        }
    }
}
