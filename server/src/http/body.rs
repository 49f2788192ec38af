//! Bodies as the listener sees them: a request's must keep coming, an answer's end makes the connection idle.

use super::slots::Turn;
use axum::BoxError;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// Whether a request's body came too slowly. The handler only sees that it broke off.
#[derive(Debug, Clone, Default)]
pub(super) struct Late(Arc<AtomicBool>);

impl Late {
    pub(super) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Part of a request's body was waited for too long.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
struct TooSlow;

/// A request's body that must go on within a time.
pub(super) struct Punctual<B> {
    inner: B,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    late: Late,
}

impl<B> Punctual<B> {
    pub(super) const fn new(inner: B, patience: Duration, late: Late) -> Self {
        Self { inner, patience, waiting: None, late }
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for Punctual<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            // The time runs between two pieces and not over the whole: a large file on a slow line is welcome, a body
            // that stands still is not.
            self.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        if waiting.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.late.0.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body, at whose end the connection waits for its next request.
pub(super) struct Whole<B> {
    pub(super) inner: B,
    pub(super) turn: Option<Turn>,
}

impl<B: Body + Unpin> Body for Whole<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) {
            // At the end of the body, not of the handler: until the client has taken it, the connection is at work and
            // is not ended for another.
            self.turn = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body as Bytewise;
    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;
    use std::{convert::Infallible, io};

    const SOON: Duration = Duration::from_millis(20);

    fn pieces(all: &[&'static str]) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> + use<> {
        stream::iter(all.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn a_body_that_comes_is_passed_on_as_it_is_and_is_not_late() {
        let late = Late::default();
        let body = Bytewise::from_stream(pieces(&["a", "", "bc"]));
        let all = Punctual::new(body, Duration::from_secs(60), late.clone()).collect().await.unwrap();
        assert_eq!((all.to_bytes().as_ref(), late.is_so()), (&b"abc"[..], false));
    }

    #[tokio::test]
    async fn a_body_that_stands_still_is_late_with_what_had_come_before_it() {
        let late = Late::default();
        let body = Bytewise::from_stream(pieces(&["begun"]).chain(stream::pending()));
        let mut body = Punctual::new(body, SOON, late.clone());
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!((first.into_data().unwrap().as_ref(), late.is_so()), (&b"begun"[..], false));
        assert!(body.frame().await.unwrap().is_err() && late.is_so());
    }

    /// Its own mistake is not the clock's.
    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_late() {
        let late = Late::default();
        let broken = stream::iter([Err::<Bytes, _>(io::Error::other("gone"))]);
        let mut body = Punctual::new(Bytewise::from_stream(broken), SOON, late.clone());
        assert!(body.frame().await.unwrap().is_err() && !late.is_so());
    }

    /// Each piece has the whole time again: a long body on a slow line is no idle one.
    #[tokio::test]
    async fn the_wait_for_a_piece_ends_with_it() {
        let late = Late::default();
        let slow = stream::iter(0..3).then(|_| async {
            sleep(SOON).await;
            Ok::<_, Infallible>(Bytes::from_static(b"x"))
        });
        let mut body = Punctual::new(Bytewise::from_stream(slow), Duration::from_secs(60), late.clone());
        for _ in 0..3 {
            body.frame().await.unwrap().unwrap();
            assert!(body.waiting.is_none(), "the time runs on");
        }
        assert!(body.frame().await.is_none() && !late.is_so());
    }

    #[tokio::test]
    async fn a_connection_is_at_work_until_the_last_byte_of_the_answer() {
        use crate::http::slots::{Limits, Slots};
        let slots = Slots::new(Limits { all: 1, network: 1 });
        let slot = slots.take(None).unwrap();
        let turns = slot.turns();
        let mut answer =
            Whole { inner: Bytewise::from_stream(pieces(&["a", "b"])), turn: Some(turns.begin()) };
        for _ in 0..2 {
            answer.frame().await.unwrap().unwrap();
            assert!(turns.is_busy());
        }
        assert!(answer.frame().await.is_none() && !turns.is_busy());
        // Or until nobody wants it any more.
        let answer = Whole { inner: Bytewise::from_stream(pieces(&["a"])), turn: Some(turns.begin()) };
        assert!(turns.is_busy());
        drop(answer);
        assert!(!turns.is_busy());
    }
}
