//! The table of what is limited, as `docs/LIMITS.md` has it.

use crate::{api, http, notifier};
use common::limit::Limit;
use std::fmt::Write as _;

/// Every part with its limits, in the order of the document. A crate that lists its own joins here.
pub fn parts() -> Vec<(&'static str, Vec<Limit>)> {
    vec![
        ("Connections and HTTP", http::limits()),
        ("REST and signing in", api::limits()),
        ("The hub", signalling::limits()),
        ("Media", sfu::limits()),
        ("Customers' messages", inbox::limits()),
        ("Files of room messages", files::limits()),
        ("Notifications", notifier::limits()),
        ("What goes out", egress::limits()),
    ]
}

/// The table of every limit, as docs/LIMITS.md has it.
pub fn document() -> String {
    let mut text = String::from(
        "# Limits\n\n\
         What is limited, by how much, and what becomes of what passes it. \
         This document is made from the code: `cargo xtask generate` writes it, \
         and a test compares the two.\n\n\
         A client network is one IPv4 address, or the 64 bits of IPv6 that a provider hands out as one. \
         A limit without a setting is fixed. Limits hold for each instance unless they say otherwise.\n",
    );
    for (part, limits) in parts() {
        let _never_fails =
            write!(text, "\n## {part}\n\n| What | Default | Setting | Beyond it |\n|---|---|---|---|\n");
        for Limit { what, default, setting, answer } in limits {
            let setting = setting.map(|name| format!("`{name}`")).unwrap_or_default();
            let _never_fails = writeln!(text, "| {what} | {default} | {setting} | {answer} |");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EXAMPLE;

    #[test]
    fn every_setting_that_is_named_exists() {
        let example: toml::Table = EXAMPLE.parse().unwrap();
        for (_, limits) in parts() {
            for name in limits.iter().filter_map(|limit| limit.setting) {
                let (section, setting) = name.rsplit_once('.').unwrap();
                let place =
                    section.split('.').try_fold(&example, |table, step| table[step].as_table()).unwrap();
                assert!(place.contains_key(setting), "{name}");
            }
        }
    }
}
