//! The people of the account.

use super::{
    App,
    caller::Caller,
    extract::{Body, Params},
    fields,
    page::{Page, PageParams},
    problem::{Document, Problem},
};
use axum::{Json, extract::State, http::StatusCode};
use common::{
    error::ErrorCode,
    id::{AccountId, UserId},
    secret::Secret,
    token::Role,
};
use serde::{Deserialize, Serialize};
use store::users::{self, CreateError, NewUser};
use utoipa::ToSchema;

/// A person of the account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    /// Their id.
    pub(super) id: UserId,
    /// Their name as others see it.
    pub(super) name: String,
    /// Their e-mail address; null for users of an outside issuer.
    pub(super) email: Option<String>,
    /// What they may do.
    pub(super) role: Role,
    /// Their account.
    pub(super) account_id: AccountId,
}

impl User {
    pub(super) fn of(account: AccountId, user: users::User) -> Self {
        Self { id: user.id, name: user.name, email: user.email, role: user.role, account_id: account }
    }
}

/// A user to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateUser {
    /// The e-mail address to sign in with.
    email: String,
    /// The name that others see.
    name: String,
    /// At least 8 characters.
    #[schema(value_type = String, format = Password)]
    password: Secret,
    /// What they may do.
    role: Role,
}

/// Who is calling?
#[utoipa::path(get, path = "/v1/me", tag = "users", responses((status = 200, body = User)))]
pub(super) async fn me(State(app): State<App>, caller: Caller) -> Result<Json<User>, Problem> {
    let mut tx = app.store.tenant(caller.account).await?;
    let user = users::find(&mut tx, caller.user).await?;
    tx.commit().await?;
    match user {
        Some(user) => Ok(Json(User::of(caller.account, user))),
        // An outside issuer's user, whom only the token knows.
        None if caller.session.is_none() => Ok(Json(User {
            id: caller.user,
            name: caller.name.unwrap_or_default(),
            email: None,
            role: caller.role,
            account_id: caller.account,
        })),
        None => Err(Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::INVALID_TOKEN, "this user is no more")),
    }
}

/// Lists the account's users in the order of their creation.
#[utoipa::path(get, path = "/v1/users", tag = "users", params(PageParams), responses((status = 200, body = Page<User>)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<User>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.store.tenant(caller.account).await?;
    let users = users::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(users, |user| user.id.to_string(), |user| User::of(caller.account, user))))
}

/// Creates a user who can sign in. For administrators.
#[utoipa::path(
    post, path = "/v1/users", tag = "users", request_body = CreateUser,
    responses(
        (status = 201, body = User),
        (status = 409, description = "The e-mail address is taken", body = Document),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<CreateUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    caller.require(Role::Admin)?;
    let email = fields::email(&body.email)?;
    let name = fields::name(&body.name)?;
    let password_hash = app.passwords.hash(fields::new_password(&body.password)?.clone()).await?;
    let user = NewUser { email, name, role: body.role, password_hash: &password_hash };
    let mut tx = app.store.tenant(caller.account).await?;
    let user = users::create(&mut tx, &user, &*app.clock).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(User::of(caller.account, user))))
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Store(error) => error.into(),
            taken @ CreateError::EmailTaken => Self::conflict(taken.to_string()),
        }
    }
}
