//! Sign-ins: one's own, and for administrators those of others.

use super::{
    App,
    caller::Caller,
    extract::{Id, Ids},
    hub,
    problem::{Document, Problem},
};
use axum::{Json, extract::State, http::StatusCode};
use common::{
    id::{SessionId, UserId},
    permission::Permission,
    revocation::Ended,
    subject::hub::Whom,
};
use serde::Serialize;
use store::{TenantTx, sessions, users};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// A sign-in that is not over.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    /// Its id.
    id: SessionId,
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
pub(super) struct Sessions {
    /// The one used last first; at most 100.
    items: Vec<Session>,
}

async fn of(app: &App, caller: &Caller, tx: &mut TenantTx, user: UserId) -> Result<Json<Sessions>, Problem> {
    let current = caller.session();
    let items = sessions::of_user(tx, user, &*app.clock).await?.into_iter().map(|session| Session {
        id: session.id,
        current: current == Some(session.id),
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        address: session.address,
        user_agent: session.user_agent,
    });
    Ok(Json(Sessions { items: items.collect() }))
}

async fn end(
    app: &App,
    caller: &Caller,
    mut tx: TenantTx,
    user: UserId,
    session: SessionId,
) -> Result<StatusCode, Problem> {
    if !sessions::revoke_of_user(&mut tx, user, session, &*app.clock).await? {
        return Err(Problem::not_found("session"));
    }
    let object = ("session", session.as_uuid());
    caller.did::<Session>(app, &mut tx, "session.ended", object, (None, None)).await?;
    tx.commit().await?;
    app.ended([Ended::Session(session)]).await;
    hub::disconnect_if_reached(app, caller.account, Whom::Session(session)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists one's own sign-ins.
#[utoipa::path(get, path = "/v1/me/sessions", tag = "auth", responses((status = 200, body = Sessions)))]
pub(super) async fn list_own(State(app): State<App>, caller: Caller) -> Result<Json<Sessions>, Problem> {
    let user = caller.person()?.user;
    let mut tx = app.read_as(&caller).await?;
    of(&app, &caller, &mut tx, user).await
}

/// Ends one of one's own sign-ins, with its tokens and its connections to the hub: what it writes is refused
/// at once, what it reads within five seconds.
#[utoipa::path(
    delete, path = "/v1/me/sessions/{id}", tag = "auth", params(("id" = SessionId, Path, description = "The sign-in")),
    responses((status = 204, description = "Ended"), (status = 404, body = Document)),
)]
pub(super) async fn end_own(
    State(app): State<App>,
    caller: Caller,
    Id(session): Id<SessionId>,
) -> Result<StatusCode, Problem> {
    let user = caller.person()?.user;
    let tx = app.begin_as(&caller).await?;
    end(&app, &caller, tx, user, session).await
}

/// Lists a user's sign-ins.
#[utoipa::path(
    get, path = "/v1/users/{id}/sessions", tag = "users", params(("id" = UserId, Path, description = "The user")),
    responses((status = 200, body = Sessions), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Id(user): Id<UserId>,
) -> Result<Json<Sessions>, Problem> {
    let mut tx = app.read(&caller, Permission::UsersManage).await?;
    users::find(&mut tx, user).await?.ok_or_else(|| Problem::not_found("user"))?;
    of(&app, &caller, &mut tx, user).await
}

/// Ends a user's sign-in, with its tokens and its connections to the hub: what it writes is refused at once,
/// what it reads within five seconds.
#[utoipa::path(
    delete, path = "/v1/users/{id}/sessions/{session}", tag = "users",
    params(("id" = UserId, Path, description = "The user"), ("session" = SessionId, Path, description = "The sign-in")),
    responses((status = 204, description = "Ended"), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn end_of(
    State(app): State<App>,
    caller: Caller,
    Ids(user, session): Ids<UserId, SessionId>,
) -> Result<StatusCode, Problem> {
    let tx = app.begin_ending(&caller, Permission::UsersManage).await?;
    end(&app, &caller, tx, user, session).await
}
