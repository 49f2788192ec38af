//! Customers' messages: webhooks in, stored once, told to agents and automations; replies out.
//!
//! [`webhook`] stores what a channel sends, and only then says yes. [`ingest`]
//! takes it apart and stores what it says. [`publish`] tells agents' screens,
//! [`deliver`] automations. [`outbound`] sends replies through [`graph`].
//! [`attachments`] serves what came with messages, which [`files`] fetches. [`snooze`] brings conversations back.
//! Each is a [`work`] loop over a queue in the store; replies and deliveries are in [`flight`] side by side.
//! [`limits()`] says what is limited.

mod attachments;
mod config;
mod context;
mod deliver;
mod files;
mod flight;
mod graph;
mod ingest;
mod limits;
mod outbound;
mod publish;
mod role;
mod snooze;
mod webhook;
mod work;

pub use config::Config;
pub use context::{Deps, Inbox, StartError};
pub use limits::limits;
pub use role::{RunError, router, run};

/// The reference of what this role serves to callers of the REST layer.
#[cfg(feature = "openapi")]
pub fn openapi() -> utoipa::openapi::OpenApi {
    attachments::reference()
}
