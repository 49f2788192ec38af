//! A file's rows as contacts. What is wrong with a row is said of that row; only what is wrong with the
//! whole file refuses it.

use super::super::{fields, problem::Problem};
use axum::http::StatusCode;
use common::{error::ErrorCode, text};
use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use store::{conversations::ATTRIBUTES_BYTES_MAX, imports::ImportedContact};

/// Rows of a file at most.
const ROWS_MAX: usize = 50_000;

/// Columns of a file at most.
const COLUMNS_MAX: usize = 64;

/// A row as a contact, or why it is none.
pub(super) type Row = Result<ImportedContact, String>;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Comma-separated values (RFC 4180) with a header.
    Csv,
    /// A JSON object per line.
    Ndjson,
}

impl Format {
    /// The format of a file with this content type.
    pub(super) fn of(content_type: &str) -> Result<Self, Problem> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/csv" => Ok(Self::Csv),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Self::Ndjson),
            _ => {
                let detail = "the content type must be text/csv or application/x-ndjson";
                let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                Err(Problem::new(status, ErrorCode::INVALID_BODY, detail))
            }
        }
    }

    /// The rows of a file.
    pub(super) fn rows(self, file: &[u8]) -> Result<Vec<Row>, Problem> {
        // Spreadsheets begin their files so.
        let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
        let rows = match self {
            Self::Csv => csv(file)?,
            Self::Ndjson => ndjson(file)?,
        };
        if rows.is_empty() { Err(Problem::invalid("the file has no rows")) } else { Ok(rows) }
    }
}

fn too_many() -> Problem {
    let detail = "the file has more than 50,000 rows; split it";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TOO_MANY, detail)
}

fn csv(file: &[u8]) -> Result<Vec<Row>, Problem> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(file);
    let header = reader.byte_headers().map_err(|error| Problem::invalid(error.to_string()))?;
    let columns = header.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned()));
    let columns: Vec<String> =
        columns.collect::<Result<_, _>>().map_err(|_| Problem::invalid("the header is not UTF-8"))?;
    check_header(&columns)?;
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        if rows.len() == ROWS_MAX {
            return Err(too_many());
        }
        rows.push(match record {
            Ok(record) => record_as_contact(&columns, &record),
            Err(error) => Err(error.to_string()),
        });
    }
    Ok(rows)
}

fn check_header(columns: &[String]) -> Result<(), Problem> {
    if columns.len() > COLUMNS_MAX {
        return Err(Problem::invalid("the file has more than 64 columns"));
    }
    if columns.iter().any(|name| name.is_empty() || name.len() > 64 || name.chars().any(char::is_control)) {
        return Err(Problem::invalid("each column needs a name of 1 to 64 bytes in the first line"));
    }
    let different: BTreeSet<_> = columns.iter().collect();
    if different.len() < columns.len() {
        return Err(Problem::invalid("two columns have the same name"));
    }
    if !columns.iter().any(|name| ["name", "email", "phone"].contains(&name.as_str())) {
        return Err(Problem::invalid("the first line must name a column name, email or phone"));
    }
    Ok(())
}

fn record_as_contact(columns: &[String], record: &ByteRecord) -> Row {
    if record.len() > columns.len() {
        return Err("The row has more fields than the header".to_owned());
    }
    let mut contact = ImportedContact::default();
    for (column, field) in columns.iter().zip(record) {
        let field =
            std::str::from_utf8(field).map_err(|_| format!("The column {column} is not UTF-8"))?.trim();
        if field.is_empty() {
            continue;
        }
        let field = field.to_owned();
        match column.as_str() {
            "name" => contact.name = Some(field),
            "email" => contact.email = Some(field),
            "phone" => contact.phone = Some(field),
            _ => {
                contact.attributes.insert(column.clone(), Value::String(field));
            }
        }
    }
    checked(contact)
}

fn ndjson(file: &[u8]) -> Result<Vec<Row>, Problem> {
    let mut rows = Vec::new();
    for line in file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        if rows.len() == ROWS_MAX {
            return Err(too_many());
        }
        let contact = serde_json::from_slice::<ImportedContact>(line);
        rows.push(contact.map_err(|error| text::sentence(error.to_string()).into_owned()).and_then(checked));
    }
    Ok(rows)
}

/// The same rules as for a single contact.
fn checked(contact: ImportedContact) -> Row {
    let ImportedContact { name, email, phone, attributes } = contact;
    let said = |problem: Problem| problem.detail().to_owned();
    let own = |text: &str| text.to_owned();
    if name.is_none() && email.is_none() && phone.is_none() {
        return Err("The row has neither name nor email nor phone".to_owned());
    }
    if length(&attributes) > ATTRIBUTES_BYTES_MAX {
        return Err("Attributes have more than 16 KiB".to_owned());
    }
    Ok(ImportedContact {
        name: name.as_deref().map(fields::name).transpose().map_err(said)?.map(own),
        email: email.as_deref().map(fields::email).transpose().map_err(said)?.map(own),
        phone: phone.as_deref().map(fields::phone).transpose().map_err(said)?.map(own),
        attributes,
    })
}

fn length(attributes: &Map<String, Value>) -> usize {
    serde_json::to_vec(attributes).map_or(usize::MAX, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(format: Format, file: &str) -> Vec<Row> {
        format.rows(file.as_bytes()).map_err(|problem| problem.detail().to_owned()).unwrap()
    }

    #[test]
    fn a_spreadsheet_becomes_contacts_and_bad_rows_say_why() {
        let file = "\u{feff}name,email,city\r\n\"Hopper, Grace\",grace@example.com,New York\r\n,,\r\nAda,none,\r\nBen,ben@example.com,Bonn,more\r\n";
        let read = rows(Format::Csv, file);
        let grace = read[0].as_ref().unwrap();
        assert_eq!(grace.name.as_deref(), Some("Hopper, Grace"));
        assert_eq!(grace.attributes, *json!({ "city": "New York" }).as_object().unwrap());
        let errors: Vec<_> = read[1..].iter().map(|row| row.as_ref().unwrap_err().as_str()).collect();
        assert_eq!(
            errors,
            [
                "The row has neither name nor email nor phone",
                "Email is not an e-mail address",
                "The row has more fields than the header"
            ]
        );
    }

    #[test]
    fn a_line_of_json_becomes_a_contact_and_what_is_unknown_in_it_is_named() {
        let file =
            "{\"phone\":\"+1 (555) 0100\",\"attributes\":{\"vip\":true}}\n\n{\"surname\":\"x\"}\nnonsense";
        let read = rows(Format::Ndjson, file);
        assert_eq!(read[0].as_ref().unwrap().attributes["vip"], true);
        assert!(read[1].as_ref().unwrap_err().starts_with("Unknown field `surname`"));
        assert!(read[2].is_err());
        assert_eq!(read.len(), 3);
    }

    #[test]
    fn a_file_that_cannot_be_used_at_all_is_refused() {
        let detail =
            |format: Format, file: &str| format.rows(file.as_bytes()).unwrap_err().detail().to_owned();
        assert!(
            detail(Format::Csv, "").contains("each column")
                || detail(Format::Csv, "").contains("name a column")
        );
        assert_eq!(detail(Format::Csv, "name\n"), "The file has no rows");
        assert!(detail(Format::Csv, "city\nBonn\n").contains("name, email or phone"));
        assert!(detail(Format::Csv, "name,name\na,b\n").contains("same name"));
        let long = format!("name\n{}", "x\n".repeat(ROWS_MAX + 1));
        assert!(detail(Format::Csv, &long).contains("50,000"));
        assert!(Format::of("application/json").is_err());
        assert_eq!(Format::of("Text/CSV; charset=utf-8").unwrap_or(Format::Ndjson), Format::Csv);
    }

    /// What became of each row: its name, e-mail address and phone number, or why it is none.
    fn told(format: Format, file: &str) -> Vec<String> {
        let tell = |row: Row| match row {
            Ok(contact) => {
                [contact.name, contact.email, contact.phone].map(Option::unwrap_or_default).join("|")
            }
            Err(why) => why,
        };
        rows(format, file).into_iter().map(tell).collect()
    }

    #[test]
    fn rows_are_read_however_the_spreadsheet_writes_them() {
        for (file, contacts) in [
            ("name,email\nAda,ada@x.example\n", vec!["Ada|ada@x.example|"]),
            ("name,email\r\nAda,ada@x.example\r\n", vec!["Ada|ada@x.example|"]),
            ("name,email\rAda,ada@x.example\r", vec!["Ada|ada@x.example|"]),
            ("name,email\nAda,ada@x.example", vec!["Ada|ada@x.example|"]),
            ("\u{feff}name\nAda\n", vec!["Ada||"]),
            (
                "\"name\",\"email\"\n\"Ada \"\"the first\"\" L.\",ada@x.example\n",
                vec!["Ada \"the first\" L.|ada@x.example|"],
            ),
            ("email,name\nada@x.example,\"Lovelace, Ada\"\n", vec!["Lovelace, Ada|ada@x.example|"]),
            (" name , phone \n Ada , 555 0100 \n", vec!["Ada||555 0100"]),
            // Empty lines are no rows, and a short row lacks what it lacks.
            ("name,email\n\n\nAda\n\nBen,ben@x.example\n", vec!["Ada||", "Ben|ben@x.example|"]),
            ("phone\n+49 30 1\n+49 30 2\n", vec!["||+49 30 1", "||+49 30 2"]),
            // A line break in quotes is part of the field, and of no name.
            (
                "name,phone\n\"two\nlines\",1234\nAda,1235\n",
                vec!["Name must have 1 to 200 characters, none of them control characters", "Ada||1235"],
            ),
        ] {
            assert_eq!(told(Format::Csv, file), contacts, "{file:?}");
        }
    }

    #[test]
    fn a_bad_row_costs_the_rows_beside_it_nothing() {
        let file = b"name,email,city\nAda,ada@x.example,Bonn\nB\xffn,ben@x.example,\nCleo,nobody,\n,,Kiel\nDan,,\xff\nEve,eve@x.example,\n";
        let read = Format::Csv.rows(file).map_err(|problem| problem.detail().to_owned()).unwrap();
        let told: Vec<_> =
            read.iter().map(|row| row.as_ref().map(|it| it.name.as_deref().unwrap())).collect();
        assert_eq!(
            told.iter().map(|row| row.map_err(String::as_str)).collect::<Vec<_>>(),
            [
                Ok("Ada"),
                Err("The column name is not UTF-8"),
                Err("Email is not an e-mail address"),
                Err("The row has neither name nor email nor phone"),
                Err("The column city is not UTF-8"),
                Ok("Eve"),
            ]
        );
    }

    #[test]
    fn a_header_has_one_to_sixty_four_columns_each_with_a_name_of_its_own() {
        let refused = |header: &str| {
            let file = format!("{header}\nx\n");
            Format::Csv
                .rows(file.as_bytes())
                .map_or_else(|problem| problem.detail().to_owned(), |_| String::new())
        };
        let columns = |count: usize| (1..count).fold("name".to_owned(), |all, n| format!("{all},c{n}"));
        let long = |bytes: usize| format!("name,{}", "x".repeat(bytes));
        for good in ["name", "phone", "email,c", "Name,name", &columns(64), &long(64)] {
            assert_eq!(refused(good), "", "{good}");
        }
        for (bad, why) in [
            (columns(65), "more than 64 columns"),
            (long(65), "1 to 64 bytes"),
            ("name,".to_owned(), "1 to 64 bytes"),
            ("name, ,city".to_owned(), "1 to 64 bytes"),
            ("name,\"two\nlines\"".to_owned(), "1 to 64 bytes"),
            ("name,city, city".to_owned(), "the same name"),
            ("Name,E-Mail".to_owned(), "must name a column name, email or phone"),
        ] {
            assert!(refused(&bad).contains(why), "{bad}: {}", refused(&bad));
        }
        assert!(Format::Csv.rows(b"na\xffme\nAda\n").unwrap_err().detail().contains("header is not UTF-8"));
    }

    #[test]
    fn what_columns_say_beside_the_known_ones_is_kept_as_text() {
        let read = rows(Format::Csv, "name,vip,age,Name\nAda,true,36,Countess\nBen,,,\n");
        let attributes: Vec<_> = read.into_iter().map(|row| Value::Object(row.unwrap().attributes)).collect();
        assert_eq!(attributes, [json!({ "vip": "true", "age": "36", "Name": "Countess" }), json!({})]);
    }

    #[test]
    fn a_file_of_fifty_thousand_rows_is_read_and_of_one_more_is_not() {
        for (format, header, row) in
            [(Format::Csv, "name\n", "x\n"), (Format::Ndjson, "", "{\"name\":\"x\"}\n")]
        {
            let file = |count| format!("{header}{}", row.repeat(count));
            assert_eq!(format.rows(file(ROWS_MAX).as_bytes()).ok().unwrap().len(), ROWS_MAX);
            let problem = format.rows(file(ROWS_MAX + 1).as_bytes()).unwrap_err();
            assert_eq!(problem.detail(), "The file has more than 50,000 rows; split it");
        }
    }

    #[test]
    fn lines_of_json_are_read_one_by_one_and_keep_the_types_of_their_attributes() {
        let file = "\u{feff}{\"name\":\"Ada\",\"attributes\":{\"age\":36,\"tags\":[\"a\"],\"gone\":null}}\r\n  \n{\"email\":\"ben@x.example\"}";
        let read = rows(Format::Ndjson, file);
        assert_eq!(read.len(), 2);
        assert_eq!(
            Value::Object(read[0].as_ref().unwrap().attributes.clone()),
            json!({ "age": 36, "tags": ["a"], "gone": null })
        );
        for bad in [
            "[]",
            "null",
            "1",
            "\"Ada\"",
            "{\"name\":1}",
            "{\"name\":\"Ada\"",
            "{\"name\":\"Ada\"}{}",
            "{\"attributes\":{}}",
            "{\"attributes\":[],\"name\":\"x\"}",
        ] {
            let read = rows(Format::Ndjson, &format!("{bad}\n{{\"name\":\"Next\"}}\n"));
            assert!(read[0].is_err() && read[1].is_ok(), "{bad}");
        }
    }

    #[test]
    fn attributes_of_a_row_take_sixteen_kibibytes_at_most() {
        // `{"a":"…"}`
        let with =
            |bytes: usize| json!({ "name": "x", "attributes": { "a": "y".repeat(bytes - 8) } }).to_string();
        let told = |bytes| told(Format::Ndjson, &with(bytes)).remove(0);
        assert_eq!(told(ATTRIBUTES_BYTES_MAX), "x||");
        assert_eq!(told(ATTRIBUTES_BYTES_MAX + 1), "Attributes have more than 16 KiB");
        let cells = |bytes: usize| format!("name,a\nx,{}\n", "y".repeat(bytes - 8));
        assert!(rows(Format::Csv, &cells(ATTRIBUTES_BYTES_MAX))[0].is_ok());
        assert!(rows(Format::Csv, &cells(ATTRIBUTES_BYTES_MAX + 1))[0].is_err());
    }

    #[test]
    fn a_format_is_known_by_its_content_type_alone() {
        for (named, format) in [
            ("text/csv", Some(Format::Csv)),
            ("TEXT/CSV;header=present", Some(Format::Csv)),
            ("application/x-ndjson", Some(Format::Ndjson)),
            ("application/ndjson ; charset=utf-8", Some(Format::Ndjson)),
            ("application/jsonl", Some(Format::Ndjson)),
            ("application/json", None),
            ("text/plain", None),
            ("text/csvx", None),
            ("", None),
        ] {
            assert_eq!(Format::of(named).ok(), format, "{named}");
        }
    }
}
