//! The settings of what goes out.

use crate::network::Network;
use serde::{Deserialize, Serialize};

/// Where tenants' addresses may lead, section `[egress]`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Networks that webhooks may reach although they are not public. Every tenant's webhooks reach them: none, unless
    /// automations run in your own network.
    ///
    /// Example: `["10.1.0.0/16", "127.0.0.1/32"]`
    #[serde(skip_serializing)]
    pub allow: Vec<Network>,
    /// Whether webhooks must go to `https` addresses.
    ///
    /// True keeps what customers write from crossing networks in the clear; it shuts out receivers
    /// without a certificate.
    pub https_only: bool,
    /// The ports that webhooks may go to; empty allows all.
    ///
    /// Fewer make Switchboard less useful for trying ports of other people's machines.
    pub ports: Vec<u16>,
}
