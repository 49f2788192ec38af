//! `/v1/events` answers what the reference says of it, and nothing else.

use crate::operations::EVENTS;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use bus::{Asked, Bus};
use common::{
    clock::ManualClock,
    id::NodeId,
    revocation::Revocations,
    subject::events::{EventsReply, EventsService},
};
use serde_json::{Value, json};
use shutdown::Shutdown;
use signalling::{Config, Deps, Hub};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use store::testing::TestDatabase;
use switchboard::api;
use tokio::{sync::watch, time::timeout};
use tower::ServiceExt;

/// How long the hub may take to start. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many connections may be open here that have not said who they are.
const CONNECTIONS_MAX: usize = 20;

/// A header that the server reads.
type Header<'a> = (&'a str, &'a str);

/// An answer, and whether the reference promises it.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A hub, and which of the promised answers it has given.
struct World {
    router: Router,
    hub: Hub,
    clock: Arc<ManualClock>,
    bus: Bus,
    _db: TestDatabase,
    given: BTreeSet<(String, String)>,
}

/// An operation as the reference describes it.
fn described<'a>(template: &str, method: &Method) -> Option<&'a Value> {
    api::openapi()["paths"][template].get(method.as_str().to_lowercase())
}

impl World {
    async fn new() -> Self {
        let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
        let bus = Bus::local(NodeId::generate(&*clock));
        let deps = Deps {
            bus: bus.clone(),
            store: db.store.clone(),
            clock: clock.clone(),
            issuers: watch::channel(Arc::default()).1,
            ice_servers: Arc::new(|_, _| Vec::new()),
            revocations: Arc::new(Revocations::default()),
        };
        let config = Config { unauthenticated_per_network_max: CONNECTIONS_MAX, ..Config::default() };
        let hub = Hub::new(config, deps);
        let router = signalling::router(&hub);
        Self { router, hub, clock, bus, _db: db, given: BTreeSet::new() }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
        Answer { status, headers, body }
    }

    /// Asks, and holds the answer to the reference.
    async fn ask(&mut self, method: Method, path: &str, headers: &[Header<'_>], body: &str) -> Answer {
        let is_one = path.len() > EVENTS.len();
        let template = if is_one { "/v1/events/{id}" } else { EVENTS };
        let mut request = Request::builder().method(&method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.send(request.body(Body::from(body.to_owned())).unwrap()).await;
        let (what, status) = (format!("{method} {template}"), answer.status.as_u16().to_string());
        let promised = &described(template, &method).unwrap()["responses"][&status];
        let shown = String::from_utf8_lossy(&answer.body);
        assert!(promised["description"].is_string(), "{what} promises no {status}: {shown}");
        if let Some(content) = promised["content"].as_object() {
            let content_type = answer.headers[header::CONTENT_TYPE].to_str().unwrap();
            assert!(content.contains_key(content_type), "{what} {status} is {content_type}");
        } else {
            assert!(answer.body.is_empty(), "{what} {status} says {shown}");
        }
        if answer.status.is_client_error() || answer.status.is_server_error() {
            let code = answer.json()["code"].as_str().unwrap().to_owned();
            let description = promised["description"].as_str().unwrap();
            assert!(description.contains(&format!("`{code}`")), "{what} {status} is {code}: {description}");
        }
        let passes = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        assert_eq!(
            passes.contains(&answer.status),
            answer.headers.contains_key(header::RETRY_AFTER),
            "{what}"
        );
        self.given.insert((what, status));
        answer
    }

    /// A new connection: its path, and the header that opens it.
    async fn open(&mut self) -> (String, String) {
        let opened = self.ask(Method::POST, EVENTS, &[], "").await;
        assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.json());
        let opened = opened.json();
        let text = |name: &str| opened[name].as_str().unwrap().to_owned();
        (format!("{EVENTS}/{}", text("id")), format!("Bearer {}", text("secret")))
    }

    /// Starts the hub, without which nobody is let in.
    async fn start(&self, shutdown: &Shutdown) {
        shutdown.tasks.spawn(signalling::run(self.hub.clone(), shutdown.clone()));
        let is_open = async || {
            let request = Request::post(EVENTS).body(Body::empty()).unwrap();
            self.send(request).await.status == StatusCode::CREATED
        };
        let opened = async {
            while !is_open().await {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, opened).await.unwrap();
    }

    /// The path of a connection that another instance has, which gives this answer to whatever is asked of it.
    async fn elsewhere(&self, reply: EventsReply, shutdown: &Shutdown) -> String {
        let node = NodeId::generate(&*self.clock);
        let mut requests = self.bus.serve(&EventsService(node)).await.unwrap();
        shutdown.tasks.spawn(async move {
            while let Some(Asked { reply: to, .. }) = requests.next().await {
                to.send(&reply);
            }
        });
        format!("{EVENTS}/{0}{0}", node.as_uuid().simple())
    }
}

fn batch(number: u64, frames: usize) -> String {
    let frame = json!({ "jsonrpc": "2.0", "id": 1, "method": "presence.get", "params": {} });
    json!({ "number": number, "frames": vec![frame; frames] }).to_string()
}

/// Every answer is one that the reference promises, with its content type and its code; and each that it promises is
/// one that is given.
#[tokio::test]
async fn every_answer_is_one_that_the_reference_promises_and_each_of_those_is_given() {
    let (mut world, shutdown) = (World::new().await, Shutdown::default());
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    world.ask(post.clone(), EVENTS, &[], "").await;
    world.start(&shutdown).await;

    let (path, secret) = world.open().await;
    let mine: &[Header<'_>] = &[("authorization", &secret)];
    let now = format!("{path}?wait=0");
    let stream = world.ask(get.clone(), &now, mine, "").await;
    assert_eq!(stream.status, StatusCode::OK, "{:?}", String::from_utf8_lossy(&stream.body));
    world.ask(get.clone(), &format!("{path}?wait=soon"), mine, "").await;
    for seen in ["0", "1", "x", "-1"] {
        world.ask(get.clone(), &now, &[mine[0], ("last-event-id", seen)], "").await;
    }
    let most = &api::openapi()["components"]["schemas"]["EventsBatch"]["properties"]["frames"]["maxItems"];
    let most = usize::try_from(most.as_u64().unwrap()).unwrap();
    let status =
        async |world: &mut World, body: &str| world.ask(Method::POST, &path, mine, body).await.status;
    assert_eq!(status(&mut world, &batch(1, most + 1)).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(status(&mut world, &batch(1, 0)).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(status(&mut world, &batch(7, 1)).await, StatusCode::CONFLICT);
    assert_eq!(status(&mut world, "x").await, StatusCode::BAD_REQUEST);
    assert_eq!(status(&mut world, &"x".repeat(300_000)).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(status(&mut world, &batch(1, most)).await, StatusCode::NO_CONTENT);

    let busy = world.elsewhere(EventsReply::Busy {}, &shutdown).await;
    for method in [get, post, delete.clone()] {
        let body = batch(1, 1);
        let missing = world.ask(method.clone(), &path, &[], &body).await;
        assert_eq!(missing.status, StatusCode::UNAUTHORIZED);
        assert_eq!(missing.headers[header::WWW_AUTHENTICATE], "Bearer");
        let wrong = world.ask(method.clone(), &path, &[("authorization", "Bearer x")], &body).await;
        assert_eq!(wrong.status, StatusCode::GONE);
        let away = world.ask(method, &busy, mine, &body).await;
        assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    let (path, secret) = world.open().await;
    let closed = world.ask(delete, &path, &[("authorization", &secret)], "").await;
    assert_eq!(closed.status, StatusCode::NO_CONTENT);
    let mut opened = 0;
    while world.ask(Method::POST, EVENTS, &[], "").await.status == StatusCode::CREATED {
        opened += 1;
        assert!(opened <= CONNECTIONS_MAX, "nobody is refused");
    }

    let mut promised = BTreeSet::new();
    for (template, item) in api::openapi()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|_| template.starts_with(EVENTS)) {
            let statuses = operation["responses"].as_object().unwrap().keys().filter(|it| *it != "default");
            promised.extend(statuses.map(|it| (format!("{} {template}", method.to_uppercase()), it.clone())));
        }
    }
    assert_eq!(world.given, promised);
    shutdown.token.cancel();
}

#[tokio::test]
async fn every_method_that_is_taken_is_described_and_whose_secret_opens_it() {
    let world = World::new().await;
    for (template, path) in [(EVENTS, EVENTS), ("/v1/events/{id}", "/v1/events/x")] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let request = Request::builder().method(&method).uri(path).body(Body::empty()).unwrap();
            let is_taken = world.send(request).await.status != StatusCode::METHOD_NOT_ALLOWED;
            let operation = described(template, &method);
            assert_eq!(is_taken, operation.is_some(), "{method} {template}");
            let Some(operation) = operation else { continue };
            let security = if template == EVENTS { json!([]) } else { json!([{ "connection": [] }]) };
            assert_eq!(operation["security"], security, "{method} {template}");
        }
    }
    let schemes = &api::openapi()["components"]["securitySchemes"];
    assert_eq!(schemes["connection"]["scheme"], "bearer");
}
