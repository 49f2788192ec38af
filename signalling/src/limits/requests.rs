//! Limits of what is asked of rooms, calls, inboxes and feeds.

use crate::{config::Config, presence::status as presence_status};
use common::{
    limit::{Limit, bytes, limit, time},
    protocol::{RequestId, feed, inbox, mailbox, media, page, presence, room, rooms},
    room_name, text,
};
use signalling_core::{call, replay::ROOM_BYTES_MAX, typing};

pub(super) fn all() -> Vec<Limit> {
    let rooms_per_account_max = Config::default().rooms_per_account_max;
    let fixed = |what, default, answer| limit(what, default, None, answer);
    vec![
        fixed("a request's id, in bytes", RequestId::TEXT_MAX.to_string(), "protocol.invalidRequest"),
        fixed(
            "one answer that is a list, in one frame",
            bytes(page::FRAME_BYTES_MAX),
            "`more`: asked again, it goes on",
        ),
        fixed("text of a room message, as JSON", bytes(room::TEXT_BYTES_MAX), "limit.size"),
        fixed(
            "a name",
            format!("{} characters", text::NAME_CHARS_MAX),
            "request.invalid; from outside issuers, cut",
        ),
        fixed("rooms that a connection is in", room::ROOMS_MAX.to_string(), "limit.count"),
        limit(
            "rooms of an account that anybody is in",
            rooms_per_account_max.to_string(),
            Some("signalling.rooms_per_account_max"),
            "limit.count",
        ),
        fixed("messages and changes that are replayed", room::MESSAGES_MAX.to_string(), "recovered: false"),
        fixed("members in one answer", room::MEMBERS_MAX.to_string(), "`more`"),
        fixed(
            "members up to whom each change is told by itself",
            room::TOLD_SINGLY_MAX.to_string(),
            "their number is told, up to four times a second",
        ),
        fixed(
            "pages of members that a connection follows in a room",
            "1".to_owned(),
            "the one before is closed",
        ),
        fixed("changes in one event of presence", bytes(room::CHANGES_BYTES_MAX), "complete: false"),
        fixed("users in one answer about presence", presence::USERS_MAX.to_string(), "`more`"),
        fixed("inbox events that are replayed", inbox::EVENTS_MAX.to_string(), "recovered: false"),
        fixed(
            "text of a message in an inbox event, as JSON",
            bytes(inbox::EVENT_TEXT_BYTES_MAX),
            "cut, and `truncated`",
        ),
        fixed(
            "text of a message, as JSON",
            bytes(inbox::TEXT_BYTES_MAX),
            "request.invalid; from customers, cut",
        ),
        fixed("feeds of a connection", feed::FEEDS_MAX.to_string(), "limit.count"),
        fixed("members of a feed's filter", feed::FILTER_MAX.to_string(), "protocol.invalidParams"),
        fixed("a feed's filter, as JSON", bytes(feed::FILTER_BYTES_MAX), "protocol.invalidParams"),
        fixed("changes of a feed in one answer", feed::CHANGES_MAX.to_string(), "`more`"),
        fixed("changes of a feed that are replayed", feed::REPLAYED_MAX.to_string(), "recovered: false"),
        fixed("a row in a feed, as JSON", bytes(feed::ROW_BYTES_MAX), "its longest members are `omitted`"),
    ]
}

/// Of media sessions and calls.
pub(super) fn calls() -> Vec<Limit> {
    let fixed = |what, default, answer| limit(what, default, None, answer);
    vec![
        fixed("a session description", bytes(media::SDP_BYTES_MAX), "limit.size"),
        limit(
            "what a connection says of its state in media sessions",
            media::STATE_RATE.to_string(),
            None,
            "limit.rate",
        ),
        limit(
            "how often a connection says what it wishes of others' tracks",
            media::WISH_RATE.to_string(),
            None,
            "limit.rate",
        ),
        fixed("tracks in one `media.subscribe`", media::WISHES_MAX.to_string(), "limit.count"),
        fixed("people who are part of one call, ever", call::PARTIES_MAX.to_string(), "limit.count"),
        fixed("time that a call rings", time(call::RING_TIME), "call.ended, missed"),
        fixed(
            "time to say what came of a call's transfer to a room",
            time(call::TRANSFER_TIME),
            "call.transferFailed",
        ),
        fixed("time that a device in a call may be away", time(call::GRACE_TIME), "call.ended, lost"),
    ]
}

/// Of rooms that are joined by a name, of what is published in those that keep it for a while at most, and of status.
pub(super) fn named() -> Vec<Limit> {
    let config = Config::default();
    let fixed = |what, default, answer| limit(what, default, None, answer);
    vec![
        fixed(
            "changes of a user's status on a device",
            presence_status::STATUS_RATE.to_string(),
            "limit.rate",
        ),
        fixed("the name by which a room is joined", bytes(room_name::ROOM_NAME_BYTES_MAX), "limit.size"),
        limit(
            "durable rooms of an account that were opened by a name",
            config.named_rooms_per_account_max.to_string(),
            Some("signalling.named_rooms_per_account_max"),
            "limit.count",
        ),
        fixed(
            "the name of an event in a room",
            format!("{} characters", room::EVENT_NAME_CHARS_MAX),
            "request.invalid",
        ),
        fixed("data of an event in a room, as JSON", bytes(room::EVENT_DATA_BYTES_MAX), "limit.size"),
        limit(
            "events that a recent room keeps",
            config.recent_events_max.to_string(),
            Some("signalling.recent_events_max"),
            "recovered: false",
        ),
        fixed("bytes of events that a recent room keeps", bytes(ROOM_BYTES_MAX), "recovered: false"),
        limit(
            "time that a recent room keeps an event",
            format!("{} s", config.recent_s),
            Some("signalling.recent_s"),
            "recovered: false",
        ),
    ]
}

/// Of what becomes of a room's messages.
pub(super) fn chat() -> Vec<Limit> {
    let fixed = |what, default, answer| limit(what, default, None, answer);
    vec![
        fixed("users that a room message mentions", room::MENTIONS_MAX.to_string(), "limit.count"),
        fixed("an emoji, in bytes", room::EMOJI_BYTES_MAX.to_string(), "request.invalid"),
        fixed("different emojis on a room message", room::REACTIONS_MAX.to_string(), "limit.count"),
        fixed("users named with an emoji on a message", room::REACTORS_MAX.to_string(), "only counted"),
        fixed("unread messages that are counted", room::UNREAD_MAX.to_string(), "so many or more"),
        fixed(
            "rooms in one event that tells what is unread",
            rooms::ROOMS_TOLD_MAX.to_string(),
            "the rest in further ones",
        ),
        fixed(
            "members up to whom each is told how far the others have read",
            room::READERS_TOLD_MAX.to_string(),
            "only one's own devices are told",
        ),
        fixed(
            "time that somebody types who does not say so again",
            time(typing::TYPING_TIME),
            "typing: false",
        ),
        fixed("entries of a mailbox", mailbox::ENTRIES_MAX.to_string(), "the oldest go"),
        fixed("entries of a mailbox in one answer", mailbox::PAGE_MAX.to_string(), "complete: false"),
    ]
}
