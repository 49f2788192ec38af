//! Private services for embedded mode and tests: found, started, stopped. Standard library and libc only.
//!
//! [`find`] knows where binaries may be. [`postgres`] and [`redis`] start an
//! instance of their own on a unix socket, [`coturn`], [`chromium`]'s driver and
//! [`firefox`] one on loopback. Each stops with the handle that started it; on Linux also
//! when the thread that started it ends, so that a killed process leaves
//! nothing behind. [`child`] is what they have in common; [`descriptors`] is
//! about the process itself, and a [`scratch`] directory is gone with it.

pub mod child;
pub mod chromium;
pub mod cluster;
pub mod coturn;
pub mod descriptors;
pub mod find;
pub mod firefox;
pub mod ports;
pub mod postgres;
pub mod redis;
pub mod scratch;
pub mod sentinel;
mod servers;
