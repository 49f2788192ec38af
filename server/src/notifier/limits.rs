//! The limits of notifications, for the table.

use super::{
    encryption::TEXT_BYTES_MAX,
    work::{AT_ONCE, AT_ONCE_PER_ACCOUNT, SEND_TIME},
};
use common::limit::{Limit, bytes, limit, time};
use store::notifications::{KEPT_FOR, SUBSCRIPTIONS_MAX};

pub(crate) fn limits() -> Vec<Limit> {
    let fixed = |what, default, answer| limit(what, default, None, answer);
    vec![
        fixed("push subscriptions of a user", SUBSCRIPTIONS_MAX.to_string(), "the oldest goes"),
        fixed("what a push says", bytes(TEXT_BYTES_MAX), "cut"),
        fixed("time that a push service or webhook may take", time(SEND_TIME), "tried again"),
        fixed("time that a notification is of use; of a call, while it rings", time(KEPT_FOR), "given up"),
        fixed("notifications under way", AT_ONCE.to_string(), "the others wait"),
        fixed("notifications under way, per account", AT_ONCE_PER_ACCOUNT.to_string(), "the others wait"),
    ]
}
