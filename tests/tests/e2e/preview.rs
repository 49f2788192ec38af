//! Before a call in the console and around it: the look at picture and sound, other devices, those that are refused, and
//! the way back after a page was loaded anew.

use super::lobby::{Lobby, quit, sees_and_hears};
use serde_json::json;
use switchboard_tests::browser::Browser;

/// What the page asks devices for, and how often it describes its media anew.
const WATCHED: &str = "window.asked = [];
    window.descriptions = 0;
    const media = navigator.mediaDevices;
    const ask = media.getUserMedia.bind(media);
    media.getUserMedia = (wanted) => (window.asked.push(wanted), ask(wanted));
    const describe = RTCPeerConnection.prototype.setLocalDescription;
    RTCPeerConnection.prototype.setLocalDescription = function (...description) {
        window.descriptions += 1;
        return describe.apply(this, description);
    };";

/// A person who refuses microphone and camera, and allows them later in the settings of the browser.
const REFUSED: &str = "window.permissions = { microphone: { state: 'denied' }, camera: { state: 'denied' } };
    const all = Object.values(window.permissions);
    navigator.permissions.query = async ({ name }) => window.permissions[name];
    window.allow = () => all.forEach((one) => { one.state = 'granted'; one.onchange?.(); });
    const media = navigator.mediaDevices;
    const ask = media.getUserMedia.bind(media);
    media.getUserMedia = async (wanted) => {
        if (all.some(({ state }) => state === 'denied')) throw new DOMException('Permission denied', 'NotAllowedError');
        return ask(wanted);
    };";

async fn run_before_pages(browser: &Browser, source: &str) {
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    browser.driver().refresh().await.expect("the page is loaded anew");
    browser.see("message-input").await;
}

/// Waits until this person's voice, and no picture, gets further.
async fn hears(browser: &Browser, name: &str) {
    let sound = format!(
        "(async () => {{
            const of = async () => (await window.switchboard.stats()).tiles.find(t => t.name === '{name}')?.tracks;
            const packets = (tracks) => tracks?.find(one => one.source === 'microphone' && !one.muted)?.packets ?? 0;
            const before = packets(await of());
            await new Promise(r => setTimeout(r, 300));
            const after = await of();
            return before > 0 && packets(after) > before && !after.some(one => one.source === 'camera' && !one.muted);
        }})()"
    );
    browser.until(&sound).await;
}

/// Chooses another device than the present one, and returns its id.
async fn choose_another(browser: &Browser, test_id: &str) -> String {
    let choice = format!(
        "(() => {{
            const list = document.querySelector('[data-testid=\"{test_id}\"]');
            const other = [...list?.options ?? []].findLast(({{ value }}) => value && value !== list.value)?.value;
            if (!other) return null;
            list.value = other;
            list.dispatchEvent(new Event('change'));
            return other;
        }})()"
    );
    browser.until(&choice).await.as_str().expect("an id").to_owned()
}

async fn take_picture_on_phone(browser: &Browser, name: &str) {
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
    browser.devtools("Emulation.setDeviceMetricsOverride", phone).await;
    browser.until("innerWidth === 390").await;
    browser.screenshot(name).await;
    browser.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    browser.until("innerWidth > 390").await;
}

/// Would pass for the wrong reason if the other microphone were only noted: what the browser was asked for is compared.
#[tokio::test(flavor = "multi_thread")]
async fn picture_and_sound_are_looked_at_before_a_call_and_devices_change_in_it_without_a_word_to_the_others()
{
    let lobby = Lobby::open().await;
    let ada = lobby.enter("Ada").await;
    run_before_pages(&ada, WATCHED).await;
    ada.press_join().await;
    ada.until("document.querySelector('.preview-picture video').videoWidth > 0").await;
    // The fake microphone beeps.
    ada.until("document.querySelector('[data-testid=\"level\"]').value > 0.1").await;
    assert_eq!(ada.until("document.activeElement.dataset.testid").await, "preview-join", "Enter joins");
    ada.screenshot("preview").await;
    take_picture_on_phone(&ada, "preview-phone").await;
    let first = choose_another(&ada, "device-microphone").await;
    let takes = |id: &str| format!("window.asked.at(-1).audio.deviceId?.exact === {}", json!(id));
    ada.until(&takes(&first)).await;
    ada.click("preview-direct").await;
    ada.click("preview-audio").await;
    let ben = lobby.call("Ben").await;
    hears(&ben, "Ada").await;

    let described = ada.until("window.descriptions").await;
    ada.click("call-devices").await;
    let second = choose_another(&ada, "device-microphone").await;
    assert_ne!(first, second);
    ada.until(&takes(&second)).await;
    ada.screenshot("device-menu").await;
    take_picture_on_phone(&ada, "device-menu-phone").await;
    ada.click("devices-close").await;
    hears(&ben, "Ada").await;
    assert_eq!(ada.until("window.descriptions").await, described, "the same description of the media");

    // Whoever wants no preview joins by one click from then on, with the same microphone.
    ada.click("call-hangup").await;
    ada.press_join().await;
    sees_and_hears(&ben, 1, "peerToPeer").await;
    ada.until("!document.querySelector('[data-testid=\"preview\"]')").await;
    ada.until(&format!("window.asked.at(-1).audio.deviceId?.ideal === {}", json!(second))).await;
    quit([ada, ben]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_refused_microphone_and_camera_is_told_what_to_do_and_who_reloads_the_page_finds_back() {
    let lobby = Lobby::open().await;
    let ada = lobby.enter("Ada").await;
    let ben = lobby.call("Ben").await;
    run_before_pages(&ada, REFUSED).await;
    ada.press_join().await;
    for source in ["microphone", "camera"] {
        ada.see(&format!("problem-{source}")).await;
    }
    ada.screenshot("preview-refused").await;
    take_picture_on_phone(&ada, "preview-refused-phone").await;
    // Asking again is refused again, and one may join all the same.
    ada.click("again-microphone").await;
    ada.click("preview-join").await;
    ada.until(
        "document.querySelector('[data-testid=\"call-line\"]')?.dataset.problem === 'missing microphone'",
    )
    .await;
    ada.screenshot("call-without-microphone").await;
    take_picture_on_phone(&ada, "call-without-microphone-phone").await;
    ada.click("line-action").await;
    ada.see("problem-microphone").await;
    ada.screenshot("device-menu-refused").await;
    ada.click("devices-close").await;

    // What is allowed later is offered.
    ada.until("(window.allow(), true)").await;
    for source in ["microphone", "camera"] {
        let offered = format!(
            "document.querySelector('[data-testid=\"call-line\"]').dataset.problem === 'allowed {source}'"
        );
        ada.until(&offered).await;
        ada.screenshot(&format!("allowed-{source}")).await;
        ada.click("line-action").await;
    }
    sees_and_hears(&ben, 1, "peerToPeer").await;
    ada.until("document.querySelector('[data-testid=\"call-line\"]').hidden").await;

    // What was on before is on again.
    ada.click("call-camera").await;
    hears(&ben, "Ada").await;
    ada.driver().refresh().await.expect("the page is loaded anew");
    ada.see("call-return").await;
    ada.screenshot("call-return").await;
    take_picture_on_phone(&ada, "call-return-phone").await;
    ada.until("(window.allow(), true)").await;
    ada.click("call-return-accept").await;
    hears(&ben, "Ada").await;
    ada.until("!document.querySelector('[data-testid=\"call-return\"]')?.checkVisibility()").await;
    // Whoever hangs up does not want back.
    ada.click("call-hangup").await;
    ada.driver().refresh().await.expect("the page is loaded anew");
    ada.until("document.querySelector('[data-testid=\"call-join\"]')?.innerText.includes('1')").await;
    ada.until("!document.querySelector('[data-testid=\"call-return\"]').checkVisibility()").await;
    quit([ada, ben]).await;
}
