//! Forgetting a contact with everything about it (GDPR, article 17).

use super::super::{
    App,
    caller::Caller,
    extract::Id,
    problem::{Document, Problem},
};
use axum::{extract::State, http::StatusCode};
use common::{id::ContactId, subject::inbox::Work};
use store::{contacts::Merge, privacy};

/// Forgets a contact, those that it stands for, and everything that was said with them (GDPR, article
/// 17). It cannot be taken back. That it was done stays in the audit log, by the contact's id alone.
#[utoipa::path(
    delete, path = "/v1/contacts/{id}", params(("id" = ContactId, Path, description = "The contact")),
    responses(
        (status = 204, description = "Forgotten"),
        (status = 403, body = Document),
        (status = 404, body = Document),
    ),
)]
pub(super) async fn erase(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
) -> Result<StatusCode, Problem> {
    // One at a time: two that look through the same webhooks would wait for each other.
    let mut tx = app.begin_exclusive(&caller).await?;
    if !privacy::erase(&mut tx, id, &*app.clock).await? {
        return Err(Problem::not_found("contact"));
    }
    caller.audit::<Merge>(&app, &mut tx, "contact.erased", id, (None, None)).await?;
    tx.commit().await?;
    app.wake(Work::Outbox).await;
    Ok(StatusCode::NO_CONTENT)
}
