//! Why the bus did not do what it was asked.

/// Why the bus did not do what it was asked. Trying again later may help with all but `Encoding` and `TooLarge`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The connection to Redis is down. What stays within this process still works.
    #[error("the bus is away")]
    Away,
    /// Nobody serves this subject: the request was not carried out.
    #[error("nobody answers {subject}")]
    Unanswered {
        /// What was asked, with its ids.
        subject: String,
    },
    /// The service dropped the request or had no room for it; the request may have been carried out.
    #[error("{subject} gave the request up")]
    GivenUp {
        /// What was asked, with its ids.
        subject: String,
    },
    /// No answer came within the deadline; the request may have been carried out.
    #[error("{subject} did not answer in time")]
    TimedOut {
        /// What was asked, with its ids.
        subject: String,
    },
    /// Somebody in this process serves the subject already.
    #[error("{subject} is served already")]
    ServedAlready {
        /// What was asked, with its ids.
        subject: String,
    },
    /// The message is larger than what the bus carries; nobody was told.
    #[error("a message of {bytes} bytes is too large for the bus")]
    TooLarge {
        /// Its size in JSON.
        bytes: usize,
    },
    /// A message does not have the form that its subject promises.
    #[error("a message does not fit its subject")]
    Encoding(#[from] serde_json::Error),
    /// Redis refused, or the connection broke or timed out while it was asked.
    #[error("Redis refused")]
    Redis(#[from] ::redis::RedisError),
}
