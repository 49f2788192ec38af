//! The encodings of a track: one, or several of the same picture for receivers to choose from
//! (simulcast, RFC 8853).

use super::{SdpError, bounds::ENCODINGS_MAX, description::Attributes};

/// One of the streams that a section sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Its name (RFC 8851), if it has one.
    pub rid: Option<String>,
    /// Its stream, if that is named.
    pub ssrc: Option<u32>,
    /// The stream in which it is sent again.
    pub rtx_ssrc: Option<u32>,
    /// How large it is at most, as far as its name comes with such bounds.
    size_max: Size,
}

/// How much an encoding shows: pixels first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Size {
    pixels: u64,
    bits_per_second: u64,
}

/// The encodings that a section sends, in the description's order.
///
/// Streams belong to names in the same order if there are as many; browsers say nothing else about it.
///
/// # Errors
/// [`SdpError::TooMany`].
pub(super) fn read(attributes: &Attributes<'_>) -> Result<Vec<Encoding>, SdpError> {
    let streams = streams(attributes)?;
    let rids = rids(attributes)?;
    if rids.is_empty() {
        return Ok(streams);
    }
    let are_named = streams.len() == rids.len();
    let of = |index: usize| streams.get(index).filter(|_| are_named).cloned().unwrap_or_default();
    let named = rids.into_iter().enumerate();
    Ok(named
        .map(|(index, rid)| Encoding { ssrc: of(index).ssrc, rtx_ssrc: of(index).rtx_ssrc, ..rid })
        .collect())
}

/// Encodings of one track that are taken at most: what browsers send. Each keeps its packets for those who miss some.
pub(crate) const TAKEN_MAX: usize = 3;

/// Those of a section's encodings that are taken, in the description's order: the best of them, and where nothing is
/// said of them one without a name.
pub(super) fn taken(mut encodings: Vec<Encoding>) -> Vec<Encoding> {
    while encodings.len() > TAKEN_MAX {
        let smallest = encodings.iter().enumerate().min_by_key(|(_, encoding)| encoding.size_max);
        let Some((index, _)) = smallest else { break };
        encodings.remove(index);
    }
    if encodings.is_empty() {
        encodings.push(Encoding::default());
    }
    let are_named = encodings.len() > 1 && encodings.iter().all(|encoding| encoding.rid.is_some());
    if are_named {
        // Under which of its SSRCs a client sends which of them, its packets say and its description does not:
        // the order of Firefox's SSRCs is not that of its rids.
        for encoding in &mut encodings {
            (encoding.ssrc, encoding.rtx_ssrc) = (None, None);
        }
    }
    encodings
}

/// Encodings from the worst to the best: by their sizes where those are said, and otherwise in the description's
/// order, as encodings are listed from the smallest on (W3C webrtc-pc, section 5.2, `scaleResolutionDownBy`).
pub(crate) fn ranked(encodings: &[Encoding]) -> Vec<&Encoding> {
    let mut ranked: Vec<&Encoding> = encodings.iter().collect();
    ranked.sort_by_key(|encoding| encoding.size_max);
    ranked
}

/// The longest name, in bytes: what a one-byte header extension has room for.
const RID_BYTES_MAX: usize = 16;

/// The encodings that have names, in the order of the simulcast line if there is one.
fn rids(attributes: &Attributes<'_>) -> Result<Vec<Encoding>, SdpError> {
    let mut sent: Vec<Encoding> = Vec::new();
    for value in attributes.values("rid") {
        let mut words = value.splitn(3, ' ');
        if let (Some(rid), Some("send")) = (words.next(), words.next()) {
            if rid.len() > RID_BYTES_MAX || !rid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(SdpError::Unusable("rid"));
            }
            let size_max = size_max(words.next().unwrap_or_default());
            push(&mut sent, Encoding { rid: Some(rid.to_owned()), size_max, ..Encoding::default() })?;
        }
    }
    let Some(simulcast) = attributes.value("simulcast") else { return Ok(sent) };
    let mut words = simulcast.split_whitespace();
    let mut lists = std::iter::from_fn(|| Some((words.next()?, words.next()?)));
    let listed = lists.find(|(direction, _)| *direction == "send").map_or("", |(_, list)| list);
    let mut ordered = Vec::new();
    for stream in listed.split(';') {
        // Of alternatives the first is preferred.
        let rid = stream.split(',').next().unwrap_or_default();
        // One that is not sent for now (RFC 8853, section 5.1) may be sent later.
        let rid = rid.strip_prefix('~').unwrap_or(rid);
        if let Some(known) = sent.iter().find(|known| known.rid.as_deref() == Some(rid)) {
            push(&mut ordered, known.clone())?;
        }
    }
    Ok(ordered)
}

/// The bounds of a name (RFC 8851, section 5).
fn size_max(restrictions: &str) -> Size {
    let value = |wanted: &str| {
        restrictions.split(';').find_map(|restriction| {
            let (name, value) = restriction.trim().split_once('=')?;
            (name == wanted).then(|| value.parse::<u32>().ok())?
        })
    };
    let value = |name| u64::from(value(name).unwrap_or_default());
    Size { pixels: value("max-width").saturating_mul(value("max-height")), bits_per_second: value("max-br") }
}

/// The streams that are named (RFC 5576), each with that of its retransmissions. Without a group that
/// says that they are several encodings of one picture, the first is meant.
fn streams(attributes: &Attributes<'_>) -> Result<Vec<Encoding>, SdpError> {
    let groups = |wanted: &'static str| {
        let groups = attributes.values("ssrc-group");
        groups.filter_map(move |group| group.strip_prefix(wanted)?.strip_prefix(' '))
    };
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for group in groups("FID") {
        let mut numbers = numbers(group);
        if let (Some(ssrc), Some(rtx)) = (numbers.next(), numbers.next()) {
            push(&mut pairs, (ssrc, rtx))?;
        }
    }
    let encoding = |ssrc: u32| Encoding {
        ssrc: Some(ssrc),
        rtx_ssrc: pairs.iter().find(|(first, _)| *first == ssrc).map(|(_, rtx)| *rtx),
        ..Encoding::default()
    };
    if let Some(simulcast) = groups("SIM").next() {
        let mut encodings = Vec::new();
        numbers(simulcast).try_for_each(|ssrc| push(&mut encodings, encoding(ssrc)))?;
        return Ok(encodings);
    }
    let mut ssrcs: Vec<u32> = pairs.iter().map(|(ssrc, _)| *ssrc).collect();
    if ssrcs.is_empty() {
        for ssrc in attributes.values("ssrc").filter_map(|line| numbers(line).next()) {
            if !ssrcs.contains(&ssrc) {
                push(&mut ssrcs, ssrc)?;
            }
        }
    }
    let count = if attributes.has("rid") { ENCODINGS_MAX } else { 1 };
    Ok(ssrcs.into_iter().take(count).map(encoding).collect())
}

fn numbers(text: &str) -> impl Iterator<Item = u32> {
    text.split_whitespace().map_while(|number| number.parse().ok())
}

fn push<T>(list: &mut Vec<T>, one: T) -> Result<(), SdpError> {
    if list.len() >= ENCODINGS_MAX {
        return Err(SdpError::TooMany("encodings"));
    }
    list.push(one);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::description::Description;

    fn encodings(lines: &str) -> Result<Vec<Encoding>, SdpError> {
        let text = format!("v=0\nm=video 9 UDP/TLS/RTP/SAVPF 96\n{lines}");
        read(&Description::read(&text).unwrap().media[0].attributes)
    }

    /// As (rid, SSRC, SSRC of the retransmissions).
    fn short(encodings: &[Encoding]) -> Vec<(&str, u32, u32)> {
        let number = |ssrc: Option<u32>| ssrc.unwrap_or_default();
        let short = |one: &Encoding| (number(one.ssrc), number(one.rtx_ssrc));
        encodings.iter().map(|one| (one.rid.as_deref().unwrap_or(""), short(one).0, short(one).1)).collect()
    }

    fn best_rid(lines: &str) -> String {
        let taken = taken(encodings(lines).unwrap());
        ranked(&taken).last().unwrap().rid.clone().unwrap()
    }

    const RIDS: &str = "a=rid:f send\na=rid:q send\na=rid:h send\n";

    #[test]
    fn encodings_come_in_the_order_of_the_simulcast_line_and_the_last_is_the_best() {
        let found = encodings(&format!("{RIDS}a=simulcast:send q;h,x;~f\n")).unwrap();
        assert_eq!(short(&found), [("q", 0, 0), ("h", 0, 0), ("f", 0, 0)]);
        assert_eq!(best_rid(&format!("{RIDS}a=simulcast:recv z send q;h;f\n")), "f");
        assert_eq!(best_rid("a=rid:0 send\n"), "0", "one alone");
        assert_eq!(best_rid(&format!("{RIDS}a=simulcast:send q;h;~f\n")), "f", "it may be sent later");
    }

    #[test]
    fn the_largest_is_the_best_where_sizes_are_said() {
        let sized = "a=rid:a send max-width=1280;max-height=720\na=rid:b send pt=96;max-width=320;max-height=180\na=simulcast:send a;b\n";
        assert_eq!(best_rid(sized), "a");
        assert_eq!(
            best_rid("a=rid:a send max-br=900000\na=rid:b send max-br=1\na=simulcast:send a;b\n"),
            "a"
        );
    }

    #[test]
    fn streams_belong_to_names_where_there_are_as_many() {
        let pairs = "a=ssrc-group:FID 1 2\na=ssrc-group:FID 3 4\na=ssrc-group:FID 5 6\n";
        let found = encodings(&format!("{RIDS}a=simulcast:send q;h;f\n{pairs}")).unwrap();
        assert_eq!(short(&found), [("q", 1, 2), ("h", 3, 4), ("f", 5, 6)]);
        let fewer = encodings(&format!("{RIDS}a=simulcast:send q;h;f\na=ssrc:1 cname:c\n")).unwrap();
        assert!(fewer.iter().all(|one| one.ssrc.is_none()), "{fewer:?}");
        let plain = "a=ssrc:1 cname:c\na=ssrc:1 msid:s t\na=ssrc:2 cname:c\n";
        let found = encodings(&format!("a=rid:a send\na=rid:b send\na=simulcast:send a;b\n{plain}")).unwrap();
        assert_eq!(short(&found), [("a", 1, 0), ("b", 2, 0)]);
    }

    #[test]
    fn a_group_says_that_streams_are_encodings_of_one_picture() {
        let found = encodings("a=ssrc-group:SIM 1 3\na=ssrc-group:FID 1 2\na=ssrc-group:FID 3 4\n").unwrap();
        assert_eq!(short(&found), [("", 1, 2), ("", 3, 4)]);
        assert_eq!(short(&taken(found.clone())), short(&found));
        let without = encodings("a=ssrc-group:FID 1 2\na=ssrc-group:FID 3 4\na=ssrc:9 cname:c\n").unwrap();
        assert_eq!(short(&without), [("", 1, 2)]);
        assert_eq!(short(&encodings("a=ssrc:9 cname:c\na=ssrc:8 cname:c\n").unwrap()), [("", 9, 0)]);
        assert_eq!(encodings("a=ssrc-group:FID 1\na=ssrc-group:SIM x\na=ssrc:y\n"), Ok(Vec::new()));
    }

    #[test]
    fn of_more_than_browsers_send_the_best_are_taken() {
        let rids =
            "a=rid:a send max-br=9\na=rid:b send max-br=1\na=rid:c send max-br=5\na=rid:d send max-br=7\n";
        let found = taken(encodings(&format!("{rids}a=simulcast:send a;b;c;d\n")).unwrap());
        assert_eq!(short(&found), [("a", 0, 0), ("c", 0, 0), ("d", 0, 0)]);
        let ranked: Vec<_> = ranked(&found).iter().map(|one| one.rid.as_deref().unwrap()).collect();
        assert_eq!(ranked, ["c", "d", "a"]);
        assert_eq!(short(&taken(encodings("a=x\n").unwrap())), [("", 0, 0)]);
    }

    #[test]
    fn the_streams_of_several_names_are_left_to_the_packets() {
        let pairs = "a=ssrc-group:FID 1 2\na=ssrc-group:FID 3 4\n";
        let found = encodings(&format!("a=rid:a send\na=rid:b send\na=simulcast:send a;b\n{pairs}")).unwrap();
        assert_eq!(short(&taken(found)), [("a", 0, 0), ("b", 0, 0)]);
        let alone = encodings("a=rid:a send\na=ssrc-group:FID 1 2\n").unwrap();
        assert_eq!(short(&taken(alone)), [("a", 1, 2)]);
    }

    #[test]
    fn more_than_anybody_encodes_is_refused() {
        let rids: String = (0..=ENCODINGS_MAX).map(|n| format!("a=rid:{n} send\n")).collect();
        let streams: String = (0..=ENCODINGS_MAX).map(|n| format!("a=ssrc-group:FID {n} 1\n")).collect();
        let group = format!("a=ssrc-group:SIM{}\n", " 7".repeat(ENCODINGS_MAX + 1));
        for lines in [rids, streams, group] {
            assert_eq!(encodings(&lines), Err(SdpError::TooMany("encodings")));
        }
        for rid in ["x".repeat(17).as_str(), "a-b"] {
            assert_eq!(encodings(&format!("a=rid:{rid} send\n")), Err(SdpError::Unusable("rid")));
        }
    }
}
