//! The listener: connections with limits and deadlines, routers joined, request ids, errors logged once.
//!
//! [`accept`] takes a connection and finds it a place among the [`slots`]; with
//! a load balancer, [`proxy_protocol`] says whose it is. [`stream`] and [`body`]
//! hold its deadlines. Each request then passes here: [`address`] finds the
//! client ([`forwarded`] reads what proxies wrote, [`cidr`] whom to believe),
//! [`gate`] refuses floods, [`headers`] completes the answer, and [`cors`]
//! says which other origins may read it.

mod accept;
mod address;
mod body;
pub mod cidr;
pub mod cors;
pub mod forwarded;
mod gate;
mod headers;
mod limits;
pub mod proxy_protocol;
mod slots;
mod stream;

pub use address::ProxyHeader;
pub(crate) use limits::limits;

use crate::{
    config::{self, ProxyProtocol},
    console,
    health::{self, Health},
};
use address::{Hop, Trust};
use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use body::Late;
use common::{
    address::ClientAddress,
    bucket::Rate,
    clock::Clock,
    error::{Chain, ErrorCode},
};
use cors::Cors;
use gate::{Gate, Pass};
use ingress::Problem;
use local_services::descriptors;
use metrics_exporter_prometheus::PrometheusHandle;
use shutdown::Shutdown;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::net::{TcpListener, TcpSocket};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, error, info, info_span, warn};
use uuid::Uuid;

/// The longest request id of a proxy's that is taken over.
const REQUEST_ID_CHARS_MAX: usize = 64;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where files are uploaded, which may take longer than other requests.
const UPLOAD_PATH: &str = "/v1/rooms/{id}/attachments";

/// Descriptors for all else but media by TCP: the database, the bus, media, deliveries. Both have at most half of the
/// limit.
const OTHER_DESCRIPTORS: u64 = 512;

/// Connections that the kernel may hold until they are accepted, if it lets us (`net.core.somaxconn`). Beyond
/// them those who come are not heard and try again a second later: so many come at once when a proxy or
/// another instance was restarted.
const WAITING_MAX: u32 = 4096;

/// The most connections of the listener for metrics.
const COLLECTORS_MAX: usize = 32;

/// What the listener needs beside the routers.
pub struct Listener<'a> {
    /// For the time that requests took.
    pub clock: Arc<dyn Clock>,
    /// Section `[http]`.
    pub config: &'a config::Http,
    /// What `/ready` looks at.
    pub health: Health,
}

impl Listener<'_> {
    /// Everything behind one router. `parts` are the roles' routers.
    pub fn router(self, parts: impl IntoIterator<Item = Router>) -> Router {
        let Self { clock, config, health } = self;
        let anonymous = Rate::per_second(config.anonymous_burst, config.anonymous_per_second);
        let context = Arc::new(Context {
            timeout: Duration::from_secs(config.timeout_s),
            upload_timeout: Duration::from_secs(config.upload_s),
            gate: Gate::new(anonymous, &clock),
            trust: trusted_proxies(config),
            cors: Cors::new(&config.cors_origins),
            hsts: config.hsts,
            clock,
        });
        let (observing, probed) = (Arc::clone(&context), Arc::clone(&context.clock));
        parts
            .into_iter()
            .fold(Router::new(), Router::merge)
            .fallback(console_or_not_found)
            .layer(CatchPanicLayer::custom(|_| internal_error()))
            .layer(middleware::from_fn(move |request, next| observe(Arc::clone(&observing), request, next)))
            // Probes come every few seconds and are not worth a log line or a histogram.
            .merge(health::router(health, probed))
            .layer(middleware::from_fn(move |request, next| receive(Arc::clone(&context), request, next)))
    }
}

fn trusted_proxies(config: &config::Http) -> Arc<Trust> {
    Arc::new(Trust::new(config.trusted_proxies.clone(), config.proxy_header))
}

/// Listens there.
///
/// # Errors
/// Whatever the kernel says: the address is taken, or not this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // What an earlier process has left behind is no obstacle.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}

/// The address at which programs on this machine reach a listener at `address`: one that listens everywhere is on
/// loopback, too.
pub const fn address_here(address: SocketAddr) -> SocketAddr {
    let here = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(here, address.port())
}

/// The URL that a person on this machine opens: `http://localhost:7880` for a listener on all addresses.
pub fn url_here(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

/// Serves until shutdown. Requests that are being answered then go on, on `shutdown`'s tracker. `media` are the
/// descriptors that this process may come to use for media by TCP.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &config::Http,
    media: usize,
    shutdown: Shutdown,
) {
    let all = within_descriptors(config.connections_max, media);
    let settings = accept::Settings {
        limits: slots::Limits { all, network: config.connections_per_network_max.min(all / 4).max(1) },
        deadlines: stream::Deadlines {
            head: Duration::from_secs(config.header_s),
            idle: Duration::from_secs(config.idle_s),
            write: Duration::from_secs(config.write_s),
        },
        body: Duration::from_secs(config.body_s),
        proxy_protocol: config.proxy_protocol == ProxyProtocol::V2,
        trust: trusted_proxies(config),
    };
    accept::serve(listener, router, settings, shutdown).await;
}

/// Serves `/metrics` to those who collect them, until shutdown.
pub async fn serve_metrics(listener: TcpListener, metrics: PrometheusHandle, shutdown: Shutdown) {
    let router = health::metrics_router(metrics);
    let config = config::Http { connections_max: COLLECTORS_MAX, ..config::Http::default() };
    serve(listener, router, &config, 0, shutdown).await;
}

/// The number of connections that are wanted, or fewer if the process may not have as many beside its `media`.
fn within_descriptors(wanted: usize, media: usize) -> usize {
    let allowed = match descriptors::raise() {
        Ok(allowed) => allowed,
        Err(error) => {
            warn!(error = %Chain(&error), "The limit of descriptors cannot be read");
            return wanted;
        }
    };
    let room = room(allowed, media);
    if room < wanted {
        warn!(
            allowed,
            media,
            "This process may have {allowed} descriptors, enough for {room} connections beside {media} of media by TCP and not for http.connections_max = {wanted}; raise the limit (LimitNOFILE, ulimit -n) or lower the settings (http.connections_max, sfu.tcp.connections_max)"
        );
    }
    wanted.min(room)
}

/// For how many connections there is room among so many descriptors, if media by TCP may come to use so many.
fn room(allowed: u64, media: usize) -> usize {
    let others = OTHER_DESCRIPTORS.saturating_add(u64::try_from(media).unwrap_or(u64::MAX));
    usize::try_from(allowed - others.min(allowed / 2)).unwrap_or(usize::MAX)
}

struct Context {
    clock: Arc<dyn Clock>,
    timeout: Duration,
    upload_timeout: Duration,
    gate: Gate,
    trust: Arc<Trust>,
    cors: Cors,
    hsts: bool,
}

/// The id that an answer and its log lines share.
#[derive(Clone)]
struct RequestId(HeaderValue);

/// Whether the client is known to use TLS; a cookie's `Secure` asks for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsSecure(pub(crate) bool);

/// Finds the caller's address, refuses requests beyond the limits, and completes the answer's headers.
async fn receive(context: Arc<Context>, mut request: Request, next: Next) -> Response {
    let hop = request.extensions().get::<Hop>().copied();
    let remote_address = hop.map_or(IpAddr::from([0, 0, 0, 0]), |hop| hop.remote_address);
    // Before all else: limits, logs and cookies go by it, and a client's own headers must not decide any of them.
    let origin = context.trust.origin(remote_address, request.headers());
    let id = request_id(origin.is_proxied, request.headers());
    let is_secure = context.hsts || origin.is_secure;
    let extensions = request.extensions_mut();
    if hop.is_some() {
        extensions.insert(origin.client);
    }
    extensions.insert(RequestId(id.clone()));
    extensions.insert(IsSecure(is_secure));
    let path = request.uri().path().to_owned();
    let page = request.headers().get(header::ORIGIN).cloned();
    let is_reserved = hop.is_some_and(|hop| hop.is_reserved);
    let mut response = if is_reserved && !health::is_probe(&path) {
        Problem::unavailable("there is no room for another connection").into_response()
    } else {
        admit(&context, origin.client, request, next).await
    };
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers::complete(headers, path.starts_with("/v1/"), context.hsts);
    context.cors.complete(&path, page.as_ref(), headers);
    if is_reserved {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Lets a request through the gate, and tells the gate what became of it.
async fn admit(context: &Context, client: ClientAddress, mut request: Request, next: Next) -> Response {
    match context.gate.admit(client.network(), request.uri().path(), request.headers()) {
        Ok(pass) => {
            if let Pass::Token { accepted, .. } = &pass {
                request.extensions_mut().insert(accepted.clone());
            }
            let (path, method) = (request.uri().path(), request.method());
            let response = match context.cors.preflight(path, method, request.headers()) {
                Some(answer) => answer,
                None => next.run(request).await,
            };
            context.gate.note(&pass, response.status());
            response
        }
        Err(problem) => problem.into_response(),
    }
}

/// A proxy's id if it is a plain word; otherwise a fresh one. Nobody else writes into our logs.
fn request_id(is_proxied: bool, headers: &HeaderMap) -> HeaderValue {
    let is_plain = |id: &&HeaderValue| {
        (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
            && id.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
    };
    let given = headers.get(REQUEST_ID).filter(|_| is_proxied).filter(is_plain);
    given.cloned().unwrap_or_else(|| {
        let id = Uuid::new_v4().to_string();
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none"))
    })
}

/// One span, one log line and one measurement a request.
async fn observe(context: Arc<Context>, request: Request, next: Next) -> Response {
    let started = context.clock.now();
    let id = request.extensions().get::<RequestId>().and_then(|id| id.0.to_str().ok()).unwrap_or("");
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let late = request.extensions().get::<Late>().cloned().unwrap_or_default();
    let span = info_span!("request", request.id = id, %method, route, account.id = tracing::field::Empty, user.id = tracing::field::Empty);
    async {
        let is_upload = method == Method::POST && route == UPLOAD_PATH;
        let time = if is_upload { context.upload_timeout } else { context.timeout };
        let response = match tokio::time::timeout(time, next.run(request)).await {
            // The handler saw a body that broke off and answered something about that; the client is told the reason.
            Ok(_) if late.is_so() => too_slow(),
            Ok(response) => response,
            Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UNAVAILABLE, "the request took too long")
                .into_response(),
        };
        let took = context.clock.now().saturating_duration_since(started);
        let status = response.status().as_u16();
        metrics::histogram!("http_request_duration_seconds", "route" => route.clone(), "method" => known_method(&method), "status" => status.to_string())
            .record(took.as_secs_f64());
        info!(status, duration_ms = took.as_secs_f64() * 1000.0, "{method} {route} answered {status}");
        response
    }
    .instrument(span)
    .await
}

/// The body stood still for too long. The rest of it is not waited for.
fn too_slow() -> Response {
    let problem =
        Problem::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::INVALID_BODY, "the body came too slowly");
    ([(header::CONNECTION, HeaderValue::from_static("close"))], problem).into_response()
}

/// A method's name for the metrics. Anybody can make up others: they would be kept for ever.
fn known_method(method: &Method) -> &'static str {
    const ALL: [(&Method, &str); 7] = [
        (&Method::GET, "GET"),
        (&Method::POST, "POST"),
        (&Method::PATCH, "PATCH"),
        (&Method::PUT, "PUT"),
        (&Method::DELETE, "DELETE"),
        (&Method::HEAD, "HEAD"),
        (&Method::OPTIONS, "OPTIONS"),
    ];
    ALL.iter().find(|(each, _)| *each == method).map_or("other", |(_, name)| name)
}

/// The console for what it has, a problem document for the rest.
async fn console_or_not_found(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    console::serve(&method, &uri, &headers).unwrap_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, ErrorCode::NOT_FOUND, "there is nothing at this path")
            .into_response()
    })
}

fn internal_error() -> Response {
    error!("A request handler panicked; this is a bug");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::INTERNAL, "internal error").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_taken_from_proxies_alone_and_if_it_is_a_plain_word() {
        let with = |is_proxied, id: &'static str| {
            let headers = [(REQUEST_ID, HeaderValue::from_static(id))].into_iter().collect();
            request_id(is_proxied, &headers)
        };
        assert_eq!(with(true, "7f3a.B_1-2"), "7f3a.B_1-2");
        let long = "x".repeat(65).leak();
        for bad in ["", "two words", "a=b", "{\"x\":1}", long] {
            assert_ne!(with(true, bad), bad, "{bad:?}");
            assert_eq!(with(true, bad).len(), 36);
        }
        assert_ne!(with(false, "7f3a"), "7f3a");
    }

    #[test]
    fn media_by_tcp_has_its_descriptors_beside_those_of_connections() {
        assert_eq!(room(20_000, 0), 19_488);
        assert_eq!(room(20_000, 2_256), 17_232);
        assert_eq!(room(2_000, 2_256), 1_000, "half at least");
        assert_eq!(room(0, usize::MAX), 0);
    }

    #[test]
    fn what_listens_everywhere_is_opened_at_localhost() {
        let urls =
            ["0.0.0.0:7880", "[::]:7880", "192.0.2.7:80"].map(|address| url_here(address.parse().unwrap()));
        assert_eq!(urls, ["http://localhost:7880", "http://localhost:7880", "http://192.0.2.7:80"]);
        let reached =
            ["0.0.0.0:1", "[::]:1", "192.0.2.7:1"].map(|it| address_here(it.parse().unwrap()).to_string());
        assert_eq!(reached, ["127.0.0.1:1", "[::1]:1", "192.0.2.7:1"]);
    }
}
