use super::{compound::ITEMS_MAX, *};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use report_block::ReportBlock;

/// All packets of a compound one.
pub(super) fn read(compound: &[u8]) -> Vec<Packet<'_>> {
    packets(compound).collect()
}

/// One packet of each kind.
fn all() -> Vec<Vec<u8>> {
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        out
    };
    let report = SenderReport { ssrc: 1, ntp: 2, rtp_time: 3, packets: 4, octets: 5 };
    let feedback = transport_feedback::Report { ssrc: 1, media: 2, base: 3, number: 4 };
    let arrival = |ms| Some(transport_feedback::ArrivalTime::after(std::time::Duration::from_millis(ms)));
    let arrivals = [arrival(9), None, arrival(900), arrival(8), arrival(8)];
    vec![
        written(&|out| report.write(out, &[ReportBlock::default(); 2])),
        written(&|out| receiver_report::write(out, 1, &[ReportBlock::default(); 2])),
        written(&|out| source_description::write(out, 1, b"name")),
        written(&|out| goodbye::write(out, &[1, 2])),
        written(&|out| nack::write(out, 1, 2, &[3, 4, 50])),
        written(&|out| pli::write(out, 1, 2)),
        written(&|out| fir::write(out, 1, fir::Request { media: 2, number: 3 })),
        written(&|out| remb::write(out, 1, 2_500_000, &[2, 3])),
        written(&|out| assert_eq!(transport_feedback::write(out, feedback, arrivals.into_iter()), 5)),
    ]
}

#[test]
fn a_compound_packet_says_what_its_packets_say() {
    let all = all();
    let compound = all.concat();
    let together = read(&compound);
    assert_eq!(together.len(), all.len());
    for (packet, alone) in together.iter().zip(&all) {
        assert_eq!(read(alone), [*packet]);
    }
}

/// What is cut says what came whole, and no more.
#[test]
fn a_compound_packet_that_is_cut_says_what_came_before() {
    let (all, compound) = (all(), all().concat());
    let ends: Vec<usize> = all
        .iter()
        .scan(0, |end, packet| {
            Some({
                *end += packet.len();
                *end
            })
        })
        .collect();
    for end in 0..compound.len() {
        let whole = ends.iter().filter(|whole| **whole <= end).count();
        assert_eq!(read(&compound[..end]), read(&compound)[..whole], "cut to {end}");
    }
}

/// The packets' own lengths hold: what one leaves out, the next does not say for it.
#[test]
fn a_packet_whose_body_is_cut_is_passed_over() {
    for packet in all() {
        for words in 0..packet.len() / 4 - 1 {
            let mut cut = packet[..4 + 4 * words].to_vec();
            cut[3] = u8::try_from(words).unwrap();
            let compound = [cut.as_slice(), &all()[5]].concat();
            let said = read(&compound);
            assert_eq!(said.last(), Some(&Packet::Pli(pli::Pli { ssrc: 1, media: 2 })), "{compound:?}");
            assert!(said.len() <= 2);
        }
    }
}

#[test]
fn padding_is_no_part_of_what_is_said() {
    for packet in all() {
        for padding in [4_u8, 8, 252] {
            let mut padded = packet.clone();
            padded[0] |= 0x20;
            padded[3] += padding / 4;
            padded.extend(vec![0xEE; usize::from(padding) - 1]);
            padded.push(padding);
            assert_eq!(read(&padded), read(&packet), "{padding} more bytes");
            for wrong in [0, 255] {
                *padded.last_mut().unwrap() = wrong;
                let said = read(&padded);
                assert!(said.is_empty() || usize::from(wrong) < padded.len() - 4, "{said:?}");
            }
        }
    }
}

#[test]
fn what_is_not_understood_is_passed_over_and_another_version_ends_it() {
    let known = all().concat();
    // An extended report, and feedback of formats that nobody here knows.
    for unknown in [[0x80, 207, 0, 1], [0x83, 205, 0, 1], [0x82, 206, 0, 1], [0x81, 255, 0, 1]] {
        assert_eq!(read(&[&unknown[..], &[0; 4], &known].concat()), read(&known));
    }
    assert_eq!(read(&[&[0x40, 201, 0, 1, 0, 0, 0, 1][..], &known].concat()), []);
}

/// A datagram of 1,200 bytes, and one a hundred times as long.
#[test]
fn one_datagram_says_only_so_much() {
    let items = |packet: &Packet<'_>| match packet {
        Packet::SenderReport(_, blocks) => 1 + blocks.iter().count(),
        Packet::ReceiverReport(report) => report.blocks.iter().count(),
        Packet::SourceDescription(description) => description.sources().count(),
        Packet::Goodbye(goodbye) => goodbye.sources().count(),
        Packet::Nack(nack) => nack.losses().count(),
        Packet::Pli(_) => 1,
        Packet::Fir(fir) => fir.requests().count(),
        Packet::Remb(remb) => 1 + remb.streams().count(),
        Packet::TransportFeedback(feedback) => 1 + feedback.statuses().count() / 32,
    };
    let mut scattered = Vec::new();
    let missing: Vec<u16> = (0..2000).map(|n| n * 20).collect();
    nack::write(&mut scattered, 1, 2, &missing);
    let mut named = Vec::new();
    remb::write(&mut named, 1, 2, &[7; 255]);
    let kinds = [vec![scattered, named], all()].concat();
    for packet in &kinds {
        for bytes in [1200, 120_000] {
            let compound = packet.iter().copied().cycle().take(bytes.max(packet.len())).collect::<Vec<_>>();
            let said: usize = packets(&compound).map(|packet| items(&packet)).sum();
            assert!(said <= ITEMS_MAX, "{said} by {:?}", &packet[..4]);
            assert!(said >= 32, "{said} by {:?}: it is not that nothing was read", &packet[..4]);
        }
    }
}

/// Eight chunks can speak of all numbers that there are, and a datagram has room for many such packets.
#[test]
fn one_datagram_speaks_of_only_so_many_arrivals() {
    let feedback = |runs: u16, last: u16| {
        let count = (8191 * u32::from(runs) + u32::from(last)).to_be_bytes();
        let words = u8::try_from(4 + (runs + 2) / 2).unwrap();
        let mut packet =
            vec![0x8F, 205, 0, words, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, count[2], count[3], 0, 0, 0, 0];
        (0..runs).for_each(|_| packet.extend(8191_u16.to_be_bytes()));
        packet.extend(last.to_be_bytes());
        packet.resize(4 + 4 * usize::from(words), 0);
        packet
    };
    let statuses = |compound: &[u8]| -> Vec<usize> {
        let counts = packets(compound).map(|packet| {
            let Packet::TransportFeedback(feedback) = packet else { panic!("{packet:?}") };
            feedback.statuses().count()
        });
        counts.collect()
    };
    assert_eq!(statuses(&feedback(8, 7)), [0; 0], "of 65,535");
    assert_eq!(statuses(&feedback(0, 4096)), [4096]);
    assert_eq!(statuses(&feedback(0, 4097)), [0; 0]);
    let many: Vec<u8> = (0..40).flat_map(|_| feedback(0, 1000)).collect();
    assert_eq!(statuses(&many), [1000; 4]);
}

#[test]
fn nothing_that_comes_in_panics_or_says_too_much() {
    let mut random = StdRng::seed_from_u64(3550);
    let all = all();
    for round in 0..20_000 {
        let mut compound: Vec<u8> = (0..random.random_range(1..4))
            .flat_map(|_| all[random.random_range(0..all.len())].clone())
            .collect();
        for _ in 0..random.random_range(0..6) {
            let at = random.random_range(0..compound.len());
            compound[at] = random.random();
        }
        if round % 10 == 0 {
            random.fill_bytes(&mut compound[4..]);
        }
        crate::fuzzing::rtcp(&compound);
    }
}
