//! The first minutes of somebody who has configured nothing: a server with its demo, and a customer.

use local_services::scratch::Scratch;
use serde_json::json;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
};
use switchboard_tests::{PATIENCE, rest::Rest, server::binary, socket::Socket};

/// A program whose standard output is read line by line. Dropping it kills it.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        // An open standard input is a terminal at which nobody types.
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok();
        });
        Self { child, lines }
    }

    /// What follows `words` in the first line that has them.
    fn after(&self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it prints {words:?}"));
            if let Some((_, rest)) = line.split_once(words) {
                return rest.trim().to_owned();
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A server with the demo on a directory of its own. Fields end in this order.
struct Demo {
    base: String,
    password: String,
    hint: String,
    _server: Program,
    data: Scratch,
}

fn on(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env("SWITCHBOARD_DATABASE__DATA_DIR", data.join("data"));
    command.env("SWITCHBOARD_HTTP__LISTEN", "127.0.0.1:0").env("SWITCHBOARD_SFU__LISTEN", "127.0.0.1:0");
    command
}

impl Demo {
    fn start() -> Self {
        let data = Scratch::new().expect("a directory");
        let log = File::create(data.join("log")).expect("a log");
        let server = Program::start(on(data.path(), &["serve", "--demo"]).stderr(log));
        let base = server.after(" s: ");
        let password = server.after("Password");
        server.after("a customer");
        Self { base, password, hint: server.after("  "), _server: server, data }
    }

    fn customer(&self, text: &str) -> Program {
        Program::start(&mut on(self.data.path(), &["demo", text]))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_demos_on_a_machine_each_have_their_own_customer() {
    let demos = [Demo::start(), Demo::start()];
    let mut customers = Vec::new();
    for (demo, question) in demos.iter().zip(["Is it blue?", "Is it green?"]) {
        let ada = Rest::sign_in(&demo.base, "ada@demo.example", &demo.password).await;
        let mut agent = Socket::open(&demo.base, &ada.token).await;
        agent.ask("inbox.subscribe", json!({})).await;
        let customer = demo.customer(question);
        let event = agent.event("inbox.event", |event| event["event"]["type"] == "messageCreated").await;
        let conversation = event["event"]["conversation"]["id"].as_str().expect("an id").to_owned();
        customers.push((ada, customer, conversation, format!("You asked: {question}")));
    }
    for (ada, customer, conversation, answer) in &customers {
        ada.post(&format!("/v1/conversations/{conversation}/messages"), json!({ "text": answer })).await;
        assert_eq!(&customer.after("Agent: "), answer);
        customer.after("read");
    }
}

#[test]
fn a_first_start_says_what_to_do_next_and_nothing_that_is_no_news() {
    let demo = Demo::start();
    assert_eq!(demo.hint, format!("{} demo", binary().display()), "the program that was started");
    let log = fs::read_to_string(demo.data.join("log")).expect("a log");
    assert!(!log.contains('\u{1b}'), "colours are for terminals: {log}");
    assert!(!log.contains("skipping"), "a notice of Postgres: {log}");
}
