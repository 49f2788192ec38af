//! The configuration: one TOML file and environment variables over documented defaults.
//!
//! Settings that could not work are refused when they are read, as far as that can be told without
//! a network: by [`check`], and secrets that are none by [`secrets`].

mod check;
mod http;
mod secrets;

pub use http::{Http, ProxyProtocol, SignIn};
pub use secrets::WeakSecret;

mod issuers;

pub use issuers::OutsideIssuer;

use crate::notifier;
use common::{secret::Secret, token::OWN_ISSUER};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};
use toml::{Table, Value};

/// The file that is read when none is named and it exists.
const DEFAULT_FILE: &str = "switchboard.toml";

/// Every setting with its default, as `switchboard config example` prints it.
pub const EXAMPLE: &str = include_str!("../switchboard.example.toml");

/// All settings. Sections are named like the parts that read them.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The HTTP listener.
    pub http: Http,
    /// Signing in by password.
    pub sign_in: SignIn,
    /// Postgres, version 15 or newer. Without it Switchboard starts a private one.
    pub database: Database,
    /// Redis, version 7 or newer, or Valkey. Without it this process stands alone.
    pub redis: Redis,
    /// Access tokens, our own and those of outside issuers.
    pub auth: Auth,
    /// Encryption of channel secrets at rest.
    pub seal: Seal,
    /// The WebSocket hub. All limits are those of one instance.
    pub signalling: signalling::Config,
    /// The media server.
    pub sfu: sfu::Config,
    /// Customers' messages, and the webhooks that tell of them.
    pub inbox: inbox::Config,
    /// Files of room messages.
    pub files: files::Config,
    /// How people are notified of whom no device is connected.
    pub notifications: notifier::Config,
    /// Where tenants' webhooks may go.
    pub egress: egress::Config,
    /// STUN and TURN servers handed to clients, and the configuration that `switchboard turn-config` prints.
    pub turn: turn_config::TurnConfig,
    /// Logs, on standard error.
    pub log: Log,
}

/// Postgres, version 15 or newer.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// The URL of the application role, which must not be able to bypass Row-Level Security. Without it Switchboard
    /// starts a private Postgres. `DATABASE_URL` is understood, too.
    ///
    /// Example: `"postgres://switchboard_app@db/switchboard"`
    #[serde(skip_serializing)]
    pub url: Option<Secret>,
    /// The URL of the role for the queues that cross tenants; needed with `url`.
    ///
    /// Example: `"postgres://switchboard_system@db/switchboard"`
    #[serde(skip_serializing)]
    pub system_url: Option<Secret>,
    /// The URL of the owner, for `switchboard migrate` only.
    ///
    /// Example: `"postgres://owner@db/switchboard"`
    #[serde(skip_serializing)]
    pub owner_url: Option<Secret>,
    /// The directory of the private Postgres and of generated secrets, when `url` is absent.
    ///
    /// Example: `"/var/lib/switchboard"`
    pub data_dir: Option<PathBuf>,
}

/// Redis, version 7 or newer, or Valkey.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// The URL of the Redis that joins instances; needs a common database. Without it this process stands alone.
    /// `REDIS_URL` is understood, too.
    ///
    /// `rediss://` is over TLS, by the system's certificates or those of the file `SSL_CERT_FILE`.
    ///
    /// Example: `"redis://redis:6379"`
    #[serde(skip_serializing)]
    pub url: Option<Secret>,
    /// The Sentinels that say which Redis takes writes, each as a URL; the host of `url` then is the name under which
    /// they watch it, and `url` has no port.
    ///
    /// Example: `["redis://sentinel-1:26379", "redis://sentinel-2:26379", "redis://sentinel-3:26379"]`
    #[serde(skip_serializing)]
    pub sentinels: Vec<Secret>,
    /// Some nodes of the Redis Cluster that joins instances, each as a URL, instead of `url`: they are asked for the others
    /// at the start. The first says how to sign in at all of them, and whether over TLS.
    ///
    /// Example: `["redis://node-1:6379", "redis://node-2:6379", "redis://node-3:6379"]`
    #[serde(skip_serializing)]
    pub cluster: Vec<Secret>,
    /// Where this process is, by a name of your choice: a call goes through a media server of the region of the instance
    /// by which it begins, if there is one there that can take it, and else through one of another.
    ///
    /// Example: `"eu-central"`
    pub region: Option<String>,
    /// Put before every key and channel, so that installations can share a Redis.
    pub prefix: String,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: None,
            sentinels: Vec::new(),
            cluster: Vec::new(),
            region: None,
            prefix: "switchboard".to_owned(),
        }
    }
}

impl Redis {
    /// Whether this process joins others by it.
    fn is_used(&self) -> bool {
        self.url.is_some() || !self.cluster.is_empty()
    }
}

/// Tokens.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The key of our own access tokens, at least 32 bytes of text, the same on all instances:
    /// `openssl rand -base64 32`. Needed with a database of your own.
    ///
    /// Example: `"…"`
    #[serde(skip_serializing)]
    pub secret: Option<Secret>,
    /// Outside issuers whose tokens are accepted, each with `hs256_secret` or `jwks_url`, and each within bounds.
    #[serde(skip_serializing)]
    pub issuers: Vec<OutsideIssuer>,
}

/// Encryption of channel secrets at rest.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seal {
    /// AES-256 keys, the same on all instances, newest first: the first seals, all open. Each is 32 random bytes in
    /// base64: `openssl rand -base64 32`. Needed with a database of your own.
    ///
    /// Example: `[{ id = 1, key = "…" }]`
    #[serde(skip_serializing)]
    pub keys: Vec<SealKey>,
}

/// One AES-256 key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealKey {
    /// Stored beside what it sealed.
    pub id: u32,
    /// 32 bytes in base64.
    pub key: Secret,
}

/// Logs.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// What to log, in the syntax of the environment variable `RUST_LOG`, which overrides it.
    pub filter: String,
    /// Whether each line is a JSON object, for machines.
    pub json: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), json: false }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file that was to be read.
        path: PathBuf,
        /// The system's refusal.
        source: std::io::Error,
    },
    /// It is not TOML, or a setting is unknown or of the wrong type.
    #[error("the configuration is not valid")]
    Invalid(#[from] toml::de::Error),
    /// The `[turn]` section cannot work.
    #[error(transparent)]
    Turn(#[from] turn_config::TurnConfigError),
    /// Settings contradict each other or one is missing.
    #[error("{0}")]
    Contradiction(&'static str),
    /// A secret that somebody else knows, or could guess.
    #[error("{setting} {reason}; make one with `openssl rand -base64 32`")]
    Weak {
        /// The setting, as `section.name`.
        setting: &'static str,
        /// What is wrong with it.
        reason: WeakSecret,
    },
    /// A seal key.
    #[error("seal.keys cannot be used")]
    Seal(#[from] store::StoreError),
    /// A URL that is none, or of another kind.
    #[error("{setting} must be a URL that begins with {scheme}://")]
    Url {
        /// The setting, as `section.name`.
        setting: &'static str,
        /// How it should begin.
        scheme: &'static str,
    },
    /// An `[[auth.issuers]]` is not bounded, or contradicts itself.
    #[error("auth.issuers {issuer:?}: {rule}")]
    Issuer {
        /// The issuer whose entry it is.
        issuer: String,
        /// What it should have.
        rule: &'static str,
    },
}

impl Config {
    /// Reads the file and lays the environment over it.
    ///
    /// `SWITCHBOARD_HTTP__LISTEN` sets `listen` in `[http]`; two underscores
    /// part section and setting. `DATABASE_URL` and `REDIS_URL` are understood too.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file or the setting.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = match file {
            Some(path) => read(path)?,
            None if Path::new(DEFAULT_FILE).exists() => read(Path::new(DEFAULT_FILE))?,
            None => Table::new(),
        };
        for (name, value) in environment {
            lay_over(&mut table, &name, value);
        }
        let config: Self = Value::Table(table).try_into()?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let contradiction = |rule| Err(ConfigError::Contradiction(rule));
        if self.database.url.is_some() != self.database.system_url.is_some() {
            return contradiction("database.url and database.system_url go together");
        }
        if self.database.url.is_some() && (self.auth.secret.is_none() || self.seal.keys.is_empty()) {
            return contradiction("with a database of your own, set auth.secret and seal.keys too");
        }
        if self.redis.is_used() && self.database.url.is_none() {
            return contradiction(
                "redis.url or redis.cluster joins instances, so they need a common database.url",
            );
        }
        let mut names = BTreeSet::from([OWN_ISSUER]);
        if !self.auth.issuers.iter().all(|issuer| names.insert(&issuer.name)) {
            return contradiction("every issuer has a name of its own, and none that of Switchboard itself");
        }
        for issuer in &self.auth.issuers {
            issuer.check()?;
        }
        if self.auth.issuers.iter().filter(|issuer| issuer.subjects_are_ids).count() > 1 {
            return contradiction("subjects_are_ids is for one issuer at most: two could name the same user");
        }
        if !self.files.s3.is_complete() {
            return contradiction(
                "files.s3.bucket needs files.s3.access_key_id and files.s3.secret_access_key",
            );
        }
        check::secrets(self)?;
        check::addresses(self)?;
        Ok(self.turn.check()?)
    }
}

fn read(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    Ok(text.parse()?)
}

fn lay_over(table: &mut Table, name: &str, value: String) {
    let path = match name {
        "DATABASE_URL" => "database__url".to_owned(),
        "REDIS_URL" => "redis__url".to_owned(),
        _ => match name.strip_prefix("SWITCHBOARD_") {
            Some(path) if path.contains("__") => path.to_lowercase(),
            Some(_) | None => return,
        },
    };
    let mut place = table;
    let mut steps = path.split("__").peekable();
    while let Some(step) = steps.next() {
        if steps.peek().is_none() {
            place.insert(step.to_owned(), literal(value));
            return;
        }
        let next = place.entry(step.to_owned()).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(next) = next else { return };
        place = next;
    }
}

/// A number, boolean, list or table as TOML writes it; anything else is text.
fn literal(text: String) -> Value {
    match format!("value = {text}").parse::<Table>() {
        Ok(mut table) => match table.remove("value") {
            Some(Value::Datetime(_)) | None => Value::String(text),
            Some(value) => value,
        },
        Err(_) => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use local_services::scratch::Scratch;

    fn from_environment(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load(None, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn nothing_at_all_is_a_valid_configuration() {
        let config = from_environment(&[]).unwrap();
        assert!(config.database.url.is_none());
        assert_eq!(config.http.listen.port(), 7880);
    }

    #[test]
    fn the_environment_sets_numbers_and_text() {
        let config = from_environment(&[
            ("SWITCHBOARD_HTTP__DRAIN_S", "3"),
            ("SWITCHBOARD_HTTP__LISTEN", "0.0.0.0:80"),
        ])
        .unwrap();
        let nested = from_environment(&[("SWITCHBOARD_INBOX__GRAPH__VERSION", "v1.0")]).unwrap();
        assert_eq!(nested.inbox.graph.version, "v1.0");
        assert_eq!(config.http.drain_s, 3);
        assert_eq!(config.http.listen, "0.0.0.0:80".parse().unwrap());
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        assert!(matches!(
            from_environment(&[("SWITCHBOARD_HTTP__LISTN", "x")]),
            Err(ConfigError::Invalid(_))
        ));
    }

    #[test]
    fn settings_that_belong_together_are_asked_for_together() {
        let error = from_environment(&[("DATABASE_URL", "postgres://x")]).unwrap_err();
        assert!(error.to_string().contains("system_url"));
    }

    #[test]
    fn secrets_do_not_show_in_debug() {
        let config =
            from_environment(&[("SWITCHBOARD_AUTH__SECRET", "correct horse battery staple again")]).unwrap();
        assert!(!format!("{config:?}").contains("horse"));
    }

    #[test]
    fn the_example_is_valid_and_says_the_defaults() {
        let example: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(format!("{example:?}"), format!("{:?}", Config::default()));
    }

    /// Loads a file with this text.
    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let directory = Scratch::new().unwrap();
        let path = directory.join("settings.toml");
        std::fs::write(&path, text).unwrap();
        load_from(&path, variables)
    }

    fn load_from(path: &Path, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(Some(path), variables)
    }

    #[test]
    fn the_environment_is_laid_over_the_file_setting_by_setting() {
        let text = "[http]\nlisten = \"192.0.2.1:80\"\ndrain_s = 7\n[redis]\nprefix = \"own\"\n";
        let config = load(text, &[("SWITCHBOARD_HTTP__DRAIN_S", "3")]).unwrap();
        assert_eq!((config.http.drain_s, config.http.listen.port()), (3, 80));
        assert_eq!(config.redis.prefix, "own");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let directory = Scratch::new().unwrap();
        let error = load_from(&directory.join("there-is-none.toml"), &[]).unwrap_err();
        assert!(matches!(error, ConfigError::Read { .. }));
        assert!(error.to_string().contains("there-is-none"), "{error}");
        for bad in ["[http", "[http]\nlisten = 7880\n", "[htpt]\n", "http = 1\n"] {
            assert!(matches!(load(bad, &[]), Err(ConfigError::Invalid(_))), "{bad}");
        }
    }

    #[test]
    fn a_variable_is_what_toml_takes_it_for_and_else_text() {
        let proxies =
            from_environment(&[("SWITCHBOARD_HTTP__TRUSTED_PROXIES", r#"["10.0.0.0/8"]"#)]).unwrap();
        assert_eq!(format!("{:?}", proxies.http.trusted_proxies), "[10.0.0.0/8]");
        let json = from_environment(&[("SWITCHBOARD_LOG__JSON", "true")]).unwrap();
        assert!(json.log.json);
        for text in ["info,sfu=debug", "2024-01-01", "12:30:00", "a = b", "\"", "", "[open"] {
            let config = from_environment(&[("SWITCHBOARD_REDIS__PREFIX", text)]).unwrap();
            assert_eq!(config.redis.prefix, text, "it is text, not a date, and no syntax error");
        }
    }

    #[test]
    fn what_is_no_setting_of_ours_is_left_alone() {
        for name in [
            "SWITCHBOARD_TEST_BINARY",
            "SWITCHBOARD",
            "PATH",
            "OTHER_HTTP__DRAIN_S",
            "switchboard_http__drain_s",
        ] {
            assert!(from_environment(&[(name, "x")]).is_ok(), "{name}");
        }
    }

    #[test]
    fn the_urls_that_other_programs_use_are_understood() {
        let own = [
            ("DATABASE_URL", "postgres://app@db/x"),
            ("SWITCHBOARD_DATABASE__SYSTEM_URL", "postgres://system@db/x"),
            ("SWITCHBOARD_AUTH__SECRET", "iSrkAs4DRtcWrr1LRWzvSD6nJ/wG+oxydFJy0p7uqh0="),
            (
                "SWITCHBOARD_SEAL__KEYS",
                r#"[{ id = 1, key = "q1V5D2V5Zkzv0v3C3f3WmZ6x9bQ4Zf0aYj2yqk0m7yE=" }]"#,
            ),
        ];
        let with_redis = [&own[..], &[("REDIS_URL", "redis://redis")]].concat();
        let config = from_environment(&with_redis).unwrap();
        assert!(config.database.url.is_some() && config.redis.url.is_some());
        assert_eq!(config.seal.keys[0].id, 1);

        // Each of them is missed by name.
        for missing in 1..own.len() {
            let rest: Vec<_> =
                own.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, it)| *it).collect();
            assert!(
                matches!(from_environment(&rest), Err(ConfigError::Contradiction(_))),
                "{}",
                own[missing].0
            );
        }
        let alone = from_environment(&[("REDIS_URL", "redis://redis")]).unwrap_err();
        assert!(alone.to_string().contains("common database.url"), "{alone}");
    }
}
