//! Conversations: one thread for each customer on each channel.

mod begin;
mod list;
mod preview;
mod update;

pub use begin::begin;
pub(crate) use begin::find_or_begin;
pub use list::{Filter, Order, Position, list, search};
pub(crate) use preview::preview;
pub(crate) use update::merge;
pub use update::{ATTRIBUTES_BYTES_MAX, Change, UpdateError, end_snooze, update};

use crate::{
    column::{self, Count, Named, OptionalId},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    id::{ChannelId, ContactId, ConversationId, LabelId, TeamId, UserId},
    protocol::inbox::{ChannelKind, Contact, Conversation, ConversationStatus, Priority},
};
use serde_json::Value;
use sqlx::query_as;
use time::OffsetDateTime;
use uuid::Uuid;

struct Row {
    id: ConversationId,
    channel_id: ChannelId,
    channel_kind: ChannelKind,
    contact_id: ContactId,
    contact_name: String,
    status: ConversationStatus,
    snoozed_until: Option<OffsetDateTime>,
    priority: Priority,
    assignee_id: Option<UserId>,
    team_id: Option<TeamId>,
    label_ids: Vec<Uuid>,
    attributes: Value,
    preview: String,
    last_message_at: OffsetDateTime,
    unread: u32,
}

impl From<Row> for Conversation {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            channel_id: row.channel_id,
            channel_kind: row.channel_kind,
            contact: Contact { id: row.contact_id, name: row.contact_name },
            status: row.status,
            snoozed_until: row.snoozed_until,
            priority: row.priority,
            assignee_id: row.assignee_id,
            team_id: row.team_id,
            label_ids: row.label_ids.into_iter().map(LabelId::from).collect(),
            attributes: column::object(row.attributes),
            preview: row.preview,
            last_message_at: row.last_message_at,
            unread: row.unread,
        }
    }
}

/// The conversations where the clause holds, for [`Row`], in the order of `$order`, which may be nothing. The contact
/// shown is the one that stands for the conversation's.
///
/// The page is taken before anything is joined to it: how few rows a join would leave is always guessed too low, and
/// then all are read and sorted for one page.
///
/// `CASE`, here and below, not `coalesce`: under Row-Level Security an index is used only for comparisons that can
/// leak nothing, and Postgres does not count `coalesce` among them.
macro_rules! select {
    ($clause:literal $(+ $more:literal)*, $order:literal, $($argument:expr),* $(,)?) => {
        query_as!(
            Row,
            r#"SELECT c.id, c.channel_id, channels.kind AS "channel_kind: Named<ChannelKind>",
                      standing.id AS contact_id, standing.name AS contact_name,
                      c.status AS "status: Named<ConversationStatus>", c.snoozed_until,
                      c.priority AS "priority: Named<Priority>", c.assignee_id AS "assignee_id!: OptionalId",
                      c.team_id AS "team_id!: OptionalId", c.attributes,
                      ARRAY(SELECT l.label_id FROM conversation_labels l WHERE l.conversation_id = c.id
                            ORDER BY l.label_id) AS "label_ids!",
                      c.preview, c.last_message_at, c.unread AS "unread: Count"
               FROM (SELECT * FROM conversations c "# + $clause $(+ $more)* + r#") c
               JOIN contacts ON contacts.id = c.contact_id
               JOIN contacts standing ON standing.id =
                   CASE WHEN contacts.merged_into IS NULL THEN contacts.id ELSE contacts.merged_into END
               JOIN channels ON channels.id = c.channel_id "# + $order,
            $($argument),*
        )
    };
}
use select;

/// The conversation with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
    let found = select!("WHERE c.id = $1", "", id.as_uuid()).fetch_optional(tx.connection()).await?;
    Ok(found.map(Conversation::from))
}
