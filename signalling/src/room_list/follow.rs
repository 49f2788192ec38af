//! What other instances say of an account's rooms, and what is read for those who follow them here.

use super::live::LiveList;
use crate::{
    failure::{Unread, answered_within, bus_failed, unread},
    hub::Hub,
    pace::RETRY,
    until::until,
};
use bus::{Bus, BusError, Delivery, Snapshot, Subscription};
use common::{
    chance,
    error::Chain,
    id::{AccountId, RoomId, UserId},
    protocol::Failure,
    room::FollowedRoom,
    subject::{
        media::{AccountSessions, AccountSessionsTopic, SessionSummary},
        room_list::{RoomListNews, RoomListTopic},
    },
};
use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use signalling_core::{
    comparison::{COMPARE_EVERY, DOUBT_TIME, SETTLING_TIME},
    room_list::{Question, RoomList, Whom},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::{Store, rooms};
use tracing::{debug, warn};

/// Rooms whose last numbers are read at once.
///
/// More is fewer statements after an outage; each costs as much memory as the answer has.
const SEQS_AT_ONCE: u16 = 5000;

/// How long the store may take for one statement's rows: it reads everybody of 64 rooms at most.
///
/// Longer gives a store time that is slow; shorter asks sooner by another connection where a host is gone without a word.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// Rooms with their last numbers.
type LastSeqs = Vec<(RoomId, u64)>;

/// What was asked, and the answer.
type Answered = (Question, Result<Vec<FollowedRoom>, Unread>);

/// The account's media sessions, and whether other nodes were within reach.
type Sessions = Result<(Vec<SessionSummary>, bool), BusError>;

/// What an account's list hears.
struct News {
    rooms: Subscription<RoomListNews>,
    sessions: Subscription<SessionSummary>,
}

/// How far the bus is believed after it was away: other nodes say again what they have, each in its own time.
struct Doubts {
    /// From when on a session is over that is not found.
    settled_from: Instant,
    /// Until when the sessions are read again and again.
    until: Instant,
}

impl Doubts {
    fn begin(&mut self, now: Instant) {
        (self.settled_from, self.until) = (now + SETTLING_TIME, now + DOUBT_TIME);
    }
}

/// What is under way for it.
#[derive(Default)]
struct Work {
    ask: OptionFuture<BoxFuture<'static, Answered>>,
    compare: OptionFuture<BoxFuture<'static, LastSeqs>>,
    /// What is asked for meanwhile begins once it has ended: it is asked for more often than it takes, perhaps.
    is_comparing: bool,
    compare_sessions: OptionFuture<BoxFuture<'static, Sessions>>,
}

/// Opens an account's list on this instance: listens first, so that nothing is missed.
pub(super) async fn open(hub: &Hub, account: AccountId) -> Result<Arc<LiveList>, Failure> {
    let (rooms, sessions) = (RoomListTopic(account), AccountSessionsTopic(account));
    let subscribed = tokio::try_join!(hub.bus().subscribe(&rooms), hub.bus().subscribe(&sessions));
    let (rooms, sessions) = subscribed.map_err(|error| bus_failed(&error))?;
    let last_seqs = last_seqs(hub.store(), account).await.map_err(|error| unread(&error))?;
    let list = RoomList::new(last_seqs, hub.clock().now());
    let live = Arc::new(LiveList::new(account, list, Arc::clone(&hub.0.deps.clock)));
    live.act(|list, _, effects| list.doubt_sessions(effects));
    hub.spawn(follow(hub.clone(), Arc::clone(&live), News { rooms, sessions }));
    Ok(live)
}

async fn follow(hub: Hub, live: Arc<LiveList>, mut news: News) {
    let mut work = Work::default();
    let mut doubts = Doubts { settled_from: hub.clock().now(), until: hub.clock().now() };
    let mut again_at = None;
    while let Some(round_at) = begin(&hub, &live, &mut work) {
        tokio::select! {
            Some(delivery) = news.rooms.next() => live.act(|list, _, effects| match delivery {
                Delivery::Message(news) => list.handle_news(&news),
                Delivery::Lost => list.handle_lost(effects),
            }),
            Some(delivery) = news.sessions.next() => live.act(|list, now, effects| match delivery {
                Delivery::Message(session) => list.handle_session(session, effects),
                Delivery::Lost => {
                    doubts.begin(now);
                    list.doubt_sessions(effects);
                }
            }),
            () = live.work.notified() => {}
            () = until(round_at, hub.clock()) => {}
            () = until(again_at, hub.clock()) => {
                again_at = None;
                live.act(|list, _, effects| list.doubt_sessions(effects));
            }
            Some((question, outcome)) = &mut work.ask => {
                work.ask = None.into();
                answered(&live, question, outcome);
            }
            Some(last_seqs) = &mut work.compare => {
                (work.compare, work.is_comparing) = (None.into(), false);
                live.act(|list, _, _| list.handle_last_seqs(last_seqs));
            }
            Some(outcome) = &mut work.compare_sessions => {
                work.compare_sessions = None.into();
                let now = hub.clock().now();
                compared_sessions(&live, outcome, doubts.settled_from <= now);
                // The entries of a node that has died outlive it for a while, too.
                let is_doubted = doubts.until > now || hub.0.doubt.until(now).is_some();
                again_at = is_doubted.then_some(now + COMPARE_EVERY);
            }
        }
    }
}

/// Begins what the list wants done, and says when it next needs attention, if ever; `None` once it is closed.
fn begin(hub: &Hub, live: &LiveList, work: &mut Work) -> Option<Option<Instant>> {
    if !work.is_comparing && live.take_compare() {
        work.compare = Some(compare(hub.store().clone(), live.account).boxed()).into();
        work.is_comparing = true;
    }
    if live.take_compare_sessions() {
        work.compare_sessions = Some(sessions(hub.bus().clone(), live.account).boxed()).into();
    }
    let (question, round_at, is_closed) =
        live.act(|list, now, _| (list.question(now), list.next_deadline(), list.is_closed()));
    if let Some(question) = question {
        work.ask = Some(ask(hub.store().clone(), live.account, question).boxed()).into();
    }
    (!is_closed).then_some(round_at)
}

fn answered(live: &LiveList, question: Question, outcome: Result<Vec<FollowedRoom>, Unread>) {
    match outcome {
        Ok(rooms) => live.act(|list, now, effects| list.handle_rooms(&question, &rooms, now, effects)),
        Err(error) => {
            let account = live.account;
            warn!(account.id = %account, error = %Chain(&error), "What is new in rooms cannot be read yet; will retry");
            let wait = RETRY.delay(1, chance::fraction());
            live.act(|list, now, _| list.handle_unanswered(question, now + wait));
        }
    }
}

fn compared_sessions(live: &LiveList, outcome: Sessions, is_settled: bool) {
    match outcome {
        Ok((all, is_fresh)) => {
            live.act(|list, _, effects| list.handle_sessions(all, is_fresh && is_settled, effects));
        }
        Err(error) => {
            debug!(account.id = %live.account, error = %Chain(&error), "Media sessions cannot be compared");
            live.act(|list, _, _| list.handle_unknown_sessions());
        }
    }
}

/// The account's media sessions as the bus has them; of nodes that are gone it has none.
async fn sessions(bus: Bus, account: AccountId) -> Sessions {
    let Snapshot { entries, is_fresh } = bus.snapshot(&AccountSessions(account)).await?;
    Ok((entries.into_iter().map(|(_, session)| session).collect(), is_fresh))
}

/// The last numbers of all rooms, whenever they can be read.
async fn compare(store: Store, account: AccountId) -> LastSeqs {
    loop {
        match last_seqs(&store, account).await {
            Ok(last_seqs) => return last_seqs,
            Err(error) => {
                warn!(account.id = %account, error = %Chain(&error), "Rooms cannot be compared yet; will retry");
                tokio::time::sleep(RETRY.delay(1, chance::fraction())).await;
            }
        }
    }
}

async fn ask(store: Store, account: AccountId, question: Question) -> Answered {
    let each = question.0.iter().flat_map(|(room, whom)| match whom {
        Whom::All | Whom::Strangers => vec![(*room, None)],
        Whom::Some(users) => users.iter().map(|user| (*room, Some(*user))).collect(),
    });
    let asked: Vec<(RoomId, Option<UserId>)> = each.collect();
    let answer = answered_within(ANSWER_TIME, async {
        let mut tx = store.reading(account).await?;
        rooms::followed(&mut tx, &asked).await
    });
    let outcome = answer.await;
    (question, outcome)
}

async fn last_seqs(store: &Store, account: AccountId) -> Result<LastSeqs, Unread> {
    let mut all: LastSeqs = Vec::new();
    loop {
        let after = all.last().map(|(room, _)| *room);
        let some = answered_within(ANSWER_TIME, async {
            let mut tx = store.reading(account).await?;
            rooms::all_last_seqs(&mut tx, after, SEQS_AT_ONCE).await
        });
        let some = some.await?;
        let is_last = some.len() < usize::from(SEQS_AT_ONCE);
        all.extend(some);
        if is_last {
            return Ok(all);
        }
    }
}
