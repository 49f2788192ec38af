//! To devices, by way of the push service that each has chosen (RFC 8030).

use super::{
    Config, Notifier, Outcome,
    encryption::{AUTH_BYTES, PUBLIC_KEY_BYTES, Receiver, TEXT_BYTES_MAX, encrypt, is_public_key},
    outcome_of, vapid,
    work::SEND_TIME,
};
use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use common::{
    clock::Clock,
    error::Chain,
    id::{AccountId, CallId, RoomId, UserId},
    secret::Secret,
    text,
};
use egress::{Guard, HttpClient, Terms};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{
    Store, StoreError,
    notifications::{self, NoticeKind, Outgoing},
};
use time::OffsetDateTime;
use url::Url;

/// As browsers write keys, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The longest beginning of a message that is shown, as JSON: what is around it fits beside it.
const SHOWN_BYTES_MAX: usize = TEXT_BYTES_MAX / 2;

/// What a device has got from its push service, as `PushSubscription.toJSON()` gives it (W3C Push API).
#[derive(Deserialize, Serialize)]
pub(crate) struct Subscription {
    /// Where pushes are posted to.
    pub(crate) endpoint: Url,
    /// How they are encrypted.
    pub(crate) keys: Keys,
}

/// How pushes to a device are encrypted.
#[derive(Deserialize, Serialize)]
pub(crate) struct Keys {
    /// Its public key on the curve P-256, uncompressed, in base64url.
    pub(crate) p256dh: String,
    /// Its authentication secret of 16 bytes, likewise.
    pub(crate) auth: String,
}

impl Keys {
    /// The keys, if they are such.
    fn receiver(&self) -> Option<Receiver> {
        let public_key: [u8; PUBLIC_KEY_BYTES] = BASE64.decode(&self.p256dh).ok()?.try_into().ok()?;
        let auth: [u8; AUTH_BYTES] = BASE64.decode(&self.auth).ok()?.try_into().ok()?;
        Some(Receiver { public_key, auth })
    }

    /// Whether something can be encrypted with them.
    pub(crate) fn are_usable(&self) -> bool {
        self.receiver().is_some_and(|receiver| is_public_key(&receiver.public_key))
    }
}

/// What the service worker reads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload<'a> {
    kind: NoticeKind,
    user_id: UserId,
    from: UserId,
    name: &'a str,
    room_id: RoomId,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<CallId>,
    /// The beginning of the message, if it is to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// What is shown under the same tag is replaced.
    tag: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl<'a> Payload<'a> {
    pub(super) fn of(notice: &'a Outgoing, config: &Config) -> Self {
        let shown = notice.text.as_deref().filter(|_| config.show_text);
        Self {
            kind: notice.kind,
            user_id: notice.user,
            from: notice.from,
            name: &notice.name,
            room_id: notice.room,
            message_seq: notice.message_seq,
            call_id: notice.call,
            text: shown.map(|text| text::cut(text, SHOWN_BYTES_MAX).unwrap_or_else(|| text.to_owned())),
            tag: tag(notice),
            created_at: notice.created_at,
            expires_at: notice.expires_at,
        }
    }
}

/// 22 characters, of the alphabet that a topic may have (RFC 8030, section 5.4).
fn tag(notice: &Outgoing) -> String {
    URL_SAFE_NO_PAD.encode(notice.topic.as_bytes())
}

/// Pushes to devices.
#[derive(Clone)]
pub(super) struct WebPush {
    http: HttpClient,
    store: Store,
    clock: Arc<dyn Clock>,
    config: Config,
}

impl WebPush {
    pub(super) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        guard: &Guard,
        config: Config,
    ) -> Result<Self, egress::Error> {
        let terms = Terms::within(SEND_TIME).https_only();
        let terms = config.own_push_service.iter().fold(terms, Terms::trusting);
        Ok(Self { http: HttpClient::new(guard, terms)?, store, clock, config })
    }

    async fn post(
        &self,
        account: AccountId,
        subscription: &Subscription,
        authorization: &str,
        (body, notice): (Vec<u8>, &Outgoing),
    ) -> Outcome {
        let is_call = matches!(notice.kind, NoticeKind::CallIncoming | NoticeKind::CallEnded);
        let serves_for = (notice.expires_at - self.clock.utc()).whole_seconds().max(0);
        let request = self
            .http
            .post(subscription.endpoint.clone())
            .header("authorization", authorization)
            .header("content-type", "application/octet-stream")
            .header("content-encoding", "aes128gcm")
            .header("ttl", &serves_for.to_string())
            .header("urgency", if is_call { "high" } else { "normal" })
            .header("topic", &tag(notice))
            .bytes(body);
        match request.send_for(account).await {
            // Nothing of the body is read.
            Ok(answer) => outcome_of(answer.status().as_u16()),
            Err(error) => Outcome::Failed(Chain(&error).to_string()),
        }
    }
}

impl Notifier for WebPush {
    type Target = Secret;

    async fn notify(
        &self,
        account: AccountId,
        target: &Secret,
        notice: &Outgoing,
    ) -> Result<Outcome, StoreError> {
        let unusable = || Ok(Outcome::Refused("what was kept of the subscription is unusable".to_owned()));
        let Ok(subscription) = serde_json::from_str::<Subscription>(target.expose()) else {
            return unusable();
        };
        let mut tx = self.store.reading(account).await?;
        let keys = notifications::keys(&mut tx).await?;
        drop(tx);
        let contact = self.config.contact.as_ref();
        let authorization = keys.and_then(|keys| {
            vapid::authorization(&keys, &subscription.endpoint, contact, self.clock.utc()).ok()
        });
        let text = serde_json::to_vec(&Payload::of(notice, &self.config)).unwrap_or_default();
        let body = subscription.keys.receiver().and_then(|receiver| encrypt(&receiver, &text).ok());
        let (Some(authorization), Some(body)) = (authorization, body) else { return unusable() };
        Ok(self.post(account, &subscription, &authorization, (body, notice)).await)
    }
}
