//! Data channels in calls: straight from one to the other, through the server, and with other stacks.

use super::lobby::{Lobby, quit};
use serde_json::{Value, json};
use switchboard_tests::{
    browser::Browser,
    stack::{Participant, Stack},
};

/// Enters a call by the client library alone, with a microphone if it `speaks`; `heard` is what others have said.
const ENTER: &str = r"
    const [token, roomId, speaks, done] = arguments;
    import('/client/index.js').then(async ({ connect, LocalMedia }) => {
        const client = connect({ server: location.origin, token });
        const local = new LocalMedia();
        if (speaks) await local.start({ video: false });
        const session = window.session = client.media(roomId, { local, changed: () => {} });
        window.heard = [];
        session.on('data', ({ from, topic, data, reliable }) => window.heard.push({ from, topic, text: new TextDecoder().decode(data), reliable }));
        window.send = (text, options) => session.sendData(new TextEncoder().encode(text), options);
        await client.opened();
        await session.join();
        return session.self;
    }).then(done, (error) => done(`failed: ${error}`));
";

/// Somebody who is in the call, and by which connection.
struct Person {
    browser: Browser,
    id: String,
}

impl Person {
    async fn enter(lobby: &Lobby, name: &str, rights: Option<&[&str]>) -> Self {
        Self::enter_in(Browser::start(&lobby.driver).await, lobby, name, rights).await
    }

    async fn enter_in(browser: Browser, lobby: &Lobby, name: &str, rights: Option<&[&str]>) -> Self {
        let account = &lobby.account;
        let token = match rights {
            None => account.admin.token.clone(),
            Some(rights) => {
                let body = json!({ "guest": { "identity": name, "name": name }, "rights": rights });
                let path = format!("/v1/rooms/{}/join-tokens", lobby.room);
                account.admin.post(&path, body).await["token"].as_str().expect("a token").to_owned()
            }
        };
        browser.open(&lobby.server.base).await;
        let speaks = rights.is_none_or(|rights| rights.contains(&"media.send"));
        let entered = browser.execute(ENTER, vec![json!(token), json!(lobby.room), json!(speaks)]).await;
        let id = entered.as_str().expect("an id").to_owned();
        assert!(!id.starts_with("failed"), "{name}: {id}");
        Self { browser, id }
    }

    /// Sends a text, and waits until that is done.
    async fn send(&self, text: &str, options: Value) {
        self.browser.until(&format!("window.send({}, {options}).then(() => true)", json!(text))).await;
    }

    /// Waits until this was heard.
    async fn hears(&self, from: &str, text: &str, topic: &str, reliable: bool) {
        let news = json!({ "from": from, "topic": topic, "text": text, "reliable": reliable });
        let has = "Object.keys(news).every((key) => news[key] === one[key])";
        self.browser
            .until(&format!("(() => {{ const news = {news}; return window.heard.some((one) => {has}); }})()"))
            .await;
    }

    /// Sends until it is heard: what is lossy may be lost.
    async fn reaches(&self, other: &Self, text: &str) {
        let options = json!({ "reliable": false, "topic": "cursor" });
        let again =
            format!("window.again = setInterval(() => window.send({}, {options}), 100), true", json!(text));
        self.browser.until(&again).await;
        other.hears(&self.id, text, "cursor", false).await;
        self.browser.until("clearInterval(window.again), true").await;
    }

    async fn waits_for_route(&self, route: &str, others: usize) {
        let state = "window.session.state";
        self.browser
            .until(&format!("{state}.route === '{route}' && {state}.participants.length === {others} + 1"))
            .await;
    }

    /// All that was heard that begins so.
    async fn heard(&self, beginning: &str) -> Vec<String> {
        let expression = format!(
            "JSON.stringify(window.heard.map(({{ text }}) => text).filter((text) => text.startsWith('{beginning}')))"
        );
        let heard = self.browser.until(&expression).await;
        serde_json::from_str(heard.as_str().expect("a text")).expect("JSON")
    }
}

/// What is said while a third comes and the server takes over is said to everybody who was there: all of it, and once.
#[tokio::test(flavor = "multi_thread")]
async fn data_goes_on_when_a_third_comes_and_reaches_everybody_or_whom_it_names() {
    let lobby = Lobby::open().await;
    let ada = Person::enter(&lobby, "ada", None).await;
    let ben = Person::enter(&lobby, "ben", Some(&["media.send", "media.receive"])).await;
    for person in [&ada, &ben] {
        person.waits_for_route("peerToPeer", 1).await;
    }
    ada.send("hello", json!({ "topic": "chat" })).await;
    ben.hears(&ada.id, "hello", "chat", true).await;
    ben.reaches(&ada, "here").await;

    let counting = "let n = 0; window.counting = setInterval(() => n < 200 ? window.send(`count ${n++}`) : clearInterval(window.counting), 40)";
    ada.browser.until(&format!("(() => {{ {counting}; return true; }})()")).await;
    let cleo = Person::enter(&lobby, "cleo", Some(&["media.receive"])).await;
    for person in [&ada, &ben, &cleo] {
        person.waits_for_route("server", 2).await;
    }
    cleo.browser.until("window.heard.some(({ text }) => text === 'count 199')").await;
    ben.browser.until("window.heard.filter(({ text }) => text.startsWith('count')).length >= 200").await;
    let mut counted = ben.heard("count").await;
    counted.sort_by_key(|text| text.trim_start_matches("count ").parse::<u32>().expect("a number"));
    assert_eq!(counted, (0..200).map(|n| format!("count {n}")).collect::<Vec<_>>());

    ada.send("for cleo", json!({ "to": [cleo.id] })).await;
    ada.send(&"x".repeat(15_360), json!({})).await;
    ben.hears(&ada.id, &"x".repeat(15_360), "", true).await;
    cleo.hears(&ada.id, "for cleo", "", true).await;
    assert!(ben.heard("for").await.is_empty());
    ben.reaches(&cleo, "moved").await;
    // Who may only listen is not heard: what is said after it comes.
    cleo.send("psst", json!({})).await;
    ben.send("after", json!({})).await;
    ada.hears(&ben.id, "after", "", true).await;
    assert!(ada.heard("psst").await.is_empty());
    quit([ada, ben, cleo].map(|person| person.browser)).await;
}

/// aiortc agrees on its channels beforehand, libdatachannel opens them in-band. Both say to whom they hear it what they
/// hear.
#[tokio::test(flavor = "multi_thread")]
async fn other_stacks_hear_and_answer_by_channels_of_either_kind() {
    let lobby = Lobby::open().await;
    let (base, token) = (&lobby.server.base, &lobby.account.admin.token);
    let join = async |stack| Participant::join(stack, base, token, &lobby.room).await;
    let (python, cpp) = tokio::join!(join(Stack::Aiortc), join(Stack::Libdatachannel));
    let rights: Option<&[&str]> = Some(&["data.send", "media.receive"]);
    let (chromium, firefox) =
        tokio::join!(async { Person::enter(&lobby, "chromium", rights).await }, async {
            Person::enter_in(Browser::start_firefox(&lobby.driver).await, &lobby, "firefox", rights).await
        },);
    for person in [&chromium, &firefox] {
        person.waits_for_route("server", 3).await;
        for stack in [&python, &cpp] {
            echoes(person, stack).await;
        }
    }
    chromium.reaches(&firefox, "there").await;
    firefox.reaches(&chromium, "and back").await;
    python.leave().await;
    cpp.leave().await;
    quit([chromium, firefox].map(|person| person.browser)).await;
}

/// What somebody says to a stack comes back, in the channel that it was said in.
async fn echoes(person: &Person, stack: &Participant) {
    let id = stack.id().to_string();
    for (text, reliable) in
        [("certain".to_owned(), true), ("maybe".to_owned(), false), ("long ".repeat(2000), true)]
    {
        // Its channels may not be open yet.
        let options = json!({ "reliable": reliable, "topic": "echo", "to": [id] });
        let again =
            format!("window.again = setInterval(() => window.send({}, {options}), 300), true", json!(text));
        person.browser.until(&again).await;
        person.hears(&id, &text, "echo", reliable).await;
        person.browser.until("clearInterval(window.again), true").await;
    }
}
