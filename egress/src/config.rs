//! The settings of what goes out.

use crate::network::Network;
use serde::Deserialize;

/// Where tenants' addresses may lead, section `[egress]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Networks that are connected to although they are not public: `10.1.0.0/16`, `127.0.0.1/32`.
    ///
    /// Every tenant's webhooks reach them. None unless automations run in one's own network.
    pub allow: Vec<Network>,
    /// Whether addresses must be `https`.
    ///
    /// True keeps what customers write from crossing networks in the clear; it shuts out receivers
    /// without a certificate.
    pub https_only: bool,
    /// The ports that webhooks may go to; empty allows all.
    ///
    /// Fewer make Switchboard less useful for trying ports of other people's machines.
    pub ports: Vec<u16>,
}
