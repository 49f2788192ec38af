//! Signing in with e-mail address and password.

use super::{
    super::{
        App,
        device::Browser,
        extract::{Body, RemoteAddress, UserAgent},
        lockout,
        password::{Asker, PASSWORD_BYTES_MAX},
        problem::{Document, Problem},
        throttle::Attempt,
    },
    SignedIn, Welcome, begin_sign_in,
};
use axum::{extract::State, http::StatusCode};
use common::{error::ErrorCode, id::AccountId, secret::Secret};
use serde::Deserialize;
use std::net::IpAddr;
use store::{
    system::SignInUser,
    users::{self, normal_email},
};
use utoipa::ToSchema;

/// A user's e-mail address and password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Credentials {
    /// The e-mail address; case does not matter.
    email: String,
    /// As the user chose it.
    #[schema(value_type = String, format = Password)]
    password: Secret,
    /// The account to sign in to, where several know the address and the password is the same.
    #[serde(default)]
    account_id: Option<AccountId>,
}

/// Signs in with e-mail address and password.
///
/// Several accounts may know an address: the password decides, and of those with the same one the oldest user.
/// Whoever has signed in before with the same browser (a cookie tells) is not held up by others' wrong tries.
#[utoipa::path(
    post, path = "/v1/auth/sign-in", request_body = Credentials,
    responses(
        (status = 200, body = SignedIn),
        (status = 401, description = "`auth.invalidCredentials`: they do not belong together; or there were too many wrong passwords and the browser is not known", body = Document),
        (status = 429, description = "`limit.rate`: too many wrong tries", body = Document),
        (status = 503, description = "`unavailable`: too many people are signing in", body = Document),
    ),
)]
pub(super) async fn sign_in(
    State(app): State<App>,
    RemoteAddress(address): RemoteAddress,
    UserAgent(user_agent): UserAgent,
    browser: Browser,
    Body(body): Body<Credentials>,
) -> Result<Welcome, Problem> {
    let email = normal_email(&body.email);
    if body.password.expose().len() > PASSWORD_BYTES_MAX || super::super::fields::email(&email).is_err() {
        return Err(wrong_credentials());
    }
    let attempt = app.throttle.admit(&email, address, browser.devices.clone())?;
    let (found, right) = match find_matching(&app, &attempt, &email, address, body).await {
        Ok(looked) => looked,
        Err(problem) => {
            attempt.take_back();
            return Err(problem);
        }
    };
    let Some(present) = right.first().and_then(|index| found.get(*index)) else {
        attempt.count();
        lockout::count_wrong_password(
            &app,
            found.iter().map(|user| (user.account, user.id)).collect(),
            address,
        );
        return Err(wrong_credentials());
    };
    attempt.forgive();
    let mut tx = app.store.tenant(present.account).await?;
    // Hashing took a while: who was deactivated or got another password meanwhile stays out.
    let hash = users::lock_for_sign_in(&mut tx, present.id).await?;
    if hash.is_none_or(|hash| hash.expose() != present.password_hash.expose()) {
        return Err(wrong_credentials());
    }
    users::forgive_wrong_passwords(&mut tx, present.id).await?;
    let user = users::find(&mut tx, present.id).await?.ok_or_else(wrong_credentials)?;
    let cookie = browser.remember(&app, user.id, &present.password_hash)?;
    Ok((cookie, begin_sign_in(&app, tx, user, address, user_agent.as_ref()).await?))
}

/// The users whom the attempt may be about, and those whose password it is, as indices. It does the same work whoever is found.
async fn find_matching(
    app: &App,
    attempt: &Attempt<'_>,
    email: &str,
    address: Option<IpAddr>,
    Credentials { password, account_id, .. }: Credentials,
) -> Result<(Vec<SignInUser>, Vec<usize>), Problem> {
    let mut found = app.store.system().users_by_email(email).await?;
    let now = app.clock.utc();
    let mut is_somebody_known = false;
    found.retain(|user| {
        let is_locked = user.locked_until.is_some_and(|until| until > now);
        let is_known = app.devices.knows(attempt.devices(), user.id, &user.password_hash);
        is_somebody_known |= is_known;
        account_id.is_none_or(|account| account == user.account) && attempt.may_be(is_known, is_locked)
    });
    let hashes = found.iter().map(|user| user.password_hash.clone()).collect();
    let right = app.passwords.verify(&Asker::at(address).known(is_somebody_known), password, hashes).await?;
    Ok((found, right))
}

fn wrong_credentials() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        ErrorCode::INVALID_CREDENTIALS,
        // Also for who is locked: a stranger must not learn that there is somebody to lock.
        "e-mail address and password do not belong together, or there were too many wrong tries",
    )
}
