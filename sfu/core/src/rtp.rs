//! RTP packets (RFC 3550), and how the payloads of each codec begin.

pub mod av1;
pub mod descriptor;
pub mod h264;
pub mod header;
pub mod red;
pub mod sequence;
pub mod vp8;
pub mod vp9;
