//! The binary `switchboard`: everything composed into one process.
//!
//! [`command`] reads the arguments, then [`config`] is read. Without a database of its own, [`embedded`] starts
//! one; [`account`] makes the first account, or [`demo`] one to look at. [`roles`] decides which parts this process plays and
//! [`http`] puts their routers behind one listener, with the REST layer
//! ([`api`]), the [`console`] and the [`health`] of it all; [`housekeeping`] forgets in time, [`importer`] works
//! on imports, [`notifier`] notifies people who are away, [`recordings`] stores what media servers
//! have recorded, [`remover`] removes files. [`keys`] verifies tokens,
//! [`revocations`] knows which ended before their time, [`telemetry`] logs and
//! counts, [`signals`] end it; [`limits`] lists what is limited.

pub mod account;
pub mod api;
pub mod command;
pub mod config;
pub mod console;
pub mod demo;
pub mod embedded;
pub mod health;
pub mod housekeeping;
pub mod http;
pub mod importer;
pub mod keys;
pub mod limits;
mod living;
pub mod notifier;
pub mod recordings;
pub mod remover;
pub mod revocations;
pub mod roles;
mod room_events;
pub mod signals;
pub mod telemetry;
