//! How channels name a contact.

use super::super::{
    App,
    caller::Caller,
    extract::{Id, Params},
    fields,
    idempotency::{self, Retryable},
    problem::{Document, Problem},
};
use axum::{extract::State, http::StatusCode, response::Response};
use common::id::{ChannelId, ContactId};
use serde::Deserialize;
use store::{
    ChangeError,
    contacts::{self, Contact, Identity},
};
use utoipa::{IntoParams, ToSchema};

/// How a channel is to name a contact.
#[derive(Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AddContactIdentity {
    /// The channel that knows them by it.
    channel_id: ChannelId,
    /// What kind of name, such as `phone` or `bsuid`.
    #[schema(example = "phone")]
    scheme: String,
    /// The name itself.
    #[schema(example = "15550100")]
    value: String,
}

/// Adds a channel's name to a contact.
#[utoipa::path(
    post, path = "/v1/contacts/{id}/identities", request_body = AddContactIdentity,
    params(("id" = ContactId, Path, description = "The contact"), idempotency::Header),
    responses(
        (status = 201, body = Contact),
        (status = 404, body = Document),
        (status = 409, description = "It names another contact, or there is no such channel", body = Document),
    ),
)]
pub(super) async fn add(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
    Retryable(body, idempotency): Retryable<AddContactIdentity>,
) -> Result<Response, Problem> {
    let identity = identity(&body)?;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    contacts::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    let added = contacts::add_identity(&mut tx, id, body.channel_id, &identity).await;
    added.map_err(|error| match error {
        ChangeError::Taken { .. } => Problem::conflict("another contact has this name on the channel"),
        error @ (ChangeError::NotFound | ChangeError::Referenced | ChangeError::Store(_)) => {
            Problem::refused("contact", error)
        }
    })?;
    let contact = contacts::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    idempotency.created(tx, &caller, &contact).await
}

fn identity(body: &AddContactIdentity) -> Result<Identity, Problem> {
    let scheme = fields::external_id("scheme", &body.scheme)?.to_owned();
    let value = fields::line("value", &body.value)?.to_owned();
    Ok(Identity { scheme, value })
}

/// Takes a channel's name from a contact.
#[utoipa::path(
    delete, path = "/v1/contacts/{id}/identities", 
    params(("id" = ContactId, Path, description = "The contact"), AddContactIdentity),
    responses((status = 204, description = "Taken away"), (status = 404, body = Document)),
)]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
    Params(params): Params<AddContactIdentity>,
) -> Result<StatusCode, Problem> {
    let identity = identity(&params)?;
    let mut tx = app.begin(&caller).await?;
    if !contacts::remove_identity(&mut tx, id, params.channel_id, &identity).await? {
        return Err(Problem::not_found("identity"));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
