//! What one may send on all instances together.

use common::clock::{Clock, SystemClock};
use local_services::{redis::Redis, scratch::Scratch};
use serde_json::Value;
use std::time::Duration;
use switchboard_tests::{
    PATIENCE,
    installation::{Account, Installation},
    server::Server,
    socket::Socket,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

/// At once, and then in a second: of a connection and of a user.
const BURST: usize = 100;
const PER_SECOND: f64 = 10.0;

/// What an instance lets through before it hears of the others.
const BLOCK: usize = 10;

/// How long anything waits for Redis (docs/LIMITS.md).
const WAIT_MAX: Duration = Duration::from_millis(200);

/// What may be let through while it hears.
const ON_THE_WAY: usize = 5;

/// Two instances that a Redis of their own joins.
pub(crate) struct Two {
    _installation: Installation,
    pub(crate) account: Account,
    pub(crate) a: Server,
    pub(crate) b: Server,
    pub(crate) redis: Redis,
    _directory: Scratch,
}

impl Two {
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let directory = Scratch::new().expect("a directory");
        let redis = Redis::start(directory.path()).expect("Redis starts");
        let mut installation = Installation::new().await.with_own_redis(&redis);
        for (name, value) in settings {
            installation.set(&format!("SWITCHBOARD_SIGNALLING__{name}"), value);
        }
        let (a, b) = (installation.server(), installation.server());
        let account = installation.account("acme", &a).await;
        Self { _installation: installation, account, a, b, redis, _directory: directory }
    }

    async fn tight() -> Self {
        Self::with(&[("REQUESTS_PER_SECOND", "10"), ("REQUESTS_BURST", "100"), ("USER_FACTOR", "1")]).await
    }

    async fn open(&self, server: &Server) -> Socket {
        Socket::open(&server.base, &self.account.admin.token).await
    }

    /// Asks Redis something by a line of text.
    async fn redis(&self, line: &str) -> String {
        let socket = self.redis.url().replace("redis+unix://", "");
        let mut connection = UnixStream::connect(socket).await.expect("Redis is there");
        connection.write_all(format!("{line}\r\nQUIT\r\n").as_bytes()).await.expect("Redis takes it");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.expect("Redis answers");
        answer
    }

    /// Begins to overhear what Redis is told.
    async fn overhear(&self) -> Overheard {
        let socket = self.redis.url().replace("redis+unix://", "");
        let mut monitor = BufReader::new(UnixStream::connect(socket).await.expect("Redis is there"));
        monitor.write_all(b"MONITOR\r\n").await.expect("Redis takes it");
        let mut answer = String::new();
        monitor.read_line(&mut answer).await.expect("Redis answers");
        assert_eq!(answer.trim(), "+OK");
        Overheard(monitor)
    }
}

/// All commands that Redis gets (`MONITOR`).
struct Overheard(BufReader<UnixStream>);

impl Overheard {
    /// How often it was told what users have spent, up to a command that has this word in it.
    async fn tellings_until(mut self, word: &str) -> usize {
        let (mut count, mut line) = (0, String::new());
        while !line.contains(word) {
            count +=
                usize::from(line.to_ascii_lowercase().contains("evalsha") && line.contains("b:hub.user."));
            line.clear();
            assert!(self.0.read_line(&mut line).await.expect("Redis goes on") > 0, "Redis has ended");
        }
        count
    }
}

/// Says something that costs nothing but a frame; whether it was let through.
async fn passes(socket: &mut Socket) -> bool {
    let refused = socket.try_ask("no.such.method", Value::Null).await.expect_err("there is no such method");
    refused["data"]["code"] != "limit.rate"
}

/// Says things, one after the other with a pause, until one is refused; how many were let through.
async fn flood(socket: &mut Socket, pause: Duration) -> usize {
    let mut count = 0;
    while passes(socket).await {
        count += 1;
        assert!(count < 10 * BURST, "there is a limit");
        tokio::time::sleep(pause).await;
    }
    count
}

#[tokio::test]
async fn a_user_on_two_instances_has_the_rate_once() {
    let two = Two::tight().await;
    let started = SystemClock.now();
    let (mut here, mut there) = (two.open(&two.a).await, two.open(&two.b).await);
    let pause = Duration::from_millis(5);
    let passed = flood(&mut here, pause).await + flood(&mut there, pause).await;
    let came_back = (SystemClock.now() - started).as_secs_f64() * PER_SECOND;
    let most = (BURST + 2 * BLOCK + ON_THE_WAY) as f64 + came_back;
    assert!((BURST..).contains(&passed), "{passed}");
    assert!((passed as f64) < most, "{passed}, {most} at most");
    // Another connection, on whatever instance, buys nothing either.
    let mut third = two.open(&two.a).await;
    let more = flood(&mut third, pause).await;
    assert!(more <= 2 * BLOCK, "{more}");
}

/// Passes for the wrong reason if nothing were limited: each instance still has its own limit.
#[tokio::test]
async fn while_redis_is_away_each_instance_has_its_own_limits_and_refuses_nothing_else() {
    let mut two = Two::tight().await;
    let (mut here, mut there) = (two.open(&two.a).await, two.open(&two.b).await);
    two.redis.kill().expect("it was running");
    for socket in [&mut here, &mut there] {
        let passed = flood(socket, Duration::ZERO).await;
        assert!((BURST..2 * BURST).contains(&passed), "{passed}");
    }
}

#[tokio::test]
async fn nobody_waits_for_a_redis_that_hangs() {
    let two = Two::tight().await;
    let mut here = two.open(&two.a).await;
    assert!(two.redis("CLIENT PAUSE 20000 ALL").await.contains("OK"));
    let started = SystemClock.now();
    let passed = flood(&mut here, Duration::ZERO).await;
    let took = SystemClock.now() - started;
    assert!(passed >= BURST, "{passed}");
    // As long as it would have taken if whoever tells of a block had been waited for.
    let told = WAIT_MAX * u32::try_from(BURST / BLOCK).expect("few");
    assert!(took < told, "{passed} took {took:?}");
}

/// The commands that a message costs: a small part of one.
#[tokio::test]
async fn redis_hears_of_blocks_and_not_of_messages() {
    const MESSAGES: usize = 1_900;
    // A user has 8,000 at once, so a block is 800. Hardly anything comes back, or Redis would soon forget it.
    let two = Two::with(&[("REQUESTS_PER_SECOND", "1"), ("REQUESTS_BURST", "2000")]).await;
    let mut socket = two.open(&two.a).await;
    let overheard = two.overhear().await;
    for _ in 0..MESSAGES {
        assert!(passes(&mut socket).await);
    }
    let told = async {
        while !two.redis("KEYS *:b:hub.user.*").await.contains(".requests") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("it is told");
    two.redis("ECHO all-is-said").await;
    let tellings = overheard.tellings_until("all-is-said").await;
    assert!((1..=MESSAGES / 100).contains(&tellings), "told {tellings} times of {MESSAGES} messages");
}
