//! A connection that has said who it is and what it may, and the bounded queue of what it is yet to be sent.

use bus::Presence;
use common::{
    error::{ErrorCode, Fault},
    guest::Right,
    id::{AccountId, CallId, ConnectionId, NodeId, RoomId, SessionId, UserId},
    permission::{Permission, Permissions},
    protocol::{Failure, RequestId, envelope, room::Member},
    revocation::Standing,
    token::Bearer,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
};
use time::OffsetDateTime;
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// Events that may wait for one socket. When there are more it is closed and its client resumes: it never
/// slows a room.
///
/// Higher survives larger bursts of small events, such as everybody leaving at once; each costs its bytes and
/// some 50 more.
pub(crate) const QUEUE_FRAMES: usize = 4096;

/// Bytes of events that may wait for one socket, likewise.
pub(crate) const QUEUE_BYTES: usize = 1024 * 1024;

/// The longest answer to a request, in bytes: a page of 256 KiB and its envelope.
pub(crate) const ANSWER_BYTES_MAX: usize = 320 * 1024;

/// Answers that may wait for one socket, beside the events. When there are more, or [`ANSWER_BYTES_MAX`] of
/// them, no further request is begun: who does not read waits and is not closed for what they asked for.
pub(crate) const ANSWERS_WAITING: usize = 64;

/// Requests that may be at work, or refused, while answers wait: each may add one more.
const ANSWERS_UNDER_WAY: usize = 8;

/// An open session.
pub(crate) struct Peer {
    pub(crate) id: ConnectionId,
    pub(crate) account: AccountId,
    pub(crate) user: UserId,
    pub(crate) name: String,
    /// Unix seconds.
    expires_at: AtomicI64,
    queue: mpsc::Sender<Queued>,
    events: Waiting,
    answers: Waiting,
    /// Told when an answer has left the queue, or nobody takes any out any more.
    answers_left: Notify,
    /// The queue is not read any more.
    is_over: AtomicBool,
    /// Cancelled when the queue overflowed.
    pub(crate) too_slow: CancellationToken,
    /// Cancelled when somebody who may has ended the connection.
    pub(crate) ended: CancellationToken,
    access: RwLock<Access>,
    /// What `access` says about reading, for the fan-out.
    reads_messages: AtomicBool,
    held: Mutex<Held>,
}

/// A frame that waits for the socket.
pub(crate) struct Queued {
    pub(crate) frame: Utf8Bytes,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The server says so by itself: too many of these end the connection.
    Event,
    /// The client has asked for it.
    Answer,
}

/// How much of one kind waits.
#[derive(Default)]
struct Waiting {
    frames: AtomicUsize,
    bytes: AtomicUsize,
}

impl Waiting {
    /// Counts one more; how many and how long they are with it.
    fn add(&self, bytes: usize) -> (usize, usize) {
        let (frames, before) =
            (self.frames.fetch_add(1, Ordering::Relaxed), self.bytes.fetch_add(bytes, Ordering::Relaxed));
        (frames + 1, before + bytes)
    }

    fn remove(&self, bytes: usize) {
        self.frames.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What the latest token allows.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// A person of the account.
    Person {
        permissions: Permissions,
        /// The sign-in; `None` for an outside issuer's user.
        session: Option<SessionId>,
        /// What of the token can end before it does.
        standing: Standing,
    },
    /// A guest of one room.
    Guest { room: RoomId, rights: BTreeSet<Right>, issued_at: OffsetDateTime },
}

impl Access {
    /// What this token allows.
    pub(crate) fn of(bearer: &Bearer) -> Self {
        match bearer {
            Bearer::Caller(caller) => Self::Person {
                permissions: caller.permissions,
                session: caller.session,
                standing: caller.standing(),
            },
            Bearer::Guest(guest) => {
                Self::Guest { room: guest.room, rights: guest.rights.clone(), issued_at: guest.issued_at }
            }
        }
    }

    /// Lets those pass who may do this. A guest's right is asked instead of a person's permission;
    /// without one this is not for guests.
    ///
    /// # Errors
    /// [`ErrorCode::FORBIDDEN`].
    pub(crate) fn require(
        &self,
        permission: Option<Permission>,
        right: Option<Right>,
    ) -> Result<(), Failure> {
        let may = match self {
            Self::Person { permissions, .. } => permission.is_none_or(|needed| permissions.has(needed)),
            Self::Guest { rights, .. } => right.is_some_and(|needed| rights.contains(&needed)),
        };
        if may { Ok(()) } else { Err(forbidden("the token does not allow this")) }
    }

    /// Whether a guest's right, or being no guest, allows this.
    pub(crate) fn has(&self, right: Right) -> bool {
        match self {
            Self::Person { .. } => true,
            Self::Guest { rights, .. } => rights.contains(&right),
        }
    }

    /// What of a person's token can end before it does; a guest's ends in the rooms and in the store.
    pub(crate) const fn standing(&self) -> Option<&Standing> {
        match self {
            Self::Person { standing, .. } => Some(standing),
            Self::Guest { .. } => None,
        }
    }

    pub(crate) const fn is_guest(&self) -> bool {
        matches!(self, Self::Guest { .. })
    }
}

/// A refusal for want of permission.
pub(crate) fn forbidden(why: &'static str) -> Failure {
    Failure::of(ErrorCode::FORBIDDEN, Fault::Caller, why)
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
    /// Feeds it follows, each with its table and what one must be allowed to.
    pub(crate) feeds: BTreeMap<String, (String, Permission)>,
}

impl Peer {
    pub(crate) fn new(id: ConnectionId, bearer: &Bearer, name: String) -> (Self, mpsc::Receiver<Queued>) {
        let (queue, frames) = mpsc::channel(QUEUE_FRAMES + ANSWERS_WAITING + ANSWERS_UNDER_WAY);
        let access = Access::of(bearer);
        let peer = Self {
            id,
            account: bearer.account(),
            user: bearer.user(),
            name,
            expires_at: AtomicI64::new(bearer.expires_at().unix_timestamp()),
            queue,
            events: Waiting::default(),
            answers: Waiting::default(),
            answers_left: Notify::new(),
            is_over: AtomicBool::new(false),
            too_slow: CancellationToken::new(),
            ended: CancellationToken::new(),
            reads_messages: AtomicBool::new(access.has(Right::ReadMessages)),
            access: RwLock::new(access),
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

    /// Queues an event. Never waits.
    pub(crate) fn push(&self, frame: Utf8Bytes) {
        let (frames, bytes) = self.events.add(frame.len());
        if frames > QUEUE_FRAMES || bytes > QUEUE_BYTES {
            self.too_slow.cancel();
        } else {
            self.enqueue(Queued { frame, kind: Kind::Event });
        }
    }

    fn enqueue(&self, queued: Queued) {
        if self.queue.try_send(queued).is_err() {
            self.too_slow.cancel();
        }
    }

    /// The connection has taken this out of the queue.
    pub(crate) fn taken(&self, queued: &Queued) {
        match queued.kind {
            Kind::Event => self.events.remove(queued.frame.len()),
            Kind::Answer => {
                self.answers.remove(queued.frame.len());
                self.answers_left.notify_waiters();
            }
        }
    }

    /// Answers a request; one without an id wants no answer.
    pub(crate) fn answer<T: Serialize>(&self, id: Option<&RequestId>, outcome: &Result<T, Failure>) {
        let Some(id) = id else { return };
        let frame = match outcome {
            Ok(result) => envelope::result_frame(id, result),
            Err(failure) => envelope::failure_frame(Some(id), failure),
        };
        if frame.len() > ANSWER_BYTES_MAX {
            error!(conn.id = %self.id, bytes = frame.len(), "An answer is longer than any may be; this is a bug");
            return self.complain(Some(id), &Failure::internal());
        }
        self.queue_answer(frame);
    }

    /// Answers what was no request, or one too many.
    pub(crate) fn complain(&self, id: Option<&RequestId>, failure: &Failure) {
        self.queue_answer(envelope::failure_frame(id, failure));
    }

    fn queue_answer(&self, frame: String) {
        self.answers.add(frame.len());
        self.enqueue(Queued { frame: frame.into(), kind: Kind::Answer });
    }

    /// Whether another request may be begun.
    pub(crate) fn has_room_for_answers(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
            || (self.answers.frames.load(Ordering::Relaxed) < ANSWERS_WAITING
                && self.answers.bytes.load(Ordering::Relaxed) < ANSWER_BYTES_MAX)
    }

    /// Waits until another request may be begun.
    pub(crate) async fn room_for_answers(&self) {
        loop {
            let mut left = pin!(self.answers_left.notified());
            left.as_mut().enable();
            if self.has_room_for_answers() {
                return;
            }
            left.await;
        }
    }

    /// Nobody reads the queue any more: what is left to do goes on without waiting for a reader.
    pub(crate) fn stop_queueing(&self) {
        self.is_over.store(true, Ordering::Release);
        self.answers_left.notify_waiters();
    }

    /// What the latest token allows.
    pub(crate) fn access(&self) -> Access {
        self.access.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether what is said in rooms is for this connection.
    pub(crate) fn reads_messages(&self) -> bool {
        self.reads_messages.load(Ordering::Relaxed)
    }

    /// Goes by a newer token of the same person, or guest of the same room, from now on.
    ///
    /// # Errors
    /// [`ErrorCode::FORBIDDEN`] if it is another's.
    pub(crate) fn renew(&self, bearer: &Bearer) -> Result<(), Failure> {
        let access = Access::of(bearer);
        let mut held = self.access.write().unwrap_or_else(PoisonError::into_inner);
        let is_alike = match (&*held, &access) {
            (Access::Person { .. }, Access::Person { .. }) => true,
            (Access::Guest { room, .. }, Access::Guest { room: next, .. }) => room == next,
            (Access::Person { .. }, Access::Guest { .. }) | (Access::Guest { .. }, Access::Person { .. }) => {
                false
            }
        };
        if !is_alike || (bearer.account(), bearer.user()) != (self.account, self.user) {
            return Err(forbidden("the token is somebody else's"));
        }
        self.reads_messages.store(access.has(Right::ReadMessages), Ordering::Relaxed);
        *held = access;
        self.expires_at.store(bearer.expires_at().unix_timestamp(), Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn expires_at(&self) -> i64 {
        self.expires_at.load(Ordering::Relaxed)
    }
}
