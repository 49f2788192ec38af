//! No file descriptors left.

use crate::stage::{Directory, Stage, a_while, durable_postgres};
use std::time::Duration;
use switchboard_tests::{installation::Installation, raw};

/// Descriptors that the server may have open.
const DESCRIPTORS: u32 = 160;

/// How long a connection may wait to be taken by the kernel.
const PATIENCE_OF_ONE: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_server_without_descriptors_is_well_again_when_they_are_back() {
    let directory = Directory::new();
    let postgres = durable_postgres(directory.path());
    let installation = Installation::with_own_postgres(&postgres).await;
    let script = format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"");
    let server = installation.server_by(&["sh", "-c", &script]);
    let stage = Stage::over(installation, vec![server]).await;
    let address = stage.servers[0].address();
    let mut idle = Vec::new();
    // More than it has descriptors for, up to those that the kernel does not let wait.
    while let Ok(Ok(connection)) = tokio::time::timeout(PATIENCE_OF_ONE, raw::dial(&address)).await
        && idle.len() < 2 * DESCRIPTORS as usize
    {
        idle.push(connection);
    }
    assert!(idle.len() >= DESCRIPTORS as usize, "it could have served all {}", idle.len());
    tokio::time::sleep(a_while()).await;
    drop(idle);
    stage.is_back().await;
    stage.balances().await;
}
