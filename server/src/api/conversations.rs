//! Conversations with customers.

mod create;
mod list;
mod update;

use super::{
    reading,
    routes::{Routes, endpoints},
};
use common::{id::ConversationId, page::Timed, permission::Permission, protocol::inbox::Conversation};
use store::conversations::{self, Position};

pub(super) fn routes() -> Routes {
    Routes::of("conversations", "What customers and agents wrote to each other, and who answers.")
        .needs(Permission::ConversationsRead, endpoints![list::list, get])
        .needs(Permission::ConversationsManage, endpoints![create::create, update::update])
}

reading::get!(Conversation, ConversationId, "/v1/conversations", "conversation", conversations::find);

/// Labels of one conversation at most.
const LABELS_MAX: usize = 50;

pub(super) fn cursor(last: &Conversation) -> String {
    Timed { at: last.last_message_at, id: last.id }.to_string()
}

pub(super) fn position(cursor: &str) -> Option<Position> {
    let Timed { at: last_message_at, id } = cursor.parse().ok()?;
    Some(Position { last_message_at, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_no_position() {
        for nonsense in [
            "",
            "/",
            "1",
            "1/x",
            "x/01890a5d-ac96-774b-bcce-b302099a8057",
            "9999999999999999999999999999/01890a5d-ac96-774b-bcce-b302099a8057",
        ] {
            assert_eq!(position(nonsense), None, "{nonsense}");
        }
    }
}
