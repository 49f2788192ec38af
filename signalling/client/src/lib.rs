//! The wire protocol's client in Rust. The black-box tests and the load tools are what it is for.
//!
//! A [`Connection`] is a WebSocket that a load client can afford thousands of: it hands on frames and keeps nothing of
//! them. A [`Client`] speaks the protocol over one: it asks, keeps the events that come meanwhile, and goes on where
//! an earlier connection ended ([`Client::resume_room`], [`Client::resume_inbox`]).
//!
//! It shares no framing with the server, so that each judges the other, and it holds the server to what a client may
//! count on: whole frames without a mask or reserved bits. It connects to `http://` only, and its handshake's key and
//! its masks are always the same, which no proxy on the way must be trusted with: a client for a machine of one's own.

mod client;
mod connection;
pub mod frame;
mod resume;

pub use client::{Answer, Client, Error, Lost, request};
pub use connection::{Connection, Writer};
