//! Contacts that are the same person.

use super::super::{
    App,
    caller::Caller,
    extract::{Id, Ids},
    idempotency::{self, Retryable},
    problem::{Document, Problem},
};
use axum::{Json, extract::State, response::Response};
use common::id::{ContactId, MergeId};
use serde::{Deserialize, Serialize};
use store::contacts::{self, Merge};
use utoipa::ToSchema;

/// A contact's merges.
#[derive(Serialize, ToSchema)]
pub(super) struct Merges {
    /// The latest first; at most 100.
    items: Vec<Merge>,
}

/// Which contact is the same person.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateMerge {
    /// The contact that this one shall stand for.
    loser_id: ContactId,
}

/// Lists the merges that a contact took part in.
#[utoipa::path(
    get, path = "/v1/contacts/{id}/merges", params(("id" = ContactId, Path, description = "The contact")),
    responses((status = 200, body = Merges), (status = 404, body = Document)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
) -> Result<Json<Merges>, Problem> {
    let mut tx = app.read(&caller).await?;
    contacts::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    let items = contacts::merges(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(Merges { items }))
}

/// Lets a contact stand for another: their conversations and names are shown as one. It can be taken back.
#[utoipa::path(
    post, path = "/v1/contacts/{id}/merges", request_body = CreateMerge,
    params(("id" = ContactId, Path, description = "The contact that stands for both"), idempotency::Header),
    responses(
        (status = 201, body = Merge),
        (status = 404, body = Document),
        (status = 409, description = "They are the same, or another stands for one of them", body = Document),
    ),
)]
pub(super) async fn merge_contacts(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
    Retryable(body, idempotency): Retryable<CreateMerge>,
) -> Result<Response, Problem> {
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let merge = contacts::merge(&mut tx, id, body.loser_id, &*app.clock).await;
    let merge = merge.map_err(|error| Problem::refused("contact", error))?;
    caller.audit(&app, &mut tx, "contact.merged", id, (None, Some(&merge))).await?;
    idempotency.created(tx, &caller, &merge).await
}

/// Takes a merge back: every contact is as it was before.
#[utoipa::path(
    delete, path = "/v1/contacts/{id}/merges/{merge}", 
    params(("id" = ContactId, Path, description = "A contact that took part"), ("merge" = MergeId, Path, description = "The merge")),
    responses(
        (status = 200, body = Merge),
        (status = 404, body = Document),
        (status = 409, description = "It was taken back, or a later one has to be taken back first", body = Document),
    ),
)]
pub(super) async fn undo(
    State(app): State<App>,
    caller: Caller,
    Ids(id, merge): Ids<ContactId, MergeId>,
) -> Result<Json<Merge>, Problem> {
    let mut tx = app.begin(&caller).await?;
    let undone = contacts::unmerge(&mut tx, id, merge, &*app.clock).await;
    let undone = undone.map_err(|error| Problem::refused("merge", error))?;
    caller.audit(&app, &mut tx, "contact.unmerged", id, (None, Some(&undone))).await?;
    tx.commit().await?;
    Ok(Json(undone))
}
