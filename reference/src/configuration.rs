//! The example of `switchboard.toml`: every setting with its default, and what its doc comment says.

mod source;

use crate::{
    prose,
    repository::{self, Error},
};
use source::Setting;
use std::fmt::Write as _;
use switchboard::config::{Config, OutsideIssuer};
use toml::{Table, Value};

const HEAD: &str = "\
# Every setting of Switchboard with its default; what is optional is commented out. A setting can also come from the
# environment: SWITCHBOARD_HTTP__LISTEN for `listen` in `[http]`.
# Made from the code by `cargo xtask generate`.
";

/// How wide comments are, in characters.
const WIDTH: usize = 115;

/// Each struct of settings, and where it is written.
const STRUCTS: &[(&str, &str, &str)] = &[
    ("Http", "Http", "server/src/config/http.rs"),
    ("SignIn", "SignIn", "server/src/config/http.rs"),
    ("Database", "Database", "server/src/config.rs"),
    ("Redis", "Redis", "server/src/config.rs"),
    ("Auth", "Auth", "server/src/config.rs"),
    ("Vec<OutsideIssuer>", "OutsideIssuer", "server/src/config/issuers.rs"),
    ("Seal", "Seal", "server/src/config.rs"),
    ("signalling::Config", "Config", "signalling/src/config.rs"),
    ("GuestConfig", "GuestConfig", "signalling/src/config.rs"),
    ("sfu::Config", "Config", "sfu/src/config.rs"),
    ("TcpConfig", "TcpConfig", "sfu/src/config.rs"),
    ("RecordingConfig", "RecordingConfig", "sfu/src/config.rs"),
    ("inbox::Config", "Config", "inbox/src/config.rs"),
    ("Graph", "Graph", "inbox/src/config.rs"),
    ("files::Config", "Config", "files/src/config.rs"),
    ("S3", "S3", "files/src/config.rs"),
    ("notifier::Config", "Config", "server/src/notifier/config.rs"),
    ("egress::Config", "Config", "egress/src/config.rs"),
    ("turn_config::TurnConfig", "TurnConfig", "turn-config/src/config.rs"),
    ("Log", "Log", "server/src/config.rs"),
];

pub(crate) fn example() -> Result<String, Error> {
    let unreadable = |error: &dyn std::error::Error| Error::Code(format!("the default settings: {error}"));
    let defaults = Table::try_from(Config::default()).map_err(|error| unreadable(&error))?;
    // No issuer is there by default; what its settings are by default shows one that says nothing but its name.
    let issuer: OutsideIssuer = toml::from_str("name = ''").map_err(|error| unreadable(&error))?;
    let mut issuer = Table::try_from(issuer).map_err(|error| unreadable(&error))?;
    issuer.remove("name");
    let mut example = Example { text: HEAD.to_owned(), issuer };
    for setting in source::settings(&repository::read("server/src/config.rs")?, "Config")? {
        example.section(&setting.name.clone(), &setting, &defaults)?;
    }
    Ok(example.text)
}

struct Example {
    text: String,
    issuer: Table,
}

impl Example {
    /// A section, and those in it.
    fn section(&mut self, path: &str, section: &Setting, around: &Table) -> Result<(), Error> {
        self.text.push('\n');
        self.comment(&section.doc, "# ");
        let _never_fails = writeln!(self.text, "[{path}]");
        let nothing = Table::new();
        let defaults = around.get(&section.name).and_then(Value::as_table).unwrap_or(&nothing);
        let mut sections = Vec::new();
        for setting in members(&section.of_type)? {
            match setting.of_type.as_str() {
                "Vec<OutsideIssuer>" => self.issuers(&setting)?,
                of_type if is_section(of_type) => sections.push(setting),
                _ => self.setting(&setting, defaults)?,
            }
        }
        for setting in sections {
            self.section(&format!("{path}.{}", setting.name), &setting, defaults)?;
        }
        Ok(())
    }

    /// A setting with its default, or commented out with an example.
    fn setting(&mut self, setting: &Setting, defaults: &Table) -> Result<(), Error> {
        let Setting { name, doc, example, of_type } = setting;
        self.comment(doc, "# ");
        let default = match defaults.get(name) {
            Some(value) => Some(literal(value)?),
            // Lists of what cannot be written are empty by default, which a test of the server holds.
            None => of_type.starts_with("Vec<").then(|| "[]".to_owned()),
        };
        match (example, &default) {
            (None, None) => {
                return Err(Error::Code(format!("the setting {name} has neither a default nor an example")));
            }
            (Some(example), _) => {
                let _never_fails = writeln!(self.text, "# {name} = {example}");
            }
            (None, Some(_)) => {}
        }
        if let Some(default) = default {
            let _never_fails = writeln!(self.text, "{name} = {default}");
        }
        Ok(())
    }

    /// The settings of an issuer, all commented out. Those without default or example are said beside another.
    fn issuers(&mut self, issuers: &Setting) -> Result<(), Error> {
        self.comment(&issuers.doc, "# ");
        self.text.push_str("# [[auth.issuers]]\n");
        for Setting { name, doc, example, .. } in members(&issuers.of_type)? {
            let default = self.issuer.get(&name).map(literal).transpose()?;
            if let Some(value) = example.or(default) {
                self.comment(&doc, "#   ");
                let _never_fails = writeln!(self.text, "# {name} = {value}");
            }
        }
        Ok(())
    }

    /// What a doc comment says, in lines of a width that can be read.
    fn comment(&mut self, doc: &str, begin: &str) {
        for paragraph in prose::paragraphs(doc).split("\n\n").filter(|it| !it.is_empty()) {
            let mut line = begin.to_owned();
            for word in words(paragraph) {
                if line.chars().count() + word.chars().count() > WIDTH {
                    let _never_fails = writeln!(self.text, "{}", line.trim_end());
                    begin.clone_into(&mut line);
                }
                line.extend([&word, " "]);
            }
            let _never_fails = writeln!(self.text, "{}", line.trim_end());
        }
    }
}

/// A value as TOML writes it.
fn literal(value: &Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(format!("{text:?}")),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(flag) => Ok(flag.to_string()),
        Value::Array(items) => {
            let items = items.iter().map(literal).collect::<Result<Vec<_>, _>>()?;
            Ok(format!("[{}]", items.join(", ")))
        }
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => {
            Err(Error::Code(format!("no setting is written like {value:?}")))
        }
    }
}

/// The words of a paragraph; what is code is one, however many words it has.
fn words(paragraph: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in paragraph.split(' ') {
        match words.last_mut() {
            Some(code) if code.matches('`').count() % 2 == 1 => code.extend([" ", word]),
            _ => words.push(word.to_owned()),
        }
    }
    words
}

fn is_section(of_type: &str) -> bool {
    STRUCTS.iter().any(|(known, ..)| *known == of_type)
}

fn members(of_type: &str) -> Result<Vec<Setting>, Error> {
    let known = STRUCTS.iter().find(|(known, ..)| *known == of_type);
    let (_, name, path) = known.ok_or_else(|| Error::Code(format!("where is {of_type} written?")))?;
    source::settings(&repository::read(path)?, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That the values are the defaults is held by the server's own tests.
    #[test]
    fn every_setting_is_shown_under_a_sentence_about_it() {
        let example = example().unwrap();
        let lines: Vec<_> = example.lines().collect();
        let mut shown = 0;
        for (number, line) in lines.iter().enumerate() {
            let is_setting = !line.starts_with('#') && line.contains(" = ");
            let above = number.checked_sub(1).map_or("", |above| lines[above]);
            assert!(!is_setting || above.starts_with("# "), "{line} has nothing above it");
            shown += usize::from(is_setting);
        }
        assert!(shown > 70, "{shown}");
    }

    #[test]
    fn what_has_neither_default_nor_example_is_a_mistake() {
        let setting = Setting {
            name: "a".to_owned(),
            of_type: "Option<String>".to_owned(),
            doc: String::new(),
            example: None,
        };
        let mut example = Example { text: String::new(), issuer: Table::new() };
        assert!(example.setting(&setting, &Table::new()).is_err());
    }

    #[test]
    fn comments_are_wrapped_between_words() {
        let mut example = Example { text: String::new(), issuer: Table::new() };
        example.comment(&format!("{}`openssl rand -base64 32`.", "word ".repeat(20)), "# ");
        assert_eq!(example.text.lines().count(), 2);
        assert!(example.text.lines().all(|line| line.len() <= WIDTH));
        assert!(example.text.contains("`openssl rand -base64 32`."), "{}", example.text);
    }
}
