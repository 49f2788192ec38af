//! Conversations: one thread for each customer on each channel.

use crate::{
    column::{self, Count, Named, OptionalId},
    error::{ChangeError, StoreError},
    outbox,
    search::{by_words, words},
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ChannelId, ContactId, ConversationId, LabelId, TeamId, UserId},
    protocol::inbox::{ChannelKind, Contact, Conversation, ConversationStatus, InboxEvent, Priority},
};
use serde_json::{Map, Value};
use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

/// A conversation's place in the list of the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// When its latest message was.
    pub last_message_at: OffsetDateTime,
    /// Its id, which decides between equal times.
    pub id: ConversationId,
}

/// Which conversations; all that is said must hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those that stand there.
    pub status: Option<ConversationStatus>,
    /// Those that this agent answers.
    pub assignee: Option<UserId>,
    /// Those that this team answers.
    pub team: Option<TeamId>,
    /// Those with this label.
    pub label: Option<LabelId>,
    /// Those of this contact, and of those that were merged into it.
    pub contact: Option<ContactId>,
    /// Those of this priority.
    pub priority: Option<Priority>,
}

/// What an agent changes about a conversation.
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

/// The most that a thing's attributes take together, in bytes of JSON.
pub const ATTRIBUTES_BYTES_MAX: usize = 16 * 1024;

fn names(statuses: &[ConversationStatus]) -> String {
    statuses.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", ")
}

impl From<sqlx::Error> for UpdateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

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

/// Conversations in which a message has all words of `question`, or whose customer has, the latest first,
/// those below `below`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn search(
    tx: &mut TenantTx,
    question: &str,
    below: Option<Position>,
    limit: u16,
) -> Result<Vec<Conversation>, StoreError> {
    let words = words(question);
    if words.is_empty() {
        return Ok(Vec::new());
    }
    by_words(tx).await?;
    let rows = select!(
        "WHERE c.id = ANY (ARRAY(
                   SELECT conversation_id FROM messages
                   WHERE search @@ asked($1) AND search @@ asked($1) AND search @@ asked($1)
                   UNION
                   SELECT theirs.id FROM contacts CROSS JOIN LATERAL (
                       SELECT id FROM conversations WHERE contact_id = contacts.id OFFSET 0
                   ) theirs
                   WHERE search @@ asked($1) AND search @@ asked($1) AND search @@ asked($1)))
           AND ((c.last_message_at, c.id) < (
                CASE WHEN $2::timestamptz IS NULL THEN 'infinity' ELSE $2 END,
                CASE WHEN $3::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE $3 END)) IS TRUE
         ORDER BY c.last_message_at DESC, c.id DESC LIMIT $4",
        "ORDER BY c.last_message_at DESC, c.id DESC",
        &words,
        below.map(|below| below.last_message_at),
        below.map(|below| below.id.as_uuid()),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(Conversation::from).collect())
}

/// The conversation with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
    let found = select!("WHERE c.id = $1", "", id.as_uuid()).fetch_optional(tx.connection()).await?;
    Ok(found.map(Conversation::from))
}

/// A page of [`list`]: the clause has an index of its own, in the order of the list or `IS TRUE` of the place in it. The
/// rest of the filter thins it out; `IS TRUE` keeps that from being taken for what finds them.
macro_rules! page {
    ($tx:expr, $filter:expr, $from:expr, $limit:expr, $place:tt, $order:tt, $clause:literal, $($driver:expr),+) => {
        select!(
            "WHERE ("
                + $place
                + ")"
                + $clause
                + " AND ($4::text IS NULL OR (c.status = $4) IS TRUE) AND ($5::uuid IS NULL OR (c.assignee_id = $5) IS TRUE)
                 AND ($6::uuid IS NULL OR (c.team_id = $6) IS TRUE) AND ($7::text IS NULL OR (c.priority = $7) IS TRUE) "
                + $order
                + " LIMIT $3",
            $order,
            $from.map(|from: Position| from.last_message_at),
            $from.map(|from: Position| from.id.as_uuid()),
            i64::from($limit),
            $filter.status.map(ConversationStatus::as_str),
            $filter.assignee.map(UserId::as_uuid),
            $filter.team.map(TeamId::as_uuid),
            $filter.priority.map(Priority::as_str),
            $($driver),+
        )
        .fetch_all($tx.connection())
        .await?
    };
}

/// The same, by the narrowest index that the filter has: one statement for each.
macro_rules! pages {
    ($tx:expr, $filter:expr, $from:expr, $limit:expr, $place:tt, $order:tt) => {
        if let Some(contact) = $filter.contact {
            page!(
                $tx,
                $filter,
                $from,
                $limit,
                $place,
                $order,
                " IS TRUE AND c.contact_id = ANY (ARRAY(
                    SELECT $8::uuid UNION ALL SELECT id FROM contacts WHERE merged_into = $8))
                  AND ($9::uuid IS NULL OR (
                    SELECT true FROM conversation_labels l WHERE l.conversation_id = c.id AND l.label_id = $9))",
                contact.as_uuid(),
                $filter.label.map(LabelId::as_uuid)
            )
        } else if let Some(label) = $filter.label {
            page!(
                $tx,
                $filter,
                $from,
                $limit,
                $place,
                $order,
                " IS TRUE AND c.id = ANY (ARRAY(SELECT conversation_id FROM conversation_labels WHERE label_id = $8))",
                label.as_uuid()
            )
        } else if let (Some(assignee), Some(status)) = ($filter.assignee, $filter.status) {
            page!(
                $tx,
                $filter,
                $from,
                $limit,
                $place,
                $order,
                " AND c.assignee_id = $8 AND c.status = $9",
                assignee.as_uuid(),
                status.as_str()
            )
        } else if let (Some(team), None, Some(status)) = ($filter.team, $filter.assignee, $filter.status) {
            page!(
                $tx,
                $filter,
                $from,
                $limit,
                $place,
                $order,
                " AND c.team_id = $8 AND c.status = $9",
                team.as_uuid(),
                status.as_str()
            )
        } else if let Some(assignee) = $filter.assignee {
            page!($tx, $filter, $from, $limit, $place, $order, " AND c.assignee_id = $8", assignee.as_uuid())
        } else if let Some(team) = $filter.team {
            page!($tx, $filter, $from, $limit, $place, $order, " AND c.team_id = $8", team.as_uuid())
        } else if let Some(priority) = $filter.priority.filter(|priority| *priority != Priority::None) {
            // As the index says it: most have none.
            page!(
                $tx,
                $filter,
                $from,
                $limit,
                $place,
                $order,
                " AND c.priority = $8 AND c.priority <> 'none'",
                priority.as_str()
            )
        } else if let Some(status) = $filter.status {
            page!($tx, $filter, $from, $limit, $place, $order, " AND c.status = $8", status.as_str())
        } else {
            page!($tx, $filter, $from, $limit, $place, $order, " AND $8", true)
        }
    };
}

/// In which order conversations are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The one with the latest message first.
    #[default]
    Latest,
    /// The one whose latest message is the oldest first: who has waited longest.
    Oldest,
}

/// Conversations in this order, those beyond `from`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    filter: Filter,
    order: Order,
    from: Option<Position>,
    limit: u16,
) -> Result<Vec<Conversation>, StoreError> {
    let rows = match order {
        Order::Latest => pages!(
            tx,
            filter,
            from,
            limit,
            "(c.last_message_at, c.id) < (
                CASE WHEN $1::timestamptz IS NULL THEN 'infinity' ELSE $1 END,
                CASE WHEN $2::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE $2 END)",
            "ORDER BY c.last_message_at DESC, c.id DESC"
        ),
        Order::Oldest => pages!(
            tx,
            filter,
            from,
            limit,
            "(c.last_message_at, c.id) > (
                CASE WHEN $1::timestamptz IS NULL THEN '-infinity' ELSE $1 END,
                CASE WHEN $2::uuid IS NULL THEN '00000000-0000-0000-0000-000000000000' ELSE $2 END)",
            "ORDER BY c.last_message_at, c.id"
        ),
    };
    Ok(rows.into_iter().map(Conversation::from).collect())
}

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

/// Begins a conversation with a contact on a channel.
///
/// # Errors
/// [`ChangeError::Taken`] if there is one; [`ChangeError::Referenced`] if the account has no such
/// contact or channel.
pub async fn begin(
    tx: &mut TenantTx,
    channel: ChannelId,
    contact: ContactId,
    clock: &dyn Clock,
) -> Result<Conversation, ChangeError> {
    outbox::lock(tx).await?;
    let id = insert(tx, channel, contact, clock.utc(), clock).await?;
    let conversation = find(tx, id).await?.ok_or(ChangeError::NotFound)?;
    let event = InboxEvent::ConversationUpdated { conversation: conversation.clone() };
    outbox::append(tx, &event, clock).await?;
    Ok(conversation)
}

/// The conversation with `contact` on `channel`, begun if need be.
pub(crate) async fn find_or_begin(
    tx: &mut TenantTx,
    channel: ChannelId,
    contact: ContactId,
    first_message_at: OffsetDateTime,
    clock: &dyn Clock,
) -> Result<ConversationId, StoreError> {
    let known = query_scalar!(
        "SELECT id FROM conversations WHERE channel_id = $1 AND contact_id = $2",
        channel.as_uuid(),
        contact.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    if let Some(id) = known {
        return Ok(ConversationId::from_uuid(id));
    }
    Ok(insert(tx, channel, contact, first_message_at, clock).await?)
}

async fn insert(
    tx: &mut TenantTx,
    channel: ChannelId,
    contact: ContactId,
    at: OffsetDateTime,
    clock: &dyn Clock,
) -> Result<ConversationId, sqlx::Error> {
    let id = ConversationId::generate(clock);
    let account = tx.account_column();
    query!(
        "INSERT INTO conversations (account_id, id, channel_id, contact_id, status, last_message_at, created_at)
         VALUES ($1, $2, $3, $4, 'open', $5, $6)",
        account,
        id.as_uuid(),
        channel.as_uuid(),
        contact.as_uuid(),
        at,
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(id)
}

/// How much of a message the list shows, in characters.
const PREVIEW_CHARS: usize = 140;

/// What the list shows of a message: its beginning, or its kind where it has no text.
pub(crate) fn preview(text: Option<&str>, kind: &str) -> String {
    match text {
        Some(text) => {
            text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(PREVIEW_CHARS).collect()
        }
        None => format!("[{kind}]").chars().take(PREVIEW_CHARS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_one_short_line() {
        assert_eq!(preview(Some("two\n\nlines"), "text"), "two lines");
        assert_eq!(preview(Some(&"ü".repeat(200)), "text").chars().count(), PREVIEW_CHARS);
        assert_eq!(preview(None, "image"), "[image]");
        assert_eq!(preview(None, &"x".repeat(200)).chars().count(), PREVIEW_CHARS);
    }
}
