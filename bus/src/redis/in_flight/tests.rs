use super::*;

fn told(ticket: &mut Ticket<'_>) -> Option<Result<Bytes, Refusal>> {
    ticket.outcome.try_recv().ok()
}

fn refused(refusal: Refusal) -> Verdict {
    Verdict::Refused(refusal)
}

#[test]
fn an_answer_that_is_quicker_than_redis_count_is_given_to_its_asker() {
    let all = InFlight::default();
    let mut ticket = all.open();
    all.handle_verdict(ticket.id, Verdict::Answer(Bytes::from_static(b"42")));
    all.handle_heard(ticket.id, 1);
    assert_eq!(told(&mut ticket), Some(Ok(Bytes::from_static(b"42"))));
}

#[test]
fn what_nobody_heard_is_refused_by_nobody() {
    let all = InFlight::default();
    let mut ticket = all.open();
    all.handle_heard(ticket.id, 0);
    assert_eq!(told(&mut ticket), Some(Err(Refusal::Nobody)));
}

#[test]
fn a_refusal_counts_once_all_who_heard_refused_in_whatever_order_that_is_learnt() {
    for refused_before_count in 0..=3 {
        let all = InFlight::default();
        let mut ticket = all.open();
        for _ in 0..refused_before_count {
            all.handle_verdict(ticket.id, refused(Refusal::Nobody));
            assert_eq!(told(&mut ticket), None, "it is not known how many heard it");
        }
        all.handle_heard(ticket.id, 3);
        for _ in refused_before_count..3 {
            assert_eq!(told(&mut ticket), None, "one may still answer");
            all.handle_verdict(ticket.id, refused(Refusal::Nobody));
        }
        assert_eq!(told(&mut ticket), Some(Err(Refusal::Nobody)));
    }
}

#[test]
fn one_answer_outweighs_the_refusals_of_all_others() {
    let all = InFlight::default();
    let mut ticket = all.open();
    all.handle_heard(ticket.id, 3);
    all.handle_verdict(ticket.id, refused(Refusal::Nobody));
    all.handle_verdict(ticket.id, refused(Refusal::GivenUp));
    all.handle_verdict(ticket.id, Verdict::Answer(Bytes::from_static(b"yes")));
    assert_eq!(told(&mut ticket), Some(Ok(Bytes::from_static(b"yes"))));
}

#[test]
fn that_it_may_have_been_carried_out_outweighs_that_somebody_did_not() {
    for order in [[Refusal::GivenUp, Refusal::Nobody], [Refusal::Nobody, Refusal::GivenUp]] {
        let all = InFlight::default();
        let mut ticket = all.open();
        all.handle_heard(ticket.id, 2);
        for refusal in order {
            all.handle_verdict(ticket.id, refused(refusal));
        }
        assert_eq!(told(&mut ticket), Some(Err(Refusal::GivenUp)), "{order:?}");
    }
}

#[test]
fn of_two_answers_the_first_counts_and_the_second_reaches_no_other_request() {
    let all = InFlight::default();
    let (mut first, mut second) = (all.open(), all.open());
    all.handle_verdict(first.id, Verdict::Answer(Bytes::from_static(b"1")));
    all.handle_verdict(first.id, Verdict::Answer(Bytes::from_static(b"2")));
    assert_eq!(told(&mut first), Some(Ok(Bytes::from_static(b"1"))));
    assert_eq!(told(&mut second), None);
}

#[test]
fn a_request_whose_asker_is_gone_leaves_nothing_behind() {
    let all = InFlight::default();
    let ticket = all.open();
    let id = ticket.id;
    assert_eq!(all.waiting.len(), 1);
    drop(ticket);
    assert!(all.waiting.is_empty());
    all.handle_heard(id, 1);
    all.handle_verdict(id, refused(Refusal::Nobody));
    all.handle_verdict(id, Verdict::Answer(Bytes::new()));
    assert!(all.waiting.is_empty(), "what comes too late brings nothing back");
}

#[test]
fn every_request_has_a_number_of_its_own() {
    let all = InFlight::default();
    let mut ids: Vec<u64> = (0..1_000).map(|_| all.open().id.0).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1_000);
}
