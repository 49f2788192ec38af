//! A connection that has said who it is, and the bounded queue of what it is yet to be sent.

use axum::extract::ws::Utf8Bytes;
use bus::Presence;
use common::{
    id::{AccountId, CallId, ConnectionId, NodeId, RoomId, UserId},
    protocol::{Failure, RequestId, envelope, room::Member},
    token::Caller,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Frames that may wait for one socket. When full the socket is closed and its
/// client resumes: it never slows a room.
const QUEUE_FRAMES: usize = 512;

/// Bytes that may wait for one socket, likewise.
const QUEUE_BYTES: usize = 1024 * 1024;

/// An open session.
pub(crate) struct Peer {
    pub(crate) id: ConnectionId,
    pub(crate) account: AccountId,
    pub(crate) user: UserId,
    pub(crate) name: String,
    /// Unix seconds.
    expires_at: AtomicI64,
    queue: mpsc::Sender<Utf8Bytes>,
    queued_bytes: AtomicUsize,
    /// Cancelled when the queue overflowed.
    pub(crate) too_slow: CancellationToken,
    held: Mutex<Held>,
}

/// What ends with the connection.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) rooms: BTreeSet<RoomId>,
    pub(crate) media: BTreeSet<RoomId>,
    /// Calls it knows of, and the instance that runs each.
    pub(crate) calls: BTreeMap<CallId, NodeId>,
    pub(crate) online: Option<Presence>,
    pub(crate) follows_presence: bool,
    pub(crate) follows_inbox: bool,
}

impl Peer {
    pub(crate) fn new(id: ConnectionId, caller: &Caller, name: String) -> (Self, mpsc::Receiver<Utf8Bytes>) {
        let (queue, frames) = mpsc::channel(QUEUE_FRAMES);
        let peer = Self {
            id,
            account: caller.account,
            user: caller.user,
            name,
            expires_at: AtomicI64::new(caller.expires_at.unix_timestamp()),
            queue,
            queued_bytes: AtomicUsize::new(0),
            too_slow: CancellationToken::new(),
            held: Mutex::default(),
        };
        (peer, frames)
    }

    /// The peer as others in a room see it.
    pub(crate) fn member(&self) -> Member {
        Member { connection_id: self.id, user_id: self.user, name: self.name.clone() }
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a frame. Never waits.
    pub(crate) fn push(&self, frame: Utf8Bytes) {
        let waiting = self.queued_bytes.fetch_add(frame.len(), Ordering::Relaxed);
        if waiting + frame.len() > QUEUE_BYTES || self.queue.try_send(frame).is_err() {
            self.too_slow.cancel();
        }
    }

    /// The connection has taken a frame of this length out of the queue.
    pub(crate) fn taken(&self, length: usize) {
        self.queued_bytes.fetch_sub(length, Ordering::Relaxed);
    }

    /// Answers a request; one without an id wants no answer.
    pub(crate) fn answer<T: Serialize>(&self, id: Option<&RequestId>, outcome: &Result<T, Failure>) {
        let Some(id) = id else { return };
        self.push(match outcome {
            Ok(result) => envelope::result_frame(id, result).into(),
            Err(failure) => envelope::failure_frame(Some(id), failure).into(),
        });
    }

    pub(crate) fn set_expiry(&self, at: OffsetDateTime) {
        self.expires_at.store(at.unix_timestamp(), Ordering::Relaxed);
    }

    pub(crate) fn expires_at(&self) -> i64 {
        self.expires_at.load(Ordering::Relaxed)
    }
}
