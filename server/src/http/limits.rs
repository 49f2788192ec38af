//! The listener's limits, for the table.

use super::{
    COLLECTORS_MAX, REQUEST_ID_CHARS_MAX,
    accept::{HEAD_BYTES_MAX, HEADERS_MAX},
    forwarded::HOPS_MAX,
    gate::{REMEMBERED, WRONG_KEYS},
    proxy_protocol::REST_BYTES_MAX,
    slots::RESERVED,
};
use crate::{config::Http, health::PING_EVERY};
use common::{
    bucket::Rate,
    limit::{Limit, bytes, limit, time},
};
use std::time::Duration;

/// The limits of the listener.
pub(crate) fn limits() -> Vec<Limit> {
    let default = Http::default();
    [connections(&default), body_limits(&default), stranger_limits(&default), other_limits(&default)].concat()
}

fn connections(default: &Http) -> Vec<Limit> {
    vec![
        limit(
            "connections, on one instance",
            format!("{}, or what the descriptor limit allows", default.connections_max),
            Some("http.connections_max"),
            "the longest idle one is closed; if all are at work, 503 `unavailable` for all but `/health` and `/ready`",
        ),
        limit(
            "connections kept for `/health` and `/ready`",
            RESERVED.to_string(),
            None,
            "the longest idle one is closed",
        ),
        limit(
            "how often `/ready` asks the database",
            format!("every {}", time(PING_EVERY)),
            None,
            "the last answer",
        ),
        limit(
            "connections, per client network, sockets of the hub apart",
            format!("{}, at most a quarter of all", default.connections_per_network_max),
            Some("http.connections_per_network_max"),
            "its longest idle one is closed; if all are at work, 503 `unavailable`, and behind `http.proxy_protocol` closed",
        ),
        limit(
            "the first byte of a connection, and the rest of a request's head from its first byte, each",
            time(Duration::from_secs(default.header_s)),
            Some("http.header_s"),
            "closed",
        ),
        limit("the head of a request, size", bytes(HEAD_BYTES_MAX), None, "431, closed"),
        limit("the head of a request, headers", HEADERS_MAX.to_string(), None, "431, closed"),
        limit(
            "between two requests, also before the rest of a head that came with the one before",
            time(Duration::from_secs(default.idle_s)),
            Some("http.idle_s"),
            "closed",
        ),
    ]
}

fn body_limits(default: &Http) -> Vec<Limit> {
    vec![
        limit(
            "a request's body standing still",
            time(Duration::from_secs(default.body_s)),
            Some("http.body_s"),
            "408, closed",
        ),
        limit(
            "bytes of requests' bodies coming in, on one instance; a quarter is kept for small ones",
            bytes(default.body_bytes_max),
            Some("http.body_bytes_max"),
            "503 `unavailable`",
        ),
        limit(
            "bytes of requests' bodies coming in, per client network, beyond the beginning of each",
            format!(
                "{}; beginning: {}",
                bytes(default.body_bytes_per_network_max),
                bytes(ingress::BEGINNING_BYTES)
            ),
            Some("http.body_bytes_per_network_max"),
            "503 `unavailable`",
        ),
        limit(
            "an answer of which nothing is taken",
            time(Duration::from_secs(default.write_s)),
            Some("http.write_s"),
            "closed",
        ),
        limit(
            "a request in all",
            time(Duration::from_secs(default.timeout_s)),
            Some("http.timeout_s"),
            "503 `unavailable`",
        ),
        limit(
            "the same, of a request that uploads a file",
            time(Duration::from_secs(default.upload_s)),
            Some("http.upload_s"),
            "503 `unavailable`",
        ),
    ]
}

fn stranger_limits(default: &Http) -> Vec<Limit> {
    let anonymous = Rate::per_second(default.anonymous_burst, default.anonymous_per_second).to_string();
    vec![
        limit(
            "requests to the API without a token, per client network; `/v1/auth/…`, `/v1/asyncapi.json`, `/v1/openapi.json`, `/v1/ws` and `/v1/events` with one too",
            anonymous.clone(),
            Some("http.anonymous_per_second"),
            "429 `limit.rate`",
        ),
        limit(
            "requests to the API with a token or key that nothing accepts, per client network",
            anonymous,
            Some("http.anonymous_per_second"),
            "429 `limit.rate`, not for tokens that were good within an hour and keys within a day",
        ),
        limit(
            "wrong API keys, per client network",
            WRONG_KEYS.to_string(),
            None,
            "429 `limit.rate`, not for keys that were good within a day",
        ),
        limit(
            "networks, keys and tokens remembered for these, of each",
            REMEMBERED.to_string(),
            None,
            "the least used are forgotten",
        ),
    ]
}

fn other_limits(default: &Http) -> Vec<Limit> {
    vec![
        limit(
            "proxies in a row that are believed",
            HOPS_MAX.to_string(),
            None,
            "the last of them counts as the client",
        ),
        limit("what follows a header of the PROXY protocol", bytes(REST_BYTES_MAX), None, "closed"),
        limit("a proxy's request id", format!("{REQUEST_ID_CHARS_MAX} characters"), None, "replaced"),
        limit("connections for metrics", COLLECTORS_MAX.to_string(), None, "as above"),
        limit(
            "requests being answered when the server ends",
            time(Duration::from_secs(default.drain_s)),
            Some("http.drain_s"),
            "closed",
        ),
    ]
}
