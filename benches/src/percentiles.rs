//! How long things took.

use std::{fmt, time::Duration};

/// Durations, to be summed up.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn note(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort();
        let at = |percent: usize| {
            let place = sorted.len().saturating_sub(1) * percent / 100;
            sorted.get(place).copied().unwrap_or_default().as_secs_f64() * 1000.0
        };
        write!(
            out,
            "p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, worst {:.2} ms",
            at(50),
            at(95),
            at(99),
            at(100)
        )
    }
}
