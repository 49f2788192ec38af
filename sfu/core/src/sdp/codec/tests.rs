use super::*;
use crate::sdp::description::Description;

fn chosen(kind: TrackKind, formats: &str, lines: &[&str]) -> Option<Chosen> {
    let text = format!("v=0\nm=any 9 UDP/TLS/RTP/SAVPF {formats}\na={}", lines.join("\na="));
    choices(&Description::read(&text).unwrap().media[0], kind).next()
}

#[test]
fn the_media_line_says_the_order_and_the_table_what_can_be_taken() {
    let maps = [
        "rtpmap:100 VP8/90000",
        "rtpmap:97 H265/90000",
        "rtpmap:98 vp8/90000",
        "rtpmap:99 rtx/90000",
        "fmtp:99 apt=98",
    ];
    let found = chosen(TrackKind::Video, "97 98 99 100", &maps).unwrap();
    assert_eq!(
        (found.forwarded.codec, found.payload_type, found.rtx_payload_type),
        (Codec::Vp8, 98, Some(99))
    );
    assert_eq!(chosen(TrackKind::Video, "97 100", &maps).unwrap().payload_type, 100);
    assert!(chosen(TrackKind::Video, "97 99", &maps).is_none());
    assert!(chosen(TrackKind::Audio, "98", &maps).is_none(), "a picture is no sound");
}

#[test]
fn payload_types_that_look_like_rtcp_or_are_none_are_not_taken() {
    for format in ["64", "72", "95", "128", "255", "-1", "x"] {
        assert!(chosen(TrackKind::Audio, format, &[&format!("rtpmap:{format} opus/48000/2")]).is_none());
    }
    for format in ["0", "63", "96", "127"] {
        assert!(chosen(TrackKind::Audio, format, &[&format!("rtpmap:{format} OPUS/48000/2")]).is_some());
    }
}

#[test]
fn only_feedback_that_is_offered_is_asked_for() {
    let maps = [
        "rtpmap:96 VP8/90000",
        "rtcp-fb:96 nack",
        "rtcp-fb:* ccm fir",
        "rtcp-fb:97 nack pli",
        "rtcp-fb:96 x",
    ];
    assert_eq!(chosen(TrackKind::Video, "96", &maps).unwrap().feedback, ["nack", "ccm fir"]);
}

#[test]
fn what_the_sender_of_sound_goes_by_is_said_back_to_it() {
    let answered = |offered| Codec::Opus.answered(offered);
    assert_eq!(answered(""), "minptime=10;useinbandfec=1");
    assert_eq!(
        answered("usedtx=1;stereo=1; useinbandfec=0;x=y;maxaveragebitrate=510000"),
        "minptime=10;useinbandfec=0;usedtx=1;stereo=1;maxaveragebitrate=510000"
    );
    assert_eq!(answered("sprop-stereo=1;minptime=a b"), "useinbandfec=1;stereo=1");
    assert_eq!(Codec::Vp8.answered("max-fs=12288;max-fr=60"), "", "that is what the client can receive");
}

#[test]
fn formats_are_the_same_by_what_their_payload_says_of_it() {
    let h264 = |one, other| Codec::H264.is_same(one, other);
    assert!(h264(
        "profile-level-id=42e01f;packetization-mode=1",
        "packetization-mode=1;profile-level-id=42c00b"
    ));
    assert!(h264("profile-level-id=4d801f", "profile-level-id=42f01f"), "both constrained baseline");
    assert!(h264("", "profile-level-id=42001f;packetization-mode=0"), "baseline where nothing is said");
    assert!(!h264("profile-level-id=42e01f", "profile-level-id=42001f"));
    assert!(!h264("profile-level-id=640c1f", "profile-level-id=64001f"));
    assert!(!h264("packetization-mode=1", ""));
    assert!(Codec::Vp9.is_same("", "profile-id=0") && !Codec::Vp9.is_same("", "profile-id=2"));
    assert!(Codec::Av1.is_same("level-idx=5", "profile=0;tier=0") && !Codec::Av1.is_same("profile=1", ""));
    assert!(Codec::Vp8.is_same("max-fs=1", "") && Codec::Opus.is_same("stereo=1", "usedtx=1"));
}
