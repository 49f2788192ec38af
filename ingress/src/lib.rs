//! Parts that all incoming requests share, whichever role serves them.
//!
//! An [`Authenticator`] finds out who calls, a [`Budget`] bounds what their bodies may take of memory, and a
//! [`Problem`] tells them what went wrong. The listener says through request extensions what a handler must know
//! of the connection: [`Accepted`], [`TakeApart`]. The counterpart of `egress`, through which everything goes out.

mod accepted;
mod authenticator;
mod budget;
mod file;
mod handover;
mod problem;

pub use accepted::Accepted;
pub use authenticator::{Authenticated, AuthenticatedBearer, Authenticator, KEY_PREFIX, bearer, hash_of_key};
pub use budget::{BEGINNING_BYTES, Budget, Reserved};
pub use file::file_headers;
pub use handover::{Socket, TakeApart};
pub use problem::{Problem, method_not_allowed};
