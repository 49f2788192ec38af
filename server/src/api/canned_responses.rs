//! Texts that agents often send.

use super::{fields, named::parts::*};
use common::{id::CannedResponseId, permission::Permission};
use store::canned_responses::{self, CannedResponse};

pub(super) fn routes() -> Routes {
    Routes::of("canned-responses", "Texts that agents often send.")
        .needs(Permission::ConversationsRead, endpoints![list, get])
        .needs(Permission::CannedResponsesManage, endpoints![create, update, delete])
}

named::of_texts! {
    thing: CannedResponse, id: CannedResponseId, store: canned_responses,
    create: CreateCannedResponse, update: UpdateCannedResponse,
    path: "/v1/canned-responses", one: "canned response", many: "canned responses", object: "cannedResponse",

    /// What agents type to get it, unique in the account: 1 to 64 letters, digits, `_` and `-`.
    shortcode: fields::shortcode, example: "hello";
    /// What is sent: at most 16 KiB.
    text: fields::long_text, example: "Hello, how can I help?";
}
