//! The first message: who is connecting?

use super::{End, close, close_codes};
use crate::{
    hub::{Hub, not_found, store_failed},
    peer::Peer,
    presence,
};
use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use common::{
    error::{ErrorCode, Fault},
    id::ConnectionId,
    protocol::{Failure, Incoming, Request, RequestId, envelope, session::Opened},
    secret::Secret,
    text,
    token::{self, Bearer, Caller},
};
use std::{sync::Arc, time::Duration};
use store::{sessions, users};
use tokio::sync::mpsc;
use tracing::debug;

/// How long a connection may stay without a session.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Attempts to open a session on one connection.
const ATTEMPTS_MAX: u32 = 20;

/// Waits for a valid `session.open` and answers it.
pub(super) async fn session(
    hub: &Hub,
    socket: &mut WebSocket,
) -> Result<(Arc<Peer>, mpsc::Receiver<Utf8Bytes>), End> {
    let late = close(close_codes::UNAUTHENTICATED, "no valid session.open in time");
    match tokio::time::timeout(OPEN_TIMEOUT, attempts(hub, socket)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(late),
    }
}

async fn attempts(hub: &Hub, socket: &mut WebSocket) -> Result<(Arc<Peer>, mpsc::Receiver<Utf8Bytes>), End> {
    for _ in 0..ATTEMPTS_MAX {
        let text = match socket.recv().await {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_))) | None => return Err(End::Gone),
            Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Err(error)) => return Err(super::broken(&error)),
        };
        let (id, failure) = match read(&text) {
            Ok((id, token)) => match open(hub, &token).await {
                Ok((peer, frames, opened)) => {
                    peer.answer(id.as_ref(), &Ok(opened));
                    return Ok((peer, frames));
                }
                Err(failure) => (id, failure),
            },
            Err(refused) => refused,
        };
        let frame = envelope::failure_frame(id.as_ref(), &failure);
        socket.send(Message::Text(frame.into())).await.map_err(|error| super::broken(&error))?;
    }
    Err(close(close_codes::UNAUTHENTICATED, "too many attempts"))
}

fn read(text: &str) -> Result<(Option<RequestId>, Secret), (Option<RequestId>, Failure)> {
    let Incoming { id, method, params } = Incoming::parse(text)?;
    match Request::parse(&method, params) {
        Ok(Request::SessionOpen(open)) => Ok((id, open.token)),
        Ok(_) => Err((id, Failure::of(ErrorCode::UNAUTHENTICATED, Fault::Caller, "send session.open first"))),
        Err(failure) => Err((id, failure)),
    }
}

async fn open(hub: &Hub, token: &Secret) -> Result<(Arc<Peer>, mpsc::Receiver<Utf8Bytes>, Opened), Failure> {
    let bearer = verify(hub, token)?;
    let (name, role) = match &bearer {
        Bearer::Caller(caller) => (name_of(hub, caller).await?, Some(caller.role)),
        Bearer::Guest(guest) => (text::shown_name(&guest.name), None),
    };
    let connection = ConnectionId::generate(hub.clock());
    let opened = Opened {
        connection_id: connection,
        user_id: bearer.user(),
        name: name.clone(),
        account_id: bearer.account(),
        role,
        room_id: if let Bearer::Guest(guest) = &bearer { Some(guest.room) } else { None },
        expires_at: bearer.expires_at(),
        ping_interval_ms: hub.0.config.ping_s.saturating_mul(1000),
    };
    let (peer, frames) = Peer::new(connection, &bearer, name);
    let peer = Arc::new(peer);
    hub.0.peers.insert(connection, Arc::clone(&peer));
    presence::come_online(hub, &peer).await;
    debug!(conn.id = %connection, user.id = %peer.user, account.id = %peer.account, "Connection {connection} opened");
    Ok((peer, frames, opened))
}

/// Whom the token lets in.
pub(crate) fn verify(hub: &Hub, token: &Secret) -> Result<Bearer, Failure> {
    let issuers = hub.0.deps.issuers.borrow().clone();
    token::verify(token.expose(), &issuers, hub.clock().utc()).map_err(|error| {
        debug!(error = %crate::hub::chain(&error), "A token was refused");
        Failure::of(error.code(), Fault::Caller, error.to_string())
    })
}

/// The user's name as the store has it, if their sign-in is not over. Users of an outside issuer are entered at their first visit.
async fn name_of(hub: &Hub, caller: &Caller) -> Result<String, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().tenant(caller.account).await.map_err(failed)?;
    if let Some(session) = caller.session
        && sessions::is_over(&mut tx, session).await.map_err(failed)?
    {
        return Err(Failure::of(ErrorCode::INVALID_TOKEN, Fault::Caller, "the sign-in is over"));
    }
    if let Some(user) = users::find(&mut tx, caller.user).await.map_err(failed)? {
        if user.deactivated_at.is_some() {
            return Err(Failure::of(ErrorCode::INVALID_TOKEN, Fault::Caller, "the user was deactivated"));
        }
        return Ok(text::shown_name(&user.name));
    }
    if caller.session.is_some() {
        return Err(not_found("user"));
    }
    let name = caller.name.as_deref().map(text::shown_name).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "Guest".to_owned());
    let entered = users::enter(&mut tx, caller.user, &name, caller.role, hub.clock()).await;
    entered.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(name)
}
