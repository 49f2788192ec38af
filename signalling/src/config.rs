//! The hub's settings.

use serde::Deserialize;

/// The hub's settings, section `[signalling]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Sockets at most on this instance. Each costs about 12 KiB.
    pub connections_max: usize,
    /// How often a socket is pinged, in seconds; silence for twice as long closes it.
    ///
    /// Shorter notices dead networks sooner; longer saves batteries.
    pub ping_s: u64,
    /// Requests a connection may make a second, on and on.
    pub requests_per_second: u32,
    /// Requests it may make at once after a pause.
    pub requests_burst: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { connections_max: 50_000, ping_s: 25, requests_per_second: 50, requests_burst: 200 }
    }
}
