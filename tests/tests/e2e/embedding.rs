//! The page of docs/EMBEDDING.md: on a site of its own, with tokens that a back end got and the client library.

use serde_json::{Value, json};
use std::fmt::Write as _;
use switchboard_tests::{
    browser::{Browser, Driver, Turn},
    installation::{Account, Installation},
    server::Server,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// What the documentation tells people to copy.
const PAGE: &str = include_str!("../../../docs/embedding/call.html");

/// Of how many others pictures are played.
const PLAYED: &str =
    "[...document.querySelectorAll('video')].filter((it) => it.videoWidth > 0 && it.currentTime > 0).length";

/// An installation that lets pages of this site import the client library.
async fn installation_for(site: &str) -> Installation {
    let mut installation = Installation::new().await;
    let origin = site.trim_end_matches('/');
    installation.set("SWITCHBOARD_HTTP__CORS_ORIGINS", &json!([origin]).to_string());
    installation
}

/// A token for a guest of the room, as the site's own back end gets it.
async fn token(account: &Account, room: &str, identity: &str, rights: &[&str]) -> String {
    let body = json!({ "guest": { "identity": identity, "name": "Grace" }, "rights": rights });
    let minted = account.admin.post(&format!("/v1/rooms/{room}/join-tokens"), body).await;
    minted["token"].as_str().expect("a token").to_owned()
}

/// Serves the page on an origin that is not Switchboard's, and returns its address. Its media session can be asked.
async fn site() -> String {
    let page = PAGE.replace("await session.join();", "globalThis.session = session;\nawait session.join();");
    assert_ne!(page, PAGE);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let page = page.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _read = stream.read(&mut request).await;
                let mut answer =
                    String::from("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n");
                write!(answer, "content-length: {}\r\n\r\n{page}", page.len()).expect("a string takes it");
                let _gone = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    format!("http://{address}/")
}

/// Two meet peer to peer; with the third, media goes through the server.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_that_is_there_to_be_copied_is_a_call_of_two_and_of_three() {
    let turn = Turn::take();
    let site = site().await;
    let installation = installation_for(&site).await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Counter").await;
    let driver = Driver::start(turn);
    let mut visitors = Vec::new();
    for number in 0..3 {
        let rights = ["media.send", "media.receive"];
        let token = token(&account, &room, &format!("customer-{number}"), &rights).await;
        let browser = Browser::start(&driver).await;
        browser.open(&format!("{site}#server={}&token={token}", server.base)).await;
        visitors.push(browser);
        // Pictures of all others arrive, and go on.
        for visitor in &visitors {
            visitor.until(&format!("{PLAYED} === {number}")).await;
        }
    }
    let left_out =
        "[...session.subscriptions.values()].filter(({ reason }) => reason === 'lastN').length === ";
    for (last_n, expected) in [(1, 1), (0, 2), (2, 0)] {
        let select = format!("(session.select({{ autoSubscribe: true, lastN: {last_n} }}), true)");
        visitors[0].until(&select).await;
        visitors[0].until(&format!("{left_out}{expected}")).await;
    }
    visitors.pop().expect("the third").quit().await;
    for visitor in &visitors {
        visitor.until("document.querySelectorAll('video').length === 1").await;
    }
    for visitor in visitors {
        visitor.quit().await;
    }
}

/// Whoever has another secret is sent all of it by the server and can play nothing, and is not played: the server
/// forwards what it cannot read. In Chromium and Firefox, and by both ways.
#[tokio::test(flavor = "multi_thread")]
async fn those_alone_who_have_the_secret_see_each_other_and_the_server_forwards_what_it_cannot_read() {
    let turn = Turn::take();
    let site = site().await;
    let installation = installation_for(&site).await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Counter").await;
    let driver = Driver::start(turn);
    let visit = async |number: u8, browser: Browser, secret: &str| {
        let rights = ["media.send", "media.receive"];
        let token = token(&account, &room, &format!("customer-{number}"), &rights).await;
        browser.open(&format!("{site}#server={}&token={token}&secret={secret}", server.base)).await;
        browser
    };
    let (secret, another) = ("7f".repeat(16), "80".repeat(16));
    let ada = visit(0, Browser::start(&driver).await, &secret).await;
    let ben = visit(1, Browser::start_firefox(&driver).await, &secret).await;
    for visitor in [&ada, &ben] {
        visitor.until(&format!("{PLAYED} === 1")).await;
    }
    let eve = visit(2, Browser::start(&driver).await, &another).await;
    // Of each of the others a voice and a picture come to her, and go on.
    let tracks = |which: &str| {
        format!(
            "(await session.stats()).flatMap(({{ tracks }}) => tracks).filter(({{ packets, framesDecoded, energy }}) => {which}).length"
        )
    };
    eve.until(&format!("{} === 4", tracks("packets > 10"))).await;
    eve.until(&format!("{} === 0", tracks("framesDecoded > 0 || energy > 0"))).await;
    // They see each other through the server by now, and her not.
    for visitor in [&ada, &ben] {
        visitor.until("session.state.route === 'server' && session.direct === null").await;
        visitor.until(&format!("{PLAYED} === 1")).await;
    }
    for visitor in [ada, ben, eve] {
        visitor.quit().await;
    }
}

/// Media between the two never stopped; but the server that knew of their call is another one.
#[tokio::test(flavor = "multi_thread")]
async fn two_who_talk_find_each_other_again_after_the_server_was_killed() {
    let turn = Turn::take();
    let site = site().await;
    let installation = installation_for(&site).await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Counter").await;
    let address = server.address();
    let driver = Driver::start(turn);
    let mut visitors = Vec::new();
    for number in 0..2 {
        let rights = ["media.send", "media.receive"];
        let token = token(&account, &room, &format!("customer-{number}"), &rights).await;
        let visitor = Browser::start(&driver).await;
        visitor.open(&format!("{site}#server={}&token={token}", server.base)).await;
        visitors.push(visitor);
    }
    let playing =
        "[...document.querySelectorAll('video')].find((it) => it.videoWidth > 0 && it.currentTime > 0)?.id";
    let mut before = Vec::new();
    for visitor in &visitors {
        before.push(visitor.until(playing).await);
    }
    server.kill();
    let _server = installation.server_on(&address);
    for (visitor, before) in visitors.iter().zip(before) {
        let one = "document.querySelectorAll('video').length === 1";
        visitor.until(&format!("{one} && ({playing} ?? {before}) !== {before}")).await;
    }
    for visitor in visitors {
        visitor.quit().await;
    }
}

/// Somebody of the account says these in the room, at this server.
async fn say(account: &Account, server: &Server, room: &str, texts: impl IntoIterator<Item = String>) {
    let admin = account.admin.at(&server.base);
    for text in texts {
        admin.post(&format!("/v1/rooms/{room}/messages"), json!({ "text": text })).await;
    }
}

/// Waits until the page shows exactly these messages, in this order.
async fn shows(visitor: &Browser, texts: &[String]) {
    let shown = "[...document.querySelectorAll('#messages li')].map((it) => it.textContent.split(': ')[1])";
    let wanted = Value::from(texts).to_string();
    visitor.until(&format!("JSON.stringify({shown}) === JSON.stringify({wanted})")).await;
}

async fn says(visitor: &Browser, text: &str) {
    let submit = "document.getElementById('say').requestSubmit()";
    visitor.until(&format!("document.getElementById('text').value = {}, {submit}, true", json!(text))).await;
}

/// More is missed than one page of an answer holds, by a client that neither saves anything nor knows that the
/// server was killed; then the server is stopped in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_elsewhere_misses_nothing_of_a_server_that_is_killed_and_restarted() {
    let turn = Turn::take();
    let site = site().await;
    let installation = installation_for(&site).await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Counter").await;
    let rights = ["messages.read", "messages.send", "media.send", "media.receive"];
    let token = token(&account, &room, "customer", &rights).await;
    let address = server.address();
    let driver = Driver::start(turn);
    let visitor = Browser::start(&driver).await;
    visitor.open(&format!("{site}#server={}&token={token}", server.base)).await;
    say(&account, &server, &room, ["welcome".to_owned()]).await;
    let mut texts = vec!["welcome".to_owned()];
    shows(&visitor, &texts).await;

    server.kill();
    says(&visitor, "are you there?").await;
    says(&visitor, "hello?").await;
    // Another instance, which the page does not know. A text takes 8 KiB: one answer holds about thirty.
    let elsewhere = installation.server();
    let missed: Vec<_> = (0..60).map(|number| format!("{number:04}{}", "x".repeat(8_000))).collect();
    say(&account, &elsewhere, &room, missed.clone()).await;
    drop(elsewhere);
    let server = installation.server_on(&address);
    texts.extend(missed);
    texts.extend(["are you there?", "hello?"].map(str::to_owned));
    shows(&visitor, &texts).await;

    server.terminate();
    says(&visitor, "and now?").await;
    server.ended();
    let elsewhere = installation.server();
    let later: Vec<_> = (0..5).map(|number| format!("later {number}")).collect();
    say(&account, &elsewhere, &room, later.clone()).await;
    drop(elsewhere);
    let server = installation.server_on(&address);
    say(&account, &server, &room, ["the last".to_owned()]).await;
    let all = texts.len() + later.len() + 2;
    visitor.until(&format!("document.querySelectorAll('#messages li').length === {all}")).await;
    let stored = account.admin.at(&server.base).get(&format!("/v1/rooms/{room}/messages?limit=100")).await;
    let mut stored: Vec<_> = stored["items"].as_array().expect("messages").iter().collect();
    stored.sort_by_key(|message| message["seq"].as_u64());
    let stored: Vec<_> =
        stored.iter().map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(stored.len(), all, "each was stored once");
    shows(&visitor, &stored).await;
    visitor.quit().await;
}

/// The browser holds pages to it, and asks before a request that carries a token.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_site_that_is_not_named_can_neither_import_the_library_nor_read_the_api() {
    let turn = Turn::take();
    let site = site().await;
    let (ours, closed) = (installation_for(&site).await, installation_for("https://shop.example").await);
    let (ours, closed) = (ours.server(), closed.server());
    let driver = Driver::start(turn);
    let visitor = Browser::start(&driver).await;
    visitor.open(&site).await;
    let import = |base: &str| format!("import('{base}/client/index.js')");
    let ask =
        |base: &str| format!("fetch('{base}/v1/rooms', {{ headers: {{ authorization: 'Bearer x' }} }})");
    visitor.until(&format!("{}.then((library) => library.connect)", import(&ours.base))).await;
    visitor.until(&format!("{}.then(({{ status }}) => status === 401)", ask(&ours.base))).await;
    visitor.until(&format!("{}.then(() => false, () => true)", import(&closed.base))).await;
    visitor.until(&format!("{}.then(() => false, () => true)", ask(&closed.base))).await;
    // The console's own pages need no leave.
    visitor.open(&closed.base).await;
    visitor.until(&format!("{}.then((library) => library.connect)", import(&closed.base))).await;
    visitor.quit().await;
}
