//! Pages beside the calls and the inbox, in real Chromium: the REST reference and the settings.

use serde_json::Value;
use switchboard_tests::{
    browser::{Browser, Driver},
    installation::Installation,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_shows_every_operation_of_the_openapi_document() {
    let installation = Installation::new().await;
    let server = installation.server();
    let document: Value = reqwest::get(format!("{}/v1/openapi.json", server.base))
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
    let driver = Driver::start();
    let browser = Browser::start(&driver).await;
    browser.open(&format!("{}/reference#patchConversationsById", server.base)).await;
    let shown = format!("document.querySelectorAll('[data-testid=\"operation\"]').length === {operations}");
    browser.until(&shown).await;
    browser
        .until("document.querySelector('#patchConversationsById').innerText.includes('snoozedUntil')")
        .await;
    browser.screenshot("reference").await;
    browser.quit().await;
}
