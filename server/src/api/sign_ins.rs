//! Sign-ins: one's own, and for administrators those of others.

use super::{
    App,
    caller::Caller,
    extract::{Id, Ids},
    hub,
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State, http::StatusCode};
use common::{
    id::{SignInId, UserId},
    permission::Permission,
    revocation::Ended,
    subject::hub::ConnectionSelector,
};
use serde::Serialize;
use store::{TenantTx, sign_ins, users};
use time::OffsetDateTime;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("sign-ins", "Where users are signed in.")
        .any_caller(endpoints![list_own_sign_ins, end_own_sign_in])
        .needs(Permission::UsersManage, endpoints![list, end])
}

/// A sign-in that is not over.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignIn {
    /// UUIDv7: later ones sort later.
    id: SignInId,
    /// Whether it is the one that asks.
    current: bool,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it last got a new access token.
    #[serde(with = "time::serde::rfc3339")]
    last_used_at: OffsetDateTime,
    /// From which network address it began.
    address: Option<String>,
    /// What the client calls itself.
    user_agent: Option<String>,
}

/// A user's sign-ins.
#[derive(Serialize, ToSchema)]
pub(super) struct SignIns {
    /// The one used last first; at most 100.
    items: Vec<SignIn>,
}

async fn sign_ins_of(
    app: &App,
    caller: &Caller,
    tx: &mut TenantTx,
    user: UserId,
) -> Result<Json<SignIns>, Problem> {
    let current = caller.sign_in();
    let items = sign_ins::of_user(tx, user, &*app.clock).await?.into_iter().map(|sign_in| SignIn {
        id: sign_in.id,
        current: current == Some(sign_in.id),
        created_at: sign_in.created_at,
        last_used_at: sign_in.last_used_at,
        address: sign_in.address,
        user_agent: sign_in.user_agent,
    });
    Ok(Json(SignIns { items: items.collect() }))
}

async fn end_of_user(
    app: &App,
    caller: &Caller,
    mut tx: TenantTx,
    user: UserId,
    sign_in: SignInId,
) -> Result<StatusCode, Problem> {
    if !sign_ins::revoke_of_user(&mut tx, user, sign_in, &*app.clock).await? {
        return Err(Problem::not_found("sign-in"));
    }
    caller.audit::<SignIn>(app, &mut tx, "signIn.ended", sign_in, (None, None)).await?;
    tx.commit().await?;
    app.ended([Ended::SignIn(sign_in)]).await;
    hub::disconnect_if_reached(app, caller.account, ConnectionSelector::SignIn(sign_in)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists one's own sign-ins.
#[utoipa::path(get, path = "/v1/me/sign-ins", responses((status = 200, body = SignIns)))]
async fn list_own_sign_ins(State(app): State<App>, caller: Caller) -> Result<Json<SignIns>, Problem> {
    let user = caller.person()?.user;
    let mut tx = app.read(&caller).await?;
    sign_ins_of(&app, &caller, &mut tx, user).await
}

/// Ends one of one's own sign-ins, with its tokens and its connections to the hub: what it writes is refused
/// at once, what it reads within five seconds.
#[utoipa::path(
    delete, path = "/v1/me/sign-ins/{id}", params(("id" = SignInId, Path, description = "The sign-in")),
    responses((status = 204, description = "Ended"), (status = 404, body = Document)),
)]
async fn end_own_sign_in(
    State(app): State<App>,
    caller: Caller,
    Id(sign_in): Id<SignInId>,
) -> Result<StatusCode, Problem> {
    let user = caller.person()?.user;
    let tx = app.begin(&caller).await?;
    end_of_user(&app, &caller, tx, user, sign_in).await
}

/// Lists a user's sign-ins.
#[utoipa::path(
    get, path = "/v1/users/{id}/sign-ins", params(("id" = UserId, Path, description = "The user")),
    responses((status = 200, body = SignIns), (status = 403, body = Document), (status = 404, body = Document)),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Id(user): Id<UserId>,
) -> Result<Json<SignIns>, Problem> {
    let mut tx = app.read(&caller).await?;
    users::find(&mut tx, user).await?.ok_or_else(|| Problem::not_found("user"))?;
    sign_ins_of(&app, &caller, &mut tx, user).await
}

/// Ends a user's sign-in, with its tokens and its connections to the hub: what it writes is refused at once,
/// what it reads within five seconds.
#[utoipa::path(
    delete, path = "/v1/users/{id}/sign-ins/{signIn}", 
    params(("id" = UserId, Path, description = "The user"), ("signIn" = SignInId, Path, description = "The sign-in")),
    responses((status = 204, description = "Ended"), (status = 403, body = Document), (status = 404, body = Document)),
)]
async fn end(
    State(app): State<App>,
    caller: Caller,
    Ids(user, sign_in): Ids<UserId, SignInId>,
) -> Result<StatusCode, Problem> {
    let tx = app.begin_ending(&caller).await?;
    end_of_user(&app, &caller, tx, user, sign_in).await
}
