//! What the browser tests rely on.

use local_services::{child, chromium::Chromedriver, find, scratch::Scratch};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Sends one WebDriver command and returns the answer's body.
fn command(driver: &Chromedriver, method: &str, path: &str, body: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "our own service on loopback, which egress refuses")]
    let mut stream = TcpStream::connect(("127.0.0.1", driver.port())).expect("chromedriver listens");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("it is sent");
    stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    let mut lines = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).expect("chromedriver answers");
        match line.to_ascii_lowercase().trim_end().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().expect("a number"),
            Some(_) => {}
            None if line == "\r\n" => break,
            None => assert!(line.starts_with("HTTP/1.1 200"), "{line}"),
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).expect("chromedriver answers in full");
    String::from_utf8(body).expect("JSON is UTF-8")
}

fn user_data_dir(session: &str) -> &str {
    let value = session.split_once(r#""userDataDir":""#).and_then(|(_, rest)| rest.split('"').next());
    value.expect("chromedriver names the profile's directory")
}

fn is_anybody_run_with(argument: &str) -> bool {
    let list = Command::new("ps").args(["-ww", "-A", "-o", "args"]).output().expect("ps runs");
    String::from_utf8_lossy(&list.stdout).contains(argument)
}

#[test]
fn chromedriver_opens_a_page_in_chromium_and_ends_it() {
    let scratch = Scratch::new().expect("a directory");
    let driver = Chromedriver::start(scratch.path()).expect("chromedriver starts");
    let binary = find::chromium().expect("no Chromium: run `cargo xtask setup chromium`");
    let session = command(
        &driver,
        "POST",
        "/session",
        &format!(
            r#"{{"capabilities":{{"alwaysMatch":{{"goog:chromeOptions":{{"binary":{binary:?},
               "args":["--headless=new","--no-sandbox","--disable-gpu","--disable-dev-shm-usage"]}}}}}}}}"#
        ),
    );
    let id = session.split_once(r#""sessionId":""#).and_then(|(_, rest)| rest.split('"').next());
    let id = id.unwrap_or_else(|| panic!("no session: {session}")).to_owned();
    let page = r#"{"url":"data:text/html,<title>It works</title>"}"#;
    command(&driver, "POST", &format!("/session/{id}/url"), page);
    let title = command(&driver, "GET", &format!("/session/{id}/title"), "");
    assert!(title.contains("It works"), "{title}");
    // The session is not closed, as when a test panics: the browser ends with its driver.
    let profile = format!("--user-data-dir={}", user_data_dir(&session));
    assert!(is_anybody_run_with(&profile), "the profile's name is read wrongly");
    drop(driver);
    assert!(child::poll(PATIENCE, || !is_anybody_run_with(&profile)), "Chromium outlived its driver");
}
