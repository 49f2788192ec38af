//! A reply as a request to the Graph API, and what its answer means.
//!
//! Source: Meta, WhatsApp Cloud API, "Messages" and "Error codes".

use serde::{Deserialize, Serialize};

/// The body of `POST /{version}/{phone number id}/messages` for a text.
#[derive(Debug, Serialize)]
pub struct TextRequest<'a> {
    messaging_product: &'static str,
    recipient_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
    text: Text<'a>,
    /// Comes back with every status: by it a reply is recognised whose answer was lost.
    biz_opaque_callback_data: &'a str,
}

#[derive(Debug, Serialize)]
struct Text<'a> {
    preview_url: bool,
    body: &'a str,
}

/// To whom: a phone number is preferred, a user id will do.
#[derive(Clone, Copy)]
pub enum Recipient<'a> {
    /// A phone number.
    Phone(&'a str),
    /// A business-scoped user id.
    UserId(&'a str),
}

impl<'a> TextRequest<'a> {
    /// A text to `recipient`; `own_id` is our id for the message.
    pub const fn new(recipient: Recipient<'a>, body: &'a str, own_id: &'a str) -> Self {
        let (to, user) = match recipient {
            Recipient::Phone(number) => (Some(number), None),
            Recipient::UserId(id) => (None, Some(id)),
        };
        Self {
            messaging_product: "whatsapp",
            recipient_type: "individual",
            to,
            recipient: user,
            kind: "text",
            text: Text { preview_url: false, body },
            biz_opaque_callback_data: own_id,
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Meta took it.
    Accepted {
        /// Meta's id for the message.
        external_id: String,
    },
    /// Not now; the same request may succeed later.
    Later {
        /// For the log.
        why: String,
    },
    /// No answer came: it may have been taken. A status may still say so, within a lease.
    Unanswered {
        /// For the log.
        why: String,
    },
    /// Never: the request, the recipient or the channel has to change.
    Refused {
        /// In Meta's words, for the agent.
        why: String,
    },
}

#[derive(Deserialize)]
struct Accepted {
    messages: Vec<AcceptedMessage>,
}

#[derive(Deserialize)]
struct AcceptedMessage {
    id: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: GraphError,
}

#[derive(Deserialize)]
struct GraphError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error_data: Option<ErrorData>,
}

#[derive(Deserialize)]
struct ErrorData {
    #[serde(default)]
    details: Option<String>,
}

/// Reads an answer by its HTTP status and body.
pub fn outcome(status: u16, body: &[u8]) -> Outcome {
    if (200..300).contains(&status) {
        let accepted: Option<Accepted> = serde_json::from_slice(body).ok();
        return match accepted.and_then(|accepted| accepted.messages.into_iter().next()) {
            Some(message) => Outcome::Accepted { external_id: message.id },
            // It may have been taken: asking again could double it.
            None => Outcome::Refused { why: "the channel's answer cannot be read".to_owned() },
        };
    }
    let Ok(Refusal { error }) = serde_json::from_slice(body) else {
        let why = format!("the channel answered {status}");
        return if status >= 500 || status == 429 {
            Outcome::Later { why }
        } else {
            Outcome::Refused { why }
        };
    };
    let words = error.error_data.and_then(|data| data.details).unwrap_or(error.message);
    let why = format!("{words} ({})", error.code);
    if status >= 500 || status == 429 || is_passing(error.code) {
        Outcome::Later { why }
    } else {
        Outcome::Refused { why }
    }
}

/// Errors that pass: overload, rate limits, maintenance, and limits per recipient.
const fn is_passing(code: i64) -> bool {
    matches!(
        code,
        1 | 2
            | 4
            | 80_007
            | 130_429
            | 131_000
            | 131_016
            | 131_048
            | 131_049
            | 131_056
            | 131_057
            | 131_064
            | 133_004
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_request_is_what_meta_documents() {
        let request = TextRequest::new(Recipient::Phone("15550100"), "Hi", "own");
        let body: Value = serde_json::to_value(&request).unwrap();
        assert_eq!(
            body,
            json!({
                "messaging_product": "whatsapp", "recipient_type": "individual", "to": "15550100", "type": "text",
                "text": { "preview_url": false, "body": "Hi" }, "biz_opaque_callback_data": "own",
            })
        );
        let request = serde_json::to_value(TextRequest::new(Recipient::UserId("US.1"), "Hi", "own")).unwrap();
        assert_eq!((request.get("to"), &request["recipient"]), (None, &json!("US.1")));
    }

    #[test]
    fn answers_are_told_apart_by_what_helps() {
        let accepted = json!({ "messages": [{ "id": "wamid.1" }] }).to_string();
        assert_eq!(
            outcome(200, accepted.as_bytes()),
            Outcome::Accepted { external_id: "wamid.1".to_owned() }
        );
        let error =
            |code: i64| json!({ "error": { "code": code, "message": "No" } }).to_string().into_bytes();
        assert!(matches!(outcome(400, &error(130_429)), Outcome::Later { .. }));
        assert!(matches!(outcome(503, b"<html>"), Outcome::Later { .. }));
        assert_eq!(outcome(400, &error(131_047)), Outcome::Refused { why: "No (131047)".to_owned() });
        assert!(matches!(outcome(401, &error(190)), Outcome::Refused { .. }));
        assert!(matches!(outcome(200, b"{}"), Outcome::Refused { .. }), "never sent twice on a guess");
    }
}
