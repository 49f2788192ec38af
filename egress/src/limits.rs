//! What is limited here.

use crate::{client, guard, resolver};
use common::limit::Limit;

/// Every limit of what goes out.
pub fn limits() -> Vec<Limit> {
    vec![
        Limit {
            what: "time to make an outgoing connection, lookup included",
            default: format!("{} s", client::CONNECT_TIME.as_secs()),
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
            default: resolver::LOOKUPS_MAX.to_string(),
            setting: None,
            answer: "waits, within the time to connect",
        },
    ]
}
