//! What decides who may do what in a room, as the store has it at one moment.

use time::OffsetDateTime;

/// A room, and what connects one person or guest with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomFacts {
    /// Only members, guests and programs may enter and read it.
    pub is_private: bool,
    /// Nobody enters it, and nothing is said in it.
    pub is_closed: bool,
    /// The person is one of its members.
    pub is_member: bool,
    /// When they were last removed from it: a guest's token from before is good no more.
    pub removed_at: Option<OffsetDateTime>,
}
