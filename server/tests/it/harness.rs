//! A server without a listener, two accounts, and a way to call it.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header},
};
use bus::Bus;
use common::{
    address::ClientAddress,
    clock::{Clock, ManualClock},
    id::{AccountId, ChannelId, ConversationId, MessageId, NodeId, RoomId, SignInId, UserId},
    protocol::{inbox::ChannelKind, media::IceServer},
    revocation::Revocations,
    secret::Secret,
    text,
    token::{self, Accounts, Issuer, OUTSIDE_LIFETIME, OWN_ISSUER, OutsideRules, REFRESH_TOKEN_TIME, Role},
};
use inbox::Inbox;
use ingress::Authenticator;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use local_services::scratch::Scratch;
use serde_json::{Value, json};
use shutdown::Shutdown;
use std::{
    sync::{Arc, LazyLock},
    time::Instant,
};
use store::{channels, contacts::Identity, messages, rooms, sign_ins, testing::TestDatabase, users};
use switchboard::{
    api::{self, App},
    config,
    health::Health,
    http::Listener,
};
use time::OffsetDateTime;
use tokio::sync::watch;
use tower::ServiceExt;
use uuid::Uuid;

const SECRET: &str = "a secret for tests, long enough to sign with";

/// The issuer beside our own, and its key.
pub(crate) const OUTSIDE_ISSUER: &str = "https://auth.example";
pub(crate) const OUTSIDE_AUDIENCE: &str = "switchboard";
pub(crate) const OUTSIDE_SECRET: &str = "another secret for tests, also long enough";

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Hashed once: it is slow on purpose.
static PASSWORD_HASH: LazyLock<String> =
    LazyLock::new(|| api::password::hash(&Secret::new(PASSWORD.to_owned())).unwrap());

pub(crate) struct Server {
    pub(crate) db: TestDatabase,
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<ManualClock>,
    /// What ended before its time, as this instance knows it.
    pub(crate) revocations: Arc<Revocations>,
    app: App,
    /// Serves files beside the REST layer.
    inbox: Inbox,
    router: Router,
    /// The storage of files.
    pub(crate) files: files::Files,
    /// Where it is.
    _folder: Arc<Scratch>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.body);
        assert_eq!(self.body["status"], self.status.as_u16());
        let detail = self.body["detail"].as_str().unwrap();
        assert_eq!(text::sentence(detail.to_owned()), detail, "people read it");
        self.body["code"].as_str().unwrap()
    }
}

/// One account with a person, a room, a channel and a customer who wrote.
pub(crate) struct Tenant {
    pub(crate) account: AccountId,
    pub(crate) user: UserId,
    pub(crate) email: String,
    pub(crate) room: RoomId,
    pub(crate) channel: ChannelId,
    pub(crate) conversation: ConversationId,
    pub(crate) message: MessageId,
    /// An administrator's access token.
    pub(crate) token: String,
}

/// The clock of somebody who signed in longer ago than an unused sign-in lasts.
struct LongAgo(Arc<ManualClock>);

impl Clock for LongAgo {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn utc(&self) -> OffsetDateTime {
        self.0.utc() - 2 * REFRESH_TOKEN_TIME
    }
}

fn issuer(name: &str, secret: &str, outside: Option<OutsideRules>) -> Issuer {
    Issuer {
        name: name.to_owned(),
        audience: outside.as_ref().map(|_| OUTSIDE_AUDIENCE.to_owned()),
        key_id: None,
        algorithm: Algorithm::HS256,
        key: DecodingKey::from_secret(secret.as_bytes()),
        outside,
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let db = TestDatabase::create().await;
        let clock = Arc::new(TestDatabase::clock());
        let bus = Bus::local(NodeId::generate(&*clock));
        let rules = OutsideRules {
            accounts: Accounts::Any,
            account_claim: "account".to_owned(),
            role_claim: "role".to_owned(),
            role: Role::AgentUser,
            greatest_role: Role::User,
            name_claim: "name".to_owned(),
            lifetime_max: OUTSIDE_LIFETIME,
            subjects_are_ids: false,
        };
        let issuers: Arc<[Issuer]> = Arc::from([
            issuer(OWN_ISSUER, SECRET, None),
            issuer(OUTSIDE_ISSUER, OUTSIDE_SECRET, Some(rules)),
        ]);
        // The sender may go: a receiver keeps the last value.
        let (_, issuers) = watch::channel(issuers);
        let ice_servers: api::IceServers = Arc::new(|user, _| {
            vec![IceServer {
                urls: vec!["turn:example".to_owned()],
                username: Some(user.to_string()),
                credential: None,
            }]
        });
        let secret = Secret::new(SECRET.to_owned());
        let guard = egress::Guard::new(egress::Config::default());
        let revocations = Arc::new(Revocations::default());
        let folder = Scratch::new().unwrap();
        let files = files::Files::open(files::Config::default(), folder.path(), &secret, &guard).unwrap();
        let app = App::new(
            db.store.clone(),
            bus.clone(),
            clock.clone(),
            issuers.clone(),
            &secret,
            ice_servers,
            guard.clone(),
        )
        .with_revocations(Arc::clone(&revocations))
        .with_files(Some(files.clone()));
        let authenticator = Authenticator {
            store: db.store.clone(),
            clock: clock.clone(),
            issuers,
            revocations: Arc::clone(&revocations),
        };
        let mut config = inbox::Config::default();
        // Nothing listens there: a provider that is away.
        config.graph.base_url = "http://127.0.0.1:9".parse().unwrap();
        let deps = inbox::Deps {
            bus: bus.clone(),
            store: db.store.clone(),
            clock: clock.clone(),
            guard,
            authenticator,
        };
        let inbox = Inbox::new(config, deps).unwrap();
        let router = api::router(app.clone()).merge(inbox::router(&inbox));
        Self { db, bus, clock, revocations, router, app, inbox, files, _folder: Arc::new(folder) }
    }

    /// The same with other settings.
    pub(crate) fn set_up(self, config: &config::Http) -> Self {
        let app = self.app.clone().set_up(&config::SignIn::default(), config, Shutdown::default());
        let router = api::router(app).merge(inbox::router(&self.inbox));
        Self { router, ..self }
    }

    /// The same behind all that a request passes before the REST layer.
    pub(crate) fn behind_the_listener(self, config: &config::Http) -> Self {
        let server = self.set_up(config);
        let health = Health { store: server.db.store.clone(), bus: server.bus.clone() };
        let listener = Listener { clock: server.clock.clone(), config, health };
        Self { router: listener.router([server.router]), ..server }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status, headers, body }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, token: &str, body: Option<&Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            None => Body::empty(),
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, token, None).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::POST, path, token, Some(&body)).await
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("/v1/auth/sign-in", "", json!({ "email": email, "password": password })).await
    }

    /// The same from a browser that has this cookie.
    pub(crate) async fn sign_in_with(&self, email: &str, password: &str, cookie: &HeaderValue) -> Answer {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        let request = Request::post("/v1/auth/sign-in")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::COOKIE, pair)
            .body(Body::from(json!({ "email": email, "password": password }).to_string()));
        self.send(request.unwrap()).await
    }

    /// The same from a network address.
    pub(crate) async fn sign_in_from(&self, email: &str, password: &str, address: [u8; 4]) -> Answer {
        let mut request = Request::post("/v1/auth/sign-in")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(json!({ "email": email, "password": password }).to_string()))
            .unwrap();
        request.extensions_mut().insert(ClientAddress(address.into()));
        self.send(request).await
    }

    /// A token as signing in gives it, for a role that the user has or outranks. Its sign-in began so long ago
    /// that no list shows it.
    pub(crate) async fn token(&self, account: AccountId, user: UserId, role: Role) -> String {
        let long_ago = LongAgo(Arc::clone(&self.clock));
        let mut hash = [0; 32];
        hash[..16].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        let mut tx = self.db.store.tenant(account).await.unwrap();
        let sign_in =
            sign_ins::start(&mut tx, user, &hash, &sign_ins::Device::default(), &long_ago).await.unwrap();
        tx.commit().await.unwrap();
        self.signed(account, user, role, sign_in)
    }

    /// A token of our own that says this, be it true or not.
    pub(crate) fn signed(&self, account: AccountId, user: UserId, role: Role, sign_in: SignInId) -> String {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let subject = token::Subject { account, user, role, permissions: None, elevated: None, sign_in };
        token::sign(&key, &subject, self.clock.utc()).unwrap()
    }

    pub(crate) async fn tenant(&self, name: &str) -> Tenant {
        let clock = &*self.clock;
        let account = self.db.account(name, clock).await;
        let email = format!("{name}@example.com");
        let mut tx = self.db.store.tenant(account).await.unwrap();
        let user = users::NewUser { email: &email, name, role: Role::Admin, password_hash: &PASSWORD_HASH };
        let user = users::create(&mut tx, &user, clock).await.unwrap().id;
        let room = rooms::create(&mut tx, "lobby", false, clock).await.unwrap().id;
        let said = rooms::NewRoomMessage {
            room,
            user,
            name,
            client_id: Uuid::new_v4().into(),
            text: "hello",
            reply_to: None,
            mentions: &[],
            attachments: rooms::Uploads::default(),
        };
        rooms::send(&mut tx, &said, clock).await.unwrap().unwrap();
        let secret = Secret::new("s3cret".to_owned());
        let channel = channels::NewChannel {
            kind: ChannelKind::Whatsapp,
            name: "support",
            external_id: name,
            access_token: &secret,
            app_secret: &secret,
            verify_token: &secret,
        };
        let channel = channels::create(&mut tx, &channel, clock).await.unwrap().id;
        let inbound = messages::Inbound {
            channel,
            external_id: "wamid.1",
            from: &[Identity { scheme: "phone".to_owned(), value: "4915112345678".to_owned() }],
            name: Some("Grace"),
            kind: "text",
            text: Some("hello?"),
            metadata: &json!({}),
            created_at: clock.utc(),
        };
        let messages::Received::New { conversation, message } =
            messages::receive(&mut tx, &inbound, clock).await.unwrap()
        else {
            panic!("it is the first message");
        };
        tx.commit().await.unwrap();
        let token = self.token(account, user, Role::Admin).await;
        Tenant {
            account,
            user,
            email,
            room,
            channel,
            conversation: conversation.id,
            message: message.id,
            token,
        }
    }
}
