//! What is generated: the files that `reference` makes from the code, and the offline data of the queries in
//! `store`, which is what Postgres says about each, so that a build needs none.

use crate::{
    services::Services,
    setup::{self, Tool},
    shell::{Failure, cargo, output, patiently, root, run, step},
};
use local_services::{child::Interrupts, postgres::Postgres};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    process::Command,
    time::SystemTime,
};

/// The database that the queries are checked against.
const DATABASE: &str = "switchboard_queries";

/// What migrations find when they begin: the two roles, and the table that sqlx counts them in.
const BEFORE_MIGRATIONS: &str = "
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['switchboard_app', 'switchboard_system'] LOOP
        EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS', wanted);
    END LOOP;
EXCEPTION
    -- The tests, which may run on the same Postgres, were faster; they make both.
    WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
CREATE TABLE _sqlx_migrations (
    version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz NOT NULL DEFAULT now(),
    success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL
);";

/// Sources with queries. Cargo compiles them again when they are touched.
const SOURCES: [&str; 2] = ["store/src/lib.rs", "store/tests/it/main.rs"];

/// Writes everything anew, or only `documents`: what needs no Postgres.
///
/// # Errors
/// If a migration or a query is wrong, or the code says too little about itself.
pub(crate) fn generate(arguments: &[String]) -> Result<(), Failure> {
    match arguments {
        [] => queries().and_then(|()| documents()),
        [only] if only == "documents" => documents(),
        _ => Err(Failure::new(
            "`cargo xtask generate` writes everything, `cargo xtask generate documents` all but store/.sqlx",
        )),
    }
}

/// Writes documents, schemas, types and the example configuration. A test of the crate holds them to be current.
fn documents() -> Result<(), Failure> {
    step("make documents from the code", || run(&mut cargo(&["run", "--quiet", "--package", "reference"])))
}

/// Writes `store/.sqlx`.
fn queries() -> Result<(), Failure> {
    setup::setup(&[Tool::Postgres, Tool::Redis])?;
    let _cleanup_first = Interrupts::hold();
    let services = Services::start()?;
    let fresh = services.dir().join("queries");
    step("ask Postgres about every query", || describe(services.postgres()?, &fresh, run))?;
    let committed = root().join("store/.sqlx");
    if committed.exists() {
        fs::remove_dir_all(&committed)?;
    }
    fs::create_dir_all(&committed)?;
    for entry in fs::read_dir(&fresh)? {
        let entry = entry?;
        fs::copy(entry.path(), committed.join(entry.file_name()))?;
    }
    Ok(())
}

/// Fails if `store/.sqlx` is not what [`queries`] would write.
///
/// # Errors
/// If it differs, or a migration or a query is wrong.
pub(crate) fn check(services: &Services) -> Result<(), Failure> {
    let fresh = services.dir().join("queries");
    // The tests run meanwhile: the terminal and the processors are theirs.
    describe(services.postgres()?, &fresh, |check| output(&mut patiently(check)).map(drop))?;
    let (fresh, committed) = (read(&fresh)?, read(&root().join("store/.sqlx"))?);
    let stale: Vec<_> = committed.keys().filter(|name| fresh.get(*name) != committed.get(*name)).collect();
    let missing: Vec<_> = fresh.keys().filter(|name| !committed.contains_key(*name)).collect();
    if stale.is_empty() && missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "store/.sqlx does not fit the queries (stale: {stale:?}, missing: {missing:?}): \
         run `cargo xtask generate` and commit it"
    )))
}

/// Compiles `store` by way of `run` against a migrated database, with the answers going to `into`.
fn describe(
    postgres: &Postgres,
    into: &Path,
    run: impl FnOnce(&mut Command) -> Result<(), Failure>,
) -> Result<(), Failure> {
    fs::create_dir_all(into)?;
    migrate(postgres)?;
    let sources = SOURCES.map(|source| root().join(source));
    let modified = sources.iter().map(|source| touch(source)).collect::<Result<Vec<_>, Failure>>()?;
    let outcome = run(cargo(&["check", "--package", "store", "--all-targets", "--features", "testing"])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", into)
        .env("DATABASE_URL", postgres.url(Postgres::SUPERUSER, DATABASE)));
    // As it was, so that nothing else is compiled again.
    for (source, time) in sources.iter().zip(modified) {
        File::options().append(true).open(source)?.set_modified(time)?;
    }
    outcome
}

fn migrate(postgres: &Postgres) -> Result<(), Failure> {
    postgres.execute("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
    postgres.execute(DATABASE, BEFORE_MIGRATIONS)?;
    for directory in ["store/migrations", "store/sql"] {
        let mut files = Vec::new();
        for entry in fs::read_dir(root().join(directory))? {
            files.push(entry?.path());
        }
        files.sort();
        for file in files {
            let sql = fs::read_to_string(&file)?;
            let wrong = |error| Failure::new(format!("{}: {error}", file.display()));
            postgres.execute(DATABASE, &sql).map_err(wrong)?;
        }
    }
    Ok(())
}

/// Makes a file look changed and returns when it really was.
fn touch(source: &Path) -> Result<SystemTime, Failure> {
    let file = File::options().append(true).open(source)?;
    let before = file.metadata()?.modified()?;
    #[expect(clippy::disallowed_methods, reason = "cargo compares files' times with the system's clock")]
    file.set_modified(SystemTime::now())?;
    Ok(before)
}

/// The files of a directory by name, without what depends on the version of Postgres.
fn read(dir: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let text = fs::read_to_string(entry.path())?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), without_nullability(&text));
    }
    Ok(files)
}

/// What may be NULL is told from the plan, which newer versions make differently.
/// That it fits the code is checked by compiling against this very Postgres.
fn without_nullability(text: &str) -> String {
    let Some((before, rest)) = text.split_once("\"nullable\": [") else { return text.to_owned() };
    let after = rest.split_once(']').map_or("", |(_, after)| after);
    format!("{before}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nullability_is_left_out_of_the_comparison() {
        let text = "{\n \"columns\": [1],\n \"nullable\": [\n false\n ]\n },\n \"hash\": 2 }";
        assert_eq!(without_nullability(text), "{\n \"columns\": [1],\n \n },\n \"hash\": 2 }");
    }
}
