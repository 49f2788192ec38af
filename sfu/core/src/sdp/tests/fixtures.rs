//! Offers that clients really make, and what becomes of them: an independent parser reads the answers.

use super::*;
use rtc_sdp::{SessionDescription, description::media::MediaDescription};
use std::{collections::BTreeSet, io::Cursor};

/// A client's offer, and what each section is answered with: `recvonly`, `inactive`, `data`, or `-` for a refusal,
/// and the payload types.
struct Fixture {
    name: &'static str,
    offer: &'static str,
    answered: &'static [&'static str],
}

macro_rules! fixture {
    ($name:literal, $answered:expr) => {
        Fixture {
            name: $name,
            offer: include_str!(concat!("../fixtures/", $name, ".sdp")),
            answered: &$answered,
        }
    };
}

/// Captured from the clients that are named, but the last two: those are written after what FFmpeg 8 and
/// GStreamer 1.22 (whipsink) document and write.
const FIXTURES: [Fixture; 13] = [
    fixture!("chromium-camera", ["recvonly 111 63", "recvonly 96 97"]),
    fixture!(
        "chromium-screen-data",
        ["recvonly 111 63", "recvonly 96 97", "recvonly 96 97", "recvonly 111 63", "data webrtc-datachannel"]
    ),
    fixture!("chromium-simulcast", ["recvonly 111 63", "recvonly 96 97"]),
    fixture!("chromium-recvonly", ["inactive 111 63", "inactive 96 97"]),
    fixture!("chromium-h264-only", ["recvonly 102 103"]),
    fixture!("firefox-camera-data", ["recvonly 109", "recvonly 120 124", "data webrtc-datachannel"]),
    fixture!("firefox-simulcast", ["recvonly 109", "recvonly 120 124"]),
    fixture!("pion", ["recvonly 111", "recvonly 96 97", "data webrtc-datachannel"]),
    fixture!("aiortc", ["recvonly 96", "recvonly 97 98", "data webrtc-datachannel"]),
    fixture!("werift", ["recvonly 96", "recvonly 98", "inactive 98"]),
    fixture!("libdatachannel", ["recvonly 111", "recvonly 96", "recvonly 97", "data webrtc-datachannel"]),
    fixture!("ffmpeg-whip", ["recvonly 111", "recvonly 106"]),
    fixture!("gstreamer-whip", ["recvonly 96 97", "recvonly 98"]),
];

fn offer(name: &str) -> &'static str {
    FIXTURES.iter().find(|fixture| fixture.name == name).unwrap().offer
}

fn judge(text: &str) -> SessionDescription {
    SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes())).unwrap()
}

fn bundle(description: &SessionDescription) -> BTreeSet<String> {
    let group = description.attributes.iter().find(|attribute| attribute.key == "group");
    let mids = group.and_then(|group| group.value.as_deref()?.strip_prefix("BUNDLE "));
    mids.into_iter().flat_map(|mids| mids.split(' ')).map(str::to_owned).collect()
}

fn values<'a>(media: &'a MediaDescription, key: &str) -> Vec<&'a str> {
    let named = media.attributes.iter().filter(|attribute| attribute.key == key);
    named.map(|attribute| attribute.value.as_deref().unwrap_or_default()).collect()
}

fn short(media: &MediaDescription) -> String {
    let is = |direction| media.attributes.iter().any(|attribute| attribute.key == direction);
    let direction = match (media.media_name.port.value, is("recvonly"), is("inactive")) {
        (0, false, true) => "-",
        (9, true, false) => "recvonly",
        (9, false, true) => "inactive",
        (9, false, false) if media.media_name.media == "application" => "data",
        other => panic!("{other:?}"),
    };
    format!("{direction} {}", media.media_name.formats.join(" "))
}

#[test]
fn every_clients_offer_is_answered_section_by_section() {
    for Fixture { name, offer, answered } in &FIXTURES {
        let answer = judge(&answer_to(offer));
        let shorts: Vec<String> = answer.media_descriptions.iter().map(short).collect();
        assert_eq!(&shorts, answered, "{name}");
    }
}

/// What RFC 3264, 8829 and 8843 ask of any answer.
#[test]
fn every_answer_fits_its_offer() {
    for Fixture { name, offer, .. } in &FIXTURES {
        let (offer, answer) = (judge(offer), judge(&answer_to(offer)));
        let mut live = BTreeSet::new();
        for (asked, media) in offer.media_descriptions.iter().zip(&answer.media_descriptions) {
            let mid = values(media, "mid");
            assert_eq!(values(asked, "mid"), mid, "{name}");
            assert_eq!(asked.media_name.media, media.media_name.media);
            assert_eq!(asked.media_name.protos, media.media_name.protos);
            assert!(media.media_name.formats.iter().all(|format| asked.media_name.formats.contains(format)));
            for key in ["ice-ufrag", "ice-pwd", "fingerprint", "setup"] {
                assert_eq!(values(media, key).len(), 1, "{name}: {key}");
            }
            assert_ne!(values(media, "setup"), values(asked, "setup"), "{name}");
            for extension in values(media, "extmap") {
                let plain = |map: &str| map.replace("/recvonly", "").replace("/sendonly", "");
                assert!(
                    values(asked, "extmap").into_iter().any(|map| plain(map) == plain(extension)),
                    "{name}"
                );
            }
            for feedback in values(media, "rtcp-fb") {
                assert!(values(asked, "rtcp-fb").contains(&feedback), "{name}: {feedback}");
            }
            if media.media_name.media != "application" {
                for format in &media.media_name.formats {
                    let maps = values(media, "rtpmap");
                    assert!(
                        maps.iter().any(|map| map.starts_with(&format!("{format} "))),
                        "{name}: {format}"
                    );
                }
            }
            if media.media_name.port.value != 0 {
                live.insert(mid[0].to_owned());
                let candidates = 2 * usize::from(live.len() == 1);
                assert_eq!(values(media, "candidate").len(), candidates, "{name}");
            }
        }
        assert_eq!(offer.media_descriptions.len(), answer.media_descriptions.len(), "{name}");
        assert_eq!(bundle(&answer), live, "{name}");
        assert!(bundle(&answer).is_subset(&bundle(&offer)), "{name}");
    }
}

#[test]
fn what_each_client_says_of_its_streams_is_read() {
    let chromium = Remote::parse(offer("chromium-simulcast")).unwrap();
    let [_, video] = &chromium.sections[..] else { panic!("two sections") };
    let rids = |section: &parse::Section| -> Vec<_> {
        section.encodings.iter().map(|encoding| (encoding.rid.clone().unwrap(), encoding.ssrc)).collect()
    };
    let expected = ["q", "h", "f"].map(|rid| (rid.to_owned(), None));
    assert_eq!(rids(video), expected);
    assert_eq!(chromium.extensions.id(Extension::Rid), Some(10));
    assert_eq!(chromium.extensions.id(Extension::DependencyDescriptor), Some(12));
    let firefox = Remote::parse(offer("firefox-simulcast")).unwrap();
    assert_eq!(rids(&firefox.sections[1]), expected, "under which SSRCs, its packets say");
    assert_eq!(firefox.extensions.id(Extension::PlayoutDelay), None, "it only receives that");
    let ffmpeg = Remote::parse(offer("ffmpeg-whip")).unwrap();
    assert!(ffmpeg.is_passive && ffmpeg.sections[0].encodings[0].ssrc == Some(2_468_013_579));
    let aiortc = Remote::parse(offer("aiortc")).unwrap();
    assert_eq!(aiortc.sections[1].encodings[0].rtx_ssrc, Some(4_191_489_388));
}

#[test]
fn every_client_has_something_that_can_be_forwarded() {
    for Fixture { name, offer, .. } in &FIXTURES {
        assert_eq!(answer::check(&Remote::parse(offer).unwrap()), Ok(()), "{name}");
    }
}

/// All that the publisher of it can be asked for is asked for, and receivers are offered the same profile and mode.
#[test]
fn pictures_in_h264_are_taken_as_they_are_offered() {
    for (name, mid, payload_type) in [("chromium-h264-only", "0", 102), ("ffmpeg-whip", "1", 106)] {
        let remote = Remote::parse(offer(name)).unwrap();
        let section = remote.sections.iter().find(|section| section.mid == mid).unwrap();
        let format = section.forwarded.unwrap();
        assert_eq!((format.codec, section.payload_type), (Codec::H264, Some(payload_type)), "{name}");
        let answer = answer_to(offer(name));
        for said in [format.parameters, &section.parameters] {
            assert!(Codec::H264.is_same(said, &section.answered_parameters()), "{name}: {answer}");
        }
    }
}

#[test]
fn every_offer_reads_the_same_with_other_line_ends_and_may_be_cut_anywhere() {
    for Fixture { name, offer, .. } in &FIXTURES {
        let read = Remote::parse(offer);
        assert_eq!(Remote::parse(offer.replace("\r\n", "\n").trim_end()), read, "{name}");
        for end in (0..offer.len()).step_by(61) {
            if let Ok(remote) = Remote::parse(offer.get(..end).unwrap()) {
                answer::write(&remote, local(), 1, 1);
            }
        }
    }
}
