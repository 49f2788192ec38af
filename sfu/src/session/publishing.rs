//! Which of a participant's tracks is which: what it names, and what it leaves to be understood.

use common::{
    error::ErrorCode,
    protocol::media::{PublishTrack, TrackKind, TrackSource},
};

/// A media section of a participant's description in which it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SendingSection {
    pub(crate) mid: String,
    pub(crate) kind: TrackKind,
    /// Whether the media plane takes it: there is a codec that both know.
    pub(crate) is_taken: bool,
}

/// A track that a participant is to publish, whether it is published already or new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sends {
    /// The media section that carries it, where there is a description.
    pub(super) mid: Option<String>,
    pub(super) source: TrackSource,
    /// What is said of it, if anything.
    pub(super) muted: Option<bool>,
}

/// Why a participant publishes nothing else than before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PublishError {
    /// It has no seat.
    #[error("join the media session first")]
    NotSeated,
    /// Only a description can publish anything through the server.
    #[error("media goes through the server, which needs a description")]
    NoDescription,
    /// It may not send from this source.
    #[error("the token does not allow sending from {0}")]
    Forbidden(TrackSource),
    /// Two tracks would come from one source.
    #[error("two tracks come from {0}, by name or because no name says otherwise")]
    DuplicateSource(TrackSource),
    /// No section that sends has this name, or it carries another track.
    #[error(
        "no media section for {0}: there is none with its mid, or it does not send, or has another track"
    )]
    UnknownMid(TrackSource),
    /// The section is of the other kind.
    #[error("the media section for {0} is of another kind")]
    KindMismatch(TrackSource),
}

impl PublishError {
    /// The stable code that goes over the wire.
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::NotSeated => ErrorCode::MEDIA_NOT_JOINED,
            Self::NoDescription => ErrorCode::MEDIA_INVALID_SDP,
            Self::Forbidden(_) => ErrorCode::FORBIDDEN,
            Self::DuplicateSource(_) => ErrorCode::MEDIA_DUPLICATE_SOURCE,
            Self::UnknownMid(_) => ErrorCode::MEDIA_UNKNOWN_MID,
            Self::KindMismatch(_) => ErrorCode::MEDIA_KIND_MISMATCH,
        }
    }
}

/// What a participant publishes who describes these sections and names these tracks in them. `carried` is what its
/// last description carried where: a section that is not named goes on with that.
///
/// # Errors
/// [`PublishError`].
pub(super) fn described(
    sections: &[SendingSection],
    named: &[PublishTrack],
    carried: &[(String, TrackSource)],
) -> Result<Vec<Sends>, PublishError> {
    let mut all: Vec<(Sends, bool)> = Vec::new();
    for track in named {
        let source = track.source;
        let section = sections.iter().find(|section| track.mid.as_ref() == Some(&section.mid));
        let section = section.ok_or(PublishError::UnknownMid(source))?;
        if section.kind != source.kind() {
            return Err(PublishError::KindMismatch(source));
        }
        if all.iter().any(|(one, _)| one.mid == track.mid) {
            return Err(PublishError::UnknownMid(source));
        }
        let sends = Sends { mid: track.mid.clone(), source, muted: track.muted };
        all.push((sends, section.is_taken));
    }
    for section in sections.iter().filter(|section| section.is_taken) {
        if all.iter().any(|(one, _)| one.mid.as_ref() == Some(&section.mid)) {
            continue;
        }
        let before =
            carried.iter().find(|(mid, source)| *mid == section.mid && source.kind() == section.kind);
        let source = before.map_or(TrackSource::usual(section.kind), |(_, source)| *source);
        all.push((Sends { mid: Some(section.mid.clone()), source, muted: None }, true));
    }
    // Whoever names a track that cannot be taken is answered so in the description.
    once(all.into_iter().filter(|(_, is_taken)| *is_taken).map(|(sends, _)| sends))
}

/// What a participant publishes who names these tracks, and whose descriptions only its peer sees.
///
/// # Errors
/// [`PublishError`].
pub(super) fn undescribed(named: &[PublishTrack]) -> Result<Vec<Sends>, PublishError> {
    once(named.iter().map(|track| Sends { mid: None, source: track.source, muted: track.muted }))
}

/// The tracks, if no two come from the same source.
fn once(tracks: impl Iterator<Item = Sends>) -> Result<Vec<Sends>, PublishError> {
    let mut all: Vec<Sends> = Vec::new();
    for sends in tracks {
        if all.iter().any(|one| one.source == sends.source) {
            return Err(PublishError::DuplicateSource(sends.source));
        }
        all.push(sends);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use TrackSource::{Camera, Microphone, Screen, ScreenAudio};

    fn section(mid: &str, kind: TrackKind) -> SendingSection {
        SendingSection { mid: mid.to_owned(), kind, is_taken: true }
    }

    fn named(mid: &str, source: TrackSource) -> PublishTrack {
        PublishTrack { mid: Some(mid.to_owned()), source, muted: None }
    }

    fn sources(tracks: &[Sends]) -> Vec<(&str, TrackSource)> {
        tracks.iter().map(|track| (track.mid.as_deref().unwrap_or(""), track.source)).collect()
    }

    fn voice_and_pictures() -> [SendingSection; 3] {
        [section("0", TrackKind::Audio), section("1", TrackKind::Video), section("2", TrackKind::Video)]
    }

    #[test]
    fn who_names_nothing_is_understood_by_kind() {
        let sections = voice_and_pictures();
        let all = described(&sections[..2], &[], &[]).unwrap();
        assert_eq!(sources(&all), [("0", Microphone), ("1", Camera)]);
        assert_eq!(described(&sections, &[], &[]), Err(PublishError::DuplicateSource(Camera)));
    }

    #[test]
    fn a_section_that_is_not_named_again_goes_on_with_what_it_carried() {
        let sections = voice_and_pictures();
        let first = described(&sections, &[named("1", Screen), named("2", Camera)], &[]).unwrap();
        assert_eq!(sources(&first), [("1", Screen), ("2", Camera), ("0", Microphone)]);
        let carried: Vec<_> = first.into_iter().map(|one| (one.mid.unwrap(), one.source)).collect();
        let again = described(&sections, &[], &carried).unwrap();
        assert_eq!(sources(&again), [("0", Microphone), ("1", Screen), ("2", Camera)]);
        // Its mid means another section by now.
        let other = [section("2", TrackKind::Audio)];
        assert_eq!(sources(&described(&other, &[], &carried).unwrap()), [("2", Microphone)]);
    }

    #[test]
    fn a_name_for_what_is_not_there_is_refused() {
        let sections = voice_and_pictures();
        let refused = |tracks: &[PublishTrack]| described(&sections, tracks, &[]).unwrap_err();
        assert_eq!(refused(&[named("7", Screen)]), PublishError::UnknownMid(Screen));
        let nowhere = PublishTrack { mid: None, ..named("", Screen) };
        assert_eq!(refused(&[nowhere]), PublishError::UnknownMid(Screen));
        assert_eq!(refused(&[named("1", ScreenAudio)]), PublishError::KindMismatch(ScreenAudio));
        assert_eq!(refused(&[named("1", Screen), named("1", Camera)]), PublishError::UnknownMid(Camera));
        assert_eq!(refused(&[named("1", Screen), named("2", Screen)]), PublishError::DuplicateSource(Screen));
    }

    #[test]
    fn what_no_codec_carries_is_published_by_nobody_and_refuses_nothing_else() {
        let mut sections = voice_and_pictures();
        sections[2].is_taken = false;
        let all = described(&sections, &[named("2", Screen)], &[]).unwrap();
        assert_eq!(sources(&all), [("0", Microphone), ("1", Camera)]);
        assert_eq!(sources(&described(&sections, &[], &[]).unwrap()), [("0", Microphone), ("1", Camera)]);
    }

    #[test]
    fn a_thousand_tracks_are_one_too_many() {
        let many: Vec<_> = (0..1_000).map(|n| named(&n.to_string(), Screen)).collect();
        assert_eq!(undescribed(&many), Err(PublishError::DuplicateSource(Screen)));
        let sections: Vec<_> = (0..1_000).map(|n| section(&n.to_string(), TrackKind::Video)).collect();
        assert_eq!(described(&sections, &[], &[]), Err(PublishError::DuplicateSource(Camera)));
    }
}
