//! A shard's figures, handed to the metrics once a second and not per packet.

mod streams;

use crate::{socket::Sent, tcp::Tally};
use sfu_core::{DataStats, Engine};
use std::time::{Duration, Instant};
use streams::Receptions;
use tracing::info;

/// How often figures are handed on.
const INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Meter {
    shard: String,
    next: Instant,
    sent: Sent,
    /// How many were cut off from data.
    cut: u64,
    receptions: Receptions,
}

impl Meter {
    pub(crate) fn new(shard: u16, now: Instant) -> Self {
        let receptions = Receptions::new();
        Self { shard: shard.to_string(), next: now, sent: Sent::default(), cut: 0, receptions }
    }

    /// Notes what was sent.
    pub(crate) const fn note(&mut self, sent: Sent) {
        self.sent.datagrams += sent.datagrams;
        self.sent.dropped += sent.dropped;
        self.sent.calls += sent.calls;
    }

    /// Whether it is time to hand the figures on.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Hands the figures on.
    pub(crate) fn update(&mut self, now: Instant, engine: &mut Engine, tally: Tally) {
        self.next = now + INTERVAL;
        let stats = engine.stats();
        self.update_data(stats.data);
        streams::count(&self.shard, &stats);
        streams::count_subscriptions(&self.shard, engine.subscriptions_told());
        self.receptions.record(engine.take_receptions());
        let count = |name: &'static str, value: u64| {
            metrics::counter!(name, "shard" => self.shard.clone()).absolute(value);
        };
        count("sfu_packets_received_total", stats.packets_received);
        count("sfu_packets_forwarded_total", stats.packets_forwarded);
        count("sfu_packets_resent_total", stats.packets_resent);
        count("sfu_resends_refused_total", stats.resends_refused);
        count("sfu_packets_refused_total", stats.packets_refused);
        count("sfu_packets_padding_total", stats.packets_padding);
        count("sfu_packets_overdue_total", stats.packets_overdue);
        count("sfu_datagrams_refused_total", stats.datagrams_refused);
        count("sfu_datagrams_sent_total", self.sent.datagrams);
        count("sfu_datagrams_dropped_total", self.sent.dropped);
        count("sfu_send_calls_total", self.sent.calls);
        count("sfu_tcp_frames_sent_total", tally.frames);
        count("sfu_tcp_bytes_dropped_total", tally.bytes_dropped);
        let gauge = |name: &'static str, value: usize| {
            let value = u32::try_from(value).unwrap_or(u32::MAX);
            metrics::gauge!(name, "shard" => self.shard.clone()).set(f64::from(value));
        };
        gauge("sfu_participants", stats.participants);
        gauge("sfu_publications", stats.publications);
        gauge("sfu_subscriptions", stats.subscriptions);
    }

    /// Hands on what was said in data channels.
    fn update_data(&mut self, data: DataStats) {
        let count = |name: &'static str, value: u64| {
            metrics::counter!(name, "shard" => self.shard.clone()).absolute(value);
        };
        count("sfu_data_messages_received_total", data.messages_received);
        count("sfu_data_bytes_received_total", data.bytes_received);
        count("sfu_data_messages_sent_total", data.messages_sent);
        count("sfu_data_bytes_sent_total", data.bytes_sent);
        count("sfu_data_cut_total", data.cut);
        let dropped = |reason: &'static str, value: u64| {
            let shard = self.shard.clone();
            metrics::counter!("sfu_data_dropped_total", "shard" => shard, "reason" => reason).absolute(value);
        };
        dropped("rate", data.dropped_rate);
        dropped("forbidden", data.dropped_forbidden);
        dropped("malformed", data.dropped_malformed);
        dropped("full", data.dropped_full);
        let cut = data.cut.wrapping_sub(std::mem::replace(&mut self.cut, data.cut));
        if cut > 0 {
            info!(shard = %self.shard, count = cut, "Participants who did not read were cut off from data channels: {cut}");
        }
    }
}
