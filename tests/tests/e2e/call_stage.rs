//! How a call looks in the console: where the tiles are, which one is large, what is seen of everybody.

use super::lobby::{Lobby, all_see_and_hear, quit};
use serde_json::json;
use switchboard_tests::browser::Browser;

/// Waits until every tile has its picture, is in the stage, overlaps no other and has the shape of its picture: nobody is
/// cut off.
async fn shows_everybody(browser: &Browser, count: usize) {
    let shown = format!(
        "(() => {{
            const stage = document.querySelector('[data-testid=\"tiles\"]').getBoundingClientRect();
            const tiles = [...document.querySelectorAll('.tile')].filter(tile => tile.checkVisibility());
            const boxes = tiles.map(tile => tile.getBoundingClientRect());
            const isIn = box => box.left >= stage.left - 1 && box.right <= stage.right + 1 && box.top >= stage.top - 1 && box.bottom <= stage.bottom + 1;
            const isApart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
            const isWhole = (tile, box) => {{
                const video = tile.querySelector('video.current');
                return video?.videoWidth > 0 && Math.abs(box.width / box.height - video.videoWidth / video.videoHeight) < 0.08;
            }};
            return tiles.length === {count} && boxes.every(isIn) && tiles.every((tile, at) => isWhole(tile, boxes[at]))
                && boxes.every((box, at) => boxes.slice(at + 1).every(other => isApart(box, other)));
        }})()"
    );
    browser.until(&shown).await;
}

/// Waits until this tile alone is the large one, and larger than any other; without one, until all are alike.
async fn is_large(browser: &Browser, caption: Option<&str>) {
    let large = format!(
        "(() => {{
            const tiles = [...document.querySelectorAll('.tile')];
            const large = tiles.filter(tile => tile.dataset.large === 'true');
            if ({caption} === null) return large.length === 0;
            return large.length === 1 && large[0].querySelector('figcaption span').innerText === {caption}
                && tiles.every(tile => tile === large[0] || tile.offsetWidth < large[0].offsetWidth);
        }})()",
        caption = json!(caption)
    );
    browser.until(&large).await;
}

async fn window(browser: &Browser, width: u32, height: u32) {
    let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    browser
        .until(&format!("innerWidth === {width} && document.documentElement.scrollWidth <= {width}"))
        .await;
}

/// Presses a key where the focus is, as somebody does who has no mouse.
async fn press(browser: &Browser, key: &str, code: u32) {
    let event = |kind: &str| json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code, "text": if key == "Enter" { "\r" } else { "" } });
    for kind in ["keyDown", "keyUp"] {
        browser.devtools("Input.dispatchKeyEvent", event(kind)).await;
    }
}

const CHAT: &str = "document.querySelector('[data-testid=\"message-input\"]')?.checkVisibility()";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_pinned_shares_or_speaks_is_large_and_everybody_is_whole_on_every_screen() {
    let lobby = Lobby::open().await;
    let ada = lobby.call("Ada").await;
    let ben = lobby.call("Ben").await;
    // With one other person one is small oneself.
    let own = "document.querySelector('.tile.self')?.offsetWidth * 3 < document.querySelector('.tile:not(.self)')?.offsetWidth";
    ada.until(own).await;
    let cleo = lobby.call("Cleo").await;
    all_see_and_hear(&[&ada, &ben, &cleo], "server").await;
    shows_everybody(&ada, 3).await;
    ada.until("[...document.querySelectorAll('[data-testid=\"tile-quality\"]')].every(mark => !mark.hidden && mark.innerText)").await;

    // By keyboard alone, and the focus stays where it was.
    is_large(&ada, None).await;
    ada.until("(document.querySelector('.tile:not(.self) [data-testid=\"tile-pin\"]').focus(), true)").await;
    press(&ada, "Enter", 13).await;
    is_large(&ada, Some("Ben")).await;
    ada.until("document.activeElement.matches('[data-testid=\"tile-pin\"][aria-pressed=\"true\"]')").await;
    press(&ada, "Enter", 13).await;
    is_large(&ada, None).await;
    // Both others have microphones that sound all the time: one of them is heard first.
    press(&ada, "g", 71).await;
    ada.until("document.querySelector('.tile[data-large=\"true\"]:not(.self)')").await;
    press(&ada, "g", 71).await;
    is_large(&ada, None).await;
    ben.click("call-share").await;
    is_large(&ada, Some("Ben’s screen")).await;
    is_large(&ben, None).await;
    ada.screenshot("call-screen-large").await;
    ben.click("call-share").await;
    is_large(&ada, None).await;

    // Whoever reacts is seen to, by those who look and by those who listen.
    ben.click("call-react").await;
    ben.click("call-reaction").await;
    ada.until("[...document.querySelectorAll('.call [aria-live]')].some(told => told.textContent === 'Ben reacts with 👍')").await;

    for (width, height) in [(1440, 900), (1000, 700)] {
        window(&ada, width, height).await;
        ada.until(CHAT).await;
        shows_everybody(&ada, 3).await;
    }
    for (width, height, name) in [(390, 844, "upright"), (844, 390, "sideways")] {
        window(&ada, width, height).await;
        ada.until(CHAT).await;
        ada.click("call-chat").await;
        ada.until(&format!("!{CHAT}")).await;
        shows_everybody(&ada, 3).await;
        ada.screenshot(&format!("call-{name}")).await;
        ada.click("call-chat").await;
    }
    window(&ada, 1280, 800).await;
    ada.click("call-full").await;
    ada.until(&format!(
        "document.querySelector('[data-testid=\"call\"]').offsetWidth === innerWidth && !{CHAT}"
    ))
    .await;
    press(&ada, "Escape", 27).await;
    ada.until(&format!("{CHAT} && !document.querySelector('.call.full')")).await;
    shows_everybody(&ada, 3).await;
    quit([ada, ben, cleo]).await;
}
