//! Says who is in which of this node's sessions to those who are not in their rooms: an entry for each in its account's
//! set, and news of it.
//!
//! At most once a second, on a task of its own: however often people come and go, and however slow the bus is, nobody who
//! enters a session waits for it.

use bus::{Bus, Presence};
use common::{
    error::Chain,
    id::{AccountId, RoomId},
    protocol::media::State,
    subject::media::{AccountSessions, AccountSessionsTopic, SessionSummary},
};
use shutdown::Shutdown;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tracing::debug;

/// How often at most.
///
/// Longer costs the bus less where many come and go; shorter shows sooner who came right after somebody else.
const TELL_EVERY: Duration = Duration::from_secs(1);

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
    let mut shown: BTreeMap<RoomId, Presence> = BTreeMap::new();
    loop {
        let is_over = tokio::select! {
            () = waiting.work.notified() => false,
            Err(_) = is_open.changed() => true,
        };
        for (room, (account, summary)) in waiting.take() {
            show(&bus, &mut shown, account, &summary).await;
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

/// Keeps the session's entry as it is, before it is said: whoever hears it and then reads, finds it.
async fn show(
    bus: &Bus,
    shown: &mut BTreeMap<RoomId, Presence>,
    account: AccountId,
    summary: &SessionSummary,
) {
    let room = summary.call.room_id;
    if summary.call.participant_count == 0 {
        shown.remove(&room);
        return;
    }
    // By its node, too: who takes the room over does not replace what this one removes.
    let key = format!("{room}.{}", summary.node);
    match bus.present(&AccountSessions(account), &key, summary).await {
        Ok(presence) => {
            // Replaced while the old guard is there: there is no moment between two entries.
            let before = shown.insert(room, presence);
            drop(before);
        }
        Err(error) => {
            debug!(room.id = %room, error = %Chain(&error), "Who is in the session of {room} was not written down");
        }
    }
}
