//! The console in several tabs of one browser, which share what is not sent, while their server is dead.

use super::lobby::Lobby;
use serde_json::{Value, json};
use switchboard_tests::browser::Browser;

/// Waits until the room shows exactly these messages as stored, in this order, and so many on their way.
async fn shows(browser: &Browser, texts: &[&str], pending: usize) {
    let stored = "[...document.querySelectorAll('.message[data-seq]:not(.pending) .text')].map(text => text.innerText)";
    let wanted = json!(texts);
    browser
        .until(&format!(
            "JSON.stringify({stored}) === JSON.stringify({wanted})
                && document.querySelectorAll('.message.pending').length === {pending}"
        ))
        .await;
}

/// The first tab is behind the second one, as tabs are; another instance, which they do not know, goes on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_two_tabs_say_while_the_server_is_dead_is_stored_once_and_in_both_when_it_is_back() {
    let lobby = Lobby::open().await;
    let (address, messages) = (lobby.server.address(), format!("/v1/rooms/{}/messages", lobby.room));
    let ada = lobby.enter("Ada").await;
    let page = ada.driver().current_url().await.expect("an address");
    let first = ada.driver().window().await.expect("a tab");
    let second = ada.driver().new_tab().await.expect("another tab");
    let tab = async |tab| ada.driver().switch_to_window(tab).await.expect("it comes to the front");
    tab(second.clone()).await;
    ada.open(page.as_str()).await;
    for (window, text) in [(&second, "before"), (&first, "the same")] {
        tab(window.clone()).await;
        ada.fill("message-input", text).await;
        ada.click("message-send").await;
    }
    shows(&ada, &["before", "the same"], 0).await;

    lobby.server.kill();
    for (pending, (window, text)) in
        [(&second, "one"), (&first, "two"), (&second, "three")].into_iter().enumerate()
    {
        tab(window.clone()).await;
        // What the other one says meanwhile is shown here, too.
        shows(&ada, &["before", "the same"], pending).await;
        ada.fill("message-input", text).await;
        ada.click("message-send").await;
    }
    shows(&ada, &["before", "the same"], 3).await;
    let (installation, admin) = (lobby.installation, lobby.account.admin);
    let elsewhere = installation.server();
    admin.at(&elsewhere.base).post(&messages, json!({ "text": "missed" })).await;
    drop(elsewhere);
    let server = installation.server_on(&address);
    let all = ["before", "the same", "missed", "one", "two", "three"];
    for window in [&second, &first] {
        tab(window.clone()).await;
        shows(&ada, &all, 0).await;
    }
    ada.screenshot("after-an-outage").await;
    let stored = admin.at(&server.base).get(&messages).await;
    let mut stored: Vec<&Value> = stored["items"].as_array().expect("messages").iter().collect();
    stored.sort_by_key(|message| message["seq"].as_u64());
    let texts: Vec<&str> = stored.iter().filter_map(|message| message["text"].as_str()).collect();
    assert_eq!(texts, all, "each was stored once");
    ada.quit().await;
}
