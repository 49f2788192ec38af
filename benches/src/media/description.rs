//! What the load client's ends offer and answer, and what it reads of a server's descriptions (RFC 8866).

use std::net::SocketAddr;
use switchboard_tests::description::Kind;

/// One end of a transport.
pub(super) struct Local<'a> {
    pub(super) ufrag: &'a str,
    pub(super) pwd: &'a str,
    pub(super) fingerprint: &'a str,
    pub(super) address: SocketAddr,
}

/// What a server says of its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Remote {
    pub(super) ufrag: String,
    pub(super) pwd: String,
    pub(super) address: SocketAddr,
    /// It begins the DTLS handshake.
    pub(super) is_active: bool,
}

/// A stream that is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    pub(super) kind: Kind,
    pub(super) ssrc: u32,
}

/// What each kind has in a section, but the direction.
const fn format(kind: Kind) -> (&'static str, u8, &'static str) {
    match kind {
        Kind::Audio => ("audio", 111, "a=rtpmap:111 opus/48000/2\r\n"),
        Kind::Video => ("video", 96, "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n"),
    }
}

impl Local<'_> {
    /// Offers to send `streams`.
    pub(super) fn offer(&self, streams: &[Stream]) -> String {
        let sections = streams.iter().enumerate().map(|(mid, Stream { kind, ssrc })| {
            let sources = format!("a=ssrc:{ssrc} cname:load\r\n");
            (mid.to_string(), *kind, "sendonly", sources)
        });
        self.describe("actpass", sections)
    }

    /// Takes everything that `offer` sends.
    pub(super) fn answer(&self, offer: &str) -> String {
        let mut kind = Kind::Audio;
        let sections = offer.lines().filter_map(|line| {
            if let Some(media) = line.strip_prefix("m=") {
                kind = if media.starts_with("audio") { Kind::Audio } else { Kind::Video };
            }
            let mid = line.strip_prefix("a=mid:")?;
            Some((mid.to_owned(), kind, "recvonly", String::new()))
        });
        self.describe("active", sections)
    }

    fn describe(
        &self,
        setup: &str,
        sections: impl Iterator<Item = (String, Kind, &'static str, String)>,
    ) -> String {
        let Self { ufrag, pwd, fingerprint, address } = self;
        let (ip, port) = (address.ip(), address.port());
        let (mut mids, mut text) = (String::new(), String::new());
        for (mid, kind, direction, sources) in sections {
            let (media, payload_type, codec) = format(kind);
            mids = format!("{mids} {mid}");
            text += &format!(
                "m={media} {port} UDP/TLS/RTP/SAVPF {payload_type}\r\nc=IN IP4 {ip}\r\na=mid:{mid}\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:{setup}\r\na={direction}\r\na=rtcp-mux\r\n{codec}{sources}a=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\na=end-of-candidates\r\n"
            );
        }
        format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE{mids}\r\n{text}")
    }
}

impl Remote {
    /// Reads a server's description; `None` if something is missing.
    pub(super) fn read(text: &str) -> Option<Self> {
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let candidate: Vec<&str> = value("a=candidate:")?.split(' ').collect();
        let (ip, port) = (candidate.get(4)?.parse().ok()?, candidate.get(5)?.parse().ok()?);
        Some(Self {
            ufrag: value("a=ice-ufrag:")?.to_owned(),
            pwd: value("a=ice-pwd:")?.to_owned(),
            address: SocketAddr::new(ip, port),
            is_active: value("a=setup:")? == "active",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_sections_of_its_offer_and_is_read_again() {
        let local = Local {
            ufrag: "abcd",
            pwd: "0123456789abcdef01234567",
            fingerprint: "AA",
            address: SocketAddr::from(([127, 0, 0, 1], 5000)),
        };
        let stream = |kind, ssrc| Stream { kind, ssrc };
        let offer = local.offer(&[stream(Kind::Audio, 1), stream(Kind::Video, 2)]);
        let answer = local.answer(&offer);
        let medias = |text: &str| text.lines().filter(|line| line.starts_with("m=")).count();
        assert_eq!((medias(&offer), medias(&answer)), (2, 2));
        assert!(answer.contains("a=group:BUNDLE 0 1\r\n"), "{answer}");
        let read = Remote::read(&answer).unwrap();
        assert_eq!((read.address, read.is_active), (local.address, true));
    }
}
