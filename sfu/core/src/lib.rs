//! The media plane without IO: datagrams and time come in, datagrams and events go out.
//!
//! A datagram's way: [`demux`] looks at the first byte, a [`transport`] (ICE,
//! DTLS, [`srtp`]) authenticates and decrypts it, an [`encoding`] of a
//! [`publication`] keeps it and knows what is missing, and every [`subscription`]
//! of it rewrites and encrypts it into the [`output`]. [`stun`], [`rtp`], [`rtcp`] and [`sdp`] read and
//! write the formats.
//!
//! Each part owns its state, and says when it is due: [`sessions`] who is where,
//! [`negotiation`] what was agreed, [`transports`] who is found by which datagram,
//! [`forward`] which track goes to whom, [`congestion`] how much of that,
//! [`retransmit`] what is missing, [`liveness`] which encodings of a track come,
//! [`allocations`] who gets which of them,
//! [`keyframe`], [`report`], [`arrival_feedback`] what senders are asked and
//! told, [`speakers`] who is heard, [`data`] what they say in data channels, and [`recording`] what is written down. [`engine`] passes
//! on what happens to one of them to those that it concerns.

// Lengths, counters and times come from the network: each operation says what becomes of it at the edge.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
// What comes out must not depend on how a map hashes: the same input gives the same datagrams.
#![deny(clippy::iter_over_hash_type)]

mod address;
pub mod allocation;
mod allocations;
mod arrival_feedback;
pub mod bandwidth;
mod budget;
mod buffer;
mod by_ssrc;
mod congestion;
pub(crate) mod data;
pub mod demux;
mod encoding;
pub mod engine;
mod forward;
#[cfg(any(test, feature = "simulation"))]
pub mod fuzzing;
mod id;
mod keyframe;
pub mod layer;
mod limits;
mod liveness;
mod loss;
mod moment;
mod naming;
mod negotiation;
pub mod output;
pub mod pacer;
mod publication;
pub mod recording;
mod report;
mod retransmit;
pub mod rtcp;
pub mod rtp;
mod schedule;
pub mod sdp;
mod sessions;
mod speakers;
pub mod srtp;
mod stun;
mod subscription;
mod totals;
mod transport;
mod transports;

pub use address::{TcpConnection, TransportAddress};
pub use congestion::Bandwidth;
pub use data::DataStats;
pub use engine::{AnswerError, Engine, EngineConfig, EngineError, Stats};
pub use id::SessionId;
pub use limits::limits;
pub use loss::LossReason;
pub use naming::asked_shard;
pub use output::{MediaEvent, Offer, Output, Run};
pub use sdp::SdpError;
pub use sessions::Cast;
pub use totals::{ByKind, Carried, Direction, StreamReception};
