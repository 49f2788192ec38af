use super::*;
use crate::sdp::codec::{Codec, ours};
use common::{id::TrackId, protocol::media::TrackSource};
use slotmap::KeyData;
use uuid::Uuid;

const MOST: usize = 3;

fn owner(n: u128) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(n))
}

fn picture(number: u64, from: u128) -> Track {
    let publication = PublicationId::from(KeyData::from_ffi(number));
    let named = Named { id: TrackId::from_uuid(Uuid::from_u128(number.into())), source: TrackSource::Camera };
    Track { publication, number, from: owner(from), format: ours(Codec::Vp8, "").unwrap(), named }
}

fn fit(sections: &mut OfferedSections, tracks: &[Track]) -> Fitted {
    sections.fit(tracks.to_vec(), MOST, |Track { publication, from, named, .. }| OfferedStream {
        publication,
        from,
        named,
        ssrc: 0,
        rtx_ssrc: 0,
        taken: None,
    })
}

fn answer(sections: &mut OfferedSections) {
    sections.settle(|_| None, |_| {}, |stream| stream);
}

/// Each section as its mid and what it carries: a publication, `-` for free, `x` for closing, `.` for closed.
fn short(sections: &OfferedSections) -> String {
    let one = |section: &OfferedSection| {
        let carries = match section.slot {
            Slot::Live(stream) => stream.named.id.as_uuid().as_u128().to_string(),
            Slot::Free(_) => "-".to_owned(),
            Slot::Closing => "x".to_owned(),
            Slot::Closed => ".".to_owned(),
        };
        format!("{}:{carries}", section.mid)
    };
    sections.as_slice().iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Pion plays nothing of another participant in a section that it knows, nor do others of its age.
#[test]
fn only_the_same_participant_comes_into_a_section_that_was_used() {
    let mut sections = OfferedSections::default();
    fit(&mut sections, &[picture(1, 1), picture(2, 1), picture(3, 2)]);
    fit(&mut sections, &[picture(1, 1), picture(3, 2)]);
    assert_eq!(short(&sections), "0:1 1:- 2:3", "it may come back");
    let format = |codec, parameters| ours(codec, parameters).unwrap();
    let other = Track { format: format(Codec::Opus, ""), ..picture(4, 1) };
    fit(&mut sections, &[picture(1, 1), picture(3, 2), other]);
    assert_eq!(short(&sections), "0:1 1:- 2:3 3:4", "a voice is no picture");
    fit(&mut sections, &[picture(1, 1), picture(3, 2), other, picture(5, 1)]);
    assert_eq!(short(&sections), "0:1 1:5 2:3 3:4");
}

#[test]
fn a_picture_in_another_codec_has_a_section_of_its_own_until_both_sides_have_closed_one() {
    let mut sections = OfferedSections::default();
    fit(&mut sections, &[picture(1, 1), picture(2, 1)]);
    let other = Track { format: ours(Codec::Vp9, "").unwrap(), ..picture(3, 1) };
    fit(&mut sections, &[picture(1, 1), other]);
    assert_eq!(short(&sections), "0:1 1:- 2:3");
    let codecs: Vec<Codec> = sections.as_slice().iter().map(|section| section.format.codec).collect();
    assert_eq!(codecs, [Codec::Vp8, Codec::Vp8, Codec::Vp9]);
    // Its owner is gone: what was kept for it is closed, and serves in whichever codec.
    fit(&mut sections, &[]);
    answer(&mut sections);
    fit(&mut sections, &[Track { from: owner(2), ..other }]);
    assert_eq!(short(&sections), "0:- 3:3 2:.");
    assert_eq!(sections.as_slice()[1].format.codec, Codec::Vp9);
}

#[test]
fn the_section_of_who_is_gone_comes_back_as_another_once_both_sides_have_closed_it() {
    let mut sections = OfferedSections::default();
    fit(&mut sections, &[picture(1, 1), picture(2, 2)]);
    fit(&mut sections, &[picture(1, 1), picture(3, 3)]);
    assert_eq!(short(&sections), "0:1 1:x 2:3", "not before it is answered");
    answer(&mut sections);
    fit(&mut sections, &[picture(1, 1), picture(3, 3), picture(4, 4)]);
    assert_eq!(short(&sections), "0:1 3:4 2:3", "under a mid that never was");
}

/// The first section speaks for the transport: a client ends that when it ends.
#[test]
fn the_first_section_stays_whoever_leaves() {
    let mut sections = OfferedSections::default();
    fit(&mut sections, &[picture(1, 1), picture(2, 2)]);
    fit(&mut sections, &[]);
    answer(&mut sections);
    assert_eq!(short(&sections), "0:- 1:.");
    let room: Vec<Track> = (3..6).map(|n| picture(n, n.into())).collect();
    fit(&mut sections, &room);
    assert_eq!(short(&sections), "0:- 2:3 3:4 4:5", "and takes no place from others");
}

#[test]
fn who_finds_no_room_finds_it_after_the_answer() {
    let mut sections = OfferedSections::default();
    fit(&mut sections, &[picture(1, 1), picture(2, 2), picture(3, 2)]);
    // One of the second's is kept for it, until somebody else needs the room.
    fit(&mut sections, &[picture(1, 1), picture(2, 2)]);
    let tracks = [picture(1, 1), picture(2, 2), picture(4, 3)];
    assert_eq!(fit(&mut sections, &tracks), Fitted { has_changed: true, is_waiting: true });
    assert_eq!(short(&sections), "0:1 1:2 2:x");
    assert_eq!(fit(&mut sections, &tracks), Fitted { has_changed: false, is_waiting: true });
    answer(&mut sections);
    assert_eq!(fit(&mut sections, &tracks), Fitted { has_changed: true, is_waiting: false });
    assert_eq!(short(&sections), "0:1 1:2 3:4");
}

#[test]
fn however_many_come_and_go_the_sections_stay_few() {
    let mut sections = OfferedSections::default();
    let mut mids = BTreeSet::new();
    for n in 1..1000 {
        fit(&mut sections, &[picture(n, n.into()), picture(n + 1, (n + 1).into())]);
        mids.extend(sections.as_slice().iter().filter(|it| it.stream().is_some()).map(|it| it.mid.clone()));
        answer(&mut sections);
        assert!(sections.as_slice().len() <= MOST + 1, "{}", short(&sections));
    }
    assert!(mids.len() >= 999, "each was offered, and under a mid of its own: {}", mids.len());
}
