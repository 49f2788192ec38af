//! Short-lived credentials in the way of "A REST API For Access To TURN Services".

use crate::config::{TurnConfig, is_stun, is_turn};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use common::{protocol::media::IceServer, secret::Secret};
use time::{Duration, OffsetDateTime};

/// The servers for `user`, with credentials that are valid for the configured time from `now`.
///
/// STUN servers come without credentials; TURN servers are left out while there is no secret.
pub fn ice_servers(config: &TurnConfig, user: &str, now: OffsetDateTime) -> Vec<IceServer> {
    let urls = |wanted: fn(&str) -> bool| -> Vec<String> {
        config.urls.iter().filter(|url| wanted(url)).cloned().collect()
    };
    let (stun, turn) = (urls(is_stun), urls(is_turn));
    let mut servers = Vec::new();
    if !stun.is_empty() {
        servers.push(IceServer { urls: stun, username: None, credential: None });
    }
    if let Some(secret) = &config.secret
        && !turn.is_empty()
    {
        let expires = now + Duration::seconds(config.ttl_s.into());
        let username = format!("{}:{user}", expires.unix_timestamp());
        let credential = sign(secret, &username);
        servers.push(IceServer { urls: turn, username: Some(username), credential: Some(credential) });
    }
    servers
}

/// The password for a user name.
///
/// SHA-1 is what coturn verifies; as a MAC it is sound, and it protects hours of relaying.
fn sign(secret: &Secret, username: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose().as_bytes());
    BASE64.encode(hmac::sign(&key, username.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(urls: &[&str]) -> TurnConfig {
        TurnConfig {
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            secret: Some(Secret::new("north".to_owned())),
            ttl_s: 3600,
            ..TurnConfig::default()
        }
    }

    /// `printf 1800003600:agent-7 | openssl dgst -sha1 -hmac north -binary | base64`
    #[test]
    fn the_user_name_carries_its_expiry_and_the_password_signs_it() {
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let servers = ice_servers(&config(&["turn:turn.example.com"]), "agent-7", now);
        let turn = IceServer {
            urls: vec!["turn:turn.example.com".to_owned()],
            username: Some("1800003600:agent-7".to_owned()),
            credential: Some("gVU2P/C/m/7nlbmnqM0KHmbNkHo=".to_owned()),
        };
        assert_eq!(servers, [turn]);
    }

    #[test]
    fn stun_servers_get_no_credentials() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let servers = ice_servers(&config(&["stun:a", "turn:a", "turns:a"]), "agent-7", now);
        assert_eq!(servers.len(), 2);
        assert_eq!((servers[0].urls.len(), &servers[0].username), (1, &None));
        assert_eq!((servers[1].urls.len(), servers[1].username.is_some()), (2, true));
    }

    #[test]
    fn without_a_secret_there_is_no_turn_server() {
        let config = TurnConfig { secret: None, ..config(&["stun:a", "turn:a"]) };
        let servers = ice_servers(&config, "agent-7", OffsetDateTime::UNIX_EPOCH);
        assert_eq!(servers.len(), 1);
    }
}
