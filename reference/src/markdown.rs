//! The protocol for people: the tables of docs/PROTOCOL.md, and all of docs/PROTOCOL-REFERENCE.md.

use crate::{
    examples,
    prose::{line, paragraphs},
    repository::Error,
    schema::{self, Member},
};
use common::{
    error::ErrorCode,
    protocol::{Event, GuestNeeds, Needs, Request, close, feed::Table},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt::Write as _};

const HEAD: &str = "# Protocol reference

Every method, event and object of `/v1/ws`, made from the types that the server reads and writes: `cargo xtask \
generate` writes this page, and a test compares the two. How they work together is told in [PROTOCOL.md](PROTOCOL.md). \
The same as AsyncAPI 3.0: [asyncapi.json](asyncapi.json), which a server also serves at `/v1/asyncapi.json`; as \
TypeScript: `web/client/protocol.d.ts`.

A member with a question mark may be absent. Types are written as TypeScript has them; `Uuid` is a string (RFC 9562), \
`Time` one, too (RFC 3339, UTC). Members that this page does not name may be added at any time: ignore them.
";

/// The member that only messages in events have: a row names what it leaves out in `omitted`.
const CUT: &str = "truncated";

/// `docs/PROTOCOL.md` with its tables written anew; its prose stays.
pub(crate) fn protocol(text: &str, openapi: &Value) -> Result<String, Error> {
    let tables = [
        ("methods", methods()),
        ("events", events()),
        ("close codes", close_codes()),
        ("error codes", error_codes()),
        ("rows", rows(openapi)?),
    ];
    let mut text = text.to_owned();
    for (name, table) in tables {
        let begin = format!("<!-- generated: {name} -->\n");
        let missing = || Error::Code(format!("docs/PROTOCOL.md has no place for its {name}"));
        let (before, rest) = text.split_once(&begin).ok_or_else(missing)?;
        let (_, after) = rest.split_once("<!-- end -->").ok_or_else(missing)?;
        text = format!("{before}{begin}\n{table}\n<!-- end -->{after}");
    }
    Ok(text)
}

fn methods() -> String {
    let mut table = "| method | does | a person needs | a guest needs |\n|---|---|---|---|\n".to_owned();
    for method in Request::described() {
        let (person, guest) = needs(method.needs);
        let (name, anchor) = (method.name, anchor(method.name));
        let doc = line(method.doc);
        let _never_fails =
            writeln!(table, "| [`{name}`](PROTOCOL-REFERENCE.md#{anchor}) | {doc} | {person} | {guest} |");
    }
    table
}

fn events() -> String {
    let mut table = "| event | says |\n|---|---|\n".to_owned();
    for event in Event::described() {
        let (name, anchor, doc) = (event.name, anchor(event.name), line(event.doc));
        let _never_fails = writeln!(table, "| [`{name}`](PROTOCOL-REFERENCE.md#event-{anchor}) | {doc} |");
    }
    table
}

fn close_codes() -> String {
    let mut table = "| code | meaning | reconnect |\n|---|---|---|\n".to_owned();
    for code in close::ALL {
        let _never_fails = writeln!(table, "| {} | {} | {} |", code.number, line(code.doc), code.reconnect);
    }
    table
}

fn error_codes() -> String {
    let mut table = "| code | meaning |\n|---|---|\n".to_owned();
    for (code, doc) in ErrorCode::ALL.iter().zip(ErrorCode::MEANINGS) {
        let _never_fails = writeln!(table, "| `{}` | {} |", code.as_str(), line(doc));
    }
    table
}

/// What can be followed, with the members of its rows as the REST layer's document has them.
fn rows(openapi: &Value) -> Result<String, Error> {
    let mut table = "| table | needs | a row is | its members |\n|---|---|---|---|\n".to_owned();
    for it in Table::ALL {
        let (name, needs, row) = (it.as_str(), it.permission().as_str(), it.row());
        let members = openapi.pointer(&format!("/components/schemas/{row}/properties"));
        let members = members.and_then(Value::as_object);
        let members = members.ok_or_else(|| Error::Code(format!("the REST layer knows no {row}")))?;
        let members = members.keys().filter(|member| !(*it == Table::Messages && *member == CUT));
        let members: Vec<_> = members.map(|member| format!("`{member}`")).collect();
        let _never_fails = writeln!(table, "| `{name}` | `{needs}` | `{row}` | {} |", members.join(" "));
    }
    Ok(table)
}

/// What a person and a guest must be allowed, in words.
pub(crate) fn needs(needs: Needs) -> (String, String) {
    let person = needs.permission.map_or("–".to_owned(), |it| format!("`{}`", it.as_str()));
    let guest = match needs.guest {
        GuestNeeds::Nothing => "–".to_owned(),
        GuestNeeds::Right(right) => format!("`{}`", json!(right).as_str().unwrap_or_default()),
        GuestNeeds::Person => "not for guests".to_owned(),
    };
    (person, guest)
}

/// `docs/PROTOCOL-REFERENCE.md`, from the AsyncAPI document.
pub(crate) fn reference(asyncapi: &Value) -> Result<String, Error> {
    let schemas = schema::at(asyncapi, "/components/schemas");
    let mut page = Page { schemas, text: HEAD.to_owned(), shared: BTreeSet::new() };
    page.text.push_str("\n## Methods\n");
    for method in Request::described() {
        let (person, guest) = needs(method.needs);
        let (name, doc) = (method.name, paragraphs(method.doc));
        page.say(&format!("### `{name}`\n\n{doc}"));
        page.say(&format!("A person needs: {person}. A guest needs: {guest}."));
        page.object("Parameters", &method.params.name);
        page.object("Result", &method.result.name);
        page.say(&format!("```json\n{}\n```", examples::exchange(&method)?));
    }
    page.text.push_str("\n## Events\n");
    for event in Event::described() {
        let (name, doc) = (event.name, paragraphs(event.doc));
        page.say(&format!("### Event `{name}`\n\n{doc}"));
        page.object("Parameters", &event.params.name);
        page.say(&format!("```json\n{}\n```", examples::pushed(name)?));
    }
    page.text.push_str("\n## Errors\n");
    page.say("Every method may be answered with one of these; the codes are in [PROTOCOL.md](PROTOCOL.md#error-codes).");
    page.object("Members of `error`", "Failure");
    page.say(&format!("```json\n{}\n```", examples::failure()));
    page.text.push_str("\n## Objects\n");
    page.objects();
    Ok(page.text)
}

struct Page<'a> {
    schemas: &'a Value,
    text: String,
    /// Objects that tables have named, and that have a section of their own at the end.
    shared: BTreeSet<String>,
}

impl Page<'_> {
    fn say(&mut self, paragraph: &str) {
        self.text.extend(["\n", paragraph, "\n"]);
    }

    /// The members of an object that has no section of its own.
    fn object(&mut self, title: &str, name: &str) {
        let schema = &self.schemas[name];
        let members = schema::members(schema);
        if members.is_empty() {
            self.say(&format!("{title}: none."));
        } else {
            self.say(&format!("{title}:"));
            self.table(&members);
        }
    }

    fn table(&mut self, members: &[Member<'_>]) {
        let mut table = "| member | type | meaning |\n|---|---|---|\n".to_owned();
        for member in members {
            let mark = if member.is_required { "" } else { "?" };
            let of_type = self.type_of(member.schema).replace('|', "\\|");
            let meaning = line(schema::description(member.schema)).replace('|', "\\|");
            let _never_fails = writeln!(table, "| `{}{mark}` | {of_type} | {meaning} |", member.name);
        }
        self.say(table.trim_end());
    }

    /// The type of a value. Ids, times and sets of words say themselves; objects have a section.
    fn type_of(&mut self, schema: &Value) -> String {
        let is_of = |format| schema["format"] == format;
        match () {
            () if is_of("uuid") => return "Uuid".to_owned(),
            () if is_of("date-time") && schema["type"].is_array() => return "Time | null".to_owned(),
            () if is_of("date-time") => return "Time".to_owned(),
            () => {}
        }
        let shared = std::cell::RefCell::new(BTreeSet::new());
        let text = schema::type_of(schema, &|name| {
            let target = &self.schemas[name];
            match target["format"].as_str() {
                Some("uuid") => return "Uuid".to_owned(),
                _ if target["enum"].is_array() || target["type"] == "string" => {
                    return schema::type_of(target, &str::to_owned);
                }
                _ => {}
            }
            shared.borrow_mut().insert(name.to_owned());
            format!("[{name}](#{})", name.to_lowercase())
        });
        self.shared.extend(shared.into_inner());
        text
    }

    /// A section for each object that was named, those named in sections among them.
    fn objects(&mut self) {
        let mut written = BTreeSet::new();
        while let Some(name) = self.shared.difference(&written).next().cloned() {
            let schema = &self.schemas[&name];
            let doc = paragraphs(schema::description(schema));
            self.say(&format!("### {name}\n\n{doc}"));
            match schema::forms(schema) {
                Some(forms) => forms.iter().for_each(|form| self.form(form)),
                None => self.table(&schema::members(schema)),
            }
            written.insert(name);
        }
    }

    /// One of several forms of an object.
    fn form(&mut self, form: &Value) {
        let doc = line(schema::description(form));
        let members = schema::members(form);
        let (tags, members): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|member| member.schema["enum"].is_array());
        match tags.first() {
            Some(tag) => {
                let value = tag.schema["enum"].get(0).and_then(Value::as_str).unwrap_or_default();
                self.say(&format!("**`{}: '{value}'`** {doc}", tag.name));
                if !members.is_empty() {
                    self.table(&members);
                }
            }
            None => {
                let of_type = self.type_of(form);
                self.say(&format!("{of_type}: {doc}"));
            }
        }
    }
}

/// How renderers of Markdown call the place of a heading.
fn anchor(name: &str) -> String {
    name.replace('.', "").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asyncapi;

    #[test]
    fn every_place_that_is_linked_to_is_there() {
        let reference = reference(&asyncapi::document().unwrap()).unwrap();
        let places: BTreeSet<_> = reference
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .map(|heading| anchor(&heading.replace('`', "").replace(' ', "-")))
            .collect();
        let tables = methods() + &events();
        let links = |text: &str| -> Vec<String> {
            text.split("](")
                .skip(1)
                .filter_map(|it| it.split(')').next()?.split_once('#'))
                .map(|(_, to)| to.to_owned())
                .collect()
        };
        let mut looked_at = 0;
        for link in links(&tables).into_iter().chain(links(&reference)).filter(|it| it != "error-codes") {
            assert!(places.contains(&link), "nothing is at #{link}");
            looked_at += 1;
        }
        assert!(looked_at > 60, "{looked_at}");
    }

    #[test]
    fn a_document_without_a_place_for_a_table_is_an_error() {
        assert!(protocol("# Wire protocol\n", switchboard::api::openapi()).is_err());
    }

    /// A member without a word about it would be a name in a table and nothing else.
    #[test]
    fn every_member_says_what_it_is() {
        let document = asyncapi::document().unwrap();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let forms = schema::forms(schema).map_or(vec![schema], |forms| forms.iter().collect());
            for member in forms.into_iter().flat_map(schema::members) {
                let is_tag = member.schema["enum"].is_array();
                let doc = schema::description(member.schema);
                assert!(is_tag || doc.len() > 4, "{name}.{} says nothing", member.name);
            }
        }
    }
}
