//! As much of Postgres' wire protocol (version 3.0) as a start and a migration need: no
//! authentication, one simple query.

use super::Postgres;
use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

const VERSION_3_0: u32 = 196_608;

/// The longest message that is believed, in bytes: the answers to our queries are tiny.
const MESSAGE_MAX: u32 = 1 << 20;

/// Whether a server on `socket` lets the superuser in.
pub(super) fn answers(socket: &Path) -> bool {
    let attempt = || -> io::Result<()> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        start_up(&mut stream, "postgres")?;
        await_ready(&mut stream)?;
        say_goodbye(&mut stream)
    };
    attempt().is_ok()
}

/// Runs `sql`, which may be many statements: outside of explicit transactions, all or none of it.
pub(super) fn execute(socket: &Path, database: &str, sql: &str) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    start_up(&mut stream, database)?;
    await_ready(&mut stream)?;
    let length = u32::try_from(4 + sql.len() + 1).map_err(io::Error::other)?;
    stream.write_all(b"Q")?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(sql.as_bytes())?;
    stream.write_all(&[0])?;
    await_ready(&mut stream)?;
    say_goodbye(&mut stream)
}

fn start_up(stream: &mut UnixStream, database: &str) -> io::Result<()> {
    let mut message = VERSION_3_0.to_be_bytes().to_vec();
    for word in ["user", Postgres::SUPERUSER, "database", database, ""] {
        message.extend_from_slice(word.as_bytes());
        message.push(0);
    }
    let length = u32::try_from(message.len() + 4).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&message)
}

/// Reads until the server waits for the next query.
fn await_ready(stream: &mut UnixStream) -> io::Result<()> {
    let mut refused = None;
    loop {
        let mut kind = [0];
        let mut length = [0; 4];
        if let Err(error) = stream.read_exact(&mut kind).and_then(|()| stream.read_exact(&mut length)) {
            return Err(refused.unwrap_or(error));
        }
        let length = u32::from_be_bytes(length).saturating_sub(4);
        if length > MESSAGE_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut body = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        stream.read_exact(&mut body)?;
        match &kind {
            b"Z" => return refused.map_or(Ok(()), Err),
            b"E" => refused = Some(io::Error::other(words(&body))),
            _ => {}
        }
    }
}

/// The message field of an error.
fn words(body: &[u8]) -> String {
    let fields = body.split(|byte| *byte == 0);
    fields
        .filter_map(|field| field.strip_prefix(b"M"))
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .next()
        .unwrap_or_else(|| "the server refused without a reason".to_owned())
}

/// So that the server does not log a broken connection.
fn say_goodbye(stream: &mut UnixStream) -> io::Result<()> {
    stream.write_all(&[b'X', 0, 0, 0, 4])
}
