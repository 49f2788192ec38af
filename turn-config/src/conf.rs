//! The configuration file of coturn.

use crate::config::{TurnConfig, TurnConfigError};
use std::fmt::Write;

/// What no client has any business sending to through a relay: networks that
/// are private, shared, reserved or wrap another address. coturn itself refuses loopback.
const DENIED_PEERS: [&str; 13] = [
    "0.0.0.0-0.255.255.255",
    "10.0.0.0-10.255.255.255",
    "100.64.0.0-100.127.255.255",
    "169.254.0.0-169.254.255.255",
    "172.16.0.0-172.31.255.255",
    "192.0.0.0-192.0.0.255",
    "192.168.0.0-192.168.255.255",
    "198.18.0.0-198.19.255.255",
    "240.0.0.0-255.255.255.255",
    "::ffff:0.0.0.0-::ffff:255.255.255.255",
    "64:ff9b::-64:ff9b::ffff:ffff",
    "fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

/// A complete `turnserver.conf` that accepts the credentials of [`ice_servers`](crate::ice_servers)
/// and relays to public addresses and the allowed ones only. It contains the secret.
///
/// # Errors
/// If the configuration is not valid, or has no secret.
pub fn coturn_conf(config: &TurnConfig) -> Result<String, TurnConfigError> {
    config.check()?;
    let secret = config.secret.as_ref().ok_or(TurnConfigError::NoSecret)?;
    let mut text = format!(
        "# coturn for Switchboard. Contains a secret: keep it readable by coturn alone.\n\
         \n\
         # Credentials: signed by Switchboard, verified here, valid until the time in the user name.\n\
         use-auth-secret\n\
         static-auth-secret={}\n\
         realm={}\n\
         stale-nonce=600\n\
         fingerprint\n\
         # Relays at once per set of credentials: a call takes a few, a thief would take many.\n\
         user-quota=50\n\
         \n\
         # Where clients and peers reach it.\n\
         listening-port={}\n\
         min-port={}\n\
         max-port={}\n",
        secret.expose(),
        config.realm,
        config.port,
        config.relay_port_min,
        config.relay_port_max
    );
    let mut line = |line: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "{line}");
    };
    if let Some(address) = config.external_ip {
        line(format_args!("external-ip={address}"));
    }
    if let (Some(certificate), Some(key)) = (&config.certificate, &config.private_key) {
        line(format_args!("tls-listening-port={}", config.tls_port));
        line(format_args!("cert={}", certificate.display()));
        line(format_args!("pkey={}", key.display()));
        line(format_args!("no-tlsv1\nno-tlsv1_1"));
    } else {
        line(format_args!("no-tls\nno-dtls"));
    }
    line(format_args!("\n# Whom relays may send to. Allowed ones win over denied ones."));
    for peer in &config.allowed_peers {
        line(format_args!("allowed-peer-ip={peer}"));
    }
    for range in DENIED_PEERS {
        line(format_args!("denied-peer-ip={range}"));
    }
    line(format_args!("no-multicast-peers\n\n# What WebRTC does not need, nobody gets."));
    line(format_args!("no-tcp-relay\nno-cli\nno-rfc5780\nno-stun-backward-compatibility"));
    line(format_args!("\nlog-file=stdout\nsimple-log"));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::secret::Secret;

    fn config() -> TurnConfig {
        TurnConfig { secret: Some(Secret::new("north".to_owned())), ..TurnConfig::default() }
    }

    #[test]
    fn tls_is_offered_exactly_when_there_is_a_certificate() {
        assert!(coturn_conf(&config()).unwrap().contains("\nno-tls\n"));
        let files = (Some("/etc/turn.pem".into()), Some("/etc/turn.key".into()));
        let config = TurnConfig { certificate: files.0, private_key: files.1, ..config() };
        let text = coturn_conf(&config).unwrap();
        assert!(text.contains("cert=/etc/turn.pem\n") && !text.contains("\nno-tls\n"), "{text}");
    }

    #[test]
    fn without_a_secret_there_is_no_configuration() {
        assert_eq!(coturn_conf(&TurnConfig::default()), Err(TurnConfigError::NoSecret));
    }
}
