use super::*;
use common::clock::SystemClock;

fn node() -> NodeId {
    NodeId::generate(&SystemClock)
}

#[test]
fn a_channel_is_taken_apart_into_what_it_was_made_of() {
    let long = "x".repeat(10_000);
    for prefix in ["", "p", ":", "p:t", "p::", "räume", "a b", "{", "a{1}"] {
        let names = Names::new(prefix);
        for subject in ["", ":", "t:x", "🦀", "a\nb", &long] {
            assert!(
                matches!(names.parse(&names.topic(subject)), Some(Channel::Topic(found)) if found == subject)
            );
            assert!(
                matches!(names.parse(&names.service(subject)), Some(Channel::Service(found)) if found == subject)
            );
        }
        let partition = Partition::of("x");
        assert!(matches!(names.parse(&names.replies(partition, node())), Some(Channel::Replies)));
    }
}

#[test]
fn what_is_no_channel_of_ours_is_passed_over() {
    let names = Names::new("p");
    let tags = ["", "p", "p:", "p:{", "p:{1}", "p:{1}:", "p:t:x", "p:{1}:t", "🦀"];
    let kinds = ["p:{1}:x:subject", "pp:{1}:t:x", "P:{1}:t:x", ":{1}:t:x", "p::{1}:t:x", "p::{1}:t:t:x"];
    for odd in tags.into_iter().chain(kinds) {
        assert!(names.parse(odd).is_none(), "{odd}");
    }
    assert!(names.parse(&names.lease("x")).is_none() && names.parse(&names.presence("x")).is_none());
}

/// Whatever two installations, kinds and subjects are called, their names in Redis differ.
#[test]
fn no_two_things_have_one_name() {
    let texts = [
        "", ":", "::", "t", "t:", ":t", "a", "a:", "a:t", "a::t", "a:t:", "t:t", "x", "{", "{1}", ":(", "a{",
        "}:",
    ];
    let mut seen = std::collections::BTreeMap::new();
    for prefix in texts {
        let names = Names::new(prefix);
        for subject in texts {
            let all =
                [names.topic(subject), names.service(subject), names.lease(subject), names.presence(subject)];
            for (kind, name) in all.into_iter().enumerate() {
                let before = seen.insert(name.clone(), (prefix, kind, subject));
                assert_eq!(before, None, "{name} is also {:?}", (prefix, kind, subject));
            }
        }
    }
}

#[test]
fn messages_are_taken_apart_into_what_they_were_made_of() {
    let (from, id, body) = (node(), RequestId(u64::MAX - 1), Bytes::from_static(b"\x00\xffbody"));
    for body in [body, Bytes::new()] {
        assert_eq!(parse_news(&news(from, &body).into()), Some((from, body.clone())));
        assert_eq!(parse_request(&request(from, id, &body).into()), Some((from, id, body.clone())));
        assert_eq!(parse_entry(&entry(from, &body)), Some((from, body.clone())));
        let answer = Verdict::Answer(body.clone());
        assert_eq!(parse_reply(&reply(id, &answer).into()), Some((id, answer)));
    }
    for refusal in [Refusal::Nobody, Refusal::GivenUp] {
        let refused = Verdict::Refused(refusal);
        assert_eq!(parse_reply(&reply(id, &refused).into()), Some((id, refused)));
    }
}

/// Anybody who may publish to Redis can send these.
#[test]
fn what_is_cut_short_is_passed_over_at_every_length() {
    let (from, id, empty) = (node(), RequestId(7), Bytes::new());
    let cut = |whole: &[u8], length| Bytes::copy_from_slice(&whole[..length]);
    let whole = news(from, &empty);
    assert!((0..whole.len()).all(|length| parse_news(&cut(&whole, length)).is_none()));
    let whole = request(from, id, &empty);
    assert!((0..whole.len()).all(|length| parse_request(&cut(&whole, length)).is_none()));
    let whole = reply(id, &Verdict::Answer(empty.clone()));
    assert!((0..whole.len()).all(|length| parse_reply(&cut(&whole, length)).is_none()));
    let whole = entry(from, &empty);
    assert!((0..whole.len()).all(|length| parse_entry(&cut(&whole, length)).is_none()));
}

#[test]
fn a_verdict_of_a_kind_that_is_not_known_is_passed_over() {
    let known = |kind: u8| parse_reply(&[&7_u64.to_be_bytes(), [kind].as_slice()].concat().into()).is_some();
    assert_eq!((0..=u8::MAX).filter(|kind| known(*kind)).count(), 3);
}

#[test]
fn an_entry_whose_node_cannot_be_read_is_passed_over() {
    assert_eq!(parse_entry(&[b'x'; 40]), None);
    assert_eq!(parse_entry(&[0xff; 40]), None, "no text at all");
    let across = [&[b'0'; 35], "é".as_bytes()].concat();
    assert_eq!(parse_entry(&across), None, "cut within a character");
}

#[test]
fn a_time_too_long_to_tell_is_the_longest() {
    assert_eq!(millis(Duration::from_millis(1_500)), 1_500);
    assert_eq!(millis(Duration::MAX), u64::MAX);
}

/// Only what is in the first braces decides where a key lies.
#[test]
fn keys_of_one_thing_lie_in_one_slot_whatever_it_and_the_installation_are_called() {
    for prefix in ["", "p", "{x}", "a{}b", "{"] {
        let names = Names::new(prefix);
        for name in ["", "room", "}", "{}", "a{b}"] {
            let partition = Partition::of(name);
            let tag = format!("{{{}}}", partition.tag());
            let all =
                [names.history(name), names.entries(name), names.presence(name), names.nodes(partition)];
            for key in all.into_iter().chain([names.topic(name), names.replies(partition, node())]) {
                let first = key.find('{');
                assert!(first.is_some() && first == key.find(&tag), "{key}");
            }
        }
    }
}
