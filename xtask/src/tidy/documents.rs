//! Documents and the console: what they link to, name or import is there.

mod imports;

use crate::shell::Failure;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What was looked at, and what is wrong with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// References to something that does not exist, one line each.
    pub(super) complaints: Vec<String>,
    /// Links, attributes and names of files that were looked up.
    pub(super) references: usize,
    /// Imports that were looked up.
    pub(super) imports: usize,
}

/// Follows every reference in documents, pages and modules.
pub(super) fn check(root: &Path, files: &[PathBuf]) -> Result<Report, Failure> {
    let mut report = Report::default();
    for path in files {
        let is_web = path.starts_with("web");
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        let read = || fs::read_to_string(root.join(path));
        match extension {
            "md" => report.follow(root, path, &links_and_names(&read()?)),
            "html" if is_web => report.follow(root, path, &attributes(&read()?)),
            "js" if is_module(path) => report.follow_imports(root, path, &read()?),
            _ => {}
        }
    }
    // A reader that finds no import any more is broken, not the console without any.
    let modules = files.iter().filter(|path| is_module(path));
    if modules.count() > 1 && report.imports == 0 {
        report.complaints.push("web: there are modules, and none was seen to import another".to_owned());
    }
    Ok(report)
}

/// What browsers run: the console, and the client library.
fn is_module(path: &Path) -> bool {
    let is_served = ["web/js", "web/client/src"].iter().any(|served| path.starts_with(served));
    is_served && path.extension().is_some_and(|it| it == "js")
}

impl Report {
    /// Documents name files from the root, pages from where they are served.
    fn follow(&mut self, root: &Path, path: &Path, references: &[String]) {
        for reference in references {
            let beside = path.parent().unwrap_or(Path::new("")).join(reference);
            let from = [beside, PathBuf::from(reference), Path::new("web").join(reference)];
            if !from.iter().any(|it| root.join(it).exists()) {
                self.complaints.push(format!("{}: there is no {reference}", path.display()));
            }
            self.references += 1;
        }
    }

    /// Browsers know no other place than beside the module or under the site's root.
    fn follow_imports(&mut self, root: &Path, path: &Path, text: &str) {
        let imports = imports::read(text);
        if imports.named.len() < imports.statements {
            let (seen, read) = (imports.statements, imports.named.len());
            self.complaints.push(format!("{}: of {seen} imports only {read} can be read", path.display()));
        }
        for name in imports.named {
            let target = match name.strip_prefix('/') {
                Some(name) => Some(Path::new("web").join(name)),
                None if name.starts_with("./") || name.starts_with("../") => {
                    Some(path.parent().unwrap_or(Path::new("")).join(&name))
                }
                None => None,
            };
            match target {
                Some(target) if root.join(&target).is_file() => {}
                // Types that there are, of a module that there is not: named in comments.
                Some(target) if root.join(target.with_extension("d.ts")).is_file() => {}
                Some(_) => self.complaints.push(format!("{}: there is no {name}", path.display())),
                None => self
                    .complaints
                    .push(format!("{}: {name} is not a path that browsers find", path.display())),
            }
            self.imports += 1;
        }
    }
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

/// What a page loads from where it comes from.
fn attributes(text: &str) -> Vec<String> {
    let after = ["src=", "href="].into_iter().flat_map(|word| text.split(word).skip(1));
    let names = after.filter_map(|rest| {
        let quote = rest.chars().next().filter(|it| matches!(it, '"' | '\''))?;
        rest.get(1..)?.split([quote, '#', '?']).next()
    });
    let names = names.filter(|name| !name.is_empty() && !name.contains(':'));
    names.map(|name| name.trim_start_matches(['.', '/']).to_owned()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::planted::Tree;

    fn complaints(tree: &Tree) -> Vec<String> {
        check(tree.root(), &tree.files()).unwrap().complaints
    }

    #[test]
    fn links_and_file_names_are_found_and_addresses_are_not() {
        let text = "[a](docs/A.md#b) [c](https://d) `store/src/{a,b}.rs` `/v1/ws` `cargo test` `lib.rs`";
        assert_eq!(links_and_names(text), ["docs/A.md", "store/src/a.rs", "store/src/b.rs"]);
    }

    /// The same tree without the fault has none: it is the fault that is found.
    #[test]
    fn a_broken_import_is_found_in_whatever_form_and_quotes() {
        for import in [
            "import { a } from '../b/gone.js';",
            "import { a } from \"./gone.js\";",
            "import './gone.js';",
            "import{a}from'./gone.js';",
            "import {\n  a,\n  b,\n} from './gone.js';",
            "export { a } from './gone.js';",
            "export * from './gone.js';",
            "const a = await import('./gone.js');",
            "const a = await import( `./gone.js` );",
            "import { a } from '/js/gone.js';",
            "import { a } from 'web/js/here.js';",
        ] {
            let tree = Tree::of(&[("web/js/main.js", "import './here.js';\n"), ("web/js/here.js", "")]);
            assert_eq!(complaints(&tree), [""; 0]);
            tree.plant("web/js/here.js", &format!("{import}\n"));
            assert_eq!(complaints(&tree).len(), 1, "{import}");
        }
    }

    #[test]
    fn types_are_imported_by_the_name_of_a_module_that_need_not_be() {
        let import = "/** @type {import('../protocol.js').Room} */\n";
        let tree = Tree::of(&[("web/client/src/a.js", import), ("web/client/protocol.d.ts", "")]);
        assert_eq!(complaints(&tree), [""; 0]);
        tree.remove("web/client/protocol.d.ts");
        assert_eq!(complaints(&tree).len(), 1);
    }

    #[test]
    fn an_import_that_the_reader_cannot_read_is_a_complaint_and_not_a_silence() {
        let tree = Tree::of(&[
            ("web/js/main.js", "import './here.js';\nimport x from here;\n"),
            ("web/js/here.js", ""),
        ]);
        assert_eq!(complaints(&tree), ["web/js/main.js: of 2 imports only 1 can be read"]);
        let tree = Tree::of(&[("web/js/main.js", "let a;\n"), ("web/js/here.js", "")]);
        assert_eq!(complaints(&tree).len(), 1, "modules without any import");
    }

    #[test]
    fn a_broken_link_name_or_attribute_is_found() {
        let whole = [
            ("README.md", "[a](docs/A.md) `src/a.rs`\n"),
            ("docs/A.md", "text\n"),
            ("src/a.rs", ""),
            ("web/index.html", "<link href='app.css'><script src=\"/js/main.js\"></script>"),
            ("web/app.css", ""),
            ("web/js/main.js", ""),
        ];
        let tree = Tree::of(&whole);
        assert_eq!(check(tree.root(), &tree.files()).unwrap(), Report { references: 4, ..Report::default() });
        for gone in ["docs/A.md", "src/a.rs", "web/app.css", "web/js/main.js"] {
            let tree = Tree::of(&whole);
            tree.remove(gone);
            assert_eq!(complaints(&tree).len(), 1, "{gone}");
        }
    }

    /// The count that was 0 once: the console has about a hundred.
    #[test]
    fn the_consoles_imports_are_read() {
        let root = crate::shell::root();
        let report = check(&root, &crate::tidy::files(&root).unwrap()).unwrap();
        assert_eq!(report.complaints, [""; 0]);
        assert!(report.imports > 80 && report.references > 30, "{report:?}");
    }
}
