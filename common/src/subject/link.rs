//! The state of each process's link to the bus.

use super::Topic;
use crate::id::NodeId;

/// A process's link has come up: what it published until then reached nobody else, and whoever needs that
/// reads the store now. Said by the bus itself, the first time too: who was there before may have died
/// between storing and telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkUp;

impl Topic for LinkUp {
    /// The process whose link came up.
    type Message = NodeId;
    fn name(&self) -> String {
        "link.up".to_owned()
    }
}
