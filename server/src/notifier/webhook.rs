//! To programs of the account, which notify people by ways of their own: as Standard Webhooks.

use super::{Config, Notifier, Outcome, outcome_of, web_push::Payload, work::SEND_TIME};
use common::{
    clock::Clock,
    error::Chain,
    id::{AccountId, WebhookId},
    secret::Secret,
};
use egress::{Guard, HttpClient, Terms};
use inbox_core::signature;
use serde::Serialize;
use std::sync::Arc;
use store::{StoreError, notifications::Outgoing};
use time::OffsetDateTime;
use url::Url;

/// A webhook that asks for notifications.
pub(super) struct Receiver {
    pub(super) id: WebhookId,
    pub(super) url: String,
    pub(super) secret: Secret,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    data: Payload<'a>,
}

/// Posts to webhooks.
#[derive(Clone)]
pub(super) struct ByWebhook {
    http: HttpClient,
    clock: Arc<dyn Clock>,
    config: Config,
}

impl ByWebhook {
    pub(super) fn new(clock: Arc<dyn Clock>, guard: &Guard, config: Config) -> Result<Self, egress::Error> {
        Ok(Self { http: HttpClient::new(guard, Terms::within(SEND_TIME))?, clock, config })
    }
}

impl Notifier for ByWebhook {
    type Target = Receiver;

    async fn notify(
        &self,
        account: AccountId,
        Receiver { id, url, secret }: &Receiver,
        notice: &Outgoing,
    ) -> Result<Outcome, StoreError> {
        let data = Payload::of(notice, &self.config);
        let body = Body { r#type: "notificationCreated", timestamp: notice.created_at, data };
        let (Ok(url), Ok(body)) = (url.parse::<Url>(), serde_json::to_string(&body)) else {
            return Ok(Outcome::Refused("its address is none".to_owned()));
        };
        // The same for every attempt, so that a receiver knows what it has.
        let happened_at = notice.created_at.unix_timestamp_nanos();
        let message = format!("{id}.{}.{}.{happened_at}", notice.user, notice.topic);
        let signed_at = self.clock.utc().unix_timestamp();
        let request = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", &message)
            .header("webhook-timestamp", &signed_at.to_string())
            .header("webhook-signature", &signature::standard(secret, &message, signed_at, &body))
            .body(body);
        Ok(match request.send_for(account).await {
            Ok(answer) => match outcome_of(answer.status().as_u16()) {
                // Webhooks stay until somebody deletes them, and are mended meanwhile.
                Outcome::Gone | Outcome::Refused(_) => {
                    Outcome::Failed(format!("it answered {}", answer.status()))
                }
                outcome @ (Outcome::Taken | Outcome::Failed(_)) => outcome,
            },
            Err(error) => Outcome::Failed(Chain(&error).to_string()),
        })
    }
}
