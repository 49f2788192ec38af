//! A user who can sign in.

use super::{
    super::{
        App,
        caller::Caller,
        fields,
        idempotency::{self, Retryable},
        problem::{Document, Problem},
    },
    may_give,
};
use axum::{extract::State, response::Response};
use common::{secret::Secret, token::Role};
use serde::Deserialize;
use store::users::{self, CreateError, NewUser, User};
use utoipa::ToSchema;

/// A user to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateUser {
    /// The e-mail address to sign in with.
    email: String,
    /// The name that others see.
    name: String,
    /// At least 15 characters, and none of those that everybody tries first.
    #[schema(value_type = String, format = Password)]
    password: Secret,
    /// What they may do.
    role: Role,
}

/// Creates a user who can sign in. Nobody can give more than they may do themselves.
#[utoipa::path(
    post, path = "/v1/users", request_body = CreateUser, params(idempotency::Header),
    responses(
        (status = 201, body = User),
        (status = 403, body = Document),
        (status = 409, description = "Somebody of the account has the e-mail address", body = Document),
        (status = 429, description = "`limit.rate`: too many new passwords in the account", body = Document),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, idempotency): Retryable<CreateUser>,
) -> Result<Response, Problem> {
    let email = fields::email(&body.email)?;
    let name = fields::name(&body.name)?;
    may_give(&caller, body.role.permissions())?;
    let password = fields::new_password(&body.password, &[email, name])?.clone();
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    if users::has_email(&mut tx, email).await? {
        return Err(Problem::from(CreateError::EmailTaken).of_member("email"));
    }
    // Hashing takes long: nothing waits meanwhile, and all of this is looked at again.
    drop(tx);
    app.throttle.admit_new(caller.account)?;
    let other = app.store.system().password_hash_of_email(email).await?;
    let password_hash = app.passwords.hash(&caller.asker(), password, other).await?;
    let user = NewUser { email, name, role: body.role, password_hash: &password_hash };
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let created = users::create(&mut tx, &user, &*app.clock).await;
    let user = created.map_err(|error| match error {
        CreateError::EmailTaken => Problem::from(error).of_member("email"),
        CreateError::Store(_) => error.into(),
    })?;
    caller.audit(&app, &mut tx, "user.created", user.id, (None, Some(&user))).await?;
    idempotency.created(tx, &caller, &user).await
}
