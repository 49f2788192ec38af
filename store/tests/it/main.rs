//! What the store promises, against a real Postgres.
