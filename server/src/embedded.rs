//! Everything a first start needs when nothing is configured: a private
//! Postgres, generated secrets, a place on disk.

use crate::config::{Config, SealKey};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use common::{error::Chain, secret::Secret};
use local_services::postgres::{Event, Kept, Postgres, PostgresOptions, StartError};
use rand::{TryRng, rngs::SysRng};
use serde::Deserialize;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// The database's name inside the private Postgres.
const DATABASE: &str = "switchboard";

/// What keeps running as long as the server does. Dropping it stops Postgres.
#[derive(Debug)]
pub struct Embedded {
    /// Where everything lives.
    pub data_dir: PathBuf,
    _postgres: Kept,
    /// Cancelled when Postgres has ended and cannot be started again: there is nothing left to serve with.
    pub lost: CancellationToken,
    /// Held so that a second server on the same data is refused.
    _lock: File,
}

/// Why the embedded mode cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// The data directory cannot be used.
    #[error("cannot use the data directory {}", path.display())]
    DataDir {
        /// The data directory.
        path: PathBuf,
        /// The system's refusal.
        source: io::Error,
    },
    /// Another server is running on this data.
    #[error("another Switchboard is running on {}", .0.display())]
    InUse(PathBuf),
    /// The generated secrets were damaged or edited.
    #[error("{} is damaged", path.display())]
    Secrets {
        /// The file of generated secrets.
        path: PathBuf,
        /// Where it is no JSON of ours.
        source: serde_json::Error,
    },
    /// Postgres does not start.
    #[error(transparent)]
    Postgres(#[from] StartError),
}

/// Starts what `config` does not name, and writes into it where it is.
///
/// # Errors
/// [`EmbeddedError`], saying what to do about it.
pub fn start(config: &mut Config) -> Result<Embedded, EmbeddedError> {
    let data_dir = config.database.data_dir.clone().unwrap_or_else(default_data_dir);
    let unusable = |source| EmbeddedError::DataDir { path: data_dir.clone(), source };
    fs::create_dir_all(&data_dir).map_err(unusable)?;
    // Postgres runs as another user when we are root and must be able to pass through.
    fs::set_permissions(&data_dir, fs::Permissions::from_mode(0o711)).map_err(unusable)?;
    let lock = File::create(data_dir.join("lock")).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(EmbeddedError::InUse(data_dir)),
        Err(TryLockError::Error(source)) => return Err(unusable(source)),
    }
    let secrets = secrets(&data_dir)?;
    config.auth.secret.get_or_insert(secrets.token_secret);
    if config.seal.keys.is_empty() {
        config.seal.keys.push(SealKey { id: 1, key: secrets.seal_key });
    }
    let lost = CancellationToken::new();
    let on_loss = lost.clone();
    let postgres = Kept::start(PostgresOptions::durable(data_dir.join("postgres")), move |event| {
        log_event(event, &on_loss)
    })?;
    let url = |role: &str| Some(Secret::new(postgres.url(role, DATABASE)));
    config.database.owner_url = Some(Secret::new(postgres.url(Postgres::SUPERUSER, "postgres")));
    config.database.url = url("switchboard_app");
    config.database.system_url = url("switchboard_system");
    Ok(Embedded { data_dir, _postgres: postgres, lost, _lock: lock })
}

/// What became of Postgres, for the log.
fn log_event(event: Event, lost: &CancellationToken) {
    match event {
        Event::Ended => error!("Postgres has ended by itself; starting it again"),
        Event::Restarted => info!("Postgres runs again"),
        Event::NotYet(error) => {
            error!(error = %Chain(&error), "Postgres does not start; will retry");
        }
        Event::GivenUp => {
            error!("Postgres cannot be started; stopping");
            lost.cancel();
        }
    }
}

/// Root's services keep their data under `/var/lib`, people's in their home directory.
pub fn default_data_dir() -> PathBuf {
    let home = || std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let is_root =
        fs::metadata("/proc/self").map_or_else(|_| home() == Path::new("/var/root"), |me| me.uid() == 0);
    if is_root {
        return PathBuf::from("/var/lib/switchboard");
    }
    std::env::var_os("XDG_DATA_HOME")
        .map_or_else(|| home().join(".local/share"), PathBuf::from)
        .join("switchboard")
}

/// The secrets of an installation that has configured none.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Secrets {
    token_secret: Secret,
    seal_key: Secret,
}

/// Reads the secrets, making them at the first start.
fn secrets(data_dir: &Path) -> Result<Secrets, EmbeddedError> {
    let path = data_dir.join("secrets.json");
    let unusable = |source| EmbeddedError::DataDir { path: path.clone(), source };
    if !path.exists() {
        let text = format!(
            "{{\"tokenSecret\":\"{}\",\"sealKey\":\"{}\"}}\n",
            random_base64().map_err(unusable)?,
            random_base64().map_err(unusable)?
        );
        write_private(&path, text.as_bytes()).map_err(unusable)?;
    }
    let text = fs::read_to_string(&path).map_err(unusable)?;
    serde_json::from_str(&text).map_err(|source| EmbeddedError::Secrets { path, source })
}

/// 32 random bytes of the operating system in base64.
///
/// # Errors
/// If the operating system has none.
pub fn random_base64() -> io::Result<String> {
    let mut bytes = [0; 32];
    SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    Ok(BASE64.encode(bytes))
}

/// Writes a file that only its owner can read, whole or not at all.
///
/// # Errors
/// Whatever the file system says.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use local_services::scratch::Scratch;
    use std::collections::BTreeSet;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn secrets_are_made_once_for_their_owner_alone() {
        let directory = Scratch::new().unwrap();
        let first = secrets(directory.path()).unwrap();
        let again = secrets(directory.path()).unwrap();
        assert_eq!(first.token_secret.expose(), again.token_secret.expose());
        assert_eq!(first.seal_key.expose(), again.seal_key.expose());
        assert_ne!(first.token_secret.expose(), first.seal_key.expose());
        assert_eq!(mode(&directory.join("secrets.json")), 0o600);
        // They are what `auth.secret` and `seal.keys` have to be.
        let bytes = BASE64.decode(first.seal_key.expose()).unwrap();
        assert_eq!((bytes.len(), first.token_secret.expose().len() >= 32), (32, true));
    }

    #[test]
    fn damaged_secrets_are_named_and_never_replaced() {
        let directory = Scratch::new().unwrap();
        let path = directory.join("secrets.json");
        for damaged in ["", "{", "[]", "{\"tokenSecret\":\"x\"}"] {
            fs::write(&path, damaged).unwrap();
            let error = secrets(directory.path()).err().unwrap();
            assert!(
                matches!(error, EmbeddedError::Secrets { .. }) && error.to_string().contains("secrets.json")
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged, "whoever repairs it needs what is left");
        }
    }

    /// Two servers on the same data would be two masters of one Postgres.
    #[test]
    fn a_second_server_on_the_same_data_is_refused_before_it_touches_anything() {
        let directory = Scratch::new().unwrap();
        let lock = File::create(directory.join("lock")).unwrap();
        lock.lock().unwrap();
        let mut config = Config::default();
        config.database.data_dir = Some(directory.path().to_owned());
        let error = start(&mut config).err().unwrap();
        assert!(matches!(error, EmbeddedError::InUse(_)), "{error}");
        assert!(!directory.join("secrets.json").exists() && config.auth.secret.is_none());
    }

    #[test]
    fn a_data_directory_that_is_a_file_is_named() {
        let directory = Scratch::new().unwrap();
        let path = directory.join("data");
        fs::write(&path, "x").unwrap();
        let mut config = Config::default();
        config.database.data_dir = Some(path);
        let error = start(&mut config).err().unwrap();
        assert!(
            matches!(error, EmbeddedError::DataDir { .. }) && error.to_string().contains("data"),
            "{error}"
        );
    }

    #[test]
    fn a_private_file_is_replaced_whole_and_stays_private() {
        let directory = Scratch::new().unwrap();
        let path = directory.join("demo.json");
        for content in [&b"a much longer first one"[..], b"short", b""] {
            write_private(&path, content).unwrap();
            assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (content, 0o600));
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn no_two_random_secrets_are_the_same() {
        let all: BTreeSet<_> = (0..100).map(|_| random_base64().unwrap()).collect();
        assert!(all.len() == 100 && all.iter().all(|text| BASE64.decode(text).unwrap().len() == 32));
    }
}
