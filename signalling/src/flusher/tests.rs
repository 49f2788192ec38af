//! Many sockets, for which several queue and several write at once.

use super::*;
use crate::{
    client::{Queue, Signal},
    frame::Frame,
    testing::{self, Far},
    wire::Wire,
};
use common::{clock::ManualClock, id::ConnectionId};
use std::{collections::BTreeMap, time::Duration};
use tokio::{task::JoinSet, time::timeout};

/// How long all of it may take. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many sockets; of each three two take little at a time, of which one is reset in the midst of it.
const SOCKETS: usize = 60;

/// How many say something at once, and how many things each. All of it may wait for one socket.
const SAYING: usize = 4;
const EACH: usize = 250;

/// What a connection's task does for its queue, until the other side is gone; whether the kernel has ever taken nothing.
async fn attend(queue: Arc<Queue>, wire: Arc<Wire>) -> bool {
    let mut was_blocked = false;
    while !queue.signals.has(Signal::Gone) {
        let is_blocked = queue.blocked().is_some();
        was_blocked |= is_blocked;
        tokio::select! {
            () = queue.signals.woken() => {}
            _ = wire.writable(), if is_blocked => note_sent(queue.flush()),
        }
    }
    was_blocked
}

/// Says it to all, with a ping here and there.
async fn say(queues: Arc<Vec<Arc<Queue>>>, who: usize) {
    for number in 0..EACH {
        let text = format!("{who} {number} {}", "x".repeat(2 * number));
        Queue::push_to_all(queues.iter(), &Frame::text(&text));
        if let Some(queue) = queues.get(number % SOCKETS) {
            queue.ping();
        }
        yield_now().await;
    }
}

/// Reads so much of what is said, each one's in order and nothing twice.
async fn hear(far: &mut Far, count: usize) {
    let mut heard: BTreeMap<usize, usize> = BTreeMap::new();
    while heard.values().sum::<usize>() < count {
        let text = String::from_utf8(far.frame().await).unwrap();
        if text.is_empty() {
            continue;
        }
        let [who, number, rest] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
        let (who, number): (usize, usize) = (who.parse().unwrap(), number.parse().unwrap());
        assert_eq!(rest.len(), 2 * number, "it is whole");
        assert_eq!(heard.insert(who, number + 1).unwrap_or(0), number, "of {who}, in order");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everybody_who_reads_gets_everything_once_and_in_order_whoever_writes_it() {
    let (flusher, clock) = (Flusher::default(), ManualClock::default());
    let (mut queues, mut fars, mut tasks) = (Vec::new(), Vec::new(), JoinSet::new());
    let mut attending = JoinSet::new();
    for at in 0..SOCKETS {
        let (wire, far) = if at % 3 == 0 { testing::wires().await } else { testing::narrow_wires().await };
        let wire = Arc::new(wire);
        let queue = Queue::new(ConnectionId::generate(&clock), Arc::clone(&wire), flusher.clone());
        let queue = Arc::new(queue);
        attending.spawn(attend(Arc::clone(&queue), wire));
        queues.push(queue);
        fars.push(far);
    }
    let mut writing = JoinSet::new();
    for _ in 0..3 {
        writing.spawn(flusher.clone().run());
    }
    let queues = Arc::new(queues);
    for who in 0..SAYING {
        tasks.spawn(say(Arc::clone(&queues), who));
    }
    for (at, mut far) in fars.into_iter().enumerate() {
        tasks.spawn(async move {
            if at % 3 == 2 {
                hear(&mut far, EACH).await;
                far.0.set_zero_linger().unwrap();
                return;
            }
            hear(&mut far, SAYING * EACH).await;
        });
    }
    let all = async {
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        // All have left by now, which is found out.
        let mut was_blocked = 0;
        while !attending.is_empty() {
            for queue in queues.iter().filter(|queue| !queue.signals.has(Signal::Gone)) {
                queue.push(Frame::text("x"));
            }
            if let Ok(Some(ended)) = timeout(Duration::from_millis(10), attending.join_next()).await {
                was_blocked += usize::from(ended.unwrap());
            }
        }
        assert!(was_blocked > 0, "the kernel took everything");
    };
    timeout(PATIENCE, all).await.expect("nobody waits for ever");
}
