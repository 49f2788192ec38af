//! The JSON-RPC 2.0 envelope around every message.

use super::Event;
use crate::{
    error::{ErrorCode, Fault},
    text,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The id by which a client tells answers apart. Strings are limited to [`RequestId::TEXT_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RequestId {
    /// A number, the usual form.
    Number(u64),
    /// A string.
    Text(String),
}

impl RequestId {
    /// The longest text accepted as an id, in bytes.
    pub const TEXT_MAX: usize = 64;
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(default)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(default)]
    id: Option<RequestId>,
    #[serde(default, borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    params: Option<&'a RawValue>,
}

/// A message of a client, its parameters not yet read.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// What the answer must carry; a message without one is not answered (JSON-RPC 2.0, section 4.1).
    pub id: Option<RequestId>,
    /// The method's name, known or not.
    pub method: Cow<'a, str>,
    /// The parameters as they arrived.
    pub params: Option<&'a RawValue>,
}

impl<'a> Incoming<'a> {
    /// Reads the envelope of one frame.
    ///
    /// # Errors
    /// [`ErrorCode::PARSE`] for what is no JSON, [`ErrorCode::INVALID_REQUEST`]
    /// for JSON that is no request; with the id where one could be read.
    pub fn parse(frame: &'a str) -> Result<Self, (Option<RequestId>, Failure)> {
        let wire: Wire<'a> = serde_json::from_str(frame).map_err(|error| {
            (None, if error.is_data() { Failure::invalid_request(&error) } else { Failure::parse(&error) })
        })?;
        let refuse =
            |why: &str| Failure::new(-32600, ErrorCode::INVALID_REQUEST, Fault::Caller, why.to_owned());
        // serde reads a struct from an array of its members' values too; a request is an object.
        if !frame.trim_ascii_start().starts_with('{') {
            return Err((None, refuse("a request is an object")));
        }
        if matches!(&wire.id, Some(RequestId::Text(text)) if text.len() > RequestId::TEXT_MAX) {
            return Err((None, refuse("the id is too long")));
        }
        if wire.jsonrpc.as_deref() != Some("2.0") {
            return Err((wire.id, refuse("jsonrpc must be \"2.0\"")));
        }
        match wire.method {
            Some(method) => Ok(Self { id: wire.id, method, params: wire.params }),
            None => Err((wire.id, refuse("method is missing"))),
        }
    }
}

/// An error answer (JSON-RPC 2.0, section 5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Failure {
    /// JSON-RPC's number: -32700 to -32600 for the envelope, -32000 for everything of ours.
    pub code: i32,
    /// For people; may change at any time.
    pub message: String,
    /// For programs.
    pub data: FailureData,
}

/// The part of an error answer that clients branch on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailureData {
    /// The stable code.
    pub code: ErrorCode,
    /// The party that has to change something.
    pub fault: Fault,
    /// How long to wait before trying again, in milliseconds, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// The message gets its capital letter.
    fn new(number: i32, code: ErrorCode, fault: Fault, message: String) -> Self {
        let message = text::sentence(message).into_owned();
        Self { code: number, message, data: FailureData { code, fault, retry_after_ms: None } }
    }

    /// An error of a method, as opposed to one of the envelope.
    pub fn of(code: ErrorCode, fault: Fault, message: impl Into<String>) -> Self {
        Self::new(-32000, code, fault, message.into())
    }

    /// The frame is no JSON.
    pub fn parse(error: &serde_json::Error) -> Self {
        Self::new(-32700, ErrorCode::PARSE, Fault::Caller, format!("not JSON: {}", shown(error)))
    }

    /// The JSON is no request.
    pub fn invalid_request(error: &serde_json::Error) -> Self {
        Self::new(
            -32600,
            ErrorCode::INVALID_REQUEST,
            Fault::Caller,
            format!("not a request: {}", shown(error)),
        )
    }

    /// There is no such method.
    pub fn unknown_method(method: &str) -> Self {
        let shown: String = method.chars().take(64).collect();
        Self::new(-32601, ErrorCode::UNKNOWN_METHOD, Fault::Caller, format!("no method {shown:?}"))
    }

    /// The parameters do not fit the method.
    pub fn invalid_params(method: &str, error: &serde_json::Error) -> Self {
        Self::new(-32602, ErrorCode::INVALID_PARAMS, Fault::Caller, format!("{method}: {}", shown(error)))
    }

    /// Switchboard failed; the details are in the log.
    pub fn internal() -> Self {
        Self::new(-32603, ErrorCode::INTERNAL, Fault::Ours, "internal error".to_owned())
    }

    /// The same error with the time after which a retry makes sense: whoever waits for that long has not come too early.
    #[must_use]
    pub fn retry_after(mut self, delay: std::time::Duration) -> Self {
        let milliseconds = delay.as_nanos().div_ceil(1_000_000);
        self.data.retry_after_ms = Some(u64::try_from(milliseconds).unwrap_or(u64::MAX));
        self
    }
}

/// What is shown of either end of a parser's complaint, in characters.
const SHOWN_CHARS: usize = 100;

/// A parser's complaint, without the midst of a long one: it quotes what it did not expect, be that a whole frame.
fn shown(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let head = text.char_indices().nth(SHOWN_CHARS);
    let tail = text.char_indices().nth_back(SHOWN_CHARS - 1);
    match (head, tail) {
        (Some((end, _)), Some((begin, _))) if end < begin => {
            let (head, tail) = (text.get(..end).unwrap_or_default(), text.get(begin..).unwrap_or_default());
            format!("{head}…{tail}")
        }
        _ => text,
    }
}

#[derive(Serialize)]
struct Answer<'a, T: Serialize> {
    jsonrpc: &'static str,
    id: Option<&'a RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Failure>,
}

/// The frame that answers request `id` with `result`.
pub fn result_frame<T: Serialize>(id: &RequestId, result: &T) -> String {
    encode(&Answer { jsonrpc: "2.0", id: Some(id), result: Some(result), error: None })
}

/// The frame that answers a request with an error; without an id if none could be read.
pub fn failure_frame(id: Option<&RequestId>, failure: &Failure) -> String {
    encode(&Answer::<()> { jsonrpc: "2.0", id, result: None, error: Some(failure) })
}

/// The frame that pushes `event`. Encoded once however many sockets it goes to.
pub fn event_frame(event: &Event) -> String {
    #[derive(Serialize)]
    struct Notification<'a> {
        jsonrpc: &'static str,
        #[serde(flatten)]
        event: &'a Event,
    }
    encode(&Notification { jsonrpc: "2.0", event })
}

/// Our own types serialise without fail; if one ever does not, clients get a
/// well-formed internal error instead of silence.
fn encode<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| {
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"Internal error","data":{"code":"internal","fault":"ours"}}}"#.to_owned()
    })
}
