//! The example of `switchboard.toml`.
use crate::files::Error;
pub(crate) fn example() -> Result<String, Error> {
    crate::files::read("server/switchboard.example.toml")
}
