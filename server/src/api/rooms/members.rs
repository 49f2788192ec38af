//! Members of a room, and the participants that are in it now.

use super::{
    super::{
        App,
        caller::Caller,
        extract::{Body, Id, Ids, Params},
        hub,
        page::{Page, PageParams},
        problem::{Document, Problem},
    },
    admit::{admit, admit_lasting},
    tell,
};
use axum::{Json, extract::State, http::StatusCode};
use common::{
    error::ErrorCode,
    id::{ConnectionId, RoomId, UserId},
    permission::Permission,
    protocol::room::{Member, MemberRole, RemovalReason},
    subject::hub::{ConnectionSelector, RoomMembers},
};
use serde::{Deserialize, Serialize};
use signalling_core::admission::Action;
use store::{TenantTx, rooms, users};
use utoipa::ToSchema;

/// Somebody who belongs to a room.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct RoomMember {
    /// They may enter though the room is private.
    user_id: UserId,
    /// What they are in the room.
    role: MemberRole,
}

/// What a member is to be in a room.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct UpdateRoomMember {
    /// The role from now on.
    role: MemberRole,
}

/// Lists who belongs to a room, in the order of their ids. Into a room that is not private others get too.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/members", 
    params(("id" = RoomId, Path, description = "The room"), PageParams),
    responses((status = 200, body = Page<RoomMember>), (status = 404, body = Document)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<RoomMember>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    admit(&app, &mut tx, &caller, Action::ReadMembers, id).await?;
    let members = rooms::members(&mut tx, id, after, params.limit() + 1).await?;
    tx.commit().await?;
    let members = members.into_iter().map(|row| RoomMember { user_id: row.user, role: row.role }).collect();
    Ok(Json(params.page(members, |member: &RoomMember| member.user_id.to_string())))
}

/// Makes a user a member: they may enter though the room is private. For owners of the room, and who manages rooms.
#[utoipa::path(
    put, path = "/v1/rooms/{id}/members/{user}", 
    params(("id" = RoomId, Path, description = "The room"), ("user" = UserId, Path, description = "The user")),
    responses(
        (status = 204, description = "They are a member"),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.direct`; or `room.banned`: end the ban first", body = Document),
    ),
)]
pub(super) async fn add(
    State(app): State<App>,
    caller: Caller,
    Ids(room, user): Ids<RoomId, UserId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    admit_lasting(&app, &mut tx, &caller, Action::ChangeMembers, room).await?;
    users::find(&mut tx, user).await?.ok_or_else(|| Problem::not_found("user"))?;
    if rooms::restrictions(&mut tx, room, user, app.clock.utc()).await?.is_banned {
        let why = "they are banned from the room";
        return Err(Problem::new(StatusCode::CONFLICT, ErrorCode::ROOM_BANNED, why));
    }
    let before = rooms::role_of(&mut tx, room, user).await?;
    let added = rooms::add_member(&mut tx, room, user, &*app.clock).await;
    added.map_err(|error| Problem::refused("room", error))?;
    let role = before.unwrap_or(MemberRole::Member);
    let member = RoomMember { user_id: user, role };
    caller.audit(&app, &mut tx, "room.memberAdded", room, (None, Some(&member))).await?;
    tx.commit().await?;
    if before.is_none() {
        tell::member_changed(&app, caller.account, room, user, Some(role)).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a member an owner, a moderator, or a member like others. For owners of the room, and who manages rooms.
#[utoipa::path(
    patch, path = "/v1/rooms/{id}/members/{user}", request_body = UpdateRoomMember,
    params(("id" = RoomId, Path, description = "The room"), ("user" = UserId, Path, description = "The member")),
    responses(
        (status = 200, body = RoomMember),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.direct`, or `room.lastOwner`", body = Document),
    ),
)]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    Ids(room, user): Ids<RoomId, UserId>,
    Body(body): Body<UpdateRoomMember>,
) -> Result<Json<RoomMember>, Problem> {
    let mut tx = app.begin(&caller).await?;
    admit_lasting(&app, &mut tx, &caller, Action::ChangeMembers, room).await?;
    let before = rooms::role_of(&mut tx, room, user).await?.ok_or_else(|| Problem::not_found("member"))?;
    if body.role != MemberRole::Owner {
        keep_an_owner(&mut tx, room, user, Some(before)).await?;
    }
    rooms::set_role(&mut tx, room, user, body.role).await?;
    let (was, is) =
        (RoomMember { user_id: user, role: before }, RoomMember { user_id: user, role: body.role });
    caller.audit(&app, &mut tx, "room.memberUpdated", room, (Some(&was), Some(&is))).await?;
    tx.commit().await?;
    tell::member_changed(&app, caller.account, room, user, Some(body.role)).await;
    Ok(Json(is))
}

/// Refuses to have the last owner of a room unmade while others belong to it.
pub(super) async fn keep_an_owner(
    tx: &mut TenantTx,
    room: RoomId,
    user: UserId,
    role: Option<MemberRole>,
) -> Result<(), Problem> {
    if role != Some(MemberRole::Owner) || rooms::has_other_owner(tx, room, user).await? {
        return Ok(());
    }
    let why = "somebody has to own the room: make another member an owner first";
    Err(Problem::new(StatusCode::CONFLICT, ErrorCode::ROOM_LAST_OWNER, why))
}

/// Removes a member or guest: their devices leave the room, and join tokens that were minted before are
/// good no more. For owners of the room, and who manages rooms; everybody removes themselves.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/members/{user}", 
    params(("id" = RoomId, Path, description = "The room"), ("user" = UserId, Path, description = "The user or guest")),
    responses(
        (status = 204, description = "They are out"),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.direct`, or `room.lastOwner`", body = Document),
        (status = 503, description = "It is decided, but a part of the hub did not answer: ask again", body = Document),
    ),
)]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Ids(room, user): Ids<RoomId, UserId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    let is_self = caller.token.as_ref().is_some_and(|token| token.user == user);
    let action = if is_self { Action::Quit } else { Action::ChangeMembers };
    admit(&app, &mut tx, &caller, action, room).await?;
    super::restrictions::check_target(&mut tx, user).await?;
    let role = rooms::role_of(&mut tx, room, user).await?;
    if is_self || !caller.permissions.has(Permission::RoomsManage) {
        keep_an_owner(&mut tx, room, user, role).await?;
    }
    let removed = rooms::remove(&mut tx, room, user, &*app.clock).await;
    removed.map_err(|error| Problem::refused("room", error))?;
    let member = RoomMember { user_id: user, role: role.unwrap_or(MemberRole::Member) };
    caller.audit(&app, &mut tx, "room.memberRemoved", room, (Some(&member), None)).await?;
    tx.commit().await?;
    if role.is_some() {
        tell::member_changed(&app, caller.account, room, user, None).await;
    }
    hub::remove(&app, caller.account, room, ConnectionSelector::User(user), RemovalReason::Removed).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The devices in a room.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Connections {
    /// In no order.
    items: Vec<Member>,
}

/// Lists the devices that are in a room now, on all instances.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/connections", params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, body = Connections), (status = 404, body = Document), (status = 503, body = Document)),
)]
pub(super) async fn list_room_connections(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
) -> Result<Json<Connections>, Problem> {
    let mut tx = app.read(&caller).await?;
    admit(&app, &mut tx, &caller, Action::ReadMembers, id).await?;
    tx.commit().await?;
    let present = app.bus.entries(&RoomMembers(id)).await;
    let present = present.map_err(|_| Problem::unavailable("who is in the room cannot be told"))?;
    Ok(Json(Connections { items: present.into_iter().map(|(_, entry)| entry.member).collect() }))
}

/// Takes one device out of a room. Its user may enter again.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/connections/{connection}", 
    params(("id" = RoomId, Path, description = "The room"), ("connection" = ConnectionId, Path, description = "The device")),
    responses(
        (status = 204, description = "It is out"),
        (status = 403, body = Document),
        (status = 404, description = "It is not in the room", body = Document),
        (status = 503, body = Document),
    ),
)]
pub(super) async fn disconnect_from_room(
    State(app): State<App>,
    caller: Caller,
    Ids(room, connection): Ids<RoomId, ConnectionId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    admit(&app, &mut tx, &caller, Action::Manage, room).await?;
    tx.commit().await?;
    let whom = ConnectionSelector::Connection(connection);
    match hub::remove(&app, caller.account, room, whom, RemovalReason::Removed).await? {
        0 => Err(Problem::not_found("connection")),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}
