//! The four roles, and which of them this process plays. One process or many: the same code path.

use crate::{
    api::{self, App},
    config::{Config, Redis},
    embedded,
    health::Health,
    housekeeping,
    http::Listener,
    importer, keys, notifier, recordings, remover, revocations, room_events,
};
use axum::Router;
use bus::{Bus, BusError};
use clap::ValueEnum;
use common::{
    clock::{Clock, SystemClock},
    error::Chain,
    id::NodeId,
    revocation::Revocations,
    secret::Secret,
    token::Issuer,
};
use egress::Guard;
use files::Files;
use ingress::Authenticator;
use shutdown::Shutdown;
use std::sync::Arc;
use store::{SealKeyring, Store, StoreConfig};
use tokio::sync::watch;
use tracing::{error, warn};

/// A part that can run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// The REST layer and the console.
    Api,
    /// The WebSocket hub.
    Signalling,
    /// The media server.
    Sfu,
    /// Webhooks, ingestion and replies.
    Inbox,
}

impl Role {
    /// All of them: what a process plays unless told otherwise.
    pub const ALL: [Self; 4] = [Self::Api, Self::Signalling, Self::Sfu, Self::Inbox];
}

/// Why a process cannot take up its roles.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A secret that embedded mode would have made is missing.
    #[error("{0} is not configured")]
    Missing(&'static str),
    /// Redis.
    #[error("the bus cannot start")]
    Bus(#[from] BusError),
    /// Postgres.
    #[error("the database cannot be used")]
    Store(#[from] store::StoreError),
    /// The list of what ended before its time.
    #[error("what ended before its time is not known")]
    Revocations(#[from] revocations::StartError),
    /// The HTTP client for fetched keys and files.
    #[error("no HTTP client")]
    Http(#[from] egress::Error),
    /// The media server.
    #[error("the media server cannot start")]
    Media(#[from] sfu::StartError),
    /// The storage of files.
    #[error("files cannot be kept")]
    Files(#[from] files::OpenError),
    /// The inbox role cannot be built.
    #[error("the inbox cannot start")]
    Inbox(#[from] inbox::StartError),
}

/// The parts that every role is built from.
pub struct Parts {
    /// This process.
    pub clock: Arc<dyn Clock>,
    /// How roles meet.
    pub bus: Bus,
    /// What must last.
    pub store: Store,
    /// Judges what goes out.
    pub guard: Guard,
}

impl Parts {
    /// Connects to database and bus.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn connect(config: &Config, shutdown: &Shutdown) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let url = |url: &Option<Secret>, name| url.clone().ok_or(StartError::Missing(name));
        let keys = config.seal.keys.iter().map(|key| (key.id, key.key.clone()));
        let store = Store::connect(&StoreConfig {
            app_url: url(&config.database.url, "database.url")?,
            system_url: url(&config.database.system_url, "database.system_url")?,
            seal_keys: SealKeyring::from_base64(keys)?,
        })
        .await?;
        let bus = connect_bus(NodeId::generate(&*clock), &config.redis, shutdown).await?;
        let bus = bus.in_region(config.redis.region.as_deref());
        Ok(Self { clock, bus, store, guard: Guard::new(config.egress.clone()) })
    }
}

async fn connect_bus(node: NodeId, redis: &Redis, shutdown: &Shutdown) -> Result<Bus, BusError> {
    match &redis.url {
        Some(url) if redis.sentinels.is_empty() => {
            Bus::redis(node, url.expose(), &redis.prefix, shutdown).await
        }
        Some(url) => {
            let sentinels = redis.sentinels.iter().map(|url| url.expose().as_str());
            Bus::redis_by_sentinels(node, url.expose(), sentinels, &redis.prefix, shutdown).await
        }
        None if redis.cluster.is_empty() => Ok(Bus::local(node)),
        None => {
            let nodes = redis.cluster.iter().map(|url| url.expose().as_str());
            Bus::redis_cluster(node, nodes, &redis.prefix, shutdown).await
        }
    }
}

/// Starts `roles` and returns everything that they serve over HTTP.
///
/// # Errors
/// [`StartError`].
pub async fn start(
    config: &Config,
    parts: &Parts,
    roles: &[Role],
    shutdown: &Shutdown,
) -> Result<Router, StartError> {
    let Parts { clock, bus, store, guard } = parts;
    let secret = config.auth.secret.clone().ok_or(StartError::Missing("auth.secret"))?;
    let issuers = keys::watch_issuers(&config.auth, &secret, guard, shutdown)?;
    let revoked = revocations::start(store.clone(), bus, Arc::clone(clock), shutdown).await?;
    let turn = config.turn.clone();
    let ice_servers: api::IceServers =
        Arc::new(move |user, now| turn_config::ice_servers(&turn, &user.to_string(), now));
    let mut routers = Vec::new();
    if roles.contains(&Role::Api) {
        housekeeping::start(store.clone(), Arc::clone(clock), shutdown);
        importer::start(store.clone(), Arc::clone(clock), shutdown);
        let reached = (store.clone(), bus.clone(), Arc::clone(clock));
        notifier::start(reached, guard, &config.notifications, shutdown)?;
    }
    let has_files = [Role::Api, Role::Sfu].iter().any(|role| roles.contains(role));
    let files = if has_files { open_files(config, &secret, guard)? } else { None };
    if let Some(files) = files.as_ref().filter(|_| roles.contains(&Role::Api)) {
        remover::start(store.clone(), files.clone(), Arc::clone(clock), shutdown);
    }
    for role in roles {
        routers.push(match role {
            Role::Api => {
                let app = App::new(
                    store.clone(),
                    bus.clone(),
                    Arc::clone(clock),
                    issuers.clone(),
                    &secret,
                    Arc::clone(&ice_servers),
                    guard.clone(),
                );
                let app = app.with_revocations(Arc::clone(&revoked)).with_files(files.clone());
                let app = app.with_own_push_service(config.notifications.own_push_service.clone());
                app.share_rates(shutdown);
                api::serve_stays(app.clone(), shutdown).await?;
                api::router(app.set_up(&config.sign_in, &config.http, shutdown.clone()))
            }
            Role::Signalling => {
                let deps = signalling::Deps {
                    bus: bus.clone(),
                    store: store.clone(),
                    clock: Arc::clone(clock),
                    issuers: issuers.clone(),
                    ice_servers: Arc::clone(&ice_servers),
                    revocations: Arc::clone(&revoked),
                };
                let hub = signalling::Hub::new(config.signalling.clone(), deps);
                let router = signalling::router(&hub);
                keep_running("signalling", signalling::run(hub, shutdown.clone()), shutdown);
                router
            }
            Role::Sfu => {
                start_media(config, parts, files.as_ref(), shutdown)?.await;
                // It answers over the bus only.
                Router::new()
            }
            Role::Inbox => {
                let inbox = inbox::Inbox::new(config.inbox.clone(), inbox_deps(parts, &issuers, &revoked))?;
                let router = inbox::router(&inbox);
                keep_running("inbox", inbox::run(inbox, shutdown.clone()), shutdown);
                router
            }
        });
    }
    let health = Health { store: store.clone(), bus: bus.clone() };
    Ok(Listener { clock: Arc::clone(clock), config: &config.http, health }.router(routers))
}

/// The storage of files. A folder that nobody asked for may be one that cannot be had: then there are no files.
fn open_files(config: &Config, secret: &Secret, guard: &Guard) -> Result<Option<Files>, StartError> {
    let data_dir = || config.database.data_dir.clone().unwrap_or_else(embedded::default_data_dir);
    let chosen = config.files.directory.clone();
    let is_chosen = chosen.is_some() || config.files.s3.bucket.is_some();
    let directory = chosen.unwrap_or_else(|| data_dir().join("files"));
    match Files::open(config.files.clone(), &directory, secret, guard) {
        Ok(files) => Ok(Some(files)),
        Err(error) if is_chosen => Err(error.into()),
        Err(error) => {
            warn!(error = %Chain(&error), "Messages have no files; set files.directory or files.s3");
            Ok(None)
        }
    }
}

/// The media server, with what stores its recordings. What is returned resolves once it is known to others: who stops
/// another one as soon as this process is ready means its sessions to come here.
fn start_media(
    config: &Config,
    parts: &Parts,
    files: Option<&Files>,
    shutdown: &Shutdown,
) -> Result<impl Future<Output = ()> + use<>, StartError> {
    let Parts { clock, bus, store, .. } = parts;
    let mut settings = config.sfu.clone();
    settings.recording.directory = recordings::directory(config, files);
    // What is left of it is for the last words.
    settings.drain_s = settings.drain_s.min(config.http.drain_s.saturating_sub(1));
    let mut media = sfu::Media::new(settings, sfu::Deps { bus: bus.clone(), clock: Arc::clone(clock) })?;
    if let Some(files) = files {
        let reached = (store.clone(), files.clone(), bus.clone(), Arc::clone(clock));
        recordings::start(reached, media.take_finished(), shutdown);
    }
    let reached = (store.clone(), bus.clone(), Arc::clone(clock));
    room_events::start(reached, media.follow(), shutdown);
    let listed = media.listed();
    keep_running("sfu", sfu::run(media, shutdown.clone()), shutdown);
    Ok(listed)
}

fn inbox_deps(
    parts: &Parts,
    issuers: &watch::Receiver<Arc<[Issuer]>>,
    revocations: &Arc<Revocations>,
) -> inbox::Deps {
    let Parts { clock, bus, store, guard } = parts;
    let authenticator = Authenticator {
        store: store.clone(),
        clock: Arc::clone(clock),
        issuers: issuers.clone(),
        revocations: Arc::clone(revocations),
    };
    inbox::Deps {
        bus: bus.clone(),
        store: store.clone(),
        clock: Arc::clone(clock),
        guard: guard.clone(),
        authenticator,
    }
}

/// A role that ends with an error takes the process down: half a server that
/// looks healthy is worse than a restart.
fn keep_running<E: std::error::Error + Send + 'static>(
    name: &'static str,
    role: impl Future<Output = Result<(), E>> + Send + 'static,
    shutdown: &Shutdown,
) {
    let token = shutdown.token.clone();
    shutdown.tasks.spawn(async move {
        if let Err(error) = role.await {
            error!(error = %Chain(&error), "Role {name} failed; stopping");
            token.cancel();
        }
    });
}

/// Prepares the private database: roles, tables, and nothing else.
///
/// # Errors
/// [`StartError`].
pub async fn bootstrap(config: &Config) -> Result<(), StartError> {
    let owner = config.database.owner_url.clone().ok_or(StartError::Missing("database.owner_url"))?;
    Ok(store::bootstrap::embedded(&owner, "switchboard").await?)
}
