//! What a message says in words, and which files came with it, by its type.

use crate::message::Attachment;
use common::{protocol::inbox::TEXT_BYTES_MAX, text};
use serde_json::Value;

/// The longest media type of a file that is kept, in bytes of JSON (RFC 6838, section 4.2: 127 for either half).
const MIME_BYTES_MAX: usize = 256;

pub(super) struct Content {
    pub(super) text: Option<String>,
    /// Whether that is only the beginning.
    pub(super) truncated: bool,
    pub(super) attachments: Vec<Attachment>,
}

/// Types without words have no text; what they say stays in the message's metadata.
///
/// Meta's own limit is 4,096 characters (WhatsApp Cloud API, "Text messages"); more than [`TEXT_BYTES_MAX`] is cut.
pub(super) fn read(kind: &str, message: &Value) -> Content {
    let said = |pointer: &str| message.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let words = match kind {
        "text" => said("/text/body"),
        "image" | "video" | "document" => said(&format!("/{kind}/caption")),
        "button" => said("/button/text"),
        "interactive" => {
            said("/interactive/button_reply/title").or_else(|| said("/interactive/list_reply/title"))
        }
        "reaction" => said("/reaction/emoji"),
        "location" => said("/location/name").or_else(|| said("/location/address")),
        "system" => said("/system/body"),
        _ => None,
    };
    let attachments = match kind {
        "image" | "video" | "audio" | "document" | "sticker" => {
            attachment(kind, message).into_iter().collect()
        }
        _ => Vec::new(),
    };
    let words = words.filter(|words| !words.is_empty()).map(|words| text::clean(&words).into_owned());
    let beginning = words.as_deref().and_then(|words| text::cut(words, TEXT_BYTES_MAX));
    Content { truncated: beginning.is_some(), text: beginning.or(words), attachments }
}

fn attachment(kind: &str, message: &Value) -> Option<Attachment> {
    let file = message.get(kind)?;
    let member = |name: &str| file.get(name).and_then(Value::as_str).map(str::to_owned);
    let mime_type = member("mime_type").map(|kind| text::cut(&kind, MIME_BYTES_MAX).unwrap_or(kind))?;
    let file_name = member("filename").map(|name| text::shown_name(&name)).filter(|name| !name.is_empty());
    Some(Attachment { external_id: member("id")?, mime_type, file_name })
}
