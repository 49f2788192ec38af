mod fixtures;
mod hostile;

use super::{
    codec::{Codec, ours},
    extension::Extension,
    parse::{Named, Remote, Taken},
    sections::{OfferedSection, OfferedStream, Slot},
    *,
};
use crate::id::PublicationId;
use common::{
    id::{ConnectionId, TrackId},
    protocol::media::TrackSource,
};

/// What Chromium offers for one microphone and one camera, shortened to what differs in kind.
pub(crate) const CHROMIUM: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS s\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=ice-options:trickle\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendonly\r\na=msid:s t\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\na=ssrc:1001 cname:c\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\na=mid:1\r\na=extmap:4/sendonly urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:103 H264/90000\r\na=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\na=ssrc-group:FID 2001 2002\r\na=ssrc:2001 cname:c\r\na=ssrc:2002 cname:c\r\n";

fn local() -> Local<'static> {
    const CANDIDATES: [SocketAddr; 1] =
        [SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7882)];
    Local { ufrag: "u", pwd: "p", fingerprint: "CC", candidates: &CANDIDATES, tcp_candidates: &CANDIDATES }
}

fn answer_to(offer: &str) -> String {
    answer::write(&Remote::parse(offer).unwrap(), local(), 1, 1)
}

/// The lines of the section with this mid.
fn section<'a>(sdp: &'a str, mid: &str) -> &'a str {
    let line = format!("\r\na=mid:{mid}\r\n");
    sdp.split("\r\nm=").skip(1).find(|section| format!("{section}\r\n").contains(&line)).unwrap()
}

#[test]
fn a_browsers_offer_is_read() {
    let remote = Remote::parse(CHROMIUM).unwrap();
    assert_eq!((remote.ufrag.as_str(), remote.is_passive), ("abcd", false));
    let [audio, video] = &remote.sections[..] else { panic!("two sections") };
    assert_eq!((audio.kind, audio.payload_type), (Some(TrackKind::Audio), Some(111)));
    assert_eq!(audio.encodings[0].ssrc, Some(1001));
    assert_eq!((video.payload_type, video.rtx_payload_type), (Some(96), Some(97)));
    assert_eq!((video.encodings[0].ssrc, video.encodings[0].rtx_ssrc), (Some(2001), Some(2002)));
    assert_eq!(video.extensions.id(Extension::Mid), Some(4));
    let level = remote.extensions.id(Extension::AudioLevel);
    assert_eq!(level, Some(1), "what one section says is so on the transport");
    assert!(video.sends && !video.receives);
}

/// The section of data channels.
fn data(mid: &str) -> String {
    format!(
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
    )
}

#[test]
fn data_is_taken_beside_media_on_one_transport_and_once() {
    let bundled = CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 0 1 2 3");
    let answer = answer_to(&format!("{bundled}{}{}", data("2"), data("3")));
    assert!(answer.contains("a=group:BUNDLE 0 1 2\r\n"), "{answer}");
    let (_, sections) = answer.split_once("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n").unwrap();
    assert!(
        sections.contains("a=sctp-port:5000\r\na=max-message-size:16384\r\nm=application 0 UDP/DTLS/SCTP")
    );
    let read = Remote::parse(&answer).unwrap();
    assert_eq!(read.data().map(|data| data.message_bytes_max), Some(16_384));
    assert_eq!(read.sections[3].data, None);
}

#[test]
fn of_data_channels_only_what_the_standard_says_is_taken() {
    let read = |section: &str| {
        let bundled = CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 0 1 2");
        Remote::parse(&format!("{bundled}{section}")).unwrap().data().map(|data| data.message_bytes_max)
    };
    let good = data("2");
    assert_eq!(read(&good), Some(262_144));
    assert_eq!(read(&good.replace("a=max-message-size:262144\r\n", "")), Some(65_536));
    assert_eq!(read(&good.replace("262144", "0")), Some(u32::MAX));
    let former = good.replace("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000");
    let (closed, ended) =
        (good.replace("sctp-port:5000", "sctp-port:0"), good.replace("application 9", "application 0"));
    for other in [former, closed, ended, good.replace("262144", "much"), good.replace("sctp-port", "port")] {
        assert_eq!(read(&other), None, "{other}");
    }
}

#[test]
fn the_answer_takes_what_is_forwarded_and_refuses_the_rest() {
    let answer = answer_to(&format!("{CHROMIUM}{}", data("2")));
    assert!(
        answer.contains("a=group:BUNDLE 0 1\r\n"),
        "what is not bundled would need a transport of its own"
    );
    assert!(answer.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"));
    assert!(answer.contains("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    assert!(answer.contains("a=candidate:1 1 udp 2130706431 127.0.0.1 7882 typ host\r\n"));
    // 90 · 2²⁴ + (4 · 2¹³ + 8191) · 2⁸ + 255 (RFC 6544, section 4.2).
    assert!(
        answer.contains("a=candidate:2 1 tcp 1520435199 127.0.0.1 7882 typ host tcptype passive\r\n"),
        "{answer}"
    );
    assert!(!answer.contains("H264"));
    let read = Remote::parse(&answer).unwrap();
    assert!(read.sections[0].receives && !read.sections[0].sends);
}

/// There are clients that refuse the whole answer for a refused section without a format or transport.
#[test]
fn a_refused_section_is_as_well_formed_as_any() {
    let screen = "m=video 9 UDP/TLS/RTP/SAVPF 103 104\r\nc=IN IP4 0.0.0.0\r\na=mid:s\r\na=rtcp-mux\r\na=sendonly\r\na=rtpmap:103 H265/90000\r\na=fmtp:103 level-id=93\r\na=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\n";
    let answer = answer_to(&format!("{}{screen}", CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 0 1 s")));
    assert_eq!(
        section(&answer, "s"),
        "video 0 UDP/TLS/RTP/SAVPF 103\r\nc=IN IP4 0.0.0.0\r\na=mid:s\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 CC\r\na=setup:passive\r\na=rtcp-mux\r\na=inactive\r\na=rtpmap:103 H265/90000\r\na=fmtp:103 level-id=93\r\n"
    );
    assert!(answer.contains("a=group:BUNDLE 0 1\r\n"), "and carries nothing of the others");
}

#[test]
fn what_the_client_offers_of_rtcp_and_extensions_is_answered_and_nothing_else() {
    let unused = "a=mid:1\r\na=extmap:9 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n";
    let answer = answer_to(&CHROMIUM.replace("a=mid:1\r\n", unused));
    let (audio, video) = (section(&answer, "0"), section(&answer, "1"));
    assert!(video.contains("a=rtcp-rsize\r\n") && !audio.contains("rsize"));
    assert!(answer.contains("a=extmap-allow-mixed\r\n"));
    assert!(audio.contains("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"));
    assert!(video.contains("a=extmap:4/recvonly urn:ietf:params:rtp-hdrext:sdes:mid\r\n"));
    assert!(audio.contains("a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"));
    assert!(!answer.contains("playout-delay"), "nobody reads it");
    assert!(video.contains("a=rtcp-fb:96 nack\r\n") && !video.contains("a=rtcp-fb:96 nack pli"));
    let plain = answer_to(&CHROMIUM.replace("a=extmap-allow-mixed\r\n", "").replace("a=rtcp-rsize\r\n", ""));
    assert!(!plain.contains("allow-mixed") && !plain.contains("rsize"));
}

/// What Chromium and Firefox offer: both ways to learn a rate. Numbers without feedback, and feedback without
/// numbers, are of no use.
#[test]
fn who_numbers_packets_is_told_when_they_arrive_and_not_what_to_send() {
    let number = "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";
    let (transport, advice) = ("a=rtcp-fb:96 transport-cc\r\n", "a=rtcp-fb:96 goog-remb\r\n");
    let offer = |audio: &str, video: &str| {
        let [sound, picture] = ["a=mid:0\r\n", "a=mid:1\r\n"];
        CHROMIUM.replace(sound, &format!("{sound}{audio}")).replace(picture, &format!("{picture}{video}"))
    };
    let both = offer(number, &format!("{number}{transport}{advice}"));
    let remote = Remote::parse(&both).unwrap();
    assert_eq!(remote.extensions.id(Extension::TransportSequence), Some(3));
    let answer = answer_to(&both);
    let (audio, video) = (section(&answer, "0"), section(&answer, "1"));
    assert!(audio.contains(number) && audio.contains("a=rtcp-fb:111 transport-cc\r\n"), "{audio}");
    assert!(video.contains(number) && video.contains(transport) && !video.contains(advice), "{video}");
    for video in [number.to_owned(), format!("{transport}{advice}")] {
        let offer = offer("", &video);
        assert_eq!(Remote::parse(&offer).unwrap().extensions.id(Extension::TransportSequence), None);
        let answer = answer_to(&offer);
        assert!(!answer.contains(number) && !answer.contains("transport-cc"), "{answer}");
        assert_eq!(answer.contains(advice), video.contains(advice), "{answer}");
    }
}

/// Who does not bundle would need another transport for each section.
#[test]
fn without_a_bundle_there_is_none_and_the_first_section_alone_is_taken() {
    let answer = answer_to(&CHROMIUM.replace("a=group:BUNDLE 0 1\r\n", ""));
    assert!(!answer.contains("BUNDLE"));
    assert!(section(&answer, "0").starts_with("audio 9 "));
    assert!(section(&answer, "1").starts_with("video 0 "));
    let remote = Remote::parse(&CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 1")).unwrap();
    assert!(answer::takes(&remote.sections[0]) && !answer::takes(&remote.sections[1]));
}

#[test]
fn where_the_client_sends_nothing_the_transport_is_kept() {
    let offer = CHROMIUM.replace("a=sendonly\r\n", "a=recvonly\r\n");
    let answer = answer_to(&offer);
    assert!(answer.contains("a=group:BUNDLE 0 1\r\n") && answer.contains("a=candidate:1 1 udp"));
    for mid in ["0", "1"] {
        assert!(section(&answer, mid).contains("a=inactive\r\n"));
        assert!(section(&answer, mid).contains(" 9 UDP/TLS"));
    }
    assert_eq!(answer::check(&Remote::parse(&offer).unwrap()), Ok(()));
}

#[test]
fn who_has_no_codec_of_ours_is_told_which_there_are() {
    let other = CHROMIUM.replace("VP8/90000", "H265/90000").replace("opus/48000/2", "opus/8000");
    let offer = other
        .replace("a=rtpmap:103 H264/90000", "a=rtpmap:103 H264/90000\r\na=fmtp:103 profile-level-id=7a001f");
    let error = answer::check(&Remote::parse(&offer).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing that is offered can be taken: it has H.264, RED, and what is forwarded is Opus, VP8, H.264, VP9, AV1"
    );
    let sound = other.replace("opus/8000", "opus/48000/2").replace("H264", "H265");
    assert_eq!(answer::check(&Remote::parse(&sound).unwrap()), Ok(()), "sound alone is something");
}

#[test]
fn a_second_port_for_rtcp_is_refused() {
    let apart = CHROMIUM.replace("a=rtcp-mux\r\n", "");
    assert_eq!(Remote::parse(&apart), Err(SdpError::Missing("rtcp-mux")));
}

#[test]
fn all_of_several_encodings_are_asked_for_and_can_be_offered_again() {
    let rids = "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\na=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\na=rid:q send\r\na=rid:h send\r\na=rid:f send\r\n";
    let streams = "a=ssrc-group:FID 2001 2002\r\na=ssrc:2001 cname:c\r\na=ssrc:2002 cname:c\r\n";
    let offer = CHROMIUM.replace(streams, rids);
    let answer = answer_to(&format!("{offer}a=simulcast:send q;h;~f\r\n"));
    let video = section(&answer, "1");
    let asked = "a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n";
    assert!(video.ends_with(asked), "{video}");
    assert!(video.contains("a=extmap:10 ") && video.contains("a=extmap:11 "));
    // One that has a name, and no others beside it.
    let alone = answer_to(&offer.replace("a=rid:q send\r\na=rid:h send\r\n", ""));
    assert!(alone.contains("a=rid:f recv\r\n") && !alone.contains("simulcast"));
    assert!(alone.contains("a=extmap:10 "));
}

#[test]
fn an_offer_of_ours_is_read_back() {
    let from = ConnectionId::from_uuid(uuid::Uuid::from_u128(7));
    let named = Named { id: TrackId::from_uuid(uuid::Uuid::from_u128(8)), source: TrackSource::Screen };
    let publication = PublicationId::default();
    let stream = OfferedStream { publication, from, named, ssrc: 11, rtx_ssrc: 12, taken: None };
    let section = |mid: &str, codec, slot| {
        let format = ours(codec, "").unwrap();
        OfferedSection { mid: mid.into(), format, slot }
    };
    let sections = [
        section("0", Codec::Av1, Slot::Live(stream)),
        section("1", Codec::Opus, Slot::Free(from)),
        section("2", Codec::Opus, Slot::Closing),
    ];
    let text = offer::write(&sections, local(), 1, 3, "actpass");
    assert!(text.contains(&format!("a=msid:{from}-screen {}\r\n", named.id)), "{text}");
    let read = Remote::parse(&text).unwrap();
    let stream = &read.sections[0].encodings[0];
    assert_eq!((stream.ssrc, stream.rtx_ssrc), (Some(11), Some(12)));
    assert!(read.sections[0].sends && !read.sections[1].sends);
    assert!(
        text.contains("a=group:BUNDLE 0 1\r\n") && text.contains("m=audio 0 UDP/TLS/RTP/SAVPF 111 63\r\n")
    );
    let formats: Vec<_> = read.sections.iter().map(|section| section.forwarded).collect();
    assert_eq!(formats, sections.map(|section| Some(section.format)));
    assert!(read.sections[2].is_rejected && !read.sections[1].is_rejected);
}

#[test]
fn an_answer_takes_what_it_names_the_format_of() {
    let [voice, picture] = [Codec::Opus, Codec::Vp8].map(|codec| ours(codec, "").unwrap());
    let answer = CHROMIUM.replace("a=sendonly", "a=recvonly");
    let taken = |answer: &str| {
        let remote = Remote::parse(answer).unwrap();
        ["0", "1"].map(|mid| remote.taken(mid, if mid == "0" { voice } else { picture }))
    };
    let both = [Some(Taken { has_red: true }), Some(Taken { has_red: false })];
    assert_eq!(taken(&answer), both);
    assert_eq!(taken(&answer.replace("VP8/90000", "VP9/90000")), [both[0], None], "that is another codec");
    let refused = answer.replace("recvonly\r\na=msid:s t", "inactive");
    assert_eq!(taken(&refused), [None, both[1]]);
    // What stands for packets with what earlier ones carried is ours to say.
    for other in
        [answer.replace(" 63 9", " 9"), answer.replace("63", "64"), answer.replace("63 111/111", "63 9/9")]
    {
        assert_eq!(taken(&other)[0], Some(Taken { has_red: false }), "{other}");
    }
}

#[test]
fn retransmissions_are_taken_where_every_picture_has_them() {
    let takes = |answer: &str| Remote::parse(answer).unwrap().takes_retransmissions();
    let answer = CHROMIUM.replace("a=sendonly", "a=recvonly");
    assert!(takes(&answer));
    assert!(!takes(&answer.replace("a=fmtp:97 apt=96\r\n", "")));
    assert!(!takes(&answer.replace("97", "99")), "under another number than ours");
    let sound = answer.split("m=video").next().unwrap();
    assert!(takes(sound), "there is nothing that lacks them");
}
