//! One's own mailbox: mentions and missed calls.

use super::{
    App,
    caller::Caller,
    extract::Params,
    page::{Page, PageParams},
    problem::Problem,
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State};
use common::{
    error::Chain,
    id::AccountId,
    protocol::mailbox::Entry,
    subject::mailbox::{MailboxNews, MailboxTopic},
};
use store::mailbox::{self, Delivered};
use tracing::debug;

pub(super) fn routes() -> Routes {
    Routes::of("mailbox", "What must reach a person: mentions and missed calls.").any_caller(endpoints![list])
}

/// Lists the entries of one's own mailbox, the latest first. Missed calls are among them whatever the permissions.
#[utoipa::path(get, path = "/v1/me/mailbox", params(PageParams), responses((status = 200, body = Page<Entry>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Entry>>, Problem> {
    let user = caller.person()?.user;
    let before = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let entries = mailbox::latest(&mut tx, user, before, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(entries, |entry| entry.seq.to_string())))
}

/// Tells the hub of entries that are committed. What it does not hear it finds in the store.
pub(super) async fn tell(app: &App, account: AccountId, entries: Vec<Delivered>) {
    for Delivered { user, entry } in entries {
        if let Err(error) = app.bus.publish(&MailboxTopic(account), &MailboxNews::Entry(user, entry)).await {
            debug!(user.id = %user, error = %Chain(&error), "Only this process was told of an entry");
        }
    }
}
