//! The caller: a person, by an access token, or a program, by an API key (RFC 6750).

use crate::{Accepted, Problem};
use aws_lc_rs::digest;
use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use common::{
    address::ClientAddress,
    clock::Clock,
    error::{Chain, ErrorCode},
    guest::Guest,
    id::AccountId,
    permission::{Permission, Permissions},
    revocation::Revocations,
    token::{self, Bearer, Issuer},
};
use std::{net::IpAddr, sync::Arc};
use store::{Store, audit::Actor, standing::Writer};
use tokio::sync::watch;
use tracing::{Span, debug, field::display};

/// How an API key begins, so that people and scanners recognise one.
pub const KEY_PREFIX: &str = "sbk_";

/// Finds out who calls. Cheap to clone.
///
/// Every role that answers callers has one, and asks the same store, issuers and list of what ended: a caller is
/// the same to all of them.
#[derive(Clone)]
pub struct Authenticator {
    /// Where API keys are.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whose tokens are accepted, now and from now on.
    pub issuers: watch::Receiver<Arc<[Issuer]>>,
    /// What ended before its time, now and from now on.
    pub revocations: Arc<Revocations>,
}

/// The caller. A handler that takes one cannot be reached without a good token or key.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// The account that they are of.
    pub account: AccountId,
    /// The caller as the audit log names them.
    pub actor: Actor,
    /// What they may do at the moment.
    pub permissions: Permissions,
    /// The person's token; `None` for a program.
    pub token: Option<token::Caller>,
    /// The authority by which they write.
    pub writer: Writer,
    /// The address they call from; unknown behind listeners that do not tell.
    pub address: Option<IpAddr>,
}

/// Whoever brings a token or key: a caller, or a guest of a room.
#[derive(Debug, Clone)]
pub enum AuthenticatedBearer {
    /// A person or a program of the account.
    Caller(Authenticated),
    /// A guest. Whether they are still let into their room, the room says.
    Guest(Guest),
}

impl Authenticated {
    /// Refuses callers without this permission.
    ///
    /// # Errors
    /// 403, naming the permission.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.permissions.has(permission) { Ok(()) } else { Err(Problem::forbidden(permission)) }
    }
}

/// The hash under which a key is kept.
pub fn hash_of_key(key: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
    hash
}

/// The token or key that a request brings.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

impl<S: Send + Sync> FromRequestParts<S> for Authenticated
where
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Authenticator::from_ref(state).authenticate(parts).await
    }
}

impl Authenticator {
    /// Authenticates a request. Tells the listener that the token is good, and the request's span whose it is.
    ///
    /// # Errors
    /// 401 if its token or key is missing or not good (any more).
    pub async fn authenticate(&self, parts: &Parts) -> Result<Authenticated, Problem> {
        match self.authenticate_bearer(parts).await? {
            AuthenticatedBearer::Caller(caller) => Ok(caller),
            AuthenticatedBearer::Guest(_) => {
                let detail = "a join token is for /v1/ws, the files of its room and publishing into it alone";
                Err(unauthorized(ErrorCode::INVALID_TOKEN, detail))
            }
        }
    }

    /// The same where guests of rooms are let in, too.
    ///
    /// # Errors
    /// As for [`authenticate`](Self::authenticate).
    pub async fn authenticate_bearer(&self, parts: &Parts) -> Result<AuthenticatedBearer, Problem> {
        let address = parts.extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address);
        let token = bearer(&parts.headers)
            .ok_or_else(|| unauthorized(ErrorCode::UNAUTHENTICATED, "a Bearer token is needed"))?;
        let bearer = if token.starts_with(KEY_PREFIX) {
            AuthenticatedBearer::Caller(self.by_key(token, address).await?)
        } else {
            self.by_token(token, address)?
        };
        if let Some(accepted) = parts.extensions.get::<Accepted>() {
            accepted.note();
        }
        let span = Span::current();
        match &bearer {
            AuthenticatedBearer::Caller(caller) => {
                span.record("account.id", display(caller.account));
                if let Some(id) = caller.actor.id() {
                    span.record("user.id", display(id));
                }
            }
            AuthenticatedBearer::Guest(guest) => {
                span.record("account.id", display(guest.account));
                span.record("user.id", display(guest.id.as_user()));
            }
        }
        Ok(bearer)
    }

    async fn by_key(&self, key: &str, address: Option<IpAddr>) -> Result<Authenticated, Problem> {
        let holder = self.store.system().api_key(&hash_of_key(key), &*self.clock).await?;
        let holder = holder.ok_or_else(|| {
            unauthorized(ErrorCode::INVALID_TOKEN, "the API key is unknown, has expired or was revoked")
        })?;
        Ok(Authenticated {
            account: holder.account,
            actor: Actor::ApiKey(holder.key),
            permissions: holder.permissions,
            token: None,
            writer: Writer::Program(holder.key),
            address,
        })
    }

    fn by_token(&self, token: &str, address: Option<IpAddr>) -> Result<AuthenticatedBearer, Problem> {
        let issuers = Arc::clone(&self.issuers.borrow());
        let bearer = token::verify(token, &issuers, self.clock.utc()).map_err(|error| {
            debug!(error = %Chain(&error), "A token was refused");
            unauthorized(error.code(), "the token is not valid or has expired")
        })?;
        let token = match bearer {
            Bearer::Caller(token) => token,
            Bearer::Guest(guest) => return Ok(AuthenticatedBearer::Guest(guest)),
        };
        let standing = token.standing();
        if !self.revocations.holds(&standing) {
            let detail = "the sign-in, or something that the token allows, has ended";
            return Err(unauthorized(ErrorCode::INVALID_TOKEN, detail));
        }
        Ok(AuthenticatedBearer::Caller(Authenticated {
            account: token.account,
            actor: Actor::User(token.user),
            permissions: token.permissions,
            token: Some(token),
            writer: Writer::Person(standing),
            address,
        }))
    }
}

fn unauthorized(code: ErrorCode, detail: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn bearer_in(value: &'static str) -> Option<String> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
        bearer(&headers).map(ToOwned::to_owned)
    }

    #[test]
    fn a_bearer_is_read_in_any_case_and_nothing_else_is_one() {
        assert_eq!(bearer_in("Bearer ey.x.y"), Some("ey.x.y".to_owned()));
        assert_eq!(bearer_in("bearer  ey.x.y "), Some("ey.x.y".to_owned()));
        assert_eq!((bearer_in("Basic YTpi"), bearer_in("Bearer"), bearer_in("")), (None, None, None));
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn a_key_is_kept_as_its_sha_256() {
        assert_eq!(hash_of_key("")[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    }
}
