//! A headless browser with fake camera and microphone, and the console open in it: Chromium, or Firefox.

mod firefox;

use crate::{MEDIA_PATIENCE, provided};
use local_services::{chromium::Chromedriver, scratch::Scratch};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use thirtyfour::{error::WebDriverErrorInner, prelude::*};

/// Tests with browsers, or with as much to do, that run at once: one for two cores. Each of them keeps as many busy, and
/// where more do, what they wait for comes too late.
fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// One of the tests that run, by how many of the places it takes; others wait for its end.
///
/// Taken before anything else: who waited with a connection open would not answer the server, which would close it.
pub struct Turn(usize);

impl Turn {
    /// Waits for a place among them.
    pub fn take() -> Self {
        Self::wait(1)
    }

    /// The same for all places, so that no other test with browsers runs: for what is measured.
    pub fn take_all() -> Self {
        Self::wait(at_once())
    }

    fn wait(places: usize) -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let most = at_once();
        let running = ENDED.wait_while(running, |running| *running + places > most);
        *running.unwrap_or_else(PoisonError::into_inner) += places;
        Self(places)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        ENDED.notify_all();
    }
}

/// A running chromedriver, and where browsers keep what they write. Dropping it ends it and its browsers. A test has
/// one.
pub struct Driver {
    // It writes to its directory until it has ended: fields end in this order.
    chromedriver: Chromedriver,
    directory: Scratch,
    /// How many of its browsers are a Firefox.
    firefoxes: AtomicU32,
    _turn: Turn,
}

impl Driver {
    /// Starts one on a free port, for the test whose turn it is.
    pub fn start(turn: Turn) -> Self {
        let directory = Scratch::new().expect("a directory");
        let chromedriver = Chromedriver::start(directory.path()).expect("chromedriver starts");
        Self { chromedriver, directory, firefoxes: AtomicU32::new(0), _turn: turn }
    }

    fn url(&self) -> String {
        self.chromedriver.url()
    }
}

/// One browser with one page.
pub struct Browser(Kind);

enum Kind {
    Chromium {
        driver: WebDriver,
        /// Where its driver listens.
        url: String,
    },
    Firefox(firefox::Page),
}

/// Without the last one, Chromium on a machine with loopback only gathers no candidates.
const ARGUMENTS: [&str; 15] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,800",
    "--use-fake-ui-for-media-stream",
    // Ten pictures a second are as good as thirty, and a third of the work on a machine without a graphics card.
    "--use-fake-device-for-media-stream=fps=10",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
    "--allow-loopback-in-peer-connection",
];

impl Browser {
    /// Starts a Chromium of its own: own profile, own storage.
    pub async fn start(driver: &Driver) -> Self {
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&provided("SWITCHBOARD_TEST_CHROMIUM")).expect("a path");
        for argument in ARGUMENTS {
            capabilities.add_arg(argument).expect("an argument");
        }
        let url = driver.url().trim_end_matches('/').to_owned();
        let driver = WebDriver::new(driver.url(), capabilities).await.expect("Chromium starts");
        driver.set_script_timeout(MEDIA_PATIENCE + Duration::from_secs(5)).await.expect("a timeout");
        Self(Kind::Chromium { driver, url })
    }

    /// Starts a Firefox of its own, which must end before `driver`.
    pub async fn start_firefox(driver: &Driver) -> Self {
        let number = driver.firefoxes.fetch_add(1, Ordering::Relaxed);
        let directory = driver.directory.join(format!("firefox-{number}"));
        Self(Kind::Firefox(firefox::Page::start(&directory).await))
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        match &self.0 {
            Kind::Chromium { driver, .. } => driver.goto(url).await.expect("the page opens"),
            Kind::Firefox(page) => page.open(url).await,
        }
    }

    /// Asks Chromium itself something (Chrome DevTools Protocol).
    pub async fn devtools(&self, method: &str, params: Value) -> Value {
        let Kind::Chromium { driver, url } = &self.0 else { panic!("{method}: this is no Chromium") };
        let command = format!("{url}/session/{}/goog/cdp/execute", driver.session_id());
        let request = crate::rest::client().post(command).json(&json!({ "cmd": method, "params": params }));
        let answer: Value = request.send().await.expect("it answers").json().await.expect("JSON");
        assert!(answer["value"]["error"].is_null(), "{method}: {answer}");
        answer["value"].clone()
    }

    /// Opens the console at `base` and signs in.
    pub async fn sign_in(&self, base: &str, email: &str, password: &str) {
        self.open(base).await;
        self.fill("sign-in-email", email).await;
        self.fill("sign-in-password", password).await;
        self.click("sign-in-submit").await;
        self.see("rooms-nav").await;
    }

    /// Waits for the element with this test id.
    pub async fn see(&self, test_id: &str) {
        self.see_css(&of_test_id(test_id)).await;
    }

    async fn see_css(&self, selector: &str) {
        self.until(&format!("document.querySelector({})?.checkVisibility()", json!(selector))).await;
    }

    /// Clicks the element with this test id, once it is there. If the page has put another one in its place
    /// between finding and clicking, that one, as a person would.
    pub async fn click(&self, test_id: &str) {
        self.click_css(&of_test_id(test_id)).await;
    }

    /// Presses the mouse's left button, or lets it go, at a place of the page (`Input.dispatchMouseEvent` of the Chrome
    /// DevTools Protocol: `mousePressed`, `mouseReleased`).
    pub async fn mouse(&self, kind: &str, place: &Value) {
        let event =
            json!({ "type": kind, "x": place["x"], "y": place["y"], "button": "left", "clickCount": 1 });
        self.devtools("Input.dispatchMouseEvent", event).await;
    }

    /// Joins the call of the room that is shown, or starts it, with what the preview has on: microphone and camera.
    pub async fn join_call(&self) {
        self.press_join().await;
        self.click("preview-join").await;
    }

    /// Clicks the button that joins the call of the room that is shown, as soon as it may be clicked.
    pub async fn press_join(&self) {
        self.until("document.querySelector('[data-testid=\"call-join\"]')?.disabled === false").await;
        self.click("call-join").await;
    }

    /// Types into the element with this test id.
    pub async fn fill(&self, test_id: &str, text: &str) {
        let selector = of_test_id(test_id);
        self.see_css(&selector).await;
        match &self.0 {
            Kind::Chromium { driver, .. } => {
                let element = driver.find(By::Css(selector)).await.expect("it was just seen");
                element.clear().await.expect("it can be cleared");
                element.send_keys(text).await.expect("it can be typed into");
            }
            Kind::Firefox(page) => {
                let chosen = json!(selector);
                self.until(&format!(
                    "(field => (field.focus(), field.select(), true))(document.querySelector({chosen}))"
                ))
                .await;
                page.keys(text).await;
            }
        }
    }

    /// Clicks the first element that matches a CSS selector, as [`Browser::click`] does.
    pub async fn click_css(&self, selector: &str) {
        self.see_css(selector).await;
        match &self.0 {
            Kind::Chromium { driver, .. } => self.click_in_chromium(driver, selector).await,
            Kind::Firefox(page) => {
                let place = self.until(&format!("({PLACE})({})", json!(selector))).await;
                page.press([0, 1].map(|axis| place[axis].as_i64().expect("a number"))).await;
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a person waits in the time of the real world")]
    async fn click_in_chromium(&self, driver: &WebDriver, selector: &str) {
        let started = Instant::now();
        loop {
            let clicked = async { driver.find(By::Css(selector)).await?.click().await };
            let Err(error) = clicked.await else { return };
            let is_another = matches!(
                *error,
                WebDriverErrorInner::StaleElementReference(_) | WebDriverErrorInner::NoSuchElement(_)
            );
            assert!(is_another, "{selector} cannot be clicked: {error}");
            assert!(started.elapsed() < MEDIA_PATIENCE, "{selector} never stands still");
        }
    }

    /// Waits until a JavaScript expression (which may await) is truthy, and returns its value.
    pub async fn until(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const end = performance.now() + {};
             const look = async () => {{
                 let value, error;
                 try {{ value = await ({expression}); }} catch (e) {{ error = String(e); }}
                 if (value) done({{ value }});
                 else if (performance.now() > end) done({{ error: error ?? 'never', text: document.body.innerText.slice(0, 2000) }});
                 else setTimeout(look, 50);
             }};
             look();",
            MEDIA_PATIENCE.as_millis()
        );
        let answer = self.execute(&script, vec![]).await;
        assert!(answer.get("value").is_some(), "never true in the page: {expression}\n{answer}");
        answer["value"].clone()
    }

    /// Runs the body of a function in the page whose last argument takes the result.
    pub async fn execute(&self, body: &str, arguments: Vec<Value>) -> Value {
        match &self.0 {
            Kind::Chromium { driver, .. } => {
                let result = driver.execute_async(body, arguments).await.expect("the page runs scripts");
                result.json().clone()
            }
            Kind::Firefox(page) => page.execute(body, &arguments).await,
        }
    }

    /// Saves what the page looks like, if `SWITCHBOARD_TEST_SCREENSHOTS` names a directory.
    pub async fn screenshot(&self, name: &str) {
        if let Some(directory) = std::env::var_os("SWITCHBOARD_TEST_SCREENSHOTS") {
            let path = Path::new(&directory).join(format!("{name}.png"));
            let picture = match &self.0 {
                Kind::Chromium { driver, .. } => driver.screenshot_as_png().await.expect("a screenshot"),
                Kind::Firefox(page) => page.screenshot().await,
            };
            std::fs::write(path, picture).expect("the screenshot is written");
        }
    }

    /// Everything else that Chromium's WebDriver can do.
    pub fn driver(&self) -> &WebDriver {
        let Kind::Chromium { driver, .. } = &self.0 else { panic!("this is no Chromium") };
        driver
    }

    /// Closes the browser.
    pub async fn quit(self) {
        match self.0 {
            Kind::Chromium { driver, .. } => driver.quit().await.expect("Chromium ends"),
            Kind::Firefox(page) => drop(page),
        }
    }
}

/// The middle of the first element that matches a selector, where it is on top of everything else and stands still.
const PLACE: &str = "async (selector) => {
    const element = document.querySelector(selector);
    element.scrollIntoView({ block: 'center', behavior: 'instant' });
    const middle = () => {
        const { x, y, width, height } = element.getBoundingClientRect();
        return [Math.floor(x + width / 2), Math.floor(y + height / 2)];
    };
    const place = middle();
    await new Promise(requestAnimationFrame);
    const stands = String(middle()) === String(place);
    return stands && element.contains(document.elementFromPoint(...place)) && place;
}";

fn of_test_id(test_id: &str) -> String {
    format!("[data-testid=\"{test_id}\"]")
}
