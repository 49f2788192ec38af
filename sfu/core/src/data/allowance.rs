//! How much one participant may say.

use super::envelope::Delivery;
use crate::moment::after;
use common::bucket::{Bucket, Rate};
use std::time::{Duration, Instant};

/// What one participant may send: messages.
pub(crate) const MESSAGES: Rate = Rate::per_second(200, 100);

/// Likewise in bytes.
pub(crate) const BYTES: Rate = Rate::per_second(256_000, 128_000);

/// What one participant may still say.
pub(super) struct Allowance {
    messages: Bucket,
    bytes: Bucket,
    /// Until when no reliable messages are read: they wait with their sender.
    stalled_until: Option<Instant>,
}

impl Allowance {
    /// All of it.
    pub(super) fn new(now: Instant) -> Self {
        let (messages, bytes) = (Bucket::new(MESSAGES, now), Bucket::new(BYTES, now));
        Self { messages, bytes, stalled_until: None }
    }

    /// Whether a message may be read now. Lossy ones do not wait.
    pub(super) fn admits(&self, delivery: Option<Delivery>, now: Instant) -> bool {
        delivery != Some(Delivery::Reliable) || self.stalled_until.is_none_or(|until| until <= now)
    }

    /// When reliable messages may be read again that wait now.
    pub(super) const fn stalled_until(&self) -> Option<Instant> {
        self.stalled_until
    }

    /// Takes note of the time.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.stalled_until.take_if(|until| *until <= now);
    }

    /// Counts a message that was read; false if it is lossy and one too many.
    pub(super) fn take(&mut self, delivery: Delivery, bytes: usize, now: Instant) -> bool {
        if delivery == Delivery::Lossy && self.wait(now) > Duration::ZERO {
            return false;
        }
        self.messages.spend(1, now);
        self.bytes.spend(u32::try_from(bytes).unwrap_or(u32::MAX), now);
        let wait = self.wait(now);
        self.stalled_until = (wait > Duration::ZERO).then(|| after(now, wait));
        true
    }

    fn wait(&mut self, now: Instant) -> Duration {
        self.messages.wait(now).max(self.bytes.wait(now))
    }
}
