//! What the tests in Firefox rely on.

use local_services::{child, firefox::Firefox, scratch::Scratch};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(60);

fn is_anybody_run_with(argument: &str) -> bool {
    let list = Command::new("ps").args(["-ww", "-A", "-o", "args"]).output().expect("ps runs");
    String::from_utf8_lossy(&list.stdout).contains(argument)
}

/// The first line of the answer to a WebSocket handshake (RFC 6455, section 1.3).
fn upgraded(address: &str, path: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "our own service on loopback, which egress refuses")]
    let mut stream = TcpStream::connect(address).expect("Firefox listens");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it is sent");
    stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("Firefox answers");
    line
}

#[test]
fn firefox_listens_for_webdriver_bidi_has_its_preferences_and_ends_with_its_handle() {
    let scratch = Scratch::new().expect("a directory");
    let preferences = [("app.normandy.enabled", "false")];
    let firefox = Firefox::start(scratch.path(), &preferences).expect("Firefox starts");
    assert!(upgraded(firefox.address(), "/session").starts_with("HTTP/1.1 101 "));
    let profile = scratch.join("profile");
    let written = std::fs::read_to_string(profile.join("user.js")).expect("it is there");
    assert_eq!(written, "user_pref(\"app.normandy.enabled\", false);\n");
    let profile = profile.display().to_string();
    assert!(is_anybody_run_with(&profile), "the profile's name is not among the arguments");
    drop(firefox);
    assert!(child::poll(PATIENCE, || !is_anybody_run_with(&profile)), "Firefox outlived its handle");
}
