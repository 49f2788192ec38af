//! What an engine asks for, per stream that somebody is sent.

use super::{BOTH, call::Call, one::One, pairs};
use crate::allocations;
use std::error::Error;

/// Bytes per subscriber, from the second to the thousandth.
pub(super) fn per_subscriber() -> Result<f64, Box<dyn Error>> {
    let few = of(|| One::new(1))?;
    let many = of(|| One::new(1000))?;
    Ok((many - few) / 999.0)
}

/// Bytes of a call of two, whose streams are four, one of each kind each way; what any engine has left out.
pub(super) fn per_call() -> Result<f64, Box<dyn Error>> {
    Ok((of(|| Call::new(&pairs(21)))? - of(|| Call::new(&pairs(1)))?) / 20.0 / 4.0)
}

/// Bytes of a call of 25, each of whom is sent 48 streams.
pub(super) fn per_meeting() -> Result<f64, Box<dyn Error>> {
    Ok(of(|| Call::new(&vec![vec![BOTH; 25]]))? / (25.0 * 48.0))
}

/// What is held as long as what is made is, in bytes. The sealers of the measuring side are in it, with a few
/// hundred bytes each.
fn of<T>(make: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let before = allocations::of_this_thread().live_bytes;
    let made = make()?;
    let bytes = allocations::of_this_thread().live_bytes - before;
    drop(made);
    Ok(bytes as f64)
}
