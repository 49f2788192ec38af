//! Says in which rooms something is new: at once to those who follow here, and to other instances once a second at most
//! however much is said. What the bus does not take waits until it does.

use crate::{failure::published, hub::Hub};
use common::{
    id::{AccountId, RoomId},
    subject::room_list::{RoomListNews, RoomListTopic},
};
use dashmap::{DashMap, Entry};
use signalling_core::room_list::ROUND_TIME;
use store::rooms::Position;

/// Who has read further, that waits to be said. Beyond that it is said of their rooms.
const READ_MAX: usize = 2000;

/// Rooms, or users who have read, that are said at once.
const SAID_AT_ONCE: usize = 2000;

/// What other instances have not been told yet, by account. Where there is an entry, somebody says it.
#[derive(Default)]
pub(crate) struct Unsaid(DashMap<AccountId, RoomListNews>);

impl Unsaid {
    /// Adds news; whether nobody says this account's yet.
    fn push(&self, account: AccountId, news: RoomListNews) -> bool {
        match self.0.entry(account) {
            Entry::Vacant(entry) => {
                entry.insert(news);
                true
            }
            Entry::Occupied(mut entry) => {
                let waiting = entry.get_mut();
                waiting.moved.extend(news.moved);
                waiting.read.extend(news.read);
                waiting.opened.extend(news.opened);
                if waiting.read.len() > READ_MAX {
                    let read = std::mem::take(&mut waiting.read);
                    waiting.moved.extend(read.into_iter().map(|(room, _)| room));
                }
                false
            }
        }
    }

    /// What is to be said next; nobody says this account's any more if there is nothing.
    fn take(&self, account: AccountId) -> Option<RoomListNews> {
        let Entry::Occupied(mut entry) = self.0.entry(account) else { return None };
        let waiting = entry.get_mut();
        if *waiting == RoomListNews::default() {
            entry.remove();
            return None;
        }
        let mut news = std::mem::take(waiting);
        if let Some(rest) = news.moved.iter().nth(SAID_AT_ONCE).copied() {
            waiting.moved = news.moved.split_off(&rest);
        }
        if let Some(rest) = news.read.iter().nth(SAID_AT_ONCE).copied() {
            waiting.read = news.read.split_off(&rest);
        }
        Some(news)
    }
}

/// Something was stored in these rooms.
pub(crate) fn moved(hub: &Hub, account: AccountId, rooms: impl IntoIterator<Item = RoomId>) {
    say(hub, account, RoomListNews { moved: rooms.into_iter().collect(), ..RoomListNews::default() });
}

/// It is stored that users have read further.
pub(crate) fn read(hub: &Hub, account: AccountId, positions: &[Position]) {
    let read = positions.iter().map(|position| (position.room, position.user)).collect();
    say(hub, account, RoomListNews { read, ..RoomListNews::default() });
}

fn say(hub: &Hub, account: AccountId, news: RoomListNews) {
    if news == RoomListNews::default() {
        return;
    }
    if let Some(list) = hub.0.room_lists.get(account) {
        list.act(|list, _, _| list.handle_news(&news));
    }
    if !hub.bus().is_alone() && hub.0.unsaid.push(account, news) {
        hub.finish(say_all(hub.clone(), account));
    }
}

/// Says what there is, and what comes until it was said.
async fn say_all(hub: Hub, account: AccountId) {
    while let Some(news) = hub.0.unsaid.take(account) {
        let outcome = hub.bus().publish_to_others(&RoomListTopic(account), std::slice::from_ref(&news)).await;
        let is_unsaid = outcome.is_err();
        published(outcome);
        if is_unsaid {
            hub.0.unsaid.push(account, news);
        }
        let Some(shutdown) = hub.shutdown() else { return };
        let ended = tokio::time::timeout(ROUND_TIME, shutdown.token.cancelled()).await.is_ok();
        // Whoever drains says what is left once more, and others look at the store when it is gone.
        if ended && is_unsaid {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{clock::ManualClock, id::UserId};
    use std::collections::BTreeSet;

    #[test]
    fn what_waits_is_bounded_and_taken_in_pieces_and_only_the_first_has_to_say_it() {
        let (unsaid, clock) = (Unsaid::default(), ManualClock::default());
        let account = AccountId::generate(&clock);
        let rooms: BTreeSet<RoomId> = (0..3000).map(|_| RoomId::generate(&clock)).collect();
        let first = *rooms.first().unwrap();
        let moved = RoomListNews { moved: rooms, ..RoomListNews::default() };
        assert!(unsaid.push(account, moved.clone()));
        assert!(!unsaid.push(account, moved));
        assert_eq!(unsaid.take(account).unwrap().moved.len(), SAID_AT_ONCE);
        let read = |count: usize| {
            let read = (0..count).map(|_| (first, UserId::generate(&clock))).collect();
            RoomListNews { read, ..RoomListNews::default() }
        };
        assert!(!unsaid.push(account, read(READ_MAX)));
        assert!(!unsaid.push(account, read(1)));
        let rest = unsaid.take(account).unwrap();
        assert_eq!((rest.moved.len(), rest.read.len()), (1001, 0), "said of their room");
        assert_eq!(unsaid.take(account), None);
        assert!(unsaid.push(account, read(1)), "nobody says it any more");
    }
}
