//! One contact.

use super::super::{
    App,
    caller::Caller,
    etag::Tagged,
    extract::Id,
    problem::{Document, Problem},
};
use axum::extract::State;
use common::id::ContactId;
use store::contacts::{self, Contact};

/// Reads one contact.
#[utoipa::path(
    get, path = "/v1/contacts/{id}", params(("id" = ContactId, Path, description = "The contact")),
    responses((status = 200, body = Contact), (status = 404, body = Document)),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
) -> Result<Tagged<Contact>, Problem> {
    let mut tx = app.read(&caller).await?;
    let contact = contacts::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    tx.commit().await?;
    Ok(Tagged(contact))
}
