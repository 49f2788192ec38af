//! Listeners that tell whether anybody came, and names that lead where a test wants.

use async_trait::async_trait;
use egress::{Guard, Resolver};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

pub(crate) const ALLOWED: &str = "127.0.0.1";
pub(crate) const FORBIDDEN: &str = "127.0.0.2";

/// A listener to which nobody must come.
pub(crate) struct Untouched(TcpListener);

impl Untouched {
    pub(crate) fn at(address: &str) -> Self {
        Self::on(SocketAddr::new(address.parse().expect("an address"), 0))
    }

    pub(crate) fn on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        Self(listener)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }

    /// The kernel completes connections on loopback before `connect` returns: one that was ever made
    /// waits here.
    pub(crate) fn assert_nobody_came(&self) {
        let came = self.0.accept().map(|(_, from)| from);
        assert_eq!(came.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock), "somebody connected");
    }
}

/// A server on [`ALLOWED`] that gives each connection the same answer and closes it.
pub(crate) struct Server {
    pub(crate) port: u16,
    served: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::saying(vec![answer.into()])
    }

    /// Says the last piece again and again, for as long as anybody listens, if there are several.
    pub(crate) fn saying(pieces: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind((ALLOWED, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let served = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&served);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                counter.fetch_add(1, Ordering::SeqCst);
                let _request = stream.read(&mut [0; 4096]);
                let mut result = Ok(());
                for piece in &pieces {
                    result = result.and_then(|()| stream.write_all(piece));
                }
                while pieces.len() > 1 && result.is_ok() {
                    result = stream.write_all(pieces.last().expect("several"));
                }
            }
        });
        Self { port, served }
    }

    pub(crate) fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

/// Answers with one list after the other, the last one for ever.
pub(crate) struct Names {
    answers: Vec<Vec<IpAddr>>,
    asked: Arc<Mutex<usize>>,
}

impl Names {
    pub(crate) fn leading_to(answers: &[&[&str]]) -> (Self, Arc<Mutex<usize>>) {
        let parse = |list: &&[&str]| list.iter().map(|it| it.parse().expect("an address")).collect();
        let asked = Arc::default();
        (Self { answers: answers.iter().map(parse).collect(), asked: Arc::clone(&asked) }, asked)
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        let mut asked = self.asked.lock().expect("not poisoned");
        let answer = self.answers.get(*asked).or(self.answers.last());
        *asked += 1;
        answer.cloned().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

/// A guard that allows [`ALLOWED`] and whose names lead to these addresses.
pub(crate) fn guard(answers: &[&[&str]]) -> Guard {
    Guard::with_resolver(allowing(), Names::leading_to(answers).0)
}

pub(crate) fn allowing() -> egress::Config {
    egress::Config { allow: vec!["127.0.0.1/32".parse().expect("a network")], ..egress::Config::default() }
}
