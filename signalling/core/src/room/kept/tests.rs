use super::super::tests::{Here, Stage, connection, member};
use super::*;
use common::protocol::room::Publisher;
use uuid::Uuid;

fn event(seq: u64) -> KeptEvent {
    let from = member(1);
    let from = Publisher { connection_id: from.connection_id, user_id: from.user_id, name: from.name };
    KeptEvent { seq, name: "move".to_owned(), data: seq.into(), from }
}

fn kept(epoch: &str, seq: u64) -> RoomNews {
    RoomNews::Kept { epoch: epoch.to_owned(), event: event(seq) }
}

fn recalled(epoch: &str, seq: u64, events: &[u64]) -> Recalled {
    Recalled { epoch: epoch.to_owned(), seq, events: events.iter().copied().map(event).collect() }
}

/// A room of a class with two here, who have read this much of its history.
fn room(class: RoomClass, epoch: Option<&str>, seen: u64) -> Stage {
    let mut stage = Stage::of(Room::of_class(RoomId::from_uuid(Uuid::nil()), class, Stage::start()));
    stage.room.agree(epoch, &mut stage.effects).unwrap();
    stage.join(1, seen).unwrap();
    stage.join(2, seen).unwrap();
    stage.take();
    if let Some(known) = epoch {
        stage.room.handle_history(epoch, seen, recalled(known, seen, &[]), &mut stage.effects);
        assert_eq!(stage.take(), []);
    }
    stage
}

/// The numbers that were told, and how often those here were told to read anew.
fn numbers(stage: &mut Stage) -> (Vec<u64>, usize) {
    let told = stage.take();
    let events = told.iter().filter_map(|effect| match effect {
        Effect::Tell { event, .. } => Some(event),
        Effect::Publish(_) | Effect::Read { .. } | Effect::Compare => None,
    });
    let (mut numbers, mut reloads) = (Vec::new(), 0);
    for event in events {
        if let Event::RoomEvent(event) = event {
            numbers.extend(event.seq);
        } else {
            assert!(matches!(event, Event::ConnectionReload(_)), "{event:?}");
            reloads += 1;
        }
    }
    (numbers, reloads)
}

#[test]
fn what_is_kept_nowhere_goes_to_the_others_once_and_nothing_is_ever_read() {
    let mut stage = room(RoomClass::Ephemeral, None, 0);
    let said = Published {
        room_id: RoomId::from_uuid(Uuid::nil()),
        name: "move".to_owned(),
        data: 7.into(),
        from: Some(event(1).from),
        seq: None,
        epoch: None,
    };
    stage.room.publish(said, connection(1), &mut stage.effects);
    let news = stage.effects.last().cloned();
    assert!(matches!(news, Some(Effect::Publish(RoomNews::Event { from: Some(_), .. }))), "{news:?}");
    assert_eq!(stage.told(), [(vec![2], "room.event".to_owned())]);
    stage.room.handle_lost(stage.now, &mut stage.effects);
    stage.room.handle_instances_changed(stage.now, &mut stage.effects);
    assert!(!stage.take().iter().any(|effect| matches!(effect, Effect::Read { .. })));
}

#[test]
fn a_gap_is_read_from_the_history_and_told_in_order() {
    let mut stage = room(RoomClass::Recent, Some("a"), 4);
    stage.room.keep("a".to_owned(), event(5), &mut stage.effects);
    assert_eq!(stage.effects.last(), Some(&Effect::Publish(kept("a", 5))));
    stage.hear(kept("a", 5));
    assert_eq!(numbers(&mut stage), (vec![5], 0));
    stage.hear(kept("a", 8));
    assert_eq!(stage.take(), [Effect::Read { after: 5 }]);
    stage.room.handle_history(Some("a"), 5, recalled("a", 8, &[6, 7, 8]), &mut stage.effects);
    stage.hear(kept("a", 7));
    assert_eq!(numbers(&mut stage), (vec![6, 7, 8], 0));
}

#[test]
fn what_is_not_kept_any_more_has_everybody_read_anew_and_go_on_from_there() {
    let mut stage = room(RoomClass::Recent, Some("a"), 4);
    stage.hear(kept("a", 9));
    stage.take();
    stage.room.handle_history(Some("a"), 4, recalled("a", 9, &[7, 8, 9]), &mut stage.effects);
    assert_eq!(numbers(&mut stage), (vec![], 1));
    stage.hear(kept("a", 10));
    assert_eq!(numbers(&mut stage), (vec![10], 0));
}

/// With numbers that have been there before, under another epoch: they are not taken for those.
#[test]
fn a_history_that_has_gone_back_in_time_is_another_one_for_everybody_here() {
    for (seq, events) in [(3, vec![1, 2, 3]), (9, vec![7, 8, 9]), (0, vec![])] {
        let mut stage = room(RoomClass::Recent, Some("a"), 9);
        stage.hear(kept("b", seq));
        assert_eq!(stage.take(), [Effect::Read { after: 9 }], "which of the two is newer is not known");
        stage.room.handle_history(Some("a"), 9, recalled("b", seq, &events), &mut stage.effects);
        assert_eq!(numbers(&mut stage), (vec![], 1));
        assert_eq!((stage.room.epoch(), stage.room.seq()), (Some("b"), Some(seq)));
        stage.hear(kept("b", seq + 1));
        assert_eq!(numbers(&mut stage), (vec![seq + 1], 0), "also for who had seen higher numbers");
    }
    let mut stage = room(RoomClass::Recent, Some("a"), 9);
    stage.room.handle_unkept(&mut stage.effects);
    stage.take();
    stage.room.handle_history(Some("a"), 9, recalled("a", 8, &[8]), &mut stage.effects);
    assert_eq!(numbers(&mut stage), (vec![], 1), "lower than was seen");
}

#[test]
fn who_comes_while_the_history_cannot_be_reached_is_told_when_it_can() {
    let mut stage = room(RoomClass::Recent, None, 0);
    stage.hear(kept("a", 4));
    assert_eq!(numbers(&mut stage), (vec![], 0), "it may not be the next");
    stage.room.handle_unreadable(stage.now);
    stage.pass(std::time::Duration::ZERO);
    assert!(stage.take().contains(&Effect::Read { after: 0 }));
    stage.room.handle_history(None, 0, recalled("a", 4, &[1, 2, 3, 4]), &mut stage.effects);
    assert_eq!(numbers(&mut stage), (vec![], 1));
    assert_eq!((stage.room.epoch(), stage.room.seq()), (Some("a"), Some(4)));
}

#[test]
fn who_has_read_another_epoch_reads_again_and_the_room_does() {
    let mut stage = room(RoomClass::Recent, Some("a"), 4);
    assert_eq!(stage.room.agree(Some("b"), &mut stage.effects), Err(Refused::Behind));
    assert_eq!(stage.take(), [Effect::Read { after: 4 }]);
    stage.room.handle_history(Some("a"), 4, recalled("b", 1, &[1]), &mut stage.effects);
    stage.take();
    assert_eq!(stage.room.agree(Some("b"), &mut stage.effects), Ok(()));
    stage.join(3, 1).unwrap();
    assert_eq!(stage.room.reader(connection(3)), Some(&Here(3, true)));
}

/// They have read up to 50, say, and the others up to 60.
#[test]
fn who_comes_back_while_the_history_cannot_be_reached_is_told_when_it_can_though_it_is_the_same() {
    for is_read_already in [false, true] {
        let mut stage = room(RoomClass::Recent, Some("a"), 60);
        if is_read_already {
            stage.hear(kept("a", 62));
            assert_eq!(stage.take(), [Effect::Read { after: 60 }]);
        }
        assert_eq!(stage.room.agree(None, &mut stage.effects), Ok(()));
        stage.join(3, 60).unwrap();
        assert_eq!(stage.room.epoch(), None, "nor is one answered");
        assert_eq!(stage.room.agree(None, &mut stage.effects), Ok(()), "as is the next one");
        let asked = stage.take().contains(&Effect::Read { after: 60 });
        assert_eq!(asked, !is_read_already, "once");
        assert_eq!(stage.room.agree(Some("a"), &mut stage.effects), Err(Refused::Behind), "not yet");
        let asked_with = is_read_already.then_some("a");
        stage.room.handle_history(asked_with, 60, recalled("a", 62, &[61, 62]), &mut stage.effects);
        assert_eq!(numbers(&mut stage), (vec![], 1));
        assert_eq!((stage.room.epoch(), stage.room.seq()), (Some("a"), Some(62)));
        assert_eq!(stage.room.agree(Some("a"), &mut stage.effects), Ok(()));
        stage.room.handle_history(Some("a"), 62, recalled("a", 62, &[]), &mut stage.effects);
        stage.hear(kept("a", 63));
        assert_eq!(numbers(&mut stage), (vec![63], 0));
    }
}

/// It may have had no time to say what it had kept.
#[test]
fn the_history_is_read_when_an_instance_is_gone() {
    let mut stage = room(RoomClass::Recent, Some("a"), 4);
    stage.room.handle_instances_changed(stage.now, &mut stage.effects);
    assert!(stage.take().contains(&Effect::Read { after: 4 }));
}
