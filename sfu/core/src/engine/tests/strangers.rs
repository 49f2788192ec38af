//! What comes from who has no key costs next to nothing.

use super::stage::{Stage, address};
use crate::stun::read::{Addressee, Message};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tracing::{Event, Metadata, Subscriber, span, subscriber::with_default};

/// Counts lines of the log.
#[derive(Clone, Default)]
struct Lines(Arc<AtomicUsize>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// As many attributes as fit into a datagram, each of which a reader may warn of (RFC 3489's address).
fn noisy(kind: [u8; 2], attributes: usize) -> Vec<u8> {
    let attributes = [0, 1, 0, 0].repeat(attributes);
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    [&kind, &length, &[0x21, 0x12, 0xA4, 0x42][..], &[1; 12], &attributes].concat()
}

/// Passes for the wrong reason if lines were not counted.
#[test]
fn a_stranger_writes_no_line_in_the_log() {
    let lines = Lines::default();
    let written = || lines.0.swap(0, Ordering::Relaxed);
    with_default(lines.clone(), || {
        let mut stage = Stage::new(1);
        tracing::info!("a line");
        assert_eq!(written(), 1);
        for kind in [[0, 1], [1, 1], [1, 0x11], [0, 0x11], [0, 3]] {
            for attributes in [1, 16, 363] {
                stage.receive(address(4000), noisy(kind, attributes));
            }
        }
        assert_eq!((written(), stage.engine.stats().datagrams_refused), (0, 15));
    });
    let message = noisy([1, 1], 16);
    let addressee = Message::parse(&message).and_then(|message| message.addressee());
    assert_eq!(addressee, Some(Addressee::Asker), "it is well formed");
}
