//! A room of one account, and people who have the console open in it.

use switchboard_tests::{
    browser::{Browser, Driver, Turn},
    installation::{Account, Installation, PASSWORD},
    server::Server,
};

/// A server with an account that has one room.
pub(crate) struct Lobby {
    // What uses a server ends before it: fields end in this order.
    pub(crate) driver: Driver,
    pub(crate) server: Server,
    pub(crate) account: Account,
    pub(crate) room: String,
    pub(crate) installation: Installation,
}

impl Lobby {
    pub(crate) async fn open() -> Self {
        Self::open_in(Installation::new().await).await
    }

    /// The same where an installation is prepared.
    pub(crate) async fn open_in(installation: Installation) -> Self {
        let turn = Turn::take();
        let server = installation.server();
        let account = installation.account("acme", &server).await;
        let room = account.room("Lobby").await;
        Self { driver: Driver::start(turn), server, account, room, installation }
    }

    /// Signs a new user in, in a Chromium of their own, and enters the room.
    pub(crate) async fn enter(&self, name: &str) -> Browser {
        self.enter_in(Browser::start(&self.driver).await, name).await
    }

    /// The same in a browser that is there already.
    pub(crate) async fn enter_in(&self, browser: Browser, name: &str) -> Browser {
        enter_in(browser, &self.server.base, &self.account, name, &self.room).await
    }

    /// The same, and joins the room's call.
    pub(crate) async fn call(&self, name: &str) -> Browser {
        let browser = self.enter(name).await;
        browser.join_call().await;
        browser
    }
}

/// Signs a new user in and enters `room`.
pub(crate) async fn enter(driver: &Driver, base: &str, account: &Account, name: &str, room: &str) -> Browser {
    enter_in(Browser::start(driver).await, base, account, name, room).await
}

/// The same in a browser that is there already.
pub(crate) async fn enter_in(
    browser: Browser,
    base: &str,
    account: &Account,
    name: &str,
    room: &str,
) -> Browser {
    let email = account.user(name).await;
    browser.sign_in(base, &email, PASSWORD).await;
    browser.click_css(&format!("[data-testid='room-item'][data-room-id='{room}']")).await;
    browser.see("message-input").await;
    browser
}

/// Waits until `browser` decodes `others` videos and as many sounds, each getting further.
pub(crate) async fn sees_and_hears(browser: &Browser, others: usize, route: &str) {
    let condition = format!(
        "(async () => {{
            const of = (t, source) => t.tracks.find(one => one.source === source) ?? {{ packets: 0, framesDecoded: 0 }};
            const remote = s => s.tiles.filter(t => !t.local && of(t, 'camera').framesDecoded > 0 && of(t, 'microphone').packets > 0);
            const before = remote(await window.switchboard.stats());
            if (before.length !== {others}) return false;
            await new Promise(r => setTimeout(r, 700));
            const after = await window.switchboard.stats();
            return after.route === '{route}' && before.every(b => remote(after).some(a =>
                a.connectionId === b.connectionId && of(a, 'camera').framesDecoded > of(b, 'camera').framesDecoded
                && of(a, 'microphone').packets > of(b, 'microphone').packets));
        }})()"
    );
    browser.until(&condition).await;
}

/// Waits until each of these, who are all that are in the call, sees and hears the others.
pub(crate) async fn all_see_and_hear(browsers: &[&Browser], route: &str) {
    for browser in browsers {
        sees_and_hears(browser, browsers.len() - 1, route).await;
    }
}

/// Ends all of them.
pub(crate) async fn quit(browsers: impl IntoIterator<Item = Browser>) {
    for browser in browsers {
        browser.quit().await;
    }
}
