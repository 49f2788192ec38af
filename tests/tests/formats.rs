//! What the media core writes is read by another implementation, and the other way round: webrtc-rs, which shares
//! no code with ours.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: whatever is not as expected is a failure"
)]

#[path = "formats/rtcp.rs"]
mod rtcp;
#[path = "formats/srtp.rs"]
mod srtp;
