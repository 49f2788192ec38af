//! Doc comments as prose.

/// The text of a doc comment whose lines begin with a space: paragraphs, each on one line, apart by an empty one.
/// Links to items of the code are their names.
pub(crate) fn paragraphs(doc: &str) -> String {
    let mut text = String::new();
    for line in doc.lines().map(str::trim) {
        match (line.is_empty(), text.ends_with('\n') || text.is_empty()) {
            (true, _) => text.push_str("\n\n"),
            (false, true) => text.push_str(line),
            (false, false) => text.extend([" ", line]),
        }
    }
    without_links(text.trim())
}

/// The same on one line.
pub(crate) fn line(doc: &str) -> String {
    paragraphs(doc).replace("\n\n", " ")
}

/// ``[`name`]`` and ``[`name`](path)`` become `` `name` ``.
fn without_links(text: &str) -> String {
    let mut parts = text.split("[`");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push('`');
        match part.split_once("`]") {
            Some((name, rest)) => {
                plain.extend([name.rsplit("::").next().unwrap_or(name), "`"]);
                let rest = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
                    Some((_, after)) => after,
                    None => rest,
                };
                plain.push_str(rest);
            }
            None => plain.push_str(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_paragraph_are_joined_and_links_are_names() {
        let doc = " One\n two, see [`crate::text`].\n\n Three [`four`](super::four) five.\n";
        assert_eq!(paragraphs(doc), "One two, see `text`.\n\nThree `four` five.");
        assert_eq!(line(doc), "One two, see `text`. Three `four` five.");
    }
}
