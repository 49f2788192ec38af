//! The parts' common end: who is told, and who is waited for.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Handed to everything that runs. Cancelling the token asks it to end; tasks
/// are spawned on the tracker, so that nothing outlives the drain.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Cancelled when the process drains.
    pub token: CancellationToken,
    /// Everything that must have ended before the process does.
    pub tasks: TaskTracker,
}
