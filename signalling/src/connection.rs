//! One socket: frames in, frames out, pings, deadlines, and how it ends.
//!
//! Its bytes are a [`wire`], its messages a [`websocket`], what it may send a [`flow`]. Requests are carried out in
//! [`lane`]s. Why it ends is an [`end`], what is said then a [`goodbye`].

mod end;
pub(crate) mod flow;
mod goodbye;
pub(crate) mod lane;
pub(crate) mod open;
mod websocket;
pub(crate) mod wire;

pub(crate) use goodbye::{GOODBYE_TIME, SLOW_GOODBYE_TIME};
pub(crate) use websocket::{MESSAGE_BYTES_MAX, WebSocket};

use crate::{
    calls, changes,
    client::{Client, Queued},
    dispatch,
    hub::Hub,
    inbox, media, presence, rooms,
    slots::{Slot, UserSlot},
    until::until,
};
use bytes::Bytes;
use common::{
    error::{ErrorCode, Fault},
    protocol::{Failure, Incoming, Request, RequestId, close as close_codes},
};
use end::{End, close};
use flow::{Flow, Verdict};
use futures_util::FutureExt;
use lane::Lane;
use open::Opened;
use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval},
};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Frames in a row that are no requests before the client is taken for an attack.
pub(crate) const NONSENSE_MAX: u32 = 100;

/// Frames that are written before the socket is flushed: fewer system calls under load.
const WRITE_BATCH: u32 = 32;

/// How long the kernel may take nothing of what is to be written.
///
/// Longer waits for those whose line has stopped for a while; shorter gives back what others hold.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a client may go on with an expired token, in seconds.
pub(crate) const EXPIRY_GRACE_S: i64 = 30;

const TOO_SLOW: End = close(close_codes::TOO_SLOW, "reads too slowly");
const DRAINING: End = close(close_codes::GOING_AWAY, "the server is draining");
const ENDED: End = close(close_codes::ENDED, "ended by the account");

/// Runs a socket to its end, and gives back its slot.
pub(crate) async fn run(hub: &Hub, mut socket: WebSocket, slot: Slot) {
    // A hub that does not run lets nobody in.
    let Some(draining) = hub.shutdown().map(|shutdown| shutdown.token.clone()) else { return };
    match Box::pin(open::opened(hub, &draining, &mut socket, &slot)).await {
        Ok(opened) => {
            let mut connection = Connection::new(hub, draining, socket, opened);
            let ended = connection.serve().await;
            let client = Arc::clone(&connection.client);
            debug!(conn.id = %client.id, user.id = %client.user, ?ended, "Connection {} ended", client.id);
            let Connection { socket, queue, unsent, chat, calls, _user_slot, .. } = connection;
            let goodbye = goodbye::part(socket, &client, unsent, queue, ended);
            let leave = leave(hub, &client, [chat, calls], ended);
            Box::pin(async { tokio::join!(goodbye, leave) }).await;
        }
        Err(ended) => Box::pin(goodbye::say(socket, Vec::new(), ended)).await,
    }
}

/// Takes the connection out of everything it was in, once everything it has asked for is done: a request that
/// completed after this would leave behind what nobody takes away.
async fn leave(hub: &Hub, client: &Arc<Client>, lanes: [Lane; 2], ended: End) {
    client.queue.stop_queueing();
    for lane in &lanes {
        if ended.is_hostile() {
            lane.drop_waiting();
        }
        lane.finished().await;
    }
    hub.0.clients.remove(&client.id);
    media::lose_connection(hub, client).await;
    calls::lose_connection(hub, client).await;
    rooms::lose_connection(hub, client);
    inbox::lose_connection(hub, client);
    changes::lose_connection(hub, client);
    presence::lose_connection(hub, client).await;
}

struct Connection<'a> {
    hub: &'a Hub,
    socket: WebSocket,
    client: Arc<Client>,
    queue: mpsc::Receiver<Queued>,
    /// Taken out of the queue, but not written.
    unsent: Option<Queued>,
    draining: CancellationToken,
    flow: Flow,
    /// Nothing is read until then.
    paused_until: Option<Instant>,
    /// What was read and has to wait until then.
    held: Option<Message>,
    nonsense: u32,
    heard_at: Instant,
    ping: Interval,
    /// Calls and media wait for other parts; chat must not wait behind them.
    chat: Lane,
    calls: Lane,
    _user_slot: UserSlot,
}

impl<'a> Connection<'a> {
    fn new(hub: &'a Hub, draining: CancellationToken, socket: WebSocket, opened: Opened) -> Self {
        let Opened { client, queue, user_slot } = opened;
        let (config, now) = (&hub.0.config, hub.clock().now());
        let rates = if client.access().is_guest() { config.guest() } else { config.person() };
        let mut ping = interval(Duration::from_secs(config.ping_s.max(1)));
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            hub,
            socket,
            client,
            queue,
            unsent: None,
            draining,
            flow: Flow::new(
                rates,
                Arc::clone(&user_slot.user_meter),
                Arc::clone(&user_slot.account_meter),
                now,
            ),
            _user_slot: user_slot,
            paused_until: None,
            held: None,
            nonsense: 0,
            heard_at: now,
            ping,
            chat: Lane::new(),
            calls: Lane::new(),
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
        loop {
            let has_room = self.has_room();
            let reads = has_room && self.paused_until.is_none();
            tokio::select! {
                biased;
                () = self.client.queue.too_slow.cancelled() => return Err(TOO_SLOW),
                () = self.draining.cancelled() => return Err(DRAINING),
                Some(queued) = self.queue.recv() => self.write(queued).await?,
                // After the frames: they say why.
                () = self.client.ended.cancelled() => return Err(ENDED),
                () = self.chat.changed(), if !has_room => {}
                () = self.calls.changed(), if !has_room => {}
                () = until(self.paused_until, self.hub.clock()), if self.paused_until.is_some() => self.resume()?,
                received = self.socket.receive(), if reads => self.hear(received?)?,
                _ = self.ping.tick() => self.beat().await?,
            }
        }
    }

    /// Whether another request may come.
    fn has_room(&self) -> bool {
        self.chat.has_room() && self.calls.has_room() && self.client.queue.has_room_for_answers()
    }

    /// Writes a frame and those behind it, and flushes once.
    async fn write(&mut self, first: Queued) -> Result<(), End> {
        let mut next = Some(first);
        let mut written = 0_u32;
        while let Some(queued) = next {
            self.client.queue.taken(&queued);
            if let Err(end) = self.wait_for(Write::Ready).await {
                self.unsent = Some(queued);
                return Err(end);
            }
            self.socket.put(Message::Text(queued.frame))?;
            written += 1;
            next = if written < WRITE_BATCH { self.queue.try_recv().ok() } else { None };
        }
        metrics::counter!("hub_frames_sent_total").increment(written.into());
        self.wait_for(Write::Flushed).await
    }

    /// Waits for the socket to take what is written, and meanwhile for everything that may end the connection.
    async fn wait_for(&mut self, what: Write) -> Result<(), End> {
        // As long as the socket takes everything, the rest is not even looked at.
        if let Some(done) = what.on(&mut self.socket).now_or_never() {
            return done;
        }
        let clock = self.hub.clock();
        let mut progress = (self.socket.written(), clock.now());
        loop {
            let stuck_at = progress.1 + WRITE_DEADLINE;
            tokio::select! {
                biased;
                done = what.on(&mut self.socket) => return done,
                () = self.client.queue.too_slow.cancelled() => return Err(TOO_SLOW),
                () = self.draining.cancelled() => return Err(DRAINING),
                () = self.client.ended.cancelled() => return Err(ENDED),
                _ = self.ping.tick() => self.check_expiry()?,
                () = until(Some(stuck_at), clock) => {}
            }
            let (written, now) = (self.socket.written(), clock.now());
            if written > progress.0 {
                // Whoever takes something is alive.
                progress = (written, now);
                self.heard_at = now;
            } else if now >= stuck_at {
                return Err(End::Stuck);
            }
        }
    }

    /// Pings, and looks at the deadlines.
    async fn beat(&mut self) -> Result<(), End> {
        let now = self.hub.clock().now();
        if self.paused_until.is_some() || !self.has_room() {
            // Who is made to wait cannot be heard, and has as long as ever to be heard afterwards.
            self.heard_at = now;
        } else if now.saturating_duration_since(self.heard_at) > self.ping.period() * 2 {
            return Err(close(close_codes::SILENT, "nothing heard for too long"));
        }
        self.check_expiry()?;
        self.wait_for(Write::Ready).await?;
        self.socket.put(Message::Ping(Bytes::new()))?;
        self.wait_for(Write::Flushed).await
    }

    fn check_expiry(&self) -> Result<(), End> {
        if self.hub.clock().utc().unix_timestamp() > self.client.expires_at() + EXPIRY_GRACE_S {
            return Err(close(close_codes::TOKEN_EXPIRED, "the token has expired"));
        }
        Ok(())
    }

    /// Something was read: a message, or a part of one.
    fn hear(&mut self, message: Option<Message>) -> Result<(), End> {
        let now = self.hub.clock().now();
        self.heard_at = now;
        let read = self.socket.take_read();
        let verdict = self.flow.take_bytes(read, now);
        self.handle_command(verdict, now)?;
        match message {
            Some(message) => {
                metrics::counter!("hub_frames_received_total").increment(1);
                self.handle(message, now)
            }
            None => Ok(()),
        }
    }

    /// The time to wait is over.
    fn resume(&mut self) -> Result<(), End> {
        let now = self.hub.clock().now();
        self.heard_at = now;
        self.paused_until = None;
        match self.held.take() {
            Some(message) => self.handle(message, now),
            None => Ok(()),
        }
    }

    fn handle_command(&mut self, verdict: Verdict, now: Instant) -> Result<(), End> {
        match verdict {
            Verdict::Pass | Verdict::Refuse(_) => {}
            Verdict::Hold(wait) => self.paused_until = self.paused_until.max(Some(now + wait)),
            Verdict::Abuse => return Err(close(close_codes::ABUSE, "goes on beyond the limits")),
        }
        Ok(())
    }

    fn handle(&mut self, message: Message, now: Instant) -> Result<(), End> {
        if matches!(message, Message::Close(_)) {
            return Err(End::Closed);
        }
        let verdict = self.flow.take_frame(matches!(message, Message::Text(_)), now);
        self.handle_command(verdict, now)?;
        match (verdict, message) {
            (Verdict::Hold(_), message) => self.held = Some(message),
            (Verdict::Refuse(wait), Message::Text(text)) => self.refuse(&text, wait),
            (_, Message::Text(text)) => return self.request(&text),
            (_, Message::Binary(_)) => {
                let why = "frames are text";
                self.client
                    .queue
                    .complain(None, &Failure::of(ErrorCode::INVALID_REQUEST, Fault::Caller, why));
                return self.count_nonsense();
            }
            (_, Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
        }
        Ok(())
    }

    fn refuse(&self, text: &str, wait: Duration) {
        let id = Incoming::parse(text).ok().and_then(|incoming| incoming.id);
        let failure = Failure::of(ErrorCode::RATE_LIMITED, Fault::Caller, "too many requests");
        self.client.queue.complain(id.as_ref(), &failure.retry_after(wait));
    }

    fn request(&mut self, text: &str) -> Result<(), End> {
        let incoming = match Incoming::parse(text) {
            Ok(incoming) => incoming,
            Err((id, failure)) => {
                // An error of the envelope is answered even without an id.
                self.client.queue.complain(id.as_ref(), &failure);
                return self.count_nonsense();
            }
        };
        self.nonsense = 0;
        let Incoming { id, method, params } = incoming;
        match Request::parse(&method, params) {
            Ok(request) => self.start(id, request, text.len()),
            Err(failure) => self.client.answer::<()>(id.as_ref(), &Err(failure)),
        }
        Ok(())
    }

    fn start(&self, id: Option<RequestId>, request: Request, bytes: usize) {
        let lane = if dispatch::is_slow(&request) { &self.calls } else { &self.chat };
        let (hub, client) = (self.hub.clone(), Arc::clone(&self.client));
        lane.push(self.hub, &self.client, bytes, async move {
            dispatch::answer(&hub, &client, id, request).await
        });
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

/// What is waited for.
#[derive(Clone, Copy)]
enum Write {
    /// Another message fits.
    Ready,
    /// The kernel has everything.
    Flushed,
}

impl Write {
    async fn on(self, socket: &mut WebSocket) -> Result<(), End> {
        match self {
            Self::Ready => socket.ready().await,
            Self::Flushed => socket.flush().await,
        }
    }
}
