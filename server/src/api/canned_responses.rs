//! Texts that agents often send.

use super::{fields, named::parts::*};
use common::{id::CannedResponseId, permission::Permission};
use serde::Deserialize;
use store::{
    ChangeError, TenantTx,
    canned_responses::{self, CannedResponse},
};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("canned-responses", "Texts that agents often send.")
        .needs(Permission::ConversationsRead, endpoints![list, get])
        .needs(Permission::CannedResponsesManage, endpoints![create, update, delete])
}

/// A canned response to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateCannedResponse {
    /// What agents type to get it, unique in the account: 1 to 64 letters, digits, `_` and `-`.
    #[schema(example = "hello")]
    shortcode: String,
    /// What is sent: at most 16 KiB.
    #[schema(example = "Hello, how can I help?")]
    text: String,
}

/// What to change about a canned response; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateCannedResponse {
    /// What agents type to get it, unique in the account: 1 to 64 letters, digits, `_` and `-`.
    shortcode: Option<String>,
    /// What is sent: at most 16 KiB.
    text: Option<String>,
}

impl Checked for CreateCannedResponse {
    fn check(&mut self, _caller: &Caller) -> Result<(), Problem> {
        fields::normalize([&mut self.shortcode], fields::shortcode)?;
        fields::normalize([&mut self.text], fields::long_text)
    }
}

impl Checked for UpdateCannedResponse {
    fn check(&mut self, _caller: &Caller) -> Result<(), Problem> {
        fields::normalize(&mut self.shortcode, fields::shortcode)?;
        fields::normalize(&mut self.text, fields::long_text)
    }
}

impl Named for CannedResponse {
    type Create = CreateCannedResponse;
    const KIND: &'static str = "canned response";
    const DELETED: &'static str = "cannedResponse.deleted";

    async fn create(tx: &mut TenantTx, new: &CreateCannedResponse, app: &App) -> Result<Self, ChangeError> {
        canned_responses::create(tx, &new.shortcode, &new.text, &*app.clock).await
    }
}

impl Changed for CannedResponse {
    type Update = UpdateCannedResponse;

    async fn update(
        tx: &mut TenantTx,
        id: CannedResponseId,
        before: &Self,
        change: &UpdateCannedResponse,
    ) -> Result<Self, ChangeError> {
        let shortcode = change.shortcode.as_ref().unwrap_or(&before.shortcode);
        canned_responses::update(tx, id, shortcode, change.text.as_ref().unwrap_or(&before.text)).await
    }
}

named::handlers!(
    CannedResponse,
    CannedResponseId,
    CreateCannedResponse,
    UpdateCannedResponse,
    "/v1/canned-responses",
    "canned response",
    "canned responses"
);
