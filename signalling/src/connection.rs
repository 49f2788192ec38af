//! One socket: frames in, frames out, pings, deadlines, and how it ends.

mod lane;
mod open;

pub(crate) use open::verify;

use crate::{
    calls, changes, dispatch,
    hub::{self, Hub, frame},
    inbox, media,
    peer::Peer,
    presence, rooms,
};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use common::{
    chance,
    error::{ErrorCode, Fault},
    protocol::{
        Event, Failure, Incoming, Request, RequestId, close as close_codes, envelope, session::Moving,
    },
};
use futures_util::SinkExt;
use lane::Lane;
use signalling_core::limit::{Bucket, Rate};
use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};
use tracing::debug;

/// Frames in a row that are no requests before the client is taken for an attack.
const NONSENSE_MAX: u32 = 100;

/// Frames that are written before the socket is flushed: fewer system calls under load.
const WRITE_BATCH: u32 = 32;

/// How long a client may go on with an expired token, in seconds.
const EXPIRY_GRACE_S: i64 = 30;

/// How long a client has to hear why it is closed.
const GOODBYE_TIME: Duration = Duration::from_secs(1);

/// Clients of a draining server come back spread over this time.
const MOVE_WITHIN: Duration = Duration::from_secs(5);

/// Why a connection ends: with a code for the client, or without a word because it is gone.
#[derive(Debug, Clone, Copy)]
enum End {
    Close { code: u16, reason: &'static str },
    Gone,
}

const fn close(code: u16, reason: &'static str) -> End {
    End::Close { code, reason }
}

/// Runs a socket to its end.
pub(crate) async fn run(hub: &Hub, mut socket: WebSocket) {
    let ended = match open::session(hub, &mut socket).await {
        Ok((peer, frames)) => {
            let mut connection = Connection::new(hub, socket, Arc::clone(&peer), frames);
            let ended = connection.serve().await;
            socket = connection.socket;
            leave(hub, &peer).await;
            debug!(conn.id = %peer.id, user.id = %peer.user, ?ended, "Connection {} ended", peer.id);
            ended
        }
        Err(ended) => ended,
    };
    if let End::Close { code, reason } = ended {
        metrics::counter!("hub_closed_total", "code" => code.to_string()).increment(1);
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let goodbye = async {
            socket.send(Message::Close(Some(frame))).await?;
            // What the client has sent meanwhile is read to its own close (RFC 6455, section 7.1.1): a socket
            // that is closed with bytes unread takes back what was sent, the reason with it.
            while let Some(Ok(_)) = socket.recv().await {}
            Ok::<_, axum::Error>(())
        };
        // The client may be gone already.
        let _not_heard = tokio::time::timeout(GOODBYE_TIME, goodbye).await;
    }
}

/// Takes the connection out of everything it was in.
async fn leave(hub: &Hub, peer: &Arc<Peer>) {
    hub.0.peers.remove(&peer.id);
    media::lose_connection(hub, peer).await;
    calls::lose_connection(hub, peer).await;
    rooms::lose_connection(hub, peer).await;
    inbox::lose_connection(hub, peer);
    changes::lose_connection(hub, peer);
    presence::lose_connection(hub, peer).await;
}

struct Connection<'a> {
    hub: &'a Hub,
    socket: WebSocket,
    peer: Arc<Peer>,
    frames: mpsc::Receiver<Utf8Bytes>,
    bucket: Bucket,
    nonsense: u32,
    heard_at: Instant,
    /// Calls and media wait for other parts; chat must not wait behind them.
    chat: Lane,
    calls: Lane,
}

impl<'a> Connection<'a> {
    fn new(hub: &'a Hub, socket: WebSocket, peer: Arc<Peer>, frames: mpsc::Receiver<Utf8Bytes>) -> Self {
        let config = &hub.0.config;
        let rate = Rate { burst: config.requests_burst, per_second: config.requests_per_second };
        Self {
            hub,
            socket,
            peer,
            frames,
            bucket: Bucket::new(rate, hub.clock().now()),
            nonsense: 0,
            heard_at: hub.clock().now(),
            chat: Lane::default(),
            calls: Lane::default(),
        }
    }

    /// Runs until the connection ends.
    async fn serve(&mut self) -> End {
        match self.run().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn run(&mut self) -> Result<Infallible, End> {
        let period = Duration::from_secs(self.hub.0.config.ping_s.max(1));
        let mut ping = interval(period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (too_slow, ended) = (self.peer.too_slow.clone(), self.peer.ended.clone());
        let draining = self.hub.shutdown().map(|shutdown| shutdown.token.clone()).ok_or(End::Gone)?;
        loop {
            let ready = self.chat.has_room() && self.calls.has_room();
            tokio::select! {
                biased;
                () = too_slow.cancelled() => return Err(close(close_codes::TOO_SLOW, "reads too slowly")),
                () = draining.cancelled() => return Err(self.say_goodbye().await),
                Some(frame) = self.frames.recv() => self.write(frame).await?,
                // After the frames: they say why.
                () = ended.cancelled() => return Err(close(close_codes::ENDED, "ended by the account")),
                () = self.chat.next() => {}
                () = self.calls.next() => {}
                message = self.socket.recv(), if ready => {
                    self.heard_at = self.hub.clock().now();
                    match message {
                        Some(Ok(message)) => self.handle(message)?,
                        Some(Err(error)) => return Err(broken(&error)),
                        None => return Err(End::Gone),
                    }
                }
                _ = ping.tick() => self.beat(period).await?,
            }
        }
    }

    /// Writes a frame and those behind it, and flushes once.
    async fn write(&mut self, first: Utf8Bytes) -> Result<(), End> {
        let mut next = Some(first);
        let mut written = 0_u32;
        while let Some(frame) = next {
            self.peer.taken(frame.len());
            self.feed(Message::Text(frame)).await?;
            written += 1;
            next = if written < WRITE_BATCH { self.frames.try_recv().ok() } else { None };
        }
        metrics::counter!("hub_frames_sent_total").increment(written.into());
        self.flush().await
    }

    async fn feed(&mut self, message: Message) -> Result<(), End> {
        let too_slow = self.peer.too_slow.clone();
        tokio::select! {
            fed = self.socket.feed(message) => fed.map_err(|error| broken(&error)),
            () = too_slow.cancelled() => Err(close(close_codes::TOO_SLOW, "reads too slowly")),
        }
    }

    async fn flush(&mut self) -> Result<(), End> {
        let too_slow = self.peer.too_slow.clone();
        tokio::select! {
            flushed = self.socket.flush() => flushed.map_err(|error| broken(&error)),
            () = too_slow.cancelled() => Err(close(close_codes::TOO_SLOW, "reads too slowly")),
        }
    }

    /// Pings, and looks at the deadlines.
    async fn beat(&mut self, period: Duration) -> Result<(), End> {
        if self.hub.clock().now().saturating_duration_since(self.heard_at) > period * 2 {
            return Err(close(close_codes::SILENT, "nothing heard for too long"));
        }
        if self.hub.clock().utc().unix_timestamp() > self.peer.expires_at() + EXPIRY_GRACE_S {
            return Err(close(close_codes::TOKEN_EXPIRED, "the token has expired"));
        }
        self.feed(Message::Ping(Bytes::new())).await?;
        self.flush().await
    }

    /// Tells the client to come back elsewhere, each after a delay of its own.
    async fn say_goodbye(&mut self) -> End {
        let delay = MOVE_WITHIN.mul_f64(chance::fraction());
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(0);
        let frame = frame(&Event::SessionMoving(Moving { delay_ms }));
        match self.write(frame).await {
            Ok(()) => close(close_codes::GOING_AWAY, "the server is draining"),
            Err(end) => end,
        }
    }

    fn handle(&mut self, message: Message) -> Result<(), End> {
        metrics::counter!("hub_frames_received_total").increment(1);
        match message {
            Message::Text(text) => self.request(&text),
            Message::Binary(_) => {
                let why = "frames are text";
                let failure = Failure::of(ErrorCode::INVALID_REQUEST, Fault::Caller, why);
                self.refuse(None, &failure);
                self.count_nonsense()
            }
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(End::Gone),
        }
    }

    fn request(&mut self, text: &str) -> Result<(), End> {
        if let Err(wait) = self.bucket.take(self.hub.clock().now()) {
            let id = Incoming::parse(text).ok().and_then(|incoming| incoming.id);
            let failure = Failure::of(ErrorCode::RATE_LIMITED, Fault::Caller, "too many requests");
            self.refuse(id.as_ref(), &failure.retry_after(wait));
            return Ok(());
        }
        let incoming = match Incoming::parse(text) {
            Ok(incoming) => incoming,
            Err((id, failure)) => {
                self.refuse(id.as_ref(), &failure);
                return self.count_nonsense();
            }
        };
        self.nonsense = 0;
        let Incoming { id, method, params } = incoming;
        match Request::parse(&method, params) {
            Ok(request) => self.start(id, request),
            Err(failure) => self.peer.answer::<()>(id.as_ref(), &Err(failure)),
        }
        Ok(())
    }

    fn start(&mut self, id: Option<RequestId>, request: Request) {
        let lane = if dispatch::is_slow(&request) { &mut self.calls } else { &mut self.chat };
        let (hub, peer) = (self.hub.clone(), Arc::clone(&self.peer));
        lane.push(async move { dispatch::answer(&hub, &peer, id, request).await });
    }

    /// An error of the envelope is answered even without an id.
    fn refuse(&self, id: Option<&RequestId>, failure: &Failure) {
        self.peer.push(envelope::failure_frame(id, failure).into());
    }

    fn count_nonsense(&mut self) -> Result<(), End> {
        self.nonsense += 1;
        if self.nonsense > NONSENSE_MAX {
            Err(close(close_codes::ABUSE, "too many frames that are no requests"))
        } else {
            Ok(())
        }
    }
}

/// The library's error as an end: a frame that is too big has its own code, the rest is a lost connection.
fn broken(error: &axum::Error) -> End {
    let is_too_big = hub::chain(error).contains("too big") || hub::chain(error).contains("too long");
    if is_too_big { close(close_codes::TOO_BIG, "the frame is too big") } else { End::Gone }
}
