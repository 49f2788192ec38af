//! Compiles the crate again when a migration changes: they are embedded by a macro, which cargo cannot see.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
