//! Datagrams and session descriptions, parser by parser and through a whole media plane.

use sfu_core::{
    Stats,
    fuzzing::{self, Plane},
    sdp::codec::Codec,
};

/// A datagram's protocol, and STUN.
pub(super) fn demux(datagram: &[u8]) {
    fuzzing::demux(datagram);
}

/// An RTP header with extensions.
pub(super) fn rtp(packet: &[u8]) {
    fuzzing::rtp(packet);
}

/// An RTP payload, behind a byte that says of which codec.
pub(super) fn payload(payload: &[u8]) {
    fuzzing::payload(payload);
}

/// What comes in data channels, behind a byte that says which part of it.
pub(super) fn data(input: &[u8]) {
    fuzzing::data(input);
}

/// A compound RTCP packet.
pub(super) fn rtcp(packet: &[u8]) {
    fuzzing::rtcp(packet);
}

/// SRTP and SRTCP packets in a row.
pub(super) fn srtp(packets: &[u8]) {
    fuzzing::srtp(packets);
}

/// A session description.
pub(super) fn sdp(text: &[u8]) {
    fuzzing::sdp(text);
}

/// Datagrams to a media plane with a call on it: each a byte with its length, and then itself.
///
/// Every input gets a plane of its own, so that what found something finds it again.
pub(super) fn plane(datagrams: &[u8]) {
    std::hint::black_box(fed(datagrams));
}

/// What becomes of a media plane that is fed with these datagrams.
fn fed(mut datagrams: &[u8]) -> Stats {
    let mut plane = Plane::new().expect("a media plane");
    while let Some((&length, rest)) = datagrams.split_first() {
        let (datagram, rest) = rest.split_at_checked(length.into()).unwrap_or((rest, &[]));
        datagrams = rest;
        plane.handle(datagram);
    }
    plane.stats()
}

/// A packet of VP8 with two-byte extensions of both kinds (RFC 8285).
fn packet(profile: [u8; 2], extensions: &[u8]) -> Vec<u8> {
    let words = u8::try_from(extensions.len() / 4).expect("few");
    let mut packet = vec![0x90, 0xE0, 0, 1, 0, 0, 0, 90, 0, 0, 0x07, 0xD1];
    packet.extend(profile);
    packet.extend([0, words]);
    packet.extend_from_slice(extensions);
    packet.extend([0x10, 0, 0, 0, 0x9D, 1, 0x2A, 64, 0, 64, 0]);
    packet
}

fn rtp_packets() -> [Vec<u8>; 3] {
    let plain = vec![0x80, 0x60, 0, 2, 0, 0, 0, 90, 0, 0, 0x07, 0xD1, 0x10, 1, 2, 3];
    [
        plain,
        packet([0xBE, 0xDE], &[0x10, b'0', 0x32, 1, 2, 3, 0, 0]),
        packet([0x10, 0], &[1, 1, b'0', 3, 2, 1, 2, 0]),
    ]
}

/// Headers without extensions, and with those of one byte and of two.
pub(super) fn rtp_seeds() -> Vec<Vec<u8>> {
    rtp_packets().into()
}

/// How packets of key frames begin, each as its codec's specification has it, and sound that comes twice.
pub(super) fn payload_seeds() -> Vec<Vec<u8>> {
    let payload = |codec: Codec, bytes: &[u8]| {
        let place = fuzzing::CODECS.iter().position(|other| *other == codec).expect("it is read");
        [&[u8::try_from(place).expect("few")], bytes].concat()
    };
    vec![
        payload(
            Codec::Vp8,
            &[0x90, 0xF0, 0x92, 0x34, 0x77, 0x60, 0x50, 0, 0, 0x9D, 1, 0x2A, 0x80, 2, 0x68, 1],
        ),
        payload(Codec::Vp9, &[0xAE, 0x92, 0x34, 0, 0x77, 0x18, 2, 0x80, 1, 0x68, 1, 4, 1, 0x82]),
        payload(
            Codec::Vp9,
            &[0xDA, 0x05, 0x30, 3, 4, 0x38, 1, 0x40, 0, 0xB4, 2, 0x80, 1, 0x68, 1, 4, 1, 0x82],
        ),
        payload(Codec::H264, &[0x78, 0, 4, 0x67, 0x42, 0xE0, 0x1F, 0, 2, 0x68, 0xCE, 0, 2, 0x65, 0x88]),
        payload(Codec::H264, &[0x7C, 0x85, 0x88, 0x84]),
        payload(Codec::Av1, &[0x28, 0x0A, 0x0A, 0x0B, 0, 0, 0]),
        payload(Codec::Red, &[0xEF, 0x0F, 0, 3, 0x6F, 1, 2, 3, 8, 9]),
    ]
}

/// A message to everybody and one to somebody, a channel that is opened and that it is, and how an association begins.
pub(super) fn data_seeds() -> Vec<Vec<u8>> {
    let directed = [&[0, 1, 0, 1][..], &[7; 16], &[4], b"chathello"].concat();
    let opening = [&[2, 3, 0x80, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0][..], b"reliable"].concat();
    let init = [1, 0, 0, 20, 0, 0, 0, 77, 0, 1, 0, 0, 0, 16, 0, 16, 0, 0, 0, 1];
    let packet = [&[3, 0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 0][..], &init].concat();
    vec![vec![0, 1, 0, 0, 0], vec![1, 1, 0, 0, 1, b't', 9], directed, opening, vec![2, 2], packet]
}

/// Sender and receiver report, NACK, PLI, FIR, REMB, SDES, BYE, transport-wide feedback of runs and of vectors of both
/// widths, with padding; each alone and all together (RFC 3550, RFC 4585).
pub(super) fn rtcp_seeds() -> Vec<Vec<u8>> {
    let words: [&[u32]; 10] = [
        &[0x80C8_0006, 2001, 0xE000_0000, 0, 90_000, 10, 1000],
        &[0x81C9_0007, 2002, 2001, 0x0100_0001, 5, 9, 0xE000_0000, 6],
        &[0x81CD_0003, 1, 2001, 0x0001_8005],
        &[0x81CE_0002, 1, 2001],
        &[0x84CE_0004, 1, 0, 2001, 0x0700_0000],
        &[0x8FCE_0005, 1, 0, 0x5245_4D42, 0x0103_FFFF, 2001],
        &[0x81CA_0003, 2001, 0x0104_6361, 0x6D65_0000],
        &[0x81CB_0001, 2001],
        &[0x8FCD_0007, 1, 2001, 0x0005_0007, 0xFFFF_FE03, 0x2003_CA00, 0x0102_00FF, 0xF601_2C00],
        &[0xAFCD_0007, 1, 2001, 0xFFFE_0010, 0x0000_0104, 0xA801_0002, 0x0102_0304, 0x0500_0003],
    ];
    let packets = words.map(|words| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>());
    packets.iter().cloned().chain([packets.concat()]).collect()
}

/// A check as a browser sends one (RFC 8489), a DTLS record, RTP and RTCP.
pub(super) fn demux_seeds() -> Vec<Vec<u8>> {
    let mut check = vec![0, 1, 0, 48, 0x21, 0x12, 0xA4, 0x42];
    check.extend([7; 12]);
    check.extend([0, 6, 0, 9]);
    check.extend(b"abcd:efgh\0\0\0");
    check.extend([0, 0x24, 0, 4, 0x6E, 0, 0x1E, 0xFF]);
    check.extend([0, 0x25, 0, 0]);
    check.extend([0, 0x2A, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    check.extend([0x80, 0x28, 0, 4, 1, 2, 3, 4]);
    let dtls = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0];
    [check, dtls].into_iter().chain(rtp_seeds()).chain(rtcp_seeds()).collect()
}

/// Packets that are sealed first, by either kind of profile, and packets that are not.
pub(super) fn srtp_seeds() -> Vec<Vec<u8>> {
    let framed = |kind: u8, packet: &[u8]| {
        [&[kind, u8::try_from(packet.len()).expect("a short packet")], packet].concat()
    };
    let rtp = |kind| rtp_packets().iter().flat_map(|packet| framed(kind, packet)).collect::<Vec<u8>>();
    let short: Vec<Vec<u8>> = rtcp_seeds().into_iter().filter(|it| it.len() < 200).collect();
    let rtcp = |kind| short.iter().flat_map(|packet| framed(kind, packet)).collect();
    vec![rtp(1), rtp(3), rtcp(1), rtcp(3), rtp(0)]
}

/// Offers as browsers write them.
pub(super) fn sdp_seeds() -> Vec<Vec<u8>> {
    let session = "v=0\r\no=- 4611 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n";
    let transport = "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=ice-options:trickle\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\na=rtcp-mux\r\na=rtcp-rsize\r\n";
    let audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendonly\r\na=msid:s t\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=ssrc:1 cname:c\r\n";
    let video = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\r\na=mid:1\r\na=sendrecv\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 goog-remb\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 H264/90000\r\na=fmtp:98 packetization-mode=1;profile-level-id=42e01f\r\na=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\na=ssrc-group:FID 2 3\r\na=ssrc:2 cname:c\r\na=ssrc:3 cname:c\r\na=candidate:1 1 udp 2122260223 192.0.2.1 5000 typ host generation 0\r\na=end-of-candidates\r\n";
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";
    let offers = [
        format!("{session}{audio}{transport}"),
        format!("{session}{audio}{transport}{video}{transport}"),
        format!("{session}{audio}{transport}{video}{transport}{data}{transport}"),
        format!(
            "{session}{}{transport}",
            video.replace("sendrecv", "inactive").replace("m=video 9", "m=video 0")
        ),
    ];
    offers
        .map(String::into_bytes)
        .into_iter()
        .chain(fuzzing::OFFERS.map(|offer| offer.as_bytes().to_vec()))
        .collect()
}

/// Media, feedback and checks of a call, some encrypted with the right keys.
pub(super) fn plane_seeds() -> Vec<Vec<u8>> {
    let framed = |how: u8, datagram: &[u8]| {
        let length = u8::try_from(datagram.len() + 2).expect("a short datagram");
        [&[length, how, 5], datagram].concat()
    };
    let media: Vec<u8> = rtp_packets().iter().flat_map(|packet| framed(4, packet)).collect();
    let short: Vec<Vec<u8>> = rtcp_seeds().into_iter().filter(|it| it.len() < 200).collect();
    // What the receiver says of the streams that it gets, and the sender of those that it sends.
    let feedback: Vec<u8> = short.iter().flat_map(|packet| framed(4 | 1 | 16 | 32, packet)).collect();
    let reports: Vec<u8> = short.iter().flat_map(|packet| framed(4 | 16, packet)).collect();
    let strangers: Vec<u8> =
        demux_seeds().iter().filter(|it| it.len() < 200).flat_map(|it| framed(3 | 8, it)).collect();
    let storm: Vec<u8> = (0..20).flat_map(|_| framed(4 | 1 | 32, &nack())).collect();
    vec![
        [media.clone(), feedback.clone()].concat(),
        [media.clone(), feedback.clone(), strangers.clone()].concat(),
        strangers,
        [media.clone(), reports, feedback, storm].concat(),
        [moves(framed), media.clone()].concat(),
        [late(framed), media].concat(),
    ]
}

/// The first packets of the camera again.
fn nack() -> Vec<u8> {
    let words: [u32; 4] = [0x81CD_0003, 1, 2001, 0x0001_FFFF];
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The receiver nominates another port and answers the engine's check there; then a conflict of roles,
/// another priority, an error, attributes that nobody knows.
fn moves(framed: impl Fn(u8, &[u8]) -> Vec<u8>) -> Vec<u8> {
    let nomination = [0, 1, 0x80, 0x2A, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0x25, 0, 0];
    let answer = [1, 1, 0, 0x20, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0];
    let conflict = [0, 1, 0x80, 0x29, 0, 8, 0xFF, 2, 3, 4, 5, 6, 7, 8];
    let priority = [0, 1, 0, 0x24, 0, 4, 0x7F, 0xFF, 0xFF, 0xFF];
    let error = [1, 0x11, 0, 9, 0, 4, 0, 0, 4, 87];
    let unknown = [0, 1, 0, 0x30, 0, 4, 1, 2, 3, 4, 0x7F, 0xFF, 0, 0];
    let how = 3 | 64 | 128;
    [nomination.as_slice(), &answer, &conflict, &priority, &error, &unknown]
        .map(|it| framed(how, it))
        .concat()
}

/// Both ends answer what they are asked, or not, until consent has ended.
fn late(framed: impl Fn(u8, &[u8]) -> Vec<u8>) -> Vec<u8> {
    let answer = [1, 1, 0, 0x20, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0];
    let slowly = |how: u8| {
        let mut datagram = framed(how, &answer);
        // The upper bits of the second byte: 2.5 s later.
        datagram[2] = 0xE5;
        datagram
    };
    (0..16).flat_map(|n| [slowly(128 | 16 | (n & 1)), slowly(128 | 64 | 16 | 8 | 1)].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus;

    /// Passes for the wrong reason if everything were refused at the door: the counts are of what is
    /// behind it.
    #[test]
    fn what_is_fed_to_a_plane_reaches_what_it_does() {
        let seeds: Vec<Stats> = plane_seeds().iter().map(|seed| fed(seed)).collect();
        let all: Vec<Stats> =
            corpus::read("plane").expect("a corpus").iter().map(|input| fed(input)).collect();
        for stats in [seeds, all] {
            let sum = |count: fn(&Stats) -> u64| stats.iter().map(count).sum::<u64>();
            assert!(sum(|it| it.packets_received) > 0 && sum(|it| it.packets_forwarded) > 0);
            assert!(sum(|it| it.packets_resent) > 0, "requests reach the subscription");
            assert!(sum(|it| it.datagrams_refused) > 0);
        }
    }
}
