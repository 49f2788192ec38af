//! The people of the account.

mod create;
mod disconnect;
mod get;
mod list;
mod me;
mod password;
mod update;

use super::{
    SECRETS_BYTES_MAX,
    caller::Caller,
    problem::Problem,
    routes::{Routes, endpoints},
};
use axum::http::StatusCode;
use common::{
    error::ErrorCode,
    permission::{Permission, Permissions},
};

pub(super) fn routes() -> Routes {
    Routes::of("users", "The people of the account.")
        .any_caller(endpoints![password::change_password])
        .body_bytes_max(SECRETS_BYTES_MAX)
        .any_caller(endpoints![me::get_me])
        .needs(Permission::UsersRead, endpoints![list::list, get::get])
        .needs(
            Permission::UsersManage,
            endpoints![create::create, update::update, disconnect::disconnect_user],
        )
}

/// Refuses to give permissions that the caller does not have, or has for a while only.
pub(super) fn may_give(caller: &Caller, permissions: Permissions) -> Result<(), Problem> {
    if caller.lasting().includes(permissions) {
        return Ok(());
    }
    let detail = "this would reach further than your own permissions";
    Err(Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail))
}
