//! RTP packets (RFC 3550).

pub mod header;
pub mod sequence;
pub mod vp8;
