//! What one session over HTTP may offer: sound, pictures or both. Of who publishes all of it is taken, of who plays what
//! can be.

use common::protocol::media::{PublishTrack, TrackKind, TrackSource};
use sfu_core::{
    SdpError,
    sdp::{
        answer,
        parse::{Remote, Section},
        play,
    },
};

/// What one session may not offer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum WhipOfferError {
    /// It is no offer, or nothing of it can be taken.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// One of each kind (RFC 9725, section 4.4.2).
    #[error("there are two tracks of {0}, and a session has one at most")]
    Duplicate(&'static str),
    /// All or nothing (RFC 9725, section 4.4.3).
    #[error(
        "media section {mid} cannot be taken: each has to send sound or pictures, in one bundle, with a codec that \
         is forwarded"
    )]
    Partial {
        /// The section's identification.
        mid: String,
    },
}

/// What a section is named; `None` for what is neither sound nor picture.
pub(super) fn named(section: &Section, picture: TrackSource) -> Option<PublishTrack> {
    let source = match (section.kind?, picture) {
        (TrackKind::Video, picture) => picture,
        (TrackKind::Audio, TrackSource::Screen) => TrackSource::ScreenAudio,
        (TrackKind::Audio, _) => TrackSource::Microphone,
    };
    Some(PublishTrack { mid: Some(section.mid.clone()), source, muted: None })
}

/// Whether all of an offer can be taken, and is what one WHIP session may send.
///
/// # Errors
/// [`WhipOfferError`].
pub(super) fn check(offer: &Remote) -> Result<(), WhipOfferError> {
    if offer.sections.is_empty() {
        return Err(SdpError::Missing("media sections").into());
    }
    answer::check(offer)?;
    at_most_one_of_each(offer)?;
    match offer.sections.iter().find(|section| !answer::takes(section)) {
        Some(section) => Err(WhipOfferError::Partial { mid: section.mid.clone() }),
        None => Ok(()),
    }
}

/// Whether an offer is of one player: something of it can be played, and there is one section of a kind at most. What
/// cannot be played in a section is refused there alone.
///
/// # Errors
/// [`WhipOfferError`].
pub(super) fn check_player(offer: &Remote) -> Result<(), WhipOfferError> {
    play::check(offer)?;
    at_most_one_of_each(offer)
}

fn at_most_one_of_each(offer: &Remote) -> Result<(), WhipOfferError> {
    for (kind, name) in [(TrackKind::Audio, "sound"), (TrackKind::Video, "pictures")] {
        if offer.sections.iter().filter(|section| section.kind == Some(kind)).count() > 1 {
            return Err(WhipOfferError::Duplicate(name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An offer with these media lines, bundled unless they say otherwise.
    fn offer(sections: &[&str], bundled: &str) -> Remote {
        let head = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {bundled}\r\na=ice-ufrag:abcd\r\n\
             a=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 {}\r\na=setup:actpass\r\n",
            ["00"; 32].join(":")
        );
        let section = |(mid, lines): (usize, &&str)| format!("{lines}\r\na=mid:{mid}\r\na=rtcp-mux\r\n");
        let sections: String = sections.iter().enumerate().map(section).collect();
        Remote::parse(&(head + &sections)).unwrap()
    }

    const SOUND: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=sendonly";
    const PICTURES: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=sendonly";

    #[test]
    fn sound_and_pictures_are_taken_together_and_alone() {
        for sections in [&[SOUND, PICTURES][..], &[SOUND], &[PICTURES]] {
            assert_eq!(check(&offer(sections, "0 1")), Ok(()));
        }
    }

    #[test]
    fn nothing_is_taken_of_which_something_is_not() {
        let partial = |mid: &str| Err(WhipOfferError::Partial { mid: mid.to_owned() });
        let listens = PICTURES.replace("sendonly", "recvonly");
        let unknown = PICTURES.replace("VP8", "theora");
        let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000";
        for second in [listens.as_str(), &unknown, data] {
            assert_eq!(check(&offer(&[SOUND, second], "0 1")), partial("1"));
        }
        assert_eq!(check(&offer(&[SOUND, PICTURES], "0")), partial("1"), "without a bundle");
        let alone = check(&offer(&[&unknown], "0"));
        assert!(matches!(alone, Err(WhipOfferError::Sdp(SdpError::NothingAgreed { .. }))));
        assert_eq!(check(&offer(&[SOUND, SOUND], "0 1")), Err(WhipOfferError::Duplicate("sound")));
        assert_eq!(check(&offer(&[], "")), Err(SdpError::Missing("media sections").into()));
    }

    /// As whipsink of GStreamer and the WHIP muxer of FFmpeg, which knows no VP8, wrote them.
    #[test]
    fn of_real_encoders_sound_and_pictures_are_taken() {
        let gstreamer = include_str!("../../../core/src/sdp/fixtures/gstreamer-whip.sdp");
        let ffmpeg = include_str!("../../../core/src/sdp/fixtures/ffmpeg-whip.sdp");
        for offer in [gstreamer, ffmpeg] {
            assert_eq!(check(&Remote::parse(offer).unwrap()), Ok(()));
        }
    }

    #[test]
    fn what_is_sent_from_a_screen_is_named_so() {
        let sources = |picture| {
            let sections = offer(&[SOUND, PICTURES], "0 1").sections;
            sections.iter().filter_map(|it| named(it, picture)).map(|it| it.source).collect::<Vec<_>>()
        };
        assert_eq!(sources(TrackSource::Camera), [TrackSource::Microphone, TrackSource::Camera]);
        assert_eq!(sources(TrackSource::Screen), [TrackSource::ScreenAudio, TrackSource::Screen]);
    }
}
