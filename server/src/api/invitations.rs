//! Invitations: somebody chooses a name and a password, and is a user.
//!
//! Whoever invites somebody passes the token on, in whatever way reaches that person.

use super::{
    App, SECRETS_BYTES_MAX,
    auth::{self, SignedIn, Welcome, hash_of, new_token},
    caller::Caller,
    device::Browser,
    extract::{Body, Id, Params, RemoteAddress, UserAgent},
    fields,
    idempotency::{self, Retryable},
    page::{Page, PageParams},
    password::Asker,
    problem::{Document, Problem},
    routes::{Routes, endpoints},
    users::may_give,
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use common::{
    error::ErrorCode,
    id::{InvitationId, RoleId},
    permission::Permission,
    secret::Secret,
    token::Role,
};
use serde::{Deserialize, Serialize};
use store::{
    Named as _,
    audit::{self, Actor},
    invitations::{self, Invitation, NewInvitation},
    roles::NamedRole,
    users::{self, CreateError, NewUser, UserChange},
};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("invitations", "How people come into the account.")
        .anybody(endpoints![accept_invitation])
        .body_bytes_max(SECRETS_BYTES_MAX)
        .needs(Permission::UsersManage, endpoints![list, create, revoke])
}

/// A new invitation, with its token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedInvitation {
    #[serde(flatten)]
    about: Invitation,
    /// For the person who is invited. It is not shown again.
    token: String,
}

/// The e-mail address to invite.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateInvitation {
    /// The e-mail address that they will sign in with.
    #[schema(example = "ben@example.com")]
    email: String,
    /// The role they will have.
    role: Role,
    /// The account's own role that will decide instead.
    role_id: Option<RoleId>,
}

/// An invitation that is accepted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AcceptInvitation {
    /// The invitation's token.
    #[schema(value_type = String, format = Password)]
    token: Secret,
    /// The name that others will see.
    name: String,
    /// At least 15 characters, and none of those that everybody tries first.
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// Lists the account's invitations in the order of their creation, those that are over too.
#[utoipa::path(
    get, path = "/v1/invitations", params(PageParams),
    responses((status = 200, body = Page<Invitation>), (status = 403, body = Document)),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Invitation>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let found = invitations::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(found, |it| it.id.to_string())))
}

/// Invites somebody. The answer is the only place where the token is ever shown; it is good for a week.
#[utoipa::path(
    post, path = "/v1/invitations", request_body = CreateInvitation, params(idempotency::Header),
    responses(
        (status = 201, body = CreatedInvitation),
        (status = 403, body = Document),
        (status = 404, description = "There is no such role", body = Document),
    ),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, idempotency): Retryable<CreateInvitation>,
) -> Result<Response, Problem> {
    let email = fields::email(&body.email)?;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let permissions = match body.role_id {
        Some(id) => {
            NamedRole::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("role"))?.permissions
        }
        None => body.role.permissions(),
    };
    may_give(&caller, permissions)?;
    let token = new_token()?;
    let new = NewInvitation {
        email,
        role: body.role,
        role_id: body.role_id,
        hash: &hash_of(&token),
        invited_by: caller.id(),
    };
    let about = invitations::create(&mut tx, &new, &*app.clock).await;
    let about = about.map_err(|error| Problem::refused("role", error))?;
    caller.audit(&app, &mut tx, "invitation.created", about.id, (None, Some(&about))).await?;
    idempotency.created(tx, &caller, &CreatedInvitation { about, token }).await
}

/// Takes back an invitation that was not accepted yet.
#[utoipa::path(
    delete, path = "/v1/invitations/{id}", params(("id" = InvitationId, Path, description = "The invitation")),
    responses((status = 200, description = "Taken back", body = Invitation), (status = 404, body = Document)),
)]
async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<InvitationId>,
) -> Result<Json<Invitation>, Problem> {
    let mut tx = app.begin_ending(&caller).await?;
    let revoked = invitations::revoke(&mut tx, id, &*app.clock).await?;
    let revoked = revoked.ok_or_else(|| Problem::not_found("invitation"))?;
    caller.audit(&app, &mut tx, "invitation.revoked", id, (None, Some(&revoked))).await?;
    tx.commit().await?;
    Ok(Json(revoked))
}

/// Accepts an invitation, and signs in.
#[utoipa::path(
    post, path = "/v1/auth/accept-invitation", request_body = AcceptInvitation,
    responses(
        (status = 200, body = SignedIn),
        (status = 401, description = "`auth.invalidToken`: it was accepted, is over, or was taken back", body = Document),
        (status = 409, description = "The e-mail address has become somebody's", body = Document),
        (status = 422, body = Document),
    ),
)]
async fn accept_invitation(
    State(app): State<App>,
    RemoteAddress(address): RemoteAddress,
    UserAgent(user_agent): UserAgent,
    browser: Browser,
    Body(body): Body<AcceptInvitation>,
) -> Result<Welcome, Problem> {
    let name = fields::name(&body.name)?;
    let hash = hash_of(body.token.expose());
    let account = app.store.system().account_of_invitation(&hash).await?.ok_or_else(invitation_over)?;
    let mut tx = app.store.tenant(account).await?;
    let email = invitations::email(&mut tx, &hash, &*app.clock).await?.ok_or_else(invitation_over)?;
    let password = fields::new_password(&body.password, &[name, &email])?.clone();
    if users::has_email(&mut tx, &email).await? {
        return Err(CreateError::EmailTaken.into());
    }
    // Hashing takes long: nothing waits meanwhile, and all of this is looked at again.
    drop(tx);
    app.throttle.admit_new(account)?;
    let other = app.store.system().password_hash_of_email(&email).await?;
    let password_hash = app.passwords.hash(&Asker::at(address).of(account), password, other).await?;
    let mut tx = app.store.tenant(account).await?;
    let invitation = invitations::accept(&mut tx, &hash, &*app.clock).await?.ok_or_else(invitation_over)?;
    let new =
        NewUser { email: &invitation.email, name, role: invitation.role, password_hash: &password_hash };
    let mut user = users::create(&mut tx, &new, &*app.clock).await?;
    if invitation.role_id.is_some() {
        let change = UserChange { role_id: Some(invitation.role_id), ..UserChange::default() };
        (user, _) = users::update(&mut tx, user.id, &change, &*app.clock).await?;
    }
    let after = serde_json::to_value(&user).map_err(|error| Problem::internal(&error))?;
    let record = audit::AuditRecord {
        actor: Actor::User(user.id),
        address,
        action: "invitation.accepted",
        object: audit::Object::User(user.id),
        before: None,
        after: Some(&after),
    };
    audit::record(&mut tx, &record, &*app.clock).await?;
    let cookie = browser.remember(&app, user.id, &Secret::new(password_hash))?;
    Ok((cookie, auth::begin_sign_in(&app, tx, user, address, user_agent.as_ref()).await?))
}

fn invitation_over() -> Problem {
    let detail = "the invitation was accepted already, is over, or was taken back";
    Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::INVALID_TOKEN, detail)
}
