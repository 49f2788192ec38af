//! Changes that agents make to a conversation, and the end of a snooze.

use super::find;
use crate::{
    column,
    error::{ChangeError, StoreError},
    outbox,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ConversationId, LabelId, TeamId, UserId},
    protocol::inbox::{Conversation, ConversationStatus, InboxEvent, Priority},
};
use serde_json::{Map, Value};
use sqlx::{query, query_scalar};
use time::OffsetDateTime;

/// A change that an agent makes to a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Where it stands from now on.
    pub status: Option<ConversationStatus>,
    /// Until when it is out of sight; with [`ConversationStatus::Snoozed`] and only then.
    pub snoozed_until: Option<OffsetDateTime>,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// Who answers it from now on; `Some(None)` gives it back to all.
    pub assignee: Option<Option<UserId>>,
    /// The team that answers it; `Some(None)` takes it from its team.
    pub team: Option<Option<TeamId>>,
    /// All of its labels.
    pub labels: Option<Vec<LabelId>>,
    /// What the account's own programs say about it; null takes a member away.
    pub attributes: Map<String, Value>,
    /// Whether its messages have been read.
    pub read: bool,
}

/// Why a change is refused.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The account has no such conversation.
    #[error("there is no such conversation")]
    NotFound,
    /// The account has no such user.
    #[error("there is no such user to assign to")]
    UnknownAssignee,
    /// The account has no such team.
    #[error("there is no such team")]
    UnknownTeam,
    /// The account has no such label.
    #[error("there is no such label")]
    UnknownLabel,
    /// It cannot go there from where it stands.
    #[error("a conversation that is {} can become {}", from.as_str(), names(from.next()))]
    Impossible {
        /// Where it stands.
        from: ConversationStatus,
    },
    /// A snoozed one needs a time in the future, and no other may have one.
    #[error("snoozedUntil belongs to the status snoozed and must be in the future")]
    SnoozeTime,
    /// More than [`ATTRIBUTES_BYTES_MAX`].
    #[error("the attributes are too long together")]
    TooManyAttributes,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn names(statuses: &[ConversationStatus]) -> String {
    statuses.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", ")
}

impl From<sqlx::Error> for UpdateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The most that a thing's attributes take together, in bytes of JSON.
pub const ATTRIBUTES_BYTES_MAX: usize = 16 * 1024;

/// Changes a conversation and tells the inbox, if anything is different.
///
/// # Errors
/// [`UpdateError`]; then nothing was changed.
pub async fn update(
    tx: &mut TenantTx,
    id: ConversationId,
    change: &Change,
    clock: &dyn Clock,
) -> Result<Conversation, UpdateError> {
    outbox::lock(tx).await?;
    let before = find(tx, id).await?.ok_or(UpdateError::NotFound)?;
    let after = changed(&before, change, clock)?;
    if after == before {
        return Ok(before);
    }
    if after.assignee_id != before.assignee_id
        && let Some(user) = after.assignee_id
    {
        let known = query_scalar!("SELECT id FROM users WHERE id = $1", user.as_uuid());
        known.fetch_optional(tx.connection()).await?.ok_or(UpdateError::UnknownAssignee)?;
    }
    if after.team_id != before.team_id
        && let Some(team) = after.team_id
    {
        let known = query_scalar!("SELECT id FROM teams WHERE id = $1", team.as_uuid());
        known.fetch_optional(tx.connection()).await?.ok_or(UpdateError::UnknownTeam)?;
    }
    if after.label_ids != before.label_ids {
        set_labels(tx, id, &after.label_ids).await?;
    }
    query!(
        "UPDATE conversations SET status = $2, snoozed_until = $3, priority = $4, assignee_id = $5, team_id = $6,
                attributes = $7, unread = $8
         WHERE id = $1",
        id.as_uuid(),
        after.status.as_str(),
        after.snoozed_until,
        after.priority.as_str(),
        after.assignee_id.map(UserId::as_uuid),
        after.team_id.map(TeamId::as_uuid),
        column::json(&Value::Object(after.attributes.clone())),
        i32::try_from(after.unread).unwrap_or(i32::MAX)
    )
    .execute(tx.connection())
    .await?;
    outbox::append(tx, &InboxEvent::ConversationUpdated { conversation: after.clone() }, clock).await?;
    Ok(after)
}

/// What a conversation becomes.
fn changed(before: &Conversation, change: &Change, clock: &dyn Clock) -> Result<Conversation, UpdateError> {
    let mut after = before.clone();
    let status = change.status.unwrap_or(before.status);
    if status != before.status && !before.status.next().contains(&status) {
        return Err(UpdateError::Impossible { from: before.status });
    }
    let until = match (change.snoozed_until, before.snoozed_until) {
        (None, before) if status == ConversationStatus::Snoozed => before,
        (until, _) => until,
    };
    let is_fresh = change.snoozed_until.is_none_or(|until| until > clock.utc());
    if (status == ConversationStatus::Snoozed) != until.is_some() || !is_fresh {
        return Err(UpdateError::SnoozeTime);
    }
    (after.status, after.snoozed_until) = (status, until);
    after.priority = change.priority.unwrap_or(before.priority);
    after.assignee_id = change.assignee.unwrap_or(before.assignee_id);
    after.team_id = change.team.unwrap_or(before.team_id);
    if let Some(labels) = &change.labels {
        after.label_ids.clone_from(labels);
        after.label_ids.sort_unstable();
        after.label_ids.dedup();
    }
    merge(&mut after.attributes, &change.attributes).ok_or(UpdateError::TooManyAttributes)?;
    if change.read {
        after.unread = 0;
    }
    Ok(after)
}

/// Members of `change` into `attributes` (RFC 7396, one level); `None` if they become too many.
pub(crate) fn merge(attributes: &mut Map<String, Value>, change: &Map<String, Value>) -> Option<()> {
    for (name, value) in change {
        if value.is_null() {
            attributes.remove(name);
        } else {
            attributes.insert(name.clone(), value.clone());
        }
    }
    let bytes = serde_json::to_vec(attributes).ok()?.len();
    (bytes <= ATTRIBUTES_BYTES_MAX).then_some(())
}

async fn set_labels(tx: &mut TenantTx, id: ConversationId, labels: &[LabelId]) -> Result<(), UpdateError> {
    let account = tx.account_column();
    let labels = column::uuids(labels);
    query!(
        "DELETE FROM conversation_labels WHERE conversation_id = $1 AND label_id <> ALL ($2)",
        id.as_uuid(),
        &labels
    )
    .execute(tx.connection())
    .await?;
    let added = query!(
        "INSERT INTO conversation_labels (account_id, conversation_id, label_id) SELECT $1, $2, unnest($3::uuid[])
         ON CONFLICT DO NOTHING",
        account,
        id.as_uuid(),
        &labels
    )
    .execute(tx.connection())
    .await;
    match added.map_err(ChangeError::from) {
        Ok(_) => Ok(()),
        Err(ChangeError::Referenced) => Err(UpdateError::UnknownLabel),
        Err(ChangeError::Store(error)) => Err(error.into()),
        Err(other @ (ChangeError::NotFound | ChangeError::Taken)) => Err(StoreError::from(other).into()),
    }
}

/// Opens a snoozed conversation whose time has come; `None` if it is not snoozed any more.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn end_snooze(
    tx: &mut TenantTx,
    id: ConversationId,
    clock: &dyn Clock,
) -> Result<Option<Conversation>, StoreError> {
    outbox::lock(tx).await?;
    let woken = query_scalar!(
        "UPDATE conversations SET status = 'open', snoozed_until = NULL
         WHERE id = $1 AND (status = 'snoozed')::integer = 1 AND snoozed_until <= $2 RETURNING id",
        id.as_uuid(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(conversation) = (match woken {
        Some(_) => find(tx, id).await?,
        None => None,
    }) else {
        return Ok(None);
    };
    let event = InboxEvent::ConversationUpdated { conversation: conversation.clone() };
    outbox::append(tx, &event, clock).await?;
    Ok(Some(conversation))
}
