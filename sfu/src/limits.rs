//! What the media server limits.

use crate::{
    Config,
    control::{HELD_MAX, LINGER, NOTICES_MAX, PLAYERS_PER_ACCOUNT_MAX, PUBLISHERS_PER_ACCOUNT_MAX},
    recording::{MESSAGES_MAX, TRACKS_MAX, TRACKS_PER_PARTICIPANT_MAX},
    session::PLAYERS_MAX,
    shard::COMMANDS_MAX,
    tcp::{
        FRAME_BYTES_MAX, MEDIA_WAITING_MAX, NEWCOMERS_MAX, SILENCE_MAX, UNPROVED_MAX, WAITING_MAX,
        door::{CHECK_BYTES_MAX, CHECK_TIME},
    },
};
use common::limit::{Limit, bytes, time};
use std::time::Duration;

/// The media server's own limits, and the media plane's.
pub fn limits() -> Vec<Limit> {
    let config = Config::default();
    let own = [
        Limit {
            what: "participants of a media session",
            default: format!("{} participants", config.participants_max),
            setting: Some("sfu.participants_max"),
            answer: "`limit.count`",
        },
        Limit {
            what: "of these, of one user",
            default: format!("{} participants", config.participants_per_user_max),
            setting: Some("sfu.participants_per_user_max"),
            answer: "`limit.count`",
        },
        Limit {
            what: "WHIP sessions of one account, per media node",
            default: format!("{PUBLISHERS_PER_ACCOUNT_MAX} sessions"),
            setting: None,
            answer: "409 `limit.count`",
        },
        Limit {
            what: "WHEP sessions of one account, per media node",
            default: format!("{PLAYERS_PER_ACCOUNT_MAX} sessions"),
            setting: None,
            answer: "409 `limit.count`",
        },
        Limit {
            what: "WHEP sessions of a media session, beside its participants",
            default: format!("{PLAYERS_MAX} sessions"),
            setting: None,
            answer: "409 `limit.count`",
        },
        Limit {
            what: "orders that wait, per media shard",
            default: format!("{COMMANDS_MAX} orders"),
            setting: None,
            answer: "the next one waits, and then `media.unavailable`",
        },
        Limit {
            what: "events of media shards that wait",
            default: format!("{NOTICES_MAX} events"),
            setting: None,
            answer: "a shard keeps the newest of each participant and tries again",
        },
    ];
    own.into_iter()
        .chain(tcp(&config))
        .chain(moving(&config))
        .chain(recording(&config))
        .chain(sfu_core::limits())
        .collect()
}

/// Connections that end are told nothing, so that it costs nothing.
fn tcp(config: &Config) -> [Limit; 8] {
    let closed = "closed; counted in `sfu_tcp_refused_total`";
    let fixed = |what, default, answer| Limit { what, default, setting: None, answer };
    [
        Limit {
            what: "TCP connections for media, per media node",
            default: format!("{} connections", config.tcp.connections_max),
            setting: Some("sfu.tcp.connections_max"),
            answer: closed,
        },
        Limit {
            what: "of these, of a client network (an IPv4 address, a /64 of IPv6)",
            default: format!("{} connections", config.tcp.connections_per_network_max),
            setting: Some("sfu.tcp.connections_per_network_max"),
            answer: closed,
        },
        fixed(
            "TCP connections for media whose first check has not been found good, per media node",
            format!("{UNPROVED_MAX} connections; {NEWCOMERS_MAX} that wait for one shard"),
            "of the client network with the most of them, the one that has waited for longest is closed",
        ),
        fixed("time until the first check on a TCP connection for media", time(CHECK_TIME), closed),
        fixed("bytes of the first check on it", format!("{CHECK_BYTES_MAX} bytes"), closed),
        fixed(
            "a frame on it",
            format!("{FRAME_BYTES_MAX} bytes"),
            "closed; counted in `sfu_tcp_ended_total`",
        ),
        fixed(
            "time in which nothing authentic comes on it",
            time(SILENCE_MAX),
            "closed; counted in `sfu_tcp_ended_total`",
        ),
        fixed(
            "what waits for its peer to read it",
            format!("{MEDIA_WAITING_MAX} bytes with which media is added, {WAITING_MAX} bytes in all"),
            "dropped; counted in `sfu_tcp_bytes_dropped_total`",
        ),
    ]
}

fn moving(config: &Config) -> [Limit; 3] {
    [
        Limit {
            what: "time in which a media node that stops hands its sessions to others",
            default: time(Duration::from_secs(config.drain_s)),
            setting: Some("sfu.drain_s"),
            answer: "those that are left end, and clients join again",
        },
        Limit {
            what: "time in which it forwards for participants of a session that has moved",
            default: time(LINGER),
            setting: None,
            answer: "silence",
        },
        Limit {
            what: "requests that wait for the end of a move, per session",
            default: format!("{HELD_MAX} requests"),
            setting: None,
            answer: "`media.unavailable`",
        },
    ]
}

fn recording(config: &Config) -> [Limit; 6] {
    let recording = &config.recording;
    [
        Limit {
            what: "calls that are recorded, per media node; of one account half as many",
            default: format!("{} recordings", recording.recordings_max),
            setting: Some("sfu.recording.recordings_max"),
            answer: "503 `recording.unavailable`",
        },
        Limit {
            what: "a recording",
            default: time(Duration::from_secs(recording.duration_max_s)),
            setting: Some("sfu.recording.duration_max_s"),
            answer: "it ends: `durationLimit`",
        },
        Limit {
            what: "tracks of a recording; of one participant",
            default: format!("{TRACKS_MAX} tracks; {TRACKS_PER_PARTICIPANT_MAX}"),
            setting: None,
            answer: "further ones are not recorded",
        },
        Limit {
            what: "the file of a recorded track",
            default: bytes(recording.track_bytes_max),
            setting: Some("sfu.recording.track_bytes_max"),
            answer: "the track ends there: `sizeLimit`",
        },
        Limit {
            what: "free bytes of the disk that recordings leave",
            default: bytes(recording.free_bytes_min),
            setting: Some("sfu.recording.free_bytes_min"),
            answer: "recordings end: `diskFull`; 503 `recording.unavailable`",
        },
        Limit {
            what: "batches of packets that wait for the disk, per media node",
            default: format!("{MESSAGES_MAX} batches"),
            setting: None,
            answer: "further ones are not recorded, and counted as `packetsDropped`",
        },
    ]
}
