//! Meta's Graph API, as far as replies need it.

use crate::config::Graph;
use egress::{Guard, HttpClient, Terms};
use inbox_core::whatsapp::send::{self, Outcome, Recipient, TextRequest};
use std::time::Duration;
use store::replies::OutgoingReply;
use url::Url;

/// How long Meta may take to answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// How much of an answer is read, in bytes. Meta's are a few hundred.
pub(crate) const ANSWER_BYTES_MAX: u64 = 64 * 1024;

pub(crate) struct GraphClient {
    client: HttpClient,
    base: Url,
    version: String,
}

impl GraphClient {
    pub(crate) fn new(config: &Graph, guard: &Guard) -> Result<Self, egress::Error> {
        let client = HttpClient::new(guard, Terms::within(TIMEOUT).trusting(&config.base_url))?;
        Ok(Self { client, base: config.base_url.clone(), version: config.version.clone() })
    }

    /// Sends a text.
    ///
    /// # Errors
    /// If no answer came; the message may have been taken all the same.
    pub(crate) async fn send_text(
        &self,
        reply: &OutgoingReply,
        to: Recipient<'_>,
    ) -> Result<Outcome, egress::Error> {
        let own_id = reply.message.to_string();
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([self.version.as_str(), &reply.channel_external_id, "messages"]);
        }
        let answer = self
            .client
            .post(url)
            .bearer(reply.access_token.expose())
            .json(&TextRequest::new(to, &reply.text, &own_id))
            .send()
            .await?;
        let status = answer.status().as_u16();
        Ok(send::outcome(status, &answer.bytes(ANSWER_BYTES_MAX).await?))
    }
}
