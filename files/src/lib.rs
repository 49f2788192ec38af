//! Files of room messages: what they are, where they are kept, their thumbnails and links. And those of recordings,
//! which are kept in the same place.
//!
//! A file comes in as an [`Incoming`], which bounds and hashes it and keeps it in a temporary file, gone with it. What
//! it is, is told from its bytes alone ([`Kind`]). Then [`Files`] puts it into the object storage, a folder or a bucket
//! that is S3-compatible, under a key made of the account's and the file's ids; if it is a picture, with a smaller one
//! ([`Preview`]). Whoever may see it is given a [`Link`] that is good for some minutes.
//!
//! Knows neither accounts' rows nor HTTP requests: those are `store` and `server`.

mod config;
mod incoming;
mod kind;
mod limits;
mod link;
mod objects;
mod outgoing;
mod picture;

pub use config::{Config, S3};
pub use incoming::{Incoming, Received, Refused};
pub use kind::Kind;
pub use limits::limits;
pub use link::{Link, Links, Variant};
pub use objects::{FileError, Files, OpenError, Opened};
pub use picture::{Preview, THUMBNAIL_TYPE};
