//! Files in a folder and in a bucket.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "test code: whatever is not as expected is a failure"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "stands in for a service outside, and runs in the time of the real world"
)]

mod bucket;
mod keeping;
mod pictures;
