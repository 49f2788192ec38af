//! Both ends of a pipe, without HTTP: what the connection's task has, and what requests do.

use super::*;
use crate::{frame::Frame, pipe::state::KEPT_BYTES_MAX};
use common::clock::{Clock, ManualClock};
use std::io;

const LIFE: Duration = Duration::from_secs(10);

/// It only bounds failure.
const WAIT: Duration = Duration::from_secs(30);

struct World {
    clock: ManualClock,
    pipes: Pipes,
    begun: Begun,
}

impl World {
    fn new() -> Self {
        let (clock, pipes) = (ManualClock::default(), Pipes::default());
        let begun = pipes.open(NodeId::generate(&clock), LIFE).unwrap();
        Self { clock, pipes, begun }
    }

    fn pipe(&self) -> Arc<Pipe> {
        self.pipes.get(self.begun.id.own(), &proof_of(&self.begun.secret)).unwrap()
    }

    fn attach(&self, after: u64) -> Result<Uuid, Refusal> {
        let stream = Uuid::new_v4();
        self.pipe().attach(stream, after, self.clock.now()).map(|()| stream)
    }

    async fn take(&self, stream: Uuid, after: u64) -> Result<Taken, Refusal> {
        self.pipe().take(stream, after, Duration::ZERO, self.clock.now()).await
    }

    /// What the connection's task reads, frames by their first byte and their length.
    fn read(&self) -> Vec<(u8, usize)> {
        let mut bytes = Vec::new();
        while self.begun.end.try_read(&mut bytes).is_ok() {}
        let (mut frames, mut rest) = (Vec::new(), bytes.as_slice());
        while let [first, second, ..] = rest {
            let length = usize::from(second & 0x7f);
            assert_eq!(rest[2..6], [0; 4], "masked with nothing");
            frames.push((*first, length));
            rest = &rest[6 + length..];
        }
        frames
    }
}

const TEXT: u8 = 0x81;
const PONG: u8 = 0x8a;
const CLOSE: u8 = 0x88;

fn numbers(taken: &Taken) -> Vec<u64> {
    taken.frames.iter().map(|(number, _)| *number).collect()
}

fn text(bytes: usize) -> Frame {
    Frame::text(&"x".repeat(bytes))
}

#[test]
fn a_name_is_read_as_it_was_shown_and_nothing_else_is_one() {
    let world = World::new();
    let (id, shown) = (world.begun.id, world.begun.id.shown());
    assert_eq!(PipeId::read(&shown), Some(id));
    let dashed = id.own().hyphenated().to_string();
    for bad in ["", "x", shown.split_at(1).1, &format!("{shown}0"), &dashed, &"é".repeat(32), &"g".repeat(64)]
    {
        assert_eq!(PipeId::read(bad), None, "{bad}");
    }
}

#[test]
fn who_does_not_know_the_secret_finds_nothing() {
    let (world, other) = (World::new(), World::new());
    assert!(world.pipes.get(world.begun.id.own(), &proof_of(&other.begun.secret)).is_none());
    assert!(world.pipes.get(other.begun.id.own(), &proof_of(&world.begun.secret)).is_none());
    assert_ne!(world.begun.secret, other.begun.secret);
}

#[tokio::test]
async fn a_stream_that_breaks_goes_on_behind_what_was_seen() {
    let world = World::new();
    let first = world.attach(0).unwrap();
    for _ in 0..5 {
        assert!(world.begun.end.push(&text(1)));
    }
    assert_eq!(numbers(&world.take(first, 0).await.unwrap()), [1, 2, 3, 4, 5]);
    let second = world.attach(2).unwrap();
    assert_eq!(world.take(first, 5).await, Err(Refusal::Replaced));
    assert_eq!(numbers(&world.take(second, 2).await.unwrap()), [3, 4, 5]);
    assert!(world.begun.end.push(&text(1)));
    assert_eq!(numbers(&world.take(second, 5).await.unwrap()), [6]);
    assert_eq!(world.attach(1), Err(Refusal::Gone), "what was seen is kept no more");
    assert_eq!(world.attach(7), Err(Refusal::Gone), "nobody has seen what was not said");
}

#[tokio::test]
async fn what_waits_and_what_is_kept_is_bounded() {
    let world = World::new();
    let stream = world.attach(0).unwrap();
    let frame = text(1000);
    let mut waiting = 0;
    while world.begun.end.push(&frame) {
        waiting += 1;
    }
    assert_eq!(waiting, UNTAKEN_BYTES_MAX.div_ceil(1000));
    let mut after = 0;
    for _ in 0..1000 {
        let taken = world.take(stream, after).await.unwrap();
        let bytes: usize = taken.frames.iter().map(|(_, frame)| frame.len()).sum();
        assert!(bytes <= TAKE_BYTES_MAX);
        after = numbers(&taken).last().copied().unwrap_or(after);
        while world.begun.end.push(&frame) {}
    }
    let kept = u64::try_from(KEPT_BYTES_MAX / 1000).unwrap();
    assert!(world.attach(after - kept).is_ok());
    assert_eq!(world.attach(after - kept - 1), Err(Refusal::Gone));
}

/// However long one is, it passes.
#[tokio::test]
async fn the_longest_answer_passes() {
    let world = World::new();
    let stream = world.attach(0).unwrap();
    assert!(world.begun.end.push(&text(320 * 1024)));
    assert!(!world.begun.end.push(&text(1)));
    let taken = world.take(stream, 0).await.unwrap();
    assert_eq!(numbers(&taken), [1]);
    assert!(world.begun.end.push(&text(1)));
    let again = world.attach(0).unwrap();
    assert_eq!(numbers(&world.take(again, 0).await.unwrap()), [1], "the last one that was taken is kept");
}

#[tokio::test]
async fn a_batch_that_is_posted_twice_is_carried_out_once_and_in_order() {
    let world = World::new();
    let (pipe, now) = (world.pipe(), world.clock.now());
    let batch = |text: &str| [text.to_owned()];
    pipe.post(1, &batch("one"), WAIT, now).await.unwrap();
    pipe.post(1, &batch("one"), WAIT, now).await.unwrap();
    assert_eq!(pipe.post(3, &batch("three"), WAIT, now).await, Err(Refusal::OutOfOrder));
    pipe.post(2, &batch("two!"), WAIT, now).await.unwrap();
    pipe.post(1, &batch("one"), WAIT, now).await.unwrap();
    assert_eq!(world.read(), [(PONG, 0), (TEXT, 3), (TEXT, 4)]);
}

#[tokio::test]
async fn what_is_posted_while_nothing_is_read_waits_and_is_bounded() {
    let world = World::new();
    let (pipe, now) = (world.pipe(), world.clock.now());
    pipe.post(1, &["x".repeat(POSTED_BYTES_MAX)], WAIT, now).await.unwrap();
    let second = ["later".to_owned()];
    let read = async {
        tokio::task::yield_now().await;
        let mut bytes = Vec::new();
        while world.begun.end.try_read(&mut bytes).is_ok() {}
        bytes.len()
    };
    let (posted, read) = tokio::join!(pipe.post(2, &second, WAIT, now), read);
    assert_eq!(posted, Ok(()));
    assert!(read > POSTED_BYTES_MAX);
    assert_eq!(world.read(), [(TEXT, 5)]);
}

#[tokio::test]
async fn a_connection_that_reads_nothing_for_long_refuses_what_is_posted() {
    let world = World::new();
    let (pipe, now) = (world.pipe(), world.clock.now());
    pipe.post(1, &["x".repeat(POSTED_BYTES_MAX)], WAIT, now).await.unwrap();
    assert_eq!(pipe.post(2, &["later".to_owned()], Duration::ZERO, now).await, Err(Refusal::Busy));
    let mut bytes = Vec::new();
    while world.begun.end.try_read(&mut bytes).is_ok() {}
    assert_eq!(pipe.post(2, &["later".to_owned()], WAIT, now).await, Ok(()), "it was not carried out");
}

#[tokio::test]
async fn the_task_hears_now_and_then_that_somebody_is_there() {
    let world = World::new();
    let stream = world.attach(0).unwrap();
    for _ in 0..100 {
        world.take(stream, 0).await.unwrap();
    }
    assert_eq!(world.read(), [(PONG, 0)]);
    world.clock.advance(LIFE);
    world.take(stream, 0).await.unwrap();
    world.pipe().post(1, &["x".to_owned()], WAIT, world.clock.now()).await.unwrap();
    assert_eq!(world.read(), [(PONG, 0), (TEXT, 1)]);
    assert_eq!(world.begun.end.try_read(&mut Vec::new()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn who_closes_is_read_to_have_closed() {
    let world = World::new();
    world.pipe().leave();
    assert_eq!(world.read(), [(CLOSE, 2)]);
}

#[tokio::test]
async fn why_it_ends_comes_behind_all_that_was_said() {
    let world = World::new();
    let stream = world.attach(0).unwrap();
    world.begun.end.write(&text(1)).await;
    world.begun.end.write(&Frame::close(Some(4000), "slow")).await;
    let told = async {
        let taken = world.take(stream, 0).await.unwrap();
        assert_eq!((numbers(&taken), taken.closed), (vec![1], Some((4000, "slow".to_owned()))));
    };
    tokio::join!(world.begun.end.finish(), told);
}

#[tokio::test]
async fn nothing_is_left_of_what_is_over() {
    let world = World::new();
    let (pipe, stream, now) = (world.pipe(), world.attach(0).unwrap(), world.clock.now());
    let waiting = pipe.take(stream, 0, Duration::from_secs(60), now);
    let World { pipes, begun: Begun { end, id, secret }, .. } = world;
    let over = async { drop(end) };
    let (waited, ()) = tokio::join!(waiting, over);
    assert_eq!(waited, Err(Refusal::Gone));
    assert!(pipes.get(id.own(), &proof_of(&secret)).is_none());
    assert_eq!(pipe.post(1, &["x".to_owned()], WAIT, now).await, Err(Refusal::Gone));
    assert_eq!(pipe.attach(stream, 0, now), Err(Refusal::Gone));
}
