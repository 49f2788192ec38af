use super::{
    parse::{Named, Remote},
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
    Local { ufrag: "u", pwd: "p", fingerprint: "CC", candidates: &CANDIDATES }
}

#[test]
fn a_browsers_offer_is_read() {
    let remote = Remote::parse(CHROMIUM).unwrap();
    assert_eq!(
        (remote.ufrag.as_str(), remote.fingerprint.as_str(), remote.is_passive),
        ("abcd", "AA:BB", false)
    );
    let [audio, video] = &remote.sections[..] else { panic!("two sections") };
    assert_eq!((audio.kind, audio.payload_type, audio.ssrc), (Some(TrackKind::Audio), Some(111), Some(1001)));
    assert_eq!((video.payload_type, video.rtx_payload_type), (Some(96), Some(97)));
    assert_eq!((video.ssrc, video.rtx_ssrc, video.mid_extension), (Some(2001), Some(2002), Some(4)));
    assert!(video.sends && !video.receives);
}

#[test]
fn the_answer_takes_what_is_forwarded_and_refuses_the_rest() {
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n";
    let remote = Remote::parse(&format!("{CHROMIUM}{data}")).unwrap();
    let answer = answer::write(&remote, local(), 1, 1);
    assert!(answer.contains("a=group:BUNDLE 0 1\r\n"));
    assert!(answer.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"));
    assert!(answer.contains("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    assert!(answer.contains("a=candidate:1 1 udp 2130706431 127.0.0.1 7882 typ host\r\n"));
    assert!(!answer.contains("H264"));
    let read = Remote::parse(&answer).unwrap();
    assert!(read.sections[0].receives && !read.sections[0].sends);
}

#[test]
fn an_offer_of_ours_is_read_back() {
    let from = ConnectionId::from_uuid(uuid::Uuid::from_u128(7));
    let named = Named { id: TrackId::from_uuid(uuid::Uuid::from_u128(8)), source: TrackSource::Screen };
    let stream = Some(offer::OfferedStream {
        publication: PublicationId::default(),
        from,
        named,
        ssrc: 11,
        rtx_ssrc: 12,
    });
    let sections = [
        offer::OfferedSection { mid: "0".into(), kind: TrackKind::Video, stream },
        offer::OfferedSection { mid: "1".into(), kind: TrackKind::Audio, stream: None },
    ];
    let text = offer::write(&sections, local(), 1, 3, "actpass");
    assert!(text.contains(&format!("a=msid:{from}-screen {}\r\n", named.id)), "{text}");
    let read = Remote::parse(&text).unwrap();
    assert_eq!((read.sections[0].ssrc, read.sections[0].rtx_ssrc), (Some(11), Some(12)));
    assert!(read.sections[0].sends && !read.sections[1].sends);
}

#[test]
fn what_is_no_description_is_refused_with_a_reason() {
    assert!(matches!(Remote::parse(""), Err(SdpError::Malformed(_) | SdpError::Missing(_))));
    assert_eq!(
        Remote::parse("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"),
        Err(SdpError::Missing("fingerprint"))
    );
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
}

#[test]
fn a_description_cut_anywhere_never_panics() {
    for end in 0..CHROMIUM.len() {
        let _either_way = Remote::parse(CHROMIUM.get(..end).unwrap());
    }
}
