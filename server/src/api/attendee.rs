//! Whoever may be in a room: a person, a program, or a guest, whose token is for the hub, for files of their room, and
//! for publishing into it or playing what is sent there.

use super::{App, problem::Problem, rooms::refused, routes::Access};
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use common::{
    error::ErrorCode,
    guest::Guest,
    id::{AccountId, RoomId, UserId},
    subject::{
        media::MediaRights,
        whip::{Pass, PassHolder},
    },
    text,
};
use ingress::{Authenticated, AuthenticatedBearer};
use signalling_core::admission::{Action, Visitor};
use store::{TenantTx, rooms, standing, standing::Writer, users};

/// Whoever calls. What they may do in the room is asked in the handler.
#[derive(Debug, Clone)]
pub(super) struct Attendee(AuthenticatedBearer);

impl FromRequestParts<App> for Attendee {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let bearer = app.authenticator().authenticate_bearer(parts).await?;
        // Guests have rights in place of permissions; the room asks for them.
        if let AuthenticatedBearer::Caller(caller) = &bearer {
            match parts.extensions.get::<Access>() {
                Some(Access::Needs(permission)) => caller.require(*permission)?,
                Some(Access::NeedsByKind { person, program }) => {
                    caller.require(if caller.token.is_some() { *person } else { *program })?;
                }
                Some(Access::AnyCaller | Access::Anybody) | None => {}
            }
        }
        Ok(Self(bearer))
    }
}

impl Attendee {
    pub(super) const fn account(&self) -> AccountId {
        match &self.0 {
            AuthenticatedBearer::Caller(caller) => caller.account,
            AuthenticatedBearer::Guest(guest) => guest.account,
        }
    }

    /// The id by which others in the room see them; a program goes by its key's.
    pub(super) const fn user(&self) -> UserId {
        match &self.0 {
            AuthenticatedBearer::Caller(Authenticated { writer: Writer::Person(standing), .. }) => {
                standing.user
            }
            AuthenticatedBearer::Caller(Authenticated { writer: Writer::Program(key), .. }) => {
                UserId::from_uuid(key.as_uuid())
            }
            AuthenticatedBearer::Guest(guest) => guest.id.as_user(),
        }
    }

    /// The name that others see.
    pub(super) async fn name(&self, tx: &mut TenantTx) -> Result<String, Problem> {
        let caller = match &self.0 {
            AuthenticatedBearer::Guest(guest) => return Ok(text::shown_name(&guest.name)),
            AuthenticatedBearer::Caller(caller) => caller,
        };
        let user = self.user();
        let known = users::names(tx, &[user]).await?.remove(&user);
        let said = || caller.token.as_ref().and_then(|token| token.name.clone());
        let name = known.or_else(said).map(|name| text::shown_name(&name)).filter(|name| !name.is_empty());
        Ok(name.unwrap_or_else(|| "Guest".to_owned()))
    }

    /// What they may do in the room's media session.
    pub(super) fn media_rights(&self) -> MediaRights {
        self.visitor().media_rights()
    }

    /// By what they take part in a media session without a connection; `None` of a program, which enters no room.
    pub(super) fn pass(&self) -> Option<Pass> {
        match &self.0 {
            AuthenticatedBearer::Caller(Authenticated { token, .. }) => token.as_ref().map(|token| Pass {
                holder: PassHolder::Person(token.standing()),
                expires_at: token.expires_at,
            }),
            AuthenticatedBearer::Guest(Guest { rights, issued_at, expires_at, .. }) => Some(Pass {
                holder: PassHolder::Guest { rights: rights.clone(), issued_at: *issued_at },
                expires_at: *expires_at,
            }),
        }
    }

    fn visitor(&self) -> Visitor<'_> {
        match &self.0 {
            AuthenticatedBearer::Caller(Authenticated { token: Some(_), permissions, .. }) => {
                Visitor::Person(*permissions)
            }
            AuthenticatedBearer::Caller(Authenticated { token: None, permissions, .. }) => {
                Visitor::Program(*permissions)
            }
            AuthenticatedBearer::Guest(Guest { room, rights, issued_at, .. }) => {
                Visitor::Guest { room: *room, rights, issued_at: *issued_at }
            }
        }
    }

    /// Lets pass who may do this in the room.
    pub(super) async fn admit(
        &self,
        app: &App,
        tx: &mut TenantTx,
        action: Action,
        room: RoomId,
    ) -> Result<(), Problem> {
        let user = match &self.0 {
            AuthenticatedBearer::Caller(Authenticated { token: None, .. }) => None,
            AuthenticatedBearer::Caller(_) | AuthenticatedBearer::Guest(_) => Some(self.user()),
        };
        let found = rooms::find(tx, room, user, app.clock.utc()).await?;
        self.visitor().may(action, room, found.as_ref().map(|(_, facts)| facts)).map_err(refused)
    }

    /// Reads what they may see.
    pub(super) async fn read(&self, app: &App) -> Result<TenantTx, Problem> {
        Ok(app.store.reading(self.account()).await?)
    }

    /// Changes something, if their token or key is good still. Of a guest's, the room says that.
    pub(super) async fn begin(&self, app: &App) -> Result<TenantTx, Problem> {
        let mut tx = app.store.tenant(self.account()).await?;
        if let AuthenticatedBearer::Caller(caller) = &self.0
            && !standing::holds(&mut tx, &caller.writer, &*app.clock).await?
        {
            let detail = "the sign-in, the key or something that the token allows has ended";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::INVALID_TOKEN, detail));
        }
        Ok(tx)
    }
}
