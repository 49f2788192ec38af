//! Checks of the settings, as far as they can be made without a network.

use super::{Config, ConfigError, secrets};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use common::secret::Secret;
use std::collections::BTreeSet;
use store::SealKeyring;
use url::Url;

/// The fewest bytes of the secret that is shared with coturn.
const TURN_SECRET_BYTES_MIN: usize = 16;

/// Secrets are secret, and seal keys are keys.
pub(super) fn secrets(config: &Config) -> Result<(), ConfigError> {
    let weak = |setting| move |reason| ConfigError::Weak { setting, reason };
    if let Some(secret) = &config.auth.secret {
        secrets::check(secret.expose()).map_err(weak("auth.secret"))?;
    }
    for secret in config.auth.issuers.iter().filter_map(|issuer| issuer.hs256_secret.as_ref()) {
        secrets::check(secret.expose()).map_err(weak("auth.issuers.hs256_secret"))?;
    }
    let issuers = config.auth.issuers.iter().filter_map(|issuer| issuer.hs256_secret.as_ref());
    let mut known = BTreeSet::new();
    if !config.auth.secret.iter().chain(issuers).all(|secret| known.insert(secret.expose())) {
        return Err(ConfigError::Contradiction(
            "auth.secret and the hs256_secret of each of auth.issuers differ: with one's secret, all of another's tokens can be made",
        ));
    }
    if let Some(secret) = &config.turn.secret {
        let secret = secret.expose();
        if secrets::is_published(secret) {
            return Err(weak("turn.secret")(secrets::WeakSecret::Published));
        }
        if secret.len() < TURN_SECRET_BYTES_MIN {
            return Err(ConfigError::Contradiction("turn.secret must have at least 16 bytes"));
        }
        secrets::check_variety(secret.as_bytes()).map_err(weak("turn.secret"))?;
    }
    seal_keys(config)
}

fn seal_keys(config: &Config) -> Result<(), ConfigError> {
    let keys = &config.seal.keys;
    if keys.is_empty() {
        return Ok(());
    }
    let mut ids = BTreeSet::new();
    if !keys.iter().all(|key| ids.insert(key.id)) {
        return Err(ConfigError::Contradiction("every key of seal.keys has an id of its own"));
    }
    for key in keys {
        let weak = |reason| ConfigError::Weak { setting: "seal.keys", reason };
        if secrets::is_published(key.key.expose()) {
            return Err(weak(secrets::WeakSecret::Published));
        }
        if let Ok(bytes) = BASE64.decode(key.key.expose().trim()) {
            secrets::check_variety(Secret::new(bytes).expose()).map_err(weak)?;
        }
    }
    SealKeyring::from_base64(keys.iter().map(|key| (key.id, key.key.clone())))?;
    Ok(())
}

/// URLs are of the right kind, and roles and ports do not collide.
pub(super) fn addresses(config: &Config) -> Result<(), ConfigError> {
    let contradiction = |rule| Err(ConfigError::Contradiction(rule));
    let database = &config.database;
    let app = url("database.url", database.url.as_ref(), &["postgres", "postgresql"])?;
    let system = url("database.system_url", database.system_url.as_ref(), &["postgres", "postgresql"])?;
    let owner = url("database.owner_url", database.owner_url.as_ref(), &["postgres", "postgresql"])?;
    let redis = url("redis.url", config.redis.url.as_ref(), &["redis", "rediss", "unix", "redis+unix"])?;
    for sentinel in &config.redis.sentinels {
        url("redis.sentinels", Some(sentinel), &["redis", "rediss"])?;
    }
    for node in &config.redis.cluster {
        url("redis.cluster", Some(node), &["redis", "rediss"])?;
    }
    if !config.redis.cluster.is_empty() && (redis.is_some() || !config.redis.sentinels.is_empty()) {
        return contradiction("redis.cluster goes instead of redis.url and redis.sentinels");
    }
    let names_service = redis.is_some_and(|url| {
        ["redis", "rediss"].contains(&url.scheme()) && url.host_str().is_some() && url.port().is_none()
    });
    if !config.redis.sentinels.is_empty() && !names_service {
        return contradiction(
            "with redis.sentinels, the host of redis.url is the name under which they watch it, and it has no port",
        );
    }
    if is_same_role(app.as_ref(), owner.as_ref()) || is_same_role(system.as_ref(), owner.as_ref()) {
        return contradiction(
            "database.url and database.system_url must not be of the owner, whom Row-Level Security does not bind",
        );
    }
    if is_same_role(app.as_ref(), system.as_ref()) {
        return contradiction("database.url and database.system_url are of two roles");
    }
    let sfu = &config.sfu;
    if sfu.shards == 0 || (sfu.listen.port() > 0 && sfu.listen.port().checked_add(sfu.shards - 1).is_none()) {
        return contradiction(
            "sfu.shards is at least 1, and there is a port for each, counted up from sfu.listen's",
        );
    }
    if sfu.participants_max < 2 || sfu.participants_per_user_max == 0 {
        return contradiction(
            "sfu.participants_max is at least 2, and sfu.participants_per_user_max at least 1",
        );
    }
    if config.http.listen.port() > 0 && config.http.metrics_listen == Some(config.http.listen) {
        return contradiction("http.metrics_listen is another address than http.listen");
    }
    let http = &config.http;
    if [http.header_s, http.idle_s, http.body_s, http.write_s, http.timeout_s].contains(&0) {
        return contradiction("header_s, idle_s, body_s, write_s and timeout_s in [http] are at least 1");
    }
    if config.http.proxy_protocol != super::ProxyProtocol::Off && config.http.trusted_proxies.is_empty() {
        return contradiction("http.proxy_protocol needs http.trusted_proxies: who else may send it?");
    }
    let none = [http.anonymous_burst == 0, http.connections_per_network_max == 0];
    if none.contains(&true) {
        return contradiction(
            "anonymous_burst and connections_per_network_max in [http] are at least 1, or nobody gets in",
        );
    }
    if config.signalling.connections_max > config.http.connections_max {
        return contradiction(
            "signalling.connections_max is at most http.connections_max: sockets are connections of the listener",
        );
    }
    if config.sign_in.workspaces == 0 || config.http.connections_max == 0 {
        return contradiction("sign_in.workspaces and http.connections_max are at least 1");
    }
    if !matches!(config.inbox.graph.base_url.scheme(), "http" | "https") {
        return Err(ConfigError::Url { setting: "inbox.graph.base_url", scheme: "https" });
    }
    Ok(())
}

fn url(
    setting: &'static str,
    url: Option<&Secret>,
    schemes: &[&'static str],
) -> Result<Option<Url>, ConfigError> {
    let Some(url) = url else { return Ok(None) };
    // The parser's own message might show a password.
    match Url::parse(url.expose()) {
        Ok(url) if schemes.contains(&url.scheme()) => Ok(Some(url)),
        Ok(_) | Err(_) => {
            Err(ConfigError::Url { setting, scheme: schemes.first().copied().unwrap_or_default() })
        }
    }
}

/// Whether two URLs sign in to a database as the same role.
fn is_same_role(one: Option<&Url>, other: Option<&Url>) -> bool {
    let role = |url: &Url| {
        let by_query = url.query_pairs().find(|(name, _)| name == "user").map(|(_, user)| user.into_owned());
        by_query.or_else(|| Some(url.username().to_owned()).filter(|name| !name.is_empty()))
    };
    match (one.and_then(role), other.and_then(role)) {
        (Some(one), Some(other)) => one == other,
        (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::error::Chain;

    /// What each test changes one thing of.
    const GOOD: &str = r#"
        [database]
        url = "postgres://switchboard_app@db/switchboard"
        system_url = "postgres://switchboard_system@db/switchboard"
        owner_url = "postgres://owner@db/switchboard"
        [auth]
        secret = "iSrkAs4DRtcWrr1LRWzvSD6nJ/wG+oxydFJy0p7uqh0="
        [seal]
        keys = [{ id = 1, key = "q1V5D2V5Zkzv0v3C3f3WmZ6x9bQ4Zf0aYj2yqk0m7yE=" }]
        [turn]
        secret = "b0ccae7f2d1d5e0f9a44"
        [http]
        listen = "127.0.0.1:7880"
    "#;

    fn error(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        let config: Config = toml::from_str(&GOOD.replace(from, to)).unwrap();
        config.check().map_or_else(|error| Chain(&error).to_string(), |()| "valid".to_owned())
    }

    #[test]
    fn what_serve_would_refuse_is_found_without_a_network() {
        assert_eq!(error("[http]", "[http]"), "valid");
        let random = "iSrkAs4DRtcWrr1LRWzvSD6nJ/wG+oxydFJy0p7uqh0=";
        let key = "q1V5D2V5Zkzv0v3C3f3WmZ6x9bQ4Zf0aYj2yqk0m7yE=";
        for (from, to, says) in [
            (random, "at least 32 bytes, the same on all instances", "auth.secret is the example"),
            (random, "short", "auth.secret must have at least 32"),
            (random, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "auth.secret repeats"),
            (key, "32 random bytes in base64", "seal.keys is the example"),
            (key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "seal.keys repeats"),
            (key, "bm90IDMyIGJ5dGVzIQ==", "seal key 1 is not 32 bytes"),
            (key, "not base64 at all?", "seal key 1 is not 32 bytes"),
            (
                "[{ id = 1,",
                "[{ id = 1, key = \"3dTz4rS6tqfB0kq9c1xqQwq2bVwzX0rG4nGm6N3x9aE=\" }, { id = 1,",
                "an id of its own",
            ),
            ("b0ccae7f2d1d5e0f9a44", "changeme-changeme", "turn.secret is the example"),
            ("b0ccae7f2d1d5e0f9a44", "secret", "at least 16 bytes"),
            ("postgres://switchboard_app@", "http://switchboard_app@", "database.url must be a URL"),
            ("postgres://owner@", "postgres://switchboard_app@", "must not be of the owner"),
            ("switchboard_system@", "switchboard_app@", "of two roles"),
            ("listen = \"127.0.0.1:7880\"", "metrics_listen = \"127.0.0.1:7880\"", "another address"),
            ("[http]", "[redis]\nurl = \"http://redis\"\n[http]", "redis.url must be a URL"),
            (
                "[http]",
                "[redis]\nsentinels = [\"redis://s\"]\n[http]",
                "with redis.sentinels, the host of redis.url",
            ),
            (
                "[http]",
                "[redis]\nurl = \"redis://main:6379\"\nsentinels = [\"redis://s\"]\n[http]",
                "it has no port",
            ),
            (
                "[http]",
                "[redis]\nurl = \"redis://main\"\nsentinels = [\"s:26379\"]\n[http]",
                "redis.sentinels must be a URL",
            ),
            ("[http]", "[redis]\ncluster = [\"node:6379\"]\n[http]", "redis.cluster must be a URL"),
            ("[http]", "[redis]\ncluster = [\"unix:///r.sock\"]\n[http]", "redis.cluster must be a URL"),
            (
                "[http]",
                "[redis]\nurl = \"redis://r\"\ncluster = [\"redis://node:6379\"]\n[http]",
                "redis.cluster goes instead of",
            ),
            ("[http]", "[http]\nheader_s = 0", "at least 1"),
            (
                "[seal]",
                "[[auth.issuers]]\nname = \"x\"\naudience = \"a\"\nany_account = true\nhs256_secret = \"iSrkAs4DRtcWrr1LRWzvSD6nJ/wG+oxydFJy0p7uqh0=\"\n[seal]",
                "of each of auth.issuers differ",
            ),
            ("[http]", "[http]\nconnections_max = 100", "sockets are connections"),
            ("[http]", "[http]\nanonymous_burst = 0", "nobody gets in"),
            ("[http]", "[http]\nconnections_per_network_max = 0", "nobody gets in"),
            ("[http]", "[http]\nproxy_protocol = \"v2\"", "needs http.trusted_proxies"),
            ("[turn]", "[sfu]\nshards = 0\n[turn]", "sfu.shards"),
            ("[turn]", "[sfu]\nlisten = \"0.0.0.0:65535\"\nshards = 2\n[turn]", "sfu.shards"),
        ] {
            let said = error(from, to);
            assert!(said.contains(says), "{to}: {said}");
        }
    }

    /// Whoever has all the sockets that the hub allows has connections for the rest.
    #[test]
    fn the_defaults_of_listener_and_hub_fit_together() {
        let Config { http, signalling, .. } = Config::default();
        assert!(signalling.connections_max < http.connections_max);
        assert!(signalling.connections_per_network_max < signalling.connections_max);
        assert!(http.connections_per_network_max <= http.connections_max / 4);
        assert!(http.connections_max - signalling.connections_max > http.connections_per_network_max);
    }

    #[test]
    fn a_network_that_is_none_is_named() {
        let said = toml::from_str::<Config>("[http]\ntrusted_proxies = [\"10.0.0.1/8\"]").unwrap_err();
        assert!(said.to_string().contains("bits outside of its network"), "{said}");
    }

    #[test]
    fn the_least_and_the_most_that_a_setting_may_be_is_accepted() {
        for (from, to) in [
            ("b0ccae7f2d1d5e0f9a44", "b0ccae7f2d1d5e0f"),
            ("[turn]", "[sfu]\nlisten = \"0.0.0.0:65535\"\nshards = 1\n[turn]"),
            ("[turn]", "[sfu]\nlisten = \"0.0.0.0:65534\"\nshards = 2\n[turn]"),
            ("[turn]", "[sfu]\nlisten = \"0.0.0.0:0\"\nshards = 64\n[turn]"),
            ("[turn]", "[sfu]\nparticipants_max = 2\nparticipants_per_user_max = 1\n[turn]"),
            ("[http]", "[http]\nheader_s = 1\nidle_s = 1\nbody_s = 1\nwrite_s = 1\ntimeout_s = 1"),
            ("[http]", "[http]\nanonymous_burst = 1\nconnections_per_network_max = 1"),
            ("[http]", "[http]\nproxy_protocol = \"v2\"\ntrusted_proxies = [\"10.0.0.0/8\"]"),
            ("[http]", "[signalling]\nconnections_max = 100\n[http]\nconnections_max = 100"),
            ("[http]", "[sign_in]\nworkspaces = 1\n[http]"),
            ("listen = \"127.0.0.1:7880\"", "listen = \"127.0.0.1:0\"\nmetrics_listen = \"127.0.0.1:0\""),
            (
                "listen = \"127.0.0.1:7880\"",
                "listen = \"127.0.0.1:7880\"\nmetrics_listen = \"127.0.0.2:7880\"",
            ),
            ("postgres://owner@", "postgresql://owner@"),
            ("[http]", "[redis]\nurl = \"rediss://redis:6379/1\"\n[http]"),
            ("[http]", "[redis]\nurl = \"unix:///run/redis.sock\"\n[http]"),
            ("[http]", "[redis]\nurl = \"redis://:pw@main/1\"\nsentinels = [\"redis://s:26379\"]\n[http]"),
            ("[http]", "[redis]\ncluster = [\"rediss://:pw@one:6379\", \"rediss://two:6379\"]\n[http]"),
            ("[http]", "[inbox.graph]\nbase_url = \"http://127.0.0.1:9\"\n[http]"),
        ] {
            assert_eq!(error(from, to), "valid", "{to}");
        }
    }

    #[test]
    fn one_less_or_one_more_is_refused_by_the_name_of_the_setting() {
        for (from, to, says) in [
            ("b0ccae7f2d1d5e0f9a44", "b0ccae7f2d1d5e0", "turn.secret must have at least 16 bytes"),
            ("b0ccae7f2d1d5e0f9a44", "abababababababababab", "turn.secret repeats"),
            ("[turn]", "[sfu]\nlisten = \"0.0.0.0:65534\"\nshards = 3\n[turn]", "sfu.shards"),
            ("[turn]", "[sfu]\nparticipants_max = 1\n[turn]", "sfu.participants_max"),
            ("[turn]", "[sfu]\nparticipants_per_user_max = 0\n[turn]", "sfu.participants_per_user_max"),
            ("[http]", "[http]\nidle_s = 0", "idle_s"),
            ("[http]", "[http]\nbody_s = 0", "body_s"),
            ("[http]", "[http]\nwrite_s = 0", "write_s"),
            ("[http]", "[http]\ntimeout_s = 0", "timeout_s"),
            ("[http]", "[sign_in]\nworkspaces = 0\n[http]", "sign_in.workspaces"),
            (
                "[http]",
                "[signalling]\nconnections_max = 0\n[http]\nconnections_max = 0",
                "http.connections_max",
            ),
            (
                "[http]",
                "[signalling]\nconnections_max = 101\n[http]\nconnections_max = 100",
                "sockets are connections",
            ),
            ("[http]", "[inbox.graph]\nbase_url = \"ftp://graph.example\"\n[http]", "inbox.graph.base_url"),
            ("postgres://owner@", "mysql://owner@", "database.owner_url must be a URL"),
            (
                "postgres://switchboard_system@",
                "mysql://switchboard_system@",
                "database.system_url must be a URL",
            ),
            ("postgres://switchboard_app@db/switchboard", "no URL at all", "database.url must be a URL"),
        ] {
            let said = error(from, to);
            assert!(said.contains(says), "{to}: {said}");
        }
    }

    /// Postgres takes the role from the query, too: the owner in that disguise is the owner.
    #[test]
    fn a_role_that_is_named_by_the_query_is_that_role() {
        let owner = "postgres://db/switchboard?user=owner";
        let said = error("postgres://switchboard_app@db/switchboard", owner);
        assert!(said.contains("must not be of the owner"), "{said}");
        let said = error("postgres://switchboard_system@db/switchboard", owner);
        assert!(said.contains("must not be of the owner"), "{said}");
        // Without a name it is whoever the operating system says, which nobody here knows.
        assert_eq!(error("postgres://switchboard_app@db/switchboard", "postgres://db/switchboard"), "valid");
    }

    /// A wrong URL may have a password in it.
    #[test]
    fn no_refusal_of_a_url_shows_it() {
        for bad in ["http://switchboard_app:hunter2@db/x", "postgres://switchboard_app:hunter2@[db/x"] {
            let said = error("postgres://switchboard_app@db/switchboard", bad);
            assert!(said.contains("database.url") && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn issuers_have_names_of_their_own_and_none_is_switchboard_itself() {
        let issuer = |name: &str| {
            format!(
                "[[auth.issuers]]\nname = \"{name}\"\naudience = \"a\"\nany_account = true\njwks_url = \"https://x.example/k\"\n"
            )
        };
        let with = |issuers: &str| error("[seal]", &format!("{issuers}[seal]"));
        assert_eq!(with(&(issuer("https://a.example") + &issuer("https://b.example"))), "valid");
        let twice = issuer("https://a.example") + &issuer("https://a.example");
        for bad in [twice, issuer(common::token::OWN_ISSUER)] {
            assert!(with(&bad).contains("a name of its own"), "{bad}");
        }
    }
}
