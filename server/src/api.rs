//! The REST layer: `/v1/…`, JSON in and out, problem documents for errors.
//!
//! A handler authenticates, checks the role, reads the body, and only then
//! takes a tenant transaction (see [`transaction`]), which it commits before it answers.

mod account;
mod api_keys;
mod audit;
mod auth;
mod caller;
mod calls;
mod canned_responses;
mod channels;
mod contacts;
mod conversations;
mod device;
mod elevations;
mod etag;
mod extract;
mod fields;
mod hub;
mod ice_servers;
mod imports;
mod invitations;
mod labels;
mod limits;
mod lockout;
mod memory;
mod messages;
mod notes;
mod once;
mod page;
pub mod password;
pub mod problem;
mod reference;
mod roles;
mod rooms;
mod search;
mod sign_ins;
mod teams;
mod throttle;
mod transaction;
mod users;
mod webhooks;

pub(crate) use limits::limits;
pub use reference::openapi;

use crate::config::{Http, SignIn};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{delete, get, patch, post, put},
};
use bus::Bus;
use common::{
    clock::Clock,
    error::Chain,
    id::UserId,
    protocol::media::IceServer,
    revocation::{Ended, Revocation, Revocations},
    secret::Secret,
    subject::{
        inbox::{Work, WorkTopic},
        revocation::RevocationTopic,
    },
    token::Issuer,
};
use device::Devices;
use egress::Guard;
use ingress::{Authenticator, Budget, method_not_allowed};
use jsonwebtoken::EncodingKey;
use lockout::NOTES_MAX;
use password::Passwords;
use problem::Problem;
use shutdown::Shutdown;
use std::sync::Arc;
use store::Store;
use throttle::Throttle;
use time::OffsetDateTime;
use tokio::sync::{Semaphore, watch};
use tracing::debug;

/// Makes the STUN and TURN servers for a user at a time.
pub type IceServers = Arc<dyn Fn(UserId, OffsetDateTime) -> Vec<IceServer> + Send + Sync>;

/// The largest body of a request: a message of the longest text, all of it escaped, fits.
const BODY_BYTES_MAX: usize = 512 * 1024;

/// The largest body where passwords and tokens are, which anybody may send: the longest password, all of it
/// escaped, fits.
const SECRETS_BYTES_MAX: usize = 8 * 1024;

/// What handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    store: Store,
    bus: Bus,
    clock: Arc<dyn Clock>,
    issuers: watch::Receiver<Arc<[Issuer]>>,
    signing_key: Arc<EncodingKey>,
    ice_servers: IceServers,
    passwords: Passwords,
    throttle: Arc<Throttle>,
    devices: Arc<Devices>,
    /// Wrong passwords that are being written down.
    notes: Arc<Semaphore>,
    /// Memory for bodies that are coming in.
    bodies: Arc<Budget>,
    /// Where work goes that nobody waits for.
    background: Shutdown,
    guard: Guard,
    revocations: Arc<Revocations>,
}

impl App {
    /// Puts together what handlers need. `secret` signs access tokens; the
    /// matching key must be among `issuers`.
    #[expect(clippy::too_many_arguments, reason = "each is a part of its own, and there is one caller")]
    pub fn new(
        store: Store,
        bus: Bus,
        clock: Arc<dyn Clock>,
        issuers: watch::Receiver<Arc<[Issuer]>>,
        secret: &Secret,
        ice_servers: IceServers,
        guard: Guard,
    ) -> Self {
        Self {
            store,
            bus,
            throttle: Arc::new(Throttle::new(&clock)),
            devices: Arc::new(Devices::new(secret)),
            notes: Arc::new(Semaphore::new(NOTES_MAX)),
            bodies: budget(&Http::default()),
            background: Shutdown::default(),
            clock,
            issuers,
            signing_key: Arc::new(EncodingKey::from_secret(secret.expose().as_bytes())),
            ice_servers,
            passwords: Passwords::new(&SignIn::default()),
            guard,
            revocations: Arc::default(),
        }
    }

    /// The same with other settings for passwords and bodies, and waited for when the process ends.
    #[must_use]
    pub fn set_up(self, sign_in: &SignIn, http: &Http, background: Shutdown) -> Self {
        Self { passwords: Passwords::new(sign_in), bodies: budget(http), background, ..self }
    }

    /// The same, held to a list of what ended before its time that others keep.
    #[must_use]
    pub fn with_revocations(self, revocations: Arc<Revocations>) -> Self {
        Self { revocations, ..self }
    }

    /// Finds out who calls.
    fn authenticator(&self) -> Authenticator {
        Authenticator {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            issuers: self.issuers.clone(),
            revocations: Arc::clone(&self.revocations),
        }
    }

    /// Does `work` to its end though whoever asked for it may have hung up: what is committed must be told. The
    /// end of the process waits for it, up to its deadline.
    async fn complete<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        self.background.tasks.spawn(work).await.map_err(|error| Problem::internal(&error))?
    }

    /// Ends something everywhere, once it is committed. Who is not reached reads it in the store.
    async fn ended(&self, what: impl IntoIterator<Item = Ended>) {
        let at = self.clock.utc();
        let ended: Vec<_> = what.into_iter().map(|what| Revocation { what, at }).collect();
        self.revocations.add(&ended);
        if !ended.is_empty()
            && let Err(error) = self.bus.publish(&RevocationTopic, &ended).await
        {
            debug!(error = %Chain(&error), "Only this process was told what ended");
        }
    }

    /// Wakes the workers of a queue. Only a hint: without it they look a little later.
    async fn wake(&self, work: Work) {
        if let Err(error) = self.bus.publish(&WorkTopic, &work).await {
            debug!(
                error = %Chain(&error),
                "Workers were not woken; they will look by themselves"
            );
        }
    }
}

fn budget(config: &Http) -> Arc<Budget> {
    // Whose a body is, is not known before it is read.
    Budget::new(memory::GAUGE, config.body_bytes_max, config.body_bytes_per_network_max, usize::MAX)
}

/// All endpoints of the REST layer.
pub fn router(app: App) -> Router {
    let bodies = Arc::clone(&app.bodies);
    Router::new()
        .merge(of_secrets().layer(DefaultBodyLimit::max(SECRETS_BYTES_MAX)))
        .merge(of_people())
        .merge(of_meeting())
        .merge(of_desk())
        .merge(of_connections())
        .route("/v1/openapi.json", get(reference::serve))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(bodies, memory::lend))
        .with_state(app)
}

/// Passwords, and tokens that are as good.
fn of_secrets() -> Router<App> {
    Router::new()
        .route("/v1/auth/sign-in", post(auth::sign_in))
        .route("/v1/auth/refresh", post(auth::refresh))
        .route("/v1/auth/sign-out", post(auth::sign_out))
        .route("/v1/auth/accept-invitation", post(invitations::accept))
        .route("/v1/me/password", post(users::change_password))
}

/// Who may do what: people, roles, keys.
fn of_people() -> Router<App> {
    Router::new()
        .route("/v1/me", get(users::me))
        .route("/v1/me/sign-ins", get(sign_ins::list_own))
        .route("/v1/me/sign-ins/{id}", delete(sign_ins::end_own))
        .route("/v1/account", get(account::find).patch(account::update))
        .route("/v1/users", get(users::list).post(users::create))
        .route("/v1/users/{id}", get(users::find).patch(users::update))
        .route("/v1/users/{id}/connections", delete(users::disconnect))
        .route("/v1/users/{id}/sign-ins", get(sign_ins::list))
        .route("/v1/users/{id}/sign-ins/{signIn}", delete(sign_ins::end_of))
        .route("/v1/invitations", get(invitations::list).post(invitations::create))
        .route("/v1/invitations/{id}", delete(invitations::revoke))
        .route("/v1/elevations", get(elevations::list).post(elevations::create))
        .route("/v1/elevations/{id}/decision", post(elevations::decide))
        .route("/v1/elevations/{id}/end", post(elevations::end))
        .route("/v1/roles", get(roles::list).post(roles::create))
        .route("/v1/roles/{id}", get(roles::find).patch(roles::update).delete(roles::delete))
        .route("/v1/api-keys", get(api_keys::list).post(api_keys::create))
        .route("/v1/api-keys/{id}", get(api_keys::find).delete(api_keys::revoke))
        .route("/v1/audit-log", get(audit::list))
}

/// Where people meet: rooms and calls.
fn of_meeting() -> Router<App> {
    Router::new()
        .route("/v1/rooms", get(rooms::list).post(rooms::create))
        .route("/v1/rooms/{id}", get(rooms::find).patch(rooms::update).delete(rooms::delete))
        .route("/v1/rooms/{id}/close", post(rooms::close))
        .route("/v1/rooms/{id}/reopen", post(rooms::reopen))
        .route("/v1/rooms/{id}/messages", get(rooms::messages).post(rooms::speak::say))
        .route("/v1/rooms/{id}/events", post(rooms::speak::tell))
        .route("/v1/rooms/{id}/join-tokens", post(rooms::guests::create))
        .route("/v1/rooms/{id}/members", get(rooms::members::list))
        .route("/v1/rooms/{id}/members/{user}", put(rooms::members::add).delete(rooms::members::remove))
        .route("/v1/rooms/{id}/connections", get(rooms::members::connections))
        .route("/v1/rooms/{id}/connections/{connection}", delete(rooms::members::disconnect))
        .route("/v1/calls", get(calls::list))
        .route("/v1/calls/{id}", get(calls::find))
        .route("/v1/ice-servers", get(ice_servers::list))
}

/// What agents work with: contacts, conversations and what belongs to them.
fn of_desk() -> Router<App> {
    Router::new()
        .route("/v1/teams", get(teams::list).post(teams::create))
        .route("/v1/teams/{id}", get(teams::find).patch(teams::update).delete(teams::delete))
        .route("/v1/teams/{id}/members", get(teams::members).put(teams::set_members))
        .route("/v1/labels", get(labels::list).post(labels::create))
        .route("/v1/labels/{id}", get(labels::find).patch(labels::update).delete(labels::delete))
        .route("/v1/canned-responses", get(canned_responses::list).post(canned_responses::create))
        .route(
            "/v1/canned-responses/{id}",
            get(canned_responses::find).patch(canned_responses::update).delete(canned_responses::delete),
        )
        .route("/v1/contacts", get(contacts::list).post(contacts::create))
        .route("/v1/contacts/{id}", get(contacts::find).patch(contacts::update).delete(contacts::erase))
        .route("/v1/contacts/{id}/export", get(contacts::export))
        .route("/v1/contacts/{id}/identities", post(contacts::add_identity).delete(contacts::remove_identity))
        .route("/v1/contacts/{id}/merges", get(contacts::merges).post(contacts::merge))
        .route("/v1/contacts/{id}/merges/{merge}", delete(contacts::unmerge))
        .route(
            "/v1/contact-imports",
            get(imports::list).post(imports::create).layer(DefaultBodyLimit::max(imports::FILE_BYTES_MAX)),
        )
        .route("/v1/contact-imports/{id}", get(imports::find))
        .route("/v1/contact-imports/{id}/rows", get(imports::rows))
        .route("/v1/search/contacts", get(search::contacts))
        .route("/v1/search/conversations", get(search::conversations))
        .route("/v1/search/messages", get(search::messages))
        .route("/v1/conversations", get(conversations::list).post(conversations::create))
        .route("/v1/conversations/{id}/notes", get(notes::list).post(notes::create))
        .route("/v1/conversations/{id}/notes/{note}", patch(notes::update).delete(notes::delete))
        .route("/v1/conversations/{id}", get(conversations::find).patch(conversations::update))
        .route("/v1/conversations/{id}/messages", get(messages::list).post(messages::reply))
}

/// What connects the account with others: channels and webhooks.
fn of_connections() -> Router<App> {
    Router::new()
        .route("/v1/channels", get(channels::list).post(channels::create))
        .route("/v1/channels/{id}", get(channels::find).patch(channels::update).delete(channels::delete))
        .route("/v1/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/v1/webhooks/{id}", get(webhooks::find).patch(webhooks::update).delete(webhooks::delete))
        .route("/v1/webhooks/{id}/deliveries", get(webhooks::deliveries))
        .route("/v1/webhooks/{id}/deliveries/{seq}/replay", post(webhooks::replay))
}
