//! Refusals in the words of the wire protocol.

use super::whip::WhipOfferError;
use crate::session::{Full, PublishError, SubscribeError, UpdateError};
use common::{
    error::{ErrorCode, Fault},
    protocol::Failure,
};
use sfu_core::{AnswerError, SdpError};

pub(super) fn not_found() -> Failure {
    Failure::of(ErrorCode::NOT_FOUND, Fault::Caller, "there is no such room")
}

pub(super) fn forbidden() -> Failure {
    Failure::of(ErrorCode::FORBIDDEN, Fault::Caller, "the token does not allow sending")
}

pub(super) fn update(error: UpdateError) -> Failure {
    match error {
        UpdateError::NotSeated => {
            Failure::of(ErrorCode::MEDIA_NOT_JOINED, Fault::Caller, "join the media session first")
        }
        UpdateError::UnknownTrack(source) => Failure::of(
            ErrorCode::MEDIA_UNKNOWN_TRACK,
            Fault::Caller,
            format!("no track from {source} is published"),
        ),
    }
}

pub(super) fn subscribe(error: SubscribeError) -> Failure {
    match error {
        SubscribeError::NotSeated => update(UpdateError::NotSeated),
        SubscribeError::UnknownTrack(track) => Failure::of(
            ErrorCode::MEDIA_UNKNOWN_TRACK,
            Fault::Caller,
            format!("nobody else in the session sends track {track}"),
        ),
    }
}

pub(super) fn publish(error: &PublishError) -> Failure {
    Failure::of(error.code(), Fault::Caller, error.to_string())
}

pub(super) fn not_joined() -> Failure {
    Failure::of(
        ErrorCode::MEDIA_NOT_JOINED,
        Fault::Caller,
        "media does not go through the server for this participant",
    )
}

pub(super) fn full(full: Full) -> Failure {
    let why = match full {
        Full::Session => "the session is full",
        Full::User => "this user is in the session with as many devices as may be",
    };
    Failure::of(ErrorCode::TOO_MANY, Fault::Caller, why)
}

pub(super) fn unavailable() -> Failure {
    Failure::of(ErrorCode::MEDIA_UNAVAILABLE, Fault::Ours, "the media server does not answer; try again")
}

pub(super) fn sdp(error: &SdpError) -> Failure {
    if *error == SdpError::UnknownParticipant {
        return not_joined();
    }
    let is_agreement = matches!(error, SdpError::NothingAgreed { .. });
    let code = if is_agreement { ErrorCode::MEDIA_NOTHING_AGREED } else { ErrorCode::MEDIA_INVALID_SDP };
    Failure::of(code, Fault::Caller, error.to_string())
}

/// What one WHIP session may not offer (RFC 9725, sections 4.4.2 and 4.4.3).
pub(super) fn whip_offer(error: &WhipOfferError) -> Failure {
    let code = match error {
        WhipOfferError::Duplicate(_) => ErrorCode::MEDIA_DUPLICATE_SOURCE,
        WhipOfferError::Partial { .. } => ErrorCode::MEDIA_NOTHING_AGREED,
        WhipOfferError::Sdp(error) => return sdp(error),
    };
    Failure::of(code, Fault::Caller, error.to_string())
}

pub(super) fn no_whip_session() -> Failure {
    Failure::of(ErrorCode::NOT_FOUND, Fault::Caller, "there is no such WHIP session")
}

pub(super) fn too_many_publishers() -> Failure {
    Failure::of(ErrorCode::TOO_MANY, Fault::Caller, "the account has as many WHIP sessions as may be")
}

pub(super) fn answer(error: &AnswerError) -> Failure {
    if *error == AnswerError::NothingOffered {
        return not_joined();
    }
    Failure::of(ErrorCode::MEDIA_STALE_ANSWER, Fault::Caller, error.to_string())
}
