//! The people of the account.

use super::{
    App, SECRETS_BYTES_MAX,
    caller::Caller,
    etag::{self, IfMatch, Tagged},
    extract::{Body, Id, Params, present},
    fields, hub,
    once::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use common::{
    error::ErrorCode,
    id::{RoleId, UserId},
    permission::{Permission, Permissions},
    revocation::Ended,
    secret::Secret,
    subject::hub::ConnectionSelector,
    token::Role,
};
use serde::Deserialize;
use store::{
    elevations,
    users::{self, CreateError, NewUser, UpdateError, User, UserChange},
};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("users", "The people of the account.")
        .any_caller(endpoints![change_password])
        .body_bytes_max(SECRETS_BYTES_MAX)
        .any_caller(endpoints![get_me])
        .needs(Permission::UsersRead, endpoints![list, get])
        .needs(Permission::UsersManage, endpoints![create, update, disconnect_user])
}

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

/// Who is calling?
#[utoipa::path(get, path = "/v1/me", responses((status = 200, body = User)))]
async fn get_me(State(app): State<App>, caller: Caller) -> Result<Json<User>, Problem> {
    let person = caller.person()?;
    let mut tx = app.read(&caller).await?;
    let user = users::find(&mut tx, person.user).await?;
    let elevated = elevations::active(&mut tx, person.user, &*app.clock).await?;
    tx.commit().await?;
    match user {
        Some(user) => {
            let permissions = elevated.map_or(user.permissions, |(more, _)| user.permissions.or(more));
            Ok(Json(User { permissions, ..user }))
        }
        // An outside issuer's user, whom only the token knows.
        None if person.sign_in.is_none() => Ok(Json(User {
            id: person.user,
            name: person.name.clone().unwrap_or_default(),
            email: None,
            role: person.role,
            role_id: None,
            permissions: person.permissions,
            account_id: caller.account,
            deactivated_at: None,
        })),
        None => Err(Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::INVALID_TOKEN, "this user is no more")),
    }
}

/// Lists the account's users in the order of their creation.
#[utoipa::path(get, path = "/v1/users", params(PageParams), responses((status = 200, body = Page<User>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<User>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let users = users::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(users, |user| user.id.to_string())))
}

/// Reads one user.
#[utoipa::path(
    get, path = "/v1/users/{id}", params(("id" = UserId, Path, description = "The user")),
    responses((status = 200, body = User), (status = 404, body = Document)),
)]
async fn get(State(app): State<App>, caller: Caller, Id(id): Id<UserId>) -> Result<Tagged<User>, Problem> {
    let mut tx = app.read(&caller).await?;
    let user = users::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("user"))?;
    tx.commit().await?;
    Ok(Tagged(user))
}

/// Creates a user who can sign in. Nobody can give more than they may do themselves.
#[utoipa::path(
    post, path = "/v1/users", request_body = CreateUser, params(once::Header),
    responses(
        (status = 201, body = User),
        (status = 403, body = Document),
        (status = 409, description = "Somebody of the account has the e-mail address", body = Document),
        (status = 429, description = "`limit.rate`: too many new passwords in the account", body = Document),
    ),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateUser>,
) -> Result<Response, Problem> {
    let email = fields::email(&body.email)?;
    let name = fields::name(&body.name)?;
    may_give(&caller, body.role.permissions())?;
    let password = fields::new_password(&body.password, &[email, name])?.clone();
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    if users::has_email(&mut tx, email).await? {
        return Err(CreateError::EmailTaken.into());
    }
    // Hashing takes long: nothing waits meanwhile, and all of this is looked at again.
    drop(tx);
    app.throttle.admit_new(caller.account)?;
    let other = app.store.system().password_hash_of_email(email).await?;
    let password_hash = app.passwords.hash(&caller.asker(), password, other).await?;
    let user = NewUser { email, name, role: body.role, password_hash: &password_hash };
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let user = users::create(&mut tx, &user, &*app.clock).await?;
    caller.audit(&app, &mut tx, "user.created", ("user", user.id.as_uuid()), (None, Some(&user))).await?;
    once.created(tx, &caller, &user).await
}

/// What to change about a user; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateUser {
    /// The name that others see.
    name: Option<String>,
    /// The role.
    role: Option<Role>,
    /// The account's own role that decides instead; null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<RoleId>)]
    role_id: Option<Option<RoleId>>,
    /// False: cannot sign in any more, and is signed out everywhere.
    active: Option<bool>,
    /// False: lifts the lock that too many wrong passwords have put on.
    locked: Option<bool>,
}

/// Changes a user. Who is deactivated or may do less than before is signed out: what they write is refused at
/// once, what they read within five seconds.
#[utoipa::path(
    patch, path = "/v1/users/{id}", request_body = UpdateUser,
    params(("id" = UserId, Path, description = "The user"), etag::Header),
    responses(
        (status = 200, body = User),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "It is the last administrator, or there is no such role", body = Document),
        (status = 412, description = "`resource.changedMeanwhile`", body = Document),
    ),
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<UserId>,
    if_match: IfMatch,
    Body(body): Body<UpdateUser>,
) -> Result<Tagged<User>, Problem> {
    let name = body.name.as_deref().map(fields::name).transpose()?;
    let change = UserChange { name, role: body.role, role_id: body.role_id, active: body.active };
    let mut tx = app.begin_exclusive(&caller).await?;
    let before = users::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("user"))?;
    if_match.check(&before)?;
    let decides = body.active.is_some() || body.role.is_some() || body.role_id.is_some();
    if before.email.is_none() && decides {
        return Err(Problem::conflict("this user's issuer decides what they may do"));
    }
    // Neither raise somebody above oneself nor touch somebody who is.
    may_give(&caller, before.permissions)?;
    let (after, ended) = users::update(&mut tx, id, &change, &*app.clock).await?;
    may_give(&caller, after.permissions)?;
    if body.locked == Some(false) {
        users::forgive_wrong_passwords(&mut tx, id).await?;
    }
    let object = ("user", id.as_uuid());
    caller.audit(&app, &mut tx, "user.updated", object, (Some(&before), Some(&after))).await?;
    tx.commit().await?;
    if !after.permissions.includes(before.permissions) || after.deactivated_at.is_some() {
        app.ended(ended.into_iter().map(Ended::SignIn)).await;
        hub::disconnect_if_reached(&app, caller.account, ConnectionSelector::User(id)).await;
    }
    Ok(Tagged(after))
}

/// Ends a user's connections to the hub. A device whose sign-in is still good connects again.
#[utoipa::path(
    delete, path = "/v1/users/{id}/connections", params(("id" = UserId, Path, description = "The user")),
    responses(
        (status = 204, description = "They are ended"),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 503, description = "A part of the hub did not answer: ask again", body = Document),
    ),
)]
async fn disconnect_user(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin_ending(&caller).await?;
    users::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("user"))?;
    tx.commit().await?;
    hub::disconnect(&app, caller.account, ConnectionSelector::User(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Nobody can give what they do not have, or have for a while only.
pub(super) fn may_give(caller: &Caller, permissions: Permissions) -> Result<(), Problem> {
    if caller.lasting().includes(permissions) {
        return Ok(());
    }
    let detail = "this would reach further than your own permissions";
    Err(Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail))
}

impl From<UpdateError> for Problem {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Change(error) => Self::refused("user", error),
            last @ UpdateError::LastAdministrator => Self::conflict(last.to_string()),
        }
    }
}

/// A new password in place of one's own.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ChangePassword {
    /// The present one.
    #[schema(value_type = String, format = Password)]
    current: Secret,
    /// The new one: at least 15 characters, and none of those that everybody tries first.
    #[schema(value_type = String, format = Password)]
    new: Secret,
}

/// Changes one's own password. All other sign-ins end.
#[utoipa::path(
    post, path = "/v1/me/password", request_body = ChangePassword,
    responses(
        (status = 204, description = "Changed"),
        (status = 401, description = "`auth.invalidCredentials`: the present one is another", body = Document),
        (status = 422, body = Document),
        (status = 429, description = "`limit.rate`: too many wrong tries", body = Document),
    ),
)]
async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ChangePassword>,
) -> Result<StatusCode, Problem> {
    let person = caller.person()?;
    let mut tx = app.read(&caller).await?;
    let user = users::find(&mut tx, person.user).await?.ok_or_else(|| Problem::not_found("user"))?;
    let hash = users::password_hash(&mut tx, person.user).await?;
    // Hashing takes long: nothing waits meanwhile.
    drop(tx);
    let words = [user.name.as_str(), user.email.as_deref().unwrap_or_default()];
    let new = fields::new_password(&body.new, &words)?.clone();
    app.throttle.admit_own(person.user)?;
    let right = app.passwords.verify(&caller.asker(), body.current, hash.iter().cloned().collect()).await;
    let right = right.inspect_err(|_| app.throttle.take_back_own(person.user))?;
    if right.is_empty() {
        let detail = "the present password is another";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::INVALID_CREDENTIALS, detail));
    }
    app.throttle.forgive_own(person.user);
    app.throttle.admit_new(caller.account)?;
    let hash = app.passwords.hash(&caller.asker(), new, hash).await?;
    let mut tx = app.begin(&caller).await?;
    let ended = users::set_password(&mut tx, person.user, &hash, person.sign_in, &*app.clock)
        .await
        .map_err(|error| Problem::refused("user", error))?;
    let object = ("user", person.user.as_uuid());
    caller.audit::<User>(&app, &mut tx, "user.passwordChanged", object, (None, None)).await?;
    tx.commit().await?;
    app.ended(ended.into_iter().map(Ended::SignIn)).await;
    // This sign-in's too: it goes on, and connects again.
    hub::disconnect_if_reached(&app, caller.account, ConnectionSelector::User(person.user)).await;
    Ok(StatusCode::NO_CONTENT)
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Store(error) => error.into(),
            taken @ CreateError::EmailTaken => Self::conflict(taken.to_string()),
        }
    }
}
