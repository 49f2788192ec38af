//! Stable words for what went wrong, the same on the socket, in REST and in metrics.

mod chain;

pub use chain::Chain;

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A stable, dotted, lower-case name of an error, such as `call.busy`.
///
/// Clients branch on it; the human message beside it may change at any time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct ErrorCode(Cow<'static, str>);

impl ErrorCode {
    /// The code's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The party that has to change something for it to work next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Fault {
    /// The caller: the same request will fail again.
    Caller,
    /// Somebody outside, such as a channel's provider: try again later.
    Upstream,
    /// Switchboard: try again; it has been logged.
    Ours,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)*) => {
        impl ErrorCode {
            $($(#[doc = $doc])* pub const $name: Self = Self(Cow::Borrowed($text));)*
            /// Every code there is, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// What each of [`ErrorCode::ALL`] means, as its doc comment says: a line each, with the space before it.
            pub const MEANINGS: &'static [&'static str] = &[$(concat!($($doc, "\n"),*)),*];
        }
    };
}

codes! {
    /// The frame is not JSON.
    PARSE = "protocol.parseError";
    /// The JSON is not a request.
    INVALID_REQUEST = "protocol.invalidRequest";
    /// There is no such method.
    UNKNOWN_METHOD = "protocol.unknownMethod";
    /// The method exists, its parameters do not fit.
    INVALID_PARAMS = "protocol.invalidParams";
    /// The request needs `connection.open` first.
    UNAUTHENTICATED = "auth.required";
    /// The token is expired, forged, of an unknown issuer or beyond its bounds; or the sign-in, or something that
    /// the token allows, has ended.
    INVALID_TOKEN = "auth.invalidToken";
    /// E-mail and password do not belong together, or there were too many wrong tries.
    INVALID_CREDENTIALS = "auth.invalidCredentials";
    /// A refresh token was used again, more than ten seconds later or after its successor; the whole sign-in is
    /// revoked.
    REFRESH_REUSED = "auth.refreshReused";
    /// The caller's permissions, or a guest's rights, do not allow this.
    FORBIDDEN = "auth.forbidden";
    /// Too many requests; wait for the time that is given.
    RATE_LIMITED = "limit.rate";
    /// A body, frame or field is longer than allowed.
    TOO_LARGE = "limit.size";
    /// As many of these exist as are allowed.
    TOO_MANY = "limit.count";
    /// The body is not what its content type says, or a field or a text is not valid.
    INVALID_BODY = "request.invalid";
    /// There is no such thing in this account.
    NOT_FOUND = "resource.notFound";
    /// It exists already, or contradicts what exists.
    CONFLICT = "resource.conflict";
    /// It was changed since the caller read it.
    CHANGED_MEANWHILE = "resource.changedMeanwhile";
    /// It cannot go from its state to the one asked for.
    INVALID_TRANSITION = "resource.invalidTransition";
    /// The answer would be of a type that the request does not accept.
    NOT_ACCEPTABLE = "request.notAcceptable";
    /// The request has to say with `If-Match` what it is about.
    PRECONDITION_REQUIRED = "request.preconditionRequired";
    /// The path exists, the HTTP method is not offered on it.
    METHOD_NOT_ALLOWED = "request.methodNotAllowed";
    /// An idempotency key was used before with another body.
    IDEMPOTENCY_MISMATCH = "request.idempotencyMismatch";
    /// The caller has not joined this room.
    NOT_IN_ROOM = "room.notJoined";
    /// A room of another class was asked for this: messages are for durable rooms.
    ROOM_CLASS = "room.class";
    /// The room is closed.
    ROOM_CLOSED = "room.closed";
    /// A moderator or owner of the room keeps the caller from saying anything there, for a while or until they end it.
    ROOM_MUTED = "room.muted";
    /// The user or guest is banned from the room until a moderator or owner ends it.
    ROOM_BANNED = "room.banned";
    /// The room is the direct room of two users: they stay its only members, and it has no name of its own.
    ROOM_DIRECT = "room.direct";
    /// Others belong to the room, and somebody has to own it: make another member an owner first.
    ROOM_LAST_OWNER = "room.lastOwner";
    /// The file is larger than files may be.
    ATTACHMENT_TOO_LARGE = "attachment.tooLarge";
    /// The files of the account have together as many bytes as they may have.
    ATTACHMENT_QUOTA_EXCEEDED = "attachment.quotaExceeded";
    /// There is no such file of the caller's in this room, or it is in a message already.
    ATTACHMENT_NOT_FOUND = "attachment.notFound";
    /// The storage of files is away; try again later.
    ATTACHMENT_UNAVAILABLE = "attachment.unavailable";
    /// There is no such call, or it is over.
    CALL_OVER = "call.over";
    /// The other side is in a call.
    CALL_BUSY = "call.busy";
    /// None of the other side's devices is connected, or they may not enter the room.
    CALL_UNREACHABLE = "call.unreachable";
    /// Another device took the call first.
    CALL_ALREADY_TAKEN = "call.alreadyTaken";
    /// This device is not part of the call.
    CALL_NOT_INVITED = "call.notInvited";
    /// The action does not fit the call's state.
    CALL_WRONG_STATE = "call.wrongState";
    /// The session description cannot be used, or is larger than any client needs: 112 KiB, 7,168 lines, 256
    /// sections, 512 attributes, 64 candidates, 128 formats and 8 encodings a section.
    MEDIA_INVALID_SDP = "media.invalidSdp";
    /// Nothing that the client offers to send can be forwarded: it has no codec that the server passes on. The message
    /// names those of either side.
    MEDIA_NOTHING_AGREED = "media.nothingAgreed";
    /// The participant has not joined the room's media session.
    MEDIA_NOT_JOINED = "media.notJoined";
    /// An answer to an offer that has been replaced by a newer one.
    MEDIA_STALE_ANSWER = "media.staleAnswer";
    /// Two tracks of one participant are said to come from the same source, or are taken for it as nobody names theirs.
    MEDIA_DUPLICATE_SOURCE = "media.duplicateSource";
    /// A track is named in a media section that the description does not have, in which it sends nothing, or which
    /// carries another one.
    MEDIA_UNKNOWN_MID = "media.unknownMid";
    /// A source of sound is named for a media section of pictures, or the other way round.
    MEDIA_KIND_MISMATCH = "media.kindMismatch";
    /// The participant publishes no track of this source, or nobody else in the session one of this id.
    MEDIA_UNKNOWN_TRACK = "media.unknownTrack";
    /// A moderator of the room lets nobody else into the media session.
    MEDIA_LOCKED = "media.locked";
    /// No media server is available.
    MEDIA_UNAVAILABLE = "media.unavailable";
    /// Nobody is in a call in the room, so there is nothing to record.
    RECORDING_NO_CALL = "recording.noCall";
    /// The recording goes on: stop it first.
    RECORDING_GOES_ON = "recording.goesOn";
    /// The files of the recording are not there: they are still being stored, or its server is gone with them.
    RECORDING_NOT_STORED = "recording.notStored";
    /// The media server of the call records nothing: it has no place for it, or its disk is full.
    RECORDING_UNAVAILABLE = "recording.unavailable";
    /// The webhook's signature is missing or wrong.
    INVALID_SIGNATURE = "webhook.invalidSignature";
    /// The channel's provider refused the message.
    CHANNEL_REFUSED = "channel.refused";
    /// The channel's provider cannot be reached; try again.
    CHANNEL_UNREACHABLE = "channel.unreachable";
    /// The channel's provider does not keep the file any more.
    CHANNEL_FILE_GONE = "channel.fileGone";
    /// Switchboard failed; it is logged under the request's id.
    INTERNAL = "internal";
    /// A part that this needs (store, bus) is away; try again.
    UNAVAILABLE = "unavailable";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_codes_share_a_text() {
        let texts: BTreeSet<_> = ErrorCode::ALL.iter().map(ErrorCode::as_str).collect();
        assert_eq!(texts.len(), ErrorCode::ALL.len());
    }

    /// Clients branch on these: `subject.whatIsWrong`, or one word where Switchboard itself is the subject.
    #[test]
    fn every_code_is_spelled_alike_and_has_a_meaning() {
        assert_eq!(ErrorCode::MEANINGS.len(), ErrorCode::ALL.len());
        for (code, meaning) in ErrorCode::ALL.iter().zip(ErrorCode::MEANINGS) {
            let words: Vec<_> = code.as_str().split('.').collect();
            let is_bare = matches!(code.as_str(), "internal" | "unavailable");
            assert_eq!(words.len(), if is_bare { 1 } else { 2 }, "{}", code.as_str());
            for word in words {
                assert!(word.starts_with(|sign: char| sign.is_ascii_lowercase()), "{word}");
                assert!(word.chars().all(|sign| sign.is_ascii_alphabetic()), "{word}");
            }
            assert!(meaning.starts_with(' ') && meaning.trim_end().ends_with('.'), "{meaning}");
        }
    }

    /// Codes travel between instances; one of a newer version is passed on as it is.
    #[test]
    fn a_code_is_its_text_on_the_wire_known_or_not() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            let read: ErrorCode = serde_json::from_value(code.as_str().into()).unwrap();
            assert_eq!(read, *code, "one that was read is the same as one that is known");
        }
        let newer: ErrorCode = serde_json::from_str("\"room.painted\"").unwrap();
        assert_eq!(serde_json::to_string(&newer).unwrap(), "\"room.painted\"");
        for (fault, name) in [(Fault::Caller, "caller"), (Fault::Upstream, "upstream"), (Fault::Ours, "ours")]
        {
            assert_eq!(serde_json::to_value(fault).unwrap(), name);
        }
    }
}
