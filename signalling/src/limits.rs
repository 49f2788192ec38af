//! What the hub limits.

mod events;
mod requests;
mod sockets;

use common::limit::Limit;

/// All limits of the hub.
pub fn limits() -> Vec<Limit> {
    [
        sockets::slots(),
        sockets::rates(),
        sockets::deadlines(),
        sockets::queues(),
        events::all(),
        requests::all(),
        requests::calls(),
        requests::chat(),
        requests::named(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_limit_is_listed_twice_and_every_one_says_what_becomes_of_what_passes_it() {
        let limits = limits();
        let names: BTreeSet<_> = limits.iter().map(|limit| limit.what).collect();
        assert_eq!(names.len(), limits.len());
        assert!(limits.iter().all(|limit| !limit.default.is_empty() && !limit.answer.is_empty()));
    }
}
