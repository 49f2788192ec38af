//! A connection of a client whose network lets no WebSocket through: between the connection's task at one [`End`] and
//! HTTP requests, which come and go, at the other.
//!
//! What clients post is a stream of WebSocket frames to the task, what it says are numbered [frames](state) to those
//! who ask. So rates, limits, deadlines and close codes are those of every connection, by the same code.

mod end;
mod state;

pub(crate) use end::End;
pub(crate) use state::{KEPT_BYTES_MAX, POSTED_BYTES_MAX};
pub(crate) use state::{Refusal, TAKE_BYTES_MAX, Taken, UNTAKEN_BYTES_MAX};

use common::id::NodeId;
use dashmap::DashMap;
use state::State;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::Notify, time::timeout};
use uuid::Uuid;

/// How long a post waits while the connection reads nothing, because its sender is over a rate.
pub(crate) const POST_TIME: Duration = Duration::from_secs(10);

/// How many bytes a secret has.
const SECRET_BYTES: usize = 32;

/// The name of a connection: the instance that has it, and a number that nobody can guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PipeId {
    pub(crate) node: NodeId,
    own: Uuid,
}

impl PipeId {
    /// As clients have it: 64 hexadecimal digits.
    pub(crate) fn shown(self) -> String {
        format!("{}{}", self.node.as_uuid().simple(), self.own.simple())
    }

    /// Reads what was [shown](Self::shown).
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (node, own) = text.split_at_checked(32)?;
        let part = |text: &str| (text.len() == 32).then(|| Uuid::try_parse(text).ok()).flatten();
        Some(Self { node: NodeId::from_uuid(part(node)?), own: part(own)? })
    }

    pub(crate) const fn own(self) -> Uuid {
        self.own
    }
}

/// Of a secret: what is kept of it, and what other instances are told.
pub(crate) type Proof = [u8; 32];

/// Every such connection of this instance. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Pipes(Arc<DashMap<Uuid, Arc<Pipe>>>);

/// A new connection.
pub(crate) struct Begun {
    pub(crate) id: PipeId,
    pub(crate) secret: String,
    pub(crate) end: End,
}

impl Pipes {
    /// Opens one. `life` is how often its task must hear of the client.
    ///
    /// `None` if the system has no randomness.
    pub(crate) fn open(&self, node: NodeId, life: Duration) -> Option<Begun> {
        let mut bytes = [0; SECRET_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let secret = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
        let id = PipeId { node, own: Uuid::new_v4() };
        let pipe = Arc::new(Pipe::new(proof_of(&secret), life));
        self.0.insert(id.own, Arc::clone(&pipe));
        let pipes = self.clone();
        Some(Begun { id, secret, end: End::new(pipe, move || drop(pipes.0.remove(&id.own))) })
    }

    /// The one with this number, for who knows its secret. A wrong secret looks as if there were none.
    pub(crate) fn get(&self, own: Uuid, proof: &Proof) -> Option<Arc<Pipe>> {
        let pipe = self.0.get(&own).map(|pipe| Arc::clone(&pipe))?;
        aws_lc_rs::constant_time::verify_slices_are_equal(&pipe.proof, proof).is_ok().then_some(pipe)
    }
}

/// What is kept of a secret.
pub(crate) fn proof_of(secret: &str) -> Proof {
    ingress::hash_of_key(secret)
}

/// One connection, as requests see it.
pub(crate) struct Pipe {
    proof: Proof,
    /// How often its task must hear of the client.
    life: Duration,
    state: Mutex<State>,
    /// There is something to read for the task.
    came: Notify,
    /// There is room for what the task says, or it has been taken.
    left: Notify,
    /// There is something for requests to take, or nothing more will be.
    said: Notify,
    /// There is room for what is posted.
    read: Notify,
}

impl Pipe {
    fn new(proof: Proof, life: Duration) -> Self {
        Self {
            proof,
            life,
            state: Mutex::default(),
            came: Notify::new(),
            left: Notify::new(),
            said: Notify::new(),
            read: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream begins for a client that has seen frames up to `after`, and replaces the one before.
    ///
    /// # Errors
    /// [`Refusal::Gone`] if what follows is kept no more: then the client opens another connection and resumes.
    pub(crate) fn attach(&self, stream: Uuid, after: u64, now: Instant) -> Result<(), Refusal> {
        let outcome = self.state().attach(stream, after);
        self.said.notify_waiters();
        self.note_life(now);
        outcome
    }

    /// What there is for a stream behind `after`; waits for something for as long as `wait`.
    ///
    /// # Errors
    /// [`Refusal::Replaced`] and [`Refusal::Gone`].
    pub(crate) async fn take(
        &self,
        stream: Uuid,
        after: u64,
        wait: Duration,
        now: Instant,
    ) -> Result<Taken, Refusal> {
        self.note_life(now);
        let waited = timeout(wait, async {
            loop {
                let mut said = std::pin::pin!(self.said.notified());
                said.as_mut().enable();
                let taken = self.state().take(stream, after)?;
                if !taken.is_empty() {
                    self.left.notify_one();
                    return Ok(taken);
                }
                said.await;
            }
        });
        waited.await.unwrap_or_else(|_| Ok(Taken::default()))
    }

    /// Hands a batch to the connection, once, however often it is posted.
    ///
    /// # Errors
    /// [`Refusal::Gone`]; [`Refusal::OutOfOrder`] if a batch is missing before it; [`Refusal::Busy`] if the connection
    /// reads nothing for as long as `wait`: then it was not carried out.
    pub(crate) async fn post(
        &self,
        number: u64,
        frames: &[String],
        wait: Duration,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.note_life(now);
        let posted = timeout(wait, async {
            loop {
                let mut read = std::pin::pin!(self.read.notified());
                read.as_mut().enable();
                if self.state().post(number, frames)? {
                    self.came.notify_one();
                    return Ok(());
                }
                read.await;
            }
        });
        posted.await.unwrap_or(Err(Refusal::Busy))
    }

    /// The client closes the connection.
    pub(crate) fn leave(&self) {
        self.state().leave();
        self.came.notify_one();
    }

    /// Has the task know, now and then, that the client is there.
    fn note_life(&self, now: Instant) {
        if self.state().note_life(now, self.life) {
            self.came.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
