//! Private services for embedded mode and tests: found, started, stopped. Standard library only.
//!
//! [`find`] knows where binaries may be. [`postgres`] and [`redis`] start an
//! instance of their own on a unix socket, [`coturn`] one on loopback; each
//! stops with the handle that started it, and with the process if that is
//! killed. [`child`] is what they have in common.

pub mod child;
pub mod coturn;
pub mod find;
pub mod postgres;
pub mod redis;
