//! What a connection is told that ends.

use super::end::End;
use crate::{client::Client, frame::Frame, wire::Wire};
use common::protocol::{Event, close as close_codes, connection::Moving};
use std::{io, sync::Arc, time::Duration};
use tokio::time::timeout;

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

/// Ends the connection of somebody who has said who it is: with what is still for them, and why.
pub(super) async fn part(wire: Arc<Wire>, client: &Client, end: End) {
    let (mut words, written) = client.queue.part();
    if !end.keeps_queue() {
        // What has begun must be whole, or what follows is no frame.
        words.truncate(usize::from(written > 0));
    }
    if matches!(end, End::Close { code: close_codes::GOING_AWAY, .. }) {
        words.push(Frame::event(&Event::ConnectionMoving(Moving { delay_ms: delay_ms(client) })));
    }
    say(wire, &words, written, end).await;
}

/// Tells the client to come back elsewhere, each after a delay of its own: the last bits of its id are random
/// (RFC 9562, section 5.7).
fn delay_ms(client: &Client) -> u64 {
    let random = client.id.as_uuid().as_u64_pair().1;
    let within = u64::try_from(MOVE_WITHIN.as_millis()).unwrap_or(u64::MAX);
    random.checked_rem(within).unwrap_or(0)
}

/// Says `words`, of the first of which so many bytes were said already, and why it ends, and waits for the client to
/// close: for a while, then the socket is reset.
pub(super) async fn say(wire: Arc<Wire>, words: &[Frame], written: usize, end: End) {
    // Nobody else has it any more.
    let Some(mut wire) = Arc::into_inner(wire) else { return };
    let (time, last) = match end {
        End::Close { code: code @ close_codes::TOO_SLOW, reason } => {
            (SLOW_GOODBYE_TIME, Frame::close(Some(code), reason))
        }
        End::Close { code, reason } => (GOODBYE_TIME, Frame::close(Some(code), reason)),
        End::Closed { code } => (ANSWERED_TIME, Frame::close(code, "")),
        // Nothing to be said, and nobody to say it to.
        End::Gone => return,
        End::Stuck => return wire.reset(),
    };
    if let End::Close { code, .. } = end {
        metrics::counter!("hub_closed_total", "code" => code.to_string()).increment(1);
    }
    let goodbye = async {
        let mut skip = written;
        for word in words.iter().chain([&last]) {
            wire.write(word, skip).await?;
            skip = 0;
        }
        wire.finish().await
    };
    if let Err(_) | Ok(Err(_)) = timeout(time, goodbye).await.map(|ended: io::Result<()>| ended) {
        metrics::counter!("hub_reset_total").increment(1);
        wire.reset();
    }
}
