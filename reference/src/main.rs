//! Writes every file of the repository that is made from the code: `cargo xtask generate`.
//!
//! [`files`] lists them, [`repository`] is where they are; a test compares each with what is committed. [`asyncapi`] describes the wire protocol from
//! the types of `common::protocol` and from [`examples`] of each message, [`markdown`] writes it for people,
//! [`typescript`] for the console and other clients, [`configuration`] the example of `switchboard.toml` from the doc
//! comments of the settings. [`schema`] reads JSON Schema, [`prose`] doc comments. `spelling`, in the tests, holds all names
//! on the wire to one rule, `walkthrough` the frames of docs/WALKTHROUGH.md to those types.
//!
//! It is a crate of its own because it needs all of the server and a JSON parser, which `xtask` has not, and
//! because nobody who runs a server needs it.

mod asyncapi;
mod configuration;
mod examples;
mod files;
mod markdown;
mod prose;
mod repository;
mod schema;
#[cfg(test)]
mod spelling;

mod typescript;
#[cfg(test)]
mod walkthrough;

use std::{
    fs,
    io::{self, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    let outcome = files::all().and_then(|files| {
        for file in files {
            fs::write(repository::root().join(file.path), file.text)
                .map_err(|source| repository::Error::File { path: file.path, source })?;
        }
        Ok(())
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _closed = writeln!(io::stderr(), "reference: {error}");
            ExitCode::FAILURE
        }
    }
}
