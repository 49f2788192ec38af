//! Somebody whose line carries little, in a call of three through the media server.

use super::lobby::{Lobby, quit, sees_and_hears};
use local_services::ports;
use serde_json::json;
use switchboard_tests::{
    browser::{Browser, Driver},
    installation::Installation,
    narrow::NarrowLine,
};

/// The page takes the line for the media server, wherever that says it is.
pub(crate) fn by_way_of(line: &NarrowLine) -> String {
    format!(
        "const native = RTCPeerConnection.prototype.setRemoteDescription;
        RTCPeerConnection.prototype.setRemoteDescription = function ({{ type, sdp }}) {{
            return native.call(this, {{ type, sdp: sdp.replace(/ \\d+ typ host/g, ' {} typ host') }});
        }};",
        line.address.port()
    )
}

/// From now on the page notes the longest time without another picture of each of the others.
pub(crate) const WATCH: &str = "(() => {
    window.gaps = [];
    for (const video of document.querySelectorAll('[data-kind=\"remote\"][data-video=\"on\"] video.current')) {
        const seen = { longest: 0, last: performance.now() };
        window.gaps.push(seen);
        const look = (now) => {
            Object.assign(seen, { longest: Math.max(seen.longest, now - seen.last), last: now });
            video.requestVideoFrameCallback(look);
        };
        video.requestVideoFrameCallback(look);
    }
    return true;
})()";

/// How long at most each of the pictures that are watched stood still, in milliseconds, until now.
pub(crate) const LONGEST: &str =
    "window.gaps.map(({ longest, last }) => Math.round(Math.max(longest, performance.now() - last)))";

/// The widths of the others' pictures as they come.
const WIDTHS: &str = "[...document.querySelectorAll('[data-kind=\"remote\"] video.current')].map(({ videoWidth }) => videoWidth)";

/// A picture of so many pixels from side to side is the largest of its encodings.
const WIDE: u32 = 640;

/// Passes for the wrong reason if the browser sent smaller pictures by itself: those whose line is not narrow are looked
/// at, too.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_narrow_line_gets_smaller_pictures_and_the_large_ones_again_when_it_is_wide() {
    let mut installation = Installation::new().await;
    let media = ports::free().expect("a port");
    installation.set("SWITCHBOARD_SFU__LISTEN", &media.to_string());
    let lobby = Lobby::open_in(installation).await;
    let line = NarrowLine::start(media).await;
    let ada = large(lobby.call("Ada").await).await;
    let ben = lobby.call("Ben").await;
    let cleo = join_by(&lobby.driver, &lobby, &line).await;
    for browser in [&ada, &ben, &cleo] {
        sees_and_hears(browser, 2, "server").await;
    }
    for browser in [&ada, &cleo] {
        browser.until(&format!("{WIDTHS}.every((width) => width >= {WIDE})")).await;
    }
    cleo.until(WATCH).await;
    line.carries(250_000);
    cleo.until(&format!("{WIDTHS}.every((width) => width > 0 && width < {WIDE})")).await;
    sees_and_hears(&cleo, 2, "server").await;
    ada.until(&format!("{WIDTHS}.every((width) => width >= {WIDE})")).await;
    line.carries_everything();
    cleo.until(&format!("{WIDTHS}.every((width) => width >= {WIDE})")).await;
    sees_and_hears(&cleo, 2, "server").await;
    let longest = cleo.until(LONGEST).await;
    println!("longest times without another picture, in milliseconds: {longest}");
    cleo.screenshot("narrow-line").await;
    quit([ada, ben, cleo]).await;
}

/// A window in which pictures are seen in their full size.
async fn large(browser: Browser) -> Browser {
    browser.driver().set_window_rect(0, 0, 1600, 1000).await.expect("a window");
    browser
}

async fn join_by(driver: &Driver, lobby: &Lobby, line: &NarrowLine) -> Browser {
    let browser = large(Browser::start(driver).await).await;
    let source = by_way_of(line);
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    let browser = lobby.enter_in(browser, "Cleo").await;
    browser.join_call().await;
    browser
}
