//! The first message: who is connecting?

use super::{
    end::{End, close},
    line::Line,
};
use crate::{
    accept::{Place, Seat},
    hub::{Hub, store_failed},
    peer::{Peer, Queued},
    presence, standing,
};
use common::{
    error::{Chain, ErrorCode, Fault},
    id::ConnectionId,
    protocol::{Failure, Incoming, Request, RequestId, close as close_codes, connection, envelope},
    secret::Secret,
    text,
    token::{self, Bearer, Caller},
};
use std::{pin::Pin, sync::Arc, time::Duration};
use store::users;
use tokio::{
    sync::mpsc,
    time::{Sleep, sleep},
};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How long a connection may stay unauthenticated.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Frames of whatever kind on an unauthenticated connection.
pub(crate) const ATTEMPTS_MAX: u32 = 20;

/// Bytes on an unauthenticated connection.
pub(crate) const ATTEMPT_BYTES_MAX: usize = 256 * 1024;

/// An authenticated connection.
pub(super) struct Opened {
    pub(super) peer: Arc<Peer>,
    pub(super) queue: mpsc::Receiver<Queued>,
    pub(super) seat: Seat,
}

/// Waits for a valid `connection.open` and answers it.
pub(super) async fn opened(
    hub: &Hub,
    draining: &CancellationToken,
    line: &mut Line,
    place: &Place,
) -> Result<Opened, End> {
    let late = Box::pin(sleep(OPEN_TIMEOUT));
    let mut door = Door { line, late, turned_out: &place.turned_out, draining, frames: 0, bytes: 0 };
    loop {
        let (id, token) = door.next().await?;
        // Not under the deadline: what has begun is either there as a whole or not at all.
        match open(hub, &token).await {
            Ok((opened, answer)) => {
                place.know();
                opened.peer.answer(id.as_ref(), &Ok(answer));
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
    line: &'a mut Line,
    late: Pin<Box<Sleep>>,
    /// Others need the place.
    turned_out: &'a CancellationToken,
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

    async fn text(&mut self) -> Result<Option<String>, End> {
        let message = tokio::select! {
            biased;
            end = ended(&mut self.late, self.turned_out, self.draining) => return Err(end),
            message = self.line.receive() => message?,
        };
        self.bytes += self.line.take_read();
        if self.bytes > ATTEMPT_BYTES_MAX {
            return Err(close(close_codes::ABUSE, "too much before connection.open"));
        }
        let Some(message) = message else { return Ok(None) };
        self.frames += 1;
        if self.frames > ATTEMPTS_MAX {
            return Err(close(close_codes::UNAUTHENTICATED, "too many attempts"));
        }
        match message {
            Message::Text(text) => Ok(Some(text.as_str().to_owned())),
            Message::Close(_) => Err(End::Closed),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
        }
    }

    async fn refuse(&mut self, id: Option<&RequestId>, failure: &Failure) -> Result<(), End> {
        let frame = envelope::failure_frame(id, failure);
        tokio::select! {
            sent = self.line.send(Message::Text(frame.into())) => sent,
            end = ended(&mut self.late, self.turned_out, self.draining) => Err(end),
        }
    }
}

async fn ended(
    late: &mut Pin<Box<Sleep>>,
    turned_out: &CancellationToken,
    draining: &CancellationToken,
) -> End {
    tokio::select! {
        () = turned_out.cancelled() => close(close_codes::OVERLOADED, "too many unauthenticated connections"),
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

async fn open(hub: &Hub, token: &Secret) -> Result<(Opened, connection::Opened), Failure> {
    let bearer = verify(hub, token)?;
    let is_guest = matches!(bearer, Bearer::Guest(_));
    let seat = Seat::take(hub, bearer.account(), bearer.user(), is_guest)?;
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
    let (peer, queue) = Peer::new(connection, &bearer, name);
    let peer = Arc::new(peer);
    hub.0.peers.insert(connection, Arc::clone(&peer));
    standing::look_again(hub, &peer);
    presence::come_online(hub, &peer).await;
    debug!(conn.id = %connection, user.id = %peer.user, account.id = %peer.account, "Connection {connection} opened");
    Ok((Opened { peer, queue, seat }, answer))
}

/// Whom the token lets in.
pub(crate) fn verify(hub: &Hub, token: &Secret) -> Result<Bearer, Failure> {
    let issuers = hub.0.deps.issuers.borrow().clone();
    let bearer = token::verify(token.expose(), &issuers, hub.clock().utc()).map_err(|error| {
        debug!(error = %Chain(&error), "A token was refused");
        Failure::of(error.code(), Fault::Caller, error.to_string())
    })?;
    if hub.0.deps.revocations.admits(&bearer) { Ok(bearer) } else { Err(standing::ended()) }
}

/// The user's name as the store has it, if what their token says is still so. Users of an outside issuer are entered at their first visit.
async fn name_of(hub: &Hub, caller: &Caller) -> Result<String, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().tenant(caller.account).await.map_err(failed)?;
    standing::check(hub, &mut tx, &caller.standing()).await?;
    if let Some(user) = users::find(&mut tx, caller.user).await.map_err(failed)? {
        return Ok(text::shown_name(&user.name));
    }
    let name = caller.name.as_deref().map(text::shown_name).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "Guest".to_owned());
    let entered = users::enter(&mut tx, caller.user, &name, caller.role, hub.clock()).await;
    entered.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(name)
}
