//! The account's contacts, sorted.

use super::super::{
    App,
    caller::Caller,
    extract::Params,
    page::{Page, PageParams},
    problem::Problem,
};
use axum::{Json, extract::State};
use common::page::Named;
use serde::Deserialize;
use store::contacts::{self, After, Contact};
use utoipa::{IntoParams, ToSchema};

/// How contacts are sorted.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum ContactSort {
    /// Of creation.
    #[default]
    CreatedAt,
    /// Of the names.
    Name,
}

/// How contacts are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SortParams {
    /// In which order; of creation if absent. A cursor goes on in the order that it comes from.
    #[serde(default)]
    #[param(inline, required = false)]
    sort: ContactSort,
}

/// Lists the account's contacts, without those that another stands for.
#[utoipa::path(get, path = "/v1/contacts", params(SortParams, PageParams), responses((status = 200, body = Page<Contact>)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(SortParams { sort }): Params<SortParams>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Contact>>, Problem> {
    let after = match sort {
        ContactSort::CreatedAt => After::Created(params.cursor(|text| text.parse().ok())?),
        ContactSort::Name => {
            After::Name(params.cursor(|text| text.parse().ok().map(|Named { name, id }| (name, id)))?)
        }
    };
    let mut tx = app.read(&caller).await?;
    let contacts = contacts::list(&mut tx, &after, params.limit() + 1).await?;
    tx.commit().await?;
    let position = |contact: &contacts::Contact| match sort {
        ContactSort::CreatedAt => contact.id.to_string(),
        ContactSort::Name => Named { name: &contact.name, id: contact.id }.to_string(),
    };
    Ok(Json(params.page(contacts, position)))
}
