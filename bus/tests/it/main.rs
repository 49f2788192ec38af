//! The contract of the bus, held against one process, one Redis and a Redis Cluster, and what an outage of Redis leaves intact.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: whatever is not as expected is a failure"
)]

/// One fact, on each.
macro_rules! contract {
    ($($fact:ident)*) => {
        mod local {
            $(#[tokio::test] async fn $fact() { super::$fact(crate::Pair::local()).await; })*
        }
        mod redis {
            $(#[tokio::test] async fn $fact() { super::$fact(crate::Pair::redis(&crate::redis_url()).await).await; })*
        }
        mod redis_cluster {
            $(#[tokio::test] async fn $fact() { super::$fact(crate::Pair::cluster(crate::cluster::shared()).await).await; })*
        }
    };
}

mod cluster;
mod contract;
mod histories;
mod leases;
mod outage;
mod presence;
mod process;
mod proxy;
mod rates;
mod refusals;
mod requests;
mod sentinel;
mod subscriptions;

use bus::{Asked, Bus, Delivery, Subscription};
use common::{
    clock::SystemClock,
    id::NodeId,
    subject::{LeaseName, PresenceSet, Service, Topic},
};
use shutdown::Shutdown;
use std::time::Duration;

/// How long anything that is waited for may take. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(30);

struct News(String);

impl Topic for News {
    type Message = u32;
    fn name(&self) -> String {
        self.0.clone()
    }
}

struct Doubler;

impl Service for Doubler {
    type Request = u32;
    type Reply = u32;
    fn name(&self) -> String {
        "doubler".to_owned()
    }
}

struct Crown;

impl LeaseName for Crown {
    fn name(&self) -> String {
        "crown".to_owned()
    }
}

struct Guests;

impl PresenceSet for Guests {
    type Entry = String;
    fn name(&self) -> String {
        "guests".to_owned()
    }
}

fn news() -> News {
    News("news".to_owned())
}

fn node() -> NodeId {
    NodeId::generate(&SystemClock)
}

fn redis_url() -> String {
    std::env::var("SWITCHBOARD_TEST_REDIS_URL")
        .expect("SWITCHBOARD_TEST_REDIS_URL is not set: run `cargo xtask test`, or `cargo xtask services`")
}

async fn serve_one(bus: Bus) -> tokio::task::JoinHandle<()> {
    let mut requests = bus.serve(&Doubler).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    tokio::spawn(async move {
        while let Some(Asked { request, reply }) = requests.next().await {
            reply.send(&(request * 2));
        }
    })
}

/// Two processes on one bus, which in the local backend are one.
struct Pair {
    here: Bus,
    there: Bus,
    /// Under which they are in Redis.
    prefix: String,
    shutdown: Shutdown,
}

impl Pair {
    fn local() -> Self {
        let bus = Bus::local(node());
        Self { here: bus.clone(), there: bus, prefix: String::new(), shutdown: Shutdown::default() }
    }

    async fn redis(url: &str) -> Self {
        Self::over(async |prefix, shutdown| Bus::redis(node(), url, prefix, shutdown).await).await
    }

    async fn cluster(nodes: &[String]) -> Self {
        let nodes = || nodes.iter().map(String::as_str);
        Self::over(async |prefix, shutdown| Bus::redis_cluster(node(), nodes(), prefix, shutdown).await).await
    }

    async fn over(connect: impl AsyncFn(&str, &Shutdown) -> Result<Bus, bus::BusError>) -> Self {
        let prefix = format!("t{}", uuid::Uuid::new_v4().simple());
        let shutdown = Shutdown::default();
        let connect = async || connect(&prefix, &shutdown).await.expect("Redis answers");
        let (here, there) = (connect().await, connect().await);
        Self { here, there, prefix, shutdown }
    }
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it happens in time")
}

/// The next message, past anything that says that some may be lost.
async fn message(subscription: &mut Subscription<u32>) -> u32 {
    loop {
        if let Delivery::Message(message) = soon(subscription.next()).await.expect("the bus lives") {
            return message;
        }
    }
}

/// Asks again until it is so: another process is told of changes a moment later.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    soon(async {
        while !holds().await {
            // A breath, so that asking does not keep the machine from doing.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
