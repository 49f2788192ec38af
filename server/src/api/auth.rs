//! Signing in, staying signed in, signing out.

use super::{
    App, SECRETS_BYTES_MAX,
    device::Browser,
    extract::{Body, Peer, UserAgent},
    hub, lockout,
    password::{Asker, PASSWORD_BYTES_MAX},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
    throttle::Attempt,
};
use aws_lc_rs::{digest, rand};
use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use common::{
    error::ErrorCode,
    id::{AccountId, SignInId},
    permission::Permissions,
    revocation::Ended,
    secret::Secret,
    subject::hub::ConnectionSelector,
    token::{self, Subject},
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use store::{
    TenantTx,
    audit::{self, Actor, AuditRecord},
    elevations,
    sign_ins::{self, Device, Rotation, TokenHash},
    system::SignInUser,
    users::{self, User, normal_email},
};
use time::OffsetDateTime;
use tracing::{info, warn};
use utoipa::ToSchema;
use uuid::Uuid;

pub(super) fn routes() -> Routes {
    Routes::of("auth", "Signing in, staying signed in, signing out.")
        .anybody(endpoints![sign_in, refresh_tokens, sign_out])
        .body_bytes_max(SECRETS_BYTES_MAX)
}

/// A user's e-mail address and password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Credentials {
    /// The e-mail address; case does not matter.
    email: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: Secret,
    /// The account to sign in to, where several know the address and the password is the same.
    #[serde(default)]
    account_id: Option<AccountId>,
}

/// A refresh token, good once.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Refresh {
    /// The latest one of this sign-in.
    #[schema(value_type = String, format = Password)]
    refresh_token: Secret,
}

/// A sign-in's tokens. Keep them safe: who has them is the user.
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

/// Signs in with e-mail address and password.
///
/// Several accounts may know an address: the password decides, and of those with the same one the oldest user.
/// Whoever has signed in before with the same browser (a cookie tells) is not held up by others' wrong tries.
#[utoipa::path(
    post, path = "/v1/auth/sign-in", request_body = Credentials,
    responses(
        (status = 200, body = SignedIn),
        (status = 401, description = "`auth.invalidCredentials`: they do not belong together; or there were too many wrong passwords and the browser is not known", body = Document),
        (status = 429, description = "`limit.rate`: too many wrong tries", body = Document),
        (status = 503, description = "`unavailable`: too many people are signing in", body = Document),
    ),
)]
async fn sign_in(
    State(app): State<App>,
    Peer(address): Peer,
    UserAgent(user_agent): UserAgent,
    browser: Browser,
    Body(body): Body<Credentials>,
) -> Result<Welcome, Problem> {
    let email = normal_email(&body.email);
    if body.password.expose().len() > PASSWORD_BYTES_MAX || super::fields::email(&email).is_err() {
        return Err(wrong_credentials());
    }
    let attempt = app.throttle.admit(&email, address, browser.devices.clone())?;
    let (found, right) = match look(&app, &attempt, &email, address, body).await {
        Ok(looked) => looked,
        Err(problem) => {
            attempt.take_back();
            return Err(problem);
        }
    };
    let Some(present) = right.first().and_then(|place| found.get(*place)) else {
        lockout::note(&app, found.iter().map(|user| (user.account, user.id)).collect(), address);
        return Err(wrong_credentials());
    };
    attempt.forgive();
    let mut tx = app.store.tenant(present.account).await?;
    // Hashing took a while: who was deactivated or got another password meanwhile stays out.
    let hash = users::hold_for_sign_in(&mut tx, present.id).await?;
    if hash.is_none_or(|hash| hash.expose() != present.password_hash.expose()) {
        return Err(wrong_credentials());
    }
    users::forgive_wrong_passwords(&mut tx, present.id).await?;
    let user = users::find(&mut tx, present.id).await?.ok_or_else(wrong_credentials)?;
    let cookie = browser.remember(&app, user.id, &present.password_hash)?;
    Ok((cookie, begin_sign_in(&app, tx, user, address, user_agent.as_ref()).await?))
}

/// Whom the attempt may be about, and whose password it is, by their places. The same work whoever is found.
async fn look(
    app: &App,
    attempt: &Attempt<'_>,
    email: &str,
    address: Option<IpAddr>,
    Credentials { password, account_id, .. }: Credentials,
) -> Result<(Vec<SignInUser>, Vec<usize>), Problem> {
    let mut found = app.store.system().users_by_email(email).await?;
    let now = app.clock.utc();
    let mut is_somebody_known = false;
    found.retain(|user| {
        let is_locked = user.locked_until.is_some_and(|until| until > now);
        let is_known = app.devices.knows(attempt.devices(), user.id, &user.password_hash);
        is_somebody_known |= is_known;
        account_id.is_none_or(|account| account == user.account) && attempt.may_be(is_known, is_locked)
    });
    let hashes = found.iter().map(|user| user.password_hash.clone()).collect();
    let right = app.passwords.verify(&Asker::at(address).known(is_somebody_known), password, hashes).await?;
    Ok((found, right))
}

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
    let record = audit_record(Actor::User(user.id), address, "signIn.started", ("signIn", sign_in.as_uuid()));
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
    object: (&'static str, Uuid),
) -> AuditRecord<'static> {
    let (object_kind, object_id) = object;
    AuditRecord { actor, address, action, object_kind, object_id, before: None, after: None }
}

/// Exchanges a refresh token for a new pair of tokens.
///
/// Within ten seconds it may be presented again, by a second tab or because the answer was lost, as long as no
/// successor of it was used: each gets a pair of its own, and the first that is used replaces the others.
/// Otherwise who presents it a second time has stolen it, or was stolen from, and the sign-in is over.
#[utoipa::path(
    post, path = "/v1/auth/refresh", request_body = Refresh,
    responses(
        (status = 200, body = SignedIn),
        (status = 401, description = "`auth.invalidToken`; or `auth.refreshReused`: the sign-in is over", body = Document),
    ),
)]
async fn refresh_tokens(State(app): State<App>, Body(body): Body<Refresh>) -> Result<Answer, Problem> {
    let old = hash_of(body.refresh_token.expose());
    let account = app.store.system().account_of_refresh_token(&old).await?.ok_or_else(wrong_token)?;
    let refresh_token = new_token()?;
    let mut tx = app.store.tenant(account).await?;
    let rotation = sign_ins::rotate(&mut tx, &old, &hash_of(&refresh_token), &*app.clock).await?;
    let user = match rotation {
        Rotation::Rotated { user, .. } => {
            users::find(&mut tx, user).await?.filter(|user| user.deactivated_at.is_none())
        }
        Rotation::Reused { .. } | Rotation::Invalid => None,
    };
    let elevated = match &user {
        Some(user) => elevations::active(&mut tx, user.id, &*app.clock).await?,
        None => None,
    };
    // Also after a reuse: that the sign-in is over must last.
    tx.commit().await?;
    match (rotation, user) {
        (Rotation::Rotated { sign_in, .. }, Some(user)) => {
            signed_in(&app, user, elevated, sign_in, refresh_token)
        }
        (Rotation::Reused { sign_in }, _) => {
            warn!(account.id = %account, sign_in.id = %sign_in, "A refresh token was used twice; its sign-in is revoked");
            app.ended([Ended::SignIn(sign_in)]).await;
            hub::disconnect_if_reached(&app, account, ConnectionSelector::SignIn(sign_in)).await;
            Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                ErrorCode::REFRESH_REUSED,
                "this token was used before; sign in again",
            ))
        }
        (Rotation::Rotated { .. } | Rotation::Invalid, _) => Err(wrong_token()),
    }
}

/// Ends a sign-in, with its access tokens and its connections to the hub: what it writes is refused at once,
/// what it reads within five seconds.
///
/// A token that is good for nothing is no error: the wish is fulfilled.
#[utoipa::path(
    post, path = "/v1/auth/sign-out", request_body = Refresh,
    responses((status = 204, description = "Signed out")),
)]
async fn sign_out(
    State(app): State<App>,
    Peer(address): Peer,
    Body(body): Body<Refresh>,
) -> Result<StatusCode, Problem> {
    let token = hash_of(body.refresh_token.expose());
    if let Some(account) = app.store.system().account_of_refresh_token(&token).await? {
        let mut tx = app.store.tenant(account).await?;
        if let Some((user, sign_in)) = sign_ins::revoke_by_token(&mut tx, &token, &*app.clock).await? {
            let record =
                audit_record(Actor::User(user), address, "signIn.ended", ("signIn", sign_in.as_uuid()));
            audit::record(&mut tx, &record, &*app.clock).await?;
            tx.commit().await?;
            app.ended([Ended::SignIn(sign_in)]).await;
            hub::disconnect_if_reached(&app, account, ConnectionSelector::SignIn(sign_in)).await;
        }
    }
    Ok(StatusCode::NO_CONTENT)
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

fn wrong_credentials() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        ErrorCode::INVALID_CREDENTIALS,
        // Also for who is locked: a stranger must not learn that there is somebody to lock.
        "e-mail address and password do not belong together, or there were too many wrong tries",
    )
}

fn wrong_token() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::INVALID_TOKEN, "the token is not valid or has expired")
}
