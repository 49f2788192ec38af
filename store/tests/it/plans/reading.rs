//! How many rows a statement reads for what it returns or changes.

use super::{parameters::Call, statements::Statement};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

/// Rows read for each row that is returned or changed, at most.
const FACTOR: f64 = 10.0;

/// Rows that may be read beside those.
const FREE: f64 = 100.0;

/// Blocks touched for each row that may be read for a result: an index is four deep at most, and then there is the
/// row. What an index scan passes over without a row to show for it is seen only here. [`FREE`] more are for all:
/// less than an index of a backlog has.
const BLOCKS: f64 = 5.0;

/// Statements that have reason to read more: a part of the text, how many rows instead, and why.
const EXEMPT: [(&str, f64, &str); 6] = [
    (
        "AS later WHERE later.user_id <> $2",
        200.0,
        "counts a page of messages and one of mentions, and returns the count",
    ),
    (
        "WITH RECURSIVE mentioned AS (",
        60_000.0,
        "counts what mentions each of 1,000 users and they have not read, 50 of each here, and returns the counts; of \
         the 50,000 of one it counts 100",
    ),
    (
        "UPDATE contacts SET name = $2 WHERE",
        40.0,
        "reads one row, and writes it into all of its indexes, one of them by the words in it: about 150 blocks, more as \
         they fill",
    ),
    (
        "ARRAY(SELECT conversation_id FROM conversation_labels WHERE label_id = $8)",
        30_000.0,
        "labels are in no order: the latest of all 5,000 conversations that have it",
    ),
    (
        "WHERE (SELECT count(*) FROM rooms WHERE join_name IS NOT NULL) <",
        12_000.0,
        "a room that is opened by a new name counts those that have one, 10,001 here, in an index of them alone",
    ),
    (
        "AND position(convert_to(i.value, 'UTF8') IN r.body) > 0",
        50_000.0,
        "erasing a contact looks through the bodies that are still kept, 20,020 here: a part of a body has no index",
    ),
];

/// Exemptions that no statement needs any more.
pub(super) fn stale_exemptions(statements: &[Statement]) -> String {
    let stale =
        EXEMPT.iter().filter(|(part, ..)| !statements.iter().any(|statement| statement.text.contains(part)));
    stale.map(|(part, ..)| format!("no statement has {part}\n\n")).collect()
}

/// Runs a statement, undoes it, and says what is wrong with how it was done.
pub(super) async fn check(
    connection: &mut PgConnection,
    statement: &Statement,
    call: &Call,
) -> Result<(), String> {
    let plan =
        explain(connection, statement, call).await.map_err(|error| format!("cannot be run: {error}"))?;
    let result = number(&plan, "Actual Rows") + changed(&plan);
    if result == 0.0 && !call.may_find_nothing {
        return Err("finds nothing, so this tells nothing".to_owned());
    }
    let exempt = EXEMPT.iter().find(|(part, ..)| statement.text.contains(part));
    let bound = exempt.map_or(FACTOR * result + FREE, |(_, bound, _)| *bound);
    let mut excess = Vec::new();
    nodes(&plan, &mut |node| {
        let read = rows(node);
        if read > bound {
            let index = node["Index Name"].as_str().or(node["Relation Name"].as_str()).unwrap_or_default();
            excess.push(format!("{} {index} reads {read}", node["Node Type"].as_str().unwrap_or_default()));
        }
    });
    let blocks = number(&plan, "Shared Hit Blocks") + number(&plan, "Shared Read Blocks");
    let blocks_bound = exempt.map_or(BLOCKS * FACTOR * result + FREE, |(_, bound, _)| BLOCKS * bound);
    if blocks > blocks_bound {
        excess.push(format!("{blocks} blocks are touched, {blocks_bound} are enough"));
    }
    if excess.is_empty() {
        Ok(())
    } else {
        Err(format!("{} for {result} (at most {bound})", excess.join(", ")))
    }
}

async fn explain(
    connection: &mut PgConnection,
    statement: &Statement,
    call: &Call,
) -> Result<Value, sqlx::Error> {
    let mut tx = connection.begin().await?;
    let asked: Result<Value, sqlx::Error> = async {
        if statement.text.contains("@@ asked(") {
            tx.execute(store::search::BY_WORDS).await?;
        }
        tx.execute(AssertSqlSafe(format!("PREPARE asked AS {}", statement.text))).await?;
        let query =
            format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE asked{}", call.arguments());
        let row = tx.fetch_one(AssertSqlSafe(query)).await?;
        Ok(row.get::<Value, _>(0)[0]["Plan"].clone())
    }
    .await;
    tx.rollback().await?;
    connection.execute("DEALLOCATE ALL").await?;
    asked
}

fn number(node: &Value, name: &str) -> f64 {
    node[name].as_f64().unwrap_or(0.0)
}

fn nodes(node: &Value, visit: &mut impl FnMut(&Value)) {
    visit(node);
    for inner in node["Plans"].as_array().into_iter().flatten() {
        nodes(inner, visit);
    }
}

/// What a node read: what it passed on and what it threw away, in all of its rounds.
fn rows(node: &Value) -> f64 {
    let names = [
        "Actual Rows",
        "Rows Removed by Filter",
        "Rows Removed by Index Recheck",
        "Rows Removed by Join Filter",
    ];
    names.iter().map(|name| number(node, name)).sum::<f64>() * number(node, "Actual Loops")
}

/// How many rows were inserted, updated and deleted.
fn changed(plan: &Value) -> f64 {
    let mut sum = 0.0;
    nodes(plan, &mut |node| {
        if node["Node Type"] == "ModifyTable" {
            let source = node["Plans"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|inner| inner["Parent Relationship"] == "Outer");
            sum +=
                source.map_or(0.0, |source| number(source, "Actual Rows") * number(source, "Actual Loops"));
            if node["Conflict Resolution"] != "UPDATE" {
                sum -= number(node, "Conflicting Tuples");
            }
        }
    });
    sum
}
