//! The hub's settings.

use common::bucket::Rate;
use serde::{Deserialize, Serialize};

/// The hub's settings, section `[signalling]`. Limits are those of one instance; rates of a user, an account and a client
/// network are those of all instances together while Redis joins them.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The most sockets on this instance. Each costs about 12 KiB.
    pub connections_max: usize,
    /// Of those, of one client network: an IPv4 address, or a /64 of IPv6. Behind a proxy every client has the
    /// proxy's address unless `http.trusted_proxies` names it.
    ///
    /// Higher lets a larger office or carrier share one address; lower leaves more to others when somebody
    /// opens all that one may.
    pub connections_per_network_max: usize,
    /// Of those, of one account.
    ///
    /// Higher lets one tenant be larger; lower keeps more for the others.
    pub connections_per_account_max: usize,
    /// Of those, of one user or guest: tabs and devices.
    pub connections_per_user_max: usize,
    /// The most rooms of one account that people on this instance are in.
    ///
    /// Higher lets one tenant be in more at a time; each costs about 100 KB and two subscriptions at the bus,
    /// which is asked every five seconds who is in it.
    pub rooms_per_account_max: usize,
    /// The most durable rooms of one account that were opened by joining a name.
    ///
    /// Higher lets a tenant have more; rooms of other classes are nowhere when nobody is in them.
    pub named_rooms_per_account_max: usize,
    /// How many events a recent room keeps.
    ///
    /// More lets clients be away for longer without reading anew; each room takes as much memory of Redis, or of this
    /// process, at most 96 KiB.
    pub recent_events_max: u32,
    /// For how long a recent room keeps an event, in seconds.
    pub recent_s: u64,
    /// The most sockets that have not said who they are. Each may take ten seconds to do so; one more than these has the
    /// oldest of them give way, of the network that has most.
    pub unauthenticated_max: usize,
    /// Of these, of one client network.
    ///
    /// Higher lets more people behind one address reconnect at the same moment.
    pub unauthenticated_per_network_max: usize,
    /// How often a socket is pinged, in seconds; silence for twice as long closes it.
    ///
    /// Shorter notices dead networks sooner; longer saves batteries.
    pub ping_s: u64,
    /// How many frames, of whatever kind, a connection may send a second, on and on.
    pub requests_per_second: u32,
    /// How many frames it may send at once after a pause.
    pub requests_burst: u32,
    /// How many bytes a connection may send a second, on and on. What one sends, everybody in the room must be able
    /// to receive.
    pub bytes_per_second: u32,
    /// How many bytes it may send at once after a pause.
    pub bytes_burst: u32,
    /// How many times as much as one connection all connections of a user may send together.
    pub user_factor: u32,
    /// How many times as much as one connection all connections of an account may send together.
    pub account_factor: u32,
    /// How many times as much as one connection all connections of a client network may send together: an IPv4
    /// address, or a /64 of IPv6.
    ///
    /// Higher lets a larger office or carrier share one address.
    pub network_factor: u32,
    /// What a guest of a room may send, on all connections together.
    pub guest: GuestConfig,
}

/// What a guest of a room may send, section `[signalling.guest]`. The same four as for a person's connection.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuestConfig {
    /// How many frames a second, on and on.
    pub requests_per_second: u32,
    /// How many frames at once after a pause.
    pub requests_burst: u32,
    /// How many bytes a second, on and on.
    pub bytes_per_second: u32,
    /// How many bytes at once after a pause.
    pub bytes_burst: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connections_max: 50_000,
            connections_per_network_max: 5_000,
            connections_per_account_max: 20_000,
            connections_per_user_max: 100,
            rooms_per_account_max: 5_000,
            named_rooms_per_account_max: 10_000,
            recent_events_max: 100,
            recent_s: 300,
            unauthenticated_max: 5_000,
            unauthenticated_per_network_max: 500,
            ping_s: 25,
            requests_per_second: 50,
            requests_burst: 200,
            bytes_per_second: 128 * 1024,
            bytes_burst: 512 * 1024,
            user_factor: 4,
            account_factor: 100,
            network_factor: 200,
            guest: GuestConfig::default(),
        }
    }
}

impl Default for GuestConfig {
    fn default() -> Self {
        Self {
            requests_per_second: 10,
            requests_burst: 40,
            bytes_per_second: 32 * 1024,
            bytes_burst: 256 * 1024,
        }
    }
}

/// Requests and bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) requests: Rate,
    pub(crate) bytes: Rate,
}

impl Rates {
    pub(crate) const fn times(self, factor: u32) -> Self {
        Self { requests: self.requests.times(factor), bytes: self.bytes.times(factor) }
    }
}

impl Config {
    /// Of one connection of a person.
    pub(crate) const fn person(&self) -> Rates {
        Rates {
            requests: Rate::per_second(self.requests_burst, self.requests_per_second),
            bytes: Rate::per_second(self.bytes_burst, self.bytes_per_second),
        }
    }

    /// Of a guest.
    pub(crate) const fn guest(&self) -> Rates {
        let GuestConfig { requests_per_second, requests_burst, bytes_per_second, bytes_burst } = self.guest;
        Rates {
            requests: Rate::per_second(requests_burst, requests_per_second),
            bytes: Rate::per_second(bytes_burst, bytes_per_second),
        }
    }
}
