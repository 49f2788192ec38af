//! A headless Chromium with fake camera and microphone, and the console open in it.

use crate::{PATIENCE, provided};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};
use thirtyfour::prelude::*;

/// A running chromedriver. Dropping it ends it and its browsers.
pub struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let mut child = Command::new(provided("SWITCHBOARD_TEST_CHROMEDRIVER"))
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let port = line
                    .rsplit_once("successfully on port ")
                    .map(|(_, port)| port.trim_end_matches('.').to_owned());
                if let Some(port) = port.filter(|port| port.bytes().all(|byte| byte.is_ascii_digit())) {
                    let _nobody_waits = sender.send(port);
                }
            }
        });
        let port = receiver.recv_timeout(PATIENCE).expect("chromedriver names its port");
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// One browser with one page.
pub struct Browser {
    driver: WebDriver,
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
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
    "--allow-loopback-in-peer-connection",
];

impl Browser {
    /// Starts a browser of its own: own profile, own storage.
    pub async fn start(driver: &Driver) -> Self {
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&provided("SWITCHBOARD_TEST_CHROMIUM")).expect("a path");
        for argument in ARGUMENTS {
            capabilities.add_arg(argument).expect("an argument");
        }
        let driver = WebDriver::new(&driver.url, capabilities).await.expect("Chromium starts");
        driver.set_script_timeout(PATIENCE + Duration::from_secs(5)).await.expect("a timeout");
        Self { driver }
    }

    /// Opens the console at `base` and signs in.
    pub async fn sign_in(&self, base: &str, email: &str, password: &str) {
        self.driver.goto(base).await.expect("the console opens");
        self.fill("sign-in-email", email).await;
        self.fill("sign-in-password", password).await;
        self.click("sign-in-submit").await;
        self.see("room-create").await;
    }

    /// Waits for the element with this test id and returns it.
    pub async fn see(&self, test_id: &str) -> WebElement {
        self.until(&format!("document.querySelector('[data-testid=\"{test_id}\"]')?.checkVisibility()"))
            .await;
        self.driver.find(By::Testid(test_id)).await.expect("it was just seen")
    }

    /// Clicks the element with this test id, once it is there.
    pub async fn click(&self, test_id: &str) {
        self.see(test_id)
            .await
            .click()
            .await
            .unwrap_or_else(|error| panic!("{test_id} cannot be clicked: {error}"));
    }

    /// Types into the element with this test id.
    pub async fn fill(&self, test_id: &str, text: &str) {
        let element = self.see(test_id).await;
        element.clear().await.expect("it can be cleared");
        element.send_keys(text).await.expect("it can be typed into");
    }

    /// Clicks the first element that matches a CSS selector, once it is there.
    pub async fn click_css(&self, selector: &str) {
        self.until(&format!("document.querySelector({})?.checkVisibility()", json!(selector))).await;
        let element = self.driver.find(By::Css(selector)).await.expect("it was just seen");
        element.click().await.unwrap_or_else(|error| panic!("{selector} cannot be clicked: {error}"));
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
            PATIENCE.as_millis()
        );
        let answer = self.driver.execute_async(script, vec![]).await.expect("the page runs scripts");
        let answer: Value = answer.json().clone();
        assert!(answer.get("value").is_some(), "never true in the page: {expression}\n{answer}");
        answer["value"].clone()
    }

    /// Saves what the page looks like, if `SWITCHBOARD_TEST_SCREENSHOTS` names a directory.
    pub async fn screenshot(&self, name: &str) {
        if let Some(directory) = std::env::var_os("SWITCHBOARD_TEST_SCREENSHOTS") {
            let path = Path::new(&directory).join(format!("{name}.png"));
            self.driver.screenshot(&path).await.expect("the screenshot is written");
        }
    }

    /// Everything else WebDriver can do.
    pub const fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// Closes the browser.
    pub async fn quit(self) {
        self.driver.quit().await.expect("Chromium ends");
    }
}
