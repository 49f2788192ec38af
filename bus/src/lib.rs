//! How the parts of Switchboard talk: publish, ask, hold leases, be present.
//!
//! [`Bus`] is what parts use, with the typed subjects of `common::subject`. Its
//! guards are a [`Subscription`], the [`Requests`] of a service, a [`LeaseGuard`]
//! and a [`Presence`]. Behind it is a [`backend`]: [`local`] in one process, or
//! [`redis`] between many. Both contain the [`exchange`], where subscribers of
//! this process are.

mod backend;
mod error;
mod exchange;
mod facade;
mod history;
mod lease;
mod local;
pub mod media_owner;
mod presence;
mod redis;
mod service;
mod spending;
mod subscription;

pub use backend::{Health, Link, Snapshot};
pub use error::BusError;
pub use facade::Bus;
pub use history::{HistoryLimits, Place, Recalled};
pub use lease::{Acquired, LEASE_TIME, LeaseGuard};
pub use presence::Presence;
pub use redis::WAIT_MAX;
pub use service::{Asked, Replier, Requests};
pub use spending::Spending;
pub use subscription::{Delivery, Subscription};
