//! Calls in which everybody has another WebRTC stack: Chromium, Firefox, aiortc, libdatachannel.

use super::browser::{enter_by, sees_and_hears};
use switchboard_tests::{
    browser::{Browser, Driver},
    installation::{Account, Installation},
    stack::{Participant, Stack},
};
use uuid::Uuid;

/// Somebody in a browser, and the connection that they are in the call by.
struct Person {
    browser: Browser,
    id: Uuid,
}

impl Person {
    /// Signs a new user in, enters `room` and its call.
    async fn join(browser: Browser, base: &str, account: &Account, name: &str, room: &str) -> Self {
        let browser = enter_by(browser, base, account, name, room).await;
        browser.join_call().await;
        let id = browser.until("window.switchboard.connection()?.connectionId").await;
        Self { id: id.as_str().and_then(|id| id.parse().ok()).expect("an id"), browser }
    }

    /// Waits until the page shows so many moving pictures of others, and what comes of as many can be heard.
    async fn sees_and_hears(&self, others: usize) {
        sees_and_hears(&self.browser, others, "server").await;
        let pictures = format!(
            "[...document.querySelectorAll('[data-kind=\"remote\"][data-video=\"on\"] video.current')]
                .filter(({{ videoWidth }}) => videoWidth > 0).length === {others}"
        );
        self.browser.until(&pictures).await;
        let sounds = format!(
            "(async () => {{
                const energies = async () => (await window.switchboard.stats()).tiles.filter(t => !t.local)
                    .map(({{ connectionId, tracks }}) => [connectionId, tracks.reduce((sum, {{ energy }}) => sum + energy, 0)]);
                const before = new Map(await energies());
                await new Promise(r => setTimeout(r, 1200));
                return (await energies()).filter(([id, energy]) => energy > before.get(id)).length === {others};
            }})()"
        );
        self.browser.until(&sounds).await;
    }
}

/// Passes for the wrong reason if packets were enough: browsers and aiortc count pictures that differ from the one
/// before, and sound that can be heard.
#[tokio::test(flavor = "multi_thread")]
async fn chromium_firefox_aiortc_and_libdatachannel_see_and_hear_each_other() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let join = async |stack| Participant::join(stack, &server.base, &account.admin.token, &room).await;
    let driver = Driver::start();
    let (mut python, cpp) = tokio::join!(join(Stack::Aiortc), join(Stack::Libdatachannel));
    let (chromium, firefox) = tokio::join!(
        async {
            let chromium = Browser::start(&driver).await;
            Person::join(chromium, &server.base, &account, "Ada", &room).await
        },
        async {
            let firefox = Browser::start_firefox(&driver).await;
            Person::join(firefox, &server.base, &account, "Ben", &room).await
        }
    );
    all_see_and_hear(&[&chromium, &firefox], &mut python, cpp).await;
    // Whoever leaves takes sections along, and whoever comes gets theirs.
    let cpp = join(Stack::Libdatachannel).await;
    all_see_and_hear(&[&chromium, &firefox], &mut python, cpp).await;
    chromium.browser.screenshot("stacks-chromium").await;
    firefox.browser.screenshot("stacks-firefox").await;
    python.leave().await;
    for person in [&chromium, &firefox] {
        person.sees_and_hears(1).await;
    }
    for person in [chromium, firefox] {
        person.browser.quit().await;
    }
}

/// Everybody sees and hears everybody else; then those who are left do after `cpp` has left.
async fn all_see_and_hear(people: &[&Person; 2], python: &mut Participant, mut cpp: Participant) {
    let ids = people.map(|person| person.id);
    let [first, second] = people;
    let (python_id, cpp_id) = (python.id(), cpp.id());
    tokio::join!(
        first.sees_and_hears(3),
        second.sees_and_hears(3),
        async { python.sees_and_hears(&[ids[0], ids[1], cpp_id]).await },
        async { cpp.sees_and_hears(&[ids[0], ids[1], python_id]).await },
    );
    cpp.leave().await;
    tokio::join!(first.sees_and_hears(2), second.sees_and_hears(2), async {
        python.sees_and_hears(&ids).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn three_people_in_firefox_see_and_hear_each_other_and_one_leaves_and_returns() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let driver = Driver::start();
    let join = async |name| {
        let firefox = Browser::start_firefox(&driver).await;
        Person::join(firefox, &server.base, &account, name, &room).await
    };
    let mut people = vec![join("Ada").await, join("Ben").await];
    for person in &people {
        sees_and_hears(&person.browser, 1, "peerToPeer").await;
    }
    people.push(join("Cleo").await);
    for person in &people {
        person.sees_and_hears(2).await;
    }
    people[0].browser.screenshot("firefox-three-way-call").await;
    people[1].browser.click("call-hangup").await;
    for person in [&people[0], &people[2]] {
        person.sees_and_hears(1).await;
    }
    people[1].browser.join_call().await;
    for person in &people {
        person.sees_and_hears(2).await;
    }
    for person in people {
        person.browser.quit().await;
    }
}
