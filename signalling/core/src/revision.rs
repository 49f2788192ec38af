//! What becomes of a message that was said: edited, deleted, reacted to.
//!
//! Several changes of one message that are stored together are one [`Draft`]: each is decided by what those before
//! it have made of the message, and what has come of them all is written, and told, once.

use crate::admission::Action;
use common::{
    id::UserId,
    protocol::room::{REACTIONS_MAX, REACTORS_MAX, Reaction, RoomMessage},
};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// What somebody wants of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Another text.
    Edit {
        /// The text, within the rules for texts; empty if attachments alone are to be left.
        text: String,
    },
    /// That it is gone.
    Delete,
    /// To react to it, or to take that back.
    React {
        /// With what.
        emoji: String,
        /// Whether they do.
        on: bool,
    },
}

/// Why a message stays as it is. Who asked is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchanged {
    /// It was deleted.
    Deleted,
    /// People have reacted with as many different emojis as there may be.
    TooManyReactions,
    /// It would have neither a text nor attachments.
    Empty,
}

impl Change {
    /// What it is for who has said the message, or has not; `None` if the others may not, whoever they are.
    pub const fn action(&self, is_own: bool) -> Option<Action> {
        match (self, is_own) {
            (Self::Edit { .. }, true) | (Self::Delete, true) => Some(Action::Edit),
            (Self::Edit { .. }, false) => None,
            (Self::Delete, false) => Some(Action::Moderate),
            (Self::React { .. }, _) => Some(Action::React),
        }
    }
}

/// Whether somebody has reacted, as it is stored and as it is to be.
#[derive(Debug, Clone, Copy, Default)]
struct Reacted {
    was: bool,
    is: bool,
}

/// A message with what is being made of it.
#[derive(Debug)]
pub struct Draft {
    before: RoomMessage,
    message: RoomMessage,
    reacted: BTreeMap<(String, UserId), Reacted>,
}

/// What has come of a message.
#[derive(Debug, PartialEq, Eq)]
pub struct Revision {
    /// As it is to be.
    pub message: RoomMessage,
    /// Who reacts and did not, with what.
    pub added: Vec<(String, UserId)>,
    /// Who reacts no longer. If the message was deleted, nobody does, whether they are here or not.
    pub removed: Vec<(String, UserId)>,
    /// Whom it mentions no longer.
    pub unmentioned: Vec<UserId>,
}

impl Draft {
    /// A message as it is stored, of which nothing has been changed yet. `reacted` has those who have reacted to it,
    /// as far as they are about to change that.
    pub fn new(message: RoomMessage, reacted: impl IntoIterator<Item = (String, UserId)>) -> Self {
        let is_so = Reacted { was: true, is: true };
        let reacted = reacted.into_iter().map(|reaction| (reaction, is_so)).collect();
        Self { before: message.clone(), message, reacted }
    }

    /// The message with everything that was changed so far.
    pub const fn message(&self) -> &RoomMessage {
        &self.message
    }

    /// Changes the message, unless it is like that already.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub fn apply(&mut self, user: UserId, change: &Change, now: OffsetDateTime) -> Result<(), Unchanged> {
        // To the microsecond, as it is stored.
        let now = now.replace_nanosecond(now.nanosecond() / 1000 * 1000).unwrap_or(now);
        let is_deleted = self.message.deleted_at.is_some();
        match change {
            Change::Delete => {
                if !is_deleted {
                    self.delete(now);
                }
            }
            Change::Edit { .. } | Change::React { .. } if is_deleted => return Err(Unchanged::Deleted),
            Change::Edit { text } if text.is_empty() && self.message.attachments.is_empty() => {
                return Err(Unchanged::Empty);
            }
            Change::Edit { text } => {
                if *text != self.message.text {
                    self.message.text.clone_from(text);
                    self.message.edited_at = Some(now);
                }
            }
            Change::React { emoji, on } => self.react(user, emoji, *on)?,
        }
        Ok(())
    }

    fn delete(&mut self, now: OffsetDateTime) {
        let RoomMessage { id, seq, user_id, created_at, .. } = self.message;
        self.message = RoomMessage {
            id,
            seq,
            user_id,
            name: std::mem::take(&mut self.message.name),
            text: String::new(),
            created_at,
            reply_to: None,
            mentions: Vec::new(),
            attachments: Vec::new(),
            edited_at: None,
            deleted_at: Some(now),
            reactions: Vec::new(),
        };
        for reacted in self.reacted.values_mut() {
            reacted.is = false;
        }
    }

    fn react(&mut self, user: UserId, emoji: &str, on: bool) -> Result<(), Unchanged> {
        let reactions = &mut self.message.reactions;
        let reacted = self.reacted.entry((emoji.to_owned(), user)).or_default();
        if reacted.is == on {
            return Ok(());
        }
        let is_full = reactions.len() >= REACTIONS_MAX;
        let known = reactions.iter_mut().find(|reaction| reaction.emoji == emoji);
        match (on, known) {
            (true, Some(reaction)) => {
                reaction.count = reaction.count.saturating_add(1);
                if reaction.user_ids.len() < REACTORS_MAX {
                    reaction.user_ids.push(user);
                }
            }
            (true, None) if is_full => return Err(Unchanged::TooManyReactions),
            (true, None) => {
                reactions.push(Reaction { emoji: emoji.to_owned(), count: 1, user_ids: vec![user] });
            }
            (false, known) => {
                if let Some(reaction) = known {
                    reaction.count = reaction.count.saturating_sub(1);
                    reaction.user_ids.retain(|other| *other != user);
                }
                reactions.retain(|reaction| reaction.count > 0);
            }
        }
        reacted.is = on;
        Ok(())
    }

    /// What has come of it; `None` if it is as it was.
    pub fn finish(self) -> Option<Revision> {
        let Self { before, message, reacted } = self;
        if message == before {
            return None;
        }
        let changed = |to: bool| {
            let those = reacted.iter().filter(move |(_, Reacted { was, is })| was != is && *is == to);
            those.map(|(reaction, _)| reaction.clone()).collect()
        };
        let (added, removed) = (changed(true), changed(false));
        let unmentioned = before.mentions.into_iter().filter(|user| !message.mentions.contains(user));
        Some(Revision { added, removed, unmentioned: unmentioned.collect(), message })
    }
}

#[cfg(test)]
mod tests;
