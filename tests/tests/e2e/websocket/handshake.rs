//! The opening handshake (RFC 6455, section 4.2).

use switchboard_tests::{
    installation::Installation,
    raw::{self, Raw},
};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

fn key(key: &str) -> String {
    format!("Sec-WebSocket-Key: {key}\r\n")
}

/// What RFC 6455, section 1.3, answers to its example, however it is spelled; nothing is agreed that the
/// server does not speak.
#[tokio::test]
async fn a_handshake_is_answered_with_the_key_of_the_rfc() {
    let installation = Installation::new().await;
    let server = installation.server();
    let key = key(raw::KEY);
    for headers in [
        format!("{UPGRADE}{VERSION}{key}"),
        format!("connection: keep-alive, upgrade\r\nupgrade: WebSocket\r\n{VERSION}{key}"),
        format!(
            "{UPGRADE}{VERSION}{key}Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        ),
        format!("{UPGRADE}{VERSION}{key}Sec-WebSocket-Protocol: chat, superchat\r\n"),
    ] {
        let (_raw, answer) = Raw::handshake(&server.base, &headers, false).await;
        assert_eq!(answer.status, 101, "{headers}: {}", answer.text);
        assert!(answer.text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{}", answer.text);
        let head = answer.text.to_lowercase();
        assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
        assert!(head.contains("\r\nupgrade: websocket\r\n"), "{head}");
        assert!(!head.contains("sec-websocket-extensions"), "{head}");
        assert!(!head.contains("sec-websocket-protocol"), "{head}");
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_refused_with_a_problem_document() {
    let installation = Installation::new().await;
    let server = installation.server();
    let keyed = |value: &str| format!("{UPGRADE}{VERSION}{}", key(value));
    let spoken = |version: &str| format!("{UPGRADE}{}{version}", key(raw::KEY));
    for (headers, status) in [
        (keyed("not base64!"), 400),
        (keyed(""), 400),
        (keyed("c2hvcnQ="), 400),
        // Without its padding; 15 and 17 bytes.
        (keyed("dGhlIHNhbXBsZSBub25jZQ"), 400),
        (keyed("dGhlIHNhbXBsZSBub25j"), 400),
        (keyed("dGhlIHNhbXBsZSBub25jZSE="), 400),
        (format!("{}{}", keyed(raw::KEY), key(raw::KEY)), 400),
        (format!("{UPGRADE}{VERSION}"), 400),
        (format!("{VERSION}{}", key(raw::KEY)), 400),
        (format!("Connection: Upgrade\r\n{VERSION}{}", key(raw::KEY)), 400),
        (format!("Connection: Upgrade\r\nUpgrade: h2c\r\n{VERSION}{}", key(raw::KEY)), 400),
        (format!("Upgrade: websocket\r\n{VERSION}{}", key(raw::KEY)), 400),
        (format!("Connection: keep-alive\r\nUpgrade: websocket\r\n{VERSION}{}", key(raw::KEY)), 400),
        (spoken(""), 426),
        (spoken("Sec-WebSocket-Version: 8\r\n"), 426),
        (spoken("Sec-WebSocket-Version: 14\r\n"), 426),
        (spoken("Sec-WebSocket-Version: 130\r\n"), 426),
        (spoken("Sec-WebSocket-Version: thirteen\r\n"), 426),
    ] {
        let (_raw, answer) = Raw::handshake(&server.base, &headers, false).await;
        assert_eq!(answer.status, status, "{headers}: {}", answer.text);
        let text = answer.text.to_lowercase();
        assert!(text.contains("application/problem+json"), "{text}");
        assert!(!text.contains("sec-websocket-accept"), "{text}");
        if status == 426 {
            assert!(text.contains("\r\nsec-websocket-version: 13\r\n"), "what would be spoken: {text}");
        }
    }
}
