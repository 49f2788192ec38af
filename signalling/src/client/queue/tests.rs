//! What waits for one client, over a TCP connection whose other end reads when the test says so.

use super::*;
use crate::testing::{self, Far};
use common::{clock::ManualClock, protocol::room::TEXT_BYTES_MAX};
use tokio::io::AsyncReadExt;

/// Nothing flushes but the test.
async fn queue() -> (Arc<Queue>, Far) {
    testing::queue(ConnectionId::generate(&ManualClock::default()), Flusher::default()).await
}

fn answer(queue: &Arc<Queue>, bytes: usize) {
    queue.answer(&RequestId::Number(1), &Ok("x".repeat(bytes)));
}

fn event(bytes: usize) -> Frame {
    Frame::text(&"x".repeat(bytes))
}

/// Passes for the wrong reason if the events alone were too much: one more of them is.
#[tokio::test]
async fn the_longest_answer_fits_beside_as_many_events_as_may_wait() {
    let (queue, _far) = queue().await;
    let event = event(TEXT_BYTES_MAX);
    for _ in 0..QUEUE_BYTES / event.len() {
        queue.push(event.clone());
    }
    answer(&queue, 256 * 1024);
    assert!(!queue.signals.has(Signal::TooSlow), "nobody is too slow for what they asked for");
    queue.push(event);
    assert!(queue.signals.has(Signal::TooSlow));
}

#[tokio::test]
async fn an_answer_that_is_longer_than_any_may_be_is_an_internal_error_and_ends_nothing() {
    let (queue, mut far) = queue().await;
    answer(&queue, ANSWER_BYTES_MAX);
    queue.flush();
    let answer: serde_json::Value = serde_json::from_slice(&far.frame().await).unwrap();
    assert_eq!(answer["error"]["data"]["code"], "internal");
    assert_eq!(answer["id"], 1);
    assert!(!queue.signals.has(Signal::TooSlow));
}

#[tokio::test]
async fn no_request_is_begun_while_too_many_answers_wait() {
    let (queue, _far) = queue().await;
    for _ in 0..ANSWERS_WAITING {
        assert!(queue.has_room_for_answers());
        answer(&queue, 1);
    }
    assert!(!queue.has_room_or_wakes());
    let written = async { queue.flush() };
    tokio::join!(queue.room_for_answers(), queue.signals.woken(), written);
    for _ in 0..ANSWERS_WAITING {
        answer(&queue, 1);
    }
    assert!(!queue.has_room_for_answers());
    let over = async { drop(queue.part()) };
    tokio::join!(queue.room_for_answers(), over);
}

/// Whatever the kernel takes at a time, everything arrives whole and in its order, a pong between two frames.
#[tokio::test]
async fn who_reads_late_reads_everything_in_order() {
    let (queue, mut far) = queue().await;
    let count = 200_u32;
    let mut waiting = 0..count;
    for number in waiting.by_ref().take(100) {
        queue.push(Frame::text(&format!("{number:>5000}")));
    }
    // The kernel takes a part of it.
    while queue.blocked().is_none() {
        queue.flush();
        let Some(number) = waiting.next() else { break };
        queue.push(Frame::text(&format!("{number:>5000}")));
    }
    for number in waiting {
        queue.push(Frame::text(&format!("{number:>5000}")));
    }
    for number in 0..40 {
        queue.pong(format!("pong {number}").as_bytes());
    }
    let reader = async {
        let (mut texts, mut pongs) = (Vec::new(), Vec::new());
        while texts.len() + pongs.len() < usize::try_from(count).unwrap() + 16 {
            let payload = String::from_utf8(far.frame().await).unwrap();
            match payload.trim().parse::<u32>() {
                Ok(number) => texts.push(number),
                Err(_) => pongs.push(payload),
            }
        }
        (texts, pongs)
    };
    let writer = async {
        loop {
            queue.flush();
            tokio::task::yield_now().await;
        }
    };
    let (texts, pongs) = tokio::select! {
        read = reader => read,
        never = writer => never,
    };
    assert_eq!(texts, (0..count).collect::<Vec<_>>());
    let latest: Vec<_> = (24..40).map(|number| format!("pong {number}")).collect();
    assert_eq!(pongs, latest, "who does not read gets the latest answers");
}

#[tokio::test]
async fn who_is_gone_is_found_out() {
    let (queue, far) = queue().await;
    far.0.set_zero_linger().unwrap();
    drop(far);
    while !queue.signals.has(Signal::Gone) {
        queue.push(event(1));
        queue.flush();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nothing_is_kept_for_who_has_parted() {
    let (queue, mut far) = queue().await;
    queue.push(event(1));
    let (left, written) = queue.part();
    assert_eq!((left.len(), written), (1, 0));
    queue.push(event(1));
    answer(&queue, 1);
    queue.pong(b"x");
    queue.flush();
    assert_eq!(queue.part().0.len(), 0);
    // The queue had the connection's last handle.
    assert_eq!(far.0.read(&mut [0]).await.unwrap(), 0);
}
