//! A room in which much was said, in the console.

use super::lobby::Lobby;
use serde_json::json;
use switchboard_tests::browser::Browser;

/// More than are drawn for who reads the latest.
const SAID: usize = 220;

/// What `DRAWN` of `web/js/views/drawn.js` is.
const DRAWN: usize = 150;

const NUMBERS: &str =
    "[...document.querySelectorAll('.message[data-seq]')].map(line => Number(line.dataset.seq))";

/// Waits until these numbers are drawn, none left out.
async fn draws(browser: &Browser, first: usize, last: usize) {
    let all = format!("Array.from({{ length: {last} - {first} + 1 }}, (_, at) => {first} + at)");
    browser.until(&format!("JSON.stringify({NUMBERS}) === JSON.stringify({all})")).await;
}

/// Without the console's limit all of them would be drawn after the last message, too.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_long_room_all_is_drawn_for_who_reads_upwards_and_its_end_for_who_is_back_there() {
    let lobby = Lobby::open().await;
    let say = async |number: usize| {
        let text = json!({ "text": format!("number {number}") });
        lobby.account.admin.post(&format!("/v1/rooms/{}/messages", lobby.room), text).await;
    };
    for number in 1..=SAID {
        say(number).await;
    }
    let ada = lobby.enter("Ada").await;
    draws(&ada, SAID - 49, SAID).await;
    let upwards = format!(
        "(() => {{
            const log = document.querySelector('.scroller');
            if ({NUMBERS}[0] === 1) return true;
            log.scrollTop = 0;
            return false;
        }})()"
    );
    ada.until(&upwards).await;
    draws(&ada, 1, SAID).await;
    say(SAID + 1).await;
    draws(&ada, 1, SAID + 1).await;
    ada.see("new-below").await;
    ada.screenshot("long-room").await;
    ada.click("new-below").await;
    say(SAID + 2).await;
    draws(&ada, SAID + 3 - DRAWN, SAID + 2).await;
    ada.until(&upwards).await;
    draws(&ada, 1, SAID + 2).await;
    ada.quit().await;
}
