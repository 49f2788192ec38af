//! A WebSocket as a load client can afford thousands of: frames by hand, and nothing kept of them.

use crate::frame::{self, FIN};
use std::{cell::RefCell, fmt::Display, io, sync::Arc};
use tokio::{
    net::{TcpStream, ToSocketAddrs},
    sync::Mutex,
};

/// The key of the handshake, and what a server makes of it (RFC 6455, section 1.3, where both are the example).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The longest head of an answer to the handshake.
const HEAD_BYTES_MAX: usize = 16 * 1024;

thread_local! {
    /// What is being read, of whichever connection: only a frame that is not whole is kept with its connection.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

/// A WebSocket, read.
#[derive(Debug)]
pub struct Connection {
    shared: Arc<Shared>,
    /// The beginning of a frame.
    rest: Vec<u8>,
    bytes_read: u64,
}

/// What writes to a WebSocket, beside whoever else does.
#[derive(Debug, Clone)]
pub struct Writer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stream: TcpStream,
    /// What the network has not taken yet. One whole frame after the other, also where somebody stops waiting in the
    /// middle of one.
    unsent: Mutex<Vec<u8>>,
}

impl Connection {
    /// Connects to `address`, `host:port`, and upgrades at `path`.
    ///
    /// # Errors
    /// If nobody is there; [`io::ErrorKind::ConnectionRefused`], with the answer, if it does not upgrade.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests and load tools play the outside, which egress does not let in"
    )]
    pub async fn connect(address: impl ToSocketAddrs + Display, path: &str) -> io::Result<Self> {
        let host = address.to_string();
        Self::over(TcpStream::connect(address).await?, &host, path).await
    }

    /// Upgrades a TCP connection that was made to `host`.
    ///
    /// # Errors
    /// As [`Connection::connect`].
    pub async fn over(stream: TcpStream, host: &str, path: &str) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let shared = Arc::new(Shared { stream, unsent: Mutex::default() });
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        );
        shared.write(request.as_bytes()).await?;
        let mut head = Vec::with_capacity(4096);
        let end = loop {
            shared.stream.readable().await?;
            match shared.stream.try_read_buf(&mut head) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Ok(_) | Err(_) => {}
            }
            match head.windows(4).position(|end| end == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None if head.len() > HEAD_BYTES_MAX => return Err(io::ErrorKind::InvalidData.into()),
                None => {}
            }
        };
        // Frames may have come with it; what is kept is theirs alone.
        let rest = head.get(end..).unwrap_or_default().to_vec();
        let answer = String::from_utf8_lossy(head.get(..end).unwrap_or_default());
        let is_accepted = answer
            .lines()
            .filter_map(|line| line.split_once(':'))
            .any(|(name, value)| name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == ACCEPT);
        if !answer.starts_with("HTTP/1.1 101") || !is_accepted {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, answer.into_owned()));
        }
        Ok(Self { shared, rest, bytes_read: 0 })
    }

    /// Another that writes to it.
    pub fn writer(&self) -> Writer {
        Writer(Arc::clone(&self.shared))
    }

    /// Bytes that were read since the handshake.
    pub const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Waits for bytes and hands on every whole frame, by opcode and payload. `false` once the server has ended the
    /// TCP connection. Who stops waiting misses nothing.
    ///
    /// # Errors
    /// If the connection breaks, or the server sends what no server may.
    pub async fn hear(&mut self, mut on: impl FnMut(u8, &[u8])) -> io::Result<bool> {
        // What came with the handshake.
        let early = frame::each(&self.rest, &mut on)?;
        if early > 0 {
            self.rest.drain(..early);
            self.bytes_read += early as u64;
            return Ok(true);
        }
        loop {
            self.shared.stream.readable().await?;
            match SCRATCH.with_borrow_mut(|scratch| self.read(scratch, &mut on)) {
                Ok(read) => return Ok(read > 0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads once, and says how many bytes.
    fn read(&mut self, scratch: &mut [u8], on: &mut impl FnMut(u8, &[u8])) -> io::Result<usize> {
        let read = self.shared.stream.try_read(scratch)?;
        self.bytes_read += read as u64;
        let fresh = scratch.get(..read).unwrap_or_default();
        if self.rest.is_empty() {
            let used = frame::each(fresh, on)?;
            self.rest.extend_from_slice(fresh.get(used..).unwrap_or_default());
        } else {
            self.rest.extend_from_slice(fresh);
            let used = frame::each(&self.rest, on)?;
            self.rest.drain(..used);
        }
        Ok(read)
    }
}

impl Writer {
    /// Writes a text.
    ///
    /// # Errors
    /// If the connection is over.
    pub async fn text(&self, text: &str) -> io::Result<()> {
        self.frame(frame::TEXT, text.as_bytes()).await
    }

    /// Answers a ping.
    ///
    /// # Errors
    /// If the connection is over.
    pub async fn pong(&self, payload: &[u8]) -> io::Result<()> {
        self.frame(frame::PONG, payload).await
    }

    /// Says that this side closes the connection, and why.
    ///
    /// # Errors
    /// If the connection is over.
    pub async fn close(&self, code: u16) -> io::Result<()> {
        self.frame(frame::CLOSE, &code.to_be_bytes()).await
    }

    async fn frame(&self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.0.write(&frame::frame(FIN | opcode, payload)).await
    }
}

impl Shared {
    async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut unsent = self.unsent.lock().await;
        // Mostly there is room for all of it, and nothing to be kept.
        let mut fresh = bytes;
        while unsent.is_empty() && !fresh.is_empty() {
            match self.stream.try_write(fresh) {
                Ok(written) => fresh = fresh.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        unsent.extend_from_slice(fresh);
        while !unsent.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(&unsent) {
                Ok(written) => drop(unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        // What was large once is not kept for it.
        *unsent = Vec::new();
        Ok(())
    }
}
