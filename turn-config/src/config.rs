//! What an operator sets in `[turn]`.

use common::secret::Secret;
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, path::PathBuf};

/// STUN and TURN servers handed to clients, and what coturn must know to be one of them.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnConfig {
    /// What clients are told. None: calls work where devices reach each other or the media server.
    ///
    /// Example: `["stun:turn.example:3478", "turn:turn.example:3478?transport=udp", "turns:turn.example:5349"]`
    pub urls: Vec<String>,
    /// Shared with coturn (`static-auth-secret`), at least 16 bytes: `openssl rand -hex 32`. Needed if there are TURN
    /// URLs, and for `switchboard turn-config`.
    ///
    /// Example: `"…"`
    #[serde(skip_serializing)]
    pub secret: Option<Secret>,
    /// How long credentials are valid, in seconds. A relayed call cannot outlast
    /// them; a client that leaks them lends out the relay for as long.
    pub ttl_s: u32,
    /// coturn's realm: any name, usually the domain.
    pub realm: String,
    /// coturn's port for UDP and TCP.
    pub port: u16,
    /// coturn's port for TLS and DTLS, open if there is a certificate.
    pub tls_port: u16,
    /// The PEM file of the certificate chain, as coturn sees it; without it there is no TLS.
    ///
    /// Example: `"/etc/coturn/certificate.pem"`
    pub certificate: Option<PathBuf>,
    /// The PEM file of the certificate's key, as coturn sees it.
    ///
    /// Example: `"/etc/coturn/key.pem"`
    pub private_key: Option<PathBuf>,
    /// Where coturn is reached from outside, if its machine has only a private address.
    ///
    /// Example: `"203.0.113.9"`
    pub external_ip: Option<IpAddr>,
    /// The first port of relays.
    pub relay_port_min: u16,
    /// The last port of relays. Each client in a relayed call takes one or two.
    pub relay_port_max: u16,
    /// Private addresses that relays may send to nevertheless, such as the media
    /// server's. All others are refused, or clients could reach your network through coturn.
    pub allowed_peers: Vec<IpAddr>,
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            secret: None,
            ttl_s: 12 * 60 * 60,
            realm: "switchboard".to_owned(),
            port: 3478,
            tls_port: 5349,
            certificate: None,
            private_key: None,
            external_ip: None,
            relay_port_min: 49_152,
            relay_port_max: 65_535,
            allowed_peers: Vec::new(),
        }
    }
}

/// What is wrong with a [`TurnConfig`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TurnConfigError {
    /// A browser refuses the whole list for one such URL.
    #[error("turn.urls: `{0}` does not begin with stun:, stuns:, turn: or turns:")]
    Url(String),
    /// A browser refuses the whole list for a TURN server without credentials.
    #[error("turn.secret is missing: TURN servers need credentials")]
    NoSecret,
    /// It would end or change its line in coturn's configuration.
    #[error("turn.{0} must not contain white space, quotes or #")]
    Characters(&'static str),
    /// TLS needs both files.
    #[error("turn.certificate and turn.private_key belong together")]
    HalfCertificate,
    /// There is no port between them.
    #[error("turn.relay_port_min is above turn.relay_port_max")]
    Ports,
}

impl TurnConfig {
    /// Whether clients and coturn can work with it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), TurnConfigError> {
        if let Some(url) = self.urls.iter().find(|url| !is_stun(url) && !is_turn(url)) {
            return Err(TurnConfigError::Url(url.clone()));
        }
        if self.secret.is_none() && self.urls.iter().any(|url| is_turn(url)) {
            return Err(TurnConfigError::NoSecret);
        }
        let path =
            |path: &Option<PathBuf>| path.as_ref().map_or(String::new(), |it| it.display().to_string());
        let secret = self.secret.as_ref().map_or("", |secret| secret.expose());
        for (name, value) in [
            ("secret", secret),
            ("realm", &self.realm),
            ("certificate", &path(&self.certificate)),
            ("private_key", &path(&self.private_key)),
        ] {
            if value.contains(|it: char| it.is_whitespace() || it.is_control() || "\"'#".contains(it)) {
                return Err(TurnConfigError::Characters(name));
            }
        }
        if self.certificate.is_some() != self.private_key.is_some() {
            return Err(TurnConfigError::HalfCertificate);
        }
        if self.relay_port_min > self.relay_port_max {
            return Err(TurnConfigError::Ports);
        }
        Ok(())
    }
}

pub(crate) fn is_stun(url: &str) -> bool {
    url.starts_with("stun:") || url.starts_with("stuns:")
}

pub(crate) fn is_turn(url: &str) -> bool {
    url.starts_with("turn:") || url.starts_with("turns:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_secret(secret: &str) -> TurnConfig {
        TurnConfig { secret: Some(Secret::new(secret.to_owned())), ..TurnConfig::default() }
    }

    #[test]
    fn the_defaults_are_valid_and_offer_nothing() {
        assert_eq!(TurnConfig::default().check(), Ok(()));
        assert!(TurnConfig::default().urls.is_empty());
    }

    #[test]
    fn what_a_browser_would_refuse_is_found_before() {
        let url = "turn:turn.example.com".to_owned();
        let config = TurnConfig { urls: vec![url.clone()], ..TurnConfig::default() };
        assert_eq!(config.check(), Err(TurnConfigError::NoSecret));
        assert_eq!(TurnConfig { urls: vec![url], ..with_secret("s") }.check(), Ok(()));
        let config = TurnConfig { urls: vec!["https://x".to_owned()], ..TurnConfig::default() };
        assert_eq!(config.check(), Err(TurnConfigError::Url("https://x".to_owned())));
    }

    #[test]
    fn no_value_can_write_a_line_of_its_own() {
        assert_eq!(with_secret("a\nno-auth").check(), Err(TurnConfigError::Characters("secret")));
        let config = TurnConfig { realm: "r\nno-auth".to_owned(), ..TurnConfig::default() };
        assert_eq!(config.check(), Err(TurnConfigError::Characters("realm")));
    }
}
