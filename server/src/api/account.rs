//! The account itself: its name, what it has chosen, what is switched on for it.

use super::{
    App,
    caller::Caller,
    etag::{self, IfMatch, Tagged},
    extract::Body,
    fields,
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::extract::State;
use common::{id::AccountId, permission::Permission};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::accounts;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("account", "The account itself: its name, its settings, its features.")
        .any_caller(endpoints![get])
        .needs(Permission::AccountManage, endpoints![update])
}

/// Features at most.
const FEATURES_MAX: usize = 100;

/// An account's settings.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Settings {
    /// The language of what Switchboard itself writes to customers, as a BCP 47 tag.
    #[schema(example = "de-DE")]
    locale: Option<String>,
    /// The time zone for what people read, as an IANA name.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
    /// Days after which resolved conversations are deleted with their messages; null: never.
    #[schema(minimum = 1, maximum = 3650)]
    retention_days: Option<u16>,
}

/// The account with its settings and feature flags.
#[derive(Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    /// The tenant that everything else belongs to.
    id: AccountId,
    /// For people, 1 to 200 characters.
    name: String,
    /// Settings that were never chosen have their defaults.
    settings: Settings,
    /// The features that are switched on for it.
    features: BTreeMap<String, bool>,
}

impl TryFrom<accounts::Account> for Account {
    type Error = Problem;
    fn try_from(account: accounts::Account) -> Result<Self, Problem> {
        Ok(Self {
            id: account.id,
            name: account.name,
            settings: serde_json::from_value(account.settings).map_err(|error| Problem::internal(&error))?,
            features: serde_json::from_value(account.features).map_err(|error| Problem::internal(&error))?,
        })
    }
}

/// What to change; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateAccount {
    /// For people, 1 to 200 characters.
    name: Option<String>,
    /// All settings: those left out go back to their default.
    settings: Option<Settings>,
    /// Features to switch on or off; others stay as they are.
    features: Option<BTreeMap<String, bool>>,
}

/// Reads the caller's account.
#[utoipa::path(get, path = "/v1/account", responses((status = 200, body = Account)))]
async fn get(State(app): State<App>, caller: Caller) -> Result<Tagged<Account>, Problem> {
    let mut tx = app.read(&caller).await?;
    let account = accounts::find(&mut tx).await?.ok_or_else(|| Problem::not_found("account"))?;
    tx.commit().await?;
    Ok(Tagged(account.try_into()?))
}

/// Changes the caller's account.
#[utoipa::path(
    patch, path = "/v1/account", request_body = UpdateAccount, params(etag::Header),
    responses((status = 200, body = Account), (status = 403, body = Document), (status = 412, body = Document)),
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Body(body): Body<UpdateAccount>,
) -> Result<Tagged<Account>, Problem> {
    let name = body.name.as_deref().map(fields::name).transpose()?;
    if let Some(settings) = &body.settings {
        check(settings)?;
    }
    let mut tx = app.begin_exclusive(&caller).await?;
    let mut row = accounts::lock(&mut tx).await?;
    let before = Account::try_from(row.clone())?;
    if_match.check(&before)?;
    let mut after = before.clone();
    after.name = name.unwrap_or(&before.name).to_owned();
    after.settings = body.settings.unwrap_or(after.settings);
    after.features.extend(body.features.unwrap_or_default());
    if after.features.len() > FEATURES_MAX || !after.features.keys().all(|name| is_feature(name)) {
        return Err(Problem::invalid("features are at most 100, named by 1 to 64 of a-z, 0-9, _ and -"));
    }
    row.name.clone_from(&after.name);
    row.settings = serde_json::to_value(&after.settings).map_err(|error| Problem::internal(&error))?;
    row.features = serde_json::to_value(&after.features).map_err(|error| Problem::internal(&error))?;
    accounts::update(&mut tx, &row).await?;
    caller.audit(&app, &mut tx, "account.updated", after.id, (Some(&before), Some(&after))).await?;
    tx.commit().await?;
    Ok(Tagged(after))
}

fn is_feature(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

fn check(settings: &Settings) -> Result<(), Problem> {
    let is_tag = |text: &String| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/+".contains(&byte))
    };
    if !settings.locale.iter().chain(&settings.time_zone).all(is_tag) {
        return Err(Problem::invalid("locale and timeZone are names of at most 64 characters"));
    }
    if settings.retention_days.is_some_and(|days| !(1..=3650).contains(&days)) {
        return Err(Problem::invalid("retentionDays is 1 to 3650"));
    }
    Ok(())
}
