//! Documents and the console: what they link to, name or import is there.

use crate::shell::{Failure, root};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What refers to something that does not exist, one line each.
pub(super) fn check(files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut complaints = Vec::new();
    for path in files {
        let references: fn(&str) -> Vec<String> = match path.extension().and_then(|it| it.to_str()) {
            Some("md") => links_and_names,
            Some("js") if path.starts_with("web") => imports,
            Some("html") if path.starts_with("web") => attributes,
            _ => continue,
        };
        let text = fs::read_to_string(root().join(path))?;
        for reference in references(&text) {
            let beside = path.parent().unwrap_or(Path::new("")).join(&reference);
            // Documents name files from the root, pages from where they are served.
            let from = [beside, PathBuf::from(&reference), Path::new("web").join(&reference)];
            if !from.iter().any(|it| root().join(it).exists()) {
                complaints.push(format!("{}: there is no {reference}", path.display()));
            }
        }
    }
    Ok(complaints)
}

/// Relative links, and paths of files in backticks.
fn links_and_names(text: &str) -> Vec<String> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
    let links = links.filter(|link| !link.is_empty() && !link.contains(':')).map(str::to_owned);
    let names = text.split('`').skip(1).step_by(2).filter(|name| is_file_name(name)).flat_map(expanded);
    links.chain(names).collect()
}

/// A path with a directory and an ending of ours.
fn is_file_name(text: &str) -> bool {
    let is_path = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-{,}".contains(&byte));
    let has_ending =
        [".rs", ".md", ".sql", ".toml", ".js", ".svg"].iter().any(|ending| text.ends_with(ending));
    is_path && has_ending && text.contains('/') && !text.starts_with('/')
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn expanded(name: &str) -> Vec<String> {
    let Some((before, rest)) = name.split_once('{') else { return vec![name.to_owned()] };
    let Some((choices, after)) = rest.split_once('}') else { return vec![name.to_owned()] };
    choices.split(',').map(|choice| format!("{before}{choice}{after}")).collect()
}

/// What a module imports by a relative path.
fn imports(text: &str) -> Vec<String> {
    let after = ["from \"", "import \"", "import(\""].into_iter().flat_map(|word| text.split(word).skip(1));
    let names = after.filter_map(|rest| rest.split('"').next());
    names.filter(|name| name.starts_with('.')).map(|name| name.trim_start_matches("./").to_owned()).collect()
}

/// What a page loads from where it comes from.
fn attributes(text: &str) -> Vec<String> {
    let after = ["src=\"", "href=\""].into_iter().flat_map(|word| text.split(word).skip(1));
    let names = after.filter_map(|rest| rest.split(['"', '#', '?']).next());
    let names = names.filter(|name| !name.is_empty() && !name.contains(':'));
    names.map(|name| name.trim_start_matches(['.', '/']).to_owned()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_file_names_are_found_and_addresses_are_not() {
        let text = "[a](docs/A.md#b) [c](https://d) `store/src/{a,b}.rs` `/v1/ws` `cargo test` `lib.rs`";
        assert_eq!(links_and_names(text), ["docs/A.md", "store/src/a.rs", "store/src/b.rs"]);
    }

    #[test]
    fn imports_of_a_module_are_found() {
        assert_eq!(imports("import { a } from \"./a.js\";\nimport \"./b/c.js\";"), ["a.js", "b/c.js"]);
    }
}
