//! The REST layer's limits, for the table.

use super::{
    BODY_BYTES_MAX, SECRETS_BYTES_MAX, imports,
    lockout::NOTES_MAX,
    password::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, TURN_TIMEOUT},
    rooms::{JOIN_LINK_GOOD_FOR, JOIN_LINK_GOOD_FOR_MAX, JOIN_LINK_TOKEN_TIME, JOIN_LINKS_PER_NETWORK},
    throttle::{BUCKETS_MAX, NEW_PER_ACCOUNT, PER_DEVICE, PER_EMAIL, PER_NETWORK, PER_PAIR},
    whip,
};
use crate::config::SignIn;
use common::{
    guest::JOIN_TOKEN_TIME_MAX,
    limit::{Limit, bytes, limit, time},
    token::{OUTSIDE_LIFETIME, OUTSIDE_LIFETIME_MAX},
};
use store::sign_ins::{REUSE_GRACE, SUCCESSORS_MAX};

/// The limits of the REST layer.
pub(crate) fn limits() -> Vec<Limit> {
    [requests(), wrong_passwords(), hashing()].concat()
}

fn requests() -> Vec<Limit> {
    let mut limits = Vec::new();
    let mut add = |what, default, setting, answer| limits.push(limit(what, default, setting, answer));
    add("a request's body", bytes(BODY_BYTES_MAX), None, "413 `limit.size`");
    add(
        "a request's body, `/v1/auth/…` and `/v1/me/password`",
        bytes(SECRETS_BYTES_MAX),
        None,
        "413 `limit.size`",
    );
    add(
        "a refresh token presented again, by a second tab",
        format!("{}, {SUCCESSORS_MAX} times", time(REUSE_GRACE)),
        None,
        "401 `auth.refreshReused`; the sign-in ends",
    );
    add(
        "lifetime of an outside issuer's token (`lifetime_max_s` of its `[[auth.issuers]]`)",
        format!("{}, at most {}", time(OUTSIDE_LIFETIME), time(OUTSIDE_LIFETIME_MAX)),
        None,
        "401 `auth.invalidToken`",
    );
    add(
        "WHIP sessions that begin, per account",
        whip::PUBLISHERS_PER_ACCOUNT.to_string(),
        None,
        "429 `limit.rate`, with the time to wait",
    );
    add(
        "WHIP sessions that begin, per client network",
        whip::PUBLISHERS_PER_NETWORK.to_string(),
        None,
        "429 `limit.rate`, with the time to wait",
    );
    add(
        "WHEP sessions that begin, per account",
        whip::PLAYERS_PER_ACCOUNT.to_string(),
        None,
        "429 `limit.rate`, with the time to wait",
    );
    add(
        "WHEP sessions that begin, per client network",
        whip::PLAYERS_PER_NETWORK.to_string(),
        None,
        "429 `limit.rate`, with the time to wait",
    );
    add(
        "join links that are looked at or redeemed, per client network",
        JOIN_LINKS_PER_NETWORK.to_string(),
        None,
        "429 `limit.rate`, with the time to wait",
    );
    add(
        "a join link is good for (`expiresIn`)",
        format!("{}, at most {}", time(JOIN_LINK_GOOD_FOR), time(JOIN_LINK_GOOD_FOR_MAX)),
        None,
        "401 `auth.invalidToken`",
    );
    add(
        "a guest's join token by a link, and for how long they get another one",
        format!("{}, {}", time(JOIN_LINK_TOKEN_TIME), time(JOIN_TOKEN_TIME_MAX)),
        None,
        "401 `auth.invalidToken`",
    );
    add("a file of contacts", bytes(imports::FILE_BYTES_MAX), None, "413 `limit.size`");
    limits
}

fn wrong_passwords() -> Vec<Limit> {
    let mut limits = Vec::new();
    let mut add = |what, default, setting, answer| limits.push(limit(what, default, setting, answer));
    add("a password, at least", format!("{PASSWORD_CHARS_MIN} characters"), None, "422 `request.invalid`");
    add("a password, at most", bytes(PASSWORD_BYTES_MAX), None, "422 `request.invalid`; 401 when signing in");
    add(
        "wrong passwords, per client network and e-mail address, on all instances",
        PER_PAIR.to_string(),
        None,
        "429 `limit.rate`, not for known browsers",
    );
    add(
        "wrong passwords, per client network, on all instances",
        PER_NETWORK.to_string(),
        None,
        "429 `limit.rate`, not for known browsers",
    );
    add(
        "wrong passwords, per e-mail address, on all instances",
        PER_EMAIL.to_string(),
        None,
        "429 `limit.rate`, not for known browsers",
    );
    add(
        "wrong passwords, per known browser, on all instances",
        PER_DEVICE.to_string(),
        None,
        "as for unknown ones",
    );
    add(
        "wrong present passwords, per user, on all instances",
        PER_DEVICE.to_string(),
        None,
        "429 `limit.rate`",
    );
    add(
        "wrong passwords in a row, per user, on all instances",
        format!("{}, then none for {}", store::users::FAILURES_MAX, time(store::users::LOCK_TIME)),
        None,
        "401 `auth.invalidCredentials` whatever the password, not for known browsers",
    );
    add(
        "of these, what an instance lets through before it has heard of the others",
        "one".to_owned(),
        None,
        "one gets so much more on each instance",
    );
    add("of each of these, remembered", BUCKETS_MAX.to_string(), None, "the least used are forgotten");
    add("wrong passwords being written down at once", NOTES_MAX.to_string(), None, "not counted");
    limits
}

fn hashing() -> Vec<Limit> {
    let default = SignIn::default();
    let mut limits = Vec::new();
    let mut add = |what, default, setting, answer| limits.push(limit(what, default, setting, answer));
    add("passwords hashed at once", default.workspaces.to_string(), Some("sign_in.workspaces"), "waits");
    add(
        "passwords waiting for that",
        default.waiting_max.to_string(),
        Some("sign_in.waiting_max"),
        "503 `unavailable`",
    );
    add(
        "passwords waiting for that, per client network (of IPv6, 48 bits)",
        "a half".to_owned(),
        None,
        "503 `unavailable`",
    );
    add("passwords waiting for that, per account", "a quarter".to_owned(), None, "503 `unavailable`");
    add(
        "passwords waiting for that, of browsers that are not known",
        "three quarters".to_owned(),
        None,
        "503 `unavailable`",
    );
    add(
        "new passwords, per account, on all instances",
        NEW_PER_ACCOUNT.to_string(),
        None,
        "429 `limit.rate`",
    );
    add("waiting for that", time(TURN_TIMEOUT), None, "503 `unavailable`");
    limits
}
