//! An agent who answers a customer through faults, and Meta, which takes each answer and says that it was sent.

use crate::{graph::Graph, ledger::Ledger, rest::client, tenacious::ANSWER_TIME, webhook::Meta};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often the agent answers.
const PERIOD: Duration = Duration::from_millis(200);

/// How long somebody waits who got no answer.
const PAUSE: Duration = Duration::from_millis(100);

/// An agent: each answer is written, under one key, until it is accepted.
pub(crate) async fn write(base: String, token: String, ledger: Arc<Ledger>, stop: CancellationToken) {
    let client = client();
    while !stop.is_cancelled() {
        // There is nobody to answer before somebody has written.
        if let Some(conversation) = ledger.conversation() {
            let (text, key) = (format!("answer {}", Uuid::new_v4()), Uuid::new_v4().to_string());
            loop {
                let request = client
                    .post(format!("{base}/v1/conversations/{conversation}/messages"))
                    .timeout(ANSWER_TIME)
                    .bearer_auth(&token)
                    .header("idempotency-key", &key)
                    .json(&json!({ "text": text }));
                if request.send().await.is_ok_and(|answer| answer.status().is_success()) {
                    ledger.accepted(text);
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Meta: what leaves is noted, and the business is told until it has heard.
pub(crate) async fn take(mut graph: Graph, inbox: String, meta: Meta, ledger: Arc<Ledger>) {
    graph.expect(&meta.phone_number_id, &meta.access_token);
    let client = client();
    while let Some(reply) = graph.next().await {
        let body = meta.status_with(&reply.id, "sent", &reply.callback_data).to_string();
        ledger.left(reply.text);
        let signature = meta.signature(body.as_bytes());
        loop {
            let request = client
                .post(format!("{inbox}{}", meta.path))
                .timeout(ANSWER_TIME)
                .header("content-type", "application/json")
                .header("x-hub-signature-256", &signature)
                .body(body.clone());
            if request.send().await.is_ok_and(|answer| answer.status() == 200) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
