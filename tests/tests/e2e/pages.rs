//! Pages beside the calls and the inbox, in real Chromium: the REST reference and the settings.

use reqwest::Method;
use serde_json::{Value, json};
use switchboard_tests::{
    browser::{Browser, Driver, Turn},
    installation::{Installation, PASSWORD},
    rest::{Rest, client},
    socket::Socket,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_shows_every_operation_of_the_openapi_document() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let document: Value = client()
        .get(format!("{}/v1/openapi.json", server.base))
        .send()
        .await
        .expect("the document is served")
        .json()
        .await
        .expect("it is JSON");
    let operations: usize = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .map(|item| item.as_object().expect("operations").len())
        .sum();
    let driver = Driver::start(turn);
    let browser = Browser::start(&driver).await;
    browser.open(&format!("{}/reference#updateConversation", server.base)).await;
    let shown = format!("document.querySelectorAll('[data-testid=\"operation\"]').length === {operations}");
    browser.until(&shown).await;
    browser.until("document.querySelector('#updateConversation').innerText.includes('snoozedUntil')").await;
    browser.screenshot("reference").await;
    browser.quit().await;
}

/// What an integrator does first: look for it, see what it needs, and try it.
#[tokio::test(flavor = "multi_thread")]
async fn the_reference_finds_an_operation_and_tries_it_with_a_token() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let driver = Driver::start(turn);
    let browser = Browser::start(&driver).await;
    browser.open(&format!("{}/reference", server.base)).await;
    browser.see("operation").await;
    browser.fill("reference-search", "labels.manage post").await;
    browser
        .until("document.querySelectorAll('[data-testid=\"operation\"]:not([hidden])').length === 1")
        .await;
    browser.until("document.querySelector('#createLabel [data-testid=\"permission\"]').innerText.includes('labels.manage')").await;
    browser.click_css("#createLabel [data-testid='try'] > summary").await;
    browser
        .until("document.querySelector('#createLabel pre').innerText.includes('curl --request POST')")
        .await;
    let status = "document.querySelector('#createLabel [data-testid=\"trial-status\"]')?.innerText ?? ''";
    browser.click_css("#createLabel form [type='submit']").await;
    browser.until(&format!("({status}).startsWith('401')")).await;
    browser.fill("reference-token", &account.admin.token).await;
    browser.click_css("#createLabel form [type='submit']").await;
    browser.until(&format!("({status}).startsWith('201')")).await;
    browser.screenshot("reference-tried").await;
    let labels = account.admin.get("/v1/labels").await;
    assert_eq!(labels["items"].as_array().expect("labels").len(), 1, "the call was made");
    let kept =
        browser.until("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])").await;
    assert!(!kept.to_string().contains(&account.admin.token), "the token is kept nowhere");
    browser.quit().await;
}

/// The base direction is that of the text, so that a number or a name in it stands where it belongs.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_from_right_to_left_is_shown_from_right_to_left() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    account.room("Lobby").await;
    let driver = Driver::start(turn);
    let browser = Browser::start(&driver).await;
    browser.sign_in(&server.base, &account.email, PASSWORD).await;
    browser.click("room-item").await;
    let direction = |of: &str| format!("getComputedStyle(document.querySelector('{of}')).direction");
    for (text, expected) in [("طلبي 4711 من Switchboard", "rtl"), ("My order 4711", "ltr")] {
        browser.fill("message-input", text).await;
        browser.until(&format!("{} === '{expected}'", direction("[data-testid=message-input]"))).await;
        browser.click("message-send").await;
        browser
            .until(&format!("document.querySelector('.message:last-child .text')?.innerText === '{text}'"))
            .await;
        browser.until(&format!("{} === '{expected}'", direction(".message:last-child .text"))).await;
    }
    browser.screenshot("right-to-left").await;
    browser.quit().await;
}

/// On the smallest and on a usual phone: nothing of the bar is outside, and a finger meets the choice.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_at_a_phone_says_how_they_are_whichever_way_they_read() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    account.room("Lobby").await;
    let mut watcher = Socket::open(&server.base, &account.admin.token).await;
    watcher.ask("presence.subscribe", json!({})).await;
    let driver = Driver::start(turn);
    let browser = Browser::start(&driver).await;
    browser.sign_in(&server.base, &account.user("Ada").await, PASSWORD).await;
    for language in ["en", "de", "ar"] {
        browser.until(&format!("localStorage.setItem('switchboard.language', '{language}') ?? true")).await;
        for (width, height, status) in [(390, 844, "busy"), (320, 568, "online")] {
            let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": true });
            browser.devtools("Emulation.setDeviceMetricsOverride", screen).await;
            browser.driver().refresh().await.expect("the page is loaded anew");
            browser.until(&format!("document.documentElement.lang === '{language}'")).await;
            browser.see("room-item").await;
            browser
                .until(
                    "[...document.querySelectorAll('.rail a, .rail button, .rail select')].filter(part => part.checkVisibility()).every(part => {
                        const { left, right, top, bottom } = part.getBoundingClientRect();
                        const met = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
                        return left >= 0 && right <= innerWidth && bottom <= innerHeight && right - left >= 36 && part.contains(met);
                    })",
                )
                .await;
            browser.until("document.querySelector('[data-testid=status]').focus() ?? true").await;
            let (key, code) = if status == "busy" { ("End", 35) } else { ("Home", 36) };
            for kind in ["keyDown", "keyUp"] {
                let press = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
                browser.devtools("Input.dispatchKeyEvent", press).await;
            }
            browser.until(&format!("document.querySelector('.rail-me').dataset.status === '{status}'")).await;
            if status == "busy" {
                watcher
                    .event("presence.changed", |event| {
                        event["online"].as_array().is_some_and(|online| {
                            online.iter().any(|user| user["name"] == "Ada" && user["status"] == "busy")
                        })
                    })
                    .await;
            }
            browser.screenshot(&format!("phone-{language}-{width}")).await;
        }
    }
    browser.quit().await;
}

/// A row of the section's table that shows this text.
fn row(text: &str) -> String {
    format!(
        "[...document.querySelectorAll('[data-testid=\"settings-row\"]')].some(r => r.innerText.includes('{text}'))"
    )
}

async fn choose(browser: &Browser, section: &str) {
    browser.click(&format!("settings-{section}")).await;
    browser.until(&format!("location.hash === '#/settings/{section}'")).await;
}

/// Opens the section's form, fills it in and saves it.
async fn make(browser: &Browser, section: &str, fields: &[(&str, &str)]) {
    choose(browser, section).await;
    browser.click("settings-new").await;
    for (field, text) in fields {
        browser.fill(&format!("field-{field}"), text).await;
    }
    browser.click("settings-save").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sets_everything_up_in_the_console() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let driver = Driver::start(turn);
    let browser = Browser::start(&driver).await;
    browser.sign_in(&server.base, &account.email, PASSWORD).await;
    browser.click("settings-nav").await;

    let ben = [("name", "Ben Okri"), ("email", "ben@acme.test"), ("password", PASSWORD)];
    make(&browser, "users", &ben).await;
    browser.until(&row("ben@acme.test")).await;
    browser.screenshot("settings-users").await;
    make(&browser, "teams", &[("name", "Billing")]).await;
    browser.until(&row("Billing")).await;
    browser.click("settings-members").await;
    browser.click_css("dialog .choice:last-child input").await;
    browser.click("settings-save").await;
    browser.until("!document.querySelector('dialog.settings-dialog')").await;
    make(&browser, "labels", &[("name", "VIP")]).await;
    browser.until(&row("VIP")).await;
    make(&browser, "canned-responses", &[("shortcode", "hello"), ("text", "Hello, how can I help?")]).await;
    browser.until(&row("/hello")).await;
    let channel = [
        ("name", "Support"),
        ("phoneNumberId", "106540352242922"),
        ("accessToken", "EAAtoken"),
        ("appSecret", "secret"),
        ("verifyToken", "verify"),
    ];
    make(&browser, "channels", &channel).await;
    browser.until(&row("/v1/webhooks/whatsapp/")).await;
    for (section, field, value, shown) in [
        ("webhooks", "url", "https://hooks.example/inbox", "hooks.example"),
        ("api-keys", "name", "Reports", "Reports"),
    ] {
        make(&browser, section, &[(field, value)]).await;
        browser.until("document.querySelector('[data-testid=\"settings-secret\"]')?.value.length > 40").await;
        browser.screenshot(&format!("settings-{section}")).await;
        browser.click_css("dialog[open]:last-of-type [aria-label='Close']").await;
        browser.until(&row(shown)).await;
    }
    // The key is revoked, the label is deleted: asked first, then done.
    browser.click("settings-remove").await;
    browser.click("confirm").await;
    browser.until(&row("Revoked since")).await;
    choose(&browser, "labels").await;
    browser.until(&row("VIP")).await;
    browser.click("settings-remove").await;
    browser.click("confirm").await;
    browser.until("document.querySelectorAll('[data-testid=\"settings-row\"]').length === 0").await;
    // What is refused is said in the form.
    make(&browser, "teams", &[("name", "Billing")]).await;
    browser.until("document.querySelector('.form-problem')?.innerText.includes('has this name')").await;
    browser.click_css("dialog[open] [aria-label='Close']").await;
    choose(&browser, "audit-entries").await;
    for action in ["user.created", "channel.created", "webhook.created", "apiKey.revoked", "label.deleted"] {
        browser.until(&row(action)).await;
    }
    browser.screenshot("settings-audit-entries").await;
    browser.quit().await;
}

/// A person without any right to administer finds their own account in the settings.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_changes_their_own_password_and_signs_in_with_it() {
    let turn = Turn::take();
    const NEW: &str = "another battery staple horse";
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let email = account.user("Ben").await;
    let elsewhere = Rest::sign_in(&server.base, &email, PASSWORD).await;
    let driver = Driver::start(turn);
    let browser = Browser::start(&driver).await;
    browser.sign_in(&server.base, &email, PASSWORD).await;
    browser.click("settings-nav").await;
    choose(&browser, "own").await;
    let change = async |current: &str, new: &str, again: &str| {
        browser.fill("own-password-current", current).await;
        browser.fill("own-password-new", new).await;
        browser.fill("own-password-again", again).await;
        browser.click("own-password-save").await;
    };
    let says =
        |text: &str| format!("document.querySelector('form.own-password').innerText.includes('{text}')");
    change("not the password", NEW, NEW).await;
    browser.until(&says("The current password is another")).await;
    change(PASSWORD, NEW, PASSWORD).await;
    browser.until(&says("The two new passwords differ")).await;
    change(PASSWORD, "short", "short").await;
    browser.until(&says("at least 15 characters")).await;
    browser.screenshot("settings-own").await;
    change(PASSWORD, NEW, NEW).await;
    browser.until(&says("Your password is changed")).await;
    browser.screenshot("settings-own-done").await;
    let sign_ins = account.admin.get(&format!("/v1/users/{}/sign-ins", elsewhere.user)).await;
    assert_eq!(sign_ins["items"].as_array().expect("sign-ins").len(), 1, "only the browser's goes on");
    let old = json!({ "email": email, "password": PASSWORD });
    let (status, _) = account.admin.call(Method::POST, "/v1/auth/sign-in", Some(old)).await;
    assert_eq!(status.as_u16(), 401);
    Rest::sign_in(&server.base, &email, NEW).await;
    browser.quit().await;
}
