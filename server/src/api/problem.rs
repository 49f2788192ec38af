//! Errors as clients get them, for handlers and their reference.

pub(super) use common::problem::Document;
pub use ingress::Problem;
