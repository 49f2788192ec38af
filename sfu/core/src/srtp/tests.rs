use super::*;
use crate::rtp::header::PlainHeader;

/// What hexadecimal digits say.
pub(super) fn bytes(digits: &str) -> Vec<u8> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty());
    pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Both ends of one association, from arbitrary material.
fn pair(profile: Profile) -> (Sealer, Opener) {
    let material: Vec<u8> = (0..u8::try_from(profile.material_bytes()).unwrap()).collect();
    let (_, ours) = contexts(profile, &material, true).unwrap();
    let (theirs, _) = contexts(profile, &material, false).unwrap();
    (ours, theirs)
}

fn sealed(sealer: &Sealer, number: u64) -> Vec<u8> {
    sealed_of(sealer, 5, number)
}

fn sealed_of(sealer: &Sealer, ssrc: u32, number: u64) -> Vec<u8> {
    let sequence = SeqNo::from_extended(number);
    let header = PlainHeader {
        has_padding: false,
        marker: false,
        payload_type: 96,
        sequence: sequence.to_wire(),
        timestamp: 1,
        ssrc,
    };
    let mut out = Vec::new();
    assert!(sealer.rtp(&header.to_bytes(), &[b"pay", b"load"], ssrc, sequence, sequence.cycles(), &mut out));
    out
}

#[test]
fn what_is_sealed_opens_to_the_same_once() {
    for profile in Profile::ALL {
        let (sealer, mut opener) = pair(profile);
        let mut packet = sealed(&sealer, 9);
        assert_eq!(packet.len(), 12 + 7 + sealer.tag_bytes());
        let mut again = packet.clone();
        let opened = opener.rtp(&mut packet).unwrap();
        assert_eq!((opened.header.ssrc, opened.header.sequence), (5, 9));
        assert_eq!(opened.payload, b"payload");
        assert_eq!(opener.rtp(&mut again), None, "a replay is refused");
    }
}

#[test]
fn a_packet_without_a_payload_opens() {
    for profile in Profile::ALL {
        let (sealer, mut opener) = pair(profile);
        let mut out = Vec::new();
        let header = [0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5];
        assert!(sealer.rtp(&header, &[], 5, SeqNo::from_extended(1), 0, &mut out));
        assert_eq!(opener.rtp(&mut out).unwrap().payload, b"");
    }
}

/// Contributors and extensions are authenticated, and stay as they are.
#[test]
fn a_changed_bit_anywhere_is_refused() {
    for profile in Profile::ALL {
        let (sealer, mut opener) = pair(profile);
        let header = bytes("91e000090000000100000005000000ffbede000110aa0000");
        let mut packet = Vec::new();
        assert!(sealer.rtp(&header, &[b"payload"], 5, SeqNo::from_extended(9), 0, &mut packet));
        assert_eq!(packet[..header.len()], header);
        for at in 0..packet.len() * 8 {
            let mut forged = packet.clone();
            forged[at / 8] ^= 1 << (at % 8);
            assert_eq!(opener.rtp(&mut forged), None, "{profile:?}, bit {at}");
        }
        for end in 0..packet.len() {
            assert_eq!(opener.rtp(&mut packet.clone()[..end]), None, "{profile:?}, cut to {end}");
        }
        let opened = opener.rtp(&mut packet).map(|opened| (opened.header.extension(1), opened.payload));
        assert_eq!(opened, Some((Some(&[0xAA][..]), &b"payload"[..])), "the genuine one still opens");
    }
}

/// Passes for the wrong reason if nothing were encrypted: contents that are all zero would show the keystream.
#[test]
fn no_two_packets_share_their_keystream() {
    for profile in Profile::ALL {
        let (mut sealer, _) = pair(profile);
        let mut seen = std::collections::BTreeSet::new();
        for (ssrc, number) in [(5, 1), (5, 2), (6, 1), (5, 0x1_0001), (5, 0x1_0000_0001)] {
            let (sequence, mut out) = (SeqNo::from_extended(number), Vec::new());
            assert!(sealer.rtp(&[0; 12], &[&[0; 32]], ssrc, sequence, sequence.cycles(), &mut out));
            assert!(seen.insert(out[12..44].to_vec()), "{profile:?}: {ssrc}, {number}");
        }
        for _ in 0..3 {
            let mut out = Vec::new();
            assert!(sealer.rtcp(&[0; 40], &mut out));
            assert!(seen.insert(out[8..40].to_vec()), "{profile:?}");
        }
        assert!(!seen.contains(&vec![0; 32]));
    }
}

#[test]
fn streams_open_over_the_wrap_in_any_order() {
    for profile in Profile::ALL {
        let (sealer, mut opener) = pair(profile);
        for number in [65_534, 65_536, 65_535, 65_537, 70_000, 69_999] {
            assert!(opener.rtp(&mut sealed(&sealer, number)).is_some(), "{profile:?}: {number}");
        }
        assert_eq!(opener.rtp(&mut sealed(&sealer, 65_535)), None, "too old to judge");
    }
}

/// Passes for the wrong reason if the place of the ended stream were not needed.
#[test]
fn an_ended_stream_is_the_first_to_be_forgotten_and_until_then_is_not_opened_again() {
    let (sealer, mut opener) = pair(Profile::Aes128CmHmacSha1_80);
    let others = 100..100 + u32::try_from(STREAMS_MAX).unwrap() - 1;
    for ssrc in others.clone() {
        assert!(opener.rtp(&mut sealed_of(&sealer, ssrc, 9)).is_some());
    }
    assert!(opener.rtp(&mut sealed(&sealer, 9)).is_some(), "the one that was heard last");
    opener.retire(5);
    assert_eq!(opener.rtp(&mut sealed(&sealer, 9)), None, "recorded packets stay repeated ones");
    assert!(opener.rtp(&mut sealed_of(&sealer, 7, 9)).is_some());
    assert!(opener.rtp(&mut sealed(&sealer, 9)).is_some(), "it was forgotten, for another");
    let kept = others.skip(1).filter(|ssrc| opener.rtp(&mut sealed_of(&sealer, *ssrc, 9)).is_some());
    assert_eq!(kept.count(), 0, "the others were remembered");
}

#[test]
fn a_stream_that_ended_and_goes_on_is_opened_where_it_was() {
    let (sealer, mut opener) = pair(Profile::Aes128Gcm);
    for number in [65_535, 65_536] {
        assert!(opener.rtp(&mut sealed(&sealer, number)).is_some());
    }
    opener.retire(5);
    assert!(opener.rtp(&mut sealed(&sealer, 65_537)).is_some(), "in its second cycle");
}

/// A client adds and removes tracks all day, each under a number of its own.
#[test]
fn streams_that_come_and_go_for_ever_are_opened_and_one_that_goes_on_is_not_forgotten() {
    let (sealer, mut opener) = pair(Profile::Aes128Gcm);
    for (ssrc, lasting) in (100..1000).zip(65_530..) {
        assert!(opener.rtp(&mut sealed_of(&sealer, ssrc, 9)).is_some(), "{ssrc}");
        assert_eq!(opener.rtp(&mut sealed_of(&sealer, ssrc, 9)), None, "{ssrc}: a replay is refused");
        assert!(opener.rtp(&mut sealed(&sealer, lasting)).is_some(), "{ssrc}");
        assert_eq!(opener.rtp(&mut sealed(&sealer, lasting)), None, "{ssrc}");
    }
    assert_eq!(opener.remembered().0, STREAMS_MAX);
}

#[test]
fn forged_packets_of_ever_new_streams_are_not_remembered() {
    let (sealer, mut opener) = pair(Profile::Aes128Gcm);
    for ssrc in 0..1000 {
        let mut forged = sealed_of(&sealer, ssrc, 9);
        forged[20] ^= 1;
        assert_eq!(opener.rtp(&mut forged), None);
        let mut forged = vec![0x80, 201, 0, 1, 0, 0, 3, 3, 9, 9, 9, 9, 0x80, 0, 0, 1];
        assert_eq!(opener.rtcp(&mut forged), None);
    }
    assert_eq!(opener.remembered(), (0, 0));
}

#[test]
fn the_last_rtcp_packet_of_a_key_is_followed_by_none() {
    let (mut sealer, _) = pair(Profile::Aes128Gcm);
    let report = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    sealer.rtcp_index = RTCP_INDEX_MAX - 1;
    assert!(sealer.rtcp(&report, &mut Vec::new()));
    assert!(!sealer.rtcp(&report, &mut Vec::new()));
    assert!(!sealer.rtcp(&report, &mut Vec::new()));
}

#[test]
fn rtcp_opens_once_and_not_when_changed() {
    for profile in Profile::ALL {
        let (mut sealer, mut opener) = pair(profile);
        let report = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        let mut out = Vec::new();
        assert!(sealer.rtcp(&report, &mut out));
        assert_eq!(out.len(), report.len() + 4 + sealer.tag_bytes());
        for at in 0..out.len() * 8 {
            let mut forged = out.clone();
            forged[at / 8] ^= 1 << (at % 8);
            assert_eq!(opener.rtcp(&mut forged), None, "{profile:?}, bit {at}");
        }
        for end in 0..out.len() {
            assert_eq!(opener.rtcp(&mut out.clone()[..end]), None, "{profile:?}, cut to {end}");
        }
        let mut again = out.clone();
        let length = opener.rtcp(&mut out).unwrap();
        assert_eq!(out[..length], report);
        assert_eq!(opener.rtcp(&mut again), None);
    }
}

/// The packets that libsrtp's driver checks itself with, of the master key of RFC 3711, appendix B.3: with HMAC-SHA1
/// the RFC has none that are whole.
#[test]
fn whole_packets_are_as_another_implementation_writes_them() {
    let client = ("E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6");
    let server = ("00".repeat(16), "00".repeat(14));
    let material = bytes(&[client.0, &server.0, client.1, &server.1].concat());
    let (_, mut sealer) = contexts(Profile::Aes128CmHmacSha1_80, &material, true).unwrap();
    let (header, payload) = (bytes("800f1234decafbadcafebabe"), [0xAB; 16]);
    let mut out = Vec::new();
    let sequence = SeqNo::from_extended(0x1234);
    assert!(sealer.rtp(&header, &[&payload], 0xcafe_babe, sequence, 0, &mut out));
    assert_eq!(out[12..], bytes("4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"));
    out.clear();
    assert!(sealer.rtcp(&[bytes("81c8000bcafebabe"), payload.to_vec()].concat(), &mut out));
    assert_eq!(out[8..], bytes("7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798"));
}
