//! The page of docs/EMBEDDING.md: on a site of its own, with tokens that a back end got.

use serde_json::json;
use std::fmt::Write as _;
use switchboard_tests::{
    browser::{Browser, Driver},
    installation::Installation,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// What the documentation tells people to copy.
const PAGE: &str = include_str!("../../../docs/embedding/call.html");

/// Serves the page on an origin that is not Switchboard's, and returns its address.
async fn site() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _read = stream.read(&mut request).await;
                let mut answer =
                    String::from("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n");
                write!(answer, "content-length: {}\r\n\r\n{PAGE}", PAGE.len()).expect("a string takes it");
                let _gone = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    format!("http://{address}/")
}

/// Two meet peer to peer; with the third, media goes through the server.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_that_is_there_to_be_copied_is_a_call_of_two_and_of_three() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Counter").await;
    let site = site().await;
    let driver = Driver::start();
    let mut visitors = Vec::new();
    for number in 0..3 {
        let body = json!({
            "guest": { "identity": format!("customer-{number}"), "name": "Grace" },
            "rights": ["media.send", "media.receive"],
        });
        let minted = account.admin.post(&format!("/v1/rooms/{room}/join-tokens"), body).await;
        let token = minted["token"].as_str().expect("a token");
        let browser = Browser::start(&driver).await;
        browser.open(&format!("{site}#server={}&token={token}", server.base)).await;
        visitors.push(browser);
        // Pictures of all others arrive, and go on.
        for visitor in &visitors {
            let playing = "[...document.querySelectorAll('video')].filter((it) => it.videoWidth > 0 && it.currentTime > 0).length";
            visitor.until(&format!("{playing} === {number}")).await;
        }
    }
    visitors.pop().expect("the third").quit().await;
    for visitor in &visitors {
        visitor.until("document.querySelectorAll('video').length === 1").await;
    }
    for visitor in visitors {
        visitor.quit().await;
    }
}
