//! Replies leave, are tried again, and are never doubled.
//!
//! A reply is taken for a lease. If its sender dies, either a status with our
//! own id comes back within the lease and shows that it had left, or it is
//! taken again. A sender that lives is never overtaken by itself: what it has
//! under way it does not begin again, and it begins nothing that its lease would
//! end under.

use crate::{
    flight::{Aimed, Places},
    graph::TIMEOUT,
    role::Inbox,
    work::RETRY,
};
use common::{
    chance,
    error::Chain,
    id::{AccountId, ChannelId, MessageId},
    protocol::inbox::ChannelKind,
    subject::inbox::Work,
};
use inbox_core::whatsapp::send::{Outcome, Recipient};
use store::{
    StoreError, messages,
    replies::{self, OutgoingReply},
    system::{ClaimedReply, Shares, Taken},
};
use tracing::{debug, info, warn};

impl Aimed<ChannelId> for ClaimedReply {
    type Id = MessageId;

    fn id(&self) -> MessageId {
        self.message
    }

    fn target(&self) -> (AccountId, ChannelId) {
        (self.account, self.channel)
    }
}

/// Takes replies that may leave.
pub(crate) async fn claim(
    inbox: Inbox,
    places: Places<ChannelId>,
) -> Result<Taken<ClaimedReply, ChannelId>, StoreError> {
    let config = &inbox.0.config;
    let shares = Shares::new(config.replies_per_channel, config.replies_per_account);
    let turn = places.turn(inbox.lease(), shares);
    inbox.store().system().claim_replies(&turn, inbox.clock()).await
}

/// Sends one.
pub(crate) async fn send(inbox: Inbox, claim: ClaimedReply) -> Result<(), StoreError> {
    let mut tx = inbox.store().tenant(claim.account).await?;
    let outcome = match replies::read_claimed(&mut tx, &claim, TIMEOUT, inbox.clock()).await {
        Ok(Some(reply)) => {
            drop(tx);
            hand_over(&inbox, &reply).await
        }
        Ok(None) => return Ok(()),
        // Its seal key is gone: trying again would hold up the conversation for ever.
        Err(error @ (StoreError::Unsealable | StoreError::Unreadable { .. })) => {
            drop(tx);
            Outcome::Refused { why: Chain(&error).to_string() }
        }
        Err(error) => return Err(error),
    };
    let mut tx = inbox.store().tenant(claim.account).await?;
    match outcome {
        Outcome::Accepted { external_id } => {
            messages::sent(&mut tx, claim.message, &external_id, inbox.clock()).await?;
            debug!(message.id = %claim.message, "Reply {} was accepted", claim.message);
        }
        Outcome::Refused { why } => {
            info!(message.id = %claim.message, channel.id = %claim.channel, error = why, "Reply {} was refused", claim.message);
            messages::refused(&mut tx, claim.message, &why, inbox.clock()).await?;
        }
        Outcome::Later { why } | Outcome::Unanswered { why }
            if claim.attempts + 1 >= inbox.0.config.reply_attempts_max =>
        {
            warn!(message.id = %claim.message, channel.id = %claim.channel, error = why, "Reply {} is given up", claim.message);
            messages::refused(&mut tx, claim.message, &why, inbox.clock()).await?;
        }
        Outcome::Later { why } => {
            let delay = RETRY.delay(claim.attempts + 1, chance::fraction());
            info!(message.id = %claim.message, attempt = claim.attempts + 1, error = why, "Reply {} will be tried again", claim.message);
            replies::postpone(&mut tx, &claim, &why, inbox.clock().utc() + delay).await?;
        }
        Outcome::Unanswered { why } => {
            // It may have been taken: a status with our own id has a lease's time to say so.
            let delay = RETRY.delay(claim.attempts + 1, chance::fraction()).max(inbox.lease());
            warn!(message.id = %claim.message, attempt = claim.attempts + 1, error = why, "Nobody answered about reply {}; it is sent again unless its status comes", claim.message);
            replies::postpone(&mut tx, &claim, &why, inbox.clock().utc() + delay).await?;
        }
    }
    tx.commit().await?;
    inbox.hint(Work::Outbox).await;
    Ok(())
}

async fn hand_over(inbox: &Inbox, reply: &OutgoingReply) -> Outcome {
    if reply.channel_disabled {
        return Outcome::Refused { why: "the channel is switched off".to_owned() };
    }
    let address = |scheme: &str| reply.to.iter().find(|identity| identity.scheme == scheme);
    let phone = address("phone").map(|identity| Recipient::Phone(&identity.value));
    let Some(to) = phone.or_else(|| address("bsuid").map(|identity| Recipient::UserId(&identity.value)))
    else {
        return Outcome::Refused { why: "the customer has no address on this channel".to_owned() };
    };
    match reply.channel_kind {
        ChannelKind::Whatsapp => match inbox.0.graph.send_text(reply, to).await {
            Ok(outcome) => outcome,
            // Nothing had left: the connection was never made.
            Err(error) if error.is_unsent() => Outcome::Later { why: Chain(&error).to_string() },
            Err(error) => Outcome::Unanswered { why: Chain(&error).to_string() },
        },
    }
}
