//! The limits of files, for the table.

use crate::{
    Config,
    picture::{DECODED_BYTES_MAX, PIXELS_MAX, THUMBNAIL_SIDE_MAX},
};
use common::limit::{Limit, bytes, limit, time};
use std::time::Duration;

/// The limits of files.
pub fn limits() -> Vec<Limit> {
    let default = Config::default();
    let mut limits = Vec::new();
    let mut add = |what, default, setting, answer| limits.push(limit(what, default, setting, answer));
    add("a file", bytes(default.bytes_max), Some("files.bytes_max"), "413 `attachment.tooLarge`");
    add(
        "files of an account, together, on all instances",
        bytes(default.account_bytes_max),
        Some("files.account_bytes_max"),
        "409 `attachment.quotaExceeded`",
    );
    add("files coming in", default.uploads_max.to_string(), Some("files.uploads_max"), "503 `unavailable`");
    add(
        "files coming in, per account",
        (default.uploads_max / 2).to_string(),
        None,
        "503 `unavailable`; half of `files.uploads_max`",
    );
    add(
        "files coming in, per user or guest",
        default.uploads_per_user_max.to_string(),
        Some("files.uploads_per_user_max"),
        "429 `limit.rate`",
    );
    add(
        "files in no message yet, per user or guest, on all instances",
        format!("{}, each for a day", default.unsent_per_user_max),
        Some("files.unsent_per_user_max"),
        "409 `limit.count`",
    );
    add(
        "a link to a file",
        format!("{} to twice that", time(Duration::from_secs(default.link_s))),
        Some("files.link_s"),
        "404",
    );
    add(
        "pixels of a picture that is made smaller",
        format!("{PIXELS_MAX}, and {} when it is decoded", bytes(DECODED_BYTES_MAX)),
        None,
        "no thumbnail",
    );
    add("a thumbnail", format!("{THUMBNAIL_SIDE_MAX} pixels on the longer side"), None, "made smaller");
    limits
}
