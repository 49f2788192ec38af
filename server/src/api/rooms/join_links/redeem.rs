//! What those do who have a join link, and nothing else: look where it leads, and come in.

use super::{
    super::{
        super::{
            App,
            auth::hash_of,
            extract::{Body, RemoteAddress},
            fields,
            problem::{Document, Problem},
        },
        admit::refused,
    },
    guest_key::Known,
};
use axum::{Json, extract::State, http::StatusCode};
use common::{
    address::ClientAddress,
    bucket::{Buckets, Rate},
    clock::Clock,
    error::ErrorCode,
    guest::{Guest, JOIN_TOKEN_TIME_MAX, Right},
    id::{AccountId, RoomId, UserId},
    secret::Secret,
    text, token,
};
use serde::{Deserialize, Serialize};
use signalling_core::admission::{Action, Visitor};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};
use store::{
    TenantTx,
    audit::{self, Actor, AuditRecord},
    join_links::{self, JoinLink, JoinLinkHash},
    rooms::{self, Room},
};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// How long a join token is good for that somebody gets by a link.
///
/// Longer asks less often for the next one; shorter has those sooner out whose link was taken back.
pub(in super::super::super) const TOKEN_TIME: Duration = Duration::from_secs(60 * 60);

/// Looks at links, and tokens for them, from one client network on one instance: an office shares one, and each guest
/// needs two.
///
/// More lets a large audience in at once; fewer leaves more of the database to others.
pub(in super::super::super) const PER_NETWORK: Rate = Rate::per_second(200, 10);

/// How many networks' buckets are kept.
const BUCKETS_MAX: usize = 50_000;

/// The buckets of this instance.
pub(in super::super::super) struct Rates(Buckets);

impl Rates {
    pub(in super::super::super) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self(Buckets::new(PER_NETWORK, BUCKETS_MAX, Arc::clone(clock)))
    }

    /// Counts a request, before anything is looked up for it.
    ///
    /// # Errors
    /// 429 if there were too many lately, with the time to wait.
    fn admit(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        let Some(address) = address else { return Ok(()) };
        self.0.take(&ClientAddress(address).network().key()).map_err(|wait| {
            let detail = "too many join links are opened from this network";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RATE_LIMITED, detail).retry_after(wait)
        })
    }
}

/// A join link that is looked at.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super::super) struct ReadJoinLink {
    /// The link's token.
    #[schema(value_type = String, format = Password)]
    token: Secret,
    /// Of who came by it before, and was given this then.
    #[schema(value_type = Option<String>, format = Password)]
    guest_key: Option<Secret>,
}

/// Where a join link leads.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super::super) struct OpenJoinLink {
    /// What the room is called.
    room_name: String,
    /// The guest's rights there.
    rights: BTreeSet<Right>,
    /// Until when guests may come by it.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// Somebody who comes by a join link.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super::super) struct RedeemJoinLink {
    /// The link's token.
    #[schema(value_type = String, format = Password)]
    token: Secret,
    /// The name that others will see.
    #[schema(example = "Grace Hopper")]
    name: String,
    /// Of who came by it before: they are the same guest, and need not be let in again.
    #[schema(value_type = Option<String>, format = Password)]
    guest_key: Option<Secret>,
}

/// A guest who is let in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super::super) struct LetIn {
    /// A join token, for `connection.open`. It opens nothing else.
    token: String,
    /// When it expires; another one may be had with the guest key before that.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// To be the same guest again, for a day, also when the link is over by then.
    guest_key: String,
    /// The guest's id, as others see it in the room.
    user_id: UserId,
    /// The only room there is for them.
    room_id: RoomId,
}

/// Says where a join link leads, without coming in.
#[utoipa::path(
    post, path = "/v1/auth/read-join-link", request_body = ReadJoinLink,
    responses(
        (status = 200, body = OpenJoinLink),
        (status = 401, description = "`auth.invalidToken`: it is over, was taken back, or enough guests have come by it", body = Document),
        (status = 403, description = "`room.banned`; or the guest was removed from the room", body = Document),
        (status = 409, description = "`room.closed`", body = Document),
        (status = 429, body = Document),
    ),
)]
pub(super) async fn read_join_link(
    State(app): State<App>,
    RemoteAddress(address): RemoteAddress,
    Body(body): Body<ReadJoinLink>,
) -> Result<Json<OpenJoinLink>, Problem> {
    let (account, hash) = account_of(&app, address, &body.token).await?;
    let mut tx = app.store.reading(account).await?;
    let link = join_links::find(&mut tx, &hash).await?.ok_or_else(link_over)?;
    let (guest, _) = guest_by(&app, &link, body.guest_key.as_ref())?;
    let room = admit(&app, &mut tx, &link, &guest).await?;
    tx.commit().await?;
    Ok(Json(OpenJoinLink { room_name: room.name, rights: link.rights, expires_at: link.expires_at }))
}

/// Lets a guest into a link's room: gives them a join token, which is good for an hour. Whoever brings the guest key of
/// the last answer is the same guest again, and gets another one until a day after they came.
#[utoipa::path(
    post, path = "/v1/auth/redeem-join-link", request_body = RedeemJoinLink,
    responses(
        (status = 200, body = LetIn),
        (status = 401, description = "`auth.invalidToken`: it is over, was taken back, or enough guests have come by it", body = Document),
        (status = 403, description = "`room.banned`; or the guest was removed from the room", body = Document),
        (status = 409, description = "`room.closed`", body = Document),
        (status = 422, body = Document),
        (status = 429, body = Document),
    ),
)]
pub(super) async fn redeem_join_link(
    State(app): State<App>,
    RemoteAddress(address): RemoteAddress,
    Body(body): Body<RedeemJoinLink>,
) -> Result<Json<LetIn>, Problem> {
    // Nobody answers for the name of somebody without an account.
    let name = text::without_turning(&body.name);
    let name = fields::name(&name)?;
    let (account, hash) = account_of(&app, address, &body.token).await?;
    let mut tx = app.store.tenant(account).await?;
    let link = join_links::find(&mut tx, &hash).await?.ok_or_else(link_over)?;
    let (known, is_new) = guest_by(&app, &link, body.guest_key.as_ref())?;
    admit(&app, &mut tx, &link, &known).await?;
    let user_id = known.id(account, link.id).as_user();
    if is_new {
        // Last: others who come by the link at this moment wait from here on.
        join_links::redeem(&mut tx, &hash, &*app.clock).await?.ok_or_else(link_over)?;
        let after = serde_json::to_value(user_id).map_err(|error| Problem::internal(&error))?;
        let record = AuditRecord {
            actor: Actor::System,
            address,
            action: "joinLink.redeemed",
            object: link.id.into(),
            before: None,
            after: Some(&after),
        };
        audit::record(&mut tx, &record, &*app.clock).await?;
    }
    tx.commit().await?;
    let_in(&app, account, &link, &known, name).map(Json)
}

/// Whose link it is.
async fn account_of(
    app: &App,
    address: Option<IpAddr>,
    token: &Secret,
) -> Result<(AccountId, JoinLinkHash), Problem> {
    app.join_link_rates.admit(address)?;
    let hash = hash_of(token.expose());
    let account = app.store.system().account_of_join_link(&hash).await?.ok_or_else(link_over)?;
    Ok((account, hash))
}

/// Who comes by a link, and whether for the first time: a guest with a key of it that is good still, or else anybody
/// while the link is open.
fn guest_by(app: &App, link: &JoinLink, key: Option<&Secret>) -> Result<(Known, bool), Problem> {
    let now = app.clock.utc();
    let known = key.and_then(|key| app.guest_keys.read(link.id, key));
    match known {
        Some(known) if link.revoked_at.is_none() && known.came_at + JOIN_TOKEN_TIME_MAX > now => {
            Ok((known, false))
        }
        Some(_) | None if link.is_open(now) => Ok((Known::new(now)?, true)),
        Some(_) | None => Err(link_over()),
    }
}

/// The room, if this guest may enter it: it is there and open, and they were not removed since they first came.
async fn admit(app: &App, tx: &mut TenantTx, link: &JoinLink, guest: &Known) -> Result<Room, Problem> {
    let user = guest.id(tx.account(), link.id).as_user();
    let found = rooms::find(tx, link.room_id, Some(user), app.clock.utc()).await?;
    let visitor = Visitor::Guest { room: link.room_id, rights: &link.rights, issued_at: guest.came_at };
    let facts = found.as_ref().map(|(_, facts)| facts);
    visitor.may(Action::Enter, link.room_id, facts).map_err(refused)?;
    found.map(|(room, _)| room).ok_or_else(link_over)
}

fn let_in(
    app: &App,
    account: AccountId,
    link: &JoinLink,
    known: &Known,
    name: &str,
) -> Result<LetIn, Problem> {
    let now = app.clock.utc();
    let guest = Guest {
        account,
        id: known.id(account, link.id),
        name: name.to_owned(),
        room: link.room_id,
        rights: link.rights.clone(),
        issued_at: now,
        expires_at: now + TOKEN_TIME,
    };
    let token = token::sign_join(&app.signing_key, &guest).map_err(|error| Problem::internal(&error))?;
    Ok(LetIn {
        token,
        expires_at: guest.expires_at,
        guest_key: app.guest_keys.write(link.id, known),
        user_id: guest.id.as_user(),
        room_id: link.room_id,
    })
}

fn link_over() -> Problem {
    let detail = "the link is over, was taken back, or enough guests have come by it";
    Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::INVALID_TOKEN, detail)
}
