//! Ending within a deadline: stop accepting, let clients move, finish what is in flight.

use bus::Shutdown;
use std::{io, time::Duration};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// Cancels `shutdown` at the first SIGINT or SIGTERM.
///
/// # Errors
/// If signals cannot be handled on this system.
pub fn listen_for_signals(shutdown: &Shutdown) -> io::Result<()> {
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

/// Waits until everything that was started has ended, at most for `deadline`.
pub async fn drain(shutdown: &Shutdown, deadline: Duration) {
    shutdown.token.cancel();
    shutdown.tasks.close();
    if tokio::time::timeout(deadline, shutdown.tasks.wait()).await.is_err() {
        warn!(tasks = shutdown.tasks.len(), "Some tasks did not end within the deadline");
    }
}
