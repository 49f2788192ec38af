//! Revocations, told to every instance.

use super::Topic;
use crate::revocation::Revocation;

/// Told as soon as it is committed. Whoever misses it reads the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RevocationTopic;

impl Topic for RevocationTopic {
    type Message = Vec<Revocation>;
    fn name(&self) -> String {
        "auth.revoked".to_owned()
    }
}
