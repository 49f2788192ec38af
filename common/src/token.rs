//! Tokens: roles, claims, and the verification of a token given keys and a time.
//!
//! The rules for other issuers' tokens are in [`outside`].

mod outside;

pub use crate::permission::Role;
pub use outside::{Accounts, OUTSIDE_LIFETIME, OUTSIDE_LIFETIME_MAX, OutsideRules};

use crate::{
    error::ErrorCode,
    guest::{Guest, Right},
    id::{AccountId, RoomId, SignInId, UserId},
    identity::GuestId,
    permission::Permissions,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};
use time::OffsetDateTime;

/// How long an access token is good for.
///
/// Shorter closes the window of a stolen token; longer saves refreshes.
pub const ACCESS_TOKEN_TIME: Duration = Duration::from_secs(15 * 60);

/// How long a refresh token is good for, and so how long a device stays signed in unused.
pub const REFRESH_TOKEN_TIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The name under which Switchboard signs its own tokens.
pub const OWN_ISSUER: &str = "switchboard";

/// The parts of a person's token that can end before the token does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whose token it is.
    pub user: UserId,
    /// The sign-in; `None` for an outside issuer's user.
    pub sign_in: Option<SignInId>,
    /// What the token allows.
    pub permissions: Permissions,
    /// The part of it that has no end.
    pub lasting: Permissions,
    /// When the token was signed, in whole milliseconds.
    #[serde(with = "time::serde::rfc3339")]
    pub issued_at: OffsetDateTime,
}

impl Standing {
    /// Whether the token allows something that an elevation allows, and the person's role does not.
    pub fn is_elevated(&self) -> bool {
        !self.lasting.includes(self.permissions)
    }
}

/// The caller, after the token was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant that all of this caller's requests are confined to.
    pub account: AccountId,
    /// The user who signed in.
    pub user: UserId,
    /// The role the person has, or the nearest below.
    pub role: Role,
    /// The person's permissions.
    pub permissions: Permissions,
    /// The part of it that has no end, and so may be given to others.
    pub lasting: Permissions,
    /// The name that an outside issuer gives; our own tokens carry none, the store knows it.
    pub name: Option<String>,
    /// The sign-in; `None` for a token of an outside issuer.
    pub sign_in: Option<SignInId>,
    /// When the token was signed, to the millisecond for our own.
    pub issued_at: OffsetDateTime,
    /// When the token ceases to be good.
    pub expires_at: OffsetDateTime,
}

impl Caller {
    /// The parts of this that can end before the token does.
    pub const fn standing(&self) -> Standing {
        Standing {
            user: self.user,
            sign_in: self.sign_in,
            permissions: self.permissions,
            lasting: self.lasting,
            issued_at: self.issued_at,
        }
    }
}

/// The claims of Switchboard's own access tokens (RFC 7519, section 4.1).
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: UserId,
    account: AccountId,
    role: Role,
    /// Absent: those of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permissions: Option<Permissions>,
    /// Absent: all of them last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lasting: Option<Permissions>,
    sid: SignInId,
    iat: i64,
    /// `iat` in milliseconds: whole seconds cannot tell a token from before a change from one after.
    /// Absent in tokens of earlier versions.
    #[serde(default)]
    iat_ms: Option<i64>,
    exp: i64,
}

/// The claims of a join token. What an access token has and this has not keeps the two apart.
#[derive(Debug, Serialize, Deserialize)]
struct JoinClaims {
    iss: String,
    sub: GuestId,
    account: AccountId,
    name: String,
    room: RoomId,
    rights: BTreeSet<Right>,
    iat: i64,
    /// `iat` in milliseconds: whole seconds cannot tell a token from before a removal from one after.
    iat_ms: i64,
    exp: i64,
}

/// The bearer of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// A person of the account.
    Caller(Caller),
    /// A guest of one of its rooms.
    Guest(Guest),
}

impl Bearer {
    /// The account that all of its requests are confined to.
    pub const fn account(&self) -> AccountId {
        match self {
            Self::Caller(caller) => caller.account,
            Self::Guest(guest) => guest.account,
        }
    }

    /// The id by which others see who it is.
    pub const fn user(&self) -> UserId {
        match self {
            Self::Caller(caller) => caller.user,
            Self::Guest(guest) => guest.id.as_user(),
        }
    }

    /// When the token ceases to be good.
    pub const fn expires_at(&self) -> OffsetDateTime {
        match self {
            Self::Caller(caller) => caller.expires_at,
            Self::Guest(guest) => guest.expires_at,
        }
    }
}

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Past its expiry.
    #[error("the token has expired")]
    Expired,
    /// From an issuer whose clock is ahead, or who signs for later.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Good for longer than its issuer's tokens may be.
    #[error("the token is good for longer than {max:?}")]
    LivesTooLong {
        /// The longest that is accepted of this issuer.
        max: Duration,
    },
    /// Of an account that its issuer's tokens may not be of.
    #[error("the token's issuer may not speak for account {0}")]
    ForeignAccount(AccountId),
    /// Not a token, forged, of an unknown issuer, or without the claims we need.
    #[error("the token is not valid")]
    Invalid(#[source] Option<jsonwebtoken::errors::Error>),
}

impl TokenError {
    /// The stable code for the wire.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Expired
            | Self::NotYetValid
            | Self::LivesTooLong { .. }
            | Self::ForeignAccount(_)
            | Self::Invalid(_) => ErrorCode::INVALID_TOKEN,
        }
    }
}

/// One issuer whose tokens are accepted.
#[derive(Clone)]
pub struct Issuer {
    /// The `iss` claim.
    pub name: String,
    /// The `aud` claim that is required; `None` for our own tokens, which have none.
    pub audience: Option<String>,
    /// The key's id, when the issuer has several (JWKS, RFC 7517).
    pub key_id: Option<String>,
    /// The only algorithm accepted with this key: never the one the token asks for.
    pub algorithm: Algorithm,
    /// What its signatures are checked with.
    pub key: DecodingKey,
    /// How to read the claims, and what they may not go beyond; `None` for our own tokens.
    pub outside: Option<OutsideRules>,
}

/// Verifies `token` against the issuers' keys as of `now`.
///
/// The key is chosen by issuer and key id; its algorithm is fixed by us, so a
/// token cannot choose a weaker one (RFC 8725, section 3.1).
///
/// # Errors
/// [`TokenError`]; which of the reasons it was is for logs, not for callers.
pub fn verify(token: &str, issuers: &[Issuer], now: OffsetDateTime) -> Result<Bearer, TokenError> {
    let header = jsonwebtoken::decode_header(token).map_err(|error| TokenError::Invalid(Some(error)))?;
    let mut last = TokenError::Invalid(None);
    for issuer in issuers {
        if header.alg != issuer.algorithm || (issuer.key_id.is_some() && issuer.key_id != header.kid) {
            continue;
        }
        let mut rules = Validation::new(issuer.algorithm);
        rules.set_issuer(&[&issuer.name]);
        // The library would read the machine's clock; expiry is checked against `now` below.
        rules.validate_exp = false;
        match &issuer.audience {
            // Required too: the library compares the claim only where there is one.
            Some(audience) => {
                rules.set_audience(&[audience]);
                rules.set_required_spec_claims(&["aud", "exp", "iss", "sub"]);
            }
            None => {
                rules.validate_aud = false;
                rules.set_required_spec_claims(&["exp", "iss", "sub"]);
            }
        }
        match decode::<Value>(token, &issuer.key, &rules) {
            Ok(data) => return bearer(data.claims, issuer, now),
            Err(error) => last = TokenError::Invalid(Some(error)),
        }
    }
    Err(last)
}

fn bearer(claims: Value, issuer: &Issuer, now: OffsetDateTime) -> Result<Bearer, TokenError> {
    let bearer = match &issuer.outside {
        None if claims.get("room").is_some() => read_guest(claims).map(Bearer::Guest),
        None => own_caller(claims).map(Bearer::Caller),
        Some(rules) => Some(Bearer::Caller(rules.caller(&issuer.name, &claims, now)?)),
    }
    .ok_or(TokenError::Invalid(None))?;
    if bearer.expires_at() <= now {
        return Err(TokenError::Expired);
    }
    Ok(bearer)
}

fn read_guest(claims: Value) -> Option<Guest> {
    let claims: JoinClaims = serde_json::from_value(claims).ok()?;
    Some(Guest {
        account: claims.account,
        id: claims.sub,
        name: claims.name,
        room: claims.room,
        rights: claims.rights,
        issued_at: at_millis(claims.iat_ms)?,
        expires_at: OffsetDateTime::from_unix_timestamp(claims.exp).ok()?,
    })
}

fn at_millis(unix_ms: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).ok()
}

fn unix_ms(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

fn own_caller(claims: Value) -> Option<Caller> {
    let claims: Claims = serde_json::from_value(claims).ok()?;
    let permissions = claims.permissions.unwrap_or(claims.role.permissions());
    Some(Caller {
        account: claims.account,
        user: claims.sub,
        role: claims.role,
        permissions,
        lasting: claims.lasting.unwrap_or(permissions),
        name: None,
        sign_in: Some(claims.sid),
        issued_at: at_millis(claims.iat_ms.unwrap_or(claims.iat.saturating_mul(1000)))?,
        expires_at: OffsetDateTime::from_unix_timestamp(claims.exp).ok()?,
    })
}

/// The subject of a token of our own.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// The user's account.
    pub account: AccountId,
    /// For whom the token is.
    pub user: UserId,
    /// The role the person has, or the nearest below.
    pub role: Role,
    /// The person's permissions, if they differ from the role's.
    pub permissions: Option<Permissions>,
    /// The permissions that the person has beyond that for a while, and their end.
    pub elevated: Option<(Permissions, OffsetDateTime)>,
    /// The sign-in that it belongs to and ends with.
    pub sign_in: SignInId,
}

impl Subject {
    /// When a token that is signed now expires: with the first that it allows for a while only.
    pub fn expires_at(&self, now: OffsetDateTime) -> OffsetDateTime {
        let latest = now + ACCESS_TOKEN_TIME;
        self.elevated.map_or(latest, |(_, until)| until.min(latest))
    }
}

/// Signs an access token of our own, good from `now` until [`Subject::expires_at`].
///
/// # Errors
/// If the key does not fit the algorithm, which is a mistake in configuration.
pub fn sign(key: &EncodingKey, subject: &Subject, now: OffsetDateTime) -> Result<String, TokenError> {
    let lasting = subject.permissions.unwrap_or(subject.role.permissions());
    let elevated = subject.elevated.map(|(more, _)| lasting.or(more));
    let claims = Claims {
        iss: OWN_ISSUER.to_owned(),
        sub: subject.user,
        account: subject.account,
        role: subject.role,
        permissions: elevated.or(subject.permissions),
        lasting: elevated.map(|_| lasting),
        sid: subject.sign_in,
        iat: now.unix_timestamp(),
        iat_ms: Some(unix_ms(now)),
        exp: subject.expires_at(now).unix_timestamp(),
    };
    encode(&Header::new(Algorithm::HS256), &claims, key).map_err(|error| TokenError::Invalid(Some(error)))
}

/// Signs a join token for `guest`. Its expiry is cut to whole seconds.
///
/// # Errors
/// As for [`sign`].
pub fn sign_join(key: &EncodingKey, guest: &Guest) -> Result<String, TokenError> {
    let claims = JoinClaims {
        iss: OWN_ISSUER.to_owned(),
        sub: guest.id,
        account: guest.account,
        name: guest.name.clone(),
        room: guest.room,
        rights: guest.rights.clone(),
        iat: guest.issued_at.unix_timestamp(),
        iat_ms: unix_ms(guest.issued_at),
        exp: guest.expires_at.unix_timestamp(),
    };
    encode(&Header::new(Algorithm::HS256), &claims, key).map_err(|error| TokenError::Invalid(Some(error)))
}

#[cfg(test)]
mod tests;
