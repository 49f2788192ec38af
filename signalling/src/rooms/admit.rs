//! Puts questions about rooms to the core, with what the store says, and its refusals into the protocol's words.

use crate::{
    asking::{self, Kind},
    client::{Access, Client, forbidden, not_allowed},
    failure::{not_found, store_failed},
    hub::Hub,
};
use common::{
    error::{ErrorCode, Fault},
    id::{AccountId, RoomId, UserId},
    identity::Identity,
    protocol::Failure,
};
use signalling_core::admission::{Action, Refusal, Visitor, may_be_rung};
use store::{
    TenantTx,
    rooms::{self, Found, Room},
};

/// Whoever goes by this token, as the core sees them.
pub(crate) fn visitor(access: &Access) -> Visitor<'_> {
    match access {
        Access::Person { permissions, .. } => Visitor::Person(*permissions),
        Access::Guest { room, rights, issued_at, .. } => {
            Visitor::Guest { room: *room, rights, issued_at: *issued_at }
        }
    }
}

/// Who the client is, by its token.
pub(super) fn identity(client: &Client, access: &Access) -> Identity {
    match access {
        Access::Person { .. } => Identity::Person(client.user),
        Access::Guest { id, .. } => Identity::Guest(*id),
    }
}

async fn find(hub: &Hub, tx: &mut TenantTx, id: RoomId, user: UserId) -> Result<Option<Found>, Failure> {
    rooms::find(tx, id, Some(user), hub.clock().utc()).await.map_err(|error| store_failed(&error))
}

/// The room, if the client may do this in it. [Asked together](asking) with others of the account.
pub(super) async fn admit(hub: &Hub, client: &Client, action: Action, id: RoomId) -> Result<Room, Failure> {
    let kind = Kind { waiting: |hub| &hub.0.admissions, ask_all: find_all };
    let found = asking::ask(hub, kind, client.account, (id, Some(client.user))).await?;
    visitor(&client.access()).may(action, id, found.as_ref().map(|(_, facts)| facts)).map_err(refused)?;
    found.map(|(room, _)| room).ok_or_else(|| refused(Refusal::NoSuchRoom))
}

/// Lets pass who may mute or ban this user in the room, or anybody where none is named.
pub(crate) async fn admit_restricting(
    hub: &Hub,
    client: &Client,
    target: Option<UserId>,
    id: RoomId,
) -> Result<(), Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().reading(client.account).await.map_err(failed)?;
    let found = find(hub, &mut tx, id, client.user).await?;
    let role = match target {
        Some(target) => rooms::role_of(&mut tx, id, target).await.map_err(failed)?,
        None => None,
    };
    let facts = found.as_ref().map(|(_, facts)| facts);
    visitor(&client.access()).may_restrict(role, id, facts).map_err(refused)
}

async fn find_all(
    hub: Hub,
    account: AccountId,
    asked: Vec<(RoomId, Option<UserId>)>,
) -> Result<Vec<Option<Found>>, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().reading(account).await.map_err(failed)?;
    rooms::find_all(&mut tx, &asked, hub.clock().utc()).await.map_err(failed)
}

/// Lets a client pass that is in the room by what this instance has heard, if it may do this by what the store says.
pub(crate) async fn hold(
    hub: &Hub,
    tx: &mut TenantTx,
    client: &Client,
    action: Action,
    id: RoomId,
) -> Result<(), Failure> {
    let found = find(hub, tx, id, client.user).await?;
    let facts = found.as_ref().map(|(_, facts)| facts);
    visitor(&client.access()).may_still(action, id, facts).map_err(refused)
}

/// Refuses to ring somebody who could not come into the room.
pub(crate) async fn hold_callee(
    hub: &Hub,
    tx: &mut TenantTx,
    callee: UserId,
    id: RoomId,
) -> Result<(), Failure> {
    let found = find(hub, tx, id, callee).await?;
    if found.is_some_and(|(_, facts)| may_be_rung(&facts)) {
        return Ok(());
    }
    let why = "the other side may not enter the room";
    Err(Failure::of(ErrorCode::CALL_UNREACHABLE, Fault::Caller, why))
}

/// What a refusal is on the wire.
pub(crate) fn refused(refusal: Refusal) -> Failure {
    let of_room = |code, why| Failure::of(code, Fault::Caller, why);
    match refusal {
        Refusal::NotAllowed => not_allowed(),
        Refusal::NoSuchRoom => not_found("room"),
        Refusal::Removed => forbidden("you were removed; a new token is needed"),
        Refusal::Banned => of_room(ErrorCode::ROOM_BANNED, "you are banned from the room"),
        Refusal::NotInCharge => forbidden("this is for moderators or owners of the room"),
        Refusal::Direct => of_room(ErrorCode::ROOM_DIRECT, "the room is for two users, and stays so"),
        Refusal::Closed => of_room(ErrorCode::ROOM_CLOSED, "the room is closed"),
        Refusal::Muted => of_room(ErrorCode::ROOM_MUTED, "you are muted in the room"),
        Refusal::NotInside => of_room(ErrorCode::NOT_IN_ROOM, "join the room first"),
    }
}

#[cfg(test)]
mod tests;
