//! The console in real Chromium, with fake cameras and microphones.

use super::lobby::{Lobby, all_see_and_hear, enter, quit, sees_and_hears};
use common::clock::{Clock as _, SystemClock};
use local_services::{redis::Redis, scratch::Scratch};
use serde_json::json;
use switchboard_tests::{
    browser::{Browser, Driver, Turn},
    graph::Graph,
    installation::{Installation, PASSWORD},
};

#[tokio::test(flavor = "multi_thread")]
async fn three_browsers_in_one_room_see_and_hear_each_other() {
    let lobby = Lobby::open().await;
    let ada = lobby.enter("Ada").await;
    let ben = lobby.enter("Ben").await;
    ada.until("document.querySelectorAll('[data-testid=\"member\"]').length === 2").await;
    ben.fill("message-input", "Good morning").await;
    ada.see("typing").await;
    ben.click("message-send").await;
    ada.until("[...document.querySelectorAll('[data-testid=\"message\"]')].some(m => m.innerText.includes('Good morning'))")
        .await;

    // A press counts, though what the button says changes before it is let go.
    let place = ben
        .until(
            "(() => {
                const { x, y, width, height } = document.querySelector('[data-testid=\"call-join\"] span').getBoundingClientRect();
                return { x: x + width / 2, y: y + height / 2 };
            })()",
        )
        .await;
    ben.mouse("mousePressed", &place).await;
    ada.join_call().await;
    ben.until("/1/.test(document.querySelector('[data-testid=\"call-join\"]').innerText)").await;
    ben.mouse("mouseReleased", &place).await;
    ben.click("preview-join").await;
    all_see_and_hear(&[&ada, &ben], "peerToPeer").await;
    let cleo = lobby.call("Cleo").await;
    all_see_and_hear(&[&ada, &ben, &cleo], "server").await;
    // What each says of themselves is on the others' tiles, and on their own.
    ada.click("call-mute").await;
    ben.click("call-hand").await;
    for (browser, kind, other) in
        [(&ben, "muted", 1), (&cleo, "muted", 1), (&ada, "hand", 1), (&ben, "hand", 0)]
    {
        let tiles = if other == 1 { "remote" } else { "self" };
        let mark = format!("[data-kind=\"{tiles}\"] [data-testid=\"tile-{kind}\"]");
        browser.until(&format!("[...document.querySelectorAll('{mark}')].some(mark => !mark.hidden)")).await;
    }
    ada.screenshot("three-way-call").await;

    ben.click("call-hangup").await;
    for browser in [&ada, &cleo] {
        browser
            .until(
                "(async () => (await window.switchboard.stats()).tiles.filter(t => !t.local).length === 1)()",
            )
            .await;
    }
    ben.join_call().await;
    all_see_and_hear(&[&ada, &ben, &cleo], "server").await;
    quit([ada, ben, cleo]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_ring_talk_peer_to_peer_and_hang_up() {
    let lobby = Lobby::open().await;
    let ada = lobby.enter("Ada").await;
    let ben = lobby.enter("Ben").await;
    ada.click("call-person").await;
    ben.see("incoming-accept").await;
    ben.screenshot("incoming-call").await;
    ben.click("incoming-accept").await;
    all_see_and_hear(&[&ada, &ben], "peerToPeer").await;
    ada.screenshot("two-way-call").await;
    ben.click("call-hangup").await;
    for browser in [&ada, &ben] {
        browser.until("document.querySelectorAll('[data-testid=\"tile\"]').length === 0").await;
    }
    quit([ada, ben]).await;
}

/// Waits until nothing comes from some of the others any more, neither sound nor picture.
async fn is_silent(browser: &Browser, silent: usize) {
    let condition = format!(
        "(async () => {{
            const remote = async () => (await window.switchboard.stats()).tiles.filter(t => !t.local);
            const before = await remote();
            await new Promise(r => setTimeout(r, 1500));
            const after = await remote();
            const packets = t => t.tracks.map(one => one.packets).join();
            return before.filter(b => after.some(a => a.connectionId === b.connectionId
                && packets(a) === packets(b))).length === {silent};
        }})()"
    );
    browser.until(&condition).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_hold_no_packet_is_sent_whichever_way_media_goes_and_all_comes_back() {
    let lobby = Lobby::open().await;
    let ada = lobby.enter("Ada").await;
    let ben = lobby.enter("Ben").await;
    ada.click("call-person").await;
    ben.click("incoming-accept").await;
    all_see_and_hear(&[&ada, &ben], "peerToPeer").await;
    for browser in [&ada, &ben] {
        browser.click("call-hold").await;
    }
    for browser in [&ada, &ben] {
        is_silent(browser, 1).await;
    }
    ben.click("call-hold").await;
    sees_and_hears(&ada, 1, "peerToPeer").await;
    is_silent(&ben, 1).await;
    ada.screenshot("on-hold").await;

    // Who is on hold while media moves to the server sends nothing there either.
    let cleo = lobby.call("Cleo").await;
    sees_and_hears(&cleo, 1, "server").await;
    for browser in [&ben, &cleo] {
        is_silent(browser, 1).await;
    }
    ada.click("call-hold").await;
    all_see_and_hear(&[&ada, &ben, &cleo], "server").await;
    ada.click("call-hold").await;
    for browser in [&ben, &cleo] {
        is_silent(browser, 1).await;
    }
    ada.click("call-hold").await;
    all_see_and_hear(&[&ada, &ben, &cleo], "server").await;
    quit([ada, ben, cleo]).await;
}

/// Waits until so many of what is not sent is in the browser's database.
async fn kept(browser: &Browser, store: &str, count: usize) {
    let condition = format!(
        "new Promise(done => indexedDB.open('switchboard').onsuccess = ({{ target: {{ result }} }}) =>
            result.transaction('{store}').objectStore('{store}').count().onsuccess = ({{ target }}) => {{
                result.close();
                done(target.result === {count});
            }})"
    );
    browser.until(&condition).await;
}

/// The line takes what the page says and brings it nowhere, as one does that has died without a word.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_when_the_page_was_loaded_anew_is_sent_once_and_what_was_not_finished_is_there() {
    let lobby = Lobby::open().await;
    let ada = lobby.enter("Ada").await;
    ada.until("document.querySelectorAll('[data-testid=\"member\"]').length === 1").await;
    ada.until("(WebSocket.prototype.send = () => {}, true)").await;
    for text in ["one", "two"] {
        ada.fill("message-input", text).await;
        ada.click("message-send").await;
    }
    ada.fill("message-input", "and a half").await;
    ada.until("document.querySelectorAll('.message.pending').length === 2").await;
    // A page keeps what the browser's database has taken, on a busy disk after a while.
    kept(&ada, "outbox", 2).await;
    kept(&ada, "drafts", 1).await;
    for _ in 0..2 {
        ada.driver().refresh().await.expect("the page is loaded anew");
        let stored = "[...document.querySelectorAll('.message[data-seq]:not(.pending) .text')].map(text => text.innerText)";
        ada.until(&format!("{stored}.join() === 'one,two' && !document.querySelector('.message.pending')"))
            .await;
        ada.until("document.querySelector('[data-testid=\"message-input\"]').value === 'and a half'").await;
    }
    // Whoever signs out leaves nothing behind.
    ada.click("sign-out").await;
    ada.see("sign-in-email").await;
    kept(&ada, "drafts", 0).await;
    kept(&ada, "outbox", 0).await;
    ada.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_message_is_on_the_agents_screen_and_the_answer_is_ticked_off() {
    let turn = Turn::take();
    let mut graph = Graph::start().await;
    let mut installation = Installation::new().await.clustered();
    installation.set("SWITCHBOARD_INBOX__GRAPH__BASE_URL", &graph.base);
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let meta = account.whatsapp().await;
    graph.expect(&meta.phone_number_id, &meta.access_token);
    let email = account.user("Ada").await;
    let driver = Driver::start(turn);
    let agent = Browser::start(&driver).await;
    agent.sign_in(&a.base, &email, PASSWORD).await;
    agent.click("inbox-nav").await;
    assert_eq!(meta.post(&b.base, &meta.messages(&[("wamid.1", "Is my order on its way?")])).await, 200);
    agent.click("conversation-item").await;
    agent
        .until("[...document.querySelectorAll('[data-testid=\"thread-message\"]')].some(m => m.innerText.includes('Is my order on its way?'))")
        .await;
    agent.fill("reply-input", "It left this morning.").await;
    agent.click("reply-send").await;
    let reply = graph.reply().await;
    assert_eq!(reply.text, "It left this morning.");
    for status in ["delivered", "read"] {
        assert_eq!(meta.post(&b.base, &meta.status(&reply.id, status)).await, 200);
        agent.until(&format!("document.querySelector('[data-testid=\"thread-message\"][data-status=\"{status}\"]:last-of-type') && [...document.querySelectorAll('[data-testid=\"thread-message\"]')].some(m => m.dataset.status === '{status}' && m.innerText.includes('It left'))")).await;
    }
    // A file is fetched through us when the agent wants it.
    graph.keep("invoice-1", "application/pdf", b"%PDF-1.7 invoice");
    let invoice = json!({ "id": "invoice-1", "mime_type": "application/pdf", "filename": "invoice.pdf", "caption": "This one" });
    assert_eq!(meta.post(&b.base, &meta.message("wamid.2", "document", invoice)).await, 200);
    agent
        .until("document.querySelector('[data-testid=\"attachment\"]')?.innerText.includes('invoice.pdf')")
        .await;
    agent.screenshot("inbox").await;
    agent.until("(URL.createObjectURL = ((make) => (file) => (window.saved = file.size, make(file)))(URL.createObjectURL.bind(URL)), true)").await;
    agent.click("attachment").await;
    agent.until("window.saved === 16").await;
    agent.quit().await;
}

/// The issue of trust: signalling may stumble, the call may not.
#[tokio::test(flavor = "multi_thread")]
async fn a_three_way_call_across_two_instances_outlives_a_minute_without_redis() {
    let turn = Turn::take();
    let directory = Scratch::new().expect("a directory");
    let mut redis = Redis::start(directory.path()).expect("Redis starts");
    let installation = Installation::new().await.with_own_redis(&redis);
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let driver = Driver::start(turn);
    let ada = enter(&driver, &a.base, &account, "Ada", &room).await;
    let ben = enter(&driver, &a.base, &account, "Ben", &room).await;
    let cleo = enter(&driver, &b.base, &account, "Cleo", &room).await;
    for browser in [&ada, &ben, &cleo] {
        browser.join_call().await;
    }
    all_see_and_hear(&[&ada, &ben, &cleo], "server").await;
    redis.kill().expect("it was running");
    let dark_since = SystemClock.now();
    let mut said = 0;
    while SystemClock.now().duration_since(dark_since).as_secs() < 60 {
        for browser in [&ada, &ben, &cleo] {
            sees_and_hears(browser, 2, "server").await;
        }
        said += 1;
        let text = format!("in the dark {said}");
        ada.fill("message-input", &text).await;
        ada.click("message-send").await;
        ben.until(&format!("document.body.innerText.includes({})", json!(text))).await;
    }
    redis.restart().expect("Redis starts again");
    cleo.until(&format!("document.body.innerText.includes({})", json!(format!("in the dark {said}")))).await;
    cleo.fill("message-input", "light again").await;
    cleo.click("message-send").await;
    ada.until("document.body.innerText.includes('light again')").await;
    for browser in [&ada, &ben, &cleo] {
        browser.until("document.querySelectorAll('[data-testid=\"member\"]').length === 3").await;
        sees_and_hears(browser, 2, "server").await;
    }
    quit([ada, ben, cleo]).await;
    drop((a, b));
    redis.kill().expect("it was running");
}
