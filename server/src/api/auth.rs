//! Signing in, staying signed in, signing out.

mod refresh;
mod sign_in;
mod sign_out;

use super::{
    App, SECRETS_BYTES_MAX,
    problem::Problem,
    routes::{Routes, endpoints},
};
use aws_lc_rs::{digest, rand};
use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use common::{
    error::ErrorCode,
    id::SignInId,
    permission::Permissions,
    secret::Secret,
    token::{self, Subject},
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use store::{
    TenantTx,
    audit::{self, Actor, AuditRecord, Object},
    elevations,
    sign_ins::{self, Device, TokenHash},
    users::User,
};
use time::OffsetDateTime;
use tracing::info;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("auth", "Signing in, staying signed in, signing out.")
        .anybody(endpoints![sign_in::sign_in, refresh::refresh_tokens, sign_out::sign_out])
        .body_bytes_max(SECRETS_BYTES_MAX)
}

/// A refresh token, good once.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Refresh {
    /// The latest one of this sign-in.
    #[schema(value_type = String, format = Password)]
    refresh_token: Secret,
}

/// A sign-in's tokens. Keep them safe: whoever has them can act as the user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedIn {
    /// For `Authorization: Bearer` and `connection.open`.
    access_token: String,
    /// To get the next pair. Using it a second time later on ends the sign-in.
    refresh_token: String,
    /// When the access token expires.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// Who is signed in.
    user: User,
}

/// Tokens must not stay in any cache on the way (RFC 6749, section 5.1).
pub(super) type Answer = ([(HeaderName, &'static str); 1], Json<SignedIn>);

/// A cookie that makes the browser known, and [`Answer`].
pub(super) type Welcome = ([(HeaderName, HeaderValue); 1], Answer);

/// Begins a sign-in in `tx`, commits, and answers with its tokens.
pub(super) async fn begin_sign_in(
    app: &App,
    mut tx: TenantTx,
    user: User,
    address: Option<IpAddr>,
    user_agent: Option<&HeaderValue>,
) -> Result<Answer, Problem> {
    let refresh_token = new_token()?;
    let agent = user_agent.and_then(|agent| agent.to_str().ok());
    let agent = agent.map(|agent| agent.get(..USER_AGENT_BYTES_MAX).unwrap_or(agent));
    let device = Device { address, user_agent: agent };
    let sign_in = sign_ins::start(&mut tx, user.id, &hash_of(&refresh_token), &device, &*app.clock).await?;
    let record = audit_record(Actor::User(user.id), address, "signIn.started", Object::SignIn(sign_in));
    audit::record(&mut tx, &record, &*app.clock).await?;
    let elevated = elevations::active(&mut tx, user.id, &*app.clock).await?;
    tx.commit().await?;
    info!(account.id = %user.account_id, user.id = %user.id, "User {} signed in", user.id);
    signed_in(app, user, elevated, sign_in, refresh_token)
}

/// The longest name of a client that is kept.
const USER_AGENT_BYTES_MAX: usize = 300;

const fn audit_record(
    actor: Actor,
    address: Option<IpAddr>,
    action: &'static str,
    object: Object,
) -> AuditRecord<'static> {
    AuditRecord { actor, address, action, object, before: None, after: None }
}

fn signed_in(
    app: &App,
    mut user: User,
    elevated: Option<(Permissions, OffsetDateTime)>,
    sign_in: SignInId,
    refresh_token: String,
) -> Result<Answer, Problem> {
    let now = app.clock.utc();
    let subject = Subject {
        account: user.account_id,
        user: user.id,
        role: user.role,
        permissions: user.role_id.map(|_| user.permissions),
        elevated,
        sign_in,
    };
    let access_token =
        token::sign(&app.signing_key, &subject, now).map_err(|error| Problem::internal(&error))?;
    let expires_at = subject.expires_at(now);
    user.permissions = elevated.map_or(user.permissions, |(more, _)| user.permissions.or(more));
    let answer = SignedIn { access_token, refresh_token, expires_at, user };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
}

/// 256 random bits in base64url.
pub(super) fn new_token() -> Result<String, Problem> {
    Ok(BASE64.encode(new_key_bytes()?))
}

/// 256 random bits.
pub(super) fn new_key_bytes() -> Result<[u8; 32], Problem> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|error| Problem::internal(&error))?;
    Ok(bytes)
}

pub(super) fn hash_of(token: &str) -> TokenHash {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

fn wrong_token() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::INVALID_TOKEN, "the token is not valid or has expired")
}
