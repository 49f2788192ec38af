//! Who is calling: a person, by an access token, or a program, by an API key (RFC 6750).

use super::{App, extract::RemoteAddress, password::Asker, problem::Problem, routes::Access};
use crate::http::Accepted;
use aws_lc_rs::digest;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use common::{
    error::{Chain, ErrorCode},
    id::{AccountId, SignInId, UserId},
    permission::{Permission, Permissions},
    token::{self, Bearer},
};
use serde::Serialize;
use std::{net::IpAddr, sync::Arc};
use store::{
    TenantTx,
    audit::{self, Actor, AuditRecord},
    standing::Writer,
};
use tracing::{Span, debug, field::display};
use uuid::Uuid;

/// How an API key begins, so that people and scanners recognise one.
pub(crate) const KEY_PREFIX: &str = "sbk_";

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
    /// On whose word they write.
    writer: Writer,
    address: Option<IpAddr>,
}

impl Caller {
    /// Lets callers pass who may do this.
    pub(super) fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.permissions.has(permission) { Ok(()) } else { Err(Problem::forbidden(permission)) }
    }

    /// Lets callers pass who may call this route.
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

    /// Lets callers pass who may do this, and not for a while only.
    pub(super) fn require_lasting(&self, permission: Permission) -> Result<(), Problem> {
        self.require(permission)?;
        if self.lasting().has(permission) {
            return Ok(());
        }
        let detail = format!("this lasts, so it needs the permission {} without an end", permission.as_str());
        Err(Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail))
    }

    /// What the caller may do, and not for a while only.
    pub(super) fn lasting(&self) -> Permissions {
        self.token.as_ref().map_or(self.permissions, |token| token.lasting)
    }

    /// On whose word the caller writes.
    pub(super) const fn writer(&self) -> Writer {
        self.writer
    }

    /// The id of the person, or of the program's key where any id will do: as a message's author.
    pub(super) fn id(&self) -> UserId {
        UserId::from_uuid(self.actor.id().unwrap_or_default())
    }

    /// As whom they have passwords hashed.
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
        (object_kind, object_id): (&'static str, Uuid),
        (before, after): (Option<&T>, Option<&T>),
    ) -> Result<(), Problem> {
        let value = |it: &T| serde_json::to_value(it).map_err(|error| Problem::internal(&error));
        let (before, after) = (before.map(value).transpose()?, after.map(value).transpose()?);
        let record = AuditRecord {
            actor: self.actor,
            address: self.address,
            action,
            object_kind,
            object_id,
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

/// The hash under which a key is kept.
pub(super) fn hash_of_key(key: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
    hash
}

/// The token or key that a request brings.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Ok(RemoteAddress(address)) = RemoteAddress::from_request_parts(parts, app).await;
        let token = bearer(&parts.headers)
            .ok_or_else(|| refuse(ErrorCode::UNAUTHENTICATED, "a Bearer token is needed"))?;
        let mut caller = if token.starts_with(KEY_PREFIX) {
            by_key(app, token, address).await?
        } else {
            by_token(app, token, address)?
        };
        if let Some(accepted) = parts.extensions.get::<Accepted>() {
            accepted.note();
        }
        let span = Span::current();
        span.record("account.id", display(caller.account));
        if let Some(id) = caller.actor.id() {
            span.record("user.id", display(id));
        }
        caller.enter(parts.extensions.get().copied())?;
        Ok(caller)
    }
}

async fn by_key(app: &App, key: &str, address: Option<IpAddr>) -> Result<Caller, Problem> {
    let holder = app.store.system().api_key(&hash_of_key(key), &*app.clock).await?;
    let holder = holder.ok_or_else(|| {
        refuse(ErrorCode::INVALID_TOKEN, "the API key is unknown, has expired or was revoked")
    })?;
    Ok(Caller {
        account: holder.account,
        actor: Actor::ApiKey(holder.key),
        permissions: holder.permissions,
        token: None,
        needed: None,
        writer: Writer::Program(holder.key),
        address,
    })
}

fn by_token(app: &App, token: &str, address: Option<IpAddr>) -> Result<Caller, Problem> {
    let issuers = Arc::clone(&app.issuers.borrow());
    let bearer = token::verify(token, &issuers, app.clock.utc()).map_err(|error| {
        debug!(error = %Chain(&error), "A token was refused");
        refuse(error.code(), "the token is not valid or has expired")
    })?;
    let Bearer::Caller(token) = bearer else {
        return Err(refuse(ErrorCode::INVALID_TOKEN, "a join token is for /v1/ws alone"));
    };
    let standing = token.standing();
    if !app.revocations.holds(&standing) {
        let detail = "the sign-in, or something that the token allows, has ended";
        return Err(refuse(ErrorCode::INVALID_TOKEN, detail));
    }
    Ok(Caller {
        account: token.account,
        actor: Actor::User(token.user),
        permissions: token.permissions,
        token: Some(token),
        needed: None,
        writer: Writer::Person(standing),
        address,
    })
}

fn refuse(code: ErrorCode, detail: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
}
