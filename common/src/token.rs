//! Who is calling: roles, claims, and the verification of a token given keys and a time.

use crate::{
    error::ErrorCode,
    guest::{Guest, Right},
    id::{AccountId, RoomId, SessionId, UserId},
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

/// What a user may do, from most to least. The order is the hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Role {
    /// Answers customers, meets in rooms.
    AgentUser,
    /// Also manages rooms and contacts.
    User,
    /// Also manages users, channels and webhooks.
    Admin,
}

impl Role {
    /// The role's name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgentUser => "AGENT_USER",
            Self::User => "USER",
            Self::Admin => "ADMIN",
        }
    }

    /// The role with this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::AgentUser, Self::User, Self::Admin].into_iter().find(|role| role.as_str() == name)
    }
}

/// Who is calling, after the token was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant that all of this caller's requests are confined to.
    pub account: AccountId,
    /// The person.
    pub user: UserId,
    /// The role the person has, or the nearest below.
    pub role: Role,
    /// What the person may do.
    pub permissions: Permissions,
    /// What of it is not for a while only, and so may be given to others.
    pub lasting: Permissions,
    /// The name that an outside issuer gives; our own tokens carry none, the store knows it.
    pub name: Option<String>,
    /// The sign-in; `None` for a token of an outside issuer.
    pub session: Option<SessionId>,
    /// When the token ceases to be good.
    pub expires_at: OffsetDateTime,
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
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// The claims of a join token. What an access token has and this has not keeps the two apart.
#[derive(Debug, Serialize, Deserialize)]
struct JoinClaims {
    iss: String,
    sub: UserId,
    account: AccountId,
    name: String,
    room: RoomId,
    rights: BTreeSet<Right>,
    iat: i64,
    /// `iat` in milliseconds: whole seconds cannot tell a token from before a removal from one after.
    iat_ms: i64,
    exp: i64,
}

/// Whom a token lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// A person of the account.
    Caller(Caller),
    /// A guest of one of its rooms.
    Guest(Guest),
}

impl Bearer {
    /// The tenant.
    pub const fn account(&self) -> AccountId {
        match self {
            Self::Caller(caller) => caller.account,
            Self::Guest(guest) => guest.account,
        }
    }

    /// Who it is.
    pub const fn user(&self) -> UserId {
        match self {
            Self::Caller(caller) => caller.user,
            Self::Guest(guest) => guest.user,
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

/// Where an outside issuer's tokens say what ours say in claims of their own.
///
/// A claim is named by its path: `app_metadata.account_id` is the member
/// `account_id` of the object claim `app_metadata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// The account that all of this issuer's users belong to, if it serves one only.
    pub account: Option<AccountId>,
    /// Otherwise the claim that holds the account's id.
    pub account_claim: String,
    /// The claim that holds a [`Role`]'s name.
    pub role_claim: String,
    /// The role where the claim is missing or is none of ours.
    pub role: Role,
    /// The claim that holds the name to show.
    pub name_claim: String,
}

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Past its expiry.
    #[error("the token has expired")]
    Expired,
    /// Not a token, forged, of an unknown issuer, or without the claims we need.
    #[error("the token is not valid")]
    Invalid(#[source] Option<jsonwebtoken::errors::Error>),
}

impl TokenError {
    /// The stable code for the wire.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Expired | Self::Invalid(_) => ErrorCode::INVALID_TOKEN,
        }
    }
}

/// One issuer whose tokens are accepted.
#[derive(Clone)]
pub struct Issuer {
    /// The `iss` claim.
    pub name: String,
    /// The `aud` claim that is required, if any.
    pub audience: Option<String>,
    /// The key's id, when the issuer has several (JWKS, RFC 7517).
    pub key_id: Option<String>,
    /// The only algorithm accepted with this key: never the one the token asks for.
    pub algorithm: Algorithm,
    /// The key.
    pub key: DecodingKey,
    /// How to read the claims; `None` for our own tokens.
    pub claims: Option<ClaimNames>,
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
        rules.set_required_spec_claims(&["exp", "iss", "sub"]);
        // The library would read the machine's clock; expiry is checked against `now` below.
        rules.validate_exp = false;
        match &issuer.audience {
            Some(audience) => rules.set_audience(&[audience]),
            None => rules.validate_aud = false,
        }
        match decode::<Value>(token, &issuer.key, &rules) {
            Ok(data) => return bearer(data.claims, issuer.claims.as_ref(), now),
            Err(error) => last = TokenError::Invalid(Some(error)),
        }
    }
    Err(last)
}

fn bearer(claims: Value, names: Option<&ClaimNames>, now: OffsetDateTime) -> Result<Bearer, TokenError> {
    let bearer = match names {
        None if claims.get("room").is_some() => guest(claims).map(Bearer::Guest),
        None => own_caller(claims).map(Bearer::Caller),
        Some(names) => outside_caller(&claims, names).map(Bearer::Caller),
    }
    .ok_or(TokenError::Invalid(None))?;
    if bearer.expires_at() <= now {
        return Err(TokenError::Expired);
    }
    Ok(bearer)
}

fn guest(claims: Value) -> Option<Guest> {
    let claims: JoinClaims = serde_json::from_value(claims).ok()?;
    Some(Guest {
        account: claims.account,
        user: claims.sub,
        name: claims.name,
        room: claims.room,
        rights: claims.rights,
        issued_at: OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(claims.iat_ms),
        expires_at: OffsetDateTime::from_unix_timestamp(claims.exp).ok()?,
    })
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
        session: Some(claims.sid),
        expires_at: OffsetDateTime::from_unix_timestamp(claims.exp).ok()?,
    })
}

fn outside_caller(claims: &Value, names: &ClaimNames) -> Option<Caller> {
    let at = |path: &str| path.split('.').try_fold(claims, |value, member| value.get(member));
    let text = |path: &str| at(path).and_then(Value::as_str);
    let role = text(&names.role_claim).and_then(Role::parse).unwrap_or(names.role);
    Some(Caller {
        account: match names.account {
            Some(account) => account,
            None => text(&names.account_claim)?.parse().ok()?,
        },
        user: text("sub")?.parse().ok()?,
        role,
        permissions: role.permissions(),
        lasting: role.permissions(),
        name: text(&names.name_claim).map(|name| name.chars().take(NAME_CHARS_MAX).collect()),
        session: None,
        expires_at: OffsetDateTime::from_unix_timestamp(at("exp")?.as_i64()?).ok()?,
    })
}

/// The longest name taken from an outside token, in characters.
const NAME_CHARS_MAX: usize = 200;

/// Whom a token of our own is for.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// The tenant.
    pub account: AccountId,
    /// The person.
    pub user: UserId,
    /// The role the person has, or the nearest below.
    pub role: Role,
    /// What the person may do, if that is not what the role may.
    pub permissions: Option<Permissions>,
    /// What the person may do for a while beyond that, and until when.
    pub elevated: Option<(Permissions, OffsetDateTime)>,
    /// The sign-in.
    pub session: SessionId,
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
/// Only if the key does not fit the algorithm, which is a mistake in configuration.
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
        sid: subject.session,
        iat: now.unix_timestamp(),
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
        sub: guest.user,
        account: guest.account,
        name: guest.name.clone(),
        room: guest.room,
        rights: guest.rights.clone(),
        iat: guest.issued_at.unix_timestamp(),
        iat_ms: i64::try_from(guest.issued_at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX),
        exp: guest.expires_at.unix_timestamp(),
    };
    encode(&Header::new(Algorithm::HS256), &claims, key).map_err(|error| TokenError::Invalid(Some(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    fn own(secret: &[u8]) -> Issuer {
        Issuer {
            name: OWN_ISSUER.to_owned(),
            audience: None,
            key_id: None,
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(secret),
            claims: None,
        }
    }

    fn caller(token: &str, issuers: &[Issuer], now: OffsetDateTime) -> Result<Caller, TokenError> {
        match verify(token, issuers, now)? {
            Bearer::Caller(caller) => Ok(caller),
            Bearer::Guest(_) => Err(TokenError::Invalid(None)),
        }
    }

    fn signed(secret: &[u8], clock: &ManualClock) -> (String, AccountId, UserId) {
        let (account, user) = (AccountId::generate(clock), UserId::generate(clock));
        let key = EncodingKey::from_secret(secret);
        let session = SessionId::generate(clock);
        let subject = Subject { account, user, role: Role::User, permissions: None, elevated: None, session };
        let token = sign(&key, &subject, clock.utc()).unwrap();
        (token, account, user)
    }

    #[test]
    fn our_own_token_names_its_caller_until_it_expires() {
        let clock = ManualClock::default();
        let (token, account, user) = signed(b"k", &clock);
        let caller = caller(&token, &[own(b"k")], clock.utc()).unwrap();
        assert_eq!((caller.account, caller.user, caller.role), (account, user, Role::User));
        clock.advance(ACCESS_TOKEN_TIME);
        assert!(matches!(verify(&token, &[own(b"k")], clock.utc()), Err(TokenError::Expired)));
    }

    #[test]
    fn what_is_allowed_for_a_while_ends_with_the_token() {
        let clock = ManualClock::default();
        let until = clock.utc() + Duration::from_secs(60);
        let subject = Subject {
            account: AccountId::generate(&clock),
            user: UserId::generate(&clock),
            role: Role::AgentUser,
            permissions: None,
            elevated: Some((Permissions::ALL, until)),
            session: SessionId::generate(&clock),
        };
        let token = sign(&EncodingKey::from_secret(b"k"), &subject, clock.utc()).unwrap();
        let caller = caller(&token, &[own(b"k")], clock.utc()).unwrap();
        assert_eq!((caller.permissions, caller.lasting), (Permissions::ALL, Role::AgentUser.permissions()));
        assert!(caller.expires_at <= until);
    }

    #[test]
    fn a_join_token_names_a_guest_and_never_a_caller() {
        let clock = ManualClock::default();
        let whole = clock.utc().replace_nanosecond(0).unwrap();
        let guest = Guest {
            account: AccountId::generate(&clock),
            user: UserId::generate(&clock),
            name: "Grace".to_owned(),
            room: RoomId::generate(&clock),
            rights: [Right::ReadMessages].into(),
            issued_at: whole,
            expires_at: whole + Duration::from_secs(60),
        };
        let token = sign_join(&EncodingKey::from_secret(b"k"), &guest).unwrap();
        assert_eq!(verify(&token, &[own(b"k")], clock.utc()).unwrap(), Bearer::Guest(guest));
        clock.advance(Duration::from_secs(61));
        assert!(matches!(verify(&token, &[own(b"k")], clock.utc()), Err(TokenError::Expired)));
    }

    #[test]
    fn a_token_signed_with_another_key_is_refused() {
        let clock = ManualClock::default();
        let (token, ..) = signed(b"other", &clock);
        assert!(matches!(verify(&token, &[own(b"k")], clock.utc()), Err(TokenError::Invalid(_))));
    }

    #[test]
    fn a_token_cannot_choose_its_algorithm() {
        // {"alg":"none"} with claims that would otherwise be fine.
        let token = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.e30.";
        assert!(verify(token, &[own(b"k")], ManualClock::default().utc()).is_err());
    }

    #[test]
    fn an_outside_token_is_read_by_the_claims_its_issuer_uses() {
        let clock = ManualClock::default();
        let (account, user) = (AccountId::generate(&clock), UserId::generate(&clock));
        let claims = serde_json::json!({
            "iss": "https://auth.example", "aud": "authenticated", "sub": user, "exp": clock.utc().unix_timestamp() + 60,
            "role": "authenticated", "app_metadata": { "account": account }, "user_metadata": { "name": "Ada" },
        });
        let token =
            encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(b"theirs")).unwrap();
        let issuer = Issuer {
            name: "https://auth.example".to_owned(),
            audience: Some("authenticated".to_owned()),
            claims: Some(ClaimNames {
                account: None,
                account_claim: "app_metadata.account".to_owned(),
                role_claim: "role".to_owned(),
                role: Role::AgentUser,
                name_claim: "user_metadata.name".to_owned(),
            }),
            ..own(b"theirs")
        };
        let caller = caller(&token, &[own(b"k"), issuer], clock.utc()).unwrap();
        assert_eq!((caller.account, caller.user, caller.role), (account, user, Role::AgentUser));
        assert_eq!(caller.name.as_deref(), Some("Ada"));
    }

    #[test]
    fn an_administrator_outranks_an_agent() {
        assert!(Role::Admin > Role::User && Role::User > Role::AgentUser);
        assert_eq!(Role::parse("AGENT_USER"), Some(Role::AgentUser));
    }
}
