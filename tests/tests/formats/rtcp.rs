//! RTCP packets of every kind (RFC 3550, RFC 4585, RFC 5104, REMB, transport-wide feedback).

use bytes::Bytes;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rtc::{
    rtcp::{
        goodbye::Goodbye,
        packet,
        payload_feedbacks::{
            full_intra_request::{FirEntry, FullIntraRequest},
            picture_loss_indication::PictureLossIndication,
            receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate,
        },
        receiver_report::ReceiverReport,
        reception_report::ReceptionReport,
        sender_report::SenderReport as Theirs,
        source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem},
        transport_feedbacks::{
            transport_layer_cc::{
                PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk,
                SymbolSizeTypeTcc, SymbolTypeTcc, TransportLayerCc,
            },
            transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers},
        },
    },
    shared::marshal::Marshal,
};
use sfu_core::rtcp::{
    self, Packet, fir, goodbye, nack, pli, receiver_report, remb,
    report_block::ReportBlock,
    sender_report::SenderReport,
    source_description,
    transport_feedback::{self, ArrivalTime, Report},
};
use std::time::Duration;

/// What one of our functions appends.
fn ours(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn theirs(packet: &impl Marshal) -> Vec<u8> {
    packet.marshal().unwrap().to_vec()
}

#[test]
fn reports_are_the_same_bytes() {
    let block = ReportBlock {
        ssrc: 2,
        fraction_lost: 3,
        lost: 0x12_3456,
        highest: 0x1_0005,
        jitter: 6,
        last_report: 7,
        since_last_report: 8,
    };
    let reception = ReceptionReport {
        ssrc: 2,
        fraction_lost: 3,
        total_lost: 0x12_3456,
        last_sequence_number: 0x1_0005,
        jitter: 6,
        last_sender_report: 7,
        delay: 8,
    };
    for count in [0, 1, 31] {
        let (blocks, reports) = (vec![block; count], vec![reception.clone(); count]);
        let report =
            SenderReport { ssrc: 1, ntp: 0x0102_0304_0506_0708, rtp_time: 9, packets: 10, octets: 11 };
        let sender = Theirs {
            ssrc: 1,
            ntp_time: 0x0102_0304_0506_0708,
            rtp_time: 9,
            packet_count: 10,
            octet_count: 11,
            reports: reports.clone(),
            ..Theirs::default()
        };
        assert_eq!(ours(|out| report.write(out, &blocks)), theirs(&sender));
        let receiver = ReceiverReport { ssrc: 1, reports, ..ReceiverReport::default() };
        assert_eq!(ours(|out| receiver_report::write(out, 1, &blocks)), theirs(&receiver));
    }
}

/// The other implementation pads both in another way.
#[test]
fn names_and_goodbyes_are_read_both_ways() {
    for length in 0..20 {
        let name = vec![b'n'; length];
        let item = SourceDescriptionItem { sdes_type: SdesType::SdesCname, text: Bytes::from(name.clone()) };
        let chunks = vec![SourceDescriptionChunk { source: 7, items: vec![item] }];
        let description = SourceDescription { chunks };
        let bytes = ours(|out| source_description::write(out, 7, &name));
        let read = packet::unmarshal(&mut Bytes::from(bytes)).unwrap();
        assert_eq!(read[0].as_any().downcast_ref(), Some(&description), "{length} bytes");
        let bytes = theirs(&description);
        let said: Vec<_> = rtcp::packets(&bytes).collect();
        let [Packet::SourceDescription(read)] = said[..] else { panic!("{said:?}") };
        assert_eq!(read.sources().collect::<Vec<_>>(), [(7, Some(&name[..]))]);
    }
    for sources in [vec![1], vec![1, 2, 3]] {
        let bytes = ours(|out| goodbye::write(out, &sources));
        let read = packet::unmarshal(&mut Bytes::from(bytes)).unwrap();
        let goodbye = Goodbye { sources, reason: Bytes::new() };
        assert_eq!(read[0].as_any().downcast_ref(), Some(&goodbye));
        let bytes = theirs(&goodbye);
        let said: Vec<_> = rtcp::packets(&bytes).collect();
        let [Packet::Goodbye(read)] = said[..] else { panic!("{said:?}") };
        assert_eq!(read.sources().collect::<Vec<_>>(), goodbye.sources);
    }
    let reason = Bytes::from_static(b"done");
    let bytes = theirs(&Goodbye { sources: vec![7], reason: reason.clone() });
    let said: Vec<_> = rtcp::packets(&bytes).collect();
    let [Packet::Goodbye(goodbye)] = said[..] else { panic!("{said:?}") };
    assert_eq!((goodbye.sources().collect(), goodbye.reason), (vec![7], Some(&reason[..])));
}

#[test]
fn feedback_on_media_is_the_same_bytes() {
    let missing = [3, 5, 19, 20, 21, 400, 65_535];
    let (sender_ssrc, media_ssrc) = (1, 2);
    let nacks = nack_pairs_from_sequence_numbers(&missing);
    let lost = TransportLayerNack { sender_ssrc, media_ssrc, nacks };
    assert_eq!(ours(|out| nack::write(out, 1, 2, &missing)), theirs(&lost));
    let indication = PictureLossIndication { sender_ssrc, media_ssrc };
    assert_eq!(ours(|out| pli::write(out, 1, 2)), theirs(&indication));
    let entry = FirEntry { ssrc: 2, sequence_number: 3 };
    let request = FullIntraRequest { sender_ssrc, media_ssrc: 0, fir: vec![entry] };
    assert_eq!(ours(|out| fir::write(out, 1, fir::Request { media: 2, number: 3 })), theirs(&request));
    for rate in [0_u32, 1, 262_143, 262_144, 2_500_000, 16_000_000] {
        // Exact: below 2²⁴.
        let bitrate = rate as f32;
        let rembs = ReceiverEstimatedMaximumBitrate { sender_ssrc, bitrate, ssrcs: vec![7, 8] };
        assert_eq!(ours(|out| remb::write(out, 1, rate.into(), &[7, 8])), theirs(&rembs), "{rate}");
    }
}

/// When each packet arrived, in microseconds since the reference time, if it did.
fn arrivals(feedback: &TransportLayerCc) -> Vec<Option<i64>> {
    let (mut deltas, mut time) = (feedback.recv_deltas.iter(), 0);
    let symbols = feedback.packet_chunks.iter().flat_map(|chunk| match chunk {
        PacketStatusChunk::RunLengthChunk(run) => vec![run.packet_status_symbol; run.run_length.into()],
        PacketStatusChunk::StatusVectorChunk(vector) => vector.symbol_list.clone(),
    });
    let symbols = symbols.take(feedback.packet_status_count.into());
    let arrivals = symbols.map(|symbol| {
        (symbol != NOT_RECEIVED).then(|| {
            time += deltas.next().expect("one for each that arrived").delta;
            time
        })
    });
    arrivals.collect()
}

#[test]
fn another_implementation_reads_the_transport_feedback_that_we_write() {
    let mut random = StdRng::seed_from_u64(1);
    for round in 0..500 {
        let (mut now, pace) = (10_000_000_u64, [500, 10_000, 400_000][round % 3]);
        let arrived: Vec<Option<u64>> = (0..random.random_range(1..300))
            .map(|_| {
                now += random.random_range(0..pace) / 250 * 250;
                let late = if random.random_bool(0.1) { 250 * random.random_range(0..300) } else { 0 };
                random.random_bool(0.8).then_some(now + late)
            })
            .collect();
        if arrived.iter().all(Option::is_none) {
            continue;
        }
        let times = arrived.iter().map(|at| at.map(|at| ArrivalTime::after(Duration::from_micros(at))));
        let mut out = Vec::new();
        let report = Report { ssrc: 1, media: 2, base: 65_500, number: 9 };
        let count = transport_feedback::write(&mut out, report, times);
        let read = packet::unmarshal(&mut Bytes::from(out)).unwrap();
        let feedback = read[0].as_any().downcast_ref::<TransportLayerCc>().expect("transport feedback");
        assert_eq!((feedback.sender_ssrc, feedback.media_ssrc), (1, 2));
        assert_eq!((feedback.base_sequence_number, feedback.fb_pkt_count), (65_500, 9));
        assert_eq!(feedback.packet_status_count, count);
        let reference = i64::from(feedback.reference_time) * 64_000;
        let read: Vec<_> = arrivals(feedback).iter().map(|at| at.map(|at| at + reference)).collect();
        let sent = arrived.iter().map(|at| at.map(|at| i64::try_from(at).unwrap()));
        assert_eq!(read, sent.take(count.into()).collect::<Vec<_>>());
    }
}

const NOT_RECEIVED: SymbolTypeTcc = SymbolTypeTcc::PacketNotReceived;
const SMALL: SymbolTypeTcc = SymbolTypeTcc::PacketReceivedSmallDelta;
const LARGE: SymbolTypeTcc = SymbolTypeTcc::PacketReceivedLargeDelta;

/// Some of the symbols, as the die has it.
fn draw(random: &mut StdRng, symbols: &[SymbolTypeTcc], count: usize) -> Vec<SymbolTypeTcc> {
    (0..count).map(|_| symbols[random.random_range(0..symbols.len())]).collect()
}

fn run(random: &mut StdRng) -> (PacketStatusChunk, Vec<SymbolTypeTcc>) {
    let (symbol, length) = (draw(random, &[NOT_RECEIVED, SMALL, LARGE], 1)[0], random.random_range(1..90));
    let type_tcc = StatusChunkTypeTcc::RunLengthChunk;
    let chunk = RunLengthChunk { type_tcc, packet_status_symbol: symbol, run_length: length };
    (PacketStatusChunk::RunLengthChunk(chunk), vec![symbol; length.into()])
}

fn vector(
    symbol_size: SymbolSizeTypeTcc,
    symbol_list: Vec<SymbolTypeTcc>,
) -> (PacketStatusChunk, Vec<SymbolTypeTcc>) {
    let type_tcc = StatusChunkTypeTcc::StatusVectorChunk;
    let chunk = StatusVectorChunk { type_tcc, symbol_size, symbol_list: symbol_list.clone() };
    (PacketStatusChunk::StatusVectorChunk(chunk), symbol_list)
}

#[test]
fn we_read_the_transport_feedback_that_another_implementation_writes() {
    let mut random = StdRng::seed_from_u64(2);
    for _ in 0..500 {
        let (mut packet_chunks, mut symbols) = (Vec::new(), Vec::new());
        for _ in 0..random.random_range(1..8) {
            let (chunk, said) = match random.random_range(0..3) {
                0 => run(&mut random),
                1 => vector(SymbolSizeTypeTcc::OneBit, draw(&mut random, &[NOT_RECEIVED, SMALL], 14)),
                _ => vector(SymbolSizeTypeTcc::TwoBit, draw(&mut random, &[NOT_RECEIVED, SMALL, LARGE], 7)),
            };
            packet_chunks.push(chunk);
            symbols.extend(said);
        }
        let received = symbols.iter().filter(|symbol| **symbol != NOT_RECEIVED);
        let recv_deltas = received
            .map(|symbol| {
                let steps = if *symbol == SMALL { 0..=255 } else { -32_768..=32_767 };
                RecvDelta { type_tcc_packet: *symbol, delta: random.random_range(steps) * 250 }
            })
            .collect();
        let feedback = TransportLayerCc {
            sender_ssrc: 1,
            media_ssrc: 2,
            base_sequence_number: 65_500,
            packet_status_count: u16::try_from(symbols.len()).unwrap(),
            reference_time: 0xFF_FFFE,
            fb_pkt_count: 255,
            packet_chunks,
            recv_deltas,
        };
        let bytes = theirs(&feedback);
        let said: Vec<_> = rtcp::packets(&bytes).collect();
        let [Packet::TransportFeedback(read)] = said[..] else { panic!("{said:?} of {feedback:?}") };
        assert_eq!((read.ssrc, read.media, read.base, read.number), (1, 2, 65_500, 255));
        let mut time = 0;
        let statuses = read.statuses().map(|(_, delta)| {
            delta.map(|delta| {
                time += i64::from(delta.microseconds());
                time
            })
        });
        assert_eq!(statuses.collect::<Vec<_>>(), arrivals(&feedback));
    }
}
