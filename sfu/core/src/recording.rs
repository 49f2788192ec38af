//! Tracks written down as they come, without transcoding: packets and time come in, the bytes of a file go out.
//!
//! The [`tap`] of an engine hands over what comes of the sessions that are recorded. A [`Track`] puts its packets
//! back into their [`order`], lays them on a [`timeline`], and writes sound as [`opus`] in [`ogg`], pictures as whole
//! [`frames`] in [`webm`], which is made of [`ebml`]. What lies in the file is playable at any moment: whoever writes
//! may be killed.

mod ebml;
mod frames;
mod ogg;
mod opus;
mod order;
pub(crate) mod tap;
mod timeline;
mod track;
mod webm;

pub use frames::VideoCodec;
pub use tap::{Recorded, RecordedItem, RecordedPacket, RecordedTrack, SenderReport, StreamId};
pub use timeline::Beginning;
pub use track::{Codec, Ending, Patch, Track, TrackStats};
