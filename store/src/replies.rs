//! The work of sending replies. Taken by [`crate::system::System::claim_replies`],
//! finished by [`crate::messages::sent`] or [`crate::messages::refused`].

use crate::{
    channels,
    column::{self, Named},
    contacts::{self, Identity},
    error::StoreError,
    system::ClaimedReply,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ChannelId, ContactId, ConversationId, MessageId},
    protocol::inbox::ChannelKind,
    secret::Secret,
};
use sqlx::query;
use std::time::Duration;
use time::OffsetDateTime;

/// Everything that sending a reply needs.
#[derive(Clone)]
pub struct OutgoingReply {
    /// The message that is to leave.
    pub message: MessageId,
    /// The conversation in which replies leave one after the other.
    pub conversation: ConversationId,
    /// Through which channel.
    pub channel: ChannelId,
    /// The channel's kind.
    pub channel_kind: ChannelKind,
    /// What the provider calls the channel: the phone number id of a WhatsApp number.
    pub channel_external_id: String,
    /// Whether the channel is switched off.
    pub channel_disabled: bool,
    /// Authorises the sending.
    pub access_token: Secret,
    /// The names that the channel has for the customer.
    pub to: Vec<Identity>,
    /// What to say.
    pub text: String,
}

/// Reads a reply that is still to be sent by whoever has this claim, for as long as `time` at least.
///
/// `None` if it is done already, if somebody else has taken it since, or if its lease ends before: then it is
/// theirs to send.
///
/// # Errors
/// [`StoreError::Unsealable`] or [`StoreError::Database`].
pub async fn read_claimed(
    tx: &mut TenantTx,
    claim: &ClaimedReply,
    time: Duration,
    clock: &dyn Clock,
) -> Result<Option<OutgoingReply>, StoreError> {
    let message = claim.message;
    let Some(row) = query!(
        r#"SELECT m.conversation_id, m.text, c.contact_id, ch.id AS channel_id, ch.kind AS "kind: Named<ChannelKind>", ch.external_id,
                  ch.access_token, ch.disabled_at, r.attempts, r.taken_until
           FROM replies r
           JOIN messages m ON m.id = r.message_id
           JOIN conversations c ON c.id = m.conversation_id
           JOIN channels ch ON ch.id = m.channel_id
           WHERE r.message_id = $1 AND (r.done_at IS NULL)::integer = 1"#,
        message.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?
    else {
        return Ok(None);
    };
    if row.attempts != taken(claim) || row.taken_until.is_none_or(|until| until <= clock.utc() + time) {
        return Ok(None);
    }
    let channel = ChannelId::from_uuid(row.channel_id);
    let access_token =
        tx.keyring().open(channels::place("access_token", tx.account(), channel), &row.access_token)?;
    let to = contacts::identities(tx, ContactId::from_uuid(row.contact_id), channel).await?;
    Ok(Some(OutgoingReply {
        message,
        conversation: ConversationId::from_uuid(row.conversation_id),
        channel,
        channel_kind: row.kind.into(),
        channel_external_id: row.external_id,
        channel_disabled: row.disabled_at.is_some(),
        access_token,
        to,
        text: row.text.unwrap_or_default(),
    }))
}

/// How often a reply has been taken, this claim included, as it is stored.
fn taken(claim: &ClaimedReply) -> i32 {
    i32::try_from(claim.attempts).unwrap_or(i32::MAX).saturating_add(1)
}

/// Sending failed for now: try again at `due_at`. Later replies of the conversation wait behind it. If somebody
/// else has taken it since, nothing is said.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn postpone(
    tx: &mut TenantTx,
    claim: &ClaimedReply,
    error: &str,
    due_at: OffsetDateTime,
) -> Result<(), StoreError> {
    let message = claim.message;
    query!(
        "UPDATE replies SET due_at = $2, error = $3, taken_until = NULL
         WHERE message_id = $1 AND attempts = $4 AND (done_at IS NULL)::integer = 1",
        message.as_uuid(),
        due_at,
        &*column::text(error),
        taken(claim)
    )
    .execute(tx.connection())
    .await?;
    query!(
        "SELECT expect_replies(account_id, channel_id, $2) FROM replies WHERE message_id = $1",
        message.as_uuid(),
        due_at
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
