//! Contacts: customers, how channels name them, and which of them are the same person.

use super::{
    App,
    caller::Caller,
    etag::{self, IfMatch, Tagged},
    extract::{Body, Id, Ids, Params, present},
    fields,
    once::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use common::{
    id::{ChannelId, ContactId, MergeId},
    page::Named,
    permission::Permission,
    protocol::inbox::{Conversation, Message, Note},
    subject::inbox::Work,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{
    contacts::{self, After, Contact, ContactChange, Identity, Merge, NewContact},
    conversations::ATTRIBUTES_BYTES_MAX,
    outbox, privacy,
};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::of("contacts", "Customers, how channels name them, and which of them are the same person.")
        .needs(Permission::ContactsRead, endpoints![list, get, list_contact_merges])
        .needs(
            Permission::ContactsManage,
            endpoints![
                create,
                update,
                add_contact_identity,
                remove_contact_identity,
                merge_contacts,
                undo_contact_merge
            ],
        )
        .needs(Permission::ContactsErase, endpoints![export, erase])
}

/// How a channel is to name a contact.
#[derive(Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AddContactIdentity {
    /// The channel.
    channel_id: ChannelId,
    /// What kind of name, such as `phone` or `bsuid`.
    #[schema(example = "phone")]
    scheme: String,
    /// The name.
    #[schema(example = "15550100")]
    value: String,
}

/// A contact to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateContact {
    /// Its name.
    #[schema(example = "Grace Hopper")]
    name: String,
    /// Its e-mail address.
    #[schema(example = "grace@example.com")]
    email: Option<String>,
    /// Its phone number.
    #[schema(example = "+1 555 0100")]
    phone: Option<String>,
    /// What the account's own programs say about it; at most 16 KiB.
    #[serde(default)]
    #[schema(value_type = Object)]
    attributes: Map<String, Value>,
}

/// What to change about a contact; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateContact {
    /// Its name.
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

/// In which order.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum ContactSort {
    /// Of creation.
    #[default]
    CreatedAt,
    /// Of the names.
    Name,
}

/// How contacts are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SortParams {
    /// In which order; of creation if absent. A cursor goes on in the order that it comes from.
    #[serde(default)]
    #[param(inline, required = false)]
    sort: ContactSort,
}

/// Lists the account's contacts, without those that another stands for.
#[utoipa::path(get, path = "/v1/contacts", params(SortParams, PageParams), responses((status = 200, body = Page<Contact>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(SortParams { sort }): Params<SortParams>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Contact>>, Problem> {
    let after = match sort {
        ContactSort::CreatedAt => After::Created(params.cursor(|text| text.parse().ok())?),
        ContactSort::Name => {
            After::Name(params.cursor(|text| text.parse().ok().map(|Named { name, id }| (name, id)))?)
        }
    };
    let mut tx = app.read(&caller).await?;
    let contacts = contacts::list(&mut tx, &after, params.limit() + 1).await?;
    tx.commit().await?;
    let position = |contact: &contacts::Contact| match sort {
        ContactSort::CreatedAt => contact.id.to_string(),
        ContactSort::Name => Named { name: &contact.name, id: contact.id }.to_string(),
    };
    Ok(Json(params.page(contacts, position)))
}

/// Reads one contact.
#[utoipa::path(
    get, path = "/v1/contacts/{id}", params(("id" = ContactId, Path, description = "The contact")),
    responses((status = 200, body = Contact), (status = 404, body = Document)),
)]
async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
) -> Result<Tagged<Contact>, Problem> {
    let mut tx = app.read(&caller).await?;
    let contact = contacts::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    tx.commit().await?;
    Ok(Tagged(contact))
}

/// Creates a contact.
#[utoipa::path(
    post, path = "/v1/contacts", request_body = CreateContact, params(once::Header),
    responses((status = 201, body = Contact), (status = 403, body = Document)),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateContact>,
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
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let contact = contacts::create(&mut tx, &new, &*app.clock).await;
    let contact = contact.map_err(|error| Problem::refused("contact", error))?;
    once.created(tx, &caller, &contact).await
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
async fn update(
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
    outbox::hold(&mut tx).await?;
    let before = contacts::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    if_match.check(&before)?;
    let after = contacts::update(&mut tx, id, &change).await;
    let after = after.map_err(|error| Problem::refused("contact", error))?;
    tx.commit().await?;
    Ok(Tagged(after))
}

/// A conversation with everything in it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExportedConversation {
    /// The conversation.
    conversation: Conversation,
    /// Its messages, oldest first.
    messages: Vec<Message>,
    /// Its notes, oldest first.
    notes: Vec<Note>,
}

/// Everything about a contact.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContactExport {
    /// The contact.
    contact: Contact,
    /// Those that it stands for.
    merged: Vec<Contact>,
    /// How that came about.
    merges: Vec<Merge>,
    /// What was said, the oldest conversation first.
    conversations: Vec<ExportedConversation>,
}

/// Exports everything about a contact (GDPR, articles 15 and 20).
#[utoipa::path(
    get, path = "/v1/contacts/{id}/export", params(("id" = ContactId, Path, description = "The contact")),
    responses((status = 200, body = ContactExport), (status = 403, body = Document), (status = 404, body = Document)),
)]
async fn export(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
) -> Result<Json<ContactExport>, Problem> {
    // What is exported is put on record.
    let mut tx = app.begin(&caller).await?;
    let export = privacy::export(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    caller.audit::<Merge>(&app, &mut tx, "contact.exported", ("contact", id.as_uuid()), (None, None)).await?;
    tx.commit().await?;
    let conversations = export.conversations.into_iter().map(|it| ExportedConversation {
        conversation: it.conversation,
        messages: it.messages,
        notes: it.notes,
    });
    Ok(Json(ContactExport {
        contact: export.contact.into(),
        merged: export.merged.into_iter().map(Contact::from).collect(),
        merges: export.merges.into_iter().map(Merge::from).collect(),
        conversations: conversations.collect(),
    }))
}

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
async fn erase(State(app): State<App>, caller: Caller, Id(id): Id<ContactId>) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    if !privacy::erase(&mut tx, id, &*app.clock).await? {
        return Err(Problem::not_found("contact"));
    }
    caller.audit::<Merge>(&app, &mut tx, "contact.erased", ("contact", id.as_uuid()), (None, None)).await?;
    tx.commit().await?;
    app.wake(Work::Outbox).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a channel name a contact so.
#[utoipa::path(
    post, path = "/v1/contacts/{id}/identities", request_body = AddContactIdentity,
    params(("id" = ContactId, Path, description = "The contact"), once::Header),
    responses(
        (status = 201, body = Contact),
        (status = 404, body = Document),
        (status = 409, description = "It names another contact, or there is no such channel", body = Document),
    ),
)]
async fn add_contact_identity(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
    Retryable(body, once): Retryable<AddContactIdentity>,
) -> Result<Response, Problem> {
    let identity = identity(&body)?;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    contacts::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    let added = contacts::add_identity(&mut tx, id, body.channel_id, &identity).await;
    added.map_err(|error| Problem::refused("contact", error))?;
    let contact = contacts::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    once.created(tx, &caller, &contact).await
}

fn identity(body: &AddContactIdentity) -> Result<Identity, Problem> {
    let scheme = fields::external_id("scheme", &body.scheme)?.to_owned();
    let value = fields::name(&body.value)?.to_owned();
    Ok(Identity { scheme, value })
}

/// Takes a channel's name from a contact.
#[utoipa::path(
    delete, path = "/v1/contacts/{id}/identities", 
    params(("id" = ContactId, Path, description = "The contact"), AddContactIdentity),
    responses((status = 204, description = "Taken away"), (status = 404, body = Document)),
)]
async fn remove_contact_identity(
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
async fn list_contact_merges(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
) -> Result<Json<Merges>, Problem> {
    let mut tx = app.read(&caller).await?;
    contacts::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("contact"))?;
    let items = contacts::merges(&mut tx, id).await?.into_iter().map(Merge::from).collect();
    tx.commit().await?;
    Ok(Json(Merges { items }))
}

/// Lets a contact stand for another: their conversations and names are shown as one. It can be taken back.
#[utoipa::path(
    post, path = "/v1/contacts/{id}/merges", request_body = CreateMerge,
    params(("id" = ContactId, Path, description = "The contact that stands for both"), once::Header),
    responses(
        (status = 201, body = Merge),
        (status = 404, body = Document),
        (status = 409, description = "They are the same, or another stands for one of them", body = Document),
    ),
)]
async fn merge_contacts(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ContactId>,
    Retryable(body, once): Retryable<CreateMerge>,
) -> Result<Response, Problem> {
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let merge = contacts::merge(&mut tx, id, body.loser_id, &*app.clock).await;
    let merge = merge.map_err(|error| Problem::refused("contact", error))?;
    let object = ("contact", id.as_uuid());
    caller.audit(&app, &mut tx, "contact.merged", object, (None, Some(&merge))).await?;
    once.created(tx, &caller, &merge).await
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
async fn undo_contact_merge(
    State(app): State<App>,
    caller: Caller,
    Ids(id, merge): Ids<ContactId, MergeId>,
) -> Result<Json<Merge>, Problem> {
    let mut tx = app.begin(&caller).await?;
    let undone = contacts::unmerge(&mut tx, id, merge, &*app.clock).await;
    let undone = undone.map_err(|error| Problem::refused("merge", error))?;
    let object = ("contact", id.as_uuid());
    caller.audit(&app, &mut tx, "contact.unmerged", object, (None, Some(&undone))).await?;
    tx.commit().await?;
    Ok(Json(undone))
}
