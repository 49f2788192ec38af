//! Corrections that agents make to a contact.

use super::super::{
    App,
    caller::Caller,
    etag::{self, IfMatch, Tagged},
    extract::{Body, Id, present},
    fields,
    problem::{Document, Problem},
};
use axum::extract::State;
use common::id::ContactId;
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{
    contacts::{self, Contact, ContactChange},
    outbox,
};
use utoipa::ToSchema;

/// What to change about a contact; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateContact {
    /// What agents call them, 1 to 200 characters.
    name: Option<String>,
    /// Its e-mail address; null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// Its phone number; null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    /// Members to set; null takes one away (RFC 7396).
    #[schema(value_type = Option<Object>)]
    attributes: Option<Map<String, Value>>,
}

/// Changes a contact.
#[utoipa::path(
    patch, path = "/v1/contacts/{id}", request_body = UpdateContact,
    params(("id" = ContactId, Path, description = "The contact"), etag::Header),
    responses(
        (status = 200, body = Contact),
        (status = 404, body = Document),
        (status = 409, description = "The attributes would have more than 16 KiB", body = Document),
        (status = 412, body = Document),
    ),
)]
pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
    if_match: IfMatch,
    Body(body): Body<UpdateContact>,
) -> Result<Tagged<Contact>, Problem> {
    let email = body.email.as_ref().map(|email| email.as_deref().map(fields::email).transpose());
    let phone = body.phone.as_ref().map(|phone| phone.as_deref().map(fields::phone).transpose());
    let change = ContactChange {
        name: body.name.as_deref().map(fields::name).transpose()?,
        email: email.transpose()?,
        phone: phone.transpose()?,
        attributes: body.attributes.as_ref(),
    };
    let mut tx = app.begin(&caller).await?;
    outbox::lock(&mut tx).await?;
    let before = contacts::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    if_match.check(&before)?;
    let after = contacts::update(&mut tx, id, &change).await;
    let after = after.map_err(|error| Problem::refused("contact", error))?;
    tx.commit().await?;
    Ok(Tagged(after))
}
