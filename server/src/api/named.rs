//! Things of an account with a name and a few fields: labels, canned responses, teams, roles.
//!
//! Their common part stands here once; a resource says what differs ([`Named`]), and [`handlers!`]
//! gives each operation its place in the reference.

use super::{
    App,
    caller::Caller,
    etag::{IfMatch, Tagged},
    idempotency::Idempotency,
    page::{Page, PageParams},
    problem::Problem,
};
use axum::{Json, http::StatusCode, response::Response};
use serde::Serialize;
use std::str::FromStr;
use store::{ChangeError, TenantTx, audit::Object};

/// The part that differs from one resource to the other.
pub(super) trait Named: store::Named<Id: FromStr + Into<Object>> + Serialize + Sync {
    type Create: Checked;
    /// The thing's name in errors.
    const KIND: &'static str;
    /// The audit log's actions when one is created, if that is recorded, and deleted.
    const CREATED: Option<&'static str> = None;
    const DELETED: &'static str;

    async fn create(tx: &mut TenantTx, new: &Self::Create, app: &App) -> Result<Self, ChangeError>;
}

/// The same for those that are changed field by field, and nothing else changes with them.
pub(super) trait Changed: Named {
    type Update: Checked;

    async fn update(
        tx: &mut TenantTx,
        id: Self::Id,
        before: &Self,
        change: &Self::Update,
    ) -> Result<Self, ChangeError>;
}

/// A body whose fields have rules.
pub(super) trait Checked {
    /// Puts its fields into their normal form.
    ///
    /// # Errors
    /// If one of them is against the rules, or not for the caller to say.
    fn check(&mut self, caller: &Caller) -> Result<(), Problem>;
}

pub(super) async fn list<T: Named>(
    app: &App,
    caller: &Caller,
    params: &PageParams,
) -> Result<Json<Page<T>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(caller).await?;
    let items = T::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(items, |it| it.id().to_string())))
}

pub(super) async fn get<T: Named>(app: &App, caller: &Caller, id: T::Id) -> Result<Tagged<T>, Problem> {
    let mut tx = app.read(caller).await?;
    let found = existing(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Tagged(found))
}

pub(super) async fn create<T: Named>(
    app: &App,
    caller: &Caller,
    mut new: T::Create,
    idempotency: Idempotency,
) -> Result<Response, Problem> {
    new.check(caller)?;
    let mut tx = app.begin(caller).await?;
    if let Some(answer) = idempotency.answered(app, &mut tx, caller).await? {
        return Ok(answer);
    }
    let created = T::create(&mut tx, &new, app).await.map_err(|error| Problem::refused(T::KIND, error))?;
    if let Some(action) = T::CREATED {
        caller.audit(app, &mut tx, action, created.id(), (None, Some(&created))).await?;
    }
    idempotency.created(tx, caller, &created).await
}

pub(super) async fn update<T: Changed>(
    app: &App,
    caller: &Caller,
    id: T::Id,
    if_match: &IfMatch,
    mut change: T::Update,
) -> Result<Tagged<T>, Problem> {
    change.check(caller)?;
    let mut tx = app.begin_exclusive(caller).await?;
    let before = existing::<T>(&mut tx, id).await?;
    if_match.check(&before)?;
    let after = T::update(&mut tx, id, &before, &change).await;
    let after = after.map_err(|error| Problem::refused(T::KIND, error))?;
    tx.commit().await?;
    Ok(Tagged(after))
}

pub(super) async fn delete<T: Named>(app: &App, caller: &Caller, id: T::Id) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(caller).await?;
    let before = existing::<T>(&mut tx, id).await?;
    T::delete(&mut tx, id).await.map_err(|error| Problem::refused(T::KIND, error))?;
    caller.audit(app, &mut tx, T::DELETED, id, (Some(&before), None)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn existing<T: Named>(tx: &mut TenantTx, id: T::Id) -> Result<T, Problem> {
    T::find(tx, id).await?.ok_or_else(|| Problem::not_found(T::KIND))
}

/// The handlers of a [`Named`] resource, each as the reference describes it: `list`, `get`, `create`, `delete`,
/// and `update` unless the resource has one of its own.
macro_rules! handlers {
    ($thing:ident, $id:ident, $create:ident, $update:ident, $path:literal, $one:literal, $many:literal) => {
        $crate::api::named::handlers!($thing, $id, $create, $path, $one, $many);

        #[utoipa::path(
            patch, path = concat!($path, "/{id}"), summary = concat!("Changes a ", $one, "."), request_body = $update,
            params(("id" = $id, Path, description = concat!("The ", $one)), $crate::api::etag::Header),
            responses(
                (status = 200, body = $thing),
                (status = 404, body = Document),
                (status = 409, description = "Another has the same", body = Document),
                (status = 412, body = Document),
            ),
        )]
        async fn update(
            State(app): State<App>,
            caller: Caller,
            Id(id): Id<$id>,
            if_match: $crate::api::etag::IfMatch,
            $crate::api::extract::Body(body): $crate::api::extract::Body<$update>,
        ) -> Result<Tagged<$thing>, Problem> {
            named::update(&app, &caller, id, &if_match, body).await
        }
    };
    ($thing:ident, $id:ident, $create:ident, $path:literal, $one:literal, $many:literal) => {
        #[utoipa::path(
            get, path = $path, summary = concat!("Lists the account's ", $many, " in the order of their creation."),
            params(PageParams), responses((status = 200, body = Page<$thing>)),
        )]
        async fn list(
            State(app): State<App>,
            caller: Caller,
            Params(params): Params<PageParams>,
        ) -> Result<Json<Page<$thing>>, Problem> {
            named::list(&app, &caller, &params).await
        }

        #[utoipa::path(
            get, path = concat!($path, "/{id}"), summary = concat!("Reads one ", $one, "."),
            params(("id" = $id, Path, description = concat!("The ", $one))),
            responses((status = 200, body = $thing), (status = 404, body = Document)),
        )]
        async fn get(
            State(app): State<App>,
            caller: Caller,
            Id(id): Id<$id>,
        ) -> Result<Tagged<$thing>, Problem> {
            named::get(&app, &caller, id).await
        }

        #[utoipa::path(
            post, path = $path, summary = concat!("Creates a ", $one, "."), request_body = $create,
            params(idempotency::Header),
            responses(
                (status = 201, body = $thing),
                (status = 403, body = Document),
                (status = 409, description = "Another has the same", body = Document),
            ),
        )]
        async fn create(
            State(app): State<App>,
            caller: Caller,
            Retryable(body, idempotency): Retryable<$create>,
        ) -> Result<Response, Problem> {
            named::create::<$thing>(&app, &caller, body, idempotency).await
        }

        #[utoipa::path(
            delete, path = concat!($path, "/{id}"), summary = concat!("Deletes a ", $one, "."),
            params(("id" = $id, Path, description = concat!("The ", $one))),
            responses(
                (status = 204, description = "Deleted"),
                (status = 404, body = Document),
                (status = 409, description = "It is in use", body = Document),
            ),
        )]
        async fn delete(
            State(app): State<App>,
            caller: Caller,
            Id(id): Id<$id>,
        ) -> Result<StatusCode, Problem> {
            named::delete::<$thing>(&app, &caller, id).await
        }
    };
}
pub(super) use handlers;

/// The imports that the handlers of [`handlers!`] need.
pub(super) mod parts {
    pub(in super::super) use super::super::{
        App,
        caller::Caller,
        etag::Tagged,
        extract::{Id, Params},
        idempotency::{self, Retryable},
        named::{self, Changed, Checked, Named},
        page::{Page, PageParams},
        problem::{Document, Problem},
        routes::{Routes, endpoints},
    };
    pub(in super::super) use axum::{Json, extract::State, http::StatusCode, response::Response};
    pub(in super::super) use store::Named as _;
}
