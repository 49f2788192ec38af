use super::*;
use crate::rtp::header::PlainHeader;

/// Both ends of one association, from arbitrary material.
fn pair(profile: Profile) -> (Sealer, Opener) {
    let material: Vec<u8> = (0..u8::try_from(2 * profile.key_bytes() + 2 * SALT_BYTES).unwrap()).collect();
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
    for profile in [Profile::Aes128Gcm, Profile::Aes256Gcm] {
        let (sealer, mut opener) = pair(profile);
        let mut packet = sealed(&sealer, 9);
        let mut again = packet.clone();
        let length = opener.rtp(&mut packet).unwrap();
        assert_eq!(&packet[12..length], b"payload");
        assert_eq!(opener.rtp(&mut again), None, "a replay is refused");
    }
}

#[test]
fn a_changed_bit_anywhere_is_refused() {
    let (sealer, mut opener) = pair(Profile::Aes128Gcm);
    let packet = sealed(&sealer, 9);
    for at in 0..packet.len() {
        let mut forged = packet.clone();
        forged[at] ^= 1;
        assert_eq!(opener.rtp(&mut forged), None, "byte {at}");
    }
    assert!(opener.rtp(&mut packet.clone()).is_some(), "the genuine one still opens");
}

#[test]
fn streams_open_over_the_wrap_in_any_order() {
    let (sealer, mut opener) = pair(Profile::Aes128Gcm);
    for number in [65_534, 65_536, 65_535, 65_537, 70_000, 69_999] {
        assert!(opener.rtp(&mut sealed(&sealer, number)).is_some(), "{number}");
    }
    assert_eq!(opener.rtp(&mut sealed(&sealer, 65_535)), None, "too old to judge");
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
    let (mut sealer, mut opener) = pair(Profile::Aes256Gcm);
    let report = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    let mut out = Vec::new();
    assert!(sealer.rtcp(&report, &mut out));
    let mut forged = out.clone();
    forged[9] ^= 1;
    assert_eq!(opener.rtcp(&mut forged), None);
    let mut again = out.clone();
    let length = opener.rtcp(&mut out).unwrap();
    assert_eq!(out[..length], report);
    assert_eq!(opener.rtcp(&mut again), None);
}

/// RFC 7714, section 16.1.1: AEAD_AES_128_GCM. Session keys are given there, so
/// derivation is covered by the browsers, not by this.
#[test]
fn the_vector_of_the_rfc_is_met() {
    let salt = *b"Quid pro quo";
    let key: Vec<u8> = (0..16).collect();
    let keys = || LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
    let session = SessionKeys { rtp: keys(), rtp_salt: salt, rtcp: keys(), rtcp_salt: salt };
    let sealer = Sealer { keys: session, rtcp_index: 0 };
    let header = [0x80, 0x40, 0xf1, 0x7b, 0x80, 0x41, 0xf8, 0xd3, 0x55, 0x01, 0xa0, 0xb2];
    let payload = b"Gallia est omnis divisa in partes tres";
    let mut out = Vec::new();
    assert!(sealer.rtp(&header, &[payload], 0x5501_a0b2, SeqNo::from_extended(0xf17b), 0, &mut out));
    let expected = "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
                    899d7f27beb16a9152cf765ee4390cce";
    let hex: String = out[12..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
}
