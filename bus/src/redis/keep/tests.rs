use super::*;
use crate::exchange::Exchange;
use common::clock::SystemClock;

fn guards() -> [GuardId; 2] {
    let exchange = Exchange::default();
    [exchange.next_guard(), exchange.next_guard()]
}

fn node() -> NodeId {
    NodeId::generate(&SystemClock)
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// Reserves the lease and has Redis confirm it.
fn hold(keep: &Keep, name: &str, guard: GuardId) -> watch::Receiver<bool> {
    let (sender, lost) = watch::channel(false);
    assert!(keep.reserve_lease(name, guard, sender));
    keep.confirm_lease(name);
    lost
}

fn reserve(keep: &Keep, name: &str, guard: GuardId) -> bool {
    keep.reserve_lease(name, guard, watch::Sender::new(false))
}

#[test]
fn a_lease_is_reserved_once_and_neither_held_nor_renewed_before_it_is_confirmed() {
    let (keep, [first, second]) = (Keep::default(), guards());
    assert!(reserve(&keep, "l", first));
    assert!(!reserve(&keep, "l", second), "somebody else is about to take it");
    assert!(!keep.holds("l") && keep.leases().is_empty());
    keep.confirm_lease("l");
    assert!(keep.holds("l") && keep.leases() == ["l"]);
    assert!(!reserve(&keep, "l", second));
    keep.confirm_lease("never reserved");
    assert_eq!(keep.leases(), ["l"]);
}

#[test]
fn what_redis_gave_to_somebody_else_is_forgotten_and_not_taken_out() {
    let (keep, [guard, _]) = (Keep::default(), guards());
    assert!(reserve(&keep, "l", guard));
    keep.forget_lease("l");
    assert!(keep.has_no_removals());
    keep.release_lease("l", guard);
    assert!(keep.has_no_removals(), "there is nothing to give up");
}

#[test]
fn a_lease_is_taken_out_once_it_is_given_up_also_if_it_was_never_confirmed() {
    for is_confirmed in [true, false] {
        let (keep, [guard, _]) = (Keep::default(), guards());
        assert!(reserve(&keep, "l", guard));
        if is_confirmed {
            keep.confirm_lease("l");
        }
        keep.release_lease("l", guard);
        assert!(!keep.holds("l"));
        assert_eq!(keep.take_removals().leases, BTreeSet::from(["l".to_owned()]));
        assert!(keep.has_no_removals(), "once");
    }
}

#[test]
fn who_takes_a_lease_again_before_it_was_taken_out_keeps_it() {
    let (keep, [first, second]) = (Keep::default(), guards());
    let _lost = hold(&keep, "l", first);
    keep.release_lease("l", first);
    let _lost = hold(&keep, "l", second);
    assert!(keep.has_no_removals());
    keep.release_lease("l", first);
    assert!(keep.holds("l"), "the first has nothing left to give up");
}

#[test]
fn a_lost_lease_is_told_to_its_guard_and_not_to_who_is_about_to_take_it() {
    let (keep, [first, second]) = (Keep::default(), guards());
    let lost = hold(&keep, "l", first);
    keep.lose_lease("l");
    assert!(*lost.borrow() && !keep.holds("l"));
    assert!(reserve(&keep, "l", second), "it can be asked for again");
    keep.lose_lease("l");
    assert!(!reserve(&keep, "l", first), "the reservation stands");
}

#[test]
fn an_entry_goes_with_the_guard_that_wrote_it_last() {
    let (keep, [first, second]) = (Keep::default(), guards());
    keep.add_entry("s", "k", first, bytes("1"));
    keep.add_entry("s", "k", second, bytes("2"));
    keep.remove_entry("s", "k", first);
    assert_eq!(keep.entries("s"), [("k".to_owned(), bytes("2"))]);
    assert!(keep.has_no_removals());
    keep.remove_entry("s", "k", second);
    assert!(keep.entries("s").is_empty());
    assert_eq!(keep.take_removals().entries, BTreeSet::from([("s".to_owned(), "k".to_owned())]));
    keep.remove_entry("s", "k", second);
    assert!(keep.has_no_removals(), "once");
}

#[test]
fn an_entry_that_is_put_there_again_is_not_taken_out() {
    let (keep, [first, second]) = (Keep::default(), guards());
    keep.add_entry("s", "k", first, bytes("1"));
    keep.remove_entry("s", "k", first);
    keep.add_entry("s", "k", second, bytes("2"));
    assert!(keep.has_no_removals());
    assert_eq!(keep.own_entries(), [("s".to_owned(), "k".to_owned(), bytes("2"))]);
}

#[test]
fn removals_that_failed_are_tried_again_unless_the_thing_is_there_anew() {
    let (keep, [first, second]) = (Keep::default(), guards());
    for name in ["back", "reserved", "gone"] {
        let _lost = hold(&keep, name, first);
        keep.release_lease(name, first);
        keep.add_entry("s", name, first, bytes("1"));
        keep.remove_entry("s", name, first);
    }
    let taken = keep.take_removals();
    let _lost = hold(&keep, "back", second);
    assert!(reserve(&keep, "reserved", second));
    keep.add_entry("s", "back", second, bytes("2"));
    keep.restore_removals(taken);
    let left = keep.take_removals();
    assert_eq!(left.leases, BTreeSet::from(["gone".to_owned()]));
    assert_eq!(left.entries, ["gone", "reserved"].map(|key| ("s".to_owned(), key.to_owned())).into());
}

#[expect(clippy::disallowed_methods, reason = "a first instant, from which the test's time runs")]
fn start() -> Instant {
    Instant::now()
}

#[test]
fn who_was_elsewhere_is_forgotten_where_nobody_asks_any_more() {
    let (keep, own, other, now) = (Keep::default(), node(), node(), start());
    let rows = || vec![("k".to_owned(), names::entry(other, &bytes("seen")))];
    keep.remember_others("left", own, rows(), now);
    keep.remember_others("visited", own, rows(), now + OTHERS_TIME / 2);
    keep.forget_others(now + OTHERS_TIME - Duration::from_secs(1));
    assert_eq!((keep.entries("left").len(), keep.entries("visited").len()), (1, 1));
    keep.forget_others(now + OTHERS_TIME);
    assert_eq!((keep.entries("left").len(), keep.entries("visited").len()), (0, 1));
}

#[test]
fn own_entries_are_right_and_those_of_others_as_last_seen() {
    let (keep, [guard, _], own, other) = (Keep::default(), guards(), node(), node());
    let row = |key: &str, node, text: &'static str| (key.to_owned(), names::entry(node, &bytes(text)));
    keep.add_entry("s", "mine", guard, bytes("now"));
    let rows = vec![row("mine", own, "before"), row("old", own, "given up"), row("yours", other, "seen")];
    keep.remember_others("s", own, rows, start());
    let mine = ("mine".to_owned(), bytes("now"));
    assert_eq!(keep.entries("s"), [mine.clone(), ("yours".to_owned(), bytes("seen"))]);
    keep.remember_others("s", own, vec![("odd".to_owned(), b"too short".to_vec())], start());
    assert_eq!(keep.entries("s"), [mine], "who is gone is forgotten, and what cannot be read is passed over");
    assert!(keep.state().others.is_empty(), "and nothing is left of the set");
}

#[test]
fn that_an_entry_may_be_missing_is_asked_once() {
    let keep = Keep::default();
    assert!(!keep.take_unwritten());
    keep.note_unwritten();
    keep.note_unwritten();
    assert!(keep.take_unwritten() && !keep.take_unwritten());
}
