//! How much one client, user or account may ask and send.

use common::bucket::{Bucket, Rate};
use std::time::{Duration, Instant};

/// What one may ask and send: requests and bytes, each with a bucket of its own.
#[derive(Debug)]
pub struct Meter {
    requests: Bucket,
    bytes: Bucket,
}

impl Meter {
    /// One of whom nothing was heard yet.
    pub fn new(requests: Rate, bytes: Rate, now: Instant) -> Self {
        Self { requests: Bucket::new(requests, now), bytes: Bucket::new(bytes, now) }
    }

    /// How long until the next request is within the rate; zero if it is.
    pub fn wait_for_request(&mut self, now: Instant) -> Duration {
        self.requests.wait(now)
    }

    /// How long until the next byte is within the rate; zero if it is.
    pub fn wait_for_bytes(&mut self, now: Instant) -> Duration {
        self.bytes.wait(now)
    }

    /// Counts a request.
    pub fn spend_request(&mut self, now: Instant) {
        self.requests.spend(1, now);
    }

    /// Counts what was read.
    pub fn spend_bytes(&mut self, count: usize, now: Instant) {
        self.bytes.spend(u32::try_from(count).unwrap_or(u32::MAX), now);
    }

    /// Whether the requests of a while ago are forgotten.
    pub fn is_rested(&mut self, now: Instant) -> bool {
        self.requests.is_full(now)
    }
}
