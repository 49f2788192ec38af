//! Redis is reached over TLS, and only one whose certificate is trusted.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use local_services::{redis::Redis, scratch::Scratch};
use serde_json::json;
use std::{fs, path::Path, process::Command};
use switchboard_tests::{installation::Installation, server, socket::Socket};

/// A Redis with a certificate of its own.
struct Encrypted {
    redis: Redis,
    directory: Scratch,
}

impl Encrypted {
    fn start() -> Self {
        let directory = Scratch::new().expect("a directory");
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
        write_pem(&certificate, "CERTIFICATE", own.cert.der());
        write_pem(&key, "PRIVATE KEY", &own.signing_key.serialize_der());
        let redis = Redis::start_with_tls(directory.path(), &certificate, &key).expect("Redis starts");
        Self { redis, directory }
    }

    async fn installation(&self) -> Installation {
        Installation::new().await.with_redis(&self.redis.tls_url().expect("it listens over TLS"))
    }

    fn certificate(&self) -> String {
        self.directory.join("certificate.pem").display().to_string()
    }
}

/// RFC 7468.
fn write_pem(file: &Path, label: &str, der: &[u8]) {
    let lines: Vec<_> = BASE64.encode(der).into_bytes();
    let lines: Vec<_> = lines.chunks(64).map(String::from_utf8_lossy).collect();
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    fs::write(file, text).expect("it is written");
}

#[tokio::test]
async fn two_instances_meet_at_a_redis_that_is_reached_over_tls() {
    let encrypted = Encrypted::start();
    let mut installation = encrypted.installation().await;
    installation.set("SSL_CERT_FILE", &encrypted.certificate());
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let mut ada = Socket::open(&a.base, &account.admin.token).await;
    let mut ben = Socket::open(&b.base, &account.admin.token).await;
    for socket in [&mut ada, &mut ben] {
        socket.ask("room.join", json!({ "roomId": room })).await;
    }
    let ada_id = ada.connection_id();
    ada.ask("room.typing", json!({ "roomId": room, "typing": true })).await;
    ben.event("room.typing", |event| event["connectionId"] == ada_id).await;
}

#[tokio::test]
async fn a_redis_whose_certificate_nobody_vouches_for_is_refused_at_the_start() {
    let encrypted = Encrypted::start();
    let installation = encrypted.installation().await;
    let environment = installation.environment().iter().cloned();
    let serve = Command::new(server::binary()).arg("serve").envs(environment).output().expect("it runs");
    assert!(!serve.status.success());
    let said = String::from_utf8_lossy(&serve.stderr).to_lowercase();
    assert!(said.contains("certificate"), "{said}");
}
