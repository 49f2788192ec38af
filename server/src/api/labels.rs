//! Labels: words that sort conversations.

use super::{fields, named::parts::*};
use common::{id::LabelId, permission::Permission};
use serde::Deserialize;
use store::{
    ChangeError, TenantTx,
    labels::{self, Label},
};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("labels", "Words that sort conversations.")
        .needs(Permission::ConversationsRead, endpoints![list, get])
        .needs(Permission::LabelsManage, endpoints![create, update, delete])
}

/// A label to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateLabel {
    /// Unique in the account.
    #[schema(example = "VIP")]
    name: String,
    /// `#rrggbb`.
    #[schema(example = "#1f6feb")]
    color: String,
}

/// What to change about a label; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateLabel {
    /// Unique in the account.
    name: Option<String>,
    /// `#rrggbb`.
    color: Option<String>,
}

impl Checked for CreateLabel {
    fn check(&mut self, _caller: &Caller) -> Result<(), Problem> {
        fields::normalize([&mut self.name], fields::name)?;
        fields::normalize([&mut self.color], fields::color)
    }
}

impl Checked for UpdateLabel {
    fn check(&mut self, _caller: &Caller) -> Result<(), Problem> {
        fields::normalize(&mut self.name, fields::name)?;
        fields::normalize(&mut self.color, fields::color)
    }
}

impl Named for Label {
    type Create = CreateLabel;
    const KIND: &'static str = "label";
    const DELETED: &'static str = "label.deleted";

    async fn create(tx: &mut TenantTx, new: &CreateLabel, app: &App) -> Result<Self, ChangeError> {
        labels::create(tx, &new.name, &new.color, &*app.clock).await
    }
}

impl Changed for Label {
    type Update = UpdateLabel;

    async fn update(
        tx: &mut TenantTx,
        id: LabelId,
        before: &Self,
        change: &UpdateLabel,
    ) -> Result<Self, ChangeError> {
        let name = change.name.as_ref().unwrap_or(&before.name);
        labels::update(tx, id, name, change.color.as_ref().unwrap_or(&before.color)).await
    }
}

named::handlers!(Label, LabelId, CreateLabel, UpdateLabel, "/v1/labels", "label", "labels");
