//! Ending the sign-in that one has the refresh token of.

use super::{
    super::{
        App,
        extract::{Body, RemoteAddress},
        hub,
        problem::Problem,
    },
    Refresh, audit_record, hash_of,
};
use axum::{extract::State, http::StatusCode};
use common::{revocation::Ended, subject::hub::ConnectionSelector};
use store::{
    audit::{self, Actor, Object},
    sign_ins,
};

/// Ends a sign-in, with its access tokens and its connections to the hub: what it writes is refused at once,
/// what it reads within five seconds.
///
/// A token that is good for nothing is no error: the wish is fulfilled.
#[utoipa::path(
    post, path = "/v1/auth/sign-out", request_body = Refresh,
    responses((status = 204, description = "Signed out")),
)]
pub(super) async fn sign_out(
    State(app): State<App>,
    RemoteAddress(address): RemoteAddress,
    Body(body): Body<Refresh>,
) -> Result<StatusCode, Problem> {
    let token = hash_of(body.refresh_token.expose());
    if let Some(account) = app.store.system().account_of_refresh_token(&token).await? {
        let mut tx = app.store.tenant(account).await?;
        if let Some((user, sign_in)) = sign_ins::revoke_by_token(&mut tx, &token, &*app.clock).await? {
            let record = audit_record(Actor::User(user), address, "signIn.ended", Object::SignIn(sign_in));
            audit::record(&mut tx, &record, &*app.clock).await?;
            tx.commit().await?;
            app.ended([Ended::SignIn(sign_in)]).await;
            hub::disconnect_if_reached(&app, account, ConnectionSelector::SignIn(sign_in)).await;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}
