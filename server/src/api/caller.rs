//! The caller: a person, by an access token, or a program, by an API key (RFC 6750).

use super::{App, password::Asker, problem::Problem, routes::Access};
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use common::{
    error::ErrorCode,
    id::{AccountId, ActorId, SignInId, UserId},
    permission::{Permission, Permissions},
    token,
};
use ingress::Authenticated;
use serde::Serialize;
use std::net::IpAddr;
use store::{
    TenantTx,
    audit::{self, Actor, AuditRecord, Object},
    standing::Writer,
};

/// An authenticated caller who has the permission that the route needs. A handler that takes one cannot be reached
/// without.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) account: AccountId,
    pub(super) actor: Actor,
    pub(super) permissions: Permissions,
    /// The person's token; `None` for a program.
    pub(super) token: Option<token::Caller>,
    /// The permission that the route needs, which they have.
    pub(super) needed: Option<Permission>,
    /// The authority by which they write.
    writer: Writer,
    address: Option<IpAddr>,
}

impl Caller {
    /// Refuses callers without this permission.
    pub(super) fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.permissions.has(permission) { Ok(()) } else { Err(Problem::forbidden(permission)) }
    }

    /// Refuses callers who may not call this route.
    fn enter(&mut self, access: Option<Access>) -> Result<(), Problem> {
        self.needed = match access {
            Some(Access::Needs(permission)) => Some(permission),
            Some(Access::NeedsByKind { person, program }) => {
                Some(if self.token.is_some() { person } else { program })
            }
            Some(Access::AnyCaller) => None,
            // Nobody: a handler that asks who calls is not for anybody.
            Some(Access::Anybody) | None => return Err(Problem::internal(&UnknownAccess)),
        };
        self.needed.map_or(Ok(()), |permission| self.require(permission))
    }

    /// Refuses callers who have this permission not at all, or for a while only.
    pub(super) fn require_lasting(&self, permission: Permission) -> Result<(), Problem> {
        self.require(permission)?;
        if self.lasting().has(permission) {
            return Ok(());
        }
        let detail = format!("this lasts, so it needs the permission {} without an end", permission.as_str());
        Err(Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail))
    }

    /// The caller's permissions without those of an elevation.
    pub(super) fn lasting(&self) -> Permissions {
        self.token.as_ref().map_or(self.permissions, |token| token.lasting)
    }

    /// The authority by which the caller writes.
    pub(super) const fn writer(&self) -> Writer {
        self.writer
    }

    /// The id of the person or of the program's key.
    pub(super) fn actor_id(&self) -> ActorId {
        ActorId::from_uuid(match self.writer {
            Writer::Person(standing) => standing.user.as_uuid(),
            Writer::Program(key) => key.as_uuid(),
        })
    }

    /// The same where a program's key stands for a user: as a message's author.
    pub(super) fn id(&self) -> UserId {
        UserId::from_uuid(self.actor_id().as_uuid())
    }

    /// The share of hashing that the caller counts towards.
    pub(super) fn asker(&self) -> Asker {
        Asker::at(self.address).of(self.account)
    }

    /// The person who calls; an API key is nobody.
    pub(super) fn person(&self) -> Result<&token::Caller, Problem> {
        self.token.as_ref().ok_or_else(|| {
            Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, "this is for people, not for API keys")
        })
    }

    /// The person's sign-in; `None` for an outside issuer's user.
    pub(super) fn sign_in(&self) -> Option<SignInId> {
        self.token.as_ref()?.sign_in
    }

    /// Records in `tx` what the caller does to a thing: as it was, and as it is.
    pub(super) async fn audit<T: Serialize>(
        &self,
        app: &App,
        tx: &mut TenantTx,
        action: &'static str,
        object: impl Into<Object>,
        (before, after): (Option<&T>, Option<&T>),
    ) -> Result<(), Problem> {
        let value = |it: &T| serde_json::to_value(it).map_err(|error| Problem::internal(&error));
        let (before, after) = (before.map(value).transpose()?, after.map(value).transpose()?);
        let record = AuditRecord {
            actor: self.actor,
            address: self.address,
            action,
            object: object.into(),
            before: before.as_ref(),
            after: after.as_ref(),
        };
        Ok(audit::record(tx, &record, &*app.clock).await?)
    }
}

/// A handler takes a caller, but its route does not say who may call it.
#[derive(Debug, thiserror::Error)]
#[error("the route does not say who may call it")]
struct UnknownAccess;

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Authenticated { account, actor, permissions, token, writer, address } =
            app.authenticator().authenticate(parts).await?;
        let mut caller = Self { account, actor, permissions, token, needed: None, writer, address };
        caller.enter(parts.extensions.get().copied())?;
        Ok(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{
        clock::{Clock, ManualClock},
        id::ApiKeyId,
        token::Role,
    };

    fn program(permissions: &[Permission]) -> Caller {
        let clock = ManualClock::default();
        let key = ApiKeyId::generate(&clock);
        Caller {
            account: AccountId::generate(&clock),
            actor: Actor::ApiKey(key),
            permissions: Permissions::of(permissions),
            token: None,
            needed: None,
            writer: Writer::Program(key),
            address: None,
        }
    }

    /// Who has `lasting` for good, and `elevated` for a while.
    fn person(lasting: &[Permission], elevated: &[Permission]) -> Caller {
        let clock = ManualClock::default();
        let lasting = Permissions::of(lasting);
        let permissions = lasting.or(Permissions::of(elevated));
        let (account, user) = (AccountId::generate(&clock), UserId::generate(&clock));
        let token = token::Caller {
            account,
            user,
            role: Role::AgentUser,
            permissions,
            lasting,
            name: None,
            sign_in: None,
            issued_at: clock.utc(),
            expires_at: clock.utc(),
        };
        let writer = Writer::Person(token.standing());
        let actor = Actor::User(user);
        Caller { account, actor, permissions, token: Some(token), needed: None, writer, address: None }
    }

    #[test]
    fn a_route_lets_in_who_has_its_permission_and_remembers_it() {
        let mut reader = program(&[Permission::RoomsRead]);
        assert!(reader.enter(Some(Access::Needs(Permission::RoomsManage))).is_err());
        reader.enter(Some(Access::Needs(Permission::RoomsRead))).unwrap();
        assert_eq!(reader.needed, Some(Permission::RoomsRead));
        reader.enter(Some(Access::AnyCaller)).unwrap();
        assert_eq!(reader.needed, None);
    }

    #[test]
    fn people_and_programs_are_asked_for_their_own_permission() {
        let by_kind =
            Some(Access::NeedsByKind { person: Permission::RoomsRead, program: Permission::RoomsManage });
        assert!(person(&[Permission::RoomsRead], &[]).enter(by_kind).is_ok());
        assert!(person(&[Permission::RoomsManage], &[]).enter(by_kind).is_err());
        assert!(program(&[Permission::RoomsManage]).enter(by_kind).is_ok());
        assert!(program(&[Permission::RoomsRead]).enter(by_kind).is_err());
    }

    /// A handler that asks who calls, on a route that says nothing or that it is for anybody, lets nobody in.
    #[test]
    fn a_route_that_does_not_say_who_may_call_it_lets_nobody_in() {
        let mut everything = program(&Permissions::ALL.iter().collect::<Vec<_>>());
        assert!(everything.enter(None).is_err() && everything.enter(Some(Access::Anybody)).is_err());
    }

    #[test]
    fn what_somebody_may_for_a_while_is_not_theirs_for_good() {
        let elevated = person(&[Permission::RoomsRead], &[Permission::UsersManage]);
        assert!(elevated.require(Permission::UsersManage).is_ok());
        assert!(elevated.require_lasting(Permission::UsersManage).is_err());
        assert!(elevated.require_lasting(Permission::RoomsRead).is_ok());
        assert!(!elevated.lasting().has(Permission::UsersManage));
        assert!(program(&[Permission::UsersManage]).require_lasting(Permission::UsersManage).is_ok());
    }

    #[test]
    fn a_key_is_nobody() {
        assert!(program(&[]).person().is_err() && person(&[], &[]).person().is_ok());
    }
}
