//! Who comes back to an inbox page by page.

use super::*;
use crate::{
    config::Config,
    testing::{ID, World},
};
use common::{
    id::{ConversationId, NoteId, UserId},
    protocol::inbox::{InboxEvent, Note},
};
use time::OffsetDateTime;

/// Stores an event of 16 KiB and publishes it, as the inbox does.
async fn note(world: &World) {
    let note = Note {
        id: NoteId::generate(&*world.clock),
        conversation_id: ConversationId::generate(&*world.clock),
        author_id: UserId::generate(&*world.clock),
        text: "x".repeat(16 * 1024),
        created_at: OffsetDateTime::UNIX_EPOCH,
        updated_at: OffsetDateTime::UNIX_EPOCH,
    };
    let event = InboxEvent::NoteCreated { note };
    let mut tx = world.tx().await;
    let seq = outbox::append(&mut tx, &event, &*world.clock).await.unwrap();
    tx.commit().await.unwrap();
    let sequenced = Sequenced { seq, event };
    world.hub.bus().publish(&InboxTopic(world.account), &sequenced).await.unwrap();
}

/// An instance that followed from the first page on took what happens meanwhile for the end of a gap, and read
/// the whole history; and it followed for ever if the last page was never asked for.
#[tokio::test]
async fn nobody_follows_before_the_last_page_and_nothing_is_missed_by_it() {
    let world = World::new(Config::default()).await;
    for _ in 0..40 {
        note(&world).await;
    }
    let mut agent = world.connect().await;
    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        subscribe(&world.hub, &agent.client, Some(&ID), Some(after)).await;
        let page = agent.frame().await["result"].take();
        let numbers = page["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap());
        read.extend(numbers);
        after = page["seq"].as_u64().unwrap();
        if page["more"] == false {
            break;
        }
        assert!(world.hub.0.inboxes.all().is_empty(), "nobody follows yet");
        note(&world).await;
    }
    note(&world).await;
    read.push(agent.frame().await["params"]["seq"].as_u64().unwrap());
    assert!(read.len() > 42, "{} pages were not enough", read.len());
    assert_eq!(read, (1..=u64::try_from(read.len()).unwrap()).collect::<Vec<_>>());
    lose_connection(&world.hub, &agent.client);
    assert!(world.hub.0.inboxes.all().is_empty());
}
