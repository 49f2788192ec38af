//! Staying signed in.

use super::{
    super::{
        App,
        extract::Body,
        hub,
        problem::{Document, Problem},
    },
    Answer, Refresh, SignedIn, hash_of, new_token, signed_in, wrong_token,
};
use axum::{extract::State, http::StatusCode};
use common::{error::ErrorCode, revocation::Ended, subject::hub::ConnectionSelector};
use store::{
    elevations,
    sign_ins::{self, Rotation},
    users,
};
use tracing::warn;

/// Exchanges a refresh token for a new pair of tokens.
///
/// Within ten seconds it may be presented again, by a second tab or because the answer was lost, as long as no
/// successor of it was used: each gets a pair of its own, and the first that is used replaces the others.
/// Otherwise who presents it a second time has stolen it, or was stolen from, and the sign-in is over.
#[utoipa::path(
    post, path = "/v1/auth/refresh", request_body = Refresh,
    responses(
        (status = 200, body = SignedIn),
        (status = 401, description = "`auth.invalidToken`; or `auth.refreshReused`: the sign-in is over", body = Document),
    ),
)]
pub(super) async fn refresh_tokens(
    State(app): State<App>,
    Body(body): Body<Refresh>,
) -> Result<Answer, Problem> {
    let old = hash_of(body.refresh_token.expose());
    let account = app.store.system().account_of_refresh_token(&old).await?.ok_or_else(wrong_token)?;
    let refresh_token = new_token()?;
    let mut tx = app.store.tenant(account).await?;
    let rotation = sign_ins::rotate(&mut tx, &old, &hash_of(&refresh_token), &*app.clock).await?;
    let user = match rotation {
        Rotation::Rotated { user, .. } => {
            users::find(&mut tx, user).await?.filter(|user| user.deactivated_at.is_none())
        }
        Rotation::Reused { .. } | Rotation::Invalid => None,
    };
    let elevated = match &user {
        Some(user) => elevations::active(&mut tx, user.id, &*app.clock).await?,
        None => None,
    };
    // Also after a reuse: that the sign-in is over must last.
    tx.commit().await?;
    match (rotation, user) {
        (Rotation::Rotated { sign_in, .. }, Some(user)) => {
            signed_in(&app, user, elevated, sign_in, refresh_token)
        }
        (Rotation::Reused { sign_in }, _) => {
            warn!(account.id = %account, sign_in.id = %sign_in, "A refresh token was used twice; its sign-in is revoked");
            app.ended([Ended::SignIn(sign_in)]).await;
            hub::disconnect_if_reached(&app, account, ConnectionSelector::SignIn(sign_in)).await;
            Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                ErrorCode::REFRESH_REUSED,
                "this token was used before; sign in again",
            ))
        }
        (Rotation::Rotated { .. } | Rotation::Invalid, _) => Err(wrong_token()),
    }
}
