//! SRTP and SRTCP of every profile (RFC 3711, RFC 7714).

use rtc::srtp::{context::Context, protection_profile::ProtectionProfile};
use sfu_core::{
    rtp::sequence::SeqNo,
    srtp::{Opener, Profile, Sealer, contexts},
};
use webrtc::peer_connection::crypto::providers::AwsLcRsCrypto;

/// Both ends of both implementations, from the same material: ours is the server.
struct Ends {
    sealer: Sealer,
    opener: Opener,
    /// What the client sends, and what it gets.
    sends: Context,
    gets: Context,
}

impl Ends {
    fn new(profile: Profile) -> Self {
        let material: Vec<u8> = (0..=255).rev().take(profile.material_bytes()).collect();
        let (opener, sealer) = contexts(profile, &material, false).unwrap();
        let (keys, salts) = material.split_at(2 * profile.key_bytes());
        let (client_key, server_key) = keys.split_at(profile.key_bytes());
        let (client_salt, server_salt) = salts.split_at(profile.salt_bytes());
        let theirs = match profile {
            Profile::Aes128Gcm => ProtectionProfile::AeadAes128Gcm,
            Profile::Aes256Gcm => ProtectionProfile::AeadAes256Gcm,
            Profile::Aes128CmHmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        };
        let context = |key, salt| Context::new(key, salt, theirs, None, None, &AwsLcRsCrypto).unwrap();
        let (sends, gets) = (context(client_key, client_salt), context(server_key, server_salt));
        Self { sealer, opener, sends, gets }
    }
}

/// Headers without anything, with contributors, and with extensions of both forms.
fn headers() -> [Vec<u8>; 4] {
    let fixed = |first: u8| vec![first, 0xE0, 0, 0, 0, 0, 0, 90, 0, 0, 0, 5];
    [
        fixed(0x80),
        [fixed(0x82), vec![0, 0, 0, 8, 0, 0, 0, 9]].concat(),
        [fixed(0x90), vec![0xBE, 0xDE, 0, 1, 0x10, 0xAA, 0, 0]].concat(),
        [fixed(0x91), vec![0, 0, 0, 8, 0x10, 0, 0, 1, 1, 2, 0xAA, 0xBB]].concat(),
    ]
}

/// A stream that goes over the wrap of its number twice, under headers and with payloads of all kinds.
fn stream() -> impl Iterator<Item = (SeqNo, Vec<u8>, Vec<u8>)> {
    let payloads = [0, 1, 15, 16, 17, 1000, 1187];
    let numbers = (65_000..200_000).step_by(997);
    numbers.zip(headers().into_iter().cycle()).zip(payloads.into_iter().cycle()).map(
        |((number, mut header), length)| {
            let sequence = SeqNo::from_extended(number);
            header[2..4].copy_from_slice(&sequence.to_wire().to_be_bytes());
            (sequence, header, (0..=255).cycle().take(length).collect())
        },
    )
}

#[test]
fn another_implementation_opens_the_rtp_that_we_seal() {
    for profile in Profile::ALL {
        let mut ends = Ends::new(profile);
        for (sequence, header, payload) in stream() {
            let mut sealed = Vec::new();
            let cycles = sequence.cycles();
            assert!(ends.sealer.rtp(&header, &[&payload], 5, sequence, cycles, &mut sealed));
            assert_eq!(sealed.len(), header.len() + payload.len() + ends.sealer.tag_bytes());
            let opened =
                ends.gets.decrypt_rtp(&sealed).unwrap_or_else(|error| panic!("{sequence:?}: {error}"));
            assert_eq!(opened[..], [header, payload].concat(), "{profile:?}, {sequence:?}");
        }
    }
}

#[test]
fn we_open_the_rtp_that_another_implementation_seals() {
    for profile in Profile::ALL {
        let mut ends = Ends::new(profile);
        for (sequence, header, payload) in stream() {
            let plain = [header.as_slice(), &payload].concat();
            let mut sealed = ends.sends.encrypt_rtp(&plain).unwrap().to_vec();
            let opened = ends.opener.rtp(&mut sealed).unwrap_or_else(|| panic!("{profile:?}, {sequence:?}"));
            assert_eq!((opened.header.bytes, opened.payload), (header.as_slice(), payload.as_slice()));
        }
    }
}

#[test]
fn rtcp_goes_both_ways() {
    let report = [0x80, 201, 0, 1, 0, 0, 0, 5];
    let request = [0x81, 206, 0, 2, 0, 0, 0, 5, 0, 0, 0, 7];
    for profile in Profile::ALL {
        let mut ends = Ends::new(profile);
        for plain in [report.to_vec(), [report.as_slice(), &request].concat(), request.to_vec()] {
            let mut sealed = Vec::new();
            assert!(ends.sealer.rtcp(&plain, &mut sealed));
            assert_eq!(ends.gets.decrypt_rtcp(&sealed).unwrap()[..], plain, "{profile:?}");
            let mut sealed = ends.sends.encrypt_rtcp(&plain).unwrap().to_vec();
            let length = ends.opener.rtcp(&mut sealed).unwrap_or_else(|| panic!("{profile:?}"));
            assert_eq!(sealed[..length], plain, "{profile:?}");
        }
    }
}
