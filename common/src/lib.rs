//! The words every part of Switchboard shares. Pure: no tokio, no sockets.
//!
//! Read in this order: an [`id`] names a thing, an [`error`] code says stably
//! what went wrong, a [`Chain`](error::Chain) why and a [`problem`] document both, a [`secret`] cannot be printed, a [`clock`] tells the time
//! when asked, [`chance`] spreads what would happen at once. A [`token`] says who is calling, a
//! [`permission`] what that one may do, and a [`guest`] may enter one room; whose id it is says an [`identity`], what decides who enters a [`room`]; a
//! [`revocation`] ends that before its time. [`protocol`] is what clients
//! and server say to each other over `/v1/ws`; [`subject`] is what the parts of
//! the server say to each other over the bus. A [`recording`]'s manifest says what of a call lies in which file. An [`address`] says from where a client comes, a [`limit`]
//! what it may not pass, a [`bucket`] how often it may do something, a [`backoff`] how soon to try again, a [`page`]'s cursor where a list goes on,
//! [`text`] what may be said, and [`emoji`] with what one may react to it.

pub mod address;
pub mod backoff;
pub mod bucket;
pub mod chance;
pub mod clock;
pub mod emoji;
pub mod error;
pub mod guest;
pub mod id;
pub mod identity;
pub mod limit;
pub mod page;
pub mod permission;
pub mod problem;
pub mod protocol;
pub mod recording;
pub mod revocation;
pub mod room;
pub mod room_event;
pub mod room_name;
pub mod secret;
pub mod session_record;
pub mod statistics;
pub mod subject;
pub mod text;
pub mod token;
