//! Which room a client means that joins: by its id, or by a name.
//!
//! A named room that keeps nothing, or for a while only, has no row: its id follows from its name, and joining it asks the
//! store nothing but what the account allows, and that every few seconds. A durable one is a row like any other.

use crate::{
    client::{Access, Client, not_allowed},
    failure::{not_found, store_failed},
    hub::Hub,
};
use common::{
    error::{ErrorCode, Fault},
    id::{AccountId, RoomId},
    permission::Permission,
    protocol::{
        Failure,
        room::{Join, ROOMS_MAX, RoomClass},
    },
    room_name::{RoomName, RoomNameError},
};
use dashmap::DashMap;
use std::time::{Duration, Instant};
use store::{
    accounts::{self, NamedRooms},
    rooms::{self, Opened},
};

/// For how long an instance goes by what an account allowed when it was asked last.
///
/// Longer asks the store less often; a change counts everywhere after so long.
const ALLOWED_TIME: Duration = Duration::from_secs(5);

/// Who may open rooms by their names, as it was read last. One entry for each account that joins by names.
#[derive(Default)]
pub(crate) struct Allowed(DashMap<AccountId, (Instant, NamedRooms)>);

/// A room that a client wants to enter.
pub(super) struct Entering {
    pub(super) id: RoomId,
    pub(super) class: RoomClass,
    /// Of a room without a row, by which it is called.
    pub(super) name: Option<RoomName>,
    /// Whether they may be the first in a room without a row.
    pub(super) may_open: bool,
}

/// The room that is meant; a durable one is created if its name is new and the client may.
pub(super) async fn entering(hub: &Hub, client: &Client, join: &Join) -> Result<Entering, Failure> {
    let entering = match (join.room_id, &join.name) {
        (Some(id), None) if join.class.is_none_or(|class| class == RoomClass::Durable) => {
            Entering { id, class: RoomClass::Durable, name: None, may_open: false }
        }
        (None, Some(name)) => by_name(hub, client, join.class.unwrap_or_default(), name).await?,
        (Some(_), _) | (None, None) => {
            let why = "room.join: either roomId, or name and class";
            return Err(Failure::of(ErrorCode::INVALID_PARAMS, Fault::Caller, why));
        }
    };
    let held = client.held();
    if held.rooms.len() >= ROOMS_MAX && !held.rooms.contains(&entering.id) {
        return Err(full());
    }
    drop(held);
    Ok(entering)
}

fn full() -> Failure {
    Failure::of(ErrorCode::TOO_MANY, Fault::Caller, "the connection is in too many rooms")
}

async fn by_name(hub: &Hub, client: &Client, class: RoomClass, name: &str) -> Result<Entering, Failure> {
    let Access::Person { permissions, .. } = client.access() else { return Err(not_allowed()) };
    let name = RoomName::parse(name).map_err(misnamed)?;
    let may_open = match allowed(hub, client.account).await? {
        NamedRooms::Nobody => false,
        NamedRooms::Creators => permissions.has(Permission::RoomsCreate),
        NamedRooms::Everybody => true,
    };
    if class != RoomClass::Durable {
        let id = name.id(client.account, class);
        return Ok(Entering { id, class, name: Some(name), may_open });
    }
    let id = open(hub, client, &name, may_open).await?;
    Ok(Entering { id, class, name: None, may_open: false })
}

fn misnamed(error: RoomNameError) -> Failure {
    let code = match error {
        RoomNameError::TooLong => ErrorCode::TOO_LARGE,
        RoomNameError::Empty | RoomNameError::Unseen => ErrorCode::INVALID_BODY,
    };
    Failure::of(code, Fault::Caller, error.to_string())
}

/// Who may open rooms in the account.
async fn allowed(hub: &Hub, account: AccountId) -> Result<NamedRooms, Failure> {
    let (now, known) = (hub.clock().now(), &hub.0.named.0);
    let read = known.get(&account).map(|known| *known);
    if let Some((until, allowed)) = read
        && now < until
    {
        return Ok(allowed);
    }
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().reading(account).await.map_err(failed)?;
    let found = accounts::find(&mut tx).await.map_err(failed)?;
    let allowed = found.map_or(NamedRooms::Nobody, |account| account.settings.named_rooms);
    known.insert(account, (now + ALLOWED_TIME, allowed));
    Ok(allowed)
}

/// The durable room of a name. Who is in as many rooms as one may be creates none.
async fn open(hub: &Hub, client: &Client, name: &RoomName, may_open: bool) -> Result<RoomId, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().reading(client.account).await.map_err(failed)?;
    if let Some(room) = rooms::find_by_name(&mut tx, name).await.map_err(failed)? {
        return Ok(room);
    }
    drop(tx);
    if !may_open {
        return Err(not_found("room"));
    }
    if client.held().rooms.len() >= ROOMS_MAX {
        return Err(full());
    }
    let mut tx = hub.store().tenant(client.account).await.map_err(failed)?;
    let max = hub.0.config.named_rooms_per_account_max;
    let opened = rooms::open_by_name(&mut tx, name, max, hub.clock()).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    match opened {
        Opened::Room(room) => Ok(room),
        Opened::TooMany => {
            Err(Failure::of(ErrorCode::TOO_MANY, Fault::Caller, "the account has too many rooms with a name"))
        }
    }
}
