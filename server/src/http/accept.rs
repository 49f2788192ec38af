//! Connections: accepted, counted, served with deadlines, ended in order.

use super::{
    address::{Hop, Trust},
    body::{Late, Punctual, Whole},
    proxy_protocol::{HEAD_BYTES, Head, ProxyError},
    slots::{self, Slot, Slots, Turns},
    stream::{Deadlines, Stream},
};
use axum::{Router, body::Body, response::Response};
use common::{address::ClientAddress, error::Chain};
use hyper::{Request, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use ingress::TakeApart;
use local_services::descriptors;
use shutdown::Shutdown;
use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tower::ServiceExt;
use tracing::{debug, warn};

/// The longest head of a request: the longest token and what browsers add fit several times.
pub(super) const HEAD_BYTES_MAX: usize = 32 * 1024;

/// The most headers of a request.
pub(super) const HEADERS_MAX: usize = 100;

/// The bytes that hyper reads ahead, and keeps of an answer that is not taken yet.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// How long a probe may take for its head when there is no room for anybody else.
const PROBE_TIME: Duration = Duration::from_secs(2);

/// How long no connection is accepted after the process or the machine has run out of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// How connections are treated.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) limits: slots::Limits,
    pub(super) deadlines: Deadlines,
    /// How long a body may stand still.
    pub(super) body: Duration,
    /// Whether trusted peers say by the PROXY protocol who calls.
    pub(super) proxy_protocol: bool,
    pub(super) trust: Arc<Trust>,
}

/// The state that all connections share.
struct Shared {
    settings: Settings,
    router: Router,
    slots: Arc<Slots>,
    shutdown: Shutdown,
}

/// Accepts and serves until shutdown. Connections that are open then finish what they are at, on `shutdown`'s tracker.
pub(super) async fn serve(listener: TcpListener, router: Router, settings: Settings, shutdown: Shutdown) {
    let slots = Slots::new(settings.limits);
    let token = shutdown.token.clone();
    let shared = Arc::new(Shared { settings, router, slots, shutdown });
    let mut is_exhausted = false;
    while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((socket, remote_address)) => {
                is_exhausted = false;
                shared.welcome(socket, remote_address);
            }
            Err(error) if descriptors::is_exhausted(&error) => {
                if !is_exhausted {
                    warn!(
                        error = %Chain(&error),
                        "No connection can be accepted; will go on"
                    );
                }
                is_exhausted = true;
                // Whoever opened the connections does not close them for us: without this, nothing would be accepted
                // until one of them times out. The pause keeps the loop from spinning meanwhile.
                shared.slots.evict_one();
                token.run_until_cancelled(sleep(PAUSE)).await;
            }
            // Of one connection: it was gone before it was accepted.
            Err(error) => debug!(error = %Chain(&error), "A connection was not accepted"),
        }
    }
}

impl Shared {
    fn welcome(self: &Arc<Self>, socket: TcpStream, remote_address: SocketAddr) {
        let is_trusted = self.settings.trust.includes(remote_address.ip());
        // Behind a trusted proxy is everybody: it has no share.
        let network = (!is_trusted).then(|| ClientAddress(remote_address.ip()).network());
        let Some(slot) = self.slots.take(network) else {
            metrics::counter!("http_connections_refused_total").increment(1);
            return;
        };
        if let Err(error) = socket.set_nodelay(true) {
            debug!(error = %Chain(&error), "A connection was gone at once");
            return;
        }
        let shared = Arc::clone(self);
        self.shutdown.tasks.spawn(async move {
            let evicted = Arc::clone(&slot.state);
            tokio::select! {
                // Dropped wherever it is: only an idle connection is told to go, so no answer is cut off.
                () = shared.serve_one(socket, remote_address, is_trusted, slot) => {}
                () = evicted.evicted.notified() => debug!("A connection gave way to another"),
            }
        });
    }

    async fn serve_one(
        self: Arc<Self>,
        mut socket: TcpStream,
        mut remote_address: SocketAddr,
        is_trusted: bool,
        slot: Slot,
    ) {
        if is_trusted && self.settings.proxy_protocol {
            match timeout(self.settings.deadlines.head, read_header(&mut socket)).await {
                Ok(Ok(Some(source))) => {
                    remote_address = source;
                    let client = ClientAddress(source.ip());
                    if !self.settings.trust.includes(source.ip()) && !slot.count_towards(client.network()) {
                        return;
                    }
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => {
                    debug!(error = %Chain(&error), "A proxy's header cannot be read");
                    return;
                }
                Err(_) => return debug!("A proxy sent no header in time"),
            }
        }
        let hop = Hop { remote_address: remote_address.ip(), is_reserved: slot.is_reserved };
        let mut deadlines = self.settings.deadlines;
        if slot.is_reserved {
            deadlines.head = deadlines.head.min(PROBE_TIME);
            deadlines.idle = deadlines.head;
        }
        let turns = slot.turns();
        let stream = TokioIo::new(Stream::new(socket, slot, deadlines));
        let service = service_fn(|request| self.answer(request, hop, &turns));
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .max_header_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .max_buf_size(BUFFER_BYTES_MAX)
            .serve_connection(stream, service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let done = tokio::select! {
            done = connection.as_mut() => done,
            () = self.shutdown.token.cancelled() => {
                connection.as_mut().graceful_shutdown();
                // Who has not said what they want need not be waited for.
                if !turns.is_busy() {
                    return;
                }
                connection.await
            }
        };
        if let Err(error) = done {
            debug!(error = %Chain(&error), "A connection ended early");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        hop: Hop,
        turns: &Turns,
    ) -> Result<Response<Whole<Body>>, Infallible> {
        let turn = turns.begin();
        let late = Late::default();
        let mut request =
            request.map(|body| Body::new(Punctual::new(body, self.settings.body, late.clone())));
        request.extensions_mut().insert(hop);
        request.extensions_mut().insert(late);
        request.extensions_mut().insert(TakeApart(Stream::take_apart));
        let response = self.router.clone().oneshot(request).await?;
        let turn = if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            turn.upgraded();
            None
        } else {
            Some(turn)
        };
        Ok(response.map(|inner| Whole { inner, turn }))
    }
}

/// Reads what the proxy says before the client's first byte.
async fn read_header(socket: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let refuse = |error: ProxyError| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut head = [0; HEAD_BYTES];
    socket.read_exact(&mut head).await?;
    let head = Head::read(&head).map_err(refuse)?;
    let mut rest = vec![0; head.rest()];
    socket.read_exact(&mut rest).await?;
    head.source(&rest).map_err(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::slots::Limits;
    use axum::routing::get;
    use tokio::io::AsyncWriteExt;

    /// More than the buffers of both ends hold.
    const ANSWER_BYTES: usize = 64 * 1024 * 1024;

    const IDLE: Duration = Duration::from_millis(100);

    /// A client that has asked for much and has taken the beginning.
    #[expect(clippy::disallowed_methods, reason = "the client of a test, to a listener of its own")]
    async fn half_served() -> (TcpStream, Shutdown) {
        let long = Duration::from_secs(60);
        let settings = Settings {
            limits: Limits { all: 10, network: 10 },
            deadlines: Deadlines { head: long, idle: IDLE, write: long },
            body: long,
            proxy_protocol: false,
            trust: Arc::default(),
        };
        let router = Router::new().route("/", get(|| async { vec![0_u8; ANSWER_BYTES] }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::default();
        shutdown.tasks.spawn(serve(listener, router, settings, shutdown.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        client.read_exact(&mut [0; 1000]).await.unwrap();
        (client, shutdown)
    }

    async fn takes_the_rest(mut client: TcpStream) {
        client.read_exact(&mut vec![0; ANSWER_BYTES - 1000]).await.unwrap();
    }

    #[tokio::test]
    async fn who_takes_an_answer_slowly_is_not_idle_and_has_its_time_afterwards() {
        let (client, _shutdown) = half_served().await;
        sleep(5 * IDLE).await;
        takes_the_rest(client).await;
    }

    #[tokio::test]
    async fn an_answer_that_is_being_taken_is_finished_when_the_server_ends() {
        let (client, shutdown) = half_served().await;
        shutdown.token.cancel();
        // The one that accepts has noticed, and so have connections.
        tokio::task::yield_now().await;
        takes_the_rest(client).await;
    }

    /// After an answer that was waited for, somebody has to look at the clock again.
    #[tokio::test]
    async fn who_asks_nothing_more_after_a_slow_answer_is_closed() {
        let (mut client, _shutdown) = half_served().await;
        sleep(IDLE).await;
        let mut rest = Vec::new();
        timeout(Duration::from_secs(30), client.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert!(rest.len() > ANSWER_BYTES - 1000);
    }
}
