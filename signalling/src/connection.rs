//! One socket: what is read of it, pings, deadlines, and how it ends.
//!
//! Its TCP connection is a [`wire`](crate::wire), what comes over it is [read](reader) and [decoded](decoder), what it may send a
//! [`flow`]. Requests are carried out in [`lane`]s; their answers, and events, wait in the client's
//! [queue](crate::client::queue). Why it ends is an [`end`], what is said then a [`goodbye`].

mod decoder;
mod end;
pub(crate) mod flow;
mod goodbye;
pub(crate) mod lane;
pub(crate) mod open;
mod reader;

pub(crate) use decoder::MESSAGE_BYTES_MAX;
pub(crate) use goodbye::{GOODBYE_TIME, SLOW_GOODBYE_TIME};

use crate::{
    calls, changes,
    client::{Client, Signal},
    counters::FRAMES_RECEIVED,
    dispatch,
    flusher::{Flush, note_sent},
    hub::Hub,
    inbox, mailbox, media, presence, room_list, rooms,
    slots::{Slot, UserSlot},
    until::until,
    wire::Wire,
};
use common::{
    error::{ErrorCode, Fault},
    protocol::{Failure, Incoming, Request, RequestId, close as close_codes},
};
use decoder::Message;
use end::{End, close};
use flow::{Flow, Verdict};
use lane::Lane;
use open::{Opened, Socket};
use reader::Reader;
use std::{
    convert::Infallible,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::debug;

/// Frames in a row that are no requests before the client is taken for an attack.
pub(crate) const NONSENSE_MAX: u32 = 100;

/// How long the kernel may take nothing of what is to be written.
///
/// Longer waits for those whose line has stopped for a while; shorter gives back what others hold.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a client may go on with an expired token, in seconds.
pub(crate) const EXPIRY_GRACE_S: i64 = 30;

/// Pings are sent in rounds of this length, all that are due in one together.
///
/// Longer wakes a thread less often; shorter keeps it busy for a shorter time, where a hundred thousand are connected
/// for some 20 ms.
const PING_ROUND: Duration = Duration::from_millis(250);

const TOO_SLOW: End = close(close_codes::TOO_SLOW, "reads too slowly");
const DRAINING: End = close(close_codes::GOING_AWAY, "the server is draining");
const ENDED: End = close(close_codes::ENDED, "ended by the account");

/// Runs a socket to its end, and gives back its slot.
pub(crate) async fn run(hub: &Hub, mut socket: Socket, slot: Slot) {
    // A hub that does not run lets nobody in.
    let Some(draining) = hub.shutdown().map(|shutdown| shutdown.token.clone()) else { return };
    match Box::pin(open::opened(hub, &draining, &mut socket, &slot)).await {
        Ok(opened) => {
            let Socket { wire, reader, _held } = socket;
            let mut connection = Connection::new(hub, wire, reader, opened);
            let ended = connection.serve().await;
            Box::pin(connection.part(ended)).await;
        }
        Err(ended) => Box::pin(goodbye::say(socket.wire, &[], 0, ended)).await,
    }
}

/// Takes the connection out of everything it was in, once everything it has asked for is done: a request that
/// completed after this would leave behind what nobody takes away.
async fn leave(hub: &Hub, client: &Arc<Client>, lanes: [Lane; 2], ended: End) {
    for lane in &lanes {
        if ended.is_hostile() {
            lane.drop_waiting();
        }
        lane.finished().await;
    }
    client.posted().await;
    hub.0.clients.remove(&client.id);
    media::part(hub, client).await;
    calls::lose_connection(hub, client).await;
    rooms::lose_connection(hub, client);
    inbox::lose_connection(hub, client);
    mailbox::lose_connection(hub, client);
    changes::lose_connection(hub, client);
    room_list::lose_connection(hub, client);
    presence::lose_connection(hub, client).await;
}

struct Connection<'a> {
    hub: &'a Hub,
    wire: Arc<Wire>,
    reader: Reader,
    client: Arc<Client>,
    flow: Flow,
    /// Nothing is read until then.
    paused_until: Option<Instant>,
    /// What was read and has to wait until then.
    held: Option<Held>,
    nonsense: u32,
    heard_at: Instant,
    ping_at: Instant,
    /// While the kernel takes nothing: how much it had taken when it last took something, and when that was.
    blocked: Option<(u64, Instant)>,
    /// Calls and media wait for other parts; chat must not wait behind them.
    chat: Lane,
    calls: Lane,
    _user_slot: UserSlot,
}

/// A message that waits.
enum Held {
    Text(String),
    Ping(Vec<u8>),
}

impl<'a> Connection<'a> {
    fn new(hub: &'a Hub, wire: Arc<Wire>, reader: Reader, opened: Opened) -> Self {
        let Opened { client, user_slot } = opened;
        let (config, now) = (&hub.0.config, hub.clock().now());
        let rates = if client.access().is_guest() { config.guest() } else { config.person() };
        Self {
            hub,
            wire,
            reader,
            client,
            flow: Flow::new(rates, user_slot.meters.clone(), hub.0.slots.dues().clone(), now),
            _user_slot: user_slot,
            paused_until: None,
            held: None,
            nonsense: 0,
            heard_at: now,
            ping_at: ping_at(hub, now),
            blocked: None,
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
        let mut deadline = pin!(until(None, self.hub.clock()));
        let mut waits_until = None;
        loop {
            self.look_at_signals()?;
            self.look_at_queue()?;
            if self.reader.has_bytes() {
                self.handle_read()?;
            }
            let (has_room, is_blocked) = (self.has_room(), self.blocked.is_some());
            let reads = has_room && self.paused_until.is_none();
            let due = self.next_deadline();
            // Mostly the next ping, as before: to wait for it anew costs as much as a small request.
            if waits_until != Some(due) {
                deadline.set(until(Some(due), self.hub.clock()));
                waits_until = Some(due);
            }
            tokio::select! {
                biased;
                () = self.client.queue.signals.woken() => {}
                _ = self.wire.writable(), if is_blocked => note_sent(self.client.queue.flush()),
                () = self.chat.changed(), if !has_room => {}
                () = self.calls.changed(), if !has_room => {}
                _ = self.wire.readable(), if reads => self.read()?,
                () = &mut deadline => {
                    waits_until = None;
                    self.handle_deadline()?;
                }
            }
        }
    }

    /// Whether another request may come.
    fn has_room(&self) -> bool {
        self.chat.has_room() && self.calls.has_room() && self.client.queue.has_room_or_wakes()
    }

    fn look_at_signals(&self) -> Result<(), End> {
        let signals = &self.client.queue.signals;
        let ends = [
            (Signal::Gone, End::Gone),
            (Signal::TooSlow, TOO_SLOW),
            (Signal::Draining, DRAINING),
            (Signal::Ended, ENDED),
        ];
        ends.into_iter().find(|(signal, _)| signals.has(*signal)).map_or(Ok(()), |(_, end)| Err(end))
    }

    /// Whether the kernel takes what waits, and for how long it has not.
    fn look_at_queue(&mut self) -> Result<(), End> {
        let now = self.hub.clock().now();
        self.blocked = match (self.client.queue.blocked(), self.blocked) {
            (None, _) => None,
            (Some(taken), Some((before, since))) if taken == before => {
                if now >= since + WRITE_DEADLINE {
                    return Err(End::Stuck);
                }
                Some((before, since))
            }
            (Some(taken), before) => {
                if before.is_some() {
                    // Whoever takes something is alive.
                    self.heard_at = now;
                }
                Some((taken, now))
            }
        };
        Ok(())
    }

    fn next_deadline(&self) -> Instant {
        let stuck_at = self.blocked.map(|(_, since)| since + WRITE_DEADLINE);
        [self.paused_until, stuck_at].into_iter().flatten().fold(self.ping_at, Instant::min)
    }

    fn handle_deadline(&mut self) -> Result<(), End> {
        let now = self.hub.clock().now();
        if self.paused_until.is_some_and(|at| now >= at) {
            self.resume(now)?;
        }
        if now >= self.ping_at { self.beat(now) } else { Ok(()) }
    }

    /// Pings, and looks at the deadlines.
    fn beat(&mut self, now: Instant) -> Result<(), End> {
        let interval = ping_interval(self.hub);
        self.ping_at = ping_at(self.hub, now);
        if self.paused_until.is_some() || !self.has_room() {
            // Who is made to wait cannot be heard, and has as long as ever to be heard afterwards.
            self.heard_at = now;
        } else if now.saturating_duration_since(self.heard_at) > interval * 2 {
            return Err(close(close_codes::SILENT, "nothing heard for too long"));
        }
        if self.hub.clock().utc().unix_timestamp() > self.client.expires_at() + EXPIRY_GRACE_S {
            return Err(close(close_codes::TOKEN_EXPIRED, "the token has expired"));
        }
        self.client.queue.ping();
        Ok(())
    }

    /// Something has come.
    fn read(&mut self) -> Result<(), End> {
        let count = self.reader.fill(&self.wire)?;
        if count == 0 {
            return Ok(());
        }
        let now = self.hub.clock().now();
        self.heard_at = now;
        let verdict = self.flow.take_bytes(count, now);
        self.obey(verdict, now)
    }

    /// Handles what was read, message by message, for as long as it may be.
    fn handle_read(&mut self) -> Result<(), End> {
        let now = self.hub.clock().now();
        let mut reader = std::mem::take(&mut self.reader);
        while self.paused_until.is_none() && self.has_room() {
            let Some(message) = reader.next()? else { break };
            FRAMES_RECEIVED.increment(1);
            self.handle(message, now)?;
        }
        reader.settle();
        self.reader = reader;
        Ok(())
    }

    /// The time to wait is over.
    fn resume(&mut self, now: Instant) -> Result<(), End> {
        self.heard_at = now;
        self.paused_until = None;
        match self.held.take() {
            Some(Held::Text(text)) => self.handle(Message::Text(text.into()), now),
            Some(Held::Ping(payload)) => self.handle(Message::Ping(&payload), now),
            None => Ok(()),
        }
    }

    fn obey(&mut self, verdict: Verdict, now: Instant) -> Result<(), End> {
        match verdict {
            Verdict::Pass | Verdict::Refuse(_) => {}
            Verdict::Hold(wait) => self.paused_until = self.paused_until.max(Some(now + wait)),
            Verdict::Abuse => return Err(close(close_codes::ABUSE, "goes on beyond the limits")),
        }
        Ok(())
    }

    fn handle(&mut self, message: Message<'_>, now: Instant) -> Result<(), End> {
        if let Message::Close(code) = message {
            return Err(End::Closed { code });
        }
        let verdict = self.flow.take_frame(matches!(message, Message::Text(_)), now);
        self.obey(verdict, now)?;
        match (verdict, message) {
            (Verdict::Hold(_), Message::Text(text)) => self.held = Some(Held::Text(text.into_owned())),
            (Verdict::Hold(_), Message::Ping(payload)) => self.held = Some(Held::Ping(payload.to_vec())),
            (Verdict::Refuse(wait), Message::Text(text)) => self.refuse(&text, wait),
            (_, Message::Text(text)) => return self.request(&text),
            (_, Message::Binary) => {
                let failure = Failure::of(ErrorCode::INVALID_REQUEST, Fault::Caller, "frames are text");
                self.client.queue.complain(None, &failure);
                return self.count_nonsense();
            }
            (_, Message::Ping(payload)) => self.client.queue.pong(payload),
            (_, Message::Pong | Message::Close(_)) => {}
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

    /// Says goodbye, and takes the connection out of everything.
    async fn part(self, end: End) {
        let Self { hub, wire, client, chat, calls, _user_slot, reader: _, .. } = self;
        debug!(conn.id = %client.id, user.id = %client.user, ?end, "Connection {} ended", client.id);
        let goodbye = goodbye::part(wire, &client, end);
        let leave = leave(hub, &client, [chat, calls], end);
        tokio::join!(goodbye, leave);
    }
}

/// When the next ping is due: an interval from now, and a little longer, so that many are due at once. What one of
/// them costs is mostly that a thread is woken for it, and another time for its answer.
fn ping_at(hub: &Hub, now: Instant) -> Instant {
    let due = now + ping_interval(hub);
    let since = due.saturating_duration_since(hub.0.started_at);
    let rounds = since.as_nanos().div_ceil(PING_ROUND.as_nanos());
    let round = PING_ROUND.checked_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
    round.and_then(|round| hub.0.started_at.checked_add(round)).unwrap_or(due).max(due)
}

/// How often a client is asked whether it is there.
pub(crate) fn ping_interval(hub: &Hub) -> Duration {
    Duration::from_secs(hub.0.config.ping_s.max(1))
}

#[cfg(test)]
mod tests;
