//! What each statement is asked: values of the rows in [`super::subjects`], told from the columns that its parameters
//! are compared with or stored in.
//!
//! A parameter that this finds no value for fails the test by name: it needs a line in [`GIVEN`].

mod meaning;
mod tokens;

use super::{statements::Statement, subjects::Subjects};
use meaning::{Meaning, Relation};
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Values that cannot be told from columns: for statements with this text, the parameter's number and an expression.
pub(super) const GIVEN: &[(&str, &[(usize, &str)])] = &[
    ("", &[(0, LONG_AGO)]),
    ("WITH row AS", &[(3, "ARRAY['another name']"), (7, "ARRAY[false]")]),
    ("UPDATE contacts SET name = $2 WHERE", &[(2, "'another name'")]),
    ("UPDATE contacts SET merged_into = $2 WHERE merged_into = $1", &[(1, "pg_temp.u('contact', 77777)")]),
    ("merged_into = $8", &[(8, "pg_temp.u('contact', 77777)")]),
    ("change_sequence_lock($1)", &[(1, "(SELECT id FROM accounts WHERE name = 'a')")]),
    ("AS account (id)", &[(1, "(SELECT ARRAY[id] FROM accounts WHERE name = 'a')")]),
    ("AS channel (id)", &[(1, "(SELECT ARRAY[id] FROM channels WHERE external_id = 'a')")]),
    ("event #>> '{conversation,contact,id}' = ANY", &[(2, "ARRAY[pg_temp.u('contact', 77777)::text]")]),
    ("bytes <= $4", &[(4, "8388608")]),
    ("make_interval(secs => $2)", &[(2, "86400")]),
    (
        "DELETE FROM conversation_labels WHERE conversation_id = $1 AND label_id <>",
        &[(2, "ARRAY[gen_random_uuid()]")],
    ),
    ("INSERT INTO conversation_labels", &[(3, "ARRAY[pg_temp.u('label', 50)]")]),
    ("INSERT INTO room_reactions", &[(4, "ARRAY['another emoji']")]),
    (
        "INSERT INTO rooms (account_id, id, name, is_private, direct_low",
        &[
            (4, "'00000000-0000-7000-8000-000000000001'::uuid"),
            (5, "'00000000-0000-7000-8000-000000000002'::uuid"),
        ],
    ),
    (
        "AND direct_low = $1 AND direct_high = $2",
        &[
            (1, "least(pg_temp.u('user', 1000001), pg_temp.u('user', 1000009))"),
            (2, "greatest(pg_temp.u('user', 1000001), pg_temp.u('user', 1000009))"),
        ],
    ),
    (
        "room.direct_low = $2 OR room.direct_high = $2",
        &[(1, "ARRAY[pg_temp.u('direct room', 7)]"), (2, "pg_temp.u('user', 1000001)")],
    ),
    ("AND join_name = $1", &[(1, "'name 777'")]),
    (
        "INSERT INTO rooms (account_id, id, name, is_private, join_name",
        &[(4, "'another name'"), (6, "20000")],
    ),
    ("SET acknowledged_seq = least($2", &[(2, "500")]),
    // Those whose places are taken: none.
    ("account_id <> ALL ($3)", &[(3, "ARRAY[gen_random_uuid()]")]),
    ("known.done_at + $13::interval", &[(13, "'30 seconds'")]),
    ("INSERT INTO push_subscriptions", &[(2, "gen_random_uuid()")]),
    ("WHERE user_id = $1 ORDER BY id DESC OFFSET $2", &[(2, "5")]),
    // Of those who are mentioned one that is not banned; of files one in no message, one that was taken back.
    (
        "AS mentioned (room_id, user_id)",
        &[(1, "ARRAY[pg_temp.u('room', 700)]"), (2, "ARRAY[pg_temp.u('user', 1000009)]")],
    ),
    ("a.id = ANY ($1) AND a.is_stored", &[(1, "ARRAY[pg_temp.u('file', 77)]")]),
    ("SET is_removed = true, remove_at = created_at WHERE id = $1", &[(1, "pg_temp.u('file', 77)")]),
    ("WITH gone AS (DELETE FROM room_attachments", &[(1, "pg_temp.u('file', 150)")]),
    // Of recordings one that was removed, and one whose files never came.
    ("AND is_removed AND remove_at IS NULL", &[(1, "pg_temp.u('recording', 25)")]),
    ("SET manifest = NULL, size_bytes = NULL", &[(1, "pg_temp.u('recording', 150)")]),
    ("FROM recordings WHERE id = $1 AND is_removed", &[(1, "pg_temp.u('recording', 150)")]),
    (
        "AS s (event, at, number)",
        &[
            (2, "ARRAY['{\"type\": \"roomStarted\"}'::jsonb]"),
            (3, "ARRAY['2026-01-01'::timestamptz]"),
            (5, "1"),
        ],
    ),
    (
        "AS here (account_id, room_id)",
        &[
            (1, "ARRAY(SELECT id FROM accounts WHERE name = 'a')"),
            (2, "ARRAY[pg_temp.u('room', 777)]"),
            (3, "gen_random_uuid()"),
        ],
    ),
    ("AS gone (room_id, seq)", &[(2, "ARRAY[7777::bigint]")]),
    ("INSERT INTO room_bans", &[(3, "gen_random_uuid()")]),
    ("INSERT INTO room_members", &[(3, "gen_random_uuid()")]),
    ("AND m.created_at > $6", &[(6, "'2020-01-01'")]),
    ("FROM room_reviews WHERE xact >=", &[(1, "'1000049990'"), (2, "10001")]),
    ("INSERT INTO team_members", &[(3, "ARRAY[pg_temp.u('user', 1000999)]")]),
    ("INSERT INTO conversations", &[(4, "pg_temp.u('contact', 100000)")]),
    ("(c.merged_into IS NULL)::integer = 1 AND (c.id < $2)", &[(1, "ARRAY['family0077']")]),
    ("SET status = 'open', snoozed_until = NULL WHERE", &[(1, "pg_temp.u('conversation', 77778)")]),
    ("SET accepted_at = $2", &[(2, "now()")]),
    ("AS asked (sign_in, user_id)", &[(1, "ARRAY[pg_temp.u('sign_in', 7777)]")]),
    ("AS here (room_id, user_id, is_guest, nth)", &[(3, "ARRAY[true]")]),
    (
        "LATERAL (SELECT id, is_private, direct_low, closed_at, last_seq FROM rooms",
        &[(1, "ARRAY[pg_temp.u('room', 777)]")],
    ),
    (
        "AS asked (room_id, least, most)",
        &[
            (2, "ARRAY['00000000-0000-0000-0000-000000000000'::uuid]"),
            (3, "ARRAY['ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid]"),
        ],
    ),
    ("SELECT expect_deliveries(", &[(2, "now()")]),
    ("SELECT expect_replies(", &[(2, "now()")]),
];

/// What is pruned is older.
const LONG_AGO: &str = "now() - '300 days'::interval";

/// Statements that are right to find nothing in these tables.
const FIND_NOTHING: &[&str] = &["SELECT pg_advisory_xact_lock", "INSERT INTO push_keys"];

/// What is not given to these statements: for that there is one of its own, with an index of its own.
const NEVER_GIVEN: &[(&str, &[usize])] = &[
    (") AND $8 AND ($4", &[4, 5, 6, 7]),
    (") AND c.status = $8 AND ($4", &[4, 5, 6, 7]),
    (") AND c.priority = $8 AND", &[5, 6, 7]),
    (") AND c.team_id = $8", &[4, 5, 6]),
    (") AND c.assignee_id = $8", &[4, 5]),
    ("FROM audit_entries WHERE $6", &[2, 3, 4]),
    ("FROM audit_entries WHERE action = $6", &[2, 3, 4]),
    ("FROM audit_entries WHERE actor_id = $6", &[2, 3]),
    ("FROM audit_entries WHERE object_id = $6", &[2]),
];

/// Columns that are unique, alone or with those they are stored with: what is inserted is not there yet.
const UNIQUE: [&str; 12] = [
    "id",
    "hash",
    "external_id",
    "email",
    "client_id",
    "seq",
    "number",
    "key",
    "name",
    "sha256",
    "shortcode",
    "value",
];

/// How many rows a page has.
const PAGE: &str = "50";

/// One way to ask a statement.
#[derive(Debug)]
pub(super) struct Call {
    values: Vec<Option<String>>,
    /// Whether this is right to return and change nothing.
    pub(super) may_find_nothing: bool,
}

impl Call {
    /// The parameters of `EXECUTE`.
    pub(super) fn arguments(&self) -> String {
        if self.values.is_empty() {
            return String::new();
        }
        let quoted = self.values.iter().map(|value| match value {
            None => "NULL".to_owned(),
            Some(value) => format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
        });
        format!("({})", quoted.collect::<Vec<_>>().join(", "))
    }
}

/// The ways to ask: without what is optional, with each of that alone, and from a place in the midst of a list.
pub(super) fn calls(statement: &Statement, subjects: &Subjects) -> Result<Vec<Call>, String> {
    let read = meaning::read(&statement.text, subjects);
    let mut values = Vec::new();
    for (index, kind) in statement.types.iter().enumerate() {
        let number = index + 1;
        let mut given =
            GIVEN.iter().filter(|(part, _)| statement.text.contains(part)).flat_map(|(_, list)| *list);
        values.push(match (given.find(|(of, _)| *of == number), read.meanings.get(&number)) {
            (Some((_, expression)), _) => subjects.given(expression).map(str::to_owned),
            (None, Some(meaning)) => value(meaning, kind, subjects),
            // A switch is on, and a number that no column is compared with tells nothing.
            (None, None) if kind == "Bool" => Some("true".to_owned()),
            (None, None) if kind == "Int4" => Some("0".to_owned()),
            (None, None) => return Err(format!("no value for ${number}")),
        });
    }
    let may_find_nothing = FIND_NOTHING.iter().any(|part| statement.text.contains(part));
    let without = |left_out: &BTreeSet<usize>| {
        let values = values.iter().enumerate();
        let values = values.map(|(index, value)| value.clone().filter(|_| !left_out.contains(&(index + 1))));
        Call { values: values.collect(), may_find_nothing }
    };
    let all: BTreeSet<usize> = read.optional.union(&read.places).copied().collect();
    let mut calls = vec![without(&all)];
    if !read.places.is_empty() {
        calls.push(without(&read.optional));
    }
    let never = NEVER_GIVEN.iter().filter(|(part, _)| statement.text.contains(part));
    let never: BTreeSet<usize> = never.flat_map(|(_, numbers)| *numbers).copied().collect();
    for kept in read.optional.difference(&never) {
        let mut left_out = all.clone();
        left_out.remove(kept);
        calls.push(without(&left_out));
    }
    Ok(calls)
}

fn value(meaning: &Meaning, kind: &str, subjects: &Subjects) -> Option<String> {
    let (table, column, relation) = match meaning {
        Meaning::Page => return Some(PAGE.to_owned()),
        Meaning::Words => return Some("{word0077}".to_owned()),
        Meaning::Column { table, column, relation } => (table, column, *relation),
    };
    let element = kind.strip_suffix("Array").unwrap_or(kind);
    let stored = subjects.value(table, column);
    let value = match (relation, element) {
        (_, "Bool") => Some("true".to_owned()),
        (Relation::Below, "Timestamptz") => subjects.given(LONG_AGO).map(str::to_owned),
        (Relation::Above, "Timestamptz") => Some("2020-01-01".to_owned()),
        (Relation::UpTo, "Timestamptz") => Some("2200-01-01".to_owned()),
        (Relation::New, _) if UNIQUE.contains(&column.as_str()) && kind != "Jsonb" => fresh(element),
        _ => stored.and_then(text),
    }?;
    let is_list = kind != element && !stored.is_some_and(Value::is_array);
    Some(if is_list {
        format!("{{\"{}\"}}", value.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        value
    })
}

/// A value that is in no row.
fn fresh(kind: &str) -> Option<String> {
    let random = Uuid::new_v4();
    Some(match kind {
        "Uuid" => random.to_string(),
        "Bytea" => format!("\\x{}", random.simple()),
        "Int8" => "900000000".to_owned(),
        "Int4" => "900000".to_owned(),
        _ => format!("fresh {random}"),
    })
}

/// A column's value as the text that Postgres reads.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) if items.iter().all(|item| item.is_string() || item.is_number()) => {
            let items = items.iter().filter_map(text).map(|item| format!("\"{item}\""));
            Some(format!("{{{}}}", items.collect::<Vec<_>>().join(",")))
        }
        Value::Array(_) | Value::Object(_) | Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
    }
}
