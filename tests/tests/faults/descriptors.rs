//! No file descriptors left.

use crate::stage::{Directory, Stage, a_while, durable_postgres};
use switchboard_tests::{installation::Installation, server::Server};
use tokio::net::TcpStream;

/// Descriptors that the server may have open.
const DESCRIPTORS: u32 = 160;

#[tokio::test]
async fn a_server_without_descriptors_is_well_again_when_they_are_back() {
    let directory = Directory::new();
    let postgres = durable_postgres(directory.path());
    let installation = Installation::with_own_postgres(&postgres).await;
    let server = Server::start_with_descriptors(installation.environment(), DESCRIPTORS);
    let stage = Stage::over(installation, vec![server]).await;
    let address = stage.servers[0].address();
    let mut idle = Vec::new();
    for _ in 0..DESCRIPTORS * 2 {
        idle.push(TcpStream::connect(&address).await.expect("the kernel takes it"));
    }
    tokio::time::sleep(a_while()).await;
    drop(idle);
    stage.is_back().await;
    stage.balances().await;
}
