//! A WebSocket as a load client can afford thousands of: frames by hand, and nothing kept of them.

use std::{cell::RefCell, io, net::SocketAddr, sync::Arc};
use switchboard_tests::raw;
use tokio::net::TcpStream;

thread_local! {
    /// What is being read, of whichever socket: only a frame that is not whole is kept with the socket.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

/// A connection.
pub(super) struct Link {
    stream: Arc<TcpStream>,
    /// The beginning of a frame.
    rest: Vec<u8>,
    /// Bytes read, the handshake's not counted.
    pub(super) bytes: u64,
}

/// The writing half of one.
#[derive(Clone)]
pub(super) struct Pen(Arc<TcpStream>);

impl Pen {
    /// Writes a text.
    ///
    /// # Errors
    /// If the connection is over.
    pub(super) async fn text(&self, text: &str) -> io::Result<()> {
        self.frame(raw::TEXT, text.as_bytes()).await
    }

    async fn frame(&self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        write(&self.0, &raw::frame(raw::FIN | opcode, payload)).await
    }

    /// Answers a ping.
    ///
    /// # Errors
    /// If the connection is over.
    pub(super) async fn pong(&self, payload: &[u8]) -> io::Result<()> {
        self.frame(raw::PONG, payload).await
    }
}

async fn write(stream: &TcpStream, mut left: &[u8]) -> io::Result<()> {
    while !left.is_empty() {
        stream.writable().await?;
        match stream.try_write(left) {
            Ok(written) => left = left.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Link {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// If the server does not take it.
    #[expect(
        clippy::disallowed_methods,
        reason = "load tools play the outside, which egress does not let in"
    )]
    pub(super) async fn connect(address: SocketAddr, path: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let key = raw::KEY;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        );
        write(&stream, request.as_bytes()).await?;
        let mut head = Vec::with_capacity(4096);
        let end = loop {
            stream.readable().await?;
            match stream.try_read_buf(&mut head) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Ok(_) | Err(_) => {}
            }
            if let Some(end) = head.windows(4).position(|end| end == b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !head.starts_with(b"HTTP/1.1 101") {
            let answer = String::from_utf8_lossy(&head).into_owned();
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, answer));
        }
        Ok(Self { stream: Arc::new(stream), rest: head.split_off(end), bytes: 0 })
    }

    pub(super) fn pen(&self) -> Pen {
        Pen(Arc::clone(&self.stream))
    }

    /// Waits for bytes and hands on every whole frame. `false` once the server has ended the connection.
    ///
    /// # Errors
    /// If the connection breaks.
    pub(super) async fn hear(&mut self, mut on: impl FnMut(u8, &[u8])) -> io::Result<bool> {
        // What came with the handshake.
        let early = frames(&self.rest, &mut on);
        if early > 0 {
            self.rest.drain(..early);
            return Ok(true);
        }
        loop {
            self.stream.readable().await?;
            let read = SCRATCH.with_borrow_mut(|scratch| {
                let read = self.stream.try_read(scratch)?;
                let fresh = scratch.get(..read).unwrap_or_default();
                if self.rest.is_empty() {
                    let used = frames(fresh, &mut on);
                    self.rest.extend_from_slice(fresh.get(used..).unwrap_or_default());
                } else {
                    self.rest.extend_from_slice(fresh);
                    let used = frames(&self.rest, &mut on);
                    self.rest.drain(..used);
                }
                Ok(read)
            });
            match read {
                Ok(read) => {
                    self.bytes += u64::try_from(read).unwrap_or(0);
                    return Ok(read > 0);
                }
                Err(error) if io::Error::kind(&error) == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Hears until `wanted` finds something in a text.
    ///
    /// # Errors
    /// If the connection ends before.
    pub(super) async fn until<T>(&mut self, mut wanted: impl FnMut(&[u8]) -> Option<T>) -> io::Result<T> {
        let mut found = None;
        while found.is_none() {
            let heard = self.hear(|opcode, payload| {
                if found.is_none() && opcode == raw::TEXT {
                    found = wanted(payload);
                }
            });
            if !heard.await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        found.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Hands on the whole frames in `bytes`, and returns how many bytes they are.
fn frames(bytes: &[u8], on: &mut impl FnMut(u8, &[u8])) -> usize {
    let mut used = 0;
    while let Some((opcode, payload, length)) = bytes.get(used..).and_then(first) {
        on(opcode, payload);
        used += length;
    }
    used
}

/// The first frame, if it is whole: its opcode, its payload, and its length with the header.
fn first(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (&[head, length], rest) = bytes.split_first_chunk()?;
    let (length, header): (usize, usize) = match length {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    Some((head & 0x0F, bytes.get(header..header.checked_add(length)?)?, header + length))
}
