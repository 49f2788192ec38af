//! Guests in the console: somebody makes a link, and whoever opens it is in the call, without an account.

use super::lobby::{quit, sees_and_hears};
use reqwest::Method;
use serde_json::json;
use switchboard_tests::{
    browser::{Browser, Driver, Turn},
    installation::{Installation, PASSWORD},
};

/// A page as narrow and high as a phone's.
async fn phone(driver: &Driver) -> Browser {
    let browser = Browser::start(driver).await;
    let metrics = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
    browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    browser
}

async fn says(browser: &Browser, text: &str) {
    let said = format!(
        "[...document.querySelectorAll('[data-testid=\"message\"]')].some(one => one.innerText.includes({}))",
        json!(text)
    );
    browser.until(&said).await;
}

/// Whoever manages rooms says who is heard, and whether others come in.
async fn moderates(ada: &Browser, guest: &Browser) {
    ada.click("call-moderate").await;
    ada.click("moderate-mute").await;
    guest
        .until(
            "document.querySelector('[data-kind=\"self\"] [data-testid=\"tile-muted\"]').checkVisibility()",
        )
        .await;
    guest.until("document.body.innerText.includes('Administrator has muted you')").await;
    ada.screenshot("call-moderate").await;
    ada.click("call-lock").await;
    ada.until("document.querySelector('[data-testid=\"call-lock\"]').checked").await;
    guest.click("call-hangup").await;
    ada.until("!document.querySelector('[data-testid=\"moderate-person\"]')").await;
    guest.click("call-join").await;
    guest.click("preview-join").await;
    sees_and_hears(guest, 1, "peerToPeer").await;
    ada.click("moderate-remove").await;
    ada.click("confirm").await;
    guest.until("document.body.innerText.includes('Administrator has removed you from the call')").await;
    ada.until("!document.querySelector('[data-testid=\"moderate-person\"]')").await;
    guest.click("call-join").await;
    guest.click("preview-join").await;
    guest.until("document.body.innerText.includes('A moderator lets nobody else into the call')").await;
    ada.click("call-lock").await;
    ada.until("!document.querySelector('[data-testid=\"call-lock\"]').checked").await;
    ada.click_css("dialog[open] [aria-label='Close']").await;
    guest.click("call-join").await;
    guest.click("preview-join").await;
    sees_and_hears(ada, 1, "peerToPeer").await;
}

/// Enters the room, and has its dialog of links show a new one.
async fn makes_a_link(browser: &Browser) -> String {
    browser.click("room-item").await;
    browser.click("guest-invite").await;
    browser.click("link-create").await;
    browser.see("join-link").await;
    let url = browser.until("document.querySelector('[data-testid=\"link-url\"]').value").await;
    url.as_str().expect("a link").to_owned()
}

/// Would pass for the wrong reason if the guest were in the room before they join: who is there is counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_comes_by_a_link_on_a_phone_and_nobody_does_once_it_is_taken_back() {
    let turn = Turn::take();
    let installation = Installation::new().await.clustered();
    let [first, second] = [installation.server(), installation.server()];
    let account = installation.account("acme", &first).await;
    let room = account.room("Interview").await;
    let driver = Driver::start(turn);
    let ada = Browser::start(&driver).await;
    ada.sign_in(&first.base, &account.email, PASSWORD).await;
    let url = makes_a_link(&ada).await;
    assert!(url.starts_with(&format!("{}/join#", first.base)), "{url}");
    // Another instance of the installation serves the page as well.
    let url = url.replace(&first.base, &second.base);
    ada.screenshot("join-links").await;
    ada.until("(document.querySelector('dialog[open]').close(), true)").await;
    ada.join_call().await;

    let guest = phone(&driver).await;
    guest.open(&url).await;
    guest.fill("guest-name", "Grace").await;
    guest.screenshot("guest-entry-phone").await;
    guest.click("guest-continue").await;
    guest.until("document.querySelector('.preview-picture video').videoWidth > 0").await;
    guest.screenshot("guest-preview-phone").await;
    assert_eq!(ada.until("document.querySelectorAll('[data-testid=\"member\"]').length").await, 1);
    guest.click("preview-join").await;
    for browser in [&ada, &guest] {
        sees_and_hears(browser, 1, "peerToPeer").await;
    }
    ada.until("[...document.querySelectorAll('.tile')].some(tile => tile.innerText.includes('Grace'))").await;
    ada.until("document.querySelectorAll('.tile [data-testid=\"guest-mark\"]').length === 1").await;
    guest.screenshot("guest-call-phone").await;
    guest.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    guest.until("innerWidth > 390").await;
    guest.click("call-chat").await;
    guest.fill("message-input", "Good morning").await;
    guest.click("message-send").await;
    says(&ada, "Good morning").await;
    guest.screenshot("guest-call").await;

    moderates(&ada, &guest).await;

    // Who was let in stays, also on a page that is loaded anew; nobody else comes in.
    let links = account.admin.get(&format!("/v1/rooms/{room}/join-links")).await;
    let link = links["items"][0]["id"].as_str().expect("an id").to_owned();
    let user = guest.until("JSON.parse(sessionStorage.getItem('switchboard.guest')).key").await;
    guest.driver().refresh().await.expect("the page is loaded anew");
    guest.click("guest-continue").await;
    guest.click("preview-join").await;
    sees_and_hears(&guest, 1, "peerToPeer").await;
    assert_eq!(guest.until("JSON.parse(sessionStorage.getItem('switchboard.guest')).key").await, user);
    // Beside a call there is no room for who is there.
    ada.click_css(".people-toggle").await;
    ada.click("guest-invite").await;
    ada.click("join-link-revoke").await;
    ada.click("confirm").await;
    ada.until("!document.querySelector('[data-testid=\"join-link\"]')").await;
    let late = phone(&driver).await;
    late.open(&url).await;
    late.see("guest-problem").await;
    late.until("document.body.innerText.includes('taken back')").await;
    late.screenshot("guest-refused-phone").await;
    sees_and_hears(&guest, 1, "peerToPeer").await;

    // Who is shown the door is told so.
    let links = account.admin.get(&format!("/v1/rooms/{room}/join-links")).await;
    assert_eq!((&links["items"][0]["id"], &links["items"][0]["uses"]), (&json!(link), &json!(1)));
    let here = account.admin.get(&format!("/v1/rooms/{room}/connections")).await;
    let here = here["items"].as_array().expect("connections");
    let grace = here.iter().find(|one| one["name"] == "Grace").expect("the guest");
    let path = format!("/v1/rooms/{room}/members/{}", grace["userId"].as_str().expect("an id"));
    let (status, _) = account.admin.call(Method::DELETE, &path, None).await;
    assert!(status.is_success(), "{status}");
    guest.see("guest-problem").await;
    quit([ada, guest, late]).await;
}
