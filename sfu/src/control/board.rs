//! Says who is in which of this node's sessions to those who are not in their rooms: an entry for each in its account's
//! set, and news of it.
//!
//! At most once a second, on a task of its own: however often people come and go, and however slow the bus is, nobody who
//! enters a session waits for it.
//!
//! That a session is over stands there for a while, too. Who was out of reach when it was said finds it, and need not
//! wait until every node has had the time to say again which sessions it has.

use bus::{Bus, Link, Presence};
use common::{
    error::Chain,
    id::{AccountId, RoomId},
    protocol::media::State,
    subject::media::{AccountSessions, AccountSessionsTopic, SessionSummary},
};
use shutdown::Shutdown;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::debug;

/// How often at most.
///
/// Longer costs the bus less where many come and go; shorter shows sooner who came right after somebody else.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How long it stands there that a session is over, once and up to twice that, in which the bus was there throughout.
///
/// Longer is more entries where many sessions are short; shorter than it takes others to be back after an outage, and
/// they do not find it.
const OVER_FOR: Duration = Duration::from_secs(20);

/// Of each session what is to be told of it next. One for each, so no more than there are sessions, or were within a
/// second.
#[derive(Default)]
struct Waiting {
    sessions: Mutex<BTreeMap<RoomId, (AccountId, SessionSummary)>>,
    work: Notify,
}

impl Waiting {
    fn take(&self) -> BTreeMap<RoomId, (AccountId, SessionSummary)> {
        std::mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// See the module. When it is dropped, what waits is told once more.
pub(super) struct Board {
    bus: Bus,
    waiting: Arc<Waiting>,
    /// Whoever tells hears by this that it is gone.
    _open: watch::Sender<()>,
}

impl Board {
    pub(super) fn new(bus: Bus, shutdown: &Shutdown) -> Self {
        let waiting = Arc::<Waiting>::default();
        let (open, is_open) = watch::channel(());
        shutdown.tasks.spawn(tell(bus.clone(), Arc::clone(&waiting), is_open));
        Self { bus, waiting, _open: open }
    }

    /// A session is like this from now on.
    pub(super) fn show(&self, account: AccountId, room: RoomId, state: &State) {
        let summary = SessionSummary::of(self.bus.node(), room, state);
        let mut waiting = self.waiting.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(room, (account, summary));
        drop(waiting);
        self.waiting.work.notify_one();
    }
}

async fn tell(bus: Bus, waiting: Arc<Waiting>, mut is_open: watch::Receiver<()>) {
    let mut entries = Entries::default();
    let mut forgetting = interval(OVER_FOR);
    forgetting.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_over = tokio::select! {
            () = waiting.work.notified() => false,
            _ = forgetting.tick() => {
                entries.forget(*bus.link().borrow());
                continue;
            }
            Err(_) = is_open.changed() => true,
        };
        for (room, (account, summary)) in waiting.take() {
            entries.show(&bus, account, &summary).await;
            if let Err(error) = bus.publish(&AccountSessionsTopic(account), &summary).await {
                // The others read all sessions once they hear again.
                debug!(room.id = %room, error = %Chain(&error), "Only this process was told who is in the session of {room}");
            }
        }
        if is_over {
            return;
        }
        // An end is told without a pause.
        let _ended = timeout(TELL_EVERY, is_open.changed()).await;
    }
}

/// What this node has in its accounts' sets.
#[derive(Default)]
struct Entries {
    shown: BTreeMap<RoomId, Presence>,
    /// Of these it says that they are over.
    over: BTreeSet<RoomId>,
    /// The same, and has done so since before the last look at the link.
    long_over: BTreeSet<RoomId>,
    /// What the link was then.
    link: Option<Link>,
}

impl Entries {
    /// Keeps the session's entry as it is, before it is said: whoever hears it and then reads, finds it.
    async fn show(&mut self, bus: &Bus, account: AccountId, summary: &SessionSummary) {
        let room = summary.call.room_id;
        self.long_over.remove(&room);
        if summary.call.participant_count > 0 {
            self.over.remove(&room);
        } else {
            self.over.insert(room);
        }
        // By its node, too: who takes the room over does not replace what this one removes.
        let key = format!("{room}.{}", summary.node);
        match bus.present(&AccountSessions(account), &key, summary).await {
            Ok(presence) => {
                // Replaced while the old guard is there: there is no moment between two entries.
                let before = self.shown.insert(room, presence);
                drop(before);
            }
            Err(error) => {
                debug!(room.id = %room, error = %Chain(&error), "Who is in the session of {room} was not written down");
            }
        }
    }

    /// Removes what has said for long enough that a session is over. While the link is away nobody reads it.
    fn forget(&mut self, link: Link) {
        let was_there = matches!(link, Link::Up { .. }) && self.link == Some(link);
        self.link = Some(link);
        if was_there {
            for room in std::mem::take(&mut self.long_over) {
                self.shown.remove(&room);
            }
        }
        self.long_over.append(&mut self.over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{clock::ManualClock, id::NodeId, protocol::rooms::RoomCall};

    #[tokio::test]
    async fn that_a_session_is_over_stands_there_until_the_bus_was_there_for_a_while_or_another_begins() {
        let clock = ManualClock::default();
        let (bus, account) = (Bus::local(NodeId::generate(&clock)), AccountId::generate(&clock));
        let [over, again] = [(); 2].map(|()| RoomId::generate(&clock));
        let summary = |room_id, participant_count| {
            let call = RoomCall { room_id, participant_count, participants: Vec::new() };
            SessionSummary { node: bus.node(), call, revision: 1 }
        };
        let mut entries = Entries::default();
        for (room, count) in [(over, 2), (again, 2), (over, 0), (again, 0)] {
            entries.show(&bus, account, &summary(room, count)).await;
        }
        let counts = async || {
            let found = bus.entries(&AccountSessions(account)).await.unwrap();
            let counts =
                found.into_iter().map(|(_, found)| (found.call.room_id, found.call.participant_count));
            counts.collect::<BTreeMap<_, _>>()
        };
        entries.forget(Link::Up { epoch: 1 });
        entries.forget(Link::Down);
        entries.forget(Link::Up { epoch: 2 });
        assert_eq!(counts().await, [(over, 0), (again, 0)].into(), "who was away may not have read it");
        entries.show(&bus, account, &summary(again, 1)).await;
        entries.forget(Link::Up { epoch: 2 });
        assert_eq!(counts().await, [(again, 1)].into());
        for _ in 0..3 {
            entries.forget(Link::Up { epoch: 2 });
        }
        assert_eq!(counts().await, [(again, 1)].into(), "it goes on");
    }
}
