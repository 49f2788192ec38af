//! The media plane without IO: datagrams and time come in, datagrams and events go out.
//!
//! A datagram's way: [`demux`] looks at the first byte, a [`transport`] (ICE,
//! DTLS, [`srtp`]) authenticates and decrypts it, a [`publication`] keeps it and
//! knows what is missing, and every [`subscription`] of it rewrites and encrypts
//! it into the [`output`]. [`rtp`], [`rtcp`] and [`sdp`] read and write the
//! formats. [`engine`] holds it all together.

// Lengths, counters and times come from the network: each operation says what becomes of it at the edge.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
// What comes out must not depend on how a map hashes: the same input gives the same datagrams.
#![deny(clippy::iter_over_hash_type)]

mod budget;
mod buffer;
pub mod demux;
pub mod engine;
#[cfg(any(test, feature = "simulation"))]
pub mod fuzzing;
mod limits;
mod loss;
mod moment;
pub mod output;
mod publication;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod srtp;
mod stun;
mod subscription;
mod transport;

pub use engine::{AnswerError, Engine, EngineConfig, EngineError, Stats};
pub use limits::limits;
pub use loss::LossReason;
pub use output::{MediaEvent, Offer, Output, Run};
pub use sdp::SdpError;
