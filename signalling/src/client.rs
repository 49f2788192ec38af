//! A connection that has said who it is and what it may. What it is yet to be sent waits in its [`queue`].

pub(crate) mod queue;
pub(crate) mod signals;

pub(crate) use queue::Queue;
pub(crate) use signals::Signal;

use crate::frame::Frame;
use bus::Presence;
use common::{
    bucket::Bucket,
    error::{ErrorCode, Fault},
    guest::Right,
    id::{AccountId, CallId, ConnectionId, RoomId, SignInId, UserId},
    identity::GuestId,
    permission::{Permission, Permissions},
    protocol::{
        Failure, GuestNeeds, Needs, RequestId,
        feed::Table,
        media::{STATE_RATE, WISH_RATE},
        room::Member,
    },
    subject::hub::DeviceStatus,
    token::{Bearer, Standing},
};
use serde::Serialize;
use signalling_core::call::part::Part;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Instant,
};
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A connection that has said who it is.
pub(crate) struct Client {
    pub(crate) id: ConnectionId,
    pub(crate) account: AccountId,
    pub(crate) user: UserId,
    pub(crate) name: String,
    /// Unix seconds.
    expires_at: AtomicI64,
    pub(crate) queue: Arc<Queue>,
    access: RwLock<Access>,
    /// What `access` says about reading, for the fan-out.
    reads_messages: AtomicBool,
    held: Mutex<Held>,
    /// For what it has said and is not stored yet.
    posts: Arc<Semaphore>,
}

/// What a connection may have said that is not stored yet. More is waited with.
///
/// More lets one write faster than the store answers; fewer keeps one from having much of a group.
pub(crate) const POSTS_MAX: u32 = 32;

/// What the latest token allows.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// A person of the account.
    Person {
        permissions: Permissions,
        /// The sign-in; `None` for an outside issuer's user.
        sign_in: Option<SignInId>,
        /// What of the token can end before it does.
        standing: Standing,
    },
    /// A guest of one room.
    Guest { id: GuestId, room: RoomId, rights: BTreeSet<Right>, issued_at: OffsetDateTime },
}

impl Access {
    /// What this token allows.
    pub(crate) fn of(bearer: &Bearer) -> Self {
        match bearer {
            Bearer::Caller(caller) => Self::Person {
                permissions: caller.permissions,
                sign_in: caller.sign_in,
                standing: caller.standing(),
            },
            Bearer::Guest(guest) => Self::Guest {
                id: guest.id,
                room: guest.room,
                rights: guest.rights.clone(),
                issued_at: guest.issued_at,
            },
        }
    }

    /// Lets those pass who may call a method that needs this.
    ///
    /// # Errors
    /// [`ErrorCode::FORBIDDEN`].
    pub(crate) fn admit(&self, needs: Needs) -> Result<(), Failure> {
        let may = match (self, needs.guest) {
            (Self::Person { permissions, .. }, _) => {
                needs.permission.is_none_or(|needed| permissions.has(needed))
            }
            (Self::Guest { .. }, GuestNeeds::Nothing) => true,
            (Self::Guest { rights, .. }, GuestNeeds::Right(needed)) => rights.contains(&needed),
            (Self::Guest { .. }, GuestNeeds::Person) => false,
        };
        if may { Ok(()) } else { Err(not_allowed()) }
    }

    /// Lets persons pass who have this permission, and no guest.
    ///
    /// # Errors
    /// [`ErrorCode::FORBIDDEN`].
    pub(crate) fn require(&self, needed: Permission) -> Result<(), Failure> {
        match self {
            Self::Person { permissions, .. } if permissions.has(needed) => Ok(()),
            Self::Person { .. } | Self::Guest { .. } => Err(not_allowed()),
        }
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

/// A refusal that says nothing about what was asked for.
pub(crate) fn not_allowed() -> Failure {
    forbidden("the token does not allow this")
}

/// A refusal for want of permission.
pub(crate) fn forbidden(why: &'static str) -> Failure {
    Failure::of(ErrorCode::FORBIDDEN, Fault::Caller, why)
}

/// How often a connection says something in media sessions.
pub(crate) struct MediaRates {
    /// Of its own state.
    pub(crate) state: Bucket,
    /// What it wishes of others' tracks.
    pub(crate) wishes: Bucket,
}

impl MediaRates {
    pub(crate) fn new(now: Instant) -> Box<Self> {
        Box::new(Self { state: Bucket::new(STATE_RATE, now), wishes: Bucket::new(WISH_RATE, now) })
    }
}

/// What ends with the connection.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) rooms: BTreeSet<RoomId>,
    pub(crate) media: BTreeSet<RoomId>,
    /// How often it says things in media sessions, once it has: few connections do.
    pub(crate) media_rates: Option<Box<MediaRates>>,
    /// Its part in each call that it knows of.
    pub(crate) calls: BTreeMap<CallId, Part>,
    pub(crate) online: Option<Presence>,
    /// How the user is at this device.
    pub(crate) status: DeviceStatus,
    /// How often they may say that, once they have.
    pub(crate) status_said: Option<Bucket>,
    /// Somebody is telling others how they are, and goes on until that is what it is.
    pub(crate) tells_status: bool,
    pub(crate) follows_presence: bool,
    pub(crate) follows_inbox: bool,
    pub(crate) follows_mailbox: bool,
    pub(crate) follows_rooms: bool,
    /// Feeds it follows, by name.
    pub(crate) feeds: BTreeMap<String, Table>,
}

impl Client {
    pub(crate) fn new(id: ConnectionId, bearer: &Bearer, name: String, queue: Arc<Queue>) -> Self {
        let access = Access::of(bearer);
        Self {
            id,
            account: bearer.account(),
            user: bearer.user(),
            name,
            expires_at: AtomicI64::new(bearer.expires_at().unix_timestamp()),
            queue,
            reads_messages: AtomicBool::new(access.has(Right::ReadMessages)),
            access: RwLock::new(access),
            held: Mutex::default(),
            posts: Arc::new(Semaphore::new(usize::try_from(POSTS_MAX).unwrap_or(Semaphore::MAX_PERMITS))),
        }
    }

    /// The client as others in a room see it.
    pub(crate) fn member(&self) -> Member {
        Member { connection_id: self.id, user_id: self.user, name: self.name.clone() }
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an event. Never waits.
    pub(crate) fn push(&self, frame: Frame) {
        self.queue.push(frame);
    }

    /// The same for many; to how many it was.
    pub(crate) fn push_to_all<'a>(clients: impl IntoIterator<Item = &'a Arc<Self>>, frame: &Frame) -> u64 {
        Queue::push_to_all(clients.into_iter().map(|client| &client.queue), frame)
    }

    /// Ends the connection: somebody who may wants it.
    pub(crate) fn end(&self) {
        self.queue.signals.raise(Signal::Ended);
    }

    /// Answers a request; one without an id wants no answer.
    pub(crate) fn answer<T: Serialize>(&self, id: Option<&RequestId>, outcome: &Result<T, Failure>) {
        if let Some(id) = id {
            self.queue.answer(id, outcome);
        }
    }

    /// Waits until one more message may wait to be stored; it may for as long as this is held.
    pub(crate) async fn post(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.posts).acquire_owned().await.ok()
    }

    /// Waits until everything that was said is stored, or was refused.
    pub(crate) async fn posted(&self) {
        let _all = self.posts.acquire_many(POSTS_MAX).await;
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
