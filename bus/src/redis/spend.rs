//! Buckets in Redis, by Redis' own clock.

use super::{RedisBackend, partition::Partition, scripts};
use crate::{error::BusError, spending::Spending};
use futures_util::future::join_all;
use redis::Script;
use std::sync::LazyLock;

/// Fills a bucket by the time that has passed, takes from it or gives back, and says what is left. A debt is never larger than the
/// burst: whoever has sent a flood by many instances at once has its time to pay, and no more. A bucket that would be
/// full is as good as none.
pub(super) static SPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local clock = redis.call('TIME')
         local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
         local burst, per_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
         local tokens = burst
         local kept = redis.call('GET', KEYS[1])
         if kept then
             local left, at = string.match(kept, '^(%S+) (%S+)$')
             tokens = math.min(burst, tonumber(left) + math.max(0, now - tonumber(at)) * per_ms)
         end
         tokens = math.min(burst, math.max(tokens - tonumber(ARGV[3]), -burst))
         local full_in = math.ceil((burst - tokens) / per_ms)
         redis.call('SET', KEYS[1], string.format('%.3f %.0f', tokens, now), 'PX', math.max(full_in, 1))
         return string.format('%.3f', tokens)",
    )
});

impl RedisBackend {
    /// One command each, side by side: they may lie on different servers, of which one may be away.
    pub(super) async fn spend_in_redis(&self, spendings: &[Spending]) -> Vec<Result<f64, BusError>> {
        let spent = spendings.iter().map(|Spending { name, rate, spent }| {
            let per_ms = f64::from(rate.count) / rate.period.as_secs_f64() / 1000.0;
            self.command(Partition::of(name), move |_| {
                let mut spend = scripts::call(&SPEND, &[self.names.rate(name)]);
                spend.arg(rate.burst).arg(per_ms).arg(*spent);
                spend
            })
        });
        join_all(spent).await
    }
}
