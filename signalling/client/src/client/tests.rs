use super::*;
use crate::frame::{CLOSE, FIN, PING, PONG, TEXT};
use common::protocol::{Done, room};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use uuid::Uuid;

const UPGRADED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A server that answers the handshake with `answer`.
async fn serve(listener: &TcpListener, answer: &str) -> TcpStream {
    let (mut server, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(server.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"GET /v1/ws HTTP/1.1\r\n"));
    server.write_all(answer.as_bytes()).await.unwrap();
    server
}

/// Such a server, and what becomes of it at the client's.
async fn met(answer: &str) -> (TcpStream, io::Result<Client>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::join!(serve(&listener, answer), Client::connect(address))
}

async fn connected() -> (TcpStream, Client) {
    let (server, client) = met(UPGRADED).await;
    (server, client.unwrap())
}

/// A server's frame.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126);
    [&[FIN | opcode, length], payload].concat()
}

/// The next frame of a client, without its mask.
async fn heard(server: &mut TcpStream) -> (u8, Vec<u8>) {
    let (head, length) = (server.read_u8().await.unwrap(), server.read_u8().await.unwrap() & 0x7F);
    let length = match length {
        126 => usize::from(server.read_u16().await.unwrap()),
        127 => usize::try_from(server.read_u64().await.unwrap()).unwrap(),
        short => usize::from(short),
    };
    let mut masked = vec![0; 4 + length];
    server.read_exact(&mut masked).await.unwrap();
    let (mask, payload) = masked.split_at(4);
    (head & 0x0F, payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect())
}

fn typing(is_typing: bool) -> room::SetTyping {
    room::SetTyping { room_id: common::id::RoomId::from_uuid(Uuid::from_u128(7)), typing: is_typing }
}

#[tokio::test]
async fn what_does_not_upgrade_is_refused_with_its_answer() {
    for answer in [
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        // Somebody who has not read the key.
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n",
    ] {
        let error = met(answer).await.1.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(error.to_string(), answer);
    }
}

#[tokio::test]
async fn events_that_come_before_an_answer_are_kept_in_their_order() {
    let (mut server, mut client) = connected().await;
    let serve = async {
        let (opcode, asked) = heard(&mut server).await;
        let asked: Value = serde_json::from_slice(&asked).unwrap();
        assert_eq!((opcode, &asked["method"], &asked["id"]), (TEXT, &json!("room.typing"), &json!(1)));
        for said in [r#"{"method":"one"}"#, r#"{"method":"two"}"#, r#"{"id":1,"result":{}}"#] {
            server.write_all(&frame(TEXT, said.as_bytes())).await.unwrap();
        }
        server.write_all(&frame(TEXT, br#"{"method":"three"}"#)).await.unwrap();
    };
    let asked = typing(true);
    let (answer, ()) = tokio::join!(client.request(&asked), serve);
    assert_eq!(answer.unwrap(), Done {});
    assert!(client.has_kept(|event| event["method"] == "two"));
    assert_eq!(client.take_kept(|event| event["method"] == "two").unwrap()["method"], "two");
    for next in ["one", "three"] {
        assert_eq!(client.event_json().await.unwrap()["method"], next);
    }
}

#[tokio::test]
async fn a_refusal_is_an_error_of_the_protocol_and_nonsense_is_none() {
    let (mut server, mut client) = connected().await;
    let failure =
        r#"{"id":1,"error":{"code":-32000,"message":"No.","data":{"code":"room.closed","fault":"caller"}}}"#;
    let serve = async {
        heard(&mut server).await;
        server.write_all(&frame(TEXT, failure.as_bytes())).await.unwrap();
        heard(&mut server).await;
        server.write_all(&frame(TEXT, br#"{"id":2,"result":7}"#)).await.unwrap();
    };
    let ask = async {
        let refused = client.request(&typing(true)).await;
        assert!(
            matches!(&refused, Err(Error::Refused(why)) if why.data.code.as_str() == "room.closed"),
            "{refused:?}"
        );
        let nonsense = client.request(&typing(false)).await;
        assert!(matches!(nonsense, Err(Error::Malformed(_))), "{nonsense:?}");
    };
    tokio::join!(serve, ask);
}

#[tokio::test]
async fn pings_and_a_close_are_answered_and_what_came_before_it_is_not_lost() {
    let (mut server, mut client) = connected().await;
    let close = 4000_u16.to_be_bytes();
    server.write_all(&[frame(PING, b"a"), frame(PING, b"b"), frame(TEXT, b"{}")].concat()).await.unwrap();
    assert_eq!(client.message().await.unwrap(), json!({}));
    assert_eq!(
        [heard(&mut server).await, heard(&mut server).await],
        [(PONG, b"a".into()), (PONG, b"b".into())]
    );
    server.write_all(&[frame(TEXT, b"{}"), frame(CLOSE, &close), frame(TEXT, b"[]")].concat()).await.unwrap();
    assert_eq!(client.message().await.unwrap(), json!({}));
    for _ in 0..2 {
        assert!(matches!(client.message().await, Err(Lost::Closed(Some(4000)))), "said as often as asked");
    }
    assert_eq!(client.closed().await, Some(4000));
    assert_eq!(heard(&mut server).await, (CLOSE, close.to_vec()));
}

/// The client's side is shut for writing: whatever it writes fails, and what the server says still comes.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test connects to itself")]
async fn what_came_is_not_lost_where_a_ping_cannot_be_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let same = stream.try_clone().unwrap();
    let client = Client::by(TcpStream::from_std(stream).unwrap(), "localhost");
    let (mut server, client) = tokio::join!(serve(&listener, UPGRADED), client);
    let mut client = client.unwrap();
    same.shutdown(std::net::Shutdown::Write).unwrap();
    let close = 4000_u16.to_be_bytes();
    for number in 0..2 {
        let said = format!(r#"{{"number":{number}}}"#);
        server.write_all(&[frame(PING, b"a"), frame(TEXT, said.as_bytes())].concat()).await.unwrap();
        assert_eq!(client.message().await.unwrap(), json!({ "number": number }));
    }
    server.write_all(&[frame(TEXT, b"{}"), frame(PING, b"b"), frame(CLOSE, &close)].concat()).await.unwrap();
    assert_eq!(client.message().await.unwrap(), json!({}));
    assert_eq!(client.closed().await, Some(4000));
}

#[tokio::test]
async fn an_end_without_a_close_is_told_from_one_with_it() {
    let (server, mut client) = connected().await;
    drop(server);
    assert!(matches!(client.message().await, Err(Lost::Ended)));
    assert_eq!(client.closed().await, None);
    let (mut server, mut client) = connected().await;
    server.write_all(&frame(TEXT, b"no JSON")).await.unwrap();
    assert!(matches!(client.message().await, Err(Lost::Broken(_))));
}

/// The server reads nothing until both wait, and one of them is given up in the middle of its frame.
#[tokio::test]
async fn frames_stay_whole_where_two_write_and_one_gives_up() {
    let (mut server, client) = connected().await;
    let (large, small) = ("x".repeat(16 * 1024 * 1024), client.writer());
    let given_up = timeout(Duration::from_millis(50), client.writer().text(&large)).await;
    assert!(given_up.is_err(), "the network takes less than this");
    let hear = async {
        assert_eq!(heard(&mut server).await, (TEXT, large.clone().into_bytes()));
        assert_eq!(heard(&mut server).await, (TEXT, b"small".to_vec()));
    };
    let ((), sent) = tokio::join!(hear, small.text("small"));
    sent.unwrap();
}
