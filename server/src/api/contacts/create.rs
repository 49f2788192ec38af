//! A contact that agents know before it writes.

use super::super::{
    App,
    caller::Caller,
    fields,
    idempotency::{self, Retryable},
    problem::{Document, Problem},
};
use axum::{extract::State, response::Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{
    contacts::{self, Contact, NewContact},
    conversations::ATTRIBUTES_BYTES_MAX,
};
use utoipa::ToSchema;

/// A contact to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateContact {
    /// What agents call them, 1 to 200 characters.
    #[schema(example = "Grace Hopper")]
    name: String,
    /// Its e-mail address.
    #[schema(example = "grace@example.com")]
    email: Option<String>,
    /// In any form that people write it in: 3 to 20 digits.
    #[schema(example = "+1 555 0100")]
    phone: Option<String>,
    /// What the account's own programs say about it; at most 16 KiB.
    #[serde(default)]
    #[schema(value_type = Object)]
    attributes: Map<String, Value>,
}

/// Creates a contact.
#[utoipa::path(
    post, path = "/v1/contacts", request_body = CreateContact, params(idempotency::Header),
    responses((status = 201, body = Contact), (status = 403, body = Document)),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, idempotency): Retryable<CreateContact>,
) -> Result<Response, Problem> {
    let new = NewContact {
        name: fields::name(&body.name)?,
        email: body.email.as_deref().map(fields::email).transpose()?,
        phone: body.phone.as_deref().map(fields::phone).transpose()?,
        attributes: &body.attributes,
    };
    if serde_json::to_vec(&body.attributes).is_ok_and(|bytes| bytes.len() > ATTRIBUTES_BYTES_MAX) {
        return Err(Problem::invalid("attributes have more than 16 KiB"));
    }
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let contact = contacts::create(&mut tx, &new, &*app.clock).await;
    let contact = contact.map_err(|error| Problem::refused("contact", error))?;
    idempotency.created(tx, &caller, &contact).await
}
