//! Calls in which everybody has another WebRTC stack: Chromium, Firefox, aiortc, libdatachannel.

use super::lobby::{Lobby, all_see_and_hear, quit, sees_and_hears};
use switchboard_tests::{
    browser::Browser,
    stack::{Participant, Stack},
};
use uuid::Uuid;

/// Somebody in a browser, and the connection that they are in the call by.
struct Person {
    browser: Browser,
    id: Uuid,
}

impl Person {
    /// Signs a new user in, enters the room and its call.
    async fn join(browser: Browser, lobby: &Lobby, name: &str) -> Self {
        let browser = lobby.enter_in(browser, name).await;
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
    let lobby = Lobby::open().await;
    let (base, token) = (&lobby.server.base, &lobby.account.admin.token);
    let join = async |stack| Participant::join(stack, base, token, &lobby.room).await;
    let (mut python, cpp) = tokio::join!(join(Stack::Aiortc), join(Stack::Libdatachannel));
    let (chromium, firefox) = tokio::join!(
        async { Person::join(Browser::start(&lobby.driver).await, &lobby, "Ada").await },
        async { Person::join(Browser::start_firefox(&lobby.driver).await, &lobby, "Ben").await },
    );
    stacks_see_and_hear(&[&chromium, &firefox], &mut python, cpp).await;
    // Whoever leaves takes sections along, and whoever comes gets theirs.
    let cpp = join(Stack::Libdatachannel).await;
    stacks_see_and_hear(&[&chromium, &firefox], &mut python, cpp).await;
    chromium.browser.screenshot("stacks-chromium").await;
    firefox.browser.screenshot("stacks-firefox").await;
    python.leave().await;
    for person in [&chromium, &firefox] {
        person.sees_and_hears(1).await;
    }
    quit([chromium, firefox].map(|person| person.browser)).await;
}

/// Everybody sees and hears everybody else; then those who are left do after `cpp` has left.
async fn stacks_see_and_hear(people: &[&Person; 2], python: &mut Participant, mut cpp: Participant) {
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
    let lobby = Lobby::open().await;
    let join = async |name| Person::join(Browser::start_firefox(&lobby.driver).await, &lobby, name).await;
    let mut people = vec![join("Ada").await, join("Ben").await];
    all_see_and_hear(&[&people[0].browser, &people[1].browser], "peerToPeer").await;
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
    quit(people.into_iter().map(|person| person.browser)).await;
}
