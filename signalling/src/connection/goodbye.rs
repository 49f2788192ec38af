//! What a connection is told that ends.

use super::{end::End, websocket::WebSocket};
use crate::client::{Client, Queued, frame};
use common::protocol::{Event, close as close_codes, connection::Moving};
use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};
use tokio_tungstenite::tungstenite::Message;

/// How long a client has to hear why it is closed, and to close.
///
/// Longer reaches those who are far away; shorter gives back what those hold who do not read.
pub(crate) const GOODBYE_TIME: Duration = Duration::from_secs(3);

/// The same for one who reads slowly: what the kernel has already comes first.
pub(crate) const SLOW_GOODBYE_TIME: Duration = Duration::from_secs(10);

/// How long a client that has closed, and been answered, may take to end the TCP connection.
const ANSWERED_TIME: Duration = Duration::from_secs(1);

/// Clients of a draining server come back spread over this time.
const MOVE_WITHIN: Duration = Duration::from_secs(5);

/// Ends the connection of somebody who has said who it is.
pub(super) async fn part(
    socket: WebSocket,
    client: &Client,
    unsent: Option<Queued>,
    queue: mpsc::Receiver<Queued>,
    end: End,
) {
    let mut words = last_words(unsent, queue, end);
    if matches!(end, End::Close { code: close_codes::GOING_AWAY, .. }) {
        words.push(Message::Text(frame(&Event::ConnectionMoving(Moving { delay_ms: delay_ms(client) }))));
    }
    say(socket, words, end).await;
}

/// What is queued and still for the client. Closes the queue: what is put into it during the goodbye, as answers to
/// requests that are completed all the same, would be kept for nobody.
fn last_words(unsent: Option<Queued>, mut queue: mpsc::Receiver<Queued>, end: End) -> Vec<Message> {
    if !end.keeps_queue() {
        return Vec::new();
    }
    let queued = unsent.into_iter().chain(std::iter::from_fn(|| queue.try_recv().ok()));
    queued.map(|queued| Message::Text(queued.frame)).collect()
}

/// Tells the client to come back elsewhere, each after a delay of its own: the last bits of its id are random
/// (RFC 9562, section 5.7).
fn delay_ms(client: &Client) -> u64 {
    let random = client.id.as_uuid().as_u64_pair().1;
    let within = u64::try_from(MOVE_WITHIN.as_millis()).unwrap_or(u64::MAX);
    random.checked_rem(within).unwrap_or(0)
}

/// Says `words` and why it ends, and waits for the client to close: for a while, then the socket is reset.
pub(super) async fn say(mut socket: WebSocket, words: Vec<Message>, end: End) {
    let time = match end {
        End::Close { code: close_codes::TOO_SLOW, .. } => SLOW_GOODBYE_TIME,
        End::Close { .. } => GOODBYE_TIME,
        End::Closed => ANSWERED_TIME,
        // Nothing to be said, and nobody to say it to.
        End::Gone => return,
        End::Stuck => return socket.reset(),
    };
    if let End::Close { code, .. } = end {
        metrics::counter!("hub_closed_total", "code" => code.to_string()).increment(1);
    }
    let goodbye = async {
        for word in words {
            socket.ready().await?;
            socket.put(word)?;
        }
        match end {
            End::Close { code, reason } => socket.close(code, reason).await?,
            End::Closed | End::Gone | End::Stuck => socket.flush().await?,
        }
        socket.finish().await
    };
    if timeout(time, goodbye).await.is_err() {
        metrics::counter!("hub_reset_total").increment(1);
        socket.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::{super::end::close, *};
    use crate::client::Queue;
    use bytes::Bytes;
    use common::{clock::ManualClock, id::ConnectionId};
    use tokio_tungstenite::tungstenite::Utf8Bytes;

    const DRAINING: End = close(close_codes::GOING_AWAY, "the server is draining");
    const TOO_SLOW: End = close(close_codes::TOO_SLOW, "reads too slowly");

    /// Passes for the wrong reason if nothing were ever kept: before the end, it is.
    #[test]
    fn what_is_queued_during_the_goodbye_is_kept_by_nobody() {
        for (end, said) in [(DRAINING, 1), (TOO_SLOW, 0)] {
            let (queue, receiver) = Queue::new(ConnectionId::generate(&ManualClock::default()));
            let bytes = Bytes::from("x".repeat(1000));
            let event = || Utf8Bytes::try_from(bytes.clone()).unwrap();
            queue.push(event());
            assert!(!bytes.is_unique());
            let words = last_words(None, receiver, end);
            assert_eq!(words.len(), said);
            drop(words);
            assert!(bytes.is_unique(), "what was queued before");
            queue.push(event());
            assert!(bytes.is_unique(), "what was queued after");
        }
    }
}
