//! TURN for clients that cannot reach each other directly.
//!
//! coturn and Switchboard share a secret and nothing else. Switchboard signs a
//! user name that carries its own expiry ([`credentials`]); coturn, configured
//! by [`conf`], verifies it alone. So credentials are handed out with every
//! call, are worth nothing later, and no database joins the two.
//! [`config`] is what an operator sets.

mod conf;
mod config;
mod credentials;

pub use conf::coturn_conf;
pub use config::{TurnConfig, TurnConfigError};
pub use credentials::ice_servers;
