//! The files that came with a message. The channel's provider keeps them.

use crate::{channels, column::Named, error::StoreError, tenant::TenantTx};
use common::{
    id::{ChannelId, ConversationId, MessageId},
    protocol::inbox::{Attachment, ChannelKind},
    secret::Secret,
};
use serde::Deserialize;
use serde_json::Value;
use sqlx::query;

/// A file and how to get it from the provider.
#[derive(Debug, Clone)]
pub struct RemoteFile {
    /// On which kind of channel.
    pub kind: ChannelKind,
    /// What the provider calls the channel.
    pub channel_external_id: String,
    /// What the provider wants to see.
    pub access_token: Secret,
    /// What the provider calls the file.
    pub external_id: String,
    /// What is said about it.
    pub about: Attachment,
}

/// As the normalised message has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    external_id: String,
    mime_type: String,
    #[serde(default)]
    file_name: Option<String>,
}

impl Stored {
    fn about(self) -> Attachment {
        Attachment { mime_type: self.mime_type, file_name: self.file_name }
    }
}

/// The column: what is said about a message's files, nothing where it cannot be read.
#[derive(Debug, sqlx::Type)]
#[sqlx(transparent)]
pub(crate) struct Column(Value);

impl From<Value> for Column {
    fn from(stored: Value) -> Self {
        Self(stored)
    }
}

impl From<Column> for Vec<Attachment> {
    fn from(column: Column) -> Self {
        let stored = serde_json::from_value::<Vec<Stored>>(column.0).unwrap_or_default();
        stored.into_iter().map(Stored::about).collect()
    }
}

/// The message's file with this number, from 0 on.
///
/// # Errors
/// [`StoreError::Unsealable`] or [`StoreError::Database`].
pub async fn attachment(
    tx: &mut TenantTx,
    conversation: ConversationId,
    message: MessageId,
    number: u16,
) -> Result<Option<RemoteFile>, StoreError> {
    let Some(row) = query!(
        r#"SELECT m.attachments -> $3::integer AS attachment, ch.id, ch.kind AS "kind: Named<ChannelKind>", ch.external_id, ch.access_token
           FROM messages m JOIN channels ch ON ch.id = m.channel_id
           WHERE m.id = $1 AND m.conversation_id = $2"#,
        message.as_uuid(),
        conversation.as_uuid(),
        i32::from(number)
    )
    .fetch_optional(tx.connection())
    .await?
    else {
        return Ok(None);
    };
    let stored = row.attachment.and_then(|value| serde_json::from_value::<Stored>(value).ok());
    let Some(stored) = stored else { return Ok(None) };
    let place = channels::place("access_token", tx.account(), ChannelId::from_uuid(row.id));
    Ok(Some(RemoteFile {
        kind: row.kind.into(),
        channel_external_id: row.external_id,
        access_token: tx.keyring().open(place, &row.access_token)?,
        external_id: stored.external_id.clone(),
        about: stored.about(),
    }))
}
