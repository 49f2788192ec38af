//! Clients that outlive their server: whatever is lost is an error, not a failure of the test.

use crate::socket::address;
use common::{
    id::{ClientMessageId, RoomId},
    protocol::room::Send,
};
use signalling_client::{Client, Error, Lost};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// How long an answer may take before the connection is given up. Short: what is asked for in the middle of a
/// fault and never answered is asked for again while there is time to be well again.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(4);

/// How long a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(100);

/// Connects to `base` and authenticates, again and again until it works.
pub async fn open(base: &str, token: &str) -> Client {
    open_any(&[base], 0, token).await
}

/// Connects to the first of `bases` that takes it, beginning with number `first`, again and again until one does.
pub async fn open_any(bases: &[impl AsRef<str>], first: usize, token: &str) -> Client {
    for base in bases.iter().cycle().skip(first % bases.len()) {
        if let Ok(Ok(client)) = timeout(ANSWER_TIME, try_open(base.as_ref(), token)).await {
            return client;
        }
        sleep(PAUSE).await;
    }
    panic!("there is nowhere to connect to")
}

async fn try_open(base: &str, token: &str) -> Result<Client, Error> {
    let mut client = Client::connect(address(base)).await.map_err(Lost::from)?.answering_within(ANSWER_TIME);
    client.open(token).await?;
    Ok(client)
}

/// A message that is sent under an id of its own, so that it may be sent again.
pub fn message(room_id: RoomId, text: String) -> Send {
    let client_id = ClientMessageId::from_uuid(Uuid::new_v4());
    Send { room_id, client_id, text, reply_to: None, mentions: Vec::new(), attachments: Vec::new() }
}
