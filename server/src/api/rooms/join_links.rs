//! Join links: somebody makes one and passes it on, and whoever opens it comes into the room as a guest, without an
//! account.
//!
//! A link is redeemed for a join token, the same that a back end mints for its own guests: from there on there is no
//! difference.

mod guest_key;
mod redeem;

pub(in super::super) use guest_key::GuestKeys;
pub(in super::super) use redeem::{PER_NETWORK, Rates, TOKEN_TIME};

use super::{
    super::{
        App, SECRETS_BYTES_MAX,
        auth::{hash_of, new_token},
        caller::Caller,
        extract::{Id, Ids, Params},
        idempotency::{self, Retryable},
        page::{Page, PageParams},
        problem::{Document, Problem},
        routes::{Routes, endpoints},
    },
    admit::admit,
};
use axum::{Json, extract::State, response::Response};
use common::{
    guest::Right,
    id::{JoinLinkId, RoomId},
};
use serde::{Deserialize, Serialize};
use signalling_core::admission::Action;
use std::{collections::BTreeSet, time::Duration};
use store::join_links::{self, JoinLink, NewJoinLink};
use utoipa::ToSchema;

/// How long a link is good for unless asked otherwise.
pub(in super::super) const GOOD_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest time that a link may be good for.
///
/// Longer would suit a standing invitation, for which a back end of the account's own knows better whom it lets in;
/// a link that was passed on to others is good for them, too.
pub(in super::super) const GOOD_FOR_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The routes of those who come by a link.
pub(in super::super) fn routes() -> Routes {
    Routes::of("join-links", "How guests come into a room without an account.")
        .anybody(endpoints![redeem::read_join_link, redeem::redeem_join_link])
        .body_bytes_max(SECRETS_BYTES_MAX)
}

/// A link to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct CreateJoinLink {
    /// The guests' rights in the room. Without any they are present and see who else is.
    rights: BTreeSet<Right>,
    /// For how many seconds guests may come by it, at most 30 days; a day if absent.
    #[schema(minimum = 1, maximum = 2_592_000)]
    expires_in: Option<u32>,
    /// How many guests may come by it; absent or null: any number.
    #[schema(minimum = 1)]
    uses_max: Option<u16>,
}

/// A new link, with its token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct CreatedJoinLink {
    #[serde(flatten)]
    about: JoinLink,
    /// For the guests: the console's page for them is `/join#` and this. It is not shown again.
    token: String,
}

/// Lists a room's join links in the order of their creation, those that ended in the last 30 days too.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/join-links", params(("id" = RoomId, Path, description = "The room"), PageParams),
    responses((status = 200, body = Page<JoinLink>), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<JoinLink>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    admit(&app, &mut tx, &caller, Action::Manage, id).await?;
    let found = join_links::list(&mut tx, id, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(found, |link: &JoinLink| link.id.to_string())))
}

/// Makes a link by which guests come into a room without an account. The answer is the only place where its token is
/// ever shown. It ends in time, with its last guest, when it is taken back, and when the room is closed.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/join-links", request_body = CreateJoinLink,
    params(("id" = RoomId, Path, description = "The room"), idempotency::Header),
    responses(
        (status = 201, body = CreatedJoinLink),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.closed` or `room.direct`", body = Document),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Retryable(body, idempotency): Retryable<CreateJoinLink>,
) -> Result<Response, Problem> {
    let good_for = body.expires_in.map_or(GOOD_FOR, |seconds| Duration::from_secs(seconds.into()));
    if good_for.is_zero() || good_for > GOOD_FOR_MAX {
        return Err(Problem::invalid("expiresIn must be 1 to 2592000 seconds").of_member("expiresIn"));
    }
    if body.uses_max == Some(0) {
        return Err(Problem::invalid("usesMax must be at least 1").of_member("usesMax"));
    }
    let mut tx = app.begin_lasting(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    admit(&app, &mut tx, &caller, Action::Invite, id).await?;
    let token = new_token()?;
    let new = NewJoinLink {
        room: id,
        rights: &body.rights,
        hash: &hash_of(&token),
        created_by: caller.id(),
        good_for,
        uses_max: body.uses_max,
    };
    let about = join_links::create(&mut tx, &new, &*app.clock).await;
    let about = about.map_err(|error| Problem::refused("room", error))?;
    caller.audit(&app, &mut tx, "joinLink.created", about.id, (None, Some(&about))).await?;
    idempotency.created(tx, &caller, &CreatedJoinLink { about, token }).await
}

/// Takes a join link back: nobody comes by it any more. Guests who came by it get no other token, and so are in the
/// room for an hour at most; who is to leave at once is removed.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/join-links/{link}",
    params(("id" = RoomId, Path, description = "The room"), ("link" = JoinLinkId, Path, description = "The link")),
    responses(
        (status = 200, description = "Taken back", body = JoinLink),
        (status = 403, body = Document),
        (status = 404, description = "There is none, or it was taken back before", body = Document),
    ),
)]
pub(super) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Ids(id, link): Ids<RoomId, JoinLinkId>,
) -> Result<Json<JoinLink>, Problem> {
    let mut tx = app.begin_ending(&caller).await?;
    admit(&app, &mut tx, &caller, Action::Manage, id).await?;
    let revoked = join_links::revoke(&mut tx, id, link, &*app.clock).await?;
    let revoked = revoked.ok_or_else(|| Problem::not_found("join link"))?;
    caller.audit(&app, &mut tx, "joinLink.revoked", link, (None, Some(&revoked))).await?;
    tx.commit().await?;
    Ok(Json(revoked))
}
