//! What the media server limits.

use crate::{
    Config,
    control::{NOTICES_MAX, PUBLISHERS_PER_ACCOUNT_MAX},
    shard::COMMANDS_MAX,
};
use common::limit::Limit;

/// The media server's own limits, and the media plane's.
pub fn limits() -> Vec<Limit> {
    let config = Config::default();
    let own = [
        Limit {
            what: "participants of a media session",
            default: format!("{} participants", config.participants_max),
            setting: Some("sfu.participants_max"),
            answer: "`limit.count`",
        },
        Limit {
            what: "of these, of one user",
            default: format!("{} participants", config.participants_per_user_max),
            setting: Some("sfu.participants_per_user_max"),
            answer: "`limit.count`",
        },
        Limit {
            what: "WHIP sessions of one account, per media node",
            default: format!("{PUBLISHERS_PER_ACCOUNT_MAX} sessions"),
            setting: None,
            answer: "409 `limit.count`",
        },
        Limit {
            what: "orders that wait, per media shard",
            default: format!("{COMMANDS_MAX} orders"),
            setting: None,
            answer: "the next one waits, and then `media.unavailable`",
        },
        Limit {
            what: "events of media shards that wait",
            default: format!("{NOTICES_MAX} events"),
            setting: None,
            answer: "a shard keeps the newest of each participant and tries again",
        },
    ];
    own.into_iter().chain(sfu_core::limits()).collect()
}
