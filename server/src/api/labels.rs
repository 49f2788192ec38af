//! Labels: words that sort conversations.

use super::{fields, named::parts::*};
use common::{id::LabelId, permission::Permission};
use store::labels::{self, Label};

pub(super) fn routes() -> Routes {
    Routes::of("labels", "Words that sort conversations.")
        .needs(Permission::ConversationsRead, endpoints![list, get])
        .needs(Permission::LabelsManage, endpoints![create, update, delete])
}

named::of_texts! {
    thing: Label, id: LabelId, store: labels, create: CreateLabel, update: UpdateLabel,
    path: "/v1/labels", one: "label", many: "labels", object: "label",

    /// Unique in the account.
    name: fields::name, example: "VIP";
    /// `#rrggbb`.
    color: fields::color, example: "#1f6feb";
}
