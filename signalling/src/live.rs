//! What lives for as long as somebody on this instance follows it: rooms, inboxes, feeds, who is online.
//!
//! The first who comes has it opened, everybody else finds it open, and when the last one has left it is closed.
//! Whoever comes at that very moment opens it anew.

use dashmap::DashMap;
use std::{hash::Hash, sync::Arc};
use tokio::sync::OnceCell;

/// Something that several follow.
pub(crate) trait Followed {
    /// Whether nobody follows; if so, nobody joins this one any more.
    fn close_if_empty(&self) -> bool;
}

/// What is open, by name. What is about to be opened has an empty cell.
pub(crate) struct Live<K, T>(DashMap<K, Arc<OnceCell<Arc<T>>>>);

impl<K: Eq + Hash, T> Default for Live<K, T> {
    fn default() -> Self {
        Self(DashMap::new())
    }
}

impl<K: Copy + Eq + Hash, T: Followed> Live<K, T> {
    /// What is open under this name.
    pub(crate) fn get(&self, key: K) -> Option<Arc<T>> {
        self.0.get(&key)?.get().cloned()
    }

    /// Everything that is open.
    pub(crate) fn all(&self) -> Vec<(K, Arc<T>)> {
        self.0.iter().filter_map(|cell| Some((*cell.key(), Arc::clone(cell.get()?)))).collect()
    }

    /// What is open under this name, or what `open` makes. Who comes meanwhile waits for it, and tries in turn if
    /// it fails.
    ///
    /// Whoever does not come to follow it then [closes](Self::close_if_empty) it again.
    ///
    /// # Errors
    /// Those of `open`.
    pub(crate) async fn open<E, F: Future<Output = Result<Arc<T>, E>>>(
        &self,
        key: K,
        open: impl FnOnce() -> F,
    ) -> Result<Arc<T>, E> {
        let cell = Arc::clone(&self.0.entry(key).or_default());
        cell.get_or_try_init(open).await.cloned()
    }

    /// Forgets what nobody here follows, whether somebody did or only meant to.
    pub(crate) fn close_if_empty(&self, key: K) {
        // Lock order: the map, then what is in it.
        self.0.remove_if(&key, |_, cell| match cell.get() {
            Some(followed) => followed.close_if_empty(),
            // Who is about to open it has it in hand.
            None => Arc::strong_count(cell) == 1,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    };
    use tokio::task::JoinSet;

    /// Counts those who follow; once closed, nobody may come.
    #[derive(Default)]
    struct Counter {
        followers: AtomicUsize,
        is_closed: AtomicBool,
    }

    impl Followed for Counter {
        fn close_if_empty(&self) -> bool {
            let is_empty = self.followers.load(Ordering::SeqCst) == 0;
            self.is_closed.fetch_or(is_empty, Ordering::SeqCst);
            is_empty
        }
    }

    async fn opened(live: &Live<u8, Counter>) -> Arc<Counter> {
        let opened = live.open(1, async || Ok::<_, Infallible>(Arc::default())).await;
        match opened {
            Ok(counter) => counter,
            Err(never) => match never {},
        }
    }

    #[tokio::test]
    async fn it_is_opened_once_however_many_come_and_forgotten_when_nobody_follows() {
        let (live, opens) = (Arc::new(Live::<u8, Counter>::default()), Arc::new(AtomicUsize::new(0)));
        let mut comers = JoinSet::new();
        for _ in 0..50 {
            let (live, opens) = (Arc::clone(&live), Arc::clone(&opens));
            comers.spawn(async move {
                let open = async || {
                    opens.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok::<_, Infallible>(Arc::<Counter>::default())
                };
                let Ok(counter) = live.open(1, open).await;
                counter.followers.fetch_add(1, Ordering::SeqCst);
            });
        }
        while comers.join_next().await.is_some() {}
        assert_eq!(opens.load(Ordering::SeqCst), 1);
        live.close_if_empty(1);
        let counter = live.get(1).unwrap();
        assert_eq!(counter.followers.swap(0, Ordering::SeqCst), 50);
        live.close_if_empty(1);
        assert!(live.get(1).is_none() && counter.is_closed.load(Ordering::SeqCst));
        assert!(!opened(&live).await.is_closed.load(Ordering::SeqCst), "another one");
    }

    #[tokio::test]
    async fn what_cannot_be_opened_leaves_nothing_behind() {
        let live = Live::<u8, Counter>::default();
        assert_eq!(live.open(1, async || Err("away")).await.err(), Some("away"));
        assert!(live.get(1).is_none() && live.all().is_empty());
        live.close_if_empty(1);
        assert!(live.0.is_empty());
    }

    /// Whoever still opens it has not lost it.
    #[tokio::test]
    async fn what_is_being_opened_is_not_forgotten() {
        let live = Live::<u8, Counter>::default();
        let open = async || {
            live.close_if_empty(1);
            Ok::<_, Infallible>(Arc::<Counter>::default())
        };
        let Ok(counter) = live.open(1, open).await;
        assert!(live.get(1).is_some_and(|kept| Arc::ptr_eq(&kept, &counter)));
    }
}
