//! Screens that are shared in the console, beside their owners' cameras and with what sounds there.

use super::lobby::{Lobby, all_see_and_hear, quit, sees_and_hears};
use switchboard_tests::browser::Browser;

/// The track of a source that a page receives from this person, once it carries packets.
fn receives(name: &str, source: &str) -> String {
    format!(
        "(async () => {{
            const find = async () => (await window.switchboard.stats()).tiles.find(t => t.name === '{name}')?.tracks.find(t => t.source === '{source}');
            const before = await find();
            await new Promise(r => setTimeout(r, 300));
            const after = await find();
            return before && after && after.trackId && after.packets > before.packets && (after.framesDecoded > 0 || after.samples > 0) && after.trackId;
        }})()"
    )
}

/// Whether a page shows a screen that is called so, in its own tile, with a picture and with its sound.
async fn sees_screen(browser: &Browser, called: &str) {
    let shows = format!(
        "[...document.querySelectorAll('[data-testid=\"tile-screen\"]')].some(tile =>
            tile.querySelector('figcaption').innerText.trim() === '{called}' && tile.querySelector('video.current')?.videoWidth > 0
            && tile.querySelector('audio')?.srcObject?.getTracks().length === 1 && !tile.querySelector('audio').paused)"
    );
    browser.until(&shows).await;
}

async fn sees_screens(browser: &Browser, count: usize) {
    browser
        .until(&format!("document.querySelectorAll('[data-testid=\"tile-screen\"]').length === {count}"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn screens_are_seen_and_heard_beside_their_owners_between_two_and_among_three() {
    let lobby = Lobby::open().await;
    let ada = lobby.call("Ada").await;
    let ben = lobby.call("Ben").await;
    all_see_and_hear(&[&ada, &ben], "peerToPeer").await;
    ada.click("call-share").await;
    let direct = ben.until(&receives("Ada", "screen")).await;
    ben.until(&receives("Ada", "screenAudio")).await;
    sees_screen(&ben, "Ada’s screen").await;
    sees_and_hears(&ben, 1, "peerToPeer").await;
    ben.screenshot("screen-beside-camera-direct").await;
    // The one who does not offer shares, too.
    ben.click("call-share").await;
    sees_screen(&ada, "Ben’s screen").await;
    ben.click("call-share").await;
    sees_screens(&ada, 1).await;

    // Through the server it is the same track.
    let cleo = lobby.call("Cleo").await;
    all_see_and_hear(&[&ada, &ben, &cleo], "server").await;
    for browser in [&ben, &cleo] {
        assert_eq!(browser.until(&receives("Ada", "screen")).await, direct);
        browser.until(&receives("Ada", "screenAudio")).await;
        sees_screen(browser, "Ada’s screen").await;
    }
    ben.click("call-share").await;
    for browser in [&ada, &cleo] {
        sees_screen(browser, "Ben’s screen").await;
        sees_screens(browser, 2).await;
    }
    cleo.screenshot("two-screens-beside-cameras").await;

    // What is shared again is another track, and goes on as it did.
    ada.click("call-share").await;
    for browser in [&ada, &ben, &cleo] {
        sees_screens(browser, 1).await;
    }
    ada.click("call-share").await;
    let again = ben.until(&receives("Ada", "screen")).await;
    assert_ne!(again, direct);
    sees_screen(&ben, "Ada’s screen").await;

    // Who comes anew finds both.
    cleo.until("(window.isBefore = true, location.reload(), true)").await;
    cleo.until(
        "!window.isBefore && document.querySelector('[data-testid=\"call-join\"]')?.checkVisibility()",
    )
    .await;
    cleo.see("message-input").await;
    cleo.join_call().await;
    sees_and_hears(&cleo, 2, "server").await;
    assert_eq!(cleo.until(&receives("Ada", "screen")).await, again);
    for name in ["Ada", "Ben"] {
        sees_screen(&cleo, &format!("{name}’s screen")).await;
    }
    quit([ada, ben, cleo]).await;
}
