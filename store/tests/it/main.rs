//! What the store promises, against a real Postgres.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do; clippy only knows the test functions themselves"
)]

mod administration;
mod backlog;
mod changes;
mod chat;
mod connect;
mod contacts;
mod conversations;
mod credentials;
mod fair;
mod files;
mod fixture;
mod groups;
mod hooks;
mod imports;
mod inbox;
mod isolation;
mod join_links;
mod locks;
mod mailbox;
mod named;
mod notifications;
mod people;
mod plans;
mod privacy;
mod queues;
mod received;
mod recordings;
mod records;
mod reseal;
mod reviews;
mod room_events;
mod rooms;
mod search;
mod shares;
mod sign_ins;
mod standing;
mod strangers;
mod tenure;
mod upgrade;
mod young;
