//! What a statement's parameters stand for.

use super::{super::subjects::Subjects, tokens};
use std::collections::{BTreeMap, BTreeSet};
use tokens::parameter;

/// How a parameter relates to its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// It is looked for, or stored in a row that is there.
    Equal,
    /// Rows below it are wanted.
    Below,
    /// Rows above it are wanted.
    Above,
    /// Rows up to it are wanted.
    UpTo,
    /// It is stored in a new row.
    New,
}

/// What a parameter stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A column's value, or a list of such.
    Column { table: String, column: String, relation: Relation },
    /// How many rows a page has.
    Page,
    /// The words of a question.
    Words,
}

/// A statement's parameters.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) meanings: BTreeMap<usize, Meaning>,
    /// Those that narrow a list if they are given.
    pub(super) optional: BTreeSet<usize>,
    /// Those that say where in a list to begin.
    pub(super) places: BTreeSet<usize>,
}

struct Reader<'a> {
    list: Vec<String>,
    subjects: &'a Subjects,
    /// Where each table is named, in order, with the name that it goes by.
    tables: Vec<(usize, String, String)>,
}

/// Reads a statement.
pub(super) fn read(text: &str, subjects: &Subjects) -> Parameters {
    let tokens = tokens::tokens(text);
    let mut reader = Reader { list: tokens.list, subjects, tables: Vec::new() };
    reader.name_tables();
    let is_in_row = |number: &usize| {
        reader
            .list
            .iter()
            .enumerate()
            .any(|(at, token)| parameter(token) == Some(*number) && reader.row_comparison(at).is_some())
    };
    let mut parameters = Parameters {
        places: tokens.places.iter().copied().filter(is_in_row).collect(),
        optional: tokens.optional.into_iter().collect(),
        meanings: BTreeMap::new(),
    };
    for at in 0..reader.list.len() {
        let Some(number) = parameter(reader.token(at)) else { continue };
        if !parameters.meanings.contains_key(&number)
            && let Some(meaning) = reader.meaning(at)
        {
            parameters.meanings.insert(number, meaning);
        }
    }
    parameters
}

impl Reader<'_> {
    fn token(&self, at: usize) -> &str {
        self.list.get(at).map_or("", String::as_str)
    }

    /// The token `back` places before `at`.
    fn before(&self, at: usize, back: usize) -> &str {
        at.checked_sub(back).map_or("", |place| self.token(place))
    }

    fn name_tables(&mut self) {
        for at in 0..self.list.len() {
            let name = self.token(at);
            if !self.subjects.has_table(name)
                || !["FROM", "JOIN", "UPDATE", "INTO", ","].contains(&self.before(at, 1))
            {
                continue;
            }
            let alias = if self.token(at + 1) == "AS" { self.token(at + 2) } else { self.token(at + 1) };
            let is_name =
                alias.chars().all(|letter| letter.is_lowercase() || letter == '_') && !alias.is_empty();
            let alias = if is_name { alias } else { name };
            self.tables.push((at, name.to_owned(), alias.to_owned()));
        }
    }

    /// The table and column that a name at a place means.
    fn column(&self, name: &str, at: usize, relation: Relation) -> Option<Meaning> {
        let (alias, column) =
            name.split_once('.').map_or((None, name), |(alias, column)| (Some(alias), column));
        let has = |table: &str| self.subjects.value(table, column).is_some();
        let fits = |(_, table, named): &&(usize, String, String)| {
            has(table) && alias.is_none_or(|alias| alias == named || alias == table)
        };
        let earlier = self.tables.iter().rev().filter(|(place, ..)| *place < at).find(fits);
        let (_, table, _) = earlier.or_else(|| self.tables.iter().find(fits))?;
        Some(Meaning::Column { table: table.clone(), column: column.to_owned(), relation })
    }

    fn meaning(&self, at: usize) -> Option<Meaning> {
        if self.before(at, 1) == "LIMIT" {
            return Some(Meaning::Page);
        }
        if self.before(at, 2) == "asked" {
            return Some(Meaning::Words);
        }
        self.row_comparison(at)
            .or_else(|| self.comparison(at))
            .or_else(|| self.inserted(at))
            .or_else(|| self.unnested(at))
            .or_else(|| self.set(at))
    }

    /// `column = $n`, `column = ANY ($n)`, `column IS DISTINCT FROM $n`, `$n = ANY (column)`.
    fn comparison(&self, at: usize) -> Option<Meaning> {
        if self.before(at, 1) == "FROM" && self.before(at, 2) == "DISTINCT" {
            return self.column(self.before(at, 4), at, Relation::Equal);
        }
        if self.before(at, 1) == "(" && ["ANY", "ALL"].contains(&self.before(at, 2)) {
            return self.column(self.before(at, 4), at, Relation::Equal);
        }
        if self.token(at + 1) == "=" && self.token(at + 2) == "ANY" {
            return self.column(self.token(at + 4), at, Relation::Equal);
        }
        self.column(self.before(at, 2), at, relation(self.before(at, 1))?)
    }

    /// `(column, …) < ($n, …)`.
    fn row_comparison(&self, at: usize) -> Option<Meaning> {
        let mut commas = 0;
        let mut open = at.checked_sub(1)?;
        while self.token(open) == "," {
            commas += 1;
            open = open.checked_sub(2)?;
        }
        let relation = relation(self.before(open, 1))?;
        if self.token(open) != "(" || self.before(open, 2) != ")" || relation == Relation::Equal {
            return None;
        }
        let mut start = open.checked_sub(3)?;
        while self.token(start) != "(" {
            start = start.checked_sub(1)?;
        }
        // What a place says must be exact: its column's own value.
        self.column(self.token(start + 1 + 2 * commas), at, Relation::Equal)
    }

    /// `INSERT INTO table (column, …) VALUES ($n, …)` or `SELECT $n, …`.
    fn inserted(&self, at: usize) -> Option<Meaning> {
        let into = (0..at).rev().find(|place| self.token(*place) == "INTO")?;
        let close = (into..at).find(|place| self.token(*place) == ")")?;
        let columns = (into..close).find(|place| self.token(*place) == "(")?;
        let names: Vec<&str> =
            (columns + 1..close).map(|place| self.token(place)).filter(|token| *token != ",").collect();
        let begin = (close + 1..at).find(|place| ["VALUES", "SELECT"].contains(&self.token(*place)))?;
        let first = if self.token(begin) == "VALUES" { begin + 2 } else { begin + 1 };
        let (mut depth, mut item) = (0_i32, 0);
        for place in first..at {
            match self.token(place) {
                "(" => depth += 1,
                ")" => depth -= 1,
                "," if depth == 0 => item += 1,
                "FROM" => return None,
                _ => {}
            }
        }
        if self.before(at, 1) == "unnest" || depth < 0 {
            return None;
        }
        self.column(names.get(item)?, into + 2, Relation::New)
    }

    /// `unnest($n, …) AS alias (column, …)`.
    fn unnested(&self, at: usize) -> Option<Meaning> {
        let open = (0..at).rev().find(|place| self.token(*place) == "(")?;
        if self.before(open, 1) != "unnest" {
            return None;
        }
        let close = (at..self.list.len()).find(|place| self.token(*place) == ")")?;
        let names = (close + 1..self.list.len()).find(|place| self.token(*place) == "(")?;
        let name = self.token(names + (at - open));
        let is_new = self.token(0) == "INSERT";
        self.column(name, at, if is_new { Relation::New } else { Relation::Equal })
    }

    /// `SET column = … $n …`.
    fn set(&self, at: usize) -> Option<Meaning> {
        let set = (0..at).rev().find(|place| self.token(*place) == "SET")?;
        let mut depth = 0_i32;
        for place in (set + 1..at).rev() {
            match self.token(place) {
                ")" => depth += 1,
                "(" => depth -= 1,
                "=" if depth <= 0 && ["SET", ","].contains(&self.before(place, 2)) => {
                    return self.column(self.before(place, 1), at, Relation::Equal);
                }
                _ => {}
            }
        }
        None
    }
}

fn relation(operator: &str) -> Option<Relation> {
    Some(match operator {
        "=" | "<>" | "@@" => Relation::Equal,
        "<" => Relation::Below,
        "<=" => Relation::UpTo,
        ">" | ">=" => Relation::Above,
        _ => return None,
    })
}
