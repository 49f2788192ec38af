//! Sound where packets are lost: what is asked for again, and what goes along with later packets.

use super::stage::{Opened, Stage, device};
use crate::{
    engine::simulation::Side,
    rtcp::{self, Packet, nack, receiver_report, report_block::ReportBlock},
    rtp::{
        header::PlainHeader,
        red::{Block, Headers, Redundant},
        sequence::SeqNo,
    },
    sdp::parse::Remote,
};
use common::{
    clock::Clock,
    protocol::media::{Selection, TrackPriority, TrackWish},
};
use std::time::Duration;

const SPEAKER: u16 = 1001;
const LISTENER: u16 = 1002;
const SSRC: u32 = 3001;

const OPUS: u8 = 111;
const RED: u8 = 63;

/// How long a packet of speech lasts, and in ticks of its clock.
const STEP: Duration = Duration::from_millis(20);
const STEP_TICKS: u32 = 960;

/// How long each packet carries the one before it after a loss.
const GUARDED_TIME: Duration = Duration::from_secs(20);

/// What becomes of a microphone, in these formats, as an offer or an answer says it.
fn microphone(direction: &str, formats: &str) -> Remote {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:active\r\na=rtcp-mux\r\na={direction}\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=ssrc:{SSRC} cname:c\r\n"
    );
    Remote::parse(&text).unwrap()
}

/// Somebody who speaks, and somebody who listens.
struct Talk {
    stage: Stage,
    /// The stream to the listener, once something came.
    ssrc: u32,
}

/// What a packet carries, by its number.
fn word(number: u64) -> Vec<u8> {
    format!("word {number}").into_bytes()
}

impl Talk {
    /// Who listens takes sound in these formats.
    fn new(formats: &str) -> Self {
        let mut stage = Stage::new(2);
        let now = stage.clock.now();
        let offer = microphone("sendonly", "111 63");
        stage.engine.publish(device(1), &offer, now, &mut stage.output).unwrap();
        let offer = stage.engine.pending_offer(device(2)).unwrap();
        assert!(offer.sdp.contains("a=rtcp-fb:111 nack\r\n"), "{}", offer.sdp);
        let answer = microphone("recvonly", formats);
        stage.engine.answer(device(2), offer.revision, &answer, now, &mut stage.output).unwrap();
        stage.connect(1, Side::Publish, SPEAKER);
        stage.connect(2, Side::Subscribe, LISTENER);
        Self { stage, ssrc: 0 }
    }

    /// Sends a packet with this payload, of this type.
    fn send(&mut self, number: u64, payload_type: u8, payload: &[u8]) -> Vec<Opened> {
        let sequence = SeqNo::from_extended(number);
        let header = PlainHeader {
            has_padding: false,
            marker: false,
            payload_type,
            sequence: sequence.to_wire(),
            timestamp: u32::try_from(number).unwrap() * STEP_TICKS,
            ssrc: SSRC,
        };
        let mut datagram = Vec::new();
        let sealer = self.stage.sealer(SPEAKER);
        let cycles = sequence.cycles();
        assert!(sealer.rtp(&header.to_bytes(), &[payload], SSRC, sequence, cycles, &mut datagram));
        self.stage.forward(SPEAKER, datagram);
        let packets = self.stage.packets(LISTENER);
        self.ssrc = packets.first().map_or(self.ssrc, |packet| packet.ssrc);
        packets
    }

    /// Says a word; what the listener gets.
    fn say(&mut self, number: u64) -> Vec<Opened> {
        self.stage.pass(STEP);
        self.send(number, OPUS, &word(number))
    }

    /// Likewise with the words before it, the earliest first.
    fn say_again(&mut self, number: u64, before: &[u64]) -> Vec<Opened> {
        self.stage.pass(STEP);
        let mut headers = Headers::new(OPUS);
        for earlier in before {
            let offset = u32::try_from(number - earlier).unwrap() * STEP_TICKS;
            assert!(headers.push(offset, word(*earlier).len()));
        }
        let words = before.iter().chain([&number]).flat_map(|number| word(*number));
        let payload: Vec<u8> = headers.finish().iter().copied().chain(words).collect();
        self.send(number, RED, &payload)
    }

    /// The listener says that it has lost so many of 256 packets.
    fn tell_losses(&mut self, fraction_lost: u8) {
        let block = ReportBlock { ssrc: self.ssrc, fraction_lost, ..ReportBlock::default() };
        let mut report = Vec::new();
        receiver_report::write(&mut report, 1, &[block]);
        self.stage.tell(LISTENER, &report);
    }

    fn ask_again(&mut self, packet: &Opened) {
        let mut ask = Vec::new();
        nack::write(&mut ask, 1, packet.ssrc, &[packet.sequence]);
        self.stage.tell(LISTENER, &ask);
    }

    /// What the server asks the speaker for.
    fn asked(&mut self) -> Vec<u16> {
        let compounds = self.stage.reports(SPEAKER);
        let packets = compounds.iter().flat_map(|compound| rtcp::packets(compound));
        let losses = packets.filter_map(|packet| {
            let Packet::Nack(nack) = packet else { return None };
            Some(nack.losses().flat_map(nack::Loss::sequences).collect::<Vec<_>>())
        });
        losses.flatten().collect()
    }
}

/// The words of the only packet, the earliest first, and whether it carries them together.
fn heard(packets: &[Opened]) -> (bool, Vec<Vec<u8>>) {
    let [packet] = packets else { panic!("{packets:?}") };
    if packet.payload_type == OPUS {
        return (false, vec![packet.payload.clone()]);
    }
    assert_eq!(packet.payload_type, RED);
    let read = Redundant::parse(&packet.payload).unwrap();
    assert_eq!(read.payload_type(), OPUS);
    let mut earlier: Vec<Block<'_>> = read.earlier().collect();
    earlier.reverse();
    let offsets: Vec<u32> = earlier.iter().map(|block| block.offset).collect();
    assert!(offsets.iter().all(|offset| offset % STEP_TICKS == 0) && offsets.is_sorted_by(|a, b| a > b));
    (true, earlier.iter().map(|block| block.payload).chain([read.own]).map(<[u8]>::to_vec).collect())
}

/// Pictures go on with a key frame, which a voice never has.
#[test]
fn a_voice_that_is_wanted_again_is_heard_at_once() {
    let mut talk = Talk::new("111");
    assert_eq!(talk.say(1).len(), 1);
    let track = talk.stage.engine.received(device(2), talk.stage.clock.now()).next().unwrap().track;
    let want = |talk: &mut Talk, enabled| {
        let wish = TrackWish {
            track_id: track,
            enabled,
            width: None,
            height: None,
            priority: TrackPriority::Normal,
        };
        let now = talk.stage.clock.now();
        talk.stage.engine.set_wishes(device(2), &[wish], Selection::default(), now);
        talk.stage.pass(Duration::from_millis(500));
    };
    want(&mut talk, false);
    assert_eq!(talk.say(30), []);
    want(&mut talk, true);
    let heard = talk.say(60);
    assert_eq!(heard.iter().map(|it| it.payload.as_slice()).collect::<Vec<_>>(), [word(60)]);
    assert_eq!(talk.say(61).len(), 1);
}

#[test]
fn who_loses_packets_gets_each_word_twice_for_a_while() {
    let mut talk = Talk::new("111 63");
    for number in 1..4 {
        assert_eq!(heard(&talk.say(number)), (false, vec![word(number)]));
    }
    talk.tell_losses(1);
    assert_eq!(heard(&talk.say(4)), (false, vec![word(4)]), "that is next to nothing");
    talk.tell_losses(13);
    for number in 5..8 {
        assert_eq!(heard(&talk.say(number)), (true, vec![word(number - 1), word(number)]));
    }
    talk.stage.pass(GUARDED_TIME);
    talk.stage.output.clear_datagrams();
    assert_eq!(heard(&talk.say(8)), (false, vec![word(8)]));
}

#[test]
fn who_does_not_take_words_together_gets_each_alone() {
    let mut talk = Talk::new("111");
    let first = talk.say(1);
    talk.tell_losses(13);
    talk.ask_again(&first[0]);
    assert_eq!(talk.stage.packets(LISTENER), [], "and none again");
    for number in 2..5 {
        assert_eq!(heard(&talk.say(number)), (false, vec![word(number)]));
    }
}

#[test]
fn what_is_asked_for_comes_with_the_next_packet() {
    let mut talk = Talk::new("111 63");
    let sent: Vec<Opened> = (1..6).flat_map(|number| talk.say(number)).collect();
    for lost in [&sent[1], &sent[3], &sent[1]] {
        talk.ask_again(lost);
    }
    assert_eq!(talk.stage.packets(LISTENER), []);
    let (_, words) = heard(&talk.say(6));
    // Who asks has lost something, and gets the word before, too.
    assert_eq!(words, [word(2), word(4), word(5), word(6)]);
    assert_eq!(heard(&talk.say(7)).1, [word(6), word(7)], "once");
}

/// Somebody asks for all there is, over and over: no more goes out than a few words with each packet.
#[test]
fn a_storm_of_wishes_makes_packets_no_longer_than_a_few_words() {
    let mut talk = Talk::new("111 63");
    let sent: Vec<Opened> = (1..60).flat_map(|number| talk.say(number)).collect();
    for number in 60..100 {
        sent.iter().for_each(|packet| talk.ask_again(packet));
        assert_eq!(talk.stage.packets(LISTENER), []);
        let (_, words) = heard(&talk.say(number));
        assert!(words.len() <= 5, "{} words", words.len());
    }
}

#[test]
fn words_that_come_together_go_out_each_alone_and_fill_what_is_missing() {
    for formats in ["111", "111 63"] {
        let mut talk = Talk::new(formats);
        assert_eq!(heard(&talk.say_again(1, &[])).1, [word(1)]);
        assert_eq!(heard(&talk.say_again(2, &[1])).1, [word(2)], "what came before comes no second time");
        // 3 and 4 are lost.
        let packets = talk.say_again(5, &[3, 4]);
        let words: Vec<Vec<u8>> = packets.iter().map(|packet| packet.payload.clone()).collect();
        assert_eq!(words, [word(3), word(4), word(5)]);
        let first = packets[0].sequence;
        let numbers: Vec<u16> = packets.iter().map(|packet| packet.sequence - first).collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert!(packets.iter().all(|packet| packet.payload_type == OPUS));
        talk.stage.pass(Duration::from_millis(200));
        assert_eq!(talk.asked(), [] as [u16; 0], "nothing is missing any more");
    }
}

/// Somebody who sends each word again two packets later, and one who sends nothing but numbers.
#[test]
fn a_word_is_taken_for_no_other_one() {
    let mut talk = Talk::new("111");
    talk.say(1);
    talk.say(2);
    // 3 is lost.
    assert_eq!(heard(&talk.say_again(4, &[2])).1, [word(4)]);
    assert_eq!(talk.send(5, RED, &[0xEF, 0xFF, 0xFF, 0xFF]), [], "it ends too soon");
    assert_eq!(talk.send(6, RED, &[]), []);
    assert_eq!(heard(&talk.say(7)).1, [word(7)]);
}

#[test]
fn a_lost_word_is_asked_for_and_goes_out_when_it_comes() {
    let mut talk = Talk::new("111");
    talk.say(1);
    talk.say(3);
    talk.stage.pass(STEP);
    assert_eq!(talk.asked(), [2]);
    assert_eq!(heard(&talk.send(2, OPUS, &word(2))).1, [word(2)]);
    talk.stage.pass(Duration::from_secs(1));
    assert_eq!(talk.asked(), [] as [u16; 0]);
}

/// Frames that were encrypted in the browser, where both sides leave out what would tear them apart.
#[test]
fn whatever_sound_carries_goes_out_as_it_came() {
    let mut talk = Talk::new("111");
    for length in 1..=u8::MAX {
        let opaque: Vec<u8> = (0..length).map(|byte: u8| byte.wrapping_mul(89)).collect();
        assert_eq!(heard(&talk.send(u64::from(length), OPUS, &opaque)).1, [opaque]);
    }
}
