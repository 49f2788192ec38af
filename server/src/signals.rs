//! The signals that end the process: SIGINT and SIGTERM.

use shutdown::Shutdown;
use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

/// Cancels `shutdown` at the first SIGINT or SIGTERM.
///
/// # Errors
/// If signals cannot be handled on this system.
pub fn listen(shutdown: &Shutdown) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = shutdown.token.clone();
    shutdown.tasks.spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => info!("Interrupted; draining"),
            _ = terminate.recv() => info!("Asked to terminate; draining"),
            () = token.cancelled() => {}
        }
        token.cancel();
    });
    Ok(())
}
