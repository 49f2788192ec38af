//! Files in a folder and in a bucket.

#![allow(
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    reason = "test code: stands in for a service outside, and runs in the time of the real world"
)]

mod bucket;
mod keeping;
mod pictures;
