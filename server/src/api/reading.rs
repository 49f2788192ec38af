//! Handlers that read one thing of the account, or a page of them, and need only a permission.
//!
//! Handlers are made whole, because each has its own place in the reference.

/// The handler `get` of one thing: its path up to the id, what it is called, and what finds it in the store.
macro_rules! get {
    ($thing:ident, $id:ident, $path:literal, $one:literal, $find:path) => {
        #[utoipa::path(
            get, path = concat!($path, "/{id}"), summary = concat!("Reads one ", $one, "."),
            params(("id" = $id, Path, description = concat!("The ", $one))),
            responses((status = 200, body = $thing), (status = 404, body = $crate::api::problem::Document)),
        )]
        async fn get(
            axum::extract::State(app): axum::extract::State<$crate::api::App>,
            caller: $crate::api::caller::Caller,
            $crate::api::extract::Id(id): $crate::api::extract::Id<$id>,
        ) -> Result<$crate::api::etag::Tagged<$thing>, $crate::api::problem::Problem> {
            let mut tx = app.read(&caller).await?;
            let found = $find(&mut tx, id).await?;
            let found = found.ok_or_else(|| $crate::api::problem::Problem::not_found($one))?;
            tx.commit().await?;
            Ok($crate::api::etag::Tagged(found))
        }
    };
}
pub(super) use get;

/// The handler `list` of all things of a kind, in the order of their creation: their path, what they are called, and
/// what lists them in the store.
macro_rules! list {
    ($thing:ident, $path:literal, $many:literal, $list:path) => {
        #[utoipa::path(
            get, path = $path, summary = concat!("Lists the account's ", $many, " in the order of their creation."),
            params($crate::api::page::PageParams),
            responses((status = 200, body = $crate::api::page::Page<$thing>)),
        )]
        async fn list(
            axum::extract::State(app): axum::extract::State<$crate::api::App>,
            caller: $crate::api::caller::Caller,
            $crate::api::extract::Params(params): $crate::api::extract::Params<$crate::api::page::PageParams>,
        ) -> Result<axum::Json<$crate::api::page::Page<$thing>>, $crate::api::problem::Problem> {
            let after = params.cursor(|text| text.parse().ok())?;
            let mut tx = app.read(&caller).await?;
            let items = $list(&mut tx, after, params.limit() + 1).await?;
            tx.commit().await?;
            Ok(axum::Json(params.page(items, |it| it.id.to_string())))
        }
    };
}
pub(super) use list;
