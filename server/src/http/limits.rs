//! The listener's limits, for the table.

use super::{
    BODY_BYTES_MAX, COLLECTORS_MAX, REQUEST_ID_CHARS_MAX,
    accept::{HEAD_BYTES_MAX, HEADERS_MAX},
    forwarded::HOPS_MAX,
    gate::{REMEMBERED, WRONG_KEYS},
    proxy_protocol::REST_BYTES_MAX,
    seats::RESERVED,
};
use crate::config::Http;
use common::limit::Limit;

/// What the listener limits.
pub(crate) fn limits() -> Vec<Limit> {
    let default = Http::default();
    let seconds = |seconds: u64| format!("{seconds} s");
    let mut limits = Vec::new();
    let mut add = |what, default, setting, answer| limits.push(Limit { what, default, setting, answer });
    add(
        "connections, on one instance",
        format!("{}, or what the descriptor limit allows", default.connections_max),
        Some("http.connections_max"),
        "the longest idle one is closed; if all are at work, 503 `unavailable` for all but `/health` and `/ready`",
    );
    add(
        "connections kept for `/health` and `/ready`",
        RESERVED.to_string(),
        None,
        "the longest idle one is closed",
    );
    add(
        "connections, per client network",
        default.connections_per_network_max.to_string(),
        Some("http.connections_per_network_max"),
        "its longest idle one is closed; if all are at work, 503 `unavailable`",
    );
    add("the head of a request, time", seconds(default.header_s), Some("http.header_s"), "closed");
    add("the head of a request, size", format!("{HEAD_BYTES_MAX} bytes"), None, "431, closed");
    add("the head of a request, headers", HEADERS_MAX.to_string(), None, "431, closed");
    add("between two requests", seconds(default.idle_s), Some("http.idle_s"), "closed");
    add("a request's body standing still", seconds(default.body_s), Some("http.body_s"), "408, closed");
    add("an answer of which nothing is taken", seconds(default.write_s), Some("http.write_s"), "closed");
    add("a request in all", seconds(default.timeout_s), Some("http.timeout_s"), "503 `unavailable`");
    add(
        "a request's body, size, outside the API",
        format!("{BODY_BYTES_MAX} bytes"),
        None,
        "413 `limit.size`",
    );
    add(
        "requests to the API without a token, per client network",
        format!("{} a second, {} at once", default.anonymous_per_second, default.anonymous_burst),
        Some("http.anonymous_per_second"),
        "429 `limit.rate`",
    );
    add(
        "wrong API keys, per client network",
        format!("{} at once, then one every {} s", WRONG_KEYS.burst, WRONG_KEYS.every.as_secs()),
        None,
        "429 `limit.rate`, not for keys that were good within a day",
    );
    add(
        "networks and keys remembered for these",
        REMEMBERED.to_string(),
        None,
        "the least used are forgotten",
    );
    add(
        "proxies in a row that are believed",
        HOPS_MAX.to_string(),
        None,
        "the last of them counts as the client",
    );
    add("what follows a header of the PROXY protocol", format!("{REST_BYTES_MAX} bytes"), None, "closed");
    add("a proxy's request id", format!("{REQUEST_ID_CHARS_MAX} characters"), None, "replaced");
    add("connections for metrics", COLLECTORS_MAX.to_string(), None, "as above");
    add(
        "requests being answered when the server ends",
        seconds(default.drain_s),
        Some("http.drain_s"),
        "closed",
    );
    limits
}
