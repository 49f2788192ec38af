//! Everything that the inbox limits.

use crate::{
    config::Config,
    context::DELIVERY_TIMEOUT,
    deliver::{FAILING_MAX, PAUSE_MAX},
    files, graph,
    webhook::{
        body::{BODY_BYTES_MAX, BODY_TIME_MAX, SILENCE_MAX},
        strangers::{UNKNOWN, UNPROVED},
    },
};
use common::limit::{Limit, bytes, limit, time};
use inbox_core::whatsapp::receive::{ITEMS_MAX, VALUES_MAX};
use ingress::BEGINNING_BYTES;
use std::time::Duration;
use store::webhooks::FAILURES_MAX;

/// The limits of the inbox, old and new.
pub fn limits() -> Vec<Limit> {
    let config = Config::default();
    [webhooks_in(&config), replies(&config), deliveries(&config), files_of_customers()].concat()
}

fn webhooks_in(config: &Config) -> Vec<Limit> {
    vec![
        limit("body of a channel's webhook", bytes(BODY_BYTES_MAX), None, "413 `limit.size`"),
        limit("time for the body of a channel's webhook", time(BODY_TIME_MAX), None, "408 `unavailable`"),
        limit("silence within the body of a channel's webhook", time(SILENCE_MAX), None, "408 `unavailable`"),
        limit(
            "bytes of channels' webhooks coming in, per instance; a quarter is kept for small ones",
            bytes(config.webhook_bytes_max),
            Some("inbox.webhook_bytes_max"),
            "503 `unavailable` with `Retry-After`",
        ),
        limit(
            "bytes of channels' webhooks coming in, per client network, beyond the beginning of each",
            format!("{}; beginning: {}", bytes(config.webhook_bytes_per_client_max), bytes(BEGINNING_BYTES)),
            Some("inbox.webhook_bytes_per_client_max"),
            "503 `unavailable` with `Retry-After`",
        ),
        limit(
            "bytes of channels' webhooks coming in, per account; at most a quarter of those per instance",
            bytes(config.webhook_bytes_per_account_max),
            Some("inbox.webhook_bytes_per_account_max"),
            "503 `unavailable` with `Retry-After`",
        ),
        limit(
            "webhook requests that name an unknown channel, per client network",
            UNKNOWN.to_string(),
            None,
            "429 `limit.rate` with `Retry-After`",
        ),
        limit(
            "webhook requests for a channel by a client network that has not delivered through it before",
            UNPROVED.to_string(),
            None,
            "429 `limit.rate` with `Retry-After`",
        ),
        limit(
            "attempts to process a channel's webhook",
            config.ingest_attempts_max.to_string(),
            Some("inbox.ingest_attempts_max"),
            "set aside, logged",
        ),
        limit(
            "items of one channel's webhook that are taken",
            format!("{ITEMS_MAX}; JSON values in them: {VALUES_MAX}"),
            None,
            "the rest is left out, logged, counted in `inbox_items_refused_total`; its body is kept with how many",
        ),
        limit(
            "channels' webhooks of an account being processed, on all instances",
            "1".to_owned(),
            None,
            "wait",
        ),
        limit(
            "one item of a channel's webhook",
            "what can be read and stored".to_owned(),
            None,
            "left out, logged, counted in `inbox_items_refused_total`; the others are stored",
        ),
    ]
}

fn replies(config: &Config) -> Vec<Limit> {
    vec![
        limit(
            "replies under way, per instance",
            config.replies_at_once.to_string(),
            Some("inbox.replies_at_once"),
            "wait",
        ),
        limit(
            "replies under way, per channel, on all instances",
            config.replies_per_channel.to_string(),
            Some("inbox.replies_per_channel"),
            "wait",
        ),
        limit(
            "replies under way, per account, on all instances",
            config.replies_per_account.to_string(),
            Some("inbox.replies_per_account"),
            "wait",
        ),
        limit("replies under way, per conversation, on all instances", "1".to_owned(), None, "wait"),
        limit("time for the provider to take a reply", time(graph::TIMEOUT), None, "tried again"),
        limit(
            "answer of the provider to a reply",
            bytes(graph::ANSWER_BYTES_MAX),
            None,
            "the rest is not read",
        ),
        limit(
            "attempts to send a reply",
            config.reply_attempts_max.to_string(),
            Some("inbox.reply_attempts_max"),
            "the message counts as failed",
        ),
    ]
}

fn deliveries(config: &Config) -> Vec<Limit> {
    vec![
        limit(
            "deliveries to webhooks under way, per instance",
            config.deliveries_at_once.to_string(),
            Some("inbox.deliveries_at_once"),
            "wait",
        ),
        limit(
            "deliveries under way, per webhook, on all instances",
            config.deliveries_per_webhook.to_string(),
            Some("inbox.deliveries_per_webhook"),
            "wait",
        ),
        limit(
            "deliveries to webhooks under way, per account, on all instances",
            config.deliveries_per_account.to_string(),
            Some("inbox.deliveries_per_account"),
            "wait",
        ),
        limit(
            "failures of a webhook in a row",
            FAILURES_MAX.to_string(),
            None,
            "one delivery at a time, after a while",
        ),
        limit("wait between tries of a webhook that fails", time(PAUSE_MAX), None, "tried again"),
        limit("time for a webhook to answer", time(DELIVERY_TIMEOUT), None, "counts as failed"),
        limit("answer of a webhook", bytes(0_u64), None, "only its status is read"),
        limit(
            "attempts to make a delivery",
            config.delivery_attempts_max.to_string(),
            Some("inbox.delivery_attempts_max"),
            "given up, can be replayed",
        ),
        limit(
            "time that a webhook fails before what has waited for it as long is given up",
            time(FAILING_MAX),
            None,
            "given up, can be replayed",
        ),
        limit(
            "time that work of an instance that died stays taken",
            time(Duration::from_secs(config.lease_s)),
            Some("inbox.lease_s"),
            "taken again",
        ),
    ]
}

fn files_of_customers() -> Vec<Limit> {
    vec![
        limit("file of a customer", bytes(files::BYTES_MAX), None, "502 `channel.refused`"),
        limit("silence of the provider while a file is fetched", time(files::SILENCE_MAX), None, "cut off"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_limit_is_said_once_with_its_number() {
        let limits = limits();
        let names: BTreeSet<_> = limits.iter().map(|limit| limit.what).collect();
        assert_eq!(names.len(), limits.len());
        let of = |setting| limits.iter().find(|limit| limit.setting == Some(setting)).unwrap();
        assert_eq!(of("inbox.webhook_bytes_max").default, "64 MiB");
        assert_eq!(of("inbox.deliveries_per_webhook").default, "4");
    }
}
