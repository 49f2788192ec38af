//! What the media plane limits.

use crate::{
    arrival_feedback,
    budget::{self, incoming},
    data::{
        self,
        envelope::{DESTINATIONS_MAX, LOSSY_BYTES_MAX, RELIABLE_BYTES_MAX, TOPIC_BYTES_MAX},
    },
    encoding::SILENCE_MAX as SILENCE_MAX_OF_ENCODING,
    keyframe::KEYFRAME_INTERVAL,
    layer::ENCODINGS_MAX,
    negotiation::offering::{ANSWER_TIME, SECTIONS_PER_KIND_MAX, UNANSWERED_MAX},
    pacer::WAITING_MAX,
    report::REPORT_INTERVAL_MIN,
    rtcp::{ITEMS_MAX, STATUSES_MAX},
    sdp::bounds,
    srtp::STREAMS_MAX,
    stun,
    subscription::RESEND_INTERVAL_MIN,
    transport::{
        addresses::{ADDRESSES_MAX, CONSENT_TIME, HOLD_TIME},
        agent::{DOUBT_TIME, FORMER_TIME},
        handshake::FAULT_TIME,
        phase::{AMPLIFICATION_MAX, FIRST_CHECK_TIME, HANDSHAKE_TIME, SILENCE_MAX},
    },
};
use common::{
    bucket::Rate,
    limit::{Limit, time},
    protocol::media::{SDP_BYTES_MAX, TrackSource},
};

const LOST: &str = "the participant leaves the session, which `media.changed` tells";
const INVALID: &str = "`media.invalidSdp`";
const NOT_SENT: &str = "silence; counted in `sfu_resends_refused_total`";
const NOT_FORWARDED: &str = "not forwarded; counted in `sfu_packets_refused_total`";
const REFUSED: &str = "silence; counted in `sfu_datagrams_refused_total`";

/// All of them. None has a setting: they bound attacks and not use.
pub fn limits() -> Vec<Limit> {
    [descriptions(), offers(), transports(), media(), data(), feedback()].concat()
}

fn descriptions() -> Vec<Limit> {
    vec![
        fixed("bytes of a session description", count(SDP_BYTES_MAX, "bytes"), INVALID),
        fixed("lines of a session description", count(bounds::LINES_MAX, "lines"), INVALID),
        fixed("the longest line of a session description", count(bounds::LINE_BYTES_MAX, "bytes"), INVALID),
        fixed("media sections of a session description", count(bounds::SECTIONS_MAX, "sections"), INVALID),
        fixed("attributes, per media section", count(bounds::ATTRIBUTES_MAX, "attributes"), INVALID),
        fixed("candidates, per media section", count(bounds::CANDIDATES_MAX, "candidates"), INVALID),
        fixed("formats, per media section", count(bounds::FORMATS_MAX, "formats"), INVALID),
        fixed("encodings, per media section", count(bounds::ENCODINGS_MAX, "encodings"), INVALID),
        fixed(
            "encodings of one picture that are taken",
            count(ENCODINGS_MAX, "encodings"),
            "the smallest are not asked for",
        ),
        fixed(
            "certificates of a session description",
            count(bounds::FINGERPRINTS_MAX, "fingerprints"),
            INVALID,
        ),
        fixed(
            "tracks that a participant sends",
            format!("{}, one from each source", count(TrackSource::ALL.len(), "tracks")),
            "`media.duplicateSource`",
        ),
    ]
}

fn offers() -> Vec<Limit> {
    vec![
        fixed(
            "tracks that a participant is offered",
            count(SECTIONS_PER_KIND_MAX, "voices and as many pictures"),
            "not offered; everybody's first voice and picture come before anybody's second",
        ),
        fixed(
            "time to answer an offer",
            time(ANSWER_TIME),
            "another offer with what has changed since; the late answer is `media.staleAnswer`",
        ),
        fixed(
            "unanswered offers in a row of a participant without a connection",
            count(UNANSWERED_MAX.into(), "offers"),
            LOST,
        ),
    ]
}

fn transports() -> Vec<Limit> {
    vec![
        fixed("transports, per participant", "1 to send and 1 to receive".to_owned(), "used again"),
        fixed(
            "remote addresses, per transport",
            count(ADDRESSES_MAX, "addresses"),
            "the one that was checked from longest ago is forgotten",
        ),
        fixed(
            "time after its transport was heard from an address in which no other gets it",
            time(HOLD_TIME),
            REFUSED,
        ),
        fixed("time until the first connectivity check", time(FIRST_CHECK_TIME), LOST),
        fixed(
            "time from the first connectivity check to the end of the handshake",
            time(HANDSHAKE_TIME),
            LOST,
        ),
        fixed("time to get over what is wrong in a handshake", time(FAULT_TIME), LOST),
        fixed(
            "time in which former ICE credentials are good after a restart, until the new ones are used",
            time(FORMER_TIME),
            REFUSED,
        ),
        fixed(
            "time to answer the server's check when other checks come from elsewhere",
            time(DOUBT_TIME),
            "media goes to where they come from, as soon as that answers",
        ),
        fixed("silence of a connected transport", time(SILENCE_MAX), LOST),
        fixed(
            "time after an address last answered a check of the server's in which it is sent to",
            time(CONSENT_TIME),
            "no media until it answers again, or another address that checks come from",
        ),
        fixed(
            "bytes sent to a peer before its handshake is done, per byte that came",
            count(AMPLIFICATION_MAX, "bytes"),
            "silence",
        ),
        fixed(
            "bytes sent to an address that has not answered the server's check, per byte that came",
            count(AMPLIFICATION_MAX, "bytes, none of them media"),
            "silence; media goes on to where it went before",
        ),
        fixed(
            "incoming streams that are remembered, per transport",
            count(STREAMS_MAX, "streams of RTP and as many of RTCP"),
            "the one that was silent for longest is forgotten",
        ),
        fixed("attributes of a STUN message", count(stun::read::ATTRIBUTES_MAX, "attributes"), REFUSED),
        fixed("datagrams without a valid key", "no memory and no answer".to_owned(), REFUSED),
    ]
}

fn media() -> Vec<Limit> {
    let most = |rate: Rate| format!("{} Mbit/s, and {} kB at once", rate.count / 125_000, rate.burst / 1000);
    vec![
        fixed("what a participant sends as one picture", most(incoming::VIDEO), NOT_FORWARDED),
        fixed("what a participant sends as one voice", most(incoming::AUDIO), NOT_FORWARDED),
        fixed("what a participant sends in all", most(incoming::TRANSPORT), NOT_FORWARDED),
        fixed(
            "silence of one of several encodings of a picture",
            time(SILENCE_MAX_OF_ENCODING),
            "its receivers get another, as soon as a key frame of that comes",
        ),
        fixed("what a packet counts as at least", count(incoming::PACKET_BYTES_MIN, "bytes"), NOT_FORWARDED),
    ]
}

fn data() -> Vec<Limit> {
    let malformed = "dropped; counted in `sfu_data_dropped_total`, reason `malformed`";
    vec![
        fixed(
            "data in a session: bytes of a reliable message",
            count(RELIABLE_BYTES_MAX, "bytes"),
            malformed,
        ),
        fixed("data in a session: bytes of a lossy message", count(LOSSY_BYTES_MAX, "bytes"), malformed),
        fixed("data in a session: bytes of a topic", count(TOPIC_BYTES_MAX, "bytes"), malformed),
        fixed(
            "data in a session: participants whom one message is for, by name",
            count(DESTINATIONS_MAX, "participants"),
            malformed,
        ),
        fixed(
            "data in a session: messages of a participant",
            data::MESSAGES.to_string(),
            "reliable ones wait with their sender; lossy ones are dropped, reason `rate`",
        ),
        fixed("data in a session: bytes of a participant", data::BYTES.to_string(), "likewise"),
        fixed(
            "data in a session: bytes that wait for a receiver, with which it gets lossy messages",
            count(data::LOSSY_WAITING_MAX, "bytes"),
            "dropped for it, reason `full`",
        ),
        fixed(
            "data in a session: bytes that wait for a receiver",
            count(data::WAITING_MAX, "bytes"),
            "it is cut off from data, and from nothing else; counted in `sfu_data_cut_total`",
        ),
        fixed(
            "data in a session: streams of one transport",
            count(data::STREAMS_MAX, "streams"),
            "it is cut off from data",
        ),
        fixed(
            "data in a session: bytes of packets whose messages are not read yet, per transport",
            count(data::KEPT_BYTES_MAX, "bytes"),
            "it is cut off from data",
        ),
        fixed(
            "data in a session: associations of SCTP, per transport",
            "1 association".to_owned(),
            "silence",
        ),
    ]
}

fn feedback() -> Vec<Limit> {
    vec![
        fixed(
            "what is sent again within a second, per transport",
            format!(
                "1/{} of what was forwarded, at least {} kbit/s; and 1/{} of what its network is thought to carry",
                budget::SHARE,
                budget::FLOOR_BYTES / 125,
                budget::ESTIMATE_SHARE
            ),
            NOT_SENT,
        ),
        fixed(
            "packets that wait for their turn, per transport",
            count(WAITING_MAX, "pictures' and as many that are sent again"),
            "not sent; counted in `sfu_packets_overdue_total`",
        ),
        fixed(
            "time after which a packet is sent again once more",
            format!("the round trip, at least {}", time(RESEND_INTERVAL_MIN)),
            "silence",
        ),
        fixed("things read of one RTCP datagram", count(ITEMS_MAX, "things"), "the rest is not read"),
        fixed(
            "packets that the transport-wide feedback of one RTCP datagram speaks of",
            count(STATUSES_MAX, "packets"),
            "the rest is not read",
        ),
        fixed(
            "time between key frames asked of a publisher, per encoding",
            time(KEYFRAME_INTERVAL),
            "asked later",
        ),
        fixed(
            "packets of which is kept when they arrived, per transport",
            count(arrival_feedback::NUMBERS_KEPT, "packets, by their transport-wide numbers"),
            "of what comes later, or before a leap, nothing is told",
        ),
        fixed(
            "time between transport-wide feedback, per transport",
            format!(
                "{} to {}, by how many packets come",
                time(arrival_feedback::INTERVAL_MIN),
                time(arrival_feedback::INTERVAL_MAX)
            ),
            "told later",
        ),
        fixed("time between sender reports passed on, per encoding", time(REPORT_INTERVAL_MIN), "silence"),
    ]
}

const fn fixed(what: &'static str, default: String, answer: &'static str) -> Limit {
    Limit { what, default, setting: None, answer }
}

fn count(most: usize, of: &str) -> String {
    format!("{most} {of}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_limit_is_named_once_and_says_how_much() {
        let limits = limits();
        let names: BTreeSet<_> = limits.iter().map(|limit| limit.what).collect();
        assert_eq!(names.len(), limits.len());
        assert!(limits.iter().all(|limit| limit.default.contains(|it: char| it.is_ascii_digit())
            || limit.default.starts_with("no ")));
    }
}
