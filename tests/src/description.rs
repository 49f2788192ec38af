//! Descriptions of cameras, microphones and of who receives them, for an engine without a network.

use sfu_core::Offer;

/// The SSRC of [`CAMERA`]'s packets.
pub const CAMERA_SSRC: u32 = 2001;

/// The SSRC of what [`CAMERA`] sends again.
pub const CAMERA_RTX_SSRC: u32 = 2002;

/// VP8 as payload type 96, with retransmissions as 97.
pub const CAMERA: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID 2001 2002\r\na=ssrc:2001 cname:c\r\na=ssrc:2002 cname:c\r\n";

/// The password of the client's end of every transport.
pub const PASSWORD: &str = "0123456789abcdef01234567";

/// Sound or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Opus as payload type 111.
    Audio,
    /// VP8 as payload type 96, with retransmissions as 97.
    Video,
}

/// What a section of an offer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Track {
    /// Names the section.
    pub mid: u32,
    /// What it is.
    pub kind: Kind,
    /// Its stream; what a picture sends again has the next number.
    pub ssrc: u32,
    /// In how many encodings a picture comes: one, or several whose streams have the numbers behind it.
    pub encodings: u32,
}

/// Accepts everything that an offer sends.
pub fn accept(offer: &Offer) -> String {
    answer(offer, |_| true)
}

/// What DTLS would export for one association; another for each `n`.
pub fn material(n: u16) -> Vec<u8> {
    let [high, low] = n.to_be_bytes();
    (0..56).map(|byte: u8| byte ^ low.wrapping_mul(37) ^ high.wrapping_mul(101)).collect()
}

/// Cameras: each has a section of this mid, and a stream; what it sends again has the next number.
pub fn cameras(cameras: impl IntoIterator<Item = (u32, u32)>) -> String {
    tracks(cameras.into_iter().map(|(mid, ssrc)| Track { mid, kind: Kind::Video, ssrc, encodings: 1 }))
}

/// An offer of these tracks.
pub fn tracks(tracks: impl IntoIterator<Item = Track>) -> String {
    let tracks: Vec<Track> = tracks.into_iter().collect();
    let bundle: String = tracks.iter().map(|track| format!(" {}", track.mid)).collect();
    let mut text = session(1);
    text += &format!("a=group:BUNDLE{bundle}\r\n");
    for Track { mid, kind, ssrc, encodings } in tracks {
        text += &section(kind, &mid.to_string(), "actpass", "sendonly");
        let ssrcs = (0..encodings).map(|encoding| ssrc + 2 * encoding);
        if encodings > 1 {
            let group: String = ssrcs.clone().map(|ssrc| format!(" {ssrc}")).collect();
            text += &format!("a=ssrc-group:SIM{group}\r\n");
        }
        for ssrc in ssrcs {
            if kind == Kind::Video {
                let rtx = ssrc + 1;
                text += &format!("a=ssrc-group:FID {ssrc} {rtx}\r\na=ssrc:{rtx} cname:c\r\n");
            }
            text += &format!("a=ssrc:{ssrc} cname:c\r\n");
        }
    }
    text
}

/// Receives in the sections of an offer that `accepts` names by their mids, and not in the others.
pub fn answer(offer: &Offer, mut accepts: impl FnMut(&str) -> bool) -> String {
    let mut text = session(2);
    let mut kind = Kind::Video;
    for line in offer.sdp.lines() {
        match line.split_once([' ', ':']) {
            Some(("m=audio", _)) => kind = Kind::Audio,
            Some(("m=video", _)) => kind = Kind::Video,
            Some(("a=mid", mid)) => {
                let direction = if accepts(mid) { "recvonly" } else { "inactive" };
                text += &section(kind, mid, "active", direction);
            }
            _ => {}
        }
    }
    text
}

fn session(id: u8) -> String {
    format!("v=0\r\no=- {id} 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n")
}

/// The part of a section that does not depend on what is sent in it.
fn section(kind: Kind, mid: &str, setup: &str, direction: &str) -> String {
    let (media, codec) = match kind {
        Kind::Audio => ("audio 9 UDP/TLS/RTP/SAVPF 111", "a=rtpmap:111 opus/48000/2\r\n"),
        Kind::Video => (
            "video 9 UDP/TLS/RTP/SAVPF 96 97",
            "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n",
        ),
    };
    format!(
        "m={media}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=ice-ufrag:abcd\r\na=ice-pwd:{PASSWORD}\r\na=fingerprint:sha-256 AA\r\na=setup:{setup}\r\na={direction}\r\na=rtcp-mux\r\n{codec}"
    )
}

/// The name and the password that a description of the server's gives to its own end.
pub fn names(sdp: &str) -> Option<(String, String)> {
    let value = |key: &str| Some(sdp.lines().find_map(|line| line.strip_prefix(key))?.to_owned());
    Some((value("a=ice-ufrag:")?, value("a=ice-pwd:")?))
}
