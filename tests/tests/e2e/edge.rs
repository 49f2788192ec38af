//! The listener as it stands on the internet: clients that are silent, slow, many, or lie about who they are.

use local_services::ports;
use serde_json::json;
use std::{
    process::{Command, Stdio},
    time::Duration,
};
use switchboard_tests::{
    PATIENCE,
    installation::{Installation, PASSWORD},
    server::{Server, binary},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address()).await.expect("the listener accepts")
}

/// Sends `bytes` and reads until the server closes.
async fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut socket = connect(server).await;
    socket.write_all(bytes).await.expect("it is sent");
    rest_of(&mut socket).await
}

/// What comes until the server closes. That it closes is the point.
async fn rest_of(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end too.
    let _end = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The head of an answer on a connection that stays open.
async fn head_of(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, socket.read_u8()).await.expect("an answer comes").expect("not the end");
        head.push(byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn health_answers_with_256_descriptors_and_300_silent_connections() {
    let installation = Installation::new().await;
    let server = installation.server_by(&["sh", "-c", "ulimit -n 256; exec \"$0\" \"$@\""]);
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(connect(&server).await);
    }
    let answer = exchange(&server, HEALTH).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // All of them are held still: they were not closed by this end.
    assert_eq!(silent.len(), 300);
}

/// Two thousand heads that never end, as one client once kept for ever.
#[tokio::test]
async fn half_a_head_is_closed_after_the_deadline() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_HTTP__HEADER_S", "2");
    installation.set("SWITCHBOARD_HTTP__CONNECTIONS_PER_NETWORK_MAX", "10000");
    let server = installation.server();
    let mut half = Vec::new();
    for _ in 0..2000 {
        let mut socket = connect(&server).await;
        socket.write_all(b"GET /health HTTP/1.1\r\nx-slow: ").await.expect("it is sent");
        half.push(socket);
    }
    // One keeps it coming: the deadline is for the whole head.
    let mut drip = connect(&server).await;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if drip.write_all(b"G").await.is_err() {
            break;
        }
    }
    assert!(started.elapsed() < Duration::from_secs(10), "a byte now and then does not help");
    for socket in &mut half {
        assert_eq!(rest_of(socket).await, "");
    }
}

#[tokio::test]
async fn a_connection_between_requests_stays_for_its_time_and_no_longer() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_HTTP__HEADER_S", "1");
    installation.set("SWITCHBOARD_HTTP__IDLE_S", "4");
    let server = installation.server();
    let mut socket = connect(&server).await;
    let request = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    socket.write_all(request).await.expect("it is sent");
    assert!(head_of(&mut socket).await.starts_with("HTTP/1.1 200"));
    socket.read_exact(&mut [0; 15]).await.expect("the body");
    // Longer than a head may take.
    tokio::time::sleep(Duration::from_secs(2)).await;
    socket.write_all(request).await.expect("it is sent");
    assert!(head_of(&mut socket).await.starts_with("HTTP/1.1 200"));
    socket.read_exact(&mut [0; 15]).await.expect("the body");
    let started = Instant::now();
    assert_eq!(rest_of(&mut socket).await, "");
    assert!(started.elapsed() > Duration::from_secs(3), "not by the head's deadline");
}

#[tokio::test]
async fn a_head_that_is_too_long_or_has_too_many_lines_is_refused() {
    let installation = Installation::new().await;
    let server = installation.server();
    let long = format!("GET /health HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(40_000));
    let many = format!("GET /health HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-many: 1\r\n".repeat(150));
    for head in [long, many] {
        let answer = exchange(&server, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_stands_still_is_answered_408_and_closed() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_HTTP__BODY_S", "1");
    let server = installation.server();
    let head = b"POST /v1/auth/sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"em";
    let answer = exchange(&server, head).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

/// The console's largest files, asked for again and again, and never read.
#[tokio::test]
async fn who_reads_nothing_is_closed_after_the_deadline() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_HTTP__WRITE_S", "1");
    let server = installation.server();
    let mut socket = connect(&server).await;
    let asked = timeout(PATIENCE, async {
        // Until neither end takes more: the write fails once the server has closed.
        while socket.write_all(b"GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n").await.is_ok() {}
    });
    asked.await.expect("the server closes");
}

#[tokio::test]
async fn one_network_has_its_share_of_connections_and_others_get_in() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_HTTP__CONNECTIONS_PER_NETWORK_MAX", "5");
    let server = installation.server();
    let mut greedy = Vec::new();
    for _ in 0..50 {
        greedy.push(connect(&server).await);
    }
    // Its longest idle ones gave way.
    for socket in greedy.iter_mut().take(44) {
        assert_eq!(rest_of(socket).await, "");
    }
    let other = tokio::net::TcpSocket::new_v4().expect("a socket");
    other.bind("127.0.0.2:0".parse().expect("an address")).expect("loopback has many addresses");
    let mut other = other.connect(server.address().parse().expect("an address")).await.expect("it gets in");
    other.write_all(HEALTH).await.expect("it is sent");
    assert!(rest_of(&mut other).await.starts_with("HTTP/1.1 200"));
    let last = greedy.last_mut().expect("fifty");
    last.write_all(HEALTH).await.expect("it is sent");
    assert!(rest_of(last).await.starts_with("HTTP/1.1 200"), "the latest ones stay");
}

/// Wrong tries as clients behind one proxy, and as one who only says so.
#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart_and_nobody_else_chooses_their_address() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_HTTP__TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let client = reqwest::Client::builder().timeout(PATIENCE).build().expect("a client");
    let wrong = async |from: &str| {
        let answer = client
            .post(format!("{}/v1/auth/sign-in", server.base))
            .header("x-forwarded-for", from)
            .json(&json!({ "email": account.email, "password": "a guess" }))
            .send()
            .await
            .expect("an answer");
        answer.status().as_u16()
    };
    for _ in 0..10 {
        assert_eq!(wrong("203.0.113.66").await, 401);
    }
    assert_eq!(wrong("203.0.113.66").await, 429);
    // What the client made up stands left of what the proxy saw.
    assert_eq!(wrong("198.51.100.1, 203.0.113.66").await, 429);
    assert_eq!(wrong("203.0.113.7").await, 401);
    let sign_ins = account.admin.get("/v1/me/sign-ins").await;
    assert_eq!(sign_ins["items"][0]["address"], "127.0.0.1", "the proxy itself");

    let untrusting = Installation::new().await;
    let server = untrusting.server();
    let account = untrusting.account("acme", &server).await;
    for number in 0..11 {
        let answer = client
            .post(format!("{}/v1/auth/sign-in", server.base))
            .header("x-forwarded-for", format!("203.0.113.{number}"))
            .json(&json!({ "email": account.email, "password": "a guess" }));
        let status = answer.send().await.expect("an answer").status().as_u16();
        assert_eq!(status, if number < 10 { 401 } else { 429 });
    }
}

/// A header of the PROXY protocol, version 2, for an IPv4 client.
fn proxied(client: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(client);
    header.extend([127, 0, 0, 1, 0x12, 0x67, 0x1e, 0xc8]);
    header
}

#[tokio::test]
async fn a_load_balancer_says_who_calls_before_http_begins() {
    let mut installation = Installation::new().await;
    let plain = installation.server();
    let account = installation.account("acme", &plain).await;
    drop(plain);
    installation.set("SWITCHBOARD_HTTP__TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    installation.set("SWITCHBOARD_HTTP__PROXY_PROTOCOL", "v2");
    installation.set("SWITCHBOARD_HTTP__HEADER_S", "1");
    let server = installation.server();
    let body = json!({ "email": account.email, "password": PASSWORD }).to_string();
    let request = format!(
        "POST /v1/auth/sign-in HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let with = |header: &[u8]| [header, request.as_bytes()].concat();
    let answer = exchange(&server, &with(&proxied([203, 0, 113, 5]))).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Without a header, with version 1, and with none that ever ends: closed without a word.
    assert_eq!(exchange(&server, request.as_bytes()).await, "");
    assert_eq!(exchange(&server, &with(b"PROXY TCP4 203.0.113.5 127.0.0.1 1 2\r\n")).await, "");
    assert_eq!(exchange(&server, b"\r\n\r\n\0\r\nQUIT\n\x21").await, "");
    let (_, json) = answer.split_once("\r\n\r\n").expect("a body");
    let signed_in: serde_json::Value = serde_json::from_str(json).expect("JSON");
    drop(server);
    installation.set("SWITCHBOARD_HTTP__PROXY_PROTOCOL", "off");
    let server = installation.server();
    let token = signed_in["accessToken"].as_str().expect("a token");
    let me = account.admin.at(&server.base).with_key(token);
    let sign_ins = me.get("/v1/me/sign-ins").await;
    assert_eq!(sign_ins["items"][0]["address"], "203.0.113.5");
}

#[tokio::test]
async fn every_answer_has_the_headers_of_a_careful_server_and_metrics_have_their_own_door() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_HTTP__HSTS", "true");
    let door = ports::free().expect("a port");
    installation.set("SWITCHBOARD_HTTP__METRICS_LISTEN", &door.to_string());
    let server = installation.server();
    for path in ["/", "/health", "/ready", "/v1/openapi.json", "/v1/me", "/nothing", "/v1/nothing"] {
        let answer = reqwest::Client::builder()
            .timeout(PATIENCE)
            .build()
            .expect("a client")
            .get(format!("{}{path}", server.base))
            .header("x-request-id", "made-up")
            .send()
            .await
            .expect("an answer");
        let header =
            |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(header("permissions-policy").contains("camera=(self)"), "{path}");
        assert!(header("strict-transport-security").starts_with("max-age="), "{path}");
        assert_eq!(header("x-request-id").len(), 36, "{path}: an id of our own");
        if path.starts_with("/v1/me") {
            assert_eq!(header("cache-control"), "no-store", "{path}");
        }
    }
    let metrics = exchange(&server, b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(metrics.starts_with("HTTP/1.1 404"), "{metrics}");
    let metrics = reqwest::get(format!("http://{door}/metrics")).await.expect("an answer");
    assert!(metrics.text().await.expect("text").contains("http_request_duration_seconds"));
}

#[tokio::test]
async fn ending_lets_a_request_finish_and_waits_for_nobody_who_asks_nothing() {
    let mut installation = Installation::new().await;
    // Longer than the test may take: it is not a deadline that ends them.
    for setting in ["HEADER_S", "IDLE_S", "BODY_S", "DRAIN_S"] {
        installation.set(&format!("SWITCHBOARD_HTTP__{setting}"), "1000");
    }
    let server = installation.server();
    let (mut silent, mut half, mut idle, mut busy) =
        (connect(&server).await, connect(&server).await, connect(&server).await, connect(&server).await);
    half.write_all(b"GET /hea").await.expect("it is sent");
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it is sent");
    head_of(&mut idle).await;
    let body = json!({ "email": "nobody@example.test", "password": "a guess" }).to_string();
    let (first, last) = body.split_at(10);
    let head = format!(
        "POST /v1/auth/sign-in HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    busy.write_all(head.as_bytes()).await.expect("it is sent");
    // The handler reads the body: the request has begun.
    assert!(head_of(&mut busy).await.starts_with("HTTP/1.1 100"));
    busy.write_all(first.as_bytes()).await.expect("it is sent");
    server.terminate();
    for socket in [&mut silent, &mut half, &mut idle] {
        rest_of(socket).await;
    }
    busy.write_all(last.as_bytes()).await.expect("it is sent");
    let answer = rest_of(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    server.ended();
}

/// Memory of the server in KiB.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Hashing takes 19 MiB: once each sign-in had its own, and kept it.
#[tokio::test]
async fn thirty_three_sign_ins_at_once_take_the_memory_of_two() {
    let installation = Installation::new().await;
    let server = installation.server();
    let before = resident(&server);
    let client = reqwest::Client::builder().timeout(PATIENCE).build().expect("a client");
    let tries = (0..33).map(|number| {
        let body = json!({ "email": format!("nobody-{number}@example.test"), "password": "a guess" });
        client.post(format!("{}/v1/auth/sign-in", server.base)).json(&body).send()
    });
    for answer in futures_util::future::join_all(tries).await {
        assert_eq!(answer.expect("an answer").status().as_u16(), 401);
    }
    let after = resident(&server);
    println!("resident before {before} KiB, after {after} KiB");
    assert!(after < before + 100 * 1024, "before {before} KiB, after {after} KiB");
}

#[test]
fn the_examples_of_the_documentation_and_weak_passwords_are_refused_on_the_command_line() {
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = Command::new(binary())
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let example = [("SWITCHBOARD_AUTH__SECRET", "at least 32 bytes, the same on all instances")];
    for command in [["config", "check"], ["serve", "--roles=api"]] {
        let (is_good, says) = run(&command, &example);
        assert!(!is_good && says.contains("auth.secret is the example"), "{says}");
    }
}

#[tokio::test]
async fn a_first_administrator_has_a_good_password_too() {
    let installation = Installation::new().await;
    let made = installation.create_account("acme", "first@acme.test", "abcde");
    assert!(!made.status.success());
    let says = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(says.contains("at least 15 characters"), "{says}");
    let made = installation.create_account("acme", "first@acme.test", PASSWORD);
    assert!(made.status.success(), "nothing was left behind: {}", String::from_utf8_lossy(&made.stderr));
}
