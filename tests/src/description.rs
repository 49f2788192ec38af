//! Descriptions of a camera and of a screen for an engine without a network.

use sfu_core::Offer;

/// The SSRC of [`CAMERA`]'s packets.
pub const CAMERA_SSRC: u32 = 2001;

/// The SSRC of what [`CAMERA`] sends again.
pub const CAMERA_RTX_SSRC: u32 = 2002;

/// VP8 as payload type 96, with retransmissions as 97.
pub const CAMERA: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID 2001 2002\r\na=ssrc:2001 cname:c\r\na=ssrc:2002 cname:c\r\n";

/// Accepts everything that an offer of cameras sends.
pub fn accept(offer: &Offer) -> String {
    let mut text = "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".to_owned();
    for track in &offer.tracks {
        text += &format!(
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=ice-ufrag:efgh\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 BB\r\na=setup:active\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n",
            track.mid
        );
    }
    text
}

/// What DTLS would export for one association; another for each `n`.
pub fn material(n: u16) -> Vec<u8> {
    let [high, low] = n.to_be_bytes();
    (0..56).map(|byte: u8| byte ^ low.wrapping_mul(37) ^ high.wrapping_mul(101)).collect()
}

/// Cameras: each has a section of this mid, and a stream; what it sends again has the next number.
pub fn cameras(cameras: impl IntoIterator<Item = (u32, u32)>) -> String {
    let cameras: Vec<_> = cameras.into_iter().collect();
    let bundle: String = cameras.iter().map(|(mid, _)| format!(" {mid}")).collect();
    let mut text = format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE{bundle}\r\n");
    for (mid, ssrc) in cameras {
        text += &format!(
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID {ssrc} {}\r\na=ssrc:{ssrc} cname:c\r\n",
            ssrc + 1
        );
    }
    text
}

/// Receives in the sections of an offer of cameras that `accepts` names by their mids, and not in the others.
pub fn answer(offer: &Offer, mut accepts: impl FnMut(&str) -> bool) -> String {
    let mut text = "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".to_owned();
    for mid in offer.sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")) {
        let direction = if accepts(mid) { "recvonly" } else { "inactive" };
        text += &format!(
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 BB\r\na=setup:active\r\na={direction}\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"
        );
    }
    text
}

/// The name and the password that a description of the server's gives to its own end.
pub fn names(sdp: &str) -> Option<(String, String)> {
    let value = |key: &str| Some(sdp.lines().find_map(|line| line.strip_prefix(key))?.to_owned());
    Some((value("a=ice-ufrag:")?, value("a=ice-pwd:")?))
}
