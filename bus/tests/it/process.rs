//! A process of the cluster that can be killed.

use super::*;
use ::redis::aio::MultiplexedConnection;
use tokio::runtime::{Builder, Runtime};

/// Everything that it runs ends with its runtime at once, and nothing of it says goodbye.
pub(crate) struct Process {
    runtime: Option<Runtime>,
    pub(crate) bus: Bus,
}

impl Process {
    pub(crate) async fn start(url: &str, prefix: &str) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
        let (url, prefix) = (url.to_owned(), prefix.to_owned());
        let connected =
            runtime.spawn(async move { Bus::redis(node(), &url, &prefix, &Shutdown::default()).await });
        let bus = connected.await.expect("it ran").expect("Redis answers");
        Self { runtime: Some(runtime), bus }
    }

    /// Nothing of it runs until what is returned is dropped.
    pub(crate) fn pause(&self) -> Paused {
        let (resume, paused) = std::sync::mpsc::channel::<()>();
        if let Some(runtime) = &self.runtime {
            // On its only thread.
            runtime.spawn(async move { paused.recv() });
        }
        Paused { _resume: resume }
    }

    pub(crate) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A process in which nothing runs.
pub(crate) struct Paused {
    _resume: std::sync::mpsc::Sender<()>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Redis' clock jumps so far that whatever expires has expired, also what is kept up.
pub(crate) async fn jump_clock(observer: &mut MultiplexedConnection, prefix: &str) {
    let keys: Vec<String> = outage::order(observer, &["KEYS", &format!("{prefix}:*")]).await;
    for key in keys {
        let left: i64 = outage::order(observer, &["PTTL", &key]).await;
        if left > 0 {
            let _: u64 = outage::order(observer, &["PEXPIRE", &key, "0"]).await;
        }
    }
}

/// Numbers that a seed decides: a failure can be had again.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// One of `sides`, from 0.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Polls `work` so many times and then drops it, as a caller does that was cancelled.
pub(crate) async fn cancelled_after(polls: u32, work: impl Future) {
    let mut work = Box::pin(work);
    for _ in 0..polls {
        let ended = std::future::poll_fn(|context| std::task::Poll::Ready(work.as_mut().poll(context))).await;
        if ended.is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}
