//! The address book: contacts as agents see and change them.

mod change;
mod identity;
mod list;

pub use change::{ContactChange, NewContact, create, update};
pub use identity::{add_identity, remove_identity};
pub use list::{After, list, search};

use crate::{column, error::StoreError, tenant::TenantTx};
use common::id::{ChannelId, ContactId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::query_as;
use time::OffsetDateTime;
use uuid::Uuid;

/// A customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ContactDetails))]
pub struct Contact {
    /// UUIDv7: later ones sort later.
    pub id: ContactId,
    /// As agents wrote it, or as a channel calls them.
    pub name: String,
    /// As it was written.
    pub email: Option<String>,
    /// As it was written.
    pub phone: Option<String>,
    /// What the account's own programs say about it.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub attributes: Map<String, Value>,
    /// The contact that stands for it, if they were merged.
    pub merged_into: Option<ContactId>,
    /// When it was first seen.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// How channels name it and those that were merged into it.
    pub identities: Vec<ContactIdentity>,
}

/// How a channel names a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContactIdentity {
    /// The channel that knows the customer by it.
    pub channel_id: ChannelId,
    /// What kind of name, such as `phone` or `bsuid`.
    #[cfg_attr(feature = "openapi", schema(example = "phone"))]
    pub scheme: String,
    /// The name itself.
    #[cfg_attr(feature = "openapi", schema(example = "15550100"))]
    pub value: String,
}

struct Row {
    id: ContactId,
    name: String,
    email: Option<String>,
    phone: Option<String>,
    attributes: Value,
    merged_into: Option<Uuid>,
    created_at: OffsetDateTime,
    channels: Vec<Uuid>,
    schemes: Vec<String>,
    values: Vec<String>,
}

impl From<Row> for Contact {
    fn from(row: Row) -> Self {
        let identities =
            row.channels.into_iter().zip(row.schemes).zip(row.values).map(|((channel, scheme), value)| {
                ContactIdentity { channel_id: channel.into(), scheme, value }
            });
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            phone: row.phone,
            attributes: column::object(row.attributes),
            merged_into: row.merged_into.map(ContactId::from_uuid),
            created_at: row.created_at,
            identities: identities.collect(),
        }
    }
}

/// The contacts where the clause holds, for [`Row`].
macro_rules! select {
    ($clause:literal, $($argument:expr),* $(,)?) => {
        query_as!(
            Row,
            r#"SELECT c.id, c.name, c.email, c.phone, c.attributes, c.merged_into, c.created_at,
                      coalesce(i.channels, '{}') AS "channels!", coalesce(i.schemes, '{}') AS "schemes!",
                      coalesce(i.names, '{}') AS "values!"
               FROM contacts c
               LEFT JOIN LATERAL (
                   SELECT array_agg(i.channel_id ORDER BY i.channel_id, i.scheme, i.value) AS channels,
                          array_agg(i.scheme ORDER BY i.channel_id, i.scheme, i.value) AS schemes,
                          array_agg(i.value ORDER BY i.channel_id, i.scheme, i.value) AS names
                   FROM contact_identities i
                   WHERE i.contact_id = ANY (ARRAY(SELECT c.id UNION ALL
                         SELECT merged.id FROM contacts merged WHERE merged.merged_into = c.id))
               ) i ON true "# + $clause,
            $($argument),*
        )
    };
}
use select;

/// The contact with this id, merged or not.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: ContactId) -> Result<Option<Contact>, StoreError> {
    let row = select!("WHERE c.id = $1", id.as_uuid()).fetch_optional(tx.connection()).await?;
    Ok(row.map(Contact::from))
}
