//! What several servers of Redis that know each other have in common: questions, and how long they take.

use crate::{child, find};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    time::Duration,
};

/// How long all of them may take to know each other.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) fn binary() -> io::Result<PathBuf> {
    find::redis().ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "no redis-server: run `cargo xtask setup redis`")
    })
}

pub(crate) fn await_answer(address: SocketAddr, question: &str, part: &str) -> io::Result<()> {
    let has_come = || ask(address, question).is_ok_and(|answer| answer.contains(part));
    if child::poll(START_TIMEOUT, has_come) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("{question} never said {part}")))
}

/// What a server says to a command; of a long answer, how it begins.
#[expect(clippy::disallowed_methods, reason = "asks a server of this machine that was started here")]
pub(crate) fn ask(address: SocketAddr, command: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = vec![0; 16 * 1024];
    let length = stream.read(&mut answer)?;
    answer.truncate(length);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
