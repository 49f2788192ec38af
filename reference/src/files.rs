//! The files that are made from the code, each with the text that it should have.

use crate::{
    asyncapi, configuration, markdown,
    repository::{Error, read},
    typescript,
};

/// A file of the repository that is made from the code.
#[derive(Debug)]
pub(crate) struct File {
    /// Where it is, from the root of the repository.
    pub(crate) path: &'static str,
    /// What it should say.
    pub(crate) text: String,
}

/// Every file, as it should be.
pub(crate) fn all() -> Result<Vec<File>, Error> {
    let asyncapi = asyncapi::document()?;
    Ok(vec![
        File { path: "docs/asyncapi.json", text: format!("{asyncapi:#}\n") },
        File {
            path: "docs/PROTOCOL.md",
            text: markdown::protocol(&read("docs/PROTOCOL.md")?, switchboard::api::openapi())?,
        },
        File { path: "docs/PROTOCOL-REFERENCE.md", text: markdown::reference(&asyncapi)? },
        File { path: "docs/LIMITS.md", text: switchboard::limits::document() },
        File { path: "server/switchboard.example.toml", text: configuration::example()? },
        File { path: "web/client/protocol.d.ts", text: typescript::protocol_module(&asyncapi) },
        File {
            path: "web/types/api.d.ts",
            text: typescript::module(&asyncapi, switchboard::api::openapi(), "../client/protocol.js")?,
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_made_from_the_code_is_stale() {
        for File { path, text } in all().unwrap() {
            let committed = read(path).unwrap_or_default();
            let line = committed.lines().zip(text.lines()).position(|(one, other)| one != other);
            assert!(
                committed == text,
                "{path} is stale (line {line:?}): run `cargo xtask generate` and commit it"
            );
        }
    }
}
