//! What a message says in words, and which files came with it, by its type.

use crate::message::Attachment;
use serde_json::Value;

pub(super) struct Content {
    pub(super) text: Option<String>,
    pub(super) attachments: Vec<Attachment>,
}

/// Types without words have no text; what they say stays in the message's metadata.
pub(super) fn read(kind: &str, message: &Value) -> Content {
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let words = match kind {
        "text" => text("/text/body"),
        "image" | "video" | "document" => text(&format!("/{kind}/caption")),
        "button" => text("/button/text"),
        "interactive" => {
            text("/interactive/button_reply/title").or_else(|| text("/interactive/list_reply/title"))
        }
        "reaction" => text("/reaction/emoji"),
        "location" => text("/location/name").or_else(|| text("/location/address")),
        "system" => text("/system/body"),
        _ => None,
    };
    let attachments = match kind {
        "image" | "video" | "audio" | "document" | "sticker" => {
            attachment(kind, message).into_iter().collect()
        }
        _ => Vec::new(),
    };
    Content { text: words.filter(|words| !words.is_empty()), attachments }
}

fn attachment(kind: &str, message: &Value) -> Option<Attachment> {
    let file = message.get(kind)?;
    let text = |name: &str| file.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Attachment { external_id: text("id")?, mime_type: text("mime_type")?, file_name: text("filename") })
}
