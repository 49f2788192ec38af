//! What the tests of outages rely on.

use local_services::{redis::Redis, scratch::Scratch};
use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
};

/// Sends one inline command and returns the first bytes of the answer.
fn ask(redis: &Redis, command: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(redis.url().trim_start_matches("redis+unix://"))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = [0; 64];
    let length = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

#[test]
fn killed_it_is_gone_and_restarted_it_is_back_and_empty() {
    let scratch = Scratch::new().expect("a directory");
    let mut redis = Redis::start(scratch.path()).expect("Redis starts");
    assert_eq!(ask(&redis, "SET kept 1").expect("it answers"), "+OK\r\n");
    redis.kill().expect("it was running");
    assert!(ask(&redis, "PING").is_err(), "it still answers");
    redis.restart().expect("Redis starts again");
    assert_eq!(ask(&redis, "GET kept").expect("it answers"), "$-1\r\n");
}
