//! The first message: who is connecting?

use super::{
    decoder::Message,
    end::{End, close},
    reader::Reader,
};
use crate::{
    asking::{self, Kind},
    calls,
    client::{Client, Queue, Signal},
    failure::store_failed,
    frame::Frame,
    hub::Hub,
    pipe, presence,
    slots::{Slot, UserSlot, Whose},
    standing,
    wire::{self, Tcp, Wire},
};
use common::{
    error::{ErrorCode, Fault},
    id::{AccountId, ConnectionId, UserId},
    protocol::{Failure, Incoming, Request, RequestId, close as close_codes, connection, envelope},
    secret::Secret,
    text,
    token::{Bearer, Caller, Standing},
};
use hyper::upgrade::Upgraded;
use ingress::TakeApart;
use std::{pin::Pin, sync::Arc, time::Duration};
use store::{standing as standings, users};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How long a connection may stay unauthenticated.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Frames of whatever kind on an unauthenticated connection.
pub(crate) const ATTEMPTS_MAX: u32 = 20;

/// Bytes on an unauthenticated connection.
pub(crate) const ATTEMPT_BYTES_MAX: usize = 256 * 1024;

/// A connection that nobody has said anything on.
pub(crate) struct Socket {
    pub(super) wire: Arc<Wire>,
    pub(super) reader: Reader,
    pub(super) _held: wire::Held,
}

impl Socket {
    /// # Errors
    /// Gives back what is no TCP connection that this server has accepted.
    pub(crate) fn new(upgraded: Upgraded, take_apart: Option<TakeApart>) -> Result<Self, Upgraded> {
        let (tcp, read, held) = Tcp::new(upgraded, take_apart)?;
        Ok(Self { wire: Arc::new(Wire::Tcp(tcp)), reader: Reader::new(&read), _held: held })
    }

    /// The connection of a client that gets a stream of events.
    pub(crate) fn of_events(end: pipe::End) -> Self {
        Self { wire: Arc::new(Wire::Events(end)), reader: Reader::default(), _held: None }
    }
}

/// An authenticated connection.
pub(super) struct Opened {
    pub(super) client: Arc<Client>,
    pub(super) user_slot: UserSlot,
}

/// Waits for a valid `connection.open` and answers it.
pub(super) async fn opened(
    hub: &Hub,
    draining: &CancellationToken,
    socket: &mut Socket,
    slot: &Slot,
) -> Result<Opened, End> {
    let late = Box::pin(sleep(OPEN_TIMEOUT));
    let mut door = Door { socket, late, evicted: &slot.evicted, draining, frames: 0, bytes: 0 };
    loop {
        let (id, token) = door.next().await?;
        // Not under the deadline: what has begun is either there as a whole or not at all.
        match open(hub, &token, &door.socket.wire, slot).await {
            Ok((opened, answer)) => {
                slot.know();
                opened.client.answer(id.as_ref(), &Ok(answer));
                if !opened.client.access().is_guest() {
                    // Nobody waits for it: another instance may have to answer.
                    let (callee, work) = (Arc::clone(&opened.client), hub.clone());
                    hub.spawn(async move { calls::come_online(&work, &callee).await });
                }
                return Ok(opened);
            }
            Err(failure) => {
                door.refuse(id.as_ref(), &failure).await?;
                if failure.data.code == ErrorCode::TOO_MANY {
                    return Err(close(close_codes::OVERLOADED, "too many connections"));
                }
            }
        }
    }
}

/// Where one waits who has not said who it is.
struct Door<'a> {
    socket: &'a mut Socket,
    late: Pin<Box<Sleep>>,
    /// Others need the place.
    evicted: &'a CancellationToken,
    draining: &'a CancellationToken,
    frames: u32,
    bytes: usize,
}

impl Door<'_> {
    /// The next `connection.open`. Everything else is refused.
    async fn next(&mut self) -> Result<(Option<RequestId>, Secret), End> {
        loop {
            let Some(text) = self.text().await? else { continue };
            match read(&text) {
                Ok(open) => return Ok(open),
                Err((id, failure)) => self.refuse(id.as_ref(), &failure).await?,
            }
        }
    }

    /// The next text; `None` if more must come first.
    async fn text(&mut self) -> Result<Option<String>, End> {
        let heard = match self.socket.reader.next()? {
            None => None,
            Some(Message::Text(text)) => Some(Ok(text.into_owned())),
            Some(Message::Ping(payload)) => Some(Err(Some(Frame::pong(payload)))),
            Some(Message::Binary | Message::Pong) => Some(Err(None)),
            Some(Message::Close(code)) => return Err(End::Closed { code }),
        };
        let Some(heard) = heard else { return self.fill().await.map(|()| None) };
        self.frames += 1;
        if self.frames > ATTEMPTS_MAX {
            return Err(close(close_codes::UNAUTHENTICATED, "too many attempts"));
        }
        match heard {
            Ok(text) => Ok(Some(text)),
            Err(Some(pong)) => self.say(&pong).await.map(|()| None),
            Err(None) => Ok(None),
        }
    }

    async fn fill(&mut self) -> Result<(), End> {
        self.socket.reader.settle();
        tokio::select! {
            biased;
            end = ended(&mut self.late, self.evicted, self.draining) => return Err(end),
            readable = self.socket.wire.readable() => readable.map_err(|_| End::Gone)?,
        }
        self.bytes += self.socket.reader.fill(&self.socket.wire)?;
        if self.bytes > ATTEMPT_BYTES_MAX {
            return Err(close(close_codes::ABUSE, "too much before connection.open"));
        }
        Ok(())
    }

    async fn refuse(&mut self, id: Option<&RequestId>, failure: &Failure) -> Result<(), End> {
        self.say(&Frame::text(&envelope::failure_frame(id, failure))).await
    }

    async fn say(&mut self, frame: &Frame) -> Result<(), End> {
        tokio::select! {
            said = self.socket.wire.write(frame, 0) => said.map_err(|_| End::Gone),
            end = ended(&mut self.late, self.evicted, self.draining) => Err(end),
        }
    }
}

async fn ended(late: &mut Pin<Box<Sleep>>, evicted: &CancellationToken, draining: &CancellationToken) -> End {
    tokio::select! {
        () = evicted.cancelled() => close(close_codes::OVERLOADED, "too many unauthenticated connections"),
        () = late.as_mut() => close(close_codes::UNAUTHENTICATED, "no valid connection.open in time"),
        () = draining.cancelled() => close(close_codes::GOING_AWAY, "the server is draining"),
    }
}

fn read(text: &str) -> Result<(Option<RequestId>, Secret), (Option<RequestId>, Failure)> {
    let Incoming { id, method, params } = Incoming::parse(text)?;
    match Request::parse(&method, params) {
        Ok(Request::ConnectionOpen(open)) => Ok((id, open.token)),
        Ok(_) => {
            Err((id, Failure::of(ErrorCode::UNAUTHENTICATED, Fault::Caller, "send connection.open first")))
        }
        Err(failure) => Err((id, failure)),
    }
}

async fn open(
    hub: &Hub,
    token: &Secret,
    wire: &Arc<Wire>,
    slot: &Slot,
) -> Result<(Opened, connection::Opened), Failure> {
    let bearer = standing::verify(hub, token)?;
    let is_guest = matches!(bearer, Bearer::Guest(_));
    let (account, user, network) = (bearer.account(), bearer.user(), slot.network());
    let user_slot = UserSlot::take(&hub.0.slots, Whose { account, user, is_guest, network })?;
    let (name, role) = match &bearer {
        Bearer::Caller(caller) => (name_of(hub, caller).await?, Some(caller.role)),
        Bearer::Guest(guest) => (text::shown_name(&guest.name), None),
    };
    let connection = ConnectionId::generate(hub.clock());
    let answer = connection::Opened {
        connection_id: connection,
        user_id: bearer.user(),
        name: name.clone(),
        account_id: bearer.account(),
        role,
        room_id: if let Bearer::Guest(guest) = &bearer { Some(guest.room) } else { None },
        expires_at: bearer.expires_at(),
        ping_interval_ms: hub.0.config.ping_s.saturating_mul(1000),
    };
    let queue = Arc::new(Queue::new(connection, Arc::clone(wire), hub.0.flusher.clone()));
    let client = Arc::new(Client::new(connection, &bearer, name, queue));
    hub.0.clients.insert(connection, Arc::clone(&client));
    standing::look_again(hub, &client);
    if hub.is_draining() {
        // It may not have been among those who were told.
        client.queue.signals.raise(Signal::Draining);
    }
    presence::come_online(hub, &client).await;
    debug!(conn.id = %connection, user.id = %client.user, account.id = %client.account, "Connection {connection} opened");
    Ok((Opened { client, user_slot }, answer))
}

/// The user's name as the store has it, if what their token says is still so. Users of an outside issuer are entered at
/// their first visit.
async fn name_of(hub: &Hub, caller: &Caller) -> Result<String, Failure> {
    let kind = Kind { waiting: |hub| &hub.0.opening, ask_all: who_are };
    let known = asking::ask(hub, kind, caller.account, caller.standing()).await?;
    if let Some(name) = known.ok_or_else(standing::ended)? {
        return Ok(text::shown_name(&name));
    }
    let failed = |error| store_failed(&error);
    let name = caller.name.as_deref().map(text::shown_name).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "Guest".to_owned());
    let mut tx = hub.store().tenant(caller.account).await.map_err(failed)?;
    let entered = users::create_if_absent(&mut tx, caller.user, &name, caller.role, hub.clock()).await;
    entered.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(name)
}

/// Whose tokens these are: `None` of one that says what is no longer so; the name, of those whom the store knows.
async fn who_are(
    hub: Hub,
    account: AccountId,
    standings: Vec<Standing>,
) -> Result<Vec<Option<Option<String>>>, Failure> {
    let failed = |error| store_failed(&error);
    let ids: Vec<UserId> = standings.iter().map(|standing| standing.user).collect();
    let mut tx = hub.store().tenant(account).await.map_err(failed)?;
    let hold = standings::hold(&mut tx, &standings, hub.clock()).await.map_err(failed)?;
    let names = users::names(&mut tx, &ids).await.map_err(failed)?;
    let answers = ids.iter().zip(hold).map(|(id, holds)| holds.then(|| names.get(id).cloned()));
    Ok(answers.collect())
}
