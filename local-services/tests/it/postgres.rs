//! What embedded mode relies on.

use local_services::{
    child,
    postgres::{Postgres, PostgresOptions},
    scratch::Scratch,
};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::mpsc, thread, time::Duration};

const PATIENCE: Duration = Duration::from_secs(30);

fn is_running(scratch: &Scratch) -> bool {
    scratch.join("pg/data/postmaster.pid").exists()
}

#[test]
fn what_was_written_is_there_after_a_stop_and_a_start() {
    let scratch = Scratch::new().expect("a directory");
    let options = PostgresOptions::durable(scratch.join("pg"));
    let postgres = Postgres::start(&options).expect("Postgres starts");
    postgres
        .execute("postgres", "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
        .expect("it is written");
    drop(postgres);
    assert!(!is_running(&scratch), "dropping the handle stops it");

    let postgres = Postgres::start(&options).expect("Postgres starts again");
    let check = "DO $$ BEGIN IF (SELECT count(*) FROM kept) <> 1 THEN RAISE 'lost'; END IF; END $$";
    postgres.execute("postgres", check).expect("the row is there");
}

#[test]
fn a_second_start_adopts_the_one_that_runs_and_does_not_stop_it() {
    let scratch = Scratch::new().expect("a directory");
    let options = PostgresOptions::for_tests(scratch.join("pg"));
    let first = Postgres::start(&options).expect("Postgres starts");
    drop(Postgres::start(&options).expect("it is adopted"));
    first.execute("postgres", "SELECT 1").expect("it still runs");
}

#[test]
fn it_ends_with_the_thread_that_started_it() {
    let scratch = Scratch::new().expect("a directory");
    let options = PostgresOptions::for_tests(scratch.join("pg"));
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let postgres = Postgres::start(&options).expect("Postgres starts");
        sender.send(()).expect("the test waits");
        // As after kill -9, nobody runs the destructor.
        std::mem::forget(postgres);
    });
    receiver.recv().expect("it started");
    assert!(child::poll(PATIENCE, || !is_running(&scratch)), "it outlived its thread");
}

/// A crash leaves the lock file, and another program gets the process number.
#[test]
fn a_lock_file_that_names_another_program_does_not_keep_it_from_starting() {
    let scratch = Scratch::new().expect("a directory");
    let options = PostgresOptions::for_tests(scratch.join("pg"));
    drop(Postgres::start(&options).expect("Postgres starts"));
    let lock = scratch.join("pg/data/postmaster.pid");
    // The test's own parent is one that Postgres would believe to be alive.
    let other = std::os::unix::process::parent_id();
    fs::write(&lock, format!("{other}\n{}\n0\n5432\n", scratch.join("pg/data").display()))
        .expect("it is written");
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o644)).expect("it is readable");
    Postgres::start(&options).expect("Postgres starts");
}

#[test]
fn a_path_too_long_for_a_socket_is_no_obstacle() {
    let scratch = Scratch::new().expect("a directory");
    let dir: PathBuf = scratch.join("a-directory-with-a-long-name-".repeat(4)).join("pg");
    let postgres = Postgres::start(&PostgresOptions::for_tests(dir)).expect("Postgres starts");
    postgres.execute("postgres", "SELECT 1").expect("it answers");
}

#[test]
fn an_error_comes_back_in_the_servers_words() {
    let scratch = Scratch::new().expect("a directory");
    let postgres = Postgres::start(&PostgresOptions::for_tests(scratch.join("pg"))).expect("Postgres starts");
    let error = postgres.execute("postgres", "SELECT nothing").expect_err("there is no such column");
    assert!(error.to_string().contains("nothing"), "{error}");
}
