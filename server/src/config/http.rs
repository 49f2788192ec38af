//! Settings of the listener and of signing in.

use crate::http::{ProxyHeader, cidr::Cidr, cors::AllowedOrigin};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The HTTP listener.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// The address and TCP port to listen on. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// The address that `/metrics` is served on, alone; not at all without it. Keep it off the internet: metrics tell
    /// how much there is to do.
    ///
    /// Example: `"127.0.0.1:7881"`
    pub metrics_listen: Option<SocketAddr>,
    /// The most connections on this instance, sockets of the hub among them.
    ///
    /// Each needs a descriptor and, idle, about 10 KiB. Beyond it, idle ones give way to new ones.
    pub connections_max: usize,
    /// Of those, from one client network: an IPv4 address, or 64 bits of IPv6.
    ///
    /// More lets larger offices in behind one address; fewer costs others less when somebody opens all they can.
    pub connections_per_network_max: usize,
    /// How long the head of a request may take, in seconds.
    pub header_s: u64,
    /// How long a connection may wait between two requests, in seconds.
    ///
    /// Proxies keep theirs for a minute or so and should be the ones to close.
    pub idle_s: u64,
    /// How long a request's body may stand still, in seconds. In all it has `timeout_s`.
    pub body_s: u64,
    /// Bytes of requests' bodies that may be in memory, webhooks of channels apart. A quarter is kept for small ones.
    ///
    /// More takes more long ones at once; fewer keeps memory for the rest.
    pub body_bytes_max: usize,
    /// Of those, of one client network, beyond the first 16 KiB of each body: at least one file of contacts.
    pub body_bytes_per_network_max: usize,
    /// How long a client may take none of an answer, in seconds.
    pub write_s: u64,
    /// How long a request may take, in seconds; sockets are exempt.
    pub timeout_s: u64,
    /// How long a request that uploads a file may take, in seconds. While it comes, `body_s` holds for it, too.
    pub upload_s: u64,
    /// How long connections and work in progress may take to finish after SIGTERM, in seconds.
    pub drain_s: u64,
    /// Requests to the API without a token that one client network may make a second, on and on.
    pub anonymous_per_second: u32,
    /// The same at once after a pause: an office that comes back after an outage signs in and connects together.
    pub anonymous_burst: u32,
    /// Networks of proxies and load balancers whose word is taken on where a client comes from.
    ///
    /// Without the proxy's network in it, all clients share the limits of one. Whoever is in it can claim any address.
    ///
    /// Example: `["10.0.0.0/8"]`
    #[serde(skip_serializing)]
    pub trusted_proxies: Vec<Cidr>,
    /// The header that they append to: `x-forwarded-for` or `forwarded` (RFC 7239). The other one is not read.
    pub proxy_header: ProxyHeader,
    /// Whether they send a header of the PROXY protocol before all else: `off` or `v2`.
    pub proxy_protocol: ProxyProtocol,
    /// Whether browsers are told to use nothing but TLS for this host (RFC 6797); they remember it for a year.
    pub hsts: bool,
    /// Origins of other sites whose pages may import the client library from here and use the API, or `*` for all.
    ///
    /// The hub takes everybody who has a token: a page that brings the library along needs none of this for it.
    ///
    /// Example: `["https://shop.example"]`
    #[serde(skip_serializing)]
    pub cors_origins: Vec<AllowedOrigin>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7880)),
            metrics_listen: None,
            connections_max: 60_000,
            connections_per_network_max: 2_000,
            header_s: 10,
            idle_s: 75,
            body_s: 10,
            body_bytes_max: 128 * 1024 * 1024,
            body_bytes_per_network_max: 32 * 1024 * 1024,
            write_s: 30,
            timeout_s: 30,
            upload_s: 600,
            drain_s: 20,
            anonymous_per_second: 100,
            anonymous_burst: 1_000,
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::XForwardedFor,
            proxy_protocol: ProxyProtocol::Off,
            hsts: false,
            cors_origins: Vec::new(),
        }
    }
}

/// The protocol that precedes HTTP on connections of trusted proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// Nothing.
    #[default]
    Off,
    /// A header of version 2.
    V2,
}

/// Signing in by password.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignIn {
    /// How many passwords are verified at once. Each takes 19 MiB and a processor for tens of milliseconds.
    pub workspaces: usize,
    /// How many passwords may wait for their turn; more are told to come again.
    pub waiting_max: usize,
}

impl Default for SignIn {
    fn default() -> Self {
        Self { workspaces: 2, waiting_max: 64 }
    }
}
