//! A WebSocket client without manners: it sends whatever bytes, reads when it likes, and vanishes.
//!
//! It is no [`Client`](signalling_client::Client), whose frames it borrows: that one keeps the protocol, answers pings
//! and closes, and reads all that comes, which is what this is for not doing.

use crate::{PATIENCE, socket::address};
use serde_json::{Value, json};
pub use signalling_client::frame::{
    BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, frame, header, masked,
};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

/// A key as a client makes it (RFC 6455, section 1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A TCP connection to the hub that was upgraded.
pub struct Raw {
    stream: TcpStream,
}

/// What a server answered instead of upgrading, or when it did.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers and body, as they came.
    pub text: String,
}

impl Raw {
    /// Asks for an upgrade with these headers beside `Host`, each with its line end.
    pub async fn handshake(base: &str, headers: &str, narrow: bool) -> (Self, Answer) {
        let address = address(base);
        let socket = TcpSocket::new_v4().expect("a socket");
        if narrow {
            socket.set_recv_buffer_size(4096).expect("a small buffer");
        }
        #[expect(clippy::disallowed_methods, reason = "tests play the outside, which egress does not let in")]
        let mut stream = socket.connect(address.parse().expect("an address")).await.expect("a connection");
        stream.set_nodelay(true).expect("it can be set");
        let request = format!("GET /v1/ws HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        let text = head(&mut stream).await;
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (Self { stream }, Answer { status, text })
    }

    /// Asks for an upgrade as a well-meaning client does.
    pub async fn knock(base: &str, narrow: bool) -> (Self, Answer) {
        let headers = format!(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
        );
        Self::handshake(base, &headers, narrow).await
    }

    /// Connects without saying who it is.
    pub async fn connect(base: &str) -> Self {
        let (raw, answer) = Self::knock(base, false).await;
        assert_eq!(answer.status, 101, "{}", answer.text);
        raw
    }

    /// Connects and authenticates.
    pub async fn open(base: &str, token: &str) -> Self {
        let mut raw = Self::connect(base).await;
        raw.ask("connection.open", json!({ "token": token })).await;
        raw
    }

    /// The same, and takes little from the network before it is read.
    pub async fn open_narrow(base: &str, token: &str) -> Self {
        let (mut raw, answer) = Self::knock(base, true).await;
        assert_eq!(answer.status, 101, "{}", answer.text);
        raw.ask("connection.open", json!({ "token": token })).await;
        raw
    }

    /// Asks and expects a result.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.send(TEXT, request(1, method, params).as_bytes()).await.expect("it is sent");
        loop {
            let (opcode, payload) = self.frame().await.expect("the server answers");
            if opcode != TEXT {
                continue;
            }
            let mut message: Value = serde_json::from_slice(&payload).expect("the server speaks JSON");
            if message["id"] == 1 {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].take();
            }
        }
    }

    /// The port that the server knows this connection by.
    pub fn port(&self) -> u16 {
        self.stream.local_addr().expect("it is connected").port()
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// If the server has ended the connection.
    pub async fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.stream.write_all(&frame(FIN | opcode, payload)).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the server has ended the connection.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next frame of the server; `None` once the connection is over.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(PATIENCE, read_frame(&mut self.stream)).await.expect("the server says something in time")
    }

    /// Reads to the close frame, and expects the connection to end in order after it, within `time`.
    /// The code; `None` without a close frame.
    pub async fn closed_within(&mut self, time: Duration) -> Option<u16> {
        let closed = async {
            while let Some((opcode, payload)) = read_frame(&mut self.stream).await {
                if opcode == CLOSE {
                    let mut rest = Vec::new();
                    self.stream.read_to_end(&mut rest).await.expect("the connection ends in order");
                    assert!(rest.is_empty(), "nothing comes after a close");
                    return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                }
            }
            None
        };
        timeout(time, closed).await.expect("the server closes in time")
    }

    /// Gone without a word: the system resets the connection.
    pub fn vanish(self) {
        #[expect(deprecated, reason = "a reset does not wait")]
        self.stream.set_linger(Some(Duration::ZERO)).expect("it can be set");
    }

    /// Reading and writing apart.
    pub fn split(self) -> (Reader, OwnedWriteHalf) {
        let (reader, writer) = self.stream.into_split();
        (Reader(reader), writer)
    }
}

/// A TCP connection to a server, and nothing said yet.
///
/// # Errors
/// If it is not taken.
#[expect(clippy::disallowed_methods, reason = "tests play the outside, which egress does not let in")]
pub async fn dial(address: &str) -> io::Result<TcpStream> {
    TcpStream::connect(address).await
}

/// The reading half.
pub struct Reader(OwnedReadHalf);

impl Reader {
    /// The next frame of the server; `None` once the connection is over.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        read_frame(&mut self.0).await
    }

    /// Everything up to the end of the connection.
    ///
    /// # Errors
    /// If it does not end in order.
    pub async fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await?;
        Ok(rest)
    }
}

/// A request as text.
pub fn request(id: u64, method: &str, params: Value) -> String {
    signalling_client::request(Some(id), method, &params).expect("JSON is JSON")
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let whole = async {
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).await.is_ok() {
            head.extend(byte);
        }
        // What is refused has a body.
        if !head.starts_with(b"HTTP/1.1 101") {
            let text = String::from_utf8_lossy(&head).to_lowercase();
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
            let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
            stream.read_exact(&mut body).await.expect("the whole body");
            head.extend(body);
        }
    };
    timeout(PATIENCE, whole).await.expect("the server answers in time");
    String::from_utf8(head).expect("text")
}

async fn read_frame(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    assert_eq!(
        first & 0xF0,
        FIN,
        "a server that has agreed on nothing sends whole frames without reserved bits"
    );
    let length = match stream.read_u8().await.ok()? {
        masked @ 0x80.. => panic!("a server masks nothing (RFC 6455, section 5.1): {masked:#x}"),
        126 => usize::from(stream.read_u16().await.ok()?),
        127 => usize::try_from(stream.read_u64().await.ok()?).ok()?,
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.ok()?;
    Some((first & 0x0F, payload))
}
