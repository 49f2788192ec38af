//! later
use local_services::redis::Redis;
use std::process::Command;

/// Halts Redis: whoever is connected stays so, and gets no answer.
pub(crate) fn stop(redis: &Redis) {
    signal(redis, "-STOP");
}

pub(crate) fn signal(redis: &Redis, signal: &str) {
    let id = redis.id().expect("it runs").to_string();
    let status = Command::new("kill").args([signal, &id]).status().expect("there is a kill");
    assert!(status.success(), "{status}");
}
