//! The only SQL.
//!
//! [`connect`] opens the database under two roles that cannot bypass
//! Row-Level Security. What belongs to an account is reached through a
//! [`tenant`] transaction only; the few things that cross accounts are methods
//! of [`system`]. Then one module per kind of thing. [`seal`] keeps secrets
//! from the database itself, [`reseal`] changes their keys, [`bootstrap`] makes roles and tables.

pub mod accounts;
pub mod api_keys;
pub mod audit;
mod begin;
pub mod bootstrap;
pub mod calls;
pub mod canned_responses;
pub mod changes;
pub mod channels;
mod column;
pub mod connect;
pub mod contacts;
pub mod conversations;
pub mod elevations;
pub mod error;
pub mod idempotency;
pub mod imports;
pub mod invitations;
pub mod join_links;
pub mod labels;
pub mod mailbox;
pub mod messages;
mod named;
pub mod notes;
pub mod notifications;
pub mod outbox;
pub mod privacy;
pub mod raw_events;
pub mod recordings;
pub mod replies;
pub mod reseal;
pub mod roles;
pub mod room_events;
pub mod rooms;
pub mod seal;
pub mod search;
pub mod sign_ins;
pub mod standing;
pub mod system;
pub mod teams;
pub mod tenant;
#[cfg(feature = "testing")]
pub mod testing;
pub mod users;
pub mod webhooks;

pub use connect::{Store, StoreConfig};
pub use error::{ChangeError, StoreError};
pub use named::Named;
pub use seal::SealKeyring;
pub use system::{ReviewMark, Reviews, System};
pub use tenant::{Mark, TenantTx};
