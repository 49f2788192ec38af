//! Refusals in the words of the wire protocol.

use super::whip::WhipOfferError;
use crate::recording::Refused;
use crate::session::{JoinError, ModerateError, PublishError, SubscribeError, UpdateError};
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

pub(super) fn join(error: JoinError) -> Failure {
    let (code, why) = match error {
        JoinError::Full => (ErrorCode::TOO_MANY, "the session is full"),
        JoinError::UserFull => {
            (ErrorCode::TOO_MANY, "this user is in the session with as many devices as may be")
        }
        JoinError::Locked => (ErrorCode::MEDIA_LOCKED, "a moderator lets nobody else into the session"),
    };
    Failure::of(code, Fault::Caller, why)
}

pub(super) fn moderate(error: ModerateError) -> Failure {
    match error {
        ModerateError::NoSuchParticipant => {
            Failure::of(ErrorCode::NOT_FOUND, Fault::Caller, "there is no such participant")
        }
        ModerateError::UnknownTrack(source) => update(UpdateError::UnknownTrack(source)),
        ModerateError::Unheard => {
            let why = "who publishes over HTTP cannot be told to send nothing; take them out instead";
            Failure::of(ErrorCode::CONFLICT, Fault::Caller, why)
        }
    }
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
    Failure::of(ErrorCode::NOT_FOUND, Fault::Caller, "there is no such session")
}

pub(super) fn too_many_publishers() -> Failure {
    Failure::of(ErrorCode::TOO_MANY, Fault::Caller, "the account has as many WHIP sessions as may be")
}

pub(super) fn too_many_players() -> Failure {
    Failure::of(ErrorCode::TOO_MANY, Fault::Caller, "the account has as many WHEP sessions as may be")
}

pub(super) fn no_call() -> Failure {
    Failure::of(ErrorCode::RECORDING_NO_CALL, Fault::Caller, "nobody is in a call in this room")
}

pub(super) fn no_recorder() -> Failure {
    Failure::of(
        ErrorCode::RECORDING_UNAVAILABLE,
        Fault::Caller,
        "the media server has no place for recordings",
    )
}

pub(super) fn too_many_recordings() -> Failure {
    Failure::of(
        ErrorCode::RECORDING_UNAVAILABLE,
        Fault::Ours,
        "the media server records as many calls as it may; try again later",
    )
}

/// One begins or ends.
pub(super) fn recording_changes() -> Failure {
    Failure::of(
        ErrorCode::RECORDING_UNAVAILABLE,
        Fault::Ours,
        "a recording of this call is just beginning or ending; try again",
    )
}

pub(super) fn refused_recording(refused: &Refused) -> Failure {
    let why = match refused {
        Refused::Busy | Refused::Slow => "the media server's disk does not keep up; try again",
        Refused::Disk(_) => "the media server's disk is full, or refuses",
    };
    Failure::of(ErrorCode::RECORDING_UNAVAILABLE, Fault::Ours, why)
}

pub(super) fn answer(error: &AnswerError) -> Failure {
    if *error == AnswerError::NothingOffered {
        return not_joined();
    }
    Failure::of(ErrorCode::MEDIA_STALE_ANSWER, Fault::Caller, error.to_string())
}
