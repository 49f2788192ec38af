//! A message under every change there is.

use super::*;
use common::{
    id::{AttachmentId, RoomMessageId},
    protocol::room::RoomAttachment,
};
use std::{collections::BTreeSet, time::Duration};
use uuid::Uuid;

fn user(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(n))
}

fn at(seconds: u64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn said() -> RoomMessage {
    RoomMessage {
        id: RoomMessageId::from_uuid(Uuid::nil()),
        seq: 7,
        user_id: user(1),
        name: "Ada".to_owned(),
        text: "hello".to_owned(),
        created_at: at(0),
        reply_to: Some(3),
        mentions: vec![user(2)],
        attachments: Vec::new(),
        edited_at: None,
        deleted_at: None,
        reactions: Vec::new(),
    }
}

fn file() -> RoomAttachment {
    RoomAttachment {
        id: AttachmentId::from_uuid(Uuid::nil()),
        file_name: "photo.jpg".to_owned(),
        mime_type: "image/jpeg".to_owned(),
        size_bytes: 1,
        width: None,
        height: None,
        has_thumbnail: false,
    }
}

fn edit(text: &str) -> Change {
    Change::Edit { text: text.to_owned() }
}

fn react(emoji: &str, on: bool) -> Change {
    Change::React { emoji: emoji.to_owned(), on }
}

#[test]
fn what_changes_nothing_leaves_nothing_to_be_stored() {
    let mut draft = Draft::new(said(), []);
    for change in [edit("hello"), react("👍", false)] {
        draft.apply(user(1), &change, at(1)).unwrap();
    }
    assert_eq!(draft.finish(), None);
    let mut there_and_back = Draft::new(said(), []);
    for on in [true, true, false, false] {
        there_and_back.apply(user(2), &react("👍", on), at(1)).unwrap();
    }
    assert_eq!(there_and_back.finish(), None);
}

#[test]
fn an_edit_replaces_the_text_and_keeps_the_rest() {
    let mut draft = Draft::new(said(), []);
    draft.apply(user(1), &edit("hallo"), at(5)).unwrap();
    let Revision { message, added, removed, unmentioned } = draft.finish().unwrap();
    assert_eq!(message, RoomMessage { text: "hallo".to_owned(), edited_at: Some(at(5)), ..said() });
    assert!(added.is_empty() && removed.is_empty() && unmentioned.is_empty());
}

#[test]
fn an_edit_leaves_a_message_without_a_text_only_if_it_has_attachments() {
    let mut text = Draft::new(said(), []);
    assert_eq!(text.apply(user(1), &edit(""), at(5)), Err(Unchanged::Empty));
    assert_eq!(text.finish(), None);
    let with_file = RoomMessage { attachments: vec![file()], ..said() };
    let mut picture = Draft::new(with_file.clone(), []);
    picture.apply(user(1), &edit(""), at(5)).unwrap();
    let message = picture.finish().unwrap().message;
    assert_eq!(message, RoomMessage { text: String::new(), edited_at: Some(at(5)), ..with_file.clone() });
    let mut gone = Draft::new(with_file, []);
    gone.apply(user(1), &Change::Delete, at(6)).unwrap();
    assert!(gone.finish().unwrap().message.attachments.is_empty());
}

#[test]
fn of_a_deleted_message_nothing_is_left_but_that_it_was_there() {
    let mut draft = Draft::new(said(), []);
    draft.apply(user(2), &react("👍", true), at(1)).unwrap();
    draft.apply(user(1), &Change::Delete, at(2)).unwrap();
    draft.apply(user(3), &Change::Delete, at(3)).unwrap();
    for late in [edit("again"), react("👍", true)] {
        assert_eq!(draft.apply(user(1), &late, at(4)), Err(Unchanged::Deleted));
    }
    let Revision { message, added, unmentioned, .. } = draft.finish().unwrap();
    assert_eq!((message.text.as_str(), &message.reactions, &message.mentions), ("", &vec![], &vec![]));
    assert_eq!((message.deleted_at, message.seq, message.user_id), (Some(at(2)), 7, user(1)));
    assert_eq!((added, unmentioned), (vec![], vec![user(2)]), "who reacted meanwhile is not stored");
}

#[test]
fn only_authors_edit_and_moderators_delete() {
    assert_eq!(edit("x").action(true), Some(Action::Edit));
    assert_eq!(edit("x").action(false), None);
    assert_eq!(Change::Delete.action(true), Some(Action::Edit));
    assert_eq!(Change::Delete.action(false), Some(Action::Moderate));
    assert_eq!(react("👍", true).action(false), Some(Action::React));
}

/// Against a model that has every reaction; what is named and counted follows from it, and so does what is stored.
#[test]
fn reactions_are_counted_once_for_each_user_and_emoji() {
    const EMOJIS: u128 = 25;
    let mut state = 9_u64;
    let mut roll = |sides: u128| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u128::from(state) % sides
    };
    let (mut message, mut model) = (said(), BTreeSet::<(String, UserId)>::new());
    let mut refused = 0;
    for _ in 0..400 {
        let mut draft = Draft::new(message.clone(), model.iter().cloned());
        let before = model.clone();
        for _ in 0..8 {
            let (emoji, user, on) = (format!("e{}", roll(EMOJIS)), user(roll(40)), roll(3) > 0);
            let different: BTreeSet<_> = model.iter().map(|(emoji, _)| emoji.clone()).collect();
            let is_one_more = on && !different.contains(&emoji) && different.len() == REACTIONS_MAX;
            let outcome = draft.apply(user, &react(&emoji, on), at(1));
            assert_eq!(outcome, if is_one_more { Err(Unchanged::TooManyReactions) } else { Ok(()) });
            refused += usize::from(is_one_more);
            match on && !is_one_more {
                true => drop(model.insert((emoji, user))),
                false if !on => drop(model.remove(&(emoji, user))),
                false => {}
            }
        }
        let Some(revision) = draft.finish() else {
            assert_eq!(before, model);
            continue;
        };
        let mut stored = before;
        for gone in &revision.removed {
            assert!(stored.remove(gone));
        }
        assert!(revision.added.into_iter().all(|new| stored.insert(new)));
        assert_eq!(stored, model);
        message = revision.message;
        assert!(message.reactions.len() <= REACTIONS_MAX);
        for Reaction { emoji, count, user_ids } in &message.reactions {
            let all: BTreeSet<_> =
                model.iter().filter(|(of, _)| of == emoji).map(|(_, user)| *user).collect();
            assert_eq!(usize::try_from(*count).unwrap(), all.len());
            assert!(user_ids.len() <= REACTORS_MAX && user_ids.iter().all(|user| all.contains(user)));
        }
        let counted: usize =
            message.reactions.iter().map(|reaction| usize::try_from(reaction.count).unwrap()).sum();
        assert_eq!(counted, model.len());
    }
    assert!(refused > 10, "the limit was reached {refused} times");
}
