//! How long things took.

use std::{fmt, time::Duration};

/// Durations, to be summed up.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn note(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }

    /// In milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = sorted.len().saturating_sub(1) * percent / 100;
        sorted.get(place).copied().unwrap_or_default().as_secs_f64() * 1000.0
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p95, p99, worst] = [50, 95, 99, 100].map(|percent| self.percentile(percent));
        write!(out, "p50 {p50:.2} ms, p95 {p95:.2} ms, p99 {p99:.2} ms, worst {worst:.2} ms")
    }
}
