//! The inbox's settings.

use serde::{Deserialize, Serialize};
use url::Url;

/// The inbox's settings, section `[inbox]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many workers each queue has on this instance. 0: webhooks are stored and left to other instances.
    ///
    /// More use more of the database; two keep a small machine busy.
    pub workers: u32,
    /// How long a worker may hold a reply or a delivery before another takes it, in seconds.
    ///
    /// It must be longer than a status takes to come back: a reply whose sender
    /// died is recognised by its status, or sent again after this. Less than 30 counts as 30.
    pub lease_s: u64,
    /// How often a webhook that fails to be processed is tried before it is set aside.
    pub ingest_attempts_max: u32,
    /// How often a reply is tried before it counts as failed.
    pub reply_attempts_max: u32,
    /// How often a delivery to an automation is tried before it is given up.
    pub delivery_attempts_max: u32,
    /// The most replies under way at the same time on this instance.
    ///
    /// More lets more channels hang before others wait; each takes a connection and some memory.
    pub replies_at_once: u16,
    /// The most replies under way at the same time per channel, over all instances.
    ///
    /// More gets through a backlog sooner; fewer keeps below what the provider allows a second.
    pub replies_per_channel: u16,
    /// The most replies under way at the same time per account, over all instances.
    pub replies_per_account: u16,
    /// The most deliveries under way at the same time on this instance.
    pub deliveries_at_once: u16,
    /// The most deliveries under way at the same time per webhook, over all instances.
    ///
    /// More gets through a backlog sooner; fewer spares a slow automation.
    pub deliveries_per_webhook: u16,
    /// The most deliveries under way at the same time per account, over all instances.
    pub deliveries_per_account: u16,
    /// The most bytes of webhook bodies in memory on this instance while they come in.
    ///
    /// More lets more senders be slow at the same time; what is beyond is told to come again.
    pub webhook_bytes_max: usize,
    /// The same from one client network. A provider sends for all channels from few addresses.
    pub webhook_bytes_per_client_max: usize,
    /// The same for the channels of one account, from wherever they come. At most a quarter of all.
    pub webhook_bytes_per_account_max: usize,
    /// Meta's Graph API, by which WhatsApp is reached.
    pub graph: Graph,
}

/// Meta's Graph API.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Graph {
    /// The base URL of the API.
    pub base_url: Url,
    /// The version of the API.
    pub version: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 2,
            lease_s: 60,
            ingest_attempts_max: 20,
            reply_attempts_max: 12,
            delivery_attempts_max: 30,
            replies_at_once: 256,
            replies_per_channel: 8,
            replies_per_account: 32,
            deliveries_at_once: 256,
            deliveries_per_webhook: 4,
            deliveries_per_account: 32,
            webhook_bytes_max: 64 * 1024 * 1024,
            webhook_bytes_per_client_max: 16 * 1024 * 1024,
            webhook_bytes_per_account_max: 16 * 1024 * 1024,
            graph: Graph::default(),
        }
    }
}

impl Default for Graph {
    #[expect(clippy::expect_used, reason = "a constant, checked by every test that starts an inbox")]
    fn default() -> Self {
        Self {
            base_url: Url::parse("https://graph.facebook.com").expect("a constant URL"),
            version: "v24.0".to_owned(),
        }
    }
}
