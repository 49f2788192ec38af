//! Pages as people meet them who see little, or work by keyboard or by ear: judged by axe-core against WCAG 2.2, levels A
//! and AA, light and dark; and where the focus stays.

use super::lobby::{Lobby, all_see_and_hear, enter, quit, sees_and_hears};
use serde_json::{Value, json};
use std::path::Path;
use switchboard_tests::{
    browser::{Browser, Driver, Turn},
    graph::Graph,
    installation::{Installation, PASSWORD},
    report,
};

/// Runs axe-core in a page, and says what it finds: the rule, where, and why.
const JUDGE: &str = "
    const done = arguments[arguments.length - 1];
    const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
    axe.run(document, { runOnly, resultTypes: ['violations'] }).then(
        ({ violations, passes }) => done({
            passed: passes.length,
            found: violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => [id, target.join(' '), failureSummary])),
        }),
        (error) => done({ error: String(error) }),
    );";

/// As npm has installed it for the console's tests.
fn axe() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(path).expect("`cargo xtask console` installs it")
}

/// What is found in a page as it stands, in both themes.
async fn found(browser: &Browser, page: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for theme in ["light", "dark"] {
        let features = json!([
            { "name": "prefers-color-scheme", "value": theme },
            // Colours that are on their way are none.
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        browser.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        browser.until(&format!("document.documentElement.dataset.theme === '{theme}'")).await;
        browser.until("document.getAnimations().every(({ playState }) => playState !== 'running')").await;
        let judged = browser.execute(&format!("{}\n{JUDGE}", axe()), Vec::new()).await;
        assert!(judged["passed"].as_u64() > Some(5), "{page}: it was judged: {judged}");
        let found = judged["found"].as_array().expect("a list").iter();
        complaints.extend(found.map(|one| format!("{page}, {theme}: {}", words(one))));
    }
    complaints
}

/// Adds what is found in a page.
async fn judge(browser: &Browser, page: &str, complaints: &mut Vec<String>) {
    let found = found(browser, page).await;
    // Said at once: what comes after it may not be reached.
    found.iter().for_each(|one| report(one));
    complaints.extend(found);
}

/// Of guests who come by a link.
const RIGHTS: [&str; 4] = ["messages.read", "messages.send", "media.send", "media.receive"];

fn words(violation: &Value) -> String {
    let part = |at: usize| violation[at].as_str().unwrap_or("").replace('\n', " ");
    format!("{} at {}: {}", part(0), part(1), part(2))
}

fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_to_sign_in_rooms_inbox_and_settings_bar_nobody() {
    let turn = Turn::take();
    let graph = Graph::start().await;
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_INBOX__GRAPH__BASE_URL", &graph.base);
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    account.room("Lobby").await;
    let meta = account.whatsapp().await;
    let driver = Driver::start(turn);
    let browser = Browser::start(&driver).await;
    let mut complaints = Vec::new();
    browser.open(&server.base).await;
    browser.see("sign-in-submit").await;
    // What it is to find it finds. The page's rules let no style in that is written in markup.
    browser
        .until(
            "document.body.insertAdjacentHTML('beforeend', '<p id=wrong><button></button><span>Pale</span></p>')
                ?? Object.assign(document.querySelector('#wrong span').style, { color: '#888', background: '#999' })",
        )
        .await;
    let wrong = found(&browser, "what is wrong").await;
    for rule in ["button-name", "color-contrast"] {
        assert_eq!(wrong.iter().filter(|one| one.contains(rule)).count(), 2, "{rule} in both themes");
    }
    browser.until("document.querySelector('#wrong').remove() ?? true").await;
    judge(&browser, "sign-in", &mut complaints).await;
    browser.sign_in(&server.base, &account.email, PASSWORD).await;
    browser.click("room-item").await;
    browser.fill("message-input", "Good morning").await;
    browser.click("message-send").await;
    browser
        .until("document.querySelector('.message:not(.pending) .text')?.innerText === 'Good morning'")
        .await;
    judge(&browser, "room", &mut complaints).await;
    browser.click("guest-invite").await;
    browser.click("link-create").await;
    browser.see("join-link").await;
    judge(&browser, "links for guests", &mut complaints).await;
    browser.until("(document.querySelector('dialog[open]').close(), true)").await;
    browser.click("inbox-nav").await;
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.1", "Is my order on its way?")])).await, 200);
    browser.click("conversation-item").await;
    browser.see("thread-message").await;
    judge(&browser, "inbox", &mut complaints).await;
    browser.click("settings-nav").await;
    let sections = browser
        .until("[...document.querySelectorAll('[data-testid^=\"settings-\"].row')].map(({ dataset }) => dataset.testid)")
        .await;
    for section in sections.as_array().expect("sections").iter().filter_map(Value::as_str) {
        browser.click(section).await;
        browser
            .until(&format!(
                "document.querySelector('[data-testid=\"{section}\"]').getAttribute('aria-current')"
            ))
            .await;
        browser.until("!document.querySelector('#main').innerText.includes('Loading')").await;
        judge(&browser, section, &mut complaints).await;
    }
    browser.open(&format!("{}/reference", server.base)).await;
    browser.see("operation").await;
    judge(&browser, "reference", &mut complaints).await;
    browser.quit().await;
    none(&complaints);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_into_a_call_and_the_call_bar_nobody_and_nor_do_they_bar_a_guest() {
    let lobby = Lobby::open().await;
    let mut complaints = Vec::new();
    let ada = lobby.enter("Ada").await;
    ada.press_join().await;
    ada.until("document.querySelector('.preview-picture video').videoWidth > 0").await;
    judge(&ada, "call lobby", &mut complaints).await;
    ada.click("preview-join").await;
    let path = format!("/v1/rooms/{}/join-links", lobby.room);
    let link = lobby.account.admin.post(&path, json!({ "rights": RIGHTS })).await;
    let guest = Browser::start(&lobby.driver).await;
    guest.open(&format!("{}/join#{}", lobby.server.base, link["token"].as_str().expect("a token"))).await;
    guest.see("guest-name").await;
    judge(&guest, "join page", &mut complaints).await;
    guest.fill("guest-name", "Grace").await;
    guest.click("guest-continue").await;
    guest.until("document.querySelector('.preview-picture video').videoWidth > 0").await;
    judge(&guest, "guest's lobby", &mut complaints).await;
    guest.click("preview-join").await;
    all_see_and_hear(&[&ada, &guest], "peerToPeer").await;
    judge(&ada, "call of two", &mut complaints).await;
    judge(&guest, "guest's call", &mut complaints).await;
    guest.open(&format!("{}/join#nothing", lobby.server.base)).await;
    guest.driver().refresh().await.expect("the page is loaded anew");
    guest.see("guest-problem").await;
    judge(&guest, "refused guest", &mut complaints).await;
    quit([ada, guest]).await;
    none(&complaints);
}

/// The key, as a person presses it.
async fn press_enter(browser: &Browser) {
    for kind in ["keyDown", "keyUp"] {
        let press = json!({ "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r" });
        browser.devtools("Input.dispatchKeyEvent", press).await;
    }
}

fn focused(test_id: &str) -> String {
    format!("document.activeElement?.dataset.testid === '{test_id}'")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_moderates_by_keyboard_stays_where_they_were_when_a_button_has_done_what_it_is_for() {
    let lobby = Lobby::open().await;
    let driver = &lobby.driver;
    let moderator = Browser::start(driver).await;
    moderator.sign_in(&lobby.server.base, &lobby.account.email, PASSWORD).await;
    moderator.click("room-item").await;
    moderator.join_call().await;
    let ben = enter(driver, &lobby.server.base, &lobby.account, "Ben", &lobby.room).await;
    ben.join_call().await;
    sees_and_hears(&moderator, 1, "peerToPeer").await;
    moderator.click("call-moderate").await;
    let mut complaints = Vec::new();
    judge(&moderator, "moderation", &mut complaints).await;
    let focus = |test_id: &str| {
        format!("(document.querySelector('[data-testid=\"{test_id}\"]').focus(), {})", focused(test_id))
    };
    for (pressed, then) in [("moderate-mute", "moderate-camera"), ("moderate-camera", "moderate-remove")] {
        moderator.until(&focus(pressed)).await;
        press_enter(&moderator).await;
        moderator
            .until(&format!("!document.querySelector('[data-testid=\"{pressed}\"]').checkVisibility()"))
            .await;
        moderator.until(&focused(then)).await;
    }
    moderator.until(&focus("moderate-remove")).await;
    press_enter(&moderator).await;
    moderator.until(&focus("confirm")).await;
    press_enter(&moderator).await;
    moderator.until("!document.querySelector('[data-testid=\"moderate-person\"]')").await;
    moderator.until("document.activeElement !== document.body && document.querySelector('dialog[open]').contains(document.activeElement)").await;
    quit([moderator, ben]).await;
    none(&complaints);
}
