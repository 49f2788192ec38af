//! coturn's configuration, and the short-lived credentials that it accepts. Pure.
//!
//! Clients get TURN credentials that expire (the "REST API" scheme that coturn
//! implements as `use-auth-secret`): the user name is an expiry time and a
//! name, the password a MAC of it under a secret that only coturn and
//! Switchboard know.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use common::{protocol::media::IceServer, secret::Secret};
use serde::Deserialize;
use std::fmt::Write;
use time::{Duration, OffsetDateTime};

/// STUN and TURN servers handed to clients, section `[turn]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnConfig {
    /// `stun:`, `turn:` and `turns:` URLs (RFC 7064, RFC 7065). None: clients connect directly or not at all.
    pub urls: Vec<String>,
    /// Shared with coturn (`static-auth-secret`); needed if any URL is TURN.
    pub secret: Option<Secret>,
    /// How long credentials are good for, in seconds.
    ///
    /// coturn checks them when an allocation is made and refreshed, so longer
    /// than a call lasts; shorter makes leaked ones worthless sooner.
    pub ttl_s: u32,
    /// coturn's realm.
    pub realm: String,
    /// The port that coturn listens on.
    pub port: u16,
    /// The first and last UDP port that coturn relays on.
    pub relay_ports: (u16, u16),
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            secret: None,
            ttl_s: 12 * 60 * 60,
            realm: "switchboard".to_owned(),
            port: 3478,
            relay_ports: (49_152, 65_535),
        }
    }
}

/// The configuration lacks what coturn needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("turn.secret is not configured")]
pub struct NoSecret;

/// The servers for `user`, with credentials that expire `ttl_s` after `now`.
///
/// TURN servers are left out while no secret is configured: without
/// credentials they would refuse.
pub fn ice_servers(config: &TurnConfig, user: &str, now: OffsetDateTime) -> Vec<IceServer> {
    let (turn, stun): (Vec<_>, Vec<_>) = config.urls.iter().cloned().partition(|url| url.starts_with("turn"));
    let mut servers = Vec::new();
    if !stun.is_empty() {
        servers.push(IceServer { urls: stun, username: None, credential: None });
    }
    if let (false, Some(secret)) = (turn.is_empty(), &config.secret) {
        let expires_at = now + Duration::seconds(config.ttl_s.into());
        let username = format!("{}:{user}", expires_at.unix_timestamp());
        let credential = Some(password(secret, &username));
        servers.push(IceServer { urls: turn, username: Some(username), credential });
    }
    servers
}

/// The MAC that coturn computes too. It is SHA-1 there and cannot be chosen.
fn password(secret: &Secret, username: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose().as_bytes());
    BASE64.encode(hmac::sign(&key, username.as_bytes()))
}

/// A `turnserver.conf` that accepts what [`ice_servers`] hands out.
///
/// # Errors
/// [`NoSecret`].
pub fn coturn_conf(config: &TurnConfig) -> Result<String, NoSecret> {
    let secret = config.secret.as_ref().ok_or(NoSecret)?;
    let (first, last) = config.relay_ports;
    let mut text = String::from("# coturn for Switchboard. Contains a secret: readable by coturn only.\n");
    let settings = [
        format!("listening-port={}", config.port),
        format!("realm={}", config.realm),
        "use-auth-secret".to_owned(),
        format!("static-auth-secret={}", secret.expose()),
        format!("min-port={first}"),
        format!("max-port={last}"),
        "fingerprint".to_owned(),
        "no-cli".to_owned(),
        // Nobody may reach the operator's own network through the relay.
        "no-multicast-peers".to_owned(),
        "denied-peer-ip=0.0.0.0-0.255.255.255".to_owned(),
        "denied-peer-ip=10.0.0.0-10.255.255.255".to_owned(),
        "denied-peer-ip=100.64.0.0-100.127.255.255".to_owned(),
        "denied-peer-ip=169.254.0.0-169.254.255.255".to_owned(),
        "denied-peer-ip=172.16.0.0-172.31.255.255".to_owned(),
        "denied-peer-ip=192.168.0.0-192.168.255.255".to_owned(),
        "no-tlsv1".to_owned(),
        "no-tlsv1_1".to_owned(),
    ];
    for setting in settings {
        // Writing to a String does not fail.
        let _infallible = writeln!(text, "{setting}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> TurnConfig {
        TurnConfig {
            urls: vec!["stun:turn.example".to_owned(), "turn:turn.example".to_owned()],
            secret: Some(Secret::new("north".to_owned())),
            ttl_s: 60,
            ..TurnConfig::default()
        }
    }

    #[test]
    fn credentials_name_their_expiry_and_are_for_turn_only() {
        let servers = ice_servers(&config(), "ada", OffsetDateTime::UNIX_EPOCH);
        assert_eq!((servers[0].urls.len(), &servers[0].credential), (1, &None));
        assert_eq!(servers[1].username.as_deref(), Some("60:ada"));
        assert_eq!(servers[1].credential.as_deref().map(str::len), Some(28));
    }

    #[test]
    fn without_a_secret_no_turn_server_is_handed_out() {
        let servers = ice_servers(&TurnConfig { secret: None, ..config() }, "ada", OffsetDateTime::UNIX_EPOCH);
        assert_eq!(servers.len(), 1);
        assert_eq!(coturn_conf(&TurnConfig::default()), Err(NoSecret));
    }
}
