//! Problem documents for the store's refusals.

use super::Problem;
use axum::http::StatusCode;
use common::error::ErrorCode;
use store::{channels, conversations, messages, users};

impl From<conversations::UpdateError> for Problem {
    fn from(error: conversations::UpdateError) -> Self {
        match error {
            conversations::UpdateError::NotFound => Self::not_found("conversation"),
            conversations::UpdateError::Store(error) => error.into(),
            impossible @ conversations::UpdateError::Impossible { .. } => {
                Self::new(StatusCode::CONFLICT, ErrorCode::INVALID_TRANSITION, impossible.to_string())
            }
            wrong @ (conversations::UpdateError::UnknownAssignee
            | conversations::UpdateError::UnknownTeam
            | conversations::UpdateError::UnknownLabel
            | conversations::UpdateError::SnoozeTime
            | conversations::UpdateError::TooManyAttributes) => Self::invalid(wrong.to_string()),
        }
    }
}

impl From<messages::ReplyError> for Problem {
    fn from(error: messages::ReplyError) -> Self {
        match error {
            messages::ReplyError::NotFound => Self::not_found("conversation"),
            messages::ReplyError::Store(error) => error.into(),
        }
    }
}

impl From<channels::CreateError> for Problem {
    fn from(error: channels::CreateError) -> Self {
        match error {
            channels::CreateError::Store(error) => error.into(),
            taken @ channels::CreateError::Taken => Self::conflict(taken.to_string()),
        }
    }
}

impl From<users::UpdateError> for Problem {
    fn from(error: users::UpdateError) -> Self {
        match error {
            users::UpdateError::Change(error) => Self::refused("user", error),
            last @ users::UpdateError::LastAdministrator => Self::conflict(last.to_string()),
        }
    }
}

impl From<users::CreateError> for Problem {
    fn from(error: users::CreateError) -> Self {
        match error {
            users::CreateError::Store(error) => error.into(),
            taken @ users::CreateError::EmailTaken => Self::conflict(taken.to_string()),
        }
    }
}
