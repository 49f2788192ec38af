//! The REST layer: `/v1/…`, JSON in and out, problem documents for errors.
//!
//! Each resource has its [`Routes`]: handlers with who may call them. A request is authenticated, its permission
//! checked, its body read (the extractors of a handler, in this order); only then the handler takes a tenant
//! transaction (see [`transaction`]), which it commits before it answers.

mod account;
mod api_keys;
mod attendee;
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
mod files;
mod hub;
mod ice_servers;
mod idempotency;
mod imports;
mod invitations;
mod labels;
mod limits;
mod lockout;
mod mailbox;
mod memory;
mod messages;
mod named;
mod notes;
mod page;
pub mod password;
pub mod problem;
mod push;
mod reading;
mod reference;
mod roles;
mod rooms;
mod routes;
mod search;
mod sign_ins;
mod teams;
mod throttle;
mod transaction;
mod users;
mod webhooks;
mod whip;

pub(crate) use limits::limits;
pub use reference::{ASYNCAPI, openapi};
pub(crate) use whip::serve_stays;

use crate::config::{Http, SignIn};
use ::files::Files;
use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
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
use routes::Routes;
use shutdown::Shutdown;
use std::sync::Arc;
use store::Store;
use throttle::Throttle;
use time::OffsetDateTime;
use tokio::sync::{Semaphore, watch};
use tracing::debug;
use url::Url;
use utoipa::openapi::OpenApi;

/// Makes the STUN and TURN servers for a user at a time.
pub type IceServers = Arc<dyn Fn(UserId, OffsetDateTime) -> Vec<IceServer> + Send + Sync>;

/// The largest body of a request: a message of the longest text, all of it escaped, fits.
const BODY_BYTES_MAX: usize = 512 * 1024;

/// The largest body where passwords and tokens are, which anybody may send: the longest password, all of it
/// escaped, fits.
const SECRETS_BYTES_MAX: usize = 8 * 1024;

/// The state that handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    store: Store,
    /// See [`crate::notifier::Config`].
    own_push_service: Option<Url>,
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
    /// Where files of messages are; `None` if there is nowhere.
    files: Option<Files>,
    /// How often publishing over HTTP may begin.
    whip_rates: Arc<whip::Rates>,
    /// How often playing over HTTP may begin.
    whep_rates: Arc<whip::Rates>,
    /// How often join links may be opened.
    join_link_rates: Arc<rooms::JoinLinkRates>,
    /// By which guests who came by a link are known again.
    guest_keys: Arc<rooms::GuestKeys>,
}

impl App {
    /// Puts together what handlers need. `secret` signs access tokens; the
    /// matching key must be among `issuers`.
    pub fn new(
        store: Store,
        bus: Bus,
        clock: Arc<dyn Clock>,
        issuers: watch::Receiver<Arc<[Issuer]>>,
        secret: &Secret,
        ice_servers: IceServers,
        guard: Guard,
    ) -> Self {
        let sharing = (!bus.is_alone()).then_some(secret);
        Self {
            store,
            own_push_service: None,
            bus,
            throttle: Arc::new(Throttle::new(&clock, sharing)),
            devices: Arc::new(Devices::new(secret)),
            whip_rates: Arc::new(whip::Rates::of_publishers(&clock)),
            whep_rates: Arc::new(whip::Rates::of_players(&clock)),
            join_link_rates: Arc::new(rooms::JoinLinkRates::new(&clock)),
            guest_keys: Arc::new(rooms::GuestKeys::new(secret)),
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
            files: None,
        }
    }

    /// The same with other settings for passwords and bodies, and waited for when the process ends.
    #[must_use]
    pub fn set_up(self, sign_in: &SignIn, http: &Http, background: Shutdown) -> Self {
        Self { passwords: Passwords::new(sign_in), bodies: budget(http), background, ..self }
    }

    /// Shares with other instances, until shutdown, what was used up of the rates of passwords.
    pub fn share_rates(&self, shutdown: &Shutdown) {
        let (throttle, bus, token) = (Arc::clone(&self.throttle), self.bus.clone(), shutdown.token.clone());
        shutdown.tasks.spawn(async move { token.run_until_cancelled(throttle.share(&bus)).await });
    }

    /// With a push service of the operator's own.
    #[must_use]
    pub fn with_own_push_service(self, own_push_service: Option<Url>) -> Self {
        Self { own_push_service, ..self }
    }

    /// The same, held to a list of what ended before its time that others keep.
    #[must_use]
    pub fn with_revocations(self, revocations: Arc<Revocations>) -> Self {
        Self { revocations, ..self }
    }

    /// The same with somewhere to keep files of messages.
    #[must_use]
    pub fn with_files(self, files: Option<Files>) -> Self {
        Self { files, ..self }
    }

    /// Where files of messages are.
    fn files(&self) -> Result<&Files, Problem> {
        self.files.as_ref().ok_or_else(rooms::no_storage)
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
    let (router, _) = parts();
    router
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(bodies, memory::lend))
        .with_state(app)
}

/// The router and its OpenAPI document, both from the resources' routes.
fn parts() -> (Router<App>, OpenApi) {
    let description = Router::new()
        .route(reference::OPENAPI_PATH, get(reference::serve_openapi))
        .route(reference::ASYNCAPI_PATH, get(reference::serve_asyncapi));
    let mut document = reference::blank();
    // Under the same rules, by other roles.
    document.merge(inbox::openapi());
    document.merge(signalling::openapi());
    resources().into_iter().map(Routes::split).fold(
        (description, document),
        |(router, mut document), (routes, described)| {
            document.merge(described);
            (router.merge(routes), document)
        },
    )
}

fn resources() -> Vec<Routes> {
    vec![
        // Who may do what.
        auth::routes(),
        users::routes(),
        sign_ins::routes(),
        account::routes(),
        invitations::routes(),
        elevations::routes(),
        roles::routes(),
        api_keys::routes(),
        audit::routes(),
        // Where people meet.
        rooms::routes(),
        rooms::direct_routes(),
        rooms::join_link_routes(),
        files::routes(),
        calls::routes(),
        ice_servers::routes(),
        whip::routes(),
        whip::playing_routes(),
        // What agents work with.
        conversations::routes(),
        messages::routes(),
        notes::routes(),
        contacts::routes(),
        imports::routes(),
        search::routes(),
        labels::routes(),
        mailbox::routes(),
        push::routes(),
        canned_responses::routes(),
        teams::routes(),
        // What connects the account with others.
        channels::routes(),
        webhooks::routes(),
    ]
}
