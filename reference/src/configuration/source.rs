//! Reads structs of settings in Rust sources, which rustfmt has given one form.

use crate::repository::Error;

/// What a doc comment begins a line with that is an example and no sentence.
const EXAMPLE: &str = "Example: `";

/// A public field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its name in Rust, which is the one in TOML.
    pub(super) name: String,
    /// Its type, as it is written.
    pub(super) of_type: String,
    /// What its doc comment says, a line each.
    pub(super) doc: String,
    /// The value that its doc comment gives as an example, as TOML has it.
    pub(super) example: Option<String>,
}

/// The fields of a struct.
pub(super) fn settings(source: &str, name: &str) -> Result<Vec<Setting>, Error> {
    let begin = format!("\npub struct {name} {{\n");
    let missing = || Error::Code(format!("there is no struct {name}"));
    let (_, rest) = source.split_once(&begin).ok_or_else(missing)?;
    let (body, _) = rest.split_once("\n}").ok_or_else(missing)?;
    let mut settings = Vec::new();
    let (mut doc, mut example) = (String::new(), None);
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            match text.trim().strip_prefix(EXAMPLE) {
                Some(value) => example = Some(value.trim_end_matches('`').to_owned()),
                None => doc.extend([text, "\n"]),
            }
        } else if let Some((name, of_type)) = line.strip_prefix("pub ").and_then(|line| line.split_once(": "))
        {
            settings.push(Setting {
                name: name.to_owned(),
                of_type: of_type.trim_end_matches(',').to_owned(),
                doc: std::mem::take(&mut doc),
                example: example.take(),
            });
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_with_their_comments_and_examples() {
        let source = "\n/// It.\npub struct Other {\n    pub a: u8,\n}\n\npub struct Redis {\n    /// The URL;\n    /// without it none.\n    ///\n    \
            /// Example: `\"redis://redis\"`\n    #[serde(skip_serializing)]\n    pub url: Option<Secret>,\n    /// A word.\n    pub prefix: String,\n}\n";
        let settings = settings(source, "Redis").unwrap();
        assert_eq!(settings.len(), 2);
        assert_eq!(settings[0].example.as_deref(), Some("\"redis://redis\""));
        assert_eq!(
            (settings[0].doc.as_str(), settings[0].of_type.as_str()),
            (" The URL;\n without it none.\n\n", "Option<Secret>")
        );
        assert_eq!((settings[1].name.as_str(), &settings[1].example), ("prefix", &None));
        assert!(super::settings(source, "Gone").is_err());
    }
}
