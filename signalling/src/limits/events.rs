//! Limits of connections without a WebSocket, beside those that all have.

use crate::{config::Config, events, hub, pipe};
use common::limit::{Limit, bytes, limit, time};
use std::time::Duration;

pub(super) fn all() -> Vec<Limit> {
    let fixed = |what, default, answer| limit(what, default, None, answer);
    let ping = Duration::from_secs(Config::default().ping_s);
    vec![
        limit(
            "a stream of events",
            time(ping * 2),
            Some("signalling.ping_s"),
            "it ends; the client goes on with another",
        ),
        fixed(
            "bytes of events that a request may take and has not, beside one more",
            bytes(pipe::UNTAKEN_BYTES_MAX),
            "the connection's queue grows",
        ),
        fixed(
            "bytes of events that are kept for a stream that breaks",
            bytes(pipe::KEPT_BYTES_MAX),
            "410: open another connection and resume",
        ),
        fixed(
            "bytes of events in one piece of a stream, beside one more",
            bytes(pipe::TAKE_BYTES_MAX),
            "the next piece has the rest",
        ),
        fixed(
            "what is posted at once",
            format!("{}, {} frames", bytes(events::BODY_BYTES_MAX), events::FRAMES_MAX),
            "413 `limit.size`, 422 `limit.count`",
        ),
        fixed(
            "bytes that were posted and are not read yet, before the next post",
            bytes(pipe::POSTED_BYTES_MAX),
            "the post waits",
        ),
        fixed(
            "time that a post waits for a connection that is over its rate",
            time(pipe::POST_TIME),
            "503 `unavailable`",
        ),
        fixed("bytes of posts coming in, on one instance", bytes(hub::POSTS_BYTES_MAX), "503 `unavailable`"),
        fixed(
            "bytes of posts coming in, per client network, beyond the beginning of each",
            bytes(hub::POSTS_BYTES_PER_NETWORK_MAX),
            "503 `unavailable`",
        ),
    ]
}
