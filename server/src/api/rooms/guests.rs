//! Letting in guests: one call of an account's own back end is one token for one browser and one room.

use super::{
    super::{
        App,
        caller::Caller,
        extract::Id,
        fields,
        idempotency::{self, Retryable},
        problem::{Document, Problem},
    },
    admit::admit,
};
use aws_lc_rs::digest::{Context, SHA256};
use axum::{extract::State, response::Response};
use common::{
    guest::{Guest, JOIN_TOKEN_TIME_MAX, Right},
    id::{AccountId, RoomId, UserId},
    identity::GuestId,
    token,
};
use serde::{Deserialize, Serialize};
use signalling_core::admission::Action;
use std::{collections::BTreeSet, time::Duration};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// How long a join token is good for unless asked otherwise, in seconds.
const SECONDS_DEFAULT: u32 = 60 * 60;

/// The longest identity, in bytes.
const IDENTITY_BYTES_MAX: usize = 256;

/// A person whom only the account's own back end knows.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct Outsider {
    /// The back end's name for the person, 1 to 256 bytes: the same identity is the same user here.
    #[schema(example = "customer-4711")]
    identity: String,
    /// The name that others see.
    #[schema(example = "Grace Hopper")]
    name: String,
}

impl Outsider {
    /// Their name and their id in the account, as `member` of a body.
    pub(super) fn check(&self, member: &str, account: AccountId) -> Result<(GuestId, &str), Problem> {
        let identity = &self.identity;
        if identity.is_empty() || identity.len() > IDENTITY_BYTES_MAX {
            let problem = Problem::invalid("identity must have 1 to 256 bytes");
            return Err(problem.of_member(&format!("{member}/identity")));
        }
        let mut context = Context::new(&SHA256);
        context.update(account.as_uuid().as_bytes());
        context.update(identity.as_bytes());
        let mut bytes = [0; 16];
        for (byte, digest) in bytes.iter_mut().zip(context.finish().as_ref()) {
            *byte = *digest;
        }
        let name = fields::name(&self.name);
        Ok((GuestId::of_digest(bytes), name.map_err(|problem| problem.of_member(&format!("{member}/name")))?))
    }
}

/// The person to let in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct CreateJoinToken {
    /// The person who is let in.
    guest: Outsider,
    /// Their rights in the room. Without any they are present and see who else is.
    rights: BTreeSet<Right>,
    /// For how many seconds the token is good, at most a day; an hour if absent.
    #[schema(minimum = 1, maximum = 86_400)]
    expires_in: Option<u32>,
}

/// A token that lets a browser into exactly one room.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct JoinToken {
    /// For `connection.open`. It opens nothing else.
    token: String,
    /// The guest's id, as others see it in the room.
    user_id: UserId,
    /// When the token expires; another one may be sent with `connection.refresh` before that.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// Mints a token that lets a guest into this room and nowhere else.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/join-tokens", request_body = CreateJoinToken,
    params(("id" = RoomId, Path, description = "The room"), idempotency::Header),
    responses(
        (status = 201, body = JoinToken),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.closed`", body = Document),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Retryable(body, idempotency): Retryable<CreateJoinToken>,
) -> Result<Response, Problem> {
    let (guest_id, name) = body.guest.check("guest", caller.account)?;
    let time = Duration::from_secs(body.expires_in.unwrap_or(SECONDS_DEFAULT).into());
    if time.is_zero() || time > JOIN_TOKEN_TIME_MAX {
        return Err(Problem::invalid("expiresIn must be 1 to 86400 seconds"));
    }
    let mut tx = app.begin_lasting(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    admit(&app, &mut tx, &caller, Action::Invite, id).await?;
    let now = app.clock.utc();
    let guest = Guest {
        account: caller.account,
        id: guest_id,
        name: name.to_owned(),
        room: id,
        rights: body.rights,
        issued_at: now,
        expires_at: now + time,
    };
    let token = token::sign_join(&app.signing_key, &guest).map_err(|error| Problem::internal(&error))?;
    let minted = JoinToken { token, user_id: guest_id.as_user(), expires_at: guest.expires_at };
    idempotency.created(tx, &caller, &minted).await
}
