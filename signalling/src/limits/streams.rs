//! Limits of what is asked of rooms, calls, inboxes and feeds.

use super::{kib, limit, seconds};
use common::{
    limit::Limit,
    protocol::{RequestId, feed, inbox, media, room},
};
use signalling_core::call;

pub(super) fn all() -> Vec<Limit> {
    let fixed = |what, default, answer| limit(what, default, None, answer);
    vec![
        fixed("a request's id, in bytes", RequestId::TEXT_MAX.to_string(), "protocol.invalid_request"),
        fixed("text of a room message", kib(room::TEXT_BYTES_MAX), "limit.size"),
        fixed("messages in one answer", room::MESSAGES_MAX.to_string(), "recovered: false, or fewer"),
        fixed("a session description", kib(media::SDP_BYTES_MAX), "limit.size"),
        fixed("inbox events that are replayed", inbox::EVENTS_MAX.to_string(), "recovered: false"),
        fixed("feeds of a connection", feed::FEEDS_MAX.to_string(), "limit.count"),
        fixed("members of a feed's filter", feed::FILTER_MAX.to_string(), "protocol.invalid_params"),
        fixed("changes of a feed that are replayed", feed::CHANGES_MAX.to_string(), "recovered: false"),
        fixed("time that a call rings", seconds(call::RING_TIME), "call.ended, missed"),
        fixed("time that a device in a call may be away", seconds(call::GRACE_TIME), "call.ended, lost"),
    ]
}
