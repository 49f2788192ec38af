//! Which layers of a track a subscriber gets.

use crate::{bandwidth::Bitrate, rtp::descriptor::TEMPORAL_LAYERS_MAX, sdp::encoding::TAKEN_MAX};
use common::id::TrackId;

/// Encodings of one track at most.
pub const ENCODINGS_MAX: usize = TAKEN_MAX;

/// What a subscriber is to get of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Nothing for now. It goes on with a key frame.
    Paused,
    /// This layer. Where that encoding does not come, the best that does and is smaller, and else the smallest.
    Layer {
        /// Which encoding, the smallest first. Of a track that has fewer, the best.
        encoding: u8,
        /// Up to which temporal layer. Of an encoding that has fewer, all.
        temporal: u8,
    },
}

impl Target {
    /// All that comes.
    pub const BEST: Self = Self::Layer { encoding: u8::MAX, temporal: u8::MAX };

    /// The least that moves like the rest.
    pub const SMALLEST: Self = Self::Layer { encoding: 0, temporal: u8::MAX };
}

/// One of a track's encodings as it comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EncodingState {
    /// Packets came lately.
    pub is_live: bool,
    /// What it takes up to each temporal layer, RTP headers included, as measured last over about a second; nothing
    /// before that.
    pub rates: [Bitrate; TEMPORAL_LAYERS_MAX],
    /// How many temporal layers it has; none before that.
    pub temporal_layers: u8,
    /// The width and height of its last key frame in pixels, where they could be read.
    pub size: Option<(u16, u16)>,
}

/// A track as a participant receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedTrack {
    /// Which.
    pub track: TrackId,
    /// What the participant is to get of it.
    pub target: Target,
    /// Which of its encodings goes out, the smallest being 0; `None` if none does yet.
    pub encoding: Option<u8>,
    /// The smallest first; those that it has not are as if they never came.
    pub encodings: [EncodingState; ENCODINGS_MAX],
}
