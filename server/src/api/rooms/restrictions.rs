//! Keeping somebody from speaking in a room, or out of it.

use super::{
    super::{
        App,
        caller::Caller,
        extract::{Body, Id, Ids, Params},
        hub,
        page::{Page, PageParams},
        problem::{Document, Problem},
    },
    admit::{admit, admit_restricting},
    tell,
};
use axum::{Json, extract::State, http::StatusCode};
use common::{
    id::{RoomId, UserId},
    identity::Identity,
    protocol::room::RemovalReason,
    subject::hub::ConnectionSelector,
};
use serde::Deserialize;
use signalling_core::admission::Action;
use store::{
    StoreError, TenantTx,
    rooms::{self, Restriction},
    users,
};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// How long somebody is muted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct MuteRoomMember {
    /// When it ends by itself; null: when somebody ends it.
    #[schema(required = true, example = "2099-01-01T00:00:00Z")]
    #[serde(with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
}

/// Lists who is muted in a room, in the order of their ids.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/mutes", params(("id" = RoomId, Path, description = "The room"), PageParams),
    responses((status = 200, body = Page<Restriction>), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn list_room_mutes(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Restriction>>, Problem> {
    let now = app.clock.utc();
    page(&app, &caller, id, &params, async |tx, after, limit| rooms::mutes(tx, id, after, limit, now).await)
        .await
}

/// Lists who is banned from a room, in the order of their ids.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/bans", params(("id" = RoomId, Path, description = "The room"), PageParams),
    responses((status = 200, body = Page<Restriction>), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn list_room_bans(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Restriction>>, Problem> {
    page(&app, &caller, id, &params, async |tx, after, limit| rooms::bans(tx, id, after, limit).await).await
}

/// Mutes a user or guest: they stay in the room, and neither say, edit nor react to anything. Replaces what was before.
#[utoipa::path(
    put, path = "/v1/rooms/{id}/mutes/{user}", request_body = MuteRoomMember,
    params(("id" = RoomId, Path, description = "The room"), ("user" = UserId, Path, description = "The user or guest")),
    responses(
        (status = 204, description = "They are muted"),
        (status = 403, description = "The caller is not above them in the room, and does not manage rooms", body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.direct`", body = Document),
    ),
)]
pub(super) async fn mute(
    State(app): State<App>,
    caller: Caller,
    Ids(room, user): Ids<RoomId, UserId>,
    Body(body): Body<MuteRoomMember>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    admit_restricting(&app, &mut tx, &caller, user, room).await?;
    check_target(&mut tx, user).await?;
    let muted = rooms::mute(&mut tx, room, user, body.until, &*app.clock).await;
    muted.map_err(|error| Problem::refused("room", error))?;
    finish(&app, &caller, tx, (room, user), "room.memberMuted").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a muted user or guest speak again.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/mutes/{user}",
    params(("id" = RoomId, Path, description = "The room"), ("user" = UserId, Path, description = "The user or guest")),
    responses((status = 204, description = "They are not muted"), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn unmute(
    State(app): State<App>,
    caller: Caller,
    Ids(room, user): Ids<RoomId, UserId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    admit_restricting(&app, &mut tx, &caller, user, room).await?;
    // Of what was not so nothing is told, nor kept in the audit log.
    if !rooms::unmute(&mut tx, room, user).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    finish(&app, &caller, tx, (room, user), "room.memberUnmuted").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bans a user or guest: their devices leave the room, they are a member no longer, and nothing lets them enter again
/// until the ban is ended.
#[utoipa::path(
    put, path = "/v1/rooms/{id}/bans/{user}",
    params(("id" = RoomId, Path, description = "The room"), ("user" = UserId, Path, description = "The user or guest")),
    responses(
        (status = 204, description = "They are banned"),
        (status = 403, description = "The caller is not above them in the room, and does not manage rooms", body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.direct`, or `room.lastOwner`", body = Document),
        (status = 503, description = "It is decided, but a part of the hub did not answer: ask again", body = Document),
    ),
)]
pub(super) async fn ban(
    State(app): State<App>,
    caller: Caller,
    Ids(room, user): Ids<RoomId, UserId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    let role = admit_restricting(&app, &mut tx, &caller, user, room).await?;
    check_target(&mut tx, user).await?;
    super::members::keep_an_owner(&mut tx, room, user, role).await?;
    let banned = rooms::ban(&mut tx, room, user, &*app.clock).await;
    banned.map_err(|error| Problem::refused("room", error))?;
    let removed = rooms::remove(&mut tx, room, user, &*app.clock).await;
    removed.map_err(|error| Problem::refused("room", error))?;
    finish(&app, &caller, tx, (room, user), "room.memberBanned").await?;
    if role.is_some() {
        tell::member_changed(&app, caller.account, room, user, None).await;
    }
    hub::remove(&app, caller.account, room, ConnectionSelector::User(user), RemovalReason::Banned).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a ban. In a private room they have to be made a member again to enter.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/bans/{user}",
    params(("id" = RoomId, Path, description = "The room"), ("user" = UserId, Path, description = "The user or guest")),
    responses((status = 204, description = "They are not banned"), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn unban(
    State(app): State<App>,
    caller: Caller,
    Ids(room, user): Ids<RoomId, UserId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    admit_restricting(&app, &mut tx, &caller, user, room).await?;
    // Of what was not so nothing is told, nor kept in the audit log.
    if !rooms::unban(&mut tx, room, user).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    finish(&app, &caller, tx, (room, user), "room.memberUnbanned").await?;
    // They see again who is in a call there.
    tell::moved(&app, caller.account, room).await;
    Ok(StatusCode::NO_CONTENT)
}

/// A page of those who are kept from something in a room.
async fn page(
    app: &App,
    caller: &Caller,
    room: RoomId,
    params: &PageParams,
    read: impl AsyncFnOnce(&mut TenantTx, Option<UserId>, u16) -> Result<Vec<Restriction>, StoreError>,
) -> Result<Json<Page<Restriction>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(caller).await?;
    admit(app, &mut tx, caller, Action::Restrict, room).await?;
    let restricted = read(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(restricted, |one: &Restriction| one.user_id.to_string())))
}

/// Refuses a user that there is not. Guests are in no table: their tokens are all there is of them.
pub(super) async fn check_target(tx: &mut TenantTx, user: UserId) -> Result<(), Problem> {
    if let Identity::Person(user) = Identity::of(user) {
        users::find(tx, user).await?.ok_or_else(|| Problem::not_found("user"))?;
    }
    Ok(())
}

/// Puts it on record, keeps it, and tells those in the room what they may not do by now.
async fn finish(
    app: &App,
    caller: &Caller,
    mut tx: TenantTx,
    (room, user): (RoomId, UserId),
    action: &'static str,
) -> Result<(), Problem> {
    let now = rooms::restrictions(&mut tx, room, user, app.clock.utc()).await?;
    caller.audit(app, &mut tx, action, room, (None, Some(&user))).await?;
    tx.commit().await?;
    tell::restricted(app, room, user, now).await;
    Ok(())
}
