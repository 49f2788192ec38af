//! Finding contacts, conversations and messages by words.

use super::{
    App,
    caller::Caller,
    conversations::{cursor, position},
    extract::Params,
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State};
use common::{
    permission::Permission,
    protocol::inbox::{Conversation, Message},
};
use serde::Deserialize;
use store::{
    contacts::{self, Contact},
    conversations, messages,
};
use utoipa::IntoParams;

pub(super) fn routes() -> Routes {
    Routes::of("search", "Contacts, conversations and messages by words in them.")
        .needs(Permission::ContactsRead, endpoints![search_contacts])
        .needs(Permission::ConversationsRead, endpoints![search_conversations, search_messages])
}

/// The longest question, in bytes.
const QUESTION_BYTES_MAX: usize = 256;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Question {
    /// Words, or their beginnings: all of them must occur, in whatever order.
    #[param(example = "grace hop")]
    q: String,
}

impl Question {
    fn check(&self) -> Result<&str, Problem> {
        if self.q.len() > QUESTION_BYTES_MAX {
            return Err(Problem::invalid("the query has more than 256 bytes"));
        }
        Ok(&self.q)
    }
}

/// Finds contacts by name, e-mail address or phone number, the newest first.
#[utoipa::path(
    get, path = "/v1/search/contacts", params(Question, PageParams),
    responses((status = 200, body = Page<Contact>), (status = 422, body = Document)),
)]
async fn search_contacts(
    State(app): State<App>,
    caller: Caller,
    Params(question): Params<Question>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Contact>>, Problem> {
    let before = params.cursor(|text| text.parse().ok())?;
    let question = question.check()?;
    let mut tx = app.read(&caller).await?;
    let found = contacts::search(&mut tx, question, before, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(found, |contact| contact.id.to_string())))
}

/// Finds messages by their text, the newest first. Each names its conversation.
#[utoipa::path(
    get, path = "/v1/search/messages", params(Question, PageParams),
    responses((status = 200, body = Page<Message>), (status = 422, body = Document)),
)]
async fn search_messages(
    State(app): State<App>,
    caller: Caller,
    Params(question): Params<Question>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Message>>, Problem> {
    let before = params.cursor(|text| text.parse().ok())?;
    let question = question.check()?;
    let mut tx = app.read(&caller).await?;
    let found = messages::search(&mut tx, question, before, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(found, |message| message.id.to_string())))
}

/// Finds conversations in which a message has all words, or whose customer has by name, e-mail address or
/// phone number, the latest first.
#[utoipa::path(
    get, path = "/v1/search/conversations", params(Question, PageParams),
    responses((status = 200, body = Page<Conversation>), (status = 422, body = Document)),
)]
async fn search_conversations(
    State(app): State<App>,
    caller: Caller,
    Params(question): Params<Question>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Conversation>>, Problem> {
    let below = params.cursor(position)?;
    let question = question.check()?;
    let mut tx = app.read(&caller).await?;
    let found = conversations::search(&mut tx, question, below, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(found, cursor)))
}
