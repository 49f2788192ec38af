//! What is limited here.

use crate::{client, guard, names};
use common::limit::{Limit, time};

/// Every limit of what goes out.
pub fn limits() -> Vec<Limit> {
    vec![
        Limit {
            what: "time to make an outgoing connection, lookup included",
            default: time(client::CONNECT_TIME),
            setting: None,
            answer: "no answer; the delivery is tried again",
        },
        Limit {
            what: "header fields of an answer to an outgoing request",
            default: client::HEADERS_MAX.to_string(),
            setting: None,
            answer: "counts as no answer",
        },
        Limit {
            what: "addresses of a name that are tried, per connection",
            default: guard::ADDRESSES_MAX.to_string(),
            setting: None,
            answer: "the others are not tried",
        },
        Limit {
            what: "names that are looked up at once, per instance",
            default: names::LOOKUPS_MAX.to_string(),
            setting: None,
            answer: "waits, for 5 s at most; then the delivery is made later, and its webhook has not failed",
        },
        Limit {
            what: "names that are looked up at once for webhooks, per account",
            default: names::LOOKUPS_PER_ACCOUNT.to_string(),
            setting: None,
            answer: "waits, for 5 s at most; then the delivery is made later, and its webhook has not failed",
        },
        Limit {
            what: "look-ups of a name",
            default: format!(
                "1 at once; none for {} after a failure, for {} after a slow one",
                time(names::FAILURE_KEPT),
                time(names::SLOW_KEPT)
            ),
            setting: None,
            answer: "the outcome of the last one counts",
        },
    ]
}
