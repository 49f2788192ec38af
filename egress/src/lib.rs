//! Everything that goes out: webhooks, files, keys, and whatever comes later.
//!
//! A tenant chooses where webhooks go, and a provider where files are; Switchboard stands where
//! neither may reach: beside databases, cloud metadata services and other people's machines. So one
//! [`Guard`] judges every address after its name was resolved and before it is connected to:
//!
//! 1. [`HttpClient`] takes a URL, and the guard judges its scheme, port, and a literal address in it.
//! 2. The name is resolved by the guard's own resolver, which drops every address that is
//!    [not public](forbidden) and refuses if none is left. The connection is made to what was judged:
//!    a name that resolves differently the next time gains nothing.
//! 3. No redirect is followed and no proxy is asked: both would be a second address.
//!
//! [`Dialler`] does the same for protocols other than HTTP. What the operator writes into the
//! configuration is the operator's word: such origins are [trusted](Terms::trusting) and not judged.
//!
//! Nothing else in Switchboard makes an outgoing connection, except the drivers of Postgres and Redis
//! to where the operator says; `clippy.toml` and `cargo xtask tidy` hold it.

mod answer;
mod client;
mod config;
mod dialler;
mod error;
mod forbidden;
mod guard;
mod limits;
mod names;
mod network;
mod own;
mod resolver;

pub use answer::Answer;
pub use client::{HttpClient, Request, Terms};
pub use config::Config;
pub use dialler::Dialler;
pub use error::{Error, Refusal, UNDELIVERABLE};
pub use guard::Guard;
pub use limits::limits;
pub use network::Network;
pub use reqwest::StatusCode;
pub use resolver::Resolver;
