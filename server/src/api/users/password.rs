//! A new password of one's own.

use super::super::{
    App,
    caller::Caller,
    extract::Body,
    fields, hub,
    problem::{Document, Problem},
};
use axum::{extract::State, http::StatusCode};
use common::{error::ErrorCode, revocation::Ended, secret::Secret, subject::hub::ConnectionSelector};
use serde::Deserialize;
use store::users::{self, User};
use utoipa::ToSchema;

/// A new password in place of one's own.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ChangePassword {
    /// The present one, so that nobody changes it at an unlocked screen.
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
pub(super) async fn change_password(
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
        app.throttle.count_own(person.user);
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
    caller.audit::<User>(&app, &mut tx, "user.passwordChanged", person.user, (None, None)).await?;
    tx.commit().await?;
    app.ended(ended.into_iter().map(Ended::SignIn)).await;
    // This sign-in's too: it goes on, and connects again.
    hub::disconnect_if_reached(&app, caller.account, ConnectionSelector::User(person.user)).await;
    Ok(StatusCode::NO_CONTENT)
}
