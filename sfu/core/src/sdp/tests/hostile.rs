//! Descriptions that nobody writes who means well.

use super::*;
use crate::sdp::bounds::{LINE_BYTES_MAX, SECTIONS_MAX};
use common::protocol::media::SDP_BYTES_MAX;

#[test]
fn what_is_no_description_is_refused_with_a_reason() {
    let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    for (text, line) in [
        ("", 1),
        ("v=1\r\n", 1),
        ("o=- 1 1 IN IP4 0.0.0.0\r\n", 1),
        ("v=0\r\nhello\r\n", 2),
        ("v=0\nm=audio\n", 2),
        ("v=0\nm=audio 9 UDP/TLS/RTP/SAVPF\n", 2),
        ("v=0\nm=audio 70000 UDP/TLS/RTP/SAVPF 96\n", 2),
        ("v=0\nv=0\n\nab=c\n", 3),
        ("v=0\na=mid:0\ra=mid:1\n", 2),
        ("v=0\na=mid:\0\n", 2),
    ] {
        assert_eq!(Remote::parse(text), Err(SdpError::Malformed { line }), "{text:?}");
    }
    assert_eq!(Remote::parse(head), Err(SdpError::Missing("fingerprint")));
    let sha1 = CHROMIUM.replace("sha-256", "sha-1");
    assert_eq!(Remote::parse(&sha1), Err(SdpError::Unusable("fingerprint")));
    let nameless = CHROMIUM.replace("a=mid:0\r\n", "");
    assert_eq!(Remote::parse(&nameless), Err(SdpError::Missing("mid")));
    let same = CHROMIUM.replace("a=mid:1\r\n", "a=mid:0\r\n");
    assert_eq!(Remote::parse(&same), Err(SdpError::Unusable("mid")), "which of them would be meant?");
}

/// What costs the packet loop milliseconds is refused before it is taken apart.
#[test]
fn a_description_that_would_take_long_to_read_is_refused() {
    let many = format!("{CHROMIUM}{}", "a=x\r\n".repeat(10_000));
    assert_eq!(Remote::parse(&many), Err(SdpError::TooMany("attributes")));
    let section = |n| format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:{n}\r\n");
    let sections: String = (2..=SECTIONS_MAX).map(section).collect();
    let many = format!("{CHROMIUM}{sections}");
    assert_eq!(Remote::parse(&many), Err(SdpError::TooMany("media sections")));
    let line = format!("{CHROMIUM}a=fmtp:96 {}\r\n", "x".repeat(LINE_BYTES_MAX));
    assert_eq!(Remote::parse(&line), Err(SdpError::TooLong("line")));
    let megabyte = format!("{CHROMIUM}a=fmtp:96 {}\r\n", "x".repeat(SDP_BYTES_MAX));
    assert_eq!(Remote::parse(&megabyte), Err(SdpError::TooLong("description")));
}

#[test]
fn numbers_that_mean_two_things_are_refused_or_the_first_counts() {
    let twice = CHROMIUM.replace("a=extmap:1 ", "a=extmap:4 ");
    assert_eq!(Remote::parse(&twice), Err(SdpError::Unusable("extmap")));
    let across = CHROMIUM.replace("a=extmap:4/sendonly ", "a=extmap:1 ");
    assert_eq!(Remote::parse(&across), Err(SdpError::Unusable("extmap")));
    let payload = CHROMIUM
        .replace("SAVPF 96 97", "SAVPF 96 96 97 96")
        .replace("a=rtpmap:97 rtx", "a=rtpmap:96 AV1/90000\r\na=rtpmap:97 rtx");
    let remote = Remote::parse(&payload).unwrap();
    assert_eq!((remote.sections[1].payload_type, remote.sections[1].rtx_payload_type), (Some(96), Some(97)));
}

#[test]
fn lines_end_as_they_like_and_say_what_they_like() {
    let read = Remote::parse(CHROMIUM).unwrap();
    let unended = CHROMIUM.trim_end();
    for text in [CHROMIUM.replace("\r\n", "\n"), unended.to_owned(), unended.replace("\r\n", "\n\n")] {
        assert_eq!(Remote::parse(&text).as_ref(), Ok(&read));
    }
    let strange = CHROMIUM
        .replace("s=-\r\n", "s=\r\ni=what it is\r\nx=unknown\r\nb=X-NEW:1\r\n")
        .replace("o=- 1 2 IN IP4", "o=me me me at home on")
        .replace("a=sendonly\r\n", "a=sendonly\r\na=never:heard of it\r\ny=1\r\na=\r\na=:\r\n");
    assert_eq!(Remote::parse(&strange), Ok(read));
}

/// A proxy's characters in an offer must not become lines of the answer.
#[test]
fn nothing_of_an_offer_begins_a_line_of_its_answer() {
    let offer = CHROMIUM.replace("minptime=10", "minptime=10\u{85}a=x;maxptime=60\u{2028}");
    assert!(matches!(Remote::parse(&offer), Err(SdpError::Malformed { .. })));
    let offer = CHROMIUM.replace("minptime=10", "minptime=1 0;maxptime=\u{2028}a=x");
    assert!(section(&answer_to(&offer), "0").contains("a=fmtp:111 useinbandfec=1\r\n"));
}

#[test]
fn a_description_cut_anywhere_never_panics() {
    for end in 0..CHROMIUM.len() {
        let _either_way = Remote::parse(CHROMIUM.get(..end).unwrap());
    }
}
