//! Limits of sockets: how many, how fast, how long.

use crate::{
    client::{self, queue},
    config::Config,
    connection::{
        EXPIRY_GRACE_S, GOODBYE_TIME, MESSAGE_BYTES_MAX, NONSENSE_MAX, SLOW_GOODBYE_TIME, WRITE_DEADLINE,
        flow, lane, open,
    },
    wire,
};
use common::limit::{self, Limit, limit};

const NO_PLACE: &str = "HTTP 503, limit.count, before the upgrade";
const NO_PLACE_OF_NETWORK: &str = "HTTP 429, limit.count, before the upgrade";
const TURNED_OUT: &str =
    "of the client network that has most of them, the one that has waited longest is closed with 4003";
const NO_SEAT: &str = "limit.count, then close 4003";
const SLOWED: &str =
    "limit.rate for a while, then the socket is not read until there is room, close 4501 if it goes on";
const PAUSED: &str = "the socket is not read until there is room, close 4501 if it goes on";

pub(super) fn slots() -> Vec<Limit> {
    let config = Config::default();
    let setting = |what, value: usize, setting, answer| limit(what, value.to_string(), Some(setting), answer);
    vec![
        setting("sockets of an instance", config.connections_max, "signalling.connections_max", NO_PLACE),
        setting(
            "sockets of a client network (an IPv4 address, a /64 of IPv6)",
            config.connections_per_network_max,
            "signalling.connections_per_network_max",
            NO_PLACE_OF_NETWORK,
        ),
        setting(
            "sockets of an account",
            config.connections_per_account_max,
            "signalling.connections_per_account_max",
            NO_SEAT,
        ),
        setting(
            "sockets of a user or guest",
            config.connections_per_user_max,
            "signalling.connections_per_user_max",
            NO_SEAT,
        ),
        setting(
            "unauthenticated connections",
            config.unauthenticated_max,
            "signalling.unauthenticated_max",
            TURNED_OUT,
        ),
        setting(
            "unauthenticated connections of a client network",
            config.unauthenticated_per_network_max,
            "signalling.unauthenticated_per_network_max",
            NO_PLACE_OF_NETWORK,
        ),
    ]
}

pub(super) fn rates() -> Vec<Limit> {
    let config = Config::default();
    let (guest, user, account) = (&config.guest, config.user_factor, config.account_factor);
    let rate = |per_second: u32, burst: u32| format!("{per_second}, {burst} at once");
    let bytes = |per_second: u32, burst: u32| {
        format!("{}, {} at once", limit::bytes(per_second), limit::bytes(burst))
    };
    vec![
        limit(
            "frames a second of a person's connection",
            rate(config.requests_per_second, config.requests_burst),
            Some("signalling.requests_per_second"),
            SLOWED,
        ),
        limit(
            "bytes a second from a person's connection",
            bytes(config.bytes_per_second, config.bytes_burst),
            Some("signalling.bytes_per_second"),
            PAUSED,
        ),
        limit(
            "frames a second of a guest, on all connections",
            rate(guest.requests_per_second, guest.requests_burst),
            Some("signalling.guest.requests_per_second"),
            SLOWED,
        ),
        limit(
            "bytes a second from a guest, on all connections",
            bytes(guest.bytes_per_second, guest.bytes_burst),
            Some("signalling.guest.bytes_per_second"),
            PAUSED,
        ),
        limit(
            "frames and bytes a second from a person, on all connections",
            format!("{user} times one connection's"),
            Some("signalling.user_factor"),
            SLOWED,
        ),
        limit(
            "frames and bytes a second from an account, on all connections",
            format!("{account} times one connection's"),
            Some("signalling.account_factor"),
            SLOWED,
        ),
        limit(
            "frames and bytes a second from a client network, on all connections",
            format!("{} times one connection's", config.network_factor),
            Some("signalling.network_factor"),
            SLOWED,
        ),
        limit(
            "what an instance lets through of a rate of a user, an account or a client network before it tells the others",
            "a tenth of what may be sent at once".to_owned(),
            None,
            "one gets so much more on each instance",
        ),
        limit(
            "limit.rate answers before a connection is slowed down without a word",
            flow::REFUSALS_MAX.to_string(),
            None,
            PAUSED,
        ),
        limit(
            "time that a connection may be slowed down",
            format!("{} s and half of the time", flow::PATIENCE.burst / 1000),
            None,
            "close 4501",
        ),
    ]
}

pub(super) fn deadlines() -> Vec<Limit> {
    let config = Config::default();
    let times = [
        ("time until connection.open", open::OPEN_TIMEOUT, "close 4500"),
        ("time in which the client takes nothing of what is written to it", WRITE_DEADLINE, "reset"),
        ("time in which the client acknowledges nothing", wire::SILENT_PEER_TIME, "reset"),
        ("time for a goodbye", GOODBYE_TIME, "reset"),
        ("time for a goodbye to a client that reads slowly", SLOW_GOODBYE_TIME, "reset"),
        (
            "time that a request waits for Redis",
            bus::WAIT_MAX,
            "what is stored goes on without it; else `unavailable`",
        ),
    ];
    let fixed = times.map(|(what, time, answer)| limit(what, limit::time(time), None, answer));
    let mut limits = fixed.to_vec();
    limits.push(limit(
        "silence of a client",
        format!("{} s", config.ping_s * 2),
        Some("signalling.ping_s"),
        "close 4001",
    ));
    let grace = format!("{EXPIRY_GRACE_S} s");
    limits.push(limit("time beyond a token's end", grace, None, "close 4002"));
    limits
}

pub(super) fn queues() -> Vec<Limit> {
    let number = |what, value: usize, answer| limit(what, value.to_string(), None, answer);
    let bytes = |what, value: usize, answer| limit(what, limit::bytes(value), None, answer);
    vec![
        bytes("a frame or message from a client", MESSAGE_BYTES_MAX, "close 1009"),
        number("frames in a row that are no requests", count(NONSENSE_MAX), "close 4501"),
        number("frames of an unauthenticated connection", count(open::ATTEMPTS_MAX), "close 4500"),
        bytes("bytes of an unauthenticated connection", open::ATTEMPT_BYTES_MAX, "close 4501"),
        number("events that wait for a socket", queue::QUEUE_FRAMES, "close 4000: come back and resume"),
        bytes(
            "bytes of events that wait for a socket",
            queue::QUEUE_BYTES,
            "close 4000: come back and resume",
        ),
        number(
            "answers that wait for a socket",
            queue::ANSWERS_WAITING,
            "no further request is begun until there is room",
        ),
        bytes("an answer to a request", queue::ANSWER_BYTES_MAX, "internal"),
        number(
            "requests of a socket that wait, in each of two lanes",
            lane::WAITING_MAX,
            "the socket is not read until there is room",
        ),
        bytes(
            "bytes of requests of a socket that wait, in each of two lanes",
            lane::WAITING_BYTES_MAX,
            "the socket is not read until there is room",
        ),
        number(
            "messages of a connection that wait to be stored",
            count(client::POSTS_MAX),
            "the next one waits, and what follows it",
        ),
        bytes(
            "bytes that the kernel may hold of a socket",
            wire::SEND_BUFFER_BYTES,
            "the socket's queue grows",
        ),
        bytes(
            "bytes that the kernel may hold unsent of a socket",
            wire::UNSENT_BYTES,
            "the socket's queue grows",
        ),
    ]
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
