//! Lists of conversations: by a filter, or by the words that are in them.

use super::{Row, select};
use crate::{
    column::{Count, Named, OptionalId},
    error::StoreError,
    search::{by_words, words},
    tenant::TenantTx,
};
use common::{
    id::{ContactId, ConversationId, LabelId, TeamId, UserId},
    protocol::inbox::{ChannelKind, Conversation, ConversationStatus, Priority},
};
use sqlx::query_as;
use time::OffsetDateTime;

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
    /// Those with this status.
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

/// In which order conversations are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The one with the latest message first.
    #[default]
    Latest,
    /// The one whose latest message is the oldest first: who has waited longest.
    Oldest,
}

/// A page of [`list`]: the clause has an index of its own, in the order of the list or `IS TRUE` of the place in it.
/// The rest of the filter thins it out; `IS TRUE` keeps that from being taken for what finds them.
macro_rules! page {
    (($tx:expr, $filter:expr, $from:expr, $limit:expr, $place:tt, $order:tt), $clause:literal, $($driver:expr),+) => {
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
                ($tx, $filter, $from, $limit, $place, $order),
                " IS TRUE AND c.contact_id = ANY (ARRAY(
                    SELECT $8::uuid UNION ALL SELECT id FROM contacts WHERE merged_into = $8))
                  AND ($9::uuid IS NULL OR (
                    SELECT true FROM conversation_labels l WHERE l.conversation_id = c.id AND l.label_id = $9))",
                contact.as_uuid(),
                $filter.label.map(LabelId::as_uuid)
            )
        } else if let Some(label) = $filter.label {
            page!(
                ($tx, $filter, $from, $limit, $place, $order),
                " IS TRUE AND c.id = ANY (ARRAY(SELECT conversation_id FROM conversation_labels WHERE label_id = $8))",
                label.as_uuid()
            )
        } else if let (Some(assignee), Some(status)) = ($filter.assignee, $filter.status) {
            page!(
                ($tx, $filter, $from, $limit, $place, $order),
                " AND c.assignee_id = $8 AND c.status = $9",
                assignee.as_uuid(),
                status.as_str()
            )
        } else if let (Some(team), None, Some(status)) = ($filter.team, $filter.assignee, $filter.status) {
            page!(
                ($tx, $filter, $from, $limit, $place, $order),
                " AND c.team_id = $8 AND c.status = $9",
                team.as_uuid(),
                status.as_str()
            )
        } else if let Some(assignee) = $filter.assignee {
            page!(
                ($tx, $filter, $from, $limit, $place, $order),
                " AND c.assignee_id = $8",
                assignee.as_uuid()
            )
        } else if let Some(team) = $filter.team {
            page!(
                ($tx, $filter, $from, $limit, $place, $order),
                " AND c.team_id = $8",
                team.as_uuid()
            )
        } else if let Some(priority) = $filter.priority.filter(|priority| *priority != Priority::None) {
            // As the index says it: most have none.
            page!(
                ($tx, $filter, $from, $limit, $place, $order),
                " AND c.priority = $8 AND c.priority <> 'none'",
                priority.as_str()
            )
        } else if let Some(status) = $filter.status {
            page!(
                ($tx, $filter, $from, $limit, $place, $order),
                " AND c.status = $8",
                status.as_str()
            )
        } else {
            page!(
                ($tx, $filter, $from, $limit, $place, $order),
                " AND $8",
                true
            )
        }
    };
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
