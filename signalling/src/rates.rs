//! Rates that one has on all instances together: of a user, an account and a client network.
//!
//! Each instance lets through what its own buckets have, at once and without asking: no message waits for another
//! part. Whenever it has let through a block, it tells Redis in the background, and leaves in its own bucket no more
//! than what is left on all instances together. So one gets the rate once, and at most a block more on each instance.
//! While Redis is away each instance's own buckets hold alone.

use crate::hub::Hub;
use bus::{BusError, Spending};
use common::error::Chain;
use signalling_core::{
    ledger::{SharedMeter, with},
    limit::{Meter, Spent, Told},
};
use tracing::debug;

/// Tells others, and hears from them, until the hub drains. An instance that is alone shares no meter.
pub(crate) async fn share(hub: Hub) {
    let dues = hub.0.slots.dues().clone();
    loop {
        let some = dues.next().await;
        tell(&hub, some).await;
    }
}

async fn tell(hub: &Hub, some: Vec<SharedMeter>) {
    let told = some.into_iter().filter_map(|meter| with(&meter, Meter::tell).map(|told| (meter, told)));
    let told: Vec<(SharedMeter, Told)> = told.collect();
    let spendings = told.iter().flat_map(|(_, told)| {
        let of = |kind, spent: Spent| Spending {
            name: format!("hub.{}.{kind}", told.name),
            rate: spent.rate,
            spent: spent.tokens.into(),
        };
        [of("requests", told.requests), of("bytes", told.bytes)]
    });
    let left: Vec<f64> = hub.bus().spend(spendings.collect()).await.into_iter().map(known).collect();
    let now = hub.clock().now();
    for ((meter, _), left) in told.iter().zip(left.chunks_exact(2)) {
        if let [requests, bytes] = left {
            with(meter, |meter| meter.learn(*requests, *bytes, now));
        }
    }
}

/// What is left of a rate on all instances together: without limit where that cannot be told.
fn known(left: Result<f64, BusError>) -> f64 {
    left.unwrap_or_else(|error| {
        metrics::counter!("hub_rates_untold_total").increment(1);
        debug!(error = %Chain(&error), "A rate is this instance's own for now");
        f64::INFINITY
    })
}
